"""Loads that come round: what is due is put in a queue in the database, and workers take it from there.

The queue is procrastinate's, in the schema ``jobs``. Its periodic tasks are written in code, while schedules stand in
the files of territories; so that one periodic task, once a minute, looks which sources are due and puts a job a source
in the queue. A due time that passed while no worker ran is made up for once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import procrastinate
import psycopg
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from psycopg_pool import PoolTimeout
from pydantic import ValidationError
from sqlalchemy import Connection, func, make_url, select, text
from sqlalchemy.exc import OperationalError

from geo.errors import HoradError, InvalidInputError
from layers.access.roles import engine_for
from layers.custom import custom
from layers.errors import DatabaseError, NotFoundError, SourceError
from layers.models.registry import IngestRun, TerritoryRow
from layers.postgres import database
from layers.processes import process_jobs
from layers.sources.description import last_due
from layers.territories.territory import find_territory

log = logging.getLogger("horad")

QUEUE_VERSION = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
"""The last of procrastinate's own migrations that is in what our migrations make."""

_LOAD = "load_source"
_LOOK = "put_due_in_queue"
_KEPT_H = 30 * 24
_AT_ONCE = 2
_TRY_AGAIN_S = 2
_LET_END_S = 5
_LOGGERS_OF_QUEUE = tuple(f"procrastinate.{each}" for each in ("manager", "utils", "worker"))
_WORKER_GONE = "The server that ran it has gone: ask for it again."
_RETRIES = procrastinate.RetryStrategy(
    max_attempts=3, wait=60, linear_wait=300, retry_exceptions=(SourceError, DatabaseError, OperationalError)
)


@dataclass(frozen=True)
class Due:
    """A source that is to be loaded, and since when."""

    territory: str
    source: str
    since: datetime


@dataclass(frozen=True)
class LoadJob:
    """A load in the queue, waiting, running or ended.

    Parameters
    ----------
    state
        ``waiting``, ``running``, ``done`` or ``failed``; ``waiting`` again after an error, until ``next_at``.
    attempts
        How often it has been tried.
    told
        What came of it, or the error of the last attempt.
    """

    id: int
    territory: str
    source: str
    state: str
    attempts: int
    queued_at: datetime
    changed_at: datetime
    next_at: datetime | None
    told: str | None


def due(connection: Connection, moment: datetime) -> Iterator[Due]:
    """Yield the sources whose schedule has been due since they were loaded last, at a moment."""
    loaded = {
        (territory, source): finished
        for territory, source, finished in connection.execute(
            select(IngestRun.territory, IngestRun.source, func.max(IngestRun.finished_at)).group_by(
                IngestRun.territory, IngestRun.source
            )
        )
    }
    known = select(TerritoryRow.id, TerritoryRow.added_at, TerritoryRow.pack).where(TerritoryRow.pack.is_not(None))
    for territory, added_at, pack in connection.execute(known.order_by(TerritoryRow.id)):
        local = moment.astimezone(ZoneInfo(pack.get("timezone") or "UTC"))
        for source in pack["sources"]:
            if source.get("schedule"):
                since = last_due(source["schedule"], local)
                if since > loaded.get((territory, source["id"]), added_at):
                    yield Due(territory, source["id"], since)


def load_jobs(connection: Connection, *, limit: int = 20, territory: str | None = None) -> list[LoadJob]:
    """Return the last loads of the queue, the latest first."""
    rows = connection.execute(text(_JOBS), {"task": _LOAD, "territory": territory, "limit": limit}).mappings()
    return [LoadJob(**row) for row in rows]


def run_worker(*, at_once: int = _AT_ONCE, wait: bool = True) -> None:
    """Load what is due, until the process is told to end (SIGINT, SIGTERM); loads that run are finished first.

    Parameters
    ----------
    at_once
        How many jobs run at the same time.
    wait
        False to end when all that is due now has been loaded, one after the other. Called where an event loop runs
        already, such as in a notebook, the worker needs this, since signals don't reach it there.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(_work(at_once, wait))
        return
    with ThreadPoolExecutor(max_workers=1) as apart:
        apart.submit(lambda: asyncio.run(_work(at_once, wait))).result()


async def _work(at_once: int, wait: bool) -> None:
    async with make_app().open_async() as app:
        with suppress(AlreadyEnqueued):
            await app.tasks[_LOOK].defer_async(timestamp=int(datetime.now(UTC).timestamp()))
        await app.run_worker_async(concurrency=at_once if wait else 1, wait=wait, install_signal_handlers=wait)


def make_app() -> procrastinate.App:
    """Return the queue, not yet opened."""
    app = procrastinate.App(connector=_connector())
    app.task(name=_LOAD, pass_context=True, retry=_RETRIES)(_load)
    look = app.task(name=_LOOK, pass_context=True, queueing_lock=_LOOK)(_put_due_in_queue)
    app.periodic(cron="* * * * *")(look)
    _add_processes(app)
    return app


@asynccontextmanager
async def process_worker() -> AsyncIterator[None]:
    """Run processes that were put in the queue, one at a time, for as long as the context lasts.

    It waits for the database where that isn't there, and takes nothing else from the queue.
    """
    for name in _LOGGERS_OF_QUEUE:
        logging.getLogger(name).addFilter(_without_trace)
    working = asyncio.create_task(_work_on_processes())
    try:
        yield
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


def _without_trace(record: logging.LogRecord) -> bool:
    """Let the log tell in a line that the database can't be reached."""
    if record.exc_info and isinstance(record.exc_info[1], ConnectorException):
        record.exc_info = None
    return True


async def _work_on_processes() -> None:
    while True:
        try:
            connector = await asyncio.to_thread(_connector)
            app = procrastinate.App(connector=connector)
            _add_processes(app)
            async with app.open_async():
                await _give_up_stalled(app)
                await app.run_worker_async(
                    queues=[process_jobs.QUEUE], install_signal_handlers=False, shutdown_graceful_timeout=_LET_END_S
                )
        except (HoradError, psycopg.Error, ConnectorException, PoolTimeout) as error:
            log.warning("the queue of processes can't be reached: %s", type(error).__name__)
        await asyncio.sleep(_TRY_AGAIN_S)


async def _give_up_stalled(app: procrastinate.App) -> None:
    """Say of processes whose worker has died that they failed."""
    manager = app.job_manager
    for job in await manager.get_stalled_jobs(queue=process_jobs.QUEUE):
        await asyncio.to_thread(process_jobs.fail, database.engine(), str(job.task_kwargs["job"]), _WORKER_GONE)
        await manager.finish_job(job, status=Status.FAILED, delete_job=True)


def _add_processes(app: procrastinate.App) -> None:
    app.task(name=process_jobs.TASK, queue=process_jobs.QUEUE)(_run_process)


async def _run_process(job: str) -> None:
    await asyncio.to_thread(process_jobs.run_now, database.engine(), engine_for, job)


def _connector() -> procrastinate.PsycopgConnector:
    url = make_url(database.ensure_running()).set(drivername="postgresql")
    return procrastinate.PsycopgConnector(
        conninfo=url.render_as_string(hide_password=False),
        kwargs={"options": "-c search_path=jobs"},
        min_size=1,
        max_size=_AT_ONCE + 3,
    )


async def _load(context: procrastinate.JobContext, /, territory: str, source: str, **_: int) -> None:
    """Load a source, and keep what came of it beside the job."""
    try:
        told = await asyncio.to_thread(_load_now, territory, source)
    except Exception as error:
        await _tell(context, str(error) if isinstance(error, HoradError) else f"{type(error).__name__}, see the log")
        raise
    await _tell(context, told)


def _load_now(territory: str, source: str) -> str:
    from layers.loads.loading import load_source
    from layers.territories.packs import Territory

    engine = database.engine()
    with engine.connect() as connection:
        find_territory(connection, territory)
        custom.refresh(connection)
        stored = connection.execute(select(TerritoryRow.pack).where(TerritoryRow.id == territory)).scalar_one()
    try:
        pack = Territory.model_validate(stored)
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(step) for step in wrong["loc"])
        raise InvalidInputError(
            f"The description of {territory} in the base can't be read any more ({where}: {wrong['msg']}): "
            "load it from its file again."
        ) from error
    described = next((each for each in pack.sources if each.id == source), None)
    if described is None:
        raise NotFoundError(f"The territory {territory} has no source {source} any more.")
    outcome = load_source(engine, pack, described)
    if outcome.error is not None:
        raise outcome.error
    return outcome.note


async def _put_due_in_queue(context: procrastinate.JobContext, /, timestamp: int) -> None:
    """Put in the queue what is due, and put the queue in order."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        await _take_up(context, job)
    for each in await asyncio.to_thread(_due_and_free, datetime.fromtimestamp(timestamp, UTC)):
        arguments = {"territory": each.territory, "source": each.source, "timestamp": int(each.since.timestamp())}
        job = context.app.configure_task(_LOAD, lock=_name(each), task_kwargs=arguments).job
        await manager.defer_periodic_job(job, periodic_id=_name(each), defer_timestamp=int(each.since.timestamp()))
    await context.app.connector.execute_query_async(_FORGET_LOOKS, task=_LOOK)
    await manager.delete_old_jobs(_KEPT_H, include_failed=True, include_cancelled=True, include_aborted=True)


async def _take_up(context: procrastinate.JobContext, job: Job) -> None:
    """Give a job whose worker has died back to the queue, unless that happens to it again and again."""
    manager = context.app.job_manager
    if job.task_name == _LOAD and job.attempts < (_RETRIES.max_attempts or 0):
        await manager.retry_job(job)
    else:
        await manager.finish_job(job, status=Status.FAILED, delete_job=False)


def _due_and_free(moment: datetime) -> list[Due]:
    """Return what is due and neither waits in the queue nor runs."""
    with database.engine().connect() as connection:
        busy = set(connection.execute(text(_BUSY), {"task": _LOAD}).scalars())
        return [each for each in due(connection, moment) if _name(each) not in busy]


def _name(due: Due) -> str:
    return f"{due.territory}/{due.source}"


async def _tell(context: procrastinate.JobContext, told: str) -> None:
    await context.app.connector.execute_query_async(_TELL, job=context.job.id, told=told)


_BUSY = "SELECT lock FROM jobs.procrastinate_jobs WHERE task_name = :task AND status IN ('todo', 'doing')"
_TELL = (
    "INSERT INTO outcomes (job, told) VALUES (%(job)s, %(told)s) ON CONFLICT (job) DO UPDATE SET told = excluded.told"
)
_FORGET_LOOKS = "DELETE FROM procrastinate_jobs WHERE task_name = %(task)s AND status IN ('succeeded', 'failed')"
_JOBS = """
SELECT j.id, j.args ->> 'territory' AS territory, j.args ->> 'source' AS source, j.attempts,
    CASE j.status WHEN 'todo' THEN 'waiting' WHEN 'doing' THEN 'running' WHEN 'succeeded' THEN 'done'
        ELSE 'failed' END AS state,
    min(e.at) AS queued_at, max(e.at) AS changed_at, o.told,
    CASE j.status WHEN 'todo' THEN j.scheduled_at END AS next_at
FROM jobs.procrastinate_jobs AS j
    JOIN jobs.procrastinate_events AS e ON e.job_id = j.id
    LEFT JOIN jobs.outcomes AS o ON o.job = j.id
WHERE j.task_name = :task AND (CAST(:territory AS text) IS NULL OR j.args ->> 'territory' = :territory)
GROUP BY j.id, o.told
ORDER BY j.id DESC
LIMIT :limit
"""
