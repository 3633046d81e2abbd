"""What the command line shows: progress and accounts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from layers.loads.accounts import LayerReport, Report
from layers.loads.ingest import Progress as Listener
from layers.loads.loading import Outcome

_AS_WIDE_AS_NEEDED = 100_000


def stdout_console(*, markup: bool = True, soft_wrap: bool = False) -> Console:
    """Return the console of a command: what doesn't go to a terminal isn't folded or cut to any width."""
    console = Console(highlight=False, markup=markup, soft_wrap=soft_wrap)
    if not console.is_terminal:
        console.width = _AS_WIDE_AS_NEEDED
    return console


@contextmanager
def loading_progress(console: Console) -> Iterator[Callable[[str], Listener]]:
    """Show a bar a source while sources are loaded; give the function that makes a listener for a source."""
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[records]:,} records"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:

        def listen(source: str) -> Listener:
            task = bars.add_task(source, total=None, records=0)

            def advance(records: int, share: float | None) -> None:
                if share is None:
                    bars.update(task, records=records)
                else:
                    bars.update(task, records=records, total=1.0, completed=share)

            return advance

        yield listen


def print_json(value: Any) -> None:
    """Print a value as JSON, and nothing else, for other programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print what became of a source."""
    console.print(f"Source     {outcome.source}: {outcome.note}", markup=False, soft_wrap=True)
    if outcome.report is not None:
        print_report(console, outcome.report)


def print_report(console: Console, report: Report) -> None:
    """Print what became of the records of a load, by layer, how long it took, and why some were not taken."""
    counts = {layer: _counts(account) for layer, account in report.layers.items()}
    shown = [name for name in _COUNTS if any(each[name] for each in counts.values())]
    if not shown:
        console.print("  nothing in it for any layer")
        return
    table = Table("  layer", box=None, padding=(0, 1), pad_edge=False)
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for layer, each in counts.items():
        if any(each.values()):
            table.add_row(f"  {layer}", *(f"{each[name]:,}" if each[name] else "·" for name in shown))
    console.print(table)
    load = f"load {report.run}, " if report.run is not None else ""
    console.print(f"  [dim]{load}{report.duration_s:.1f} s, {report.records_per_s:,.0f} records a second[/dim]")
    for remark in report.remarks:
        console.print(f"  [dim]{escape(remark)}[/dim]", soft_wrap=True)
    for layer, account in report.layers.items():
        for reason, times in account.rejected.items():
            console.print(f"  [dim]{layer}: {times:,} rejected: {escape(reason)}[/dim]", soft_wrap=True)
    if report.run is not None and any(account.rejected for account in report.layers.values()):
        console.print("  [dim]nothing rejected is lost: horad rejects list, export, retry[/dim]", soft_wrap=True)


def _counts(account: LayerReport) -> dict[str, int]:
    return {name: getattr(account, name) for name in _COUNTS if name != "rejected"} | {
        "rejected": sum(account.rejected.values())
    }


_COUNTS = (
    "read",
    "added",
    "changed",
    "unchanged",
    "reappeared",
    "gone",
    "kept",
    "rejected",
    "repaired",
    "outside",
    "cut",
)
