"""How fast tiles are served: beside Martin, TiPg and pygeoapi on the same tables, beside pgbench, and beside Starlette.

Each figure is a ratio of one run: both are asked for the same tiles, turn and turn about, and the median of the ratios
counts. Beside the rates stand the ratios of the processor time that a tile took a server and PostgreSQL together, which
other work on the machine disturbs less. Martin is taken from where ``HORAD_BENCHMARK_MARTIN`` tells.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from peers import city, load, servers
from rich.console import Console
from sqlalchemy import URL, Engine, create_engine, make_url, text

from layers.catalog import find
from layers.postgres import database
from layers.postgres.startup import ready_engine
from layers.settings import get_settings
from layers.tiles.sql import fields

ROUNDS = int(os.environ.get("HORAD_BENCHMARK_ROUNDS", "5"))
SECONDS = float(os.environ.get("HORAD_BENCHMARK_SECONDS", "5"))
TILES = 400
DATABASE = "horad_serving"
SMALL = "horad_serving_small"
FEW = 2
"""Copies in the small base."""
GZIP = {"Accept-Encoding": "gzip"}
_TYPES = {str: "text", int: "int4", float: "float8", bool: "bool"}

Measure = Callable[[], load.Rate]
out = Console(highlight=False)


def main() -> None:
    lacking = [name for name in ("wrk", "pgbench") if shutil.which(name) is None]
    if lacking:
        out.print(f"not measured: {' and '.join(lacking)} can't be found (apt-get install wrk postgresql-client)")
        return
    engine, where = base(DATABASE, copies=city.COPIES)
    count(engine)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = Path(folder)
        peers = start_peers(stack, where, place)
        uncached(engine, where, peers)
        cached(engine, where, place)
    grown(engine, where)


def base(name: str, *, copies: int) -> tuple[Engine, URL]:
    """Return the base of copies, built at the first call; it stays for the next run."""
    engine, where, new = database_called(name)
    if new:
        out.print(f"building {name}, once …")
        city.build(engine, copies=copies)
    return engine, where


def database_called(name: str) -> tuple[Engine, URL, bool]:
    """Return a database with our tables, and whether it is new; from here on it is the one of the settings."""
    url = make_url(database.ensure_running())
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        there = connection.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}).scalar()
        if not there:
            connection.execute(text(f"CREATE DATABASE {name}"))
    where = url.set(database=name)
    os.environ["HORAD_DATABASE_URL"] = servers.plain(where)
    database.disconnect()
    get_settings.cache_clear()
    return ready_engine(), where, not there


def count(engine: Engine) -> None:
    with engine.connect() as connection:
        numbers = {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar() for name in ("buildings", "roads")
        }
    out.print(
        f"{os.cpu_count()} cores; {numbers['buildings']:,} buildings, {numbers['roads']:,} road segments (copies of"
        f" Liechtenstein, synthetic); medians of {ROUNDS} pairs of {SECONDS:g} s; tiles where random features lie"
    )


def start_peers(stack: ExitStack, where: URL, folder: Path) -> dict[str, str]:
    """Start Horad without its cache, and those of its peers that are to be had."""
    found = {"horad": stack.enter_context(servers.horad(where, cached=False, workers=2))}
    found["tipg"] = stack.enter_context(servers.tipg(where, workers=2))
    found["pygeoapi"] = stack.enter_context(servers.pygeoapi(where, folder))
    program = servers.martin()
    if program is None:
        out.print(f"martin: not found; {servers.MARTIN} tells where it is")
    else:
        columns = {
            name: {each: column_type(name, each) for each in fields(find(name))} for name in ("buildings", "roads")
        }
        found["martin"] = stack.enter_context(servers.martin_on(where, program, columns, folder))
    for name in ("pg_tileserv", "tegola"):
        out.print(f"{name}: not found; neither comes from a registry of this machine")
    return found


def column_type(layer: str, column: str) -> str:
    described = find(layer).column(column)
    return _TYPES.get(described.python_type, "text") if described else "text"


def uncached(engine: Engine, where: URL, peers: dict[str, str]) -> None:
    for layer, z in (
        ("buildings", 14),
        ("buildings", 16),
        ("roads", 14),
        ("roads", 16),
        ("buildings", 12),
        ("roads", 12),
        ("roads", 11),
    ):
        places = load.random_tiles(engine, layer, z, TILES)
        mine = asking(peers["horad"], f"/collections/{layer}/tiles/WebMercatorQuad/{{z}}/{{row}}/{{col}}", places)
        if z >= 14:
            compare(
                f"uncached {layer} z{z}",
                mine,
                "pgbench",
                partial(load.statements, engine, where, layer, places, seconds=SECONDS),
            )
        columns = ",".join(fields(find(layer), z))
        theirs = f"/collections/public.{layer}/tiles/WebMercatorQuad/{{z}}/{{col}}/{{row}}?properties={columns}"
        compare(f"uncached {layer} z{z}", mine, "tipg", asking(peers["tipg"], theirs, places))
        if "martin" in peers:
            compare(
                f"uncached {layer} z{z}",
                mine,
                "martin",
                asking(peers["martin"], f"/{layer}/{{z}}/{{col}}/{{row}}", places),
            )
    places = load.random_tiles(engine, "buildings", 16, 8)
    slow = "/collections/buildings/tiles/WebMercatorQuad/{z}/{row}/{col}?f=mvt"
    mine = asking(peers["horad"], "/collections/buildings/tiles/WebMercatorQuad/{z}/{row}/{col}", places)
    compare("uncached buildings z16", mine, "pygeoapi", asking(peers["pygeoapi"], slow, places, seconds=20), rounds=1)


def cached(engine: Engine, where: URL, folder: Path) -> None:
    """Compare one process of Horad with one of Starlette that sends the same bytes."""
    ((z, row, col),) = load.random_tiles(engine, "buildings", 15, 1)
    path = f"/collections/buildings/tiles/WebMercatorQuad/{z}/{row}/{col}"
    with servers.horad(where, cached=True) as mine:
        request = urllib.request.Request(mine + path, headers=GZIP)
        with urllib.request.urlopen(request) as answer:
            body, tag = answer.read(), answer.headers["ETag"]
        (folder / "body").write_bytes(body)
        with servers.bare(folder / "body") as theirs:
            named = f"cached tile, {len(body) / 1000:.0f} kB"
            compare(
                named,
                asking(mine, path, [(0, 0, 0)], headers=GZIP),
                "starlette",
                asking(theirs, "/tiles/1/2/3", [(0, 0, 0)], headers=GZIP),
            )
            held, bare = ({**GZIP, "If-None-Match": each} for each in (tag, '"1"'))
            compare(
                "304",
                asking(mine, path, [(0, 0, 0)], headers=held),
                "starlette",
                asking(theirs, "/tiles/1/2/3", [(0, 0, 0)], headers=bare),
            )


def grown(engine: Engine, where: URL) -> None:
    """Compare the base with one that has a twelfth of the data: the same tiles, with the same features in them."""
    small, few = base(SMALL, copies=FEW)
    for layer in ("buildings", "roads"):
        both = [load.features_in(each, layer, load.random_tiles(small, layer, 14, TILES)) for each in (engine, small)]
        places = [tile for tile, count in both[1].items() if both[0][tile] == count]
        with servers.horad(where, cached=False) as first, servers.horad(few, cached=False) as second:
            path = f"/collections/{layer}/tiles/WebMercatorQuad/{{z}}/{{row}}/{{col}}"
            compare(
                f"{layer} z14",
                asking(first, path, places),
                f"{FEW / city.COPIES:.0%} of it",
                asking(second, path, places),
            )


def asking(
    url: str, template: str, places: list[load.Tile], *, seconds: float = SECONDS, headers: dict[str, str] | None = None
) -> Measure:
    paths = [template.format(z=z, row=row, col=col) for z, row, col in places]
    server = servers.process_of(url)
    return lambda: load.requests(url, paths, seconds=seconds, server=server, headers=headers)


def compare(case: str, mine: Measure, name: str, theirs: Measure, *, rounds: int = ROUNDS) -> None:
    """Measure both turn and turn about, and tell the median of the ratios."""
    pairs = [(mine(), theirs()) for _ in range(rounds)]
    ratio = statistics.median(one.per_s / other.per_s for one, other in pairs)
    rates = [statistics.median(each.per_s for each in side) for side in zip(*pairs, strict=True)]
    spent = [statistics.median(each.processor_us for each in side) for side in zip(*pairs, strict=True)]
    out.print(
        f"{case:26} {ratio:6.2f} x {name:9} ({rates[0]:7.1f} and {rates[1]:7.1f} a second); by processor time"
        f" {spent[1] / spent[0]:5.2f} ({spent[0]:.0f} and {spent[1]:.0f} µs)"
    )


if __name__ == "__main__":
    main()
