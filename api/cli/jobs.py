"""``horad worker`` and ``horad jobs``: loads that come round."""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.console import print_json, stdout_console
from layers.loads.jobs import LoadJob, load_jobs, run_worker
from layers.postgres.startup import ready_engine

out = stdout_console(markup=False)


def worker(
    once: Annotated[bool, typer.Option("--once", help="Load what is due now, then end.")] = False,
    at_once: Annotated[int, typer.Option(min=1, max=16, help="How many sources are loaded at the same time.")] = 2,
) -> None:
    """Load sources when they are due, until Ctrl-C or SIGTERM; loads that run are finished first.

    When, the schedule of each source in its territory's file says. Nothing else starts it: let the system keep it
    running beside the server. Several may run at once.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    ready_engine()
    out.print("Worker     loads what is due" if once else "Worker     waits for what is due; Ctrl-C ends it")
    run_worker(at_once=at_once, wait=not once)


def jobs(
    territory: Annotated[str | None, typer.Option("--territory", "-t", help="Only those of this territory.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Show the last scheduled loads, what came of them, and what went wrong."""
    with ready_engine().connect() as connection:
        found = load_jobs(connection, territory=territory, limit=limit)
    if as_json:
        print_json([{name: _plain(value) for name, value in asdict(each).items()} for each in found])
        return
    if not found:
        out.print("No load was put in the queue yet: `horad worker` does, for sources with a schedule.")
        return
    table = Table(
        "job", "source", "state", "queued", "tried", "what came of it", box=None, padding=(0, 2), pad_edge=False
    )
    for each in found:
        when = each.queued_at.astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(
            str(each.id), f"{each.territory}/{each.source}", _state(each), when, str(each.attempts), each.told
        )
    out.print(table)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _state(job: LoadJob) -> str:
    if job.state == "waiting" and job.next_at is not None:
        return f"waiting until {job.next_at.astimezone():%H:%M}"
    return job.state
