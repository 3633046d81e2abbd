"""How fast features are served: beside TiPg on the same table, and beside ST_AsGeoJSON of the same rows in pgbench.

Each figure is a ratio of one run: both are asked turn and turn about, and the median of the ratios counts. The base is
that of `serving.py`: copies of Liechtenstein, which are synthetic. Pages that aren't kept are drawn at random, and the
server that is asked for them keeps none.
"""

from __future__ import annotations

import tempfile
import urllib.request
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from peers import city, load, servers
from serving import DATABASE, FEW, SECONDS, SMALL, Measure, base, compare, count
from sqlalchemy import URL, Engine, text

from layers.catalog import find
from layers.reading.geojson import properties_of

PLACES = 2_000
BOXES = 200
HALF_DEG = 0.004
DEEP = 390_000
MINE = "/collections/buildings/items"
THEIRS = "/collections/public.buildings/items"


def main() -> None:
    engine, where = base(DATABASE, copies=city.COPIES)
    count(engine)
    places, boxes = random_places(engine), random_boxes(engine)
    first, deep = places_around(engine, 0), places_around(engine, DEEP)
    with servers.horad(where, cached=False, workers=2) as mine, servers.tipg(where, workers=2) as theirs:
        for limit in (10, 1000):
            asked = asking(mine, MINE, [f"limit={limit}&after={place}" for place in places])
            case = f"items limit={limit}, not kept"
            compare(case, asked, "pgbench", partial(rows, where, limit, behind=places))
            compare(case, asked, "tipg", asking(theirs, THEIRS, [f"limit={limit}"]))
        queries = [f"limit=1000&bbox={box}" for box in boxes]
        asked = asking(mine, MINE, queries)
        compare("limit=1000 in a box, not kept", asked, "pgbench", partial(rows, where, 1000, boxes=boxes))
        compare("limit=1000 in a box, not kept", asked, "tipg", asking(theirs, THEIRS, queries))
        near, far = (asking(mine, MINE, [f"limit=10&after={each}" for each in some]) for some in (first, deep))
        compare("pages from row 390,000", far, "first pages", near)
    kept(where)
    grown(engine, where)


def grown(engine: Engine, where: URL) -> None:
    """Compare the base with one that has a twelfth of the data: pages anywhere, and the same boxes."""
    small, few = base(SMALL, copies=FEW)
    boxes = [f"limit=1000&bbox={box}" for box in random_boxes(small)]
    with servers.horad(where, cached=False) as first, servers.horad(few, cached=False) as second:
        pages = [
            asking(url, MINE, [f"limit=10&after={place}" for place in random_places(each)])
            for url, each in ((first, engine), (second, small))
        ]
        compare("items limit=10", pages[0], f"{FEW / city.COPIES:.0%} of it", pages[1])
        both = asking(first, MINE, boxes), asking(second, MINE, boxes)
        compare("limit=1000 in a box", both[0], f"{FEW / city.COPIES:.0%} of it", both[1])


def kept(where: URL) -> None:
    """Compare one process of Horad that keeps a page with one of Starlette that sends the same bytes."""
    with servers.horad(where, cached=True) as mine, tempfile.TemporaryDirectory() as folder:
        for limit in (10, 1000):
            path = f"{MINE}?limit={limit}"
            for _ in range(2):  # the first lets the layer be counted
                body = urllib.request.urlopen(mine + path).read()
            (Path(folder) / "body").write_bytes(body)
            with servers.bare(Path(folder) / "body") as theirs:
                bare = asking(theirs, "/tiles/1/2/3", [""])
                compare(f"items limit={limit}, kept", asking(mine, MINE, [f"limit={limit}"]), "starlette", bare)


def asking(url: str, path: str, queries: Sequence[str]) -> Measure:
    paths = [f"{path}?{query}" for query in queries]
    return lambda: load.requests(url, paths, seconds=SECONDS, server=servers.process_of(url))


def rows(where: URL, limit: int, *, behind: Sequence[int] = (), boxes: Sequence[str] = ()) -> load.Rate:
    """Return how often pgbench gets the rows of a page in a second, each as GeoJSON text with all its columns."""
    if boxes:
        script = f"\\set nth random(1, {len(boxes)})\n"
        sides = "), (".join(boxes)
        script += f"SELECT * FROM (VALUES ({sides})) AS b (w, s, e, n) OFFSET :nth - 1 LIMIT 1 \\gset\n"
        wanted = "WHERE geom && ST_MakeEnvelope(:w, :s, :e, :n, 4326)"
    else:
        script, wanted = f"\\set place random({min(behind)}, {max(behind)})\n", "WHERE id > :place"
    columns = ", ".join(["id", *properties_of(find("buildings")), "geom"])
    wanted_rows = f"SELECT {columns} FROM buildings {wanted} ORDER BY id LIMIT {limit}"
    return load.pgbench(where, f"{script}SELECT ST_AsGeoJSON(t.*) FROM ({wanted_rows}) AS t;\n", SECONDS)


def random_places(engine: Engine) -> list[int]:
    """Return ids of buildings drawn at random, behind which pages begin; the same at each call."""
    with engine.connect() as connection:
        connection.execute(text("SELECT setseed(0.5)"))
        found = connection.execute(text("SELECT id FROM buildings ORDER BY random() LIMIT :n"), {"n": PLACES})
        return [row.id for row in found]


def places_around(engine: Engine, row: int) -> list[int]:
    """Return the ids behind which pages begin from a row on."""
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT id FROM buildings ORDER BY id OFFSET :row LIMIT :n"), {"row": row, "n": PLACES}
        )
        return [each.id for each in found]


def random_boxes(engine: Engine) -> list[str]:
    """Return boxes around buildings drawn at random, the same at each call."""
    with engine.connect() as connection:
        connection.execute(text("SELECT setseed(0.5)"))
        some = "SELECT ST_Centroid(geom) AS p FROM buildings ORDER BY random() LIMIT :n"
        found = connection.execute(text(f"SELECT ST_X(p), ST_Y(p) FROM ({some}) AS r"), {"n": BOXES}).all()
    return [f"{x - HALF_DEG:.5f},{y - HALF_DEG:.5f},{x + HALF_DEG:.5f},{y + HALF_DEG:.5f}" for x, y in found]


if __name__ == "__main__":
    main()
