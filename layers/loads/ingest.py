"""Takes what a source yields into the layers: all of it in one transaction, and an account of every record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import psycopg
import sqlalchemy.exc
from psycopg.errors import DeadlockDetected, SerializationFailure, UniqueViolation
from sqlalchemy import Engine

from layers.errors import DatabaseError, SourceError
from layers.loads.accounts import (
    LayerReport,
    Report,
    account_of_failure,
    close_account,
    last_fingerprint,
    open_account,
    was_restricted,
)
from layers.loads.ground import ground_of
from layers.loads.intake import Intake
from layers.sources.ahead import read_ahead
from layers.sources.records import Batch, Complete, Reader
from layers.territories.territory import attribute, find_territory, register

if TYPE_CHECKING:
    from layers.territories.packs import Territory

__all__ = ["LayerReport", "Outside", "Progress", "Report", "ingest", "last_fingerprint"]

_PROGRESS_EVERY = 1_000
_NO_CONNECTION = ("08", "57")
_ALL_AT_ONCE = "SET LOCAL enable_nestloop = off"
"""Whole tables are compared; going through one for each row of the other never ends where many rows are dead."""

_IN_MEMORY = """
SELECT set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')),
                                       least(pg_size_bytes(current_setting('shared_buffers')) / 8, 268435456)) / 1024
                              || 'kB', true)
"""
"""Sorting takes place in an eighth of what the server has for its pages, at most 256 MB, and beyond that on disk."""

_NOT_FOR_NOBODY = """
DO $$ BEGIN
    PERFORM set_config('client_connection_check_interval', '2s', true);
EXCEPTION WHEN invalid_parameter_value THEN NULL;
END $$
"""
"""The server looks now and then whether the load still lives, where its system can tell: a statement that nobody waits
for any more would keep the layers to itself until its end."""

_PACKED_QUICKLY = """
SELECT set_config(name, 'lz4', true) FROM pg_settings
WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""
"""Large values are compressed by LZ4 where the server has it; what it has by itself takes several times as long."""

Progress = Callable[[int, float | None], None]
Outside = Literal["reject", "keep"]


def ingest(
    engine: Engine,
    reader: Reader,
    *,
    territory: str | Territory,
    source: str,
    file_name: str,
    fingerprint: str,
    layers: Iterable[str],
    attribution: str | None = None,
    stated: Mapping[str, Any] | None = None,
    restricted: bool = False,
    replace: bool = True,
    outside: Outside = "reject",
    may_be_empty: bool = False,
    rehearse: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Load a source into the layers, all or nothing.

    The base afterwards holds exactly what the source holds: features are known by (territory, source, source id),
    those that are as they were are left alone, and those that the source no longer has are closed: they stay in the
    history, and get their old id when they come back. A feature whose record is rejected stays as it was. Loading the
    same source twice changes nothing. Two loads of one source wait for each other; loads of different sources go
    through their layers in one order, so that neither waits for a layer that the other holds. A load that fails leaves
    a line in ``ingest_runs`` and nothing else.

    Parameters
    ----------
    engine
        The database.
    reader
        The source, opened.
    territory
        To whom the features belong: the id of a territory of the base, or one that is registered with this load.
    source
        Where they are from.
    file_name, fingerprint
        Of the file, for the account that is kept.
    layers
        The layers that are loaded; records of others are left.
    attribution
        What must be shown wherever the features are.
    stated
        What was said of the places in the file and no territory's file says, for the account.
    restricted
        Whether only members of the territory see the features. A load that doesn't restrict leaves alone what somebody
        has restricted by hand, but opens what the load before it had restricted.
    replace
        False for a part of a source, which is added to what is there: nothing is closed.
    outside
        What becomes of records that lie outside the territory's box with a margin: ``reject``, or ``keep`` and count.
    may_be_empty
        Whether a source that holds nothing closes all that it has brought; otherwise it is refused.
    rehearse
        True to undo all of it at the end: the report tells what the load would do.
    progress
        Called now and then with the number of records read and the share of the source, where known.

    Returns
    -------
    Report
        What became of every record. It is also kept in ``ingest_runs``.

    Raises
    ------
    NotFoundError
        The base has no such territory, or there is no such layer.
    SourceError
        The source can't be read to its end, or holds nothing; nothing in it can be taken, and it would remove all that
        it has brought before; or so much of it lies elsewhere that its coordinates must have been misread.
    DatabaseError
        The connection was lost, or somebody else changed the same features at the same time.
    """
    name = territory if isinstance(territory, str) else territory.id
    report = Report(name, source, file_name, {}, adds=not replace, restricted=restricted, stated=dict(stated or {}))
    started_at, begun = datetime.now(UTC), time.perf_counter()
    try:
        with _told_plainly(file_name), engine.begin() as connection:
            if not isinstance(territory, str):
                register(connection, territory)
            find_territory(connection, name)
            driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
            driver.execute(_NOT_FOR_NOBODY)
            driver.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"ingest {name} {source}"])
            driver.execute(_ALL_AT_ONCE)
            driver.execute(_IN_MEMORY)
            driver.execute(_PACKED_QUICKLY)
            wanted = restricted or (False if was_restricted(driver, name, source) else None)
            report.run = open_account(driver, report)
            ground = ground_of(driver, name, keep=outside == "keep")
            intake = Intake(driver, report, layers, ground, restricted=wanted, may_be_empty=may_be_empty)
            _read(reader, intake, progress)
            intake.finish(reader.notes)
            intake.quarantine.keep(report.run)
            if attribution is not None:
                attribute(connection, name, source, attribution)
            report.took(time.perf_counter() - begun)
            close_account(driver, report, fingerprint if intake.takes_any or may_be_empty else "")
            if rehearse:
                report.run = None
                connection.rollback()
    except (Exception, KeyboardInterrupt) as error:
        if not rehearse:
            account_of_failure(engine, report, started_at, error)
        raise
    return report


def _read(reader: Reader, intake: Intake, progress: Progress | None) -> None:
    """Hand over what the source yields, and tell how far it has been read."""
    read = told = 0
    for item in read_ahead(reader):
        intake.take(item)
        read += item.rows.num_rows if isinstance(item, Batch) else not isinstance(item, Complete)
        if progress is not None and read - told >= _PROGRESS_EVERY:
            progress(read, reader.progress)
            told = read


@contextmanager
def _told_plainly(file_name: str) -> Iterator[None]:
    """Let errors of the database say what became of the load; values of records aren't told."""
    try:
        yield
    except (UniqueViolation, DeadlockDetected, SerializationFailure) as error:
        raise DatabaseError(
            f"Somebody else changed the same features while {file_name} was loaded; the base is as they left it:"
            " load it again."
        ) from error
    except psycopg.DataError as error:
        raise SourceError(f"{file_name} holds a value that can't be kept ({type(error).__name__}).") from error
    except (psycopg.OperationalError, sqlalchemy.exc.OperationalError) as error:
        cause = error.orig if isinstance(error, sqlalchemy.exc.OperationalError) else error
        raise DatabaseError(f"{_trouble(cause)} while {file_name} was loaded; the base is as it was before.") from error


def _trouble(error: BaseException | None) -> str:
    state = getattr(error, "sqlstate", None)
    if state is None or state.startswith(_NO_CONNECTION):
        return "The connection to the database was lost"
    return f"The database gave up ({type(error).__name__})"
