"""How fast files with one table are loaded, beside ``ogr2ogr`` with COPY into the same PostGIS, and in how much memory.

Needs ``ogr2ogr`` (Debian: ``gdal-bin``). The files are made: synthetic points and squares, good for nothing else. Each
is loaded into an empty layer, loaded again, and loaded into a second territory, beside the first.
``python -m benchmarks.flat_files [megabytes or file ...]`` takes the sizes of the files, by default 25 and 100, and
which of them, by default all.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyogrio
import shapely
from rich.console import Console
from rich.table import Table

from benchmarks.processes import measured
from layers.migrations import migrate
from layers.postgres import database

BOX = (27.50, 53.88, 27.60, 53.92)
VERTICES = 40
SIZES_MB = (25, 100)
ROUNDS = 3
_WIDTH = 140
OGR2OGR = ("ogr2ogr", "-q", "-f", "PostgreSQL", "--config", "PG_USE_COPY", "YES", "-overwrite", "-nln", "ogr2ogr")
AS_POINTS = ("-oo", "X_POSSIBLE_NAMES=lon", "-oo", "Y_POSSIBLE_NAMES=lat", "-oo", "AUTODETECT_TYPE=YES")

Make = Callable[[Path, int], None]


def points(count: int) -> pa.Table:
    """Return facilities anywhere in a box."""
    chance = np.random.default_rng(1)
    west, south, east, north = BOX
    return pa.table(
        {
            "nr": np.arange(count),
            "lon": west + chance.random(count) * (east - west),
            "lat": south + chance.random(count) * (north - south),
            "kind": chance.choice(["school", "clinic", "library"], count),
            "name": [f"No {number}" for number in range(count)],
            "capacity": chance.integers(0, 1000, count),
            "note": ["some words that nobody reads"] * count,
        }
    )


def squares(count: int) -> pa.Table:
    """Return buildings with many vertices."""
    chance = np.random.default_rng(1)
    west, south, east, north = BOX
    centres = np.stack(
        [west + chance.random(count) * (east - west), south + chance.random(count) * (north - south)], axis=1
    )
    angles = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
    rings = centres[:, None] + 1e-4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    wkb = shapely.to_wkb(shapely.polygons(rings))
    return pa.table({"name": [f"No {number}" for number in range(count)], "geom": pa.array(wkb, pa.binary())})


def write_points(file: Path, count: int) -> None:
    """Write points in the format that the name of the file tells."""
    table = points(count)
    if file.suffix == ".csv":
        pa.csv.write_csv(table, file)
        return
    wkb = shapely.to_wkb(shapely.points(table["lon"].to_numpy(), table["lat"].to_numpy()))
    table = table.drop_columns(["lon", "lat"]).append_column("geom", pa.array(wkb, pa.binary()))
    pyogrio.write_arrow(table, file, geometry_name="geom", geometry_type="Point", crs="EPSG:4326", layer=file.stem)


def write_squares(file: Path, count: int) -> None:
    """Write polygons in the format that the name of the file tells."""
    table = squares(count)
    pyogrio.write_arrow(table, file, geometry_name="geom", geometry_type="Polygon", crs="EPSG:4326", layer=file.stem)


CASES: tuple[tuple[str, str, Make, int], ...] = (
    ("points.gpkg", "facilities", write_points, 7_500),
    ("points.fgb", "facilities", write_points, 5_400),
    ("points.geojson", "facilities", write_points, 4_300),
    ("points.csv", "facilities", write_points, 10_000),
    ("squares.gpkg", "buildings", write_squares, 1_250),
)
"""The file, the layer it fills, who makes it, and about how many features a megabyte has."""


@contextmanager
def own_database() -> Iterator[str]:
    """Start a database in a folder of its own, and remove both at the end."""
    home = Path(tempfile.mkdtemp(prefix="horad-bench-"))
    home.chmod(0o755)
    os.environ["HORAD_HOME"] = str(home)
    try:
        yield database.ensure_running().partition("?host=")[2].partition("&")[0].replace("%2F", "/")
    finally:
        database.stop()
        shutil.rmtree(home)


def postmaster() -> int:
    """Return the process of the server."""
    return int((Path(os.environ["HORAD_HOME"]) / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def forget() -> None:
    """Remove all territories, and the dead rows that they leave."""
    with database.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("DELETE FROM territories")
        for layer in {layer for _, layer, _, _ in CASES}:
            connection.exec_driver_sql(f"VACUUM {layer}, history.{layer}")


def peak_mb(command: list[str]) -> float:
    """Return the most megabytes that one command holds."""
    code = (
        "import json, resource, subprocess, sys;"
        "subprocess.run(json.loads(sys.argv[1]), capture_output=True, check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, json.dumps(command)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def load(file: Path, layer: str, territory: str) -> list[str]:
    """Return the command that loads a file."""
    options = ["--layer", layer, "--territory", territory, "--source", file.stem, "--json"]
    return [sys.executable, "-m", "api.cli", "load", str(file), *options]


def compared(file: Path, layer: str, target: str) -> list[float]:
    """Return the speed of horad beside ogr2ogr, by wall and processor time: first, again, beside another territory."""
    options = AS_POINTS if file.suffix == ".csv" else ()
    ogr2ogr = [*OGR2OGR, *options, "-a_srs", "EPSG:4326", target, file]
    found = []
    for _ in range(ROUNDS):
        forget()
        theirs = measured(ogr2ogr, postmaster())
        ours = [measured(load(file, layer, territory), postmaster()) for territory in ("first", "first", "second")]
        found.append([theirs[clock] / each[clock] for each in ours for clock in (0, 1)])
    return [statistics.median(each) for each in zip(*found, strict=True)]


def main(sizes_mb: list[int], names: set[str]) -> None:
    """Measure each file in each size, and print what was found."""
    console = Console(width=_WIDTH)
    clocks = [f"{what}, {clock}" for what in ("first", "again", "beside") for clock in ("wall", "processor")]
    table = Table("file", "MB", "features", *clocks, "peak MB")
    with own_database() as socket, tempfile.TemporaryDirectory() as folder:
        migrate(database.engine())
        target = f"PG:host={socket} user=horad dbname=horad"
        for size_mb in sizes_mb:
            for name, layer, make, per_mb in (each for each in CASES if not names or each[0] in names):
                file = Path(folder) / name
                make(file, per_mb * size_mb)
                ratios = [f"{each:.2f}" for each in compared(file, layer, target)]
                size = (f"{file.stat().st_size / 1e6:.0f}", f"{per_mb * size_mb:,}")
                table.add_row(name, *size, *ratios, f"{peak_mb(load(file, layer, 'first')):.0f}")
                file.unlink()
    console.print(table)
    console.print(f"the speed of horad beside that of ogr2ogr, medians of {ROUNDS} pairs")


if __name__ == "__main__":
    said = sys.argv[1:]
    main(
        [int(each) for each in said if each.isdigit()] or list(SIZES_MB), {each for each in said if not each.isdigit()}
    )
