"""Load, bounded in time, against servers on this machine: requests by wrk, statements by pgbench."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from processes import server_s
from sqlalchemy import URL, Engine, text

from layers.postgres.cluster import Cluster
from layers.settings import get_settings
from layers.tiles import tiles
from layers.tiles.request import TileRequest

CONNECTIONS = 8
CLIENTS = 4
_ENDS_WITHIN_S = 0.3
"""PostgreSQL's process of a client that has gone."""

Tile = tuple[int, int, int]


class Rate(NamedTuple):
    """How often in a second, and what each time took of the processors: the server's and PostgreSQL's time, in µs."""

    per_s: float
    processor_us: float


def requests(
    url: str, paths: Sequence[str], *, seconds: float, server: int, headers: dict[str, str] | None = None
) -> Rate:
    """Return how many of these paths a server answers in a second, asked one after the other by eight clients."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        lines = ", ".join(json.dumps(path) for path in paths)
        given = "".join(
            f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}\n" for name, value in (headers or {}).items()
        )
        script.write(
            f"{given}local paths = {{{lines}}}\nlocal nth = 0\n"
            "request = function()\n  nth = nth % #paths + 1\n  return wrk.format(nil, paths[nth])\nend\n"
            "done = function(summary)\n  local bad = summary.errors\n"
            '  io.write(string.format("RESULT %d %d %d\\n", summary.requests, summary.duration,'
            " bad.status + bad.connect + bad.read + bad.timeout))\nend\n"
        )
        script.flush()
        command = [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{max(round(seconds), 1)}s",
            "--timeout",
            "60s",
            "-s",
            script.name,
            url,
        ]
        before = _spent_s(server)
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        spent_s = _spent_s(server) - before
    count, duration_us, errors = map(int, re.search(r"RESULT (\d+) (\d+) (\d+)", told).groups())
    if errors:
        raise SystemExit(f"{url}: {errors} of {count} requests failed")
    return Rate(count / duration_us * 1e6, spent_s / max(count, 1) * 1e6)


def statements(engine: Engine, database: URL, layer: str, places: Sequence[Tile], *, seconds: float) -> Rate:
    """Return how many tiles pgbench makes in a second by Horad's statement, prepared, with the rights of the public.

    The sides of each tile are read from a table; the time of that, measured apart, is taken off.
    """
    requests = [TileRequest(layers=(layer,), z=z, row=row, col=col) for z, row, col in places]
    statement, first = tiles.statement(requests[0])
    names = list(first)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS benchmark_tiles"))
        columns = ", ".join(f"{name} float8" for name in names)
        connection.execute(text(f"CREATE TABLE benchmark_tiles (nth int PRIMARY KEY, {columns})"))
        connection.execute(text("GRANT SELECT ON benchmark_tiles TO horad_public"))
        rows = [{"nth": nth, **tiles.statement(each)[1]} for nth, each in enumerate(requests)]
        marks = ", ".join(f":{name}" for name in ["nth", *names])
        connection.execute(text(f"INSERT INTO benchmark_tiles VALUES ({marks})"), rows)
        connection.execute(text("ANALYZE benchmark_tiles"))
    where = f"\\set nth random(0, {len(requests) - 1})\n"
    where += f"SELECT {', '.join(names)} FROM benchmark_tiles WHERE nth = :nth \\gset\n"
    made = re.sub(r"%\((\w+)\)s", r":\1", statement).replace("%%", "%")
    both = pgbench(database, f"{where}{made};\n", seconds)
    lookup = pgbench(database, where, min(seconds, 3))
    return Rate(1 / (1 / both.per_s - 1 / lookup.per_s), both.processor_us - lookup.processor_us)


def random_tiles(engine: Engine, layer: str, z: int, count: int) -> list[Tile]:
    """Return tiles in which features drawn at random lie, the same at each call."""
    with engine.connect() as connection:
        connection.execute(text("SELECT setseed(0.5)"))
        rows = connection.execute(
            text(
                f"SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_Centroid(geom) AS p FROM"
                f" {layer} ORDER BY random() LIMIT :n) AS r"
            ),
            {"n": count * 3},
        ).all()
    size = 1 << z
    found = {
        (z, int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * size), int((lon + 180) / 360 * size))
        for lon, lat in rows
    }
    return sorted(found, key=hash)[:count]


def features_in(engine: Engine, layer: str, tiles: Sequence[Tile]) -> dict[Tile, int]:
    """Return how many features of a layer each of some tiles has, its margin included."""
    count = text(f"SELECT count(*) FROM {layer} WHERE geom && ST_MakeEnvelope(:west, :south, :east, :north, 4326)")
    found = {}
    with engine.connect() as connection:
        for z, row, col in tiles:
            ((box, _),) = TileRequest(layers=(layer,), z=z, row=row, col=col).around(layer)
            sides = dict(zip(("west", "south", "east", "north"), box, strict=True))
            found[z, row, col] = connection.execute(count, sides).scalar_one()
    return found


def pgbench(database: URL, script: str, seconds: float) -> Rate:
    """Return how often a script of pgbench runs in a second, prepared, with the rights of the public."""
    host, port = (database.query.get(key) or getattr(database, key) for key in ("host", "port"))
    env = {
        **os.environ,
        "PGHOST": str(host),
        "PGPORT": str(port or 5432),
        "PGUSER": database.username or "",
        "PGPASSWORD": database.password or "",
        "PGOPTIONS": "-c jit=off -c max_parallel_workers_per_gather=0 -c plan_cache_mode=force_generic_plan"
        " -c role=horad_public",
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tiles.sql"
        file.write_text(script)
        command = ["pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-T", str(max(round(seconds), 1))]
        before = _spent_s(None)
        told = subprocess.run(
            [*command, "-f", str(file), str(database.database)], check=True, capture_output=True, text=True, env=env
        ).stdout
        time.sleep(_ENDS_WITHIN_S)
        spent_s = _spent_s(None) - before
    count = int(re.search(r"transactions actually processed: (\d+)", told)[1])
    return Rate(float(re.search(r"tps = ([\d.]+)", told)[1]), spent_s / max(count, 1) * 1e6)


def _spent_s(server: int | None) -> float:
    """Return the processor time of the embedded PostgreSQL so far, and of a server with its workers."""
    postmaster = Cluster(get_settings().home).postmaster_pid()
    return sum(server_s(each) for each in (postmaster, server) if each is not None)
