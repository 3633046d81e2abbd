"""``horad run``: a command an analysis, made from its description."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import geopandas as gpd
import pyogrio
import typer
from rich.console import Console
from rich.table import Table

from api.cli.console import stdout_console
from api.inputs import describe, from_text, is_points, places
from geo.analysis import Analysis, Column, all_analyses
from geo.errors import InvalidInputError
from geo.maps import PAGE_BYTES, PAGE_FEATURES, frame_map
from layers.export import FORMATS
from layers.postgres.startup import ready_engine
from layers.processes import runner
from layers.reading import store
from layers.territories.territory import attribution_of

Lang = Literal["be", "ru", "en"]

run_app = typer.Typer(help="Run an analysis on the layers of a territory.", no_args_is_help=True)

_OUTPUT_HELP = f"Write the result to a file: {', '.join(FORMATS)} or, as a map, .html. By default a table is printed."
_AS_OF_HELP = "On the layers as they were at a time or on a date, such as 2024-05-01."
_POINTS_HELP = "As lon,lat in degrees, repeated for more; a line as lon,lat;lon,lat; or a file of points or lines."

_METAVARS = {"number": "NUMBER", "integer": "NUMBER", "array": "LIST"}
"""What an input is called in the help, by the type of its JSON schema; the analysis itself reads its text."""


def _command(described: Analysis) -> Callable[..., None]:
    """Return the function of which Typer makes a command: its signature follows from the analysis."""
    schemas = described.json_schema()

    def command(*, territory: str | None, as_of: str | None, output: Path | None, lang: str, **options: Any) -> None:
        given = {name: _value(options[name], schemas[name]) for name in schemas if options[name] not in (None, [])}
        moment = None if as_of is None else store.parse_moment(as_of)
        engine = ready_engine()
        with Console(stderr=True).status(f"{described.title['en']} …"):
            result = runner.run(engine, described.id, given, territory=territory, as_of=moment)
        if output is None:
            _print_table(result, described)
        else:
            with engine.connect() as connection:
                attribution = attribution_of(connection, territory)
            _write(result, described, output, lang, attribution)

    parameters = [_parameter(name, each) for name, each in schemas.items()]
    parameters += [
        _keyword("territory", str | None, typer.Option("--territory", "-t", help="Id of the territory.")),
        _keyword("as_of", str | None, typer.Option("--as-of", help=_AS_OF_HELP)),
        _keyword("output", Path | None, typer.Option("--output", "-o", help=_OUTPUT_HELP)),
        _keyword("lang", Lang, typer.Option("--lang", help="Language of the map."), default="en"),
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__doc__ = described.summary["en"]
    return command


def _parameter(name: str, schema: dict[str, Any]) -> inspect.Parameter:
    flag = f"--{name.replace('_', '-')}"
    if schema.get("type") == "boolean":
        return _keyword(name, bool | None, typer.Option(f"{flag}/--no-{flag[2:]}", help=describe(schema)))
    if is_points(schema):
        return _keyword(
            name, list[str] | None, typer.Option(flag, metavar="PLACES", help=f"{describe(schema)} {_POINTS_HELP}")
        )
    kinds = (each.get("type") for each in (schema, *schema.get("anyOf", ())))
    metavar = next((_METAVARS[kind] for kind in kinds if kind in _METAVARS), "TEXT")
    return _keyword(name, str | None, typer.Option(flag, metavar=metavar, help=describe(schema)))


def _keyword(name: str, kind: Any, option: Any, *, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def _value(given: Any, schema: dict[str, Any]) -> Any:
    if is_points(schema):
        return _points(given)
    return from_text(given, schema) if isinstance(given, str) else given


def _points(values: list[str]) -> Any:
    """Read the points of the command line: a file's, or the pairs written there."""
    if len(values) == 1 and Path(values[0]).is_file():
        try:
            return pyogrio.read_dataframe(values[0])
        except pyogrio.errors.DataSourceError as error:
            raise InvalidInputError(f"{values[0]} can't be read as points: {error}") from error
    return places(values)


def _write(result: gpd.GeoDataFrame, described: Analysis, output: Path, lang: str, attribution: str) -> None:
    if output.suffix == ".html":
        frame_map(
            result,
            described.view,
            lang=lang,
            title=described.title[lang],
            attribution=attribution,
            max_features=PAGE_FEATURES,
            max_bytes=PAGE_BYTES,
        ).save(output)
    elif output.suffix in FORMATS:
        pyogrio.write_dataframe(result.to_crs(4326), output, driver=FORMATS[output.suffix])
    else:
        raise InvalidInputError(f"{output.name}: the suffix must be .html or one of {', '.join(FORMATS)}.")
    stdout_console().print(f"Wrote {len(result)} features to {output}")


def _print_table(result: gpd.GeoDataFrame, described: Analysis) -> None:
    table = Table(box=None, padding=(0, 2), pad_edge=False)
    columns = described.view.columns
    for column in columns.values():
        unit = column.unit if isinstance(column.unit, str) else column.unit["en"]
        table.add_column(f"{column.title['en']}{f' ({unit})' if unit else ''}", justify="right")
    for row in result[list(columns)].itertuples(index=False):
        table.add_row(*(_shown(value, column) for value, column in zip(row, columns.values(), strict=True)))
    stdout_console().print(table)


def _shown(value: Any, column: Column) -> str:
    if value is None or value != value:
        return "–"
    return f"{value * column.scale:,.{column.decimals}f}" if isinstance(value, (int, float)) else str(value)


for _analysis in all_analyses():
    run_app.command(_analysis.id)(_command(_analysis))
