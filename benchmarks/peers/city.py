"""A large city for benchmarks: copies of Liechtenstein, each moved by its size, so that they lie side by side.

The copies are synthetic, and called so: their source is ``copy`` and their territory ``copies``.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from layers.catalog import find
from layers.loads.loading import load_file, territory_for
from layers.settings import get_settings

BOX = (9.4708, 47.0484, 9.6400, 47.2786)
"""Of one copy, in degrees."""
COPIES_A_ROW = 5
COPIES = 25
SEGMENTS_A_PIECE = 4
"""Streets are cut, so that copies of Liechtenstein come to 600,000 road segments."""


def build(engine: Engine, *, copies: int = COPIES) -> None:
    """Fill an empty base with copies of the buildings and cut streets of Liechtenstein."""
    file = sorted((get_settings().data / "liechtenstein").glob("*.pbf"))[0]
    load_file(engine, file, territory=territory_for(engine, file, wanted="liechtenstein"), source="osm")
    title = """'{"en": "Copies of Liechtenstein (synthetic)"}'"""
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO territories (id, title, metric_srid) VALUES ('copies', {title}, 2056)"))
    for copy in range(copies):
        with engine.begin() as connection:
            _copy(connection, "buildings", copy)
            _copy(connection, "roads", copy, cut=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for layer in ("buildings", "roads"):
            connection.exec_driver_sql(f"DELETE FROM {layer} WHERE territory = 'liechtenstein'")
            connection.exec_driver_sql(f"VACUUM ANALYZE {layer}")


def _copy(connection: Connection, layer: str, copy: int, *, cut: bool = False) -> None:
    west, south, east, north = BOX
    values = {
        "copy": f"{copy}:",
        "right": (copy % COPIES_A_ROW) * (east - west),
        "up": (copy // COPIES_A_ROW) * (north - south),
    }
    names = ", ".join(f'"{each.name}"' for each in find(layer).columns if not each.computed)
    made = f"INSERT INTO {layer} (territory, source, source_id, {names}, tags, geom) SELECT 'copies', 'copy',"
    if cut:
        rest = f" :copy || source_id || ':' || nth, {names}, tags, ST_Translate(piece, :right, :up) FROM {layer} {_CUT}"
    else:
        rest = f" :copy || source_id, {names}, tags, ST_Translate(geom, :right, :up) FROM {layer}"
    connection.execute(text(f"{made}{rest} WHERE territory = 'liechtenstein'"), values)


_CUT = (
    "CROSS JOIN LATERAL (SELECT nth, ST_MakeLine(ARRAY(SELECT ST_PointN(geom, each) FROM generate_series(nth,"
    f" least(nth + {SEGMENTS_A_PIECE}, ST_NPoints(geom))) AS each)) AS piece"
    f" FROM generate_series(1, ST_NPoints(geom) - 1, {SEGMENTS_A_PIECE}) AS nth) AS cut"
)
