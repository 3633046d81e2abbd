"""How fast files with one table are loaded, beside ``ogr2ogr`` with COPY into the same PostGIS, and in how much memory.

Needs ``ogr2ogr`` (Debian: ``gdal-bin``). The files are made: synthetic points and squares, good for nothing else.
``python -m benchmarks.flat_files [megabytes ...]`` takes the sizes of the files, by default 25 and 100.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
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

from layers import database

BOX = (27.50, 53.88, 27.60, 53.92)
VERTICES = 40
SIZES_MB = (25, 100)
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


def timed(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds, and the most megabytes that any command has held so far."""
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


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


def main(sizes_mb: list[int]) -> None:
    """Measure each file in each size, and print what was found."""
    console = Console()
    table = Table("file", "MB", "features", "ogr2ogr s", "horad s", "ratio", "again s", "peak MB")
    with own_database() as socket, tempfile.TemporaryDirectory() as folder:
        target = f"PG:host={socket} user=horad dbname=horad"
        for size_mb in sizes_mb:
            for name, layer, make, per_mb in CASES:
                file = Path(folder) / name
                make(file, per_mb * size_mb)
                options = AS_POINTS if file.suffix == ".csv" else ()
                ogr2ogr_s, _ = timed([*OGR2OGR, *options, "-a_srs", "EPSG:4326", target, str(file)])
                command = load(file, layer, f"bench-{file.suffix[1:]}-{file.stem}-{size_mb}")
                horad_s, _ = timed(command)
                again_s, _ = timed(command)
                row = (
                    *(f"{file.stat().st_size / 1e6:.0f}", f"{per_mb * size_mb:,}"),
                    *(f"{ogr2ogr_s:.1f}", f"{horad_s:.1f}", f"{ogr2ogr_s / horad_s:.2f}", f"{again_s:.1f}"),
                    f"{peak_mb(command):.0f}",
                )
                table.add_row(name, *row)
                file.unlink()
                console.print(name, *row)
    console.print(table)
    console.print("ratio: the speed of horad beside that of ogr2ogr; again: the same file a second time")


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or list(SIZES_MB))
