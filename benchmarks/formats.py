"""How fast a whole layer is had as a file: over HTTP from the service, beside ogr2ogr from the same table.

Each figure is a ratio of one run: both write the same features to a file, turn and turn about, and the median of the
ratios counts: of the time by the clock, and of the processors' time that the service or ogr2ogr takes together with
PostgreSQL, which other work on the machine disturbs less. Debian's GDAL writes no Parquet and no Arrow; these are held
against the FlatGeobuf of ogr2ogr. What the process of the service has at rest, and at most meanwhile, is told beside.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from peers import city, servers
from processes import Taken, server_s
from rich.console import Console
from rich.table import Table
from serving import DATABASE, ROUNDS, base
from sqlalchemy import URL

from layers.catalog import find
from layers.postgres.cluster import Cluster
from layers.reading.geojson import properties_of
from layers.settings import get_settings

LAYER = "buildings"
PEERS = {
    "geojson": ("GeoJSON", ()),
    "geojsonseq": ("GeoJSONSeq", ()),
    "flatgeobuf": ("FlatGeobuf", ()),
    "flatgeobuf, no index": ("FlatGeobuf", ("-lco", "SPATIAL_INDEX=NO")),
    "parquet": ("FlatGeobuf", ("-lco", "SPATIAL_INDEX=NO")),
    "arrow": ("FlatGeobuf", ("-lco", "SPATIAL_INDEX=NO")),
    "csv": ("CSV", ("-lco", "GEOMETRY=AS_WKT")),
    "gpkg": ("GPKG", ()),
}
out = Console(highlight=False)


def main() -> None:
    engine, where = base(DATABASE, copies=city.COPIES)
    with engine.connect() as connection:
        count = connection.exec_driver_sql(f"SELECT count(*) FROM {LAYER}").scalar()
    out.print(f"{count:,} {LAYER} (copies of Liechtenstein, synthetic); medians of {ROUNDS} pairs")
    heads = ("format", "ours, s", "ogr2ogr, s", "ratio", "by processor time", "MB", "against")
    table = Table(*heads, box=None, padding=(0, 2), pad_edge=False)
    with tempfile.TemporaryDirectory() as folder, servers.horad(where, cached=True, workers=1) as url:
        place = Path(folder)
        fetch(url, "csv", place, limit=1_000)
        rest = memory_mb(url, "VmRSS")
        for name, (driver, options) in PEERS.items():
            ours = partial(fetch, url, name.partition(",")[0], place)
            theirs = partial(convert, where, driver, options, place)
            pairs = [(taken(ours, url), taken(theirs, url)) for _ in range(ROUNDS)]
            ratio, by_processor = (
                statistics.median(first[nth] / second[nth] for first, second in pairs) for nth in (0, 1)
            )
            mine, other = (statistics.median(each.wall_s for each in side) for side in zip(*pairs, strict=True))
            size = (place / "ours").stat().st_size / 1e6
            told = (f"{each:.1f}" for each in (mine, other))
            ratios = (f"{each:.2f}" for each in (ratio, by_processor))
            table.add_row(name, *told, *ratios, f"{size:.0f}", " ".join((driver, *options)))
        out.print(table)
        out.print(f"memory of the service: {rest:.0f} MB at rest, {memory_mb(url, 'VmHWM'):.0f} MB at most")


def fetch(url: str, name: str, folder: Path, *, limit: int | None = None) -> None:
    count = limit or (10**9 if name == "geojson" else None)
    query = f"f={name}" if count is None else f"f={name}&limit={count}"
    with (
        urllib.request.urlopen(f"{url}/collections/{LAYER}/items?{query}") as answer,
        (folder / "ours").open("wb") as file,
    ):
        shutil.copyfileobj(answer, file, 1 << 20)


def convert(where: URL, driver: str, options: tuple[str, ...], folder: Path) -> None:
    shutil.rmtree(folder / "theirs", ignore_errors=True)
    (folder / "theirs").mkdir()
    names = ", ".join(f'"{each}"' for each in properties_of(find(LAYER)))
    wanted = f"SELECT id, {names}, geom FROM {LAYER} ORDER BY id"
    file = folder / "theirs" / "file"
    subprocess.run(
        ["ogr2ogr", "-f", driver, file, f"PG:{servers.plain(where)}", "-sql", wanted, "-nln", LAYER, *options],
        check=True,
    )


def taken(call: Callable[[], None], url: str) -> Taken:
    """Return what a call took: by the clock, and of the processors, in the service, PostgreSQL and programs."""
    before, begun = spent_s(url), time.perf_counter()
    call()
    wall_s = time.perf_counter() - begun
    time.sleep(0.3)
    return Taken(wall_s, spent_s(url) - before)


def spent_s(url: str) -> float:
    """Return the processor time so far of the service, of PostgreSQL and of the programs that were run."""
    programs = resource.getrusage(resource.RUSAGE_CHILDREN)
    postmaster = Cluster(get_settings().home).postmaster_pid()
    return programs.ru_utime + programs.ru_stime + server_s(servers.process_of(url)) + server_s(postmaster)


def memory_mb(url: str, what: str) -> float:
    """Return what the service that listens at an address has (VmRSS), or had at most (VmHWM)."""
    lines = Path(f"/proc/{servers.process_at(url)}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


if __name__ == "__main__":
    main()
