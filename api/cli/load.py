"""``horad load``: a file into the layers of a territory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from api.cli.console import loading_progress, print_json, print_report, stdout_console
from api.cli.without_pandas import import_without_pandas
from layers.loads import loading
from layers.postgres.startup import ready_engine
from layers.sources.networks.placement import parse_anchor

out = stdout_console()

_TABLES = "Tables of text, workbooks and Parquet"


def load(
    file: Annotated[
        Path,
        typer.Argument(
            help="OpenStreetMap, GTFS, EPANET, pandapower, vector files of any kind, tables of text, workbooks or"
            " Parquet; also packed as zip, gz, bz2, xz or zst."
        ),
    ],
    layer: Annotated[
        list[str] | None, typer.Option("--layer", "-l", help="The layer to fill; may be repeated.")
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            "--table", help="The table of the file that fills the layer; repeated with --layer, in the same order."
        ),
    ] = None,
    territory: Annotated[
        str | None, typer.Option("--territory", "-t", help="Id of a territory, such as helsinki.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Under which name the file is known; by default its own.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the coordinates where the file doesn't say.")] = None,
    swapped: Annotated[
        bool, typer.Option("--swapped", help="Latitude or northing stands before longitude or easting.")
    ] = False,
    key: Annotated[
        list[str] | None, typer.Option(help="The column of ids; repeated where several make one together.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of texts in a Shapefile or a table, where it isn't found out.")
    ] = None,
    x: Annotated[
        str | None, typer.Option("--x", help="The column of longitude or easting.", rich_help_panel=_TABLES)
    ] = None,
    y: Annotated[
        str | None, typer.Option("--y", help="The column of latitude or northing.", rich_help_panel=_TABLES)
    ] = None,
    geometry: Annotated[
        str | None, typer.Option(help="A column of WKT, hexadecimal WKB or GeoJSON.", rich_help_panel=_TABLES)
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between cells.", rich_help_panel=_TABLES)] = None,
    anchor: Annotated[
        str | None,
        typer.Option(help="For a network in local coordinates: x,y,lon,lat of one point, then rotation_deg,units."),
    ] = None,
    outside: Annotated[
        Literal["reject", "keep"], typer.Option(help="What becomes of features far outside the territory.")
    ] = "reject",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Load a file into the layers of a territory.

    Without --territory it goes to the one in which it lies, or to a new one, named after the file. Without --layer its
    tables go to the layers of their names. What is found out and not said is told. The exit code is 1 where nothing of
    it could be taken.
    """
    import_without_pandas()
    engine = ready_engine()
    stated = {
        "tables": tuple(table or ()),
        "crs": crs,
        "swapped": swapped,
        "key": tuple(key) if key else None,
        "encoding": encoding,
        "x": x,
        "y": y,
        "geometry": geometry,
        "delimiter": delimiter,
        "anchor": None if anchor is None else parse_anchor(anchor),
    }
    place = loading.territory_for(engine, file, wanted=territory, **stated)
    name = place if isinstance(place, str) else place.id
    with loading_progress(Console(stderr=True) if as_json else out) as progress:
        report = loading.load_file(
            engine,
            file,
            territory=place,
            source=source or file.name.split(".")[0].lower(),
            layers=layer,
            outside=outside,
            progress=progress(file.name),
            **stated,
        )
    if as_json:
        print_json(report.as_dict())
    else:
        new = "" if isinstance(place, str) else " (new)"
        into = f"{file.name} into the territory {name}{new} as the source {report.source}"
        out.print(f"Not loaded: {report.refusal}" if report.refusal else f"Loaded {into}", soft_wrap=True)
        print_report(out, report)
    if report.refusal:
        sys.exit(1)
