"""What each step of the SQL of tiles gives, beside the form that peers ask of PostGIS, on the same tables.

Each step does what those before it do, too. Tiles lie where random features lie; the steps are asked for the same tile
turn and turn about, on one connection with prepared statements, without parallel workers and without the compiler, and
the median of the times of a step counts. Ratios are to the peers' form.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

from peers import city
from rich.console import Console
from rich.table import Table
from serving import DATABASE, base
from sqlalchemy import Connection, text

from layers.catalog import find
from layers.description import Shape
from layers.models.base import PUBLIC
from layers.tiles.request import TileRequest
from layers.tiles.tiles import statement

TILES = int(os.environ.get("HORAD_BENCHMARK_TILES", "25"))
CASES = [(layer, z) for layer, zooms in (("roads", range(10, 17)), ("buildings", range(12, 17))) for z in zooms]
ENVELOPE = "ST_MakeEnvelope(%(x0)s, %(y0)s, %(x1)s, %(y1)s, 3857)"
BOX = "ST_MakeEnvelope(%(west0)s, %(south0)s, %(east0)s, %(north0)s, 4326)"
out = Console(highlight=False)


def main() -> None:
    engine, _ = base(DATABASE, copies=city.COPIES)
    table = Table("layer", "zoom", "peers' form", "stored in 3857", "worked out once", "Horad", "times as fast", "KB")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET ROLE {PUBLIC}")
        connection.exec_driver_sql("SET max_parallel_workers_per_gather = 0")
        for layer, z in CASES:
            measured, sizes = measure(connection, layer, z)
            peers, *steps = (measured[name] for name in ("peers", "stored", "once", "horad"))
            cells = [f"{each * 1e3:.1f} ms" for each in (peers, *steps)]
            size = f"{sizes['peers'] / 1e3:.0f} → {sizes['horad'] / 1e3:.0f}"
            table.add_row(layer, str(z), *cells, f"{peers / measured['horad']:.1f}", size)
    out.print(f"medians of {TILES} tiles; copies of Liechtenstein, synthetic")
    out.print(table)


def measure(connection: Connection, layer: str, z: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the time of a tile in seconds, and its size in bytes, by form."""
    times: dict[str, list[float]] = {}
    sizes: dict[str, list[int]] = {}
    for request in requests(connection, layer, z):
        for name, (sql, values) in forms(request).items():
            start = time.perf_counter()
            content = connection.exec_driver_sql(sql, values).scalar_one()
            times.setdefault(name, []).append(time.perf_counter() - start)
            sizes.setdefault(name, []).append(len(content))
    return (
        {name: statistics.median(each) for name, each in times.items()},
        {name: statistics.median(each) for name, each in sizes.items()},
    )


def requests(connection: Connection, layer: str, z: int) -> list[TileRequest]:
    """Return tiles in which random features of a layer lie, each once."""
    places = connection.execute(
        text(
            "SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_PointOnSurface(geom) AS p"
            f" FROM {layer} TABLESAMPLE BERNOULLI (2) REPEATABLE (7)) AS s ORDER BY md5(p::text) LIMIT {20 * TILES}"
        )
    ).all()
    first = TileRequest(layers=(layer,), z=z, row=0, col=0).matrices
    tiles = dict.fromkeys((found[0], found[2]) for x, y in places for found in [first.limits(z, (x, y, x, y))])
    return [TileRequest(layers=(layer,), z=z, row=row, col=col) for row, col in list(tiles)[:TILES]]


def forms(request: TileRequest) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the statements of a tile, from the peers' to ours, and their values."""
    sql, values = statement(request)
    (layer,) = request.layers
    columns = ", ".join(f'"{each.name}"' for each in find(layer).columns)
    moved = "ST_CurveToLine(geom)" if find(layer).layer.shape is not Shape.POINT else "geom"

    def plain(geometry: str, *, twice: bool = False) -> str:
        rows = f"SELECT id, {columns}, ST_AsMVTGeom({geometry}, {ENVELOPE}, 4096, 64, true) AS geom FROM {layer}"
        drawn = " WHERE geom IS NOT NULL" if twice else ""
        return f"SELECT ST_AsMVT(t, '{layer}', 4096, 'geom', 'id') FROM ({rows} WHERE geom && {BOX}) AS t{drawn}"

    return {
        "peers": (plain(f"ST_Transform({moved}, 3857)"), values),
        "stored": (plain("geom_3857", twice=True), values),
        "once": (plain("geom_3857"), values),
        "horad": (sql, values),
    }


if __name__ == "__main__":
    main()
