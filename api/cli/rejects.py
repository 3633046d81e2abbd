"""``horad rejects``: records that loads could not take."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import print_json, print_report, stdout_console
from geo.errors import InvalidInputError
from layers.loads.reject_files import SUFFIXES, read_rejects, write_rejects
from layers.loads.rejects import Group, Which, groups, rejects, retry
from layers.postgres.startup import ready_engine

rejects_app = typer.Typer(
    help="Records that loads could not take: list them, export them to be mended, and feed them again. By default those"
    " that no later load of their source has replaced.",
    no_args_is_help=True,
)
out = stdout_console()

TerritoryOption = Annotated[str | None, typer.Option("--territory", "-t", help="Only those of a territory.")]
SourceOption = Annotated[str | None, typer.Option("--source", "-s", help="Only those of a source.")]
LayerOption = Annotated[str | None, typer.Option("--layer", "-l", help="Only those of a layer.")]
RunOption = Annotated[int | None, typer.Option("--run", help="Those of the load with this number.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@rejects_app.command("list")
def list_rejects(
    territory: TerritoryOption = None,
    source: SourceOption = None,
    layer: LayerOption = None,
    run: RunOption = None,
    records: Annotated[
        bool, typer.Option("--records", help="Show the records themselves; they may hold personal data.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List how many records were rejected, and why."""
    which = Which(territory, source, layer, run)
    with ready_engine().connect() as connection:
        found = groups(connection, which)
        told = [asdict(each) for each in rejects(connection, which)] if records else []
    if as_json:
        print_json(told if records else [_plain(each) for each in found])
    elif not found:
        out.print("No rejects")
    elif records:
        for each in told:
            out.print(escape(json.dumps(each, ensure_ascii=False)), soft_wrap=True)
    else:
        _print_groups(found)


@rejects_app.command("export")
def export_rejects(
    output: Annotated[Path, typer.Option("--output", "-o", help=f"The file to write: {', '.join(SUFFIXES)}.")],
    territory: TerritoryOption = None,
    source: SourceOption = None,
    layer: LayerOption = None,
    run: RunOption = None,
) -> None:
    """Write rejected records to a file, as they came, to be mended and given to `horad rejects retry`."""
    with ready_engine().connect() as connection:
        count = write_rejects(connection, output, Which(territory, source, layer, run))
    out.print(f"Wrote {count:,} rejects to {output}, which only you can read: records may hold personal data")


@rejects_app.command("retry")
def retry_rejects(
    file: Annotated[Path | None, typer.Argument(help="A mended export; without one the records as they came.")] = None,
    territory: TerritoryOption = None,
    source: SourceOption = None,
    layer: LayerOption = None,
    run: RunOption = None,
    outside: Annotated[
        Literal["reject", "keep"] | None, typer.Option(help="What becomes of features far outside the territory.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Feed rejected records to their layers again; nothing else of their source changes."""
    if file is not None and any((territory, source, layer, run)):
        raise InvalidInputError("A mended file says itself which rejects it holds: leave the other choices out.")
    engine = ready_engine()
    with engine.connect() as connection:
        which = Which(territory, source, layer, run)
        found = list(rejects(connection, which)) if file is None else read_rejects(connection, file)
    reports = retry(engine, found, outside=outside)
    if as_json:
        print_json([each.as_dict() for each in reports])
        return
    if not reports:
        out.print("No rejects")
    for report in reports:
        out.print(f"Fed again: {report.file_name}, {report.source} of {report.territory}")
        print_report(out, report)


def _plain(group: Group) -> dict[str, Any]:
    return {**asdict(group), "at": group.at.isoformat()}


def _print_groups(found: list[Group]) -> None:
    table = Table("territory", "source", "layer", "load", "of", box=None, padding=(0, 2), pad_edge=False)
    table.add_column("records", justify="right")
    table.add_column("reason")
    for each in found:
        at = f"{each.at:%Y-%m-%d %H:%M}"
        table.add_row(
            each.territory, each.source, each.layer, str(each.run), at, f"{each.number:,}", escape(each.reason)
        )
    out.print(table)
