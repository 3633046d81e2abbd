"""The commands ``horad rasters``: the catalogue of rasters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from api.cli.console import print_json, stdout_console
from geo.errors import InvalidInputError
from geo.language import LANGUAGES
from layers.postgres.startup import ready_engine
from layers.rasters.catalogue import Raster, add_raster, find_raster, list_rasters, remove_raster
from layers.rasters.description import RasterDescription, RasterKind

rasters_app = typer.Typer(help="The catalogue of rasters: elevation, population, night lights, land cover, imagery.")
out = stdout_console()

TerritoryArgument = Annotated[str, typer.Option("--territory", "-t", help="Id of a territory of the base.")]
TimeOption = Annotated[str | None, typer.Option(help="When it is of: 2024, 2024-05, 2024-05-17 or a moment.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@rasters_app.command("list")
def list_(
    territory: Annotated[str | None, typer.Option("--territory", "-t", help="Only those of a territory.")] = None,
    collection: Annotated[str | None, typer.Option(help="Only those of a collection.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the rasters of the catalogue."""
    with ready_engine().connect() as connection:
        found = list_rasters(connection, territory=territory, collection=collection)
    if as_json:
        print_json([_as_dict(each) for each in found])
        return
    if not found:
        out.print("no rasters yet")
        return
    table = Table("territory", "collection", "time", "source", "shows", "pixels", "metres", box=None, pad_edge=False)
    for each in found:
        size = f"{each.width:,} × {each.height:,} × {len(each.bands)}"
        table.add_row(
            each.territory,
            each.collection,
            each.time_text or "·",
            each.source,
            each.kind,
            size,
            f"{each.resolution_m:,.1f}",
        )
    out.print(table)


@rasters_app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A GeoTIFF, or another raster such as .hgt.zip.")],
    territory: TerritoryArgument,
    collection: Annotated[str, typer.Option(help="To which it belongs, such as elevation or night-lights.")],
    content: Annotated[str, typer.Option(help=f"What it shows: {', '.join(get_args(RasterKind))}.")],
    time: TimeOption = None,
    source: Annotated[str | None, typer.Option(help="Where it is from; by default its file's name.")] = None,
    title: Annotated[str | None, typer.Option(help="By default what it shows.")] = None,
    attribution: Annotated[str, typer.Option(help="What must be shown wherever it is.")] = "",
    unit: Annotated[list[str] | None, typer.Option(help="Of the values of a band; may be repeated.")] = None,
    nodata: Annotated[str | None, typer.Option(help="Value of pixels that say nothing, or none.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the file, where it doesn't say.")] = None,
    reproject_to: Annotated[str | None, typer.Option(help="CRS to which it is resampled; by default it isn't.")] = None,
    restricted: Annotated[bool, typer.Option("--restricted", help="Only members of the territory see it.")] = False,
) -> None:
    """Make a raster into a Cloud-Optimised GeoTIFF and take it into the catalogue."""
    words: dict[str, Any] = {
        "collection": collection,
        "content": content,
        "time": time,
        "source": source or _plain(file),
        "title": None if title is None else dict.fromkeys(LANGUAGES, title),
        "attribution": attribution,
        "bands": None if unit is None else [{"unit": each} for each in unit],
        "nodata": nodata,
        "crs": crs,
        "reproject_to": reproject_to,
        "restricted": restricted,
    }
    description = _described(words)
    with Console(stderr=True).status(f"Reading {file.name} …"):
        raster, outcome = add_raster(ready_engine(), file, territory=territory, description=description)
    time_text = f" of {raster.time_text}" if raster.time_text else ""
    out.print(f"{raster.collection}{time_text} from {raster.source}: {outcome}, {raster.path}", soft_wrap=True)


@rasters_app.command()
def remove(
    collection: Annotated[str, typer.Argument(help="To which it belongs.")],
    territory: TerritoryArgument,
    time: TimeOption = None,
    source: Annotated[str | None, typer.Option(help="Where it is from.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All rasters of the collection.")] = False,
) -> None:
    """Take a raster out of the catalogue and remove its file."""
    engine = ready_engine()
    with engine.connect() as connection:
        found = list_rasters(connection, territory=territory, collection=collection, source=source)
        chosen = found if every else [find_raster(connection, territory, collection, time=time, source=source)]
    if time is None and not every and len(found) > 1:
        times = ", ".join(each.time_text or "no time" for each in found)
        raise InvalidInputError(
            f"{collection} has {len(found)} rasters, of {times}: name one with --time, or say --all"
        )
    for raster in chosen:
        remove_raster(engine, raster)
        out.print(f"{raster.collection} {raster.time_text or ''} from {raster.source}: removed", soft_wrap=True)


def _described(words: dict[str, Any]) -> RasterDescription:
    try:
        return RasterDescription.model_validate(words)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(str(step) for step in each['loc'])}: {each['msg']}" for each in error.errors())
        raise InvalidInputError(problems) from error


def _plain(file: Path) -> str:
    """Return a name for a source, made of the file's."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in file.name.split(".")[0])
    return letters.lower().strip("-") or "file"


def _as_dict(raster: Raster) -> dict[str, Any]:
    names = (
        "territory", "collection", "source", "title", "kind", "attribution", "crs", "width", "height", "resolution_m",
        "bands", "colour_scale", "overviews", "restricted",
    )  # fmt: skip
    return {name: getattr(raster, name) for name in names} | {
        "time": raster.time_text,
        "file": str(raster.path),
        "bbox": list(raster.footprint.bounds),
    }
