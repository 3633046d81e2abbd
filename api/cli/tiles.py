"""`horad tiles`: the whole pyramid of tiles in one file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli.console import stdout_console
from geo.errors import InvalidInputError
from layers.catalog import all_layers, find
from layers.errors import DatabaseError
from layers.history.announcements import Announcements, announcements
from layers.postgres.startup import ready_engine
from layers.territories.territory import attribution_line, family, find_territory, registered
from layers.tiles import archives, pmtiles

_LISTENS_WITHIN_S = 10.0

out = stdout_console()


def tiles(
    to: Annotated[Path, typer.Option("--to", help="The file to write, such as city.pmtiles.")],
    territory: Annotated[
        str | None, typer.Option("--territory", "-t", help="Only its features; by default all.")
    ] = None,
    layers: Annotated[str | None, typer.Option(help="Names of layers, separated by commas; by default all.")] = None,
    min_zoom: Annotated[int, typer.Option(help="The first zoom.")] = 0,
    max_zoom: Annotated[int, typer.Option(help="The last zoom; maps enlarge its tiles beyond.")] = 14,
    publish: Annotated[
        bool, typer.Option("--publish", help="Let the service serve the file, under /archives.")
    ] = False,
) -> None:
    """Write all tiles that everybody may see into one PMTiles file.

    Stopped half-way and started again, it goes on where it was; only what has changed meanwhile is made again.
    """
    if to.suffix != ".pmtiles":
        raise InvalidInputError(f"{to}: the file must end in .pmtiles, which is what is written.")
    name = archives.check_name(to.stem) if publish else ""
    engine = ready_engine()
    wanted = tuple(dict.fromkeys(layers.split(","))) if layers else tuple(all_layers())
    pyramid = pmtiles.Pyramid(
        layers=tuple(find(each).name for each in wanted), territory=territory, min_zoom=min_zoom, max_zoom=max_zoom
    )
    with engine.connect() as connection, _listening() as known, _bar() as progress:
        title = "Horad" if territory is None else find_territory(connection, territory)["title"]["en"]
        places = registered(connection)
        if territory is not None:
            inside = family(connection, territory)
            places = [each for each in places if each["id"] in inside]
        making = pmtiles.write(
            connection, known, pyramid, to, title=title, attribution=attribution_line(places), progress=progress
        )
        written = asyncio.run(making)
    size = f"{written.size_bytes / 1e6:,.1f} MB"
    out.print(f"Wrote {written.tiles:,} tiles, {written.contents:,} of them different, to {to} ({size})")
    if written.made < written.tiles:
        out.print(f"  {written.made:,} were made now, the others at an earlier start")
    if publish:
        archives.publish(to, name)
        out.print(f"Served     /archives/{name}")


@contextmanager
def _listening() -> Iterator[Announcements]:
    known = announcements()
    known.start()
    try:
        if not known.wait(_LISTENS_WITHIN_S):
            raise DatabaseError("The base's announcements can't be heard.")
        yield known
    finally:
        known.stop()


@contextmanager
def _bar() -> Iterator[pmtiles.Progress]:
    columns = (
        TextColumn("  tiles"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[made]:,} made"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None, made=0)
        yield lambda done, total, made: bars.update(task, completed=done, total=total, made=made)
