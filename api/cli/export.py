"""``horad export``: a layer into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.cli.console import stdout_console
from layers.export import LAYER_FORMATS, export_layer
from layers.postgres.startup import ready_engine
from layers.reading import store

out = stdout_console()


def export(
    layer: Annotated[str, typer.Argument(help="Its name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=f"The file to write: {', '.join(LAYER_FORMATS)}.")],
    territory: Annotated[
        str | None, typer.Option("--territory", "-t", help="Id of a territory, such as helsinki.")
    ] = None,
    bbox: Annotated[str | None, typer.Option(help="Only what touches west,south,east,north in degrees.")] = None,
    as_of: Annotated[str | None, typer.Option(help="As it was at a time or on a date, such as 2024-05-01.")] = None,
) -> None:
    """Write a layer to a file."""
    query = store.Query(
        territory=territory,
        bbox=None if bbox is None else store.parse_bbox(bbox),
        as_of=None if as_of is None else store.parse_moment(as_of),
    )
    with Console(stderr=True).status(f"Writing {output} …"), ready_engine().connect() as connection:
        count = export_layer(connection, layer, output, query)
    out.print(f"Wrote {count:,} features of {layer} to {output}")
