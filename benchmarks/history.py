"""Reading the present with history kept, against the same rows in a table that keeps none; ratios within one run.

The private PostgreSQL runs in a folder of the benchmark's own, which is removed at the end.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="horad-bench-"))
HOME.chmod(0o755)
os.environ["HORAD_HOME"] = str(HOME)
os.environ.pop("HORAD_DATABASE_URL", None)

import sqlalchemy as sa  # noqa: E402

from layers.postgres import database  # noqa: E402
from layers.postgres.startup import ready_engine  # noqa: E402

FEATURES = 200_000
VERSIONS = 5
PAIRS = 15

INSERT = """
INSERT INTO incidents (territory, source, source_id, kind, category, geom)
SELECT 'bench', 'made', n::text, 'accident', 'made for this benchmark',
       ST_Point(27.4 + 0.3 * random(), 53.8 + 0.2 * random(), 4326) FROM generate_series(1, :features) AS n
"""
TILE = "WHERE {geom} && ST_MakeEnvelope(27.50, 53.88, 27.51, 53.887, 4326)"
READS = {
    "features in a box": "SELECT id, category, ST_AsGeoJSON(geom) FROM {table} " + TILE.format(geom="geom"),
    "first page of 1,000": "SELECT id, category, ST_AsGeoJSON(geom) FROM {table} ORDER BY id LIMIT 1000",
    "count": "SELECT count(*) FROM {table} WHERE territory = 'bench'",
}


def main() -> None:
    engine = ready_engine()
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO territories (id, title, metric_srid) VALUES ('bench', '{}', 32635)"))
        connection.execute(sa.text(INSERT), {"features": FEATURES})
    for number in range(VERSIONS):
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE incidents SET casualties = :n WHERE territory = 'bench'"), {"n": number})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("CREATE TABLE plain AS SELECT * FROM incidents"))
        connection.execute(sa.text("ALTER TABLE plain ADD PRIMARY KEY (id)"))
        connection.execute(sa.text("CREATE INDEX ON plain USING gist (geom)"))
        for table in ("plain", "incidents", "history.incidents"):
            connection.execute(sa.text(f"VACUUM FULL ANALYZE {table}"))
        past = connection.execute(sa.text("SELECT count(*) FROM history.incidents")).scalar_one()
        print(f"{FEATURES:,} features, {past:,} old states in the history")
        for name, statement in READS.items():
            both = [statement.format(table=table) for table in ("incidents", "plain")]
            kept, plain = pairs(*(lambda sql=sql: connection.execute(sa.text(sql)).all() for sql in both))
            print(f"  {name}: {kept * 1e3:.1f} ms, without history {plain * 1e3:.1f} ms, ratio {kept / plain:.2f}")
            print("".join(f"      {row[0]}\n" for row in connection.execute(sa.text(f"EXPLAIN {both[0]}"))), end="")


def pairs(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Time two calls in turn, and return the median of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(PAIRS):
        for call, kept in zip((first, second), times, strict=True):
            start = time.perf_counter()
            call()
            kept.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    try:
        main()
    finally:
        database.stop()
        shutil.rmtree(HOME)
