"""``horad layer``: layers of one's own, made of any file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from api.cli.console import loading_progress, print_json, print_report, stdout_console
from geo.errors import InvalidInputError
from layers.catalog import all_layers, custom_layers, find
from layers.custom import custom
from layers.custom.files import load_custom
from layers.description import CityFunction, Shape
from layers.postgres.startup import ready_engine
from layers.reading import store

layer_app = typer.Typer(help="List the layers; make, style and drop layers of your own.", no_args_is_help=True)
out = stdout_console()

NameArgument = Annotated[str, typer.Argument(help="Name of the custom layer, with or without custom_.")]


@layer_app.command()
def add(
    file: Annotated[Path, typer.Argument(help="Any file with a table of features that horad load reads.")],
    name: Annotated[str | None, typer.Option(help="Of the layer; by default that of the file.")] = None,
    territory: Annotated[
        str | None, typer.Option("--territory", "-t", help="By default the one in which the file lies.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="What users read; by default the name.")] = None,
    function: Annotated[CityFunction, typer.Option(help="The city function it belongs to.")] = CityFunction.COMMON,
    shape: Annotated[Shape | None, typer.Option(help="Which features to take, where the file mixes shapes.")] = None,
    style_by: Annotated[str | None, typer.Option(help="The field that gives the colour.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the coordinates where the file doesn't say.")] = None,
    x: Annotated[str | None, typer.Option(help="Column of longitude or easting, of a table.")] = None,
    y: Annotated[str | None, typer.Option(help="Column of latitude or northing, of a table.")] = None,
    geometry: Annotated[str | None, typer.Option(help="Column of WKT, hexadecimal WKB or GeoJSON.")] = None,
    swapped: Annotated[bool, typer.Option("--swapped", help="Latitude stands before longitude.")] = False,
    key: Annotated[list[str] | None, typer.Option(help="Column of ids; repeated where several make one.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Between cells of a table.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of texts, such as windows-1251.")] = None,
    table: Annotated[str | None, typer.Option(help="Which table of the file, where it has several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Make a layer of a file, or bring one to what the file now holds."""
    engine = ready_engine()
    with loading_progress(Console(stderr=True) if as_json else out) as progress:
        described = {"title": title, "function": function, "shape": shape, "style_by": style_by}
        report = load_custom(
            engine,
            file,
            name=name or file.name.split(".")[0],
            territory=territory,
            table=table,
            layer={**described, "progress": progress(file.name)},
            crs=crs,
            x=x,
            y=y,
            geometry=geometry,
            swapped=swapped,
            key=tuple(key) if key else None,
            delimiter=delimiter,
            encoding=encoding,
        )
    if as_json:
        print_json(report.as_dict())
        return
    out.print(f"{file.name} is the layer {next(iter(report.layers))} of {report.territory}")
    print_report(out, report)


@layer_app.command("list")
def list_layers(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """List all layers, the platform's and custom ones, with what they hold."""
    with ready_engine().connect() as connection:
        counts = {name: store.count(connection, name, store.Query()) for name in all_layers()}
    if as_json:
        print_json([_described(name, count) for name, count in counts.items()])
        return
    out_table = Table("layer", "title", "city function", "shape", "kind", box=None, padding=(0, 2), pad_edge=False)
    out_table.add_column("features", justify="right")
    for name, count in counts.items():
        row = _described(name, count)
        kind = "custom" if row["custom"] else ""
        out_table.add_row(name, row["title"]["en"], row["function"], row["shape"], kind, f"{count:,}")
    out.print(out_table)


@layer_app.command()
def drop(name: NameArgument) -> None:
    """Remove a custom layer with its features and its history."""
    custom.drop_layer(ready_engine(), name)
    out.print(f"The layer {custom.custom_name(name)} is gone")


@layer_app.command()
def style(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help="JSON: symbols with title, values, colour, outline, width_px, ...")],
) -> None:
    """Give a custom layer another style."""
    if not file.is_file():
        raise InvalidInputError(f"There is no file {file}.")
    try:
        wanted: Any = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{file} is no JSON in UTF-8: {error}") from error
    custom.set_style(ready_engine(), name, wanted)
    out.print(f"The layer {custom.custom_name(name)} has its new style")


def _described(name: str, count: int) -> dict[str, Any]:
    layer = find(name).layer
    return {
        "name": name,
        "title": dict(layer.title),
        "function": layer.function.value,
        "shape": layer.shape.value,
        "custom": name in custom_layers(),
        "features": count,
    }
