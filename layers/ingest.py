"""Takes what a source yields into the layers: all of it in one transaction, and an account of every record."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from layers.errors import SourceError
from layers.packs import Territory
from layers.sources.records import Notes, Reader, Reject
from layers.staging import Staging
from layers.territory import attribute, find_territory, register

_PROGRESS_EVERY = 1_000
_REASONS_TOLD = 20
_OTHER_REASONS = "other reasons"

Progress = Callable[[int, float | None], None]


@dataclass
class LayerReport:
    """What became of the records of one layer. ``read`` is the sum of added, changed, unchanged and rejected.

    Parameters
    ----------
    read
        Records that the source has for the layer.
    added, changed, unchanged
        Features that are new, differ from before, or are as they were.
    gone
        Features of an earlier load that the source no longer has; they were removed.
    repaired
        Invalid polygons that were made valid.
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
    gone: int = 0
    repaired: int = 0
    cut: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    passed_over: dict[str, int] = field(default_factory=dict)


@dataclass
class Report:
    """What a load did, by layer."""

    territory: str
    source: str
    file_name: str
    layers: dict[str, LayerReport]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, fit for JSON."""
        return asdict(self)


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
    progress: Progress | None = None,
) -> Report:
    """Load a source into the layers, all or nothing.

    The base afterwards holds exactly what the source holds: features are known by (territory, source, source id),
    those that are as they were are left alone, and those that the source no longer has are removed. Loading the same
    source twice changes nothing. Two loads of one source wait for each other; loads of different sources go through
    their layers in one order, so that neither waits for a layer that the other holds.

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
        The source can't be read to its end, holds a value that the database can't keep, or holds nothing; or nothing
        in it can be taken, and it would remove all that it has brought before.
    """
    name = territory.id if isinstance(territory, Territory) else territory
    report = Report(name, source, file_name, {})
    with engine.begin() as connection:
        if isinstance(territory, Territory):
            register(connection, territory)
        find_territory(connection, name)
        if attribution is not None:
            attribute(connection, name, source, attribution)
        driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        driver.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"ingest {name} {source}"])
        stagings = {layer: Staging(driver, layer) for layer in sorted(set(layers))}
        try:
            rejects = _stage(reader, stagings, progress)
        except psycopg.DataError as error:
            raise SourceError(f"{file_name} holds a value that can't be kept: {str(error).splitlines()[0]}") from error
        for layer, staging in stagings.items():
            report.layers[layer] = _check(staging, rejects[layer], reader.notes)
        if not any(staging.count() for staging in stagings.values()):
            _refuse_to_empty(stagings.values(), report)
        run = _open_account(driver, report, fingerprint)
        for layer, staging in stagings.items():
            _apply(staging, name, source, report.layers[layer])
        _close_account(driver, run, report, rejects)
    return report


def last_fingerprint(engine: Engine, *, territory: str, source: str) -> str | None:
    """Return the fingerprint of the file that was loaded last from a source, or ``None`` before the first load."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT fingerprint FROM ingest_runs WHERE territory = %s AND source = %s ORDER BY id DESC LIMIT 1",
            (territory, source),
        ).all()
    return rows[0][0] if rows else None


def _stage(reader: Reader, stagings: dict[str, Staging], progress: Progress | None) -> dict[str, list[Reject]]:
    rejects: dict[str, list[Reject]] = defaultdict(list)
    for number, item in enumerate(reader, start=1):
        if item.layer not in stagings:
            continue
        if isinstance(item, Reject):
            rejects[item.layer].append(item)
        else:
            stagings[item.layer].add(item)
        if progress is not None and number % _PROGRESS_EVERY == 0:
            progress(number, reader.progress)
    for staging in stagings.values():
        staging.flush()
    return rejects


def _check(staging: Staging, rejects: list[Reject], notes: Notes) -> LayerReport:
    """Check the staged records, take out what is wrong, and add it to the rejects."""
    report = LayerReport(read=staging.count() + len(rejects), cut=notes.cut[staging.layer])
    report.passed_over = {what: n for (layer, what), n in notes.passed_over.most_common() if layer == staging.layer}
    staging.normalise()
    rejects += staging.reject_misplaced()
    report.repaired = staging.repair()
    rejects += staging.reject_unfit()
    report.rejected = _by_reason(rejects)
    return report


def _refuse_to_empty(stagings: Iterable[Staging], report: Report) -> None:
    """Keep a source of which nothing can be taken from removing all that an earlier load of it has brought."""
    reasons = dict.fromkeys(reason for account in report.layers.values() for reason in account.rejected)
    if not reasons:
        raise SourceError(f"{report.file_name} holds nothing for {', '.join(report.layers)}; the base stays as it is.")
    if any(staging.standing(report.territory, report.source) for staging in stagings):
        raise SourceError(
            f"Nothing in {report.file_name} can be taken, so the base stays as it is: {'; '.join(reasons)}."
        )


def _apply(staging: Staging, territory: str, source: str, report: LayerReport) -> None:
    """Bring the layer to what is staged."""
    report.gone = staging.remove_gone(territory, source)
    report.added, report.changed = staging.upsert(territory, source)
    report.unchanged = staging.count() - report.added - report.changed
    if report.added or report.changed or report.gone:
        staging.analyse()


def _by_reason(rejects: list[Reject]) -> dict[str, int]:
    found = Counter(each.reason for each in rejects).most_common()
    rest = sum(number for _, number in found[_REASONS_TOLD:])
    return dict(found[:_REASONS_TOLD]) | ({_OTHER_REASONS: rest} if rest else {})


def _open_account(connection: psycopg.Connection[Any], report: Report, fingerprint: str) -> int:
    """Give the load its number, with which every change that it makes is marked."""
    rows = connection.execute(
        "INSERT INTO ingest_runs (territory, source, file_name, fingerprint, report)"
        " VALUES (%s, %s, %s, %s, '{}') RETURNING id, set_config('horad.run', id::text, true)",
        [report.territory, report.source, report.file_name, fingerprint],
    ).fetchall()
    return int(rows[0][0])


def _close_account(
    connection: psycopg.Connection[Any], run: int, report: Report, rejects: dict[str, list[Reject]]
) -> None:
    connection.execute(
        "UPDATE ingest_runs SET report = %s, finished_at = clock_timestamp() WHERE id = %s",
        [Jsonb(report.as_dict()), run],
    )
    command = "COPY ingest_rejects (run, layer, source_id, reason, record) FROM STDIN"
    with connection.cursor().copy(command) as copy:
        for each in (reject for found in rejects.values() for reject in found):
            copy.write_row([run, each.layer, each.source_id, each.reason, Jsonb(each.record)])
