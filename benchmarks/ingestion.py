"""How fast sources are loaded: beside osm2pgsql on the same OpenStreetMap file, and beside ogr2ogr on the same table.

Every measure is a ratio of one run: both go into the same server, one after the other, and the medians are compared.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from sqlalchemy import Engine, make_url, text

from layers.catalog import all_layers
from layers.loads.loading import load_file, territory_for
from layers.migrations import migrate
from layers.models.base import HISTORY
from layers.postgres import database
from layers.settings import get_settings

ROUNDS = 3
SCRATCH = "horad_benchmark"
COUNTRIES = ("liechtenstein", "andorra")
ROWS = (100_000, 400_000)
CHILD = "--memory-of"


def seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def run(*command: object) -> None:
    subprocess.run([str(each) for each in command], check=True, capture_output=True)


def forget(engine: Engine, territory: str) -> None:
    """Remove a territory, and the dead rows that it leaves: a first load finds none."""
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM territories WHERE id = :id"), {"id": territory})
    tables = ", ".join(f"{layer}, {HISTORY}.{layer}" for layer in all_layers())
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM {tables}")


def load(engine: Engine, file: Path, territory: str, **options: object) -> None:
    place = territory_for(engine, file, wanted=territory, **options)
    layers = None if file.suffix == ".pbf" else ["facilities"]
    load_file(engine, file, territory=place, source="benchmark", layers=layers, **options)


def points(folder: Path, count: int) -> Path:
    """Write a table of made-up places, for size only."""
    rng = np.random.default_rng(1)
    places = np.column_stack([rng.uniform(27.4, 27.8, count), rng.uniform(53.8, 54.0, count)])
    file = folder / f"points_{count}.csv"
    with file.open("w") as stream:
        stream.write("id,kind,name,remark,lon,lat\n")
        for number, (lon, lat) in enumerate(places):
            stream.write(f"p{number},school,Name {number},some text beside it,{lon:.7f},{lat:.7f}\n")
    return file


def measure(engine: Engine, other: Callable[[], None], file: Path, **options: object) -> list[float]:
    """Return the median seconds of the other program, of a first load and of a second one."""
    times: list[tuple[float, float, float]] = []
    for _ in range(ROUNDS):
        forget(engine, "benchmark")
        theirs = seconds(other)
        first = seconds(lambda: load(engine, file, "benchmark", **options))
        times.append((theirs, first, seconds(lambda: load(engine, file, "benchmark", **options))))
    forget(engine, "benchmark")
    return [statistics.median(each) for each in zip(*times, strict=True)]


def peak_mb(file: Path) -> float:
    """Return the most memory that a process of its own takes to load a file."""
    answer = subprocess.run([sys.executable, __file__, CHILD, file], check=True, capture_output=True, text=True)
    return float(answer.stdout.split()[-1])


def child(file: Path) -> None:
    engine = database.engine()
    load(engine, file, "benchmark", crs="EPSG:4326", key="id")
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")


def main() -> None:
    engine = database.engine()
    migrate(engine)
    url = make_url(database.ensure_running())
    server = {"host": url.query.get("host") or url.host, "port": url.query.get("port") or url.port or 5432}
    login = ("-H", server["host"], "-P", server["port"], "-U", url.username, "-d", SCRATCH)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {SCRATCH}"))
        connection.execute(text(f"CREATE DATABASE {SCRATCH}"))
    words = ("psql", "-h", server["host"], "-p", server["port"], "-U", url.username, "-d", SCRATCH)
    run(*words, "-c", "CREATE EXTENSION postgis", "-c", "CREATE EXTENSION hstore")
    address = f"PG:host={server['host']} port={server['port']} user={url.username} dbname={SCRATCH}"
    out = Console()
    out.print(f"{os.cpu_count()} cores, medians of {ROUNDS} rounds")

    def tell(name: str, found: list[float], memory: float | None = None) -> None:
        theirs, first, again = found
        told = f"{name}: {theirs:.2f} s; first load {first:.2f} s, ratio {first / theirs:.2f};"
        told += f" again {again:.2f} s, ratio {again / theirs:.2f}"
        out.print(told if memory is None else f"{told}; peak {memory:.0f} MB", soft_wrap=True)

    for country in COUNTRIES:
        file = get_settings().data / country / f"{country}-latest.osm.pbf"
        if not file.is_file():
            continue
        for mode in ((), ("-s", "--drop")):
            osm2pgsql = lambda file=file, mode=mode: run("osm2pgsql", "-c", *mode, *login, "--hstore", file)  # noqa: E731
            tell(f"{country}, osm2pgsql {' '.join(mode)}", measure(engine, osm2pgsql, file))
    with tempfile.TemporaryDirectory() as folder:
        for count in ROWS:
            file = points(Path(folder), count)
            places = ("-oo", "X_POSSIBLE_NAMES=lon", "-oo", "Y_POSSIBLE_NAMES=lat", "-a_srs", "EPSG:4326")
            copy = ("--config", "PG_USE_COPY", "YES", "-overwrite", "-nln", "points")
            ogr2ogr = lambda file=file: run("ogr2ogr", "-f", "PostgreSQL", address, file, *places, *copy)  # noqa: B023, E731
            found = measure(engine, ogr2ogr, file, crs="EPSG:4326", key="id")
            tell(f"{count:,} rows, {file.stat().st_size / 1e6:.0f} MB, ogr2ogr", found, peak_mb(file))
            forget(engine, "benchmark")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"DROP DATABASE {SCRATCH}"))


if __name__ == "__main__":
    if CHILD in sys.argv:
        child(Path(sys.argv[-1]))
    else:
        main()
