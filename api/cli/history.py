"""The commands of history: what changed, what a feature has been through, and taking a change back."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import pyogrio
import typer
from rich.table import Table
from sqlalchemy import Connection, text

from api.cli.console import print_json, stdout_console
from geo.errors import InvalidInputError
from layers.access import audit
from layers.catalog import find
from layers.export import FORMATS
from layers.history import history
from layers.history.changes import KINDS, ChangeReport, changes, versions_of_source
from layers.postgres.startup import ready_engine
from layers.reading import store

out = stdout_console()

LayerArgument = Annotated[str, typer.Argument(help="Name of the layer.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
TerritoryOption = Annotated[str | None, typer.Option("--territory", "-t", help="Id of a territory.")]
_RUNS = """SELECT id, territory, source, file_name, finished_at,
 (SELECT sum((value ->> 'added')::int) FROM jsonb_each(report -> 'layers')) AS added,
 (SELECT sum((value ->> 'changed')::int) FROM jsonb_each(report -> 'layers')) AS changed,
 (SELECT sum((value ->> 'gone')::int) FROM jsonb_each(report -> 'layers')) AS gone
 FROM ingest_runs WHERE territory = coalesce(:territory, territory) ORDER BY id DESC LIMIT :limit"""


def show_runs(
    territory: TerritoryOption = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the loads, the newest first, with their numbers."""
    with ready_engine().connect() as connection:
        rows = connection.execute(text(_RUNS), {"territory": territory, "limit": limit}).mappings().all()
    if as_json:
        print_json([{**row, "finished_at": row["finished_at"].isoformat()} for row in rows])
        return
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for name in ("run", "finished", "territory", "source", "added", "changed", "gone", "file"):
        table.add_column(
            name, no_wrap=name != "file", justify="right" if name in {"added", "changed", "gone"} else "left"
        )
    for row in rows:
        counts = [f"{row[name] or 0:,}" for name in ("added", "changed", "gone")]
        finished = f"{row['finished_at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(row["id"]), finished, row["territory"], row["source"], *counts, row["file_name"])
    out.print(table)


def show_changes(
    layer: LayerArgument,
    since: Annotated[str | None, typer.Option(help="A time or a date, such as 2024-05-01.")] = None,
    until: Annotated[str | None, typer.Option(help="A time or a date; by default now.")] = None,
    runs: Annotated[
        tuple[int, int] | None, typer.Option(help="Instead of times, the numbers of two loads (see horad runs).")
    ] = None,
    territory: TerritoryOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"Write the features: {', '.join(FORMATS)} or a map, .html.")
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the map: en, ru or be.")] = "en",
    as_json: JsonOption = False,
) -> None:
    """Compare a layer at two moments, or two versions of a source."""
    with ready_engine().connect() as connection:
        compared = _compared(connection, since, until, runs)
        report = changes(connection, layer, **{"territory": territory, **compared})
    if output is not None:
        _write(report, output, lang)
    if as_json:
        print_json(
            {"since": report.since.isoformat(), "until": report.until.isoformat(), "classes": _classes(report.totals)}
        )
        return
    out.print(_table(report))
    if output is not None:
        out.print(f"Wrote {len(report.features):,} features to {output}")


def show_history(
    layer: LayerArgument,
    feature: Annotated[int, typer.Argument(help="Id of the feature.")],
    as_json: JsonOption = False,
) -> None:
    """Show what a feature has been through."""
    with ready_engine().connect() as connection:
        states = history.timeline(connection, layer, feature)
    if as_json:
        print_json([_plain(asdict(state)) for state in states])
        return
    for number, state in enumerate(states):
        by = f"load {state.run}" if state.run is not None else state.by
        out.print(f"{state.since:%Y-%m-%d %H:%M:%S}  {'added' if number == 0 else 'changed'} by {by}", markup=False)
        for name in state.changed:
            if number or state.values[name] not in (None, {}):
                out.print(f"    {name}: {state.values[name]}", markup=False, soft_wrap=True)
    last = states[-1]
    if last.until is not None:
        by = f"load {last.ended_run}" if last.ended_run is not None else last.ended_by
        out.print(f"{last.until:%Y-%m-%d %H:%M:%S}  removed by {by}", markup=False)


def undo(
    layer: Annotated[str | None, typer.Argument(help="Name of the layer.")] = None,
    feature: Annotated[int | None, typer.Argument(help="Id of the feature.")] = None,
    run: Annotated[int | None, typer.Option(help="Take a whole load back, by its number (see horad runs).")] = None,
) -> None:
    """Take back the last change of a feature, or a whole load."""
    engine = ready_engine()
    if (run is None) == (layer is None or feature is None):
        raise InvalidInputError("Name either a layer and the id of a feature, or a load with --run.")
    with engine.begin() as connection, history.acting(connection, getpass.getuser()):
        if run is not None:
            audit.note(connection, "undo load", str(run))
            for name, counts in history.undo_run(connection, run).items():
                out.print(f"{name}: " + ", ".join(f"{number:,} {what}" for what, number in counts.items()))
            return
        what = history.undo(connection, str(layer), int(str(feature)))
        audit.note(connection, "undo", f"{layer} {feature}")
    out.print(f"Feature {feature} of {layer} is {'as before' if what == 'changed' else what}")


def _compared(
    connection: Connection, since: str | None, until: str | None, runs: tuple[int, int] | None
) -> dict[str, Any]:
    if (since is None) == (runs is None):
        raise InvalidInputError("Name either --since, and --until if it isn't now, or two loads with --runs.")
    if runs is not None:
        return versions_of_source(connection, *runs)._asdict()
    return {
        "since": store.parse_moment(str(since)),
        "until": None if until is None else store.parse_moment(until),
    }


def _write(report: ChangeReport, output: Path, lang: str) -> None:
    if output.suffix == ".html":
        report.map(lang=lang, max_features=10_000, max_bytes=10_000_000).save(output)
        return
    if output.suffix not in FORMATS:
        raise InvalidInputError(f"{output.name}: the suffix must be .html or one of {', '.join(FORMATS)}.")
    frame = report.features.reset_index()
    frame["changed"] = [", ".join(names) for names in frame["changed"]]
    frame["before"] = [str(values) for values in frame["before"]]
    pyogrio.write_dataframe(frame, output, driver=FORMATS[output.suffix])


def _table(report: ChangeReport) -> Table:
    """Return the totals as a table: features, then kilometres or square kilometres."""
    shown = {"features_before": "before", "features_after": "after"} | {kind: kind for kind in KINDS}
    measure = next((name for name in ("length_m", "area_m2") if f"{name}_before" in report.totals), None)
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column(find(report.layer).layer.style.column or "", no_wrap=True)
    for title in shown.values():
        table.add_column(title, justify="right", no_wrap=True)
    unit, divisor = ("km", 1e3) if measure == "length_m" else ("km²", 1e6)
    for side in ("before", "after") if measure else ():
        table.add_column(f"{unit} {side}", justify="right", no_wrap=True)
    for name, row in report.totals.iterrows():
        cells = [f"{row[each]:,.0f}" for each in shown]
        cells += [f"{row[f'{measure}_{side}'] / divisor:,.5g}" for side in ("before", "after")] if measure else []
        table.add_row(str(name) or "–", *cells)
    return table


def _classes(totals: pd.DataFrame) -> dict[str, Any]:
    return {str(name): row for name, row in totals.to_dict("index").items()}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}
