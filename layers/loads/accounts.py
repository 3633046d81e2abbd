"""The account of a load: what became of every record, on screen and in ``ingest_runs``."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from geo.errors import HoradError

log = logging.getLogger("horad")

_REASONS_TOLD = 20
_OTHER_REASONS = "other reasons"


@dataclass
class LayerReport:
    """What became of the records of one layer. ``read`` is the sum of added, changed, unchanged and rejected.

    Parameters
    ----------
    read
        Records that the source has for the layer.
    added, changed, unchanged
        Features that are new, differ from before, or are as they were.
    reappeared
        Of those added, the ones that an earlier load had closed; they have their old ids again.
    gone
        Features of an earlier load that the source no longer has; they were closed, and stay in the history.
    kept
        Features of an earlier load whose record was rejected this time; they stay as they were.
    repaired
        Geometries that were invalid and could be made valid.
    outside
        Features far from the territory that were taken, since the source is told to keep them.
    cut
        Lines only partly in the file, of which the known parts were taken.
    rejected
        How many records were not taken, by reason, the most common reasons one by one and the rest together; the
        records are kept in ``ingest_rejects``.
    passed_over
        How many things have the layer's key but are none of its features, by what they are.
    """

    read: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    reappeared: int = 0
    gone: int = 0
    kept: int = 0
    repaired: int = 0
    outside: int = 0
    cut: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    passed_over: dict[str, int] = field(default_factory=dict)


@dataclass
class Report:
    """What a load did, by layer.

    Parameters
    ----------
    territory, source, file_name
        What was loaded.
    layers
        What became of the records of each layer.
    run
        The number of the load, where it came to its end.
    adds
        Whether it only added to what earlier loads of the source brought, and closed nothing.
    restricted
        Whether only members of the territory see what it brought.
    stated
        What was said of the places in the file; its rejects are read again by it.
    remarks
        What the reader has found out by itself, and what its user may want to check.
    duration_s
        From the opening of the source to the commit.
    records_per_s
        Records read in a second of that.
    """

    territory: str
    source: str
    file_name: str
    layers: dict[str, LayerReport]
    run: int | None = None
    adds: bool = False
    restricted: bool = False
    stated: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    duration_s: float = 0.0
    records_per_s: float = 0.0

    @property
    def refusal(self) -> str | None:
        """What is to be said of a load that took none of the records it read, or ``None`` where it took some."""
        read = sum(each.read for each in self.layers.values())
        if not read or any(each.added or each.changed or each.unchanged for each in self.layers.values()):
            return None
        which = "its only record was" if read == 1 else f"all {read:,} records were"
        return f"nothing was taken from {self.file_name}: {which} rejected"

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return asdict(self)

    def took(self, seconds: float) -> None:
        """Note how long the load took."""
        self.duration_s = round(seconds, 3)
        self.records_per_s = round(sum(each.read for each in self.layers.values()) / max(seconds, 1e-3), 1)


def by_reason(found: list[tuple[str, int]]) -> dict[str, int]:
    """Return the most common reasons, and the others together, of all with their numbers, the most common first."""
    rest = sum(number for _, number in found[_REASONS_TOLD:])
    return dict(found[:_REASONS_TOLD]) | ({_OTHER_REASONS: rest} if rest else {})


def open_account(connection: psycopg.Connection[Any], report: Report) -> int:
    """Give the load its number, with which every change that it makes is marked."""
    rows = connection.execute(
        "INSERT INTO ingest_runs (territory, source, file_name, fingerprint, adds, report)"
        " VALUES (%s, %s, %s, '', %s, '{}') RETURNING id, set_config('horad.run', id::text, true)",
        [report.territory, report.source, report.file_name, report.adds],
    ).fetchall()
    return int(rows[0][0])


def close_account(connection: psycopg.Connection[Any], report: Report, fingerprint: str) -> None:
    """Write down what the load did, and of which file; of none if it shall be loaded again."""
    connection.execute(
        "UPDATE ingest_runs SET report = %s, fingerprint = %s, finished_at = clock_timestamp() WHERE id = %s",
        [Jsonb(report.as_dict()), fingerprint, report.run],
    )


def account_of_failure(engine: Engine, report: Report, started_at: datetime, error: BaseException) -> None:
    """Write down that a load failed, where the base has the territory; of an error that isn't ours only its kind.

    What it had done is undone already. A base that can't be reached leaves a line in the log instead.
    """
    told = str(error) if isinstance(error, HoradError) else type(error).__name__
    try:
        with engine.begin() as connection:
            connection.execute(
                text(_FAILURE),
                {
                    "territory": report.territory,
                    "source": report.source,
                    "file_name": report.file_name,
                    "adds": report.adds,
                    "started_at": started_at,
                    "error": told.replace("\x00", "\\0"),
                },
            )
    except SQLAlchemyError as failure:
        log.warning("No account of the failed load of %s: %s", report.file_name, type(failure).__name__)


def last_fingerprint(engine: Engine, *, territory: str, source: str) -> str | None:
    """Return the fingerprint of the file that was loaded last from a source, or ``None`` before the first load."""
    with engine.connect() as connection:
        rows = connection.execute(text(_LAST), {"territory": territory, "source": source}).all()
    return rows[0].fingerprint if rows else None


def was_restricted(connection: psycopg.Connection[Any], territory: str, source: str) -> bool:
    """Return whether the last load of a source was of restricted features."""
    rows = connection.execute(
        "SELECT coalesce((report ->> 'restricted')::boolean, false) FROM ingest_runs"
        " WHERE territory = %s AND source = %s AND state = 'done' AND NOT adds ORDER BY id DESC LIMIT 1",
        [territory, source],
    ).fetchall()
    return bool(rows and rows[0][0])


_FAILURE = """
INSERT INTO ingest_runs (territory, source, file_name, fingerprint, adds, state, error, started_at, finished_at, report)
SELECT :territory, :source, :file_name, '', :adds, 'failed', :error, :started_at, clock_timestamp(), '{"layers": {}}'
WHERE EXISTS (SELECT FROM territories WHERE id = :territory)
"""

_LAST = """
SELECT fingerprint FROM ingest_runs
WHERE territory = :territory AND source = :source AND state = 'done' AND NOT adds ORDER BY id DESC LIMIT 1
"""
