"""How fast features are served: beside TiPg on the same table, and beside ST_AsGeoJSON of the same rows in pgbench.

Each figure is a ratio of one run: both are asked turn and turn about, and the median of the ratios counts. The base is
that of `serving.py`: copies of Liechtenstein, which are synthetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from peers import city, load, servers
from serving import DATABASE, SECONDS, Measure, base, compare, count
from sqlalchemy import URL, Engine, text

from layers.catalog import find
from layers.geojson import properties_of

BOXES = 200
HALF_DEG = 0.004
DEEP = 390_000
MINE = "/collections/buildings/items"
THEIRS = "/collections/public.buildings/items"


def main() -> None:
    engine, where = base(DATABASE, copies=city.COPIES)
    count(engine)
    boxes, deep = random_boxes(engine), deep_id(engine)
    with servers.horad(where, cached=False, workers=2) as mine, servers.tipg(where, workers=2) as theirs:
        for case, query in (
            ("items limit=10", ["limit=10"]),
            ("items limit=1000", ["limit=1000"]),
            ("items limit=1000 in a box", [f"limit=1000&bbox={box}" for box in boxes]),
        ):
            asked = asking(mine, MINE, query)
            compare(case, asked, "tipg", asking(theirs, THEIRS, query))
            limit = 10 if query == ["limit=10"] else 1000
            compare(case, asked, "pgbench", partial(rows, where, limit, boxes if len(query) > 1 else ()))
        first, last = asking(mine, MINE, ["limit=10"]), asking(mine, MINE, [f"limit=10&after={deep}"])
        compare("page from row 390,000", last, "first page", first)


def asking(url: str, path: str, queries: Sequence[str]) -> Measure:
    paths = [f"{path}?{query}" for query in queries]
    return lambda: load.requests(url, paths, seconds=SECONDS, server=servers.process_of(url))


def rows(where: URL, limit: int, boxes: Sequence[str]) -> load.Rate:
    """Return how often pgbench gets the rows of a page in a second, each as GeoJSON text with all its columns."""
    wanted, script = "", ""
    if boxes:
        script = f"\\set nth random(1, {len(boxes)})\n"
        sides = "), (".join(boxes)
        script += f"SELECT * FROM (VALUES ({sides})) AS b (w, s, e, n) OFFSET :nth - 1 LIMIT 1 \\gset\n"
        wanted = "WHERE geom && ST_MakeEnvelope(:w, :s, :e, :n, 4326)"
    columns = ", ".join(["id", *properties_of(find("buildings")), "geom"])
    wanted_rows = f"SELECT {columns} FROM buildings {wanted} ORDER BY id LIMIT {limit}"
    return load.pgbench(where, f"{script}SELECT ST_AsGeoJSON(t.*) FROM ({wanted_rows}) AS t;\n", SECONDS)


def random_boxes(engine: Engine) -> list[str]:
    """Return boxes around buildings drawn at random, the same at each call."""
    with engine.connect() as connection:
        connection.execute(text("SELECT setseed(0.5)"))
        some = "SELECT ST_Centroid(geom) AS p FROM buildings ORDER BY random() LIMIT :n"
        found = connection.execute(text(f"SELECT ST_X(p), ST_Y(p) FROM ({some}) AS r"), {"n": BOXES}).all()
    return [f"{x - HALF_DEG:.5f},{y - HALF_DEG:.5f},{x + HALF_DEG:.5f},{y + HALF_DEG:.5f}" for x, y in found]


def deep_id(engine: Engine) -> int:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id FROM buildings ORDER BY id OFFSET :n LIMIT 1"), {"n": DEEP - 1})
        return int(found.scalar_one())


if __name__ == "__main__":
    main()
