"""Runs of processes that nobody waits for: asked for now, run by a worker, their results fetched later."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import procrastinate
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from geo.errors import HoradError, InvalidInputError
from layers.errors import BusyError, NotFoundError
from layers.models.registry import ProcessJob
from layers.processes import processes

log = logging.getLogger("horad")

TASK = "run_process"
QUEUE = "processes"

ACCEPTED, RUNNING, SUCCESSFUL, FAILED, DISMISSED = "accepted", "running", "successful", "failed", "dismissed"
STATUSES = (ACCEPTED, RUNNING, SUCCESSFUL, FAILED, DISMISSED)

_KEPT = dt.timedelta(days=7)
_MOST_WAITING = 100
_EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
_UNFORESEEN = "The process failed in a way that it shouldn't; it is in the server's log."

_queue = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())


class NoSuchJobError(NotFoundError):
    """There is no job of that id, or it isn't the caller's."""

    problem_type = f"{_EXCEPTIONS}/no-such-job"


class ResultNotReadyError(NotFoundError):
    """The job hasn't ended."""

    problem_type = f"{_EXCEPTIONS}/result-not-ready"


class JobFailedError(HoradError):
    """The job ended without a result; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run, as far as it is.

    Parameters
    ----------
    response
        ``raw`` or ``document``: in which form its outputs were asked for.
    message
        Why it failed.
    wrong_inputs
        Whether it failed for its inputs.
    """

    id: str
    process: str
    territory: str | None
    outputs: tuple[str, ...]
    response: str
    status: str
    message: str | None
    wrong_inputs: bool
    created: dt.datetime
    started: dt.datetime | None
    finished: dt.datetime | None
    updated: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which jobs are wanted: of these processes, in these states, made in this time, of this length in seconds."""

    processes: Sequence[str] = ()
    statuses: Sequence[str] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    least_duration_s: float | None = None
    most_duration_s: float | None = None
    limit: int = 100


_COLUMNS = (
    ProcessJob.id,
    ProcessJob.process,
    ProcessJob.territory,
    ProcessJob.outputs,
    ProcessJob.response,
    ProcessJob.status,
    ProcessJob.message,
    ProcessJob.problem,
    ProcessJob.created,
    ProcessJob.started,
    ProcessJob.finished,
    ProcessJob.updated,
)


def submit(
    engine: Engine,
    *,
    process: str,
    inputs: Mapping[str, Any],
    outputs: Sequence[str],
    response: str,
    territory: str | None,
    principal: str | None,
) -> Job:
    """Put a run in the queue.

    Parameters
    ----------
    engine
        Of the owner of the base.
    inputs, outputs
        Checked already.
    principal
        Who asks, and with whose rights it will run; ``None`` for the public.

    Raises
    ------
    BusyError
        Too many runs of the caller are waiting.
    """
    with engine.begin() as connection:
        mine = ProcessJob.principal.is_not_distinct_from(principal)
        waiting = sa.select(sa.func.count()).where(mine, ProcessJob.status.in_((ACCEPTED, RUNNING)))
        if connection.execute(waiting).scalar_one() >= _MOST_WAITING:
            raise BusyError(f"{_MOST_WAITING} jobs are waiting already: fetch or dismiss some first.")
        connection.execute(sa.delete(ProcessJob).where(ProcessJob.created < sa.func.now() - _KEPT))
        values = {"process": process, "inputs": dict(inputs), "outputs": list(outputs), "response": response}
        row = {**values, "id": str(uuid4()), "territory": territory, "principal": principal}
        made = connection.execute(sa.insert(ProcessJob).values(row).returning(*_COLUMNS)).one()
        connection.exec_driver_sql("SET LOCAL search_path TO jobs")
        raw = connection.connection.driver_connection
        _queue.configure_task(TASK, queue=QUEUE, allow_unknown=True, connection=raw).defer(job=made.id)
    return _job(made)


def find(connection: Connection, job: str) -> Job:
    """Return a job that the connection may see.

    Raises
    ------
    NoSuchJobError
        There is none of that id.
    """
    row = connection.execute(sa.select(*_COLUMNS).where(ProcessJob.id == job)).one_or_none()
    if row is None:
        raise NoSuchJobError(f"There is no job {job!r}: it never was, is older than {_KEPT.days} days, or isn't yours")
    return _job(row)


def find_all(connection: Connection, search: Search) -> list[Job]:
    """Return the jobs that the connection may see, the latest first."""
    length = sa.func.extract("epoch", sa.func.coalesce(ProcessJob.finished, sa.func.now()) - ProcessJob.started)
    statement = sa.select(*_COLUMNS)
    if search.processes:
        statement = statement.where(ProcessJob.process.in_(search.processes))
    if search.statuses:
        statement = statement.where(ProcessJob.status.in_(search.statuses))
    if search.since is not None:
        statement = statement.where(ProcessJob.created >= search.since)
    if search.until is not None:
        statement = statement.where(ProcessJob.created <= search.until)
    if search.least_duration_s is not None:
        statement = statement.where(length >= search.least_duration_s)
    if search.most_duration_s is not None:
        statement = statement.where(length <= search.most_duration_s)
    latest = statement.order_by(ProcessJob.created.desc(), ProcessJob.id).limit(search.limit)
    return [_job(row) for row in connection.execute(latest)]


def results(connection: Connection, job: str) -> dict[str, processes.Output]:
    """Return what a job gave.

    Raises
    ------
    NoSuchJobError
        There is no such job.
    ResultNotReadyError
        It hasn't ended.
    InvalidInputError
        It failed for its inputs; the text names them.
    JobFailedError
        It ended without results for another reason.
    """
    found = find(connection, job)
    if found.status in (ACCEPTED, RUNNING):
        raise ResultNotReadyError(f"The job {job} is {found.status}: its results aren't there yet.")
    if found.wrong_inputs:
        raise InvalidInputError(str(found.message))
    if found.status != SUCCESSFUL:
        raise JobFailedError(found.message or f"The job {job} was dismissed.")
    kept = connection.execute(sa.select(ProcessJob.results).where(ProcessJob.id == job)).scalar_one()
    return {name: processes.Output(**each) for name, each in kept.items()}


def dismiss(engine: Engine, job: str) -> Job:
    """End a job: it isn't run any more, or what it gives is thrown away; results it gave are forgotten.

    Raises
    ------
    NoSuchJobError
        There is no such job.
    """
    now = sa.func.now()
    finished = sa.func.coalesce(ProcessJob.finished, now)
    ended = {"status": DISMISSED, "results": None, "message": None, "updated": now, "finished": finished}
    with engine.begin() as connection:
        connection.execute(sa.update(ProcessJob).where(ProcessJob.id == job).values(ended))
        return find(connection, job)


def run_now(engine: Engine, engine_of: Callable[[str | None], Engine], job: str) -> None:
    """Run a job that is waiting, and keep what comes of it.

    Parameters
    ----------
    engine
        Of the owner of the base.
    engine_of
        Gives connections with the rights of a principal; of the public for ``None``.
    job
        Its id; one that isn't waiting any more is left alone.
    """
    with engine.begin() as connection:
        start = {"status": RUNNING, "started": sa.func.now(), "updated": sa.func.now()}
        waiting = sa.update(ProcessJob).where(ProcessJob.id == job, ProcessJob.status == ACCEPTED).values(start)
        row = connection.execute(waiting.returning(ProcessJob)).one_or_none()
    if row is None:
        return
    try:
        given = processes.run(engine_of(row.principal), row.process, row.inputs, territory=row.territory)
    except HoradError as error:
        _end(engine, job, FAILED, message=str(error), problem=type(error).__name__)
    except Exception:
        _end(engine, job, FAILED, message=_UNFORESEEN)
        raise
    else:
        kept = {name: {"text": each.text, "media_type": each.media_type} for name, each in given.items()}
        _end(engine, job, SUCCESSFUL, results=kept)


def fail(engine: Engine, job: str, message: str) -> None:
    """Say of a job that its worker has gone."""
    _end(engine, job, FAILED, message=message)


def _end(engine: Engine, job: str, status: str, **values: Any) -> None:
    ended = {"status": status, "finished": sa.func.now(), "updated": sa.func.now(), **values}
    with engine.begin() as connection:
        connection.execute(
            sa.update(ProcessJob).where(ProcessJob.id == job, ProcessJob.status == RUNNING).values(ended)
        )


def _job(row: Any) -> Job:
    values = row._asdict()
    wrong = values.pop("problem") in ("InvalidInputError", "NotFoundError")
    return Job(**{**values, "outputs": tuple(row.outputs)}, wrong_inputs=wrong)
