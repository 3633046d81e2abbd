"""What a process of the service takes in memory, and how long it takes to start.

Each line is of the same process, after one thing more was asked of it: RSS is what it holds, PSS its share where pages
are shared with others, and the most what it held while it answered (pages of libraries that were touched count in
all three).
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from formats import fetch
from peers import city, load, servers
from rich.console import Console
from rich.table import Table
from serving import DATABASE, FEW, SMALL, base
from sqlalchemy import URL

from layers.streams.formats import FORMATS

STARTS = 3
out = Console(highlight=False)


def main() -> None:
    _, small = base(SMALL, copies=FEW)
    engine, where = base(DATABASE, copies=city.COPIES)
    z, x, y = load.random_tiles(engine, "buildings", 14, 1)[0]
    starts = []
    for _ in range(STARTS):
        with started(where) as (_, _, seconds):
            starts.append(seconds)
    out.print(f"from the command to the first answer: {', '.join(f'{each:.1f}' for each in sorted(starts))} s")
    table = Table("after", "RSS, MB", "PSS, MB", "at most, MB", box=None, padding=(0, 2), pad_edge=False)
    with started(where) as (url, pid, _), tempfile.TemporaryDirectory() as folder:
        row = partial(measured, table, pid)
        row("start", lambda: None)
        row("a tile", partial(get, f"{url}/collections/buildings/tiles/WebMercatorQuad/{z}/{y}/{x}"))
        row("10 features", partial(get, f"{url}/collections/buildings/items"))
        for name in FORMATS:
            row(f"all buildings as {name}", partial(fetch, url, name, Path(folder)))
    with started(small) as (url, pid, _):
        row = partial(measured, table, pid)
        row("start", lambda: None)
        for path in ("api", "conformance", "processes", "rasters"):
            row(f"/{path}", partial(get, f"{url}/{path}"))
        row("an analysis", partial(analyse, url))
    out.print(table)


@contextmanager
def started(where: URL) -> Iterator[tuple[str, int, float]]:
    """Run the service; its address, the number of its process, and how long it took until it answered."""
    port = servers.free_port()
    command = [sys.executable, "-m", "api.cli", "serve", "--workers", "1"]
    env = {"HORAD_DATABASE_URL": servers.plain(where), "HORAD_PORT": str(port)}
    begun = time.perf_counter()
    with servers.running(command, "/health/live", port=port, env=env) as url:
        yield url, servers.process_at(url), time.perf_counter() - begun


def measured(table: Table, pid: int, told: str, call: Callable[[], None]) -> None:
    """Do something, and tell what the process has afterwards, and what it had at most meanwhile."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    call()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    status = Path(f"/proc/{pid}/status").read_text()
    table.add_row(told, megabytes(rollup, "Rss"), megabytes(rollup, "Pss"), megabytes(status, "VmHWM"))


def megabytes(text: str, what: str) -> str:
    """Return one of the lines of a file of /proc, in MB."""
    line = next(each for each in text.splitlines() if each.startswith(f"{what}:"))
    return f"{int(line.split()[1]) / 1024:.0f}"


def get(url: str) -> None:
    with urllib.request.urlopen(url) as answer:
        answer.read()


def analyse(url: str) -> None:
    west, south, east, north = city.BOX
    inputs = {"origins": [[(west + east) / 2, (south + north) / 2]]}
    body = json.dumps({"inputs": {**inputs, "territory": "copies"}}).encode()
    asked = urllib.request.Request(
        f"{url}/processes/service-areas/execution", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked) as answer:
        answer.read()


if __name__ == "__main__":
    main()
