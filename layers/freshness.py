"""Whether the sources of a territory were loaded when their schedules say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from layers.models.registry import IngestRun, TerritoryRow
from layers.sources.description import last_due
from layers.territories.packs import Territory

_GRACE = dt.timedelta(hours=1)


def stale_sources(connection: Connection, territory: str, layer: str) -> Iterator[tuple[str, str]]:
    """Yield the sources of a layer that should have been loaded by now, and when they were last.

    A source is late when its schedule has come due and an hour later it hasn't been loaded since, or found unchanged.

    Parameters
    ----------
    connection
        To the database.
    territory
        Whose sources, and those of all that belong to it.
    layer
        Its name.
    """
    rows = sa.select(TerritoryRow.id, TerritoryRow.pack).where(TerritoryRow.pack.is_not(None))
    family = sa.select(sa.func.unnest(sa.func.horad_subtree(territory)))
    now = dt.datetime.now(dt.UTC)
    for owner, pack in connection.execute(rows.where(TerritoryRow.id.in_(family))):
        for source in Territory.model_validate(pack).sources:
            if source.schedule is None or layer not in source.fills:
                continue
            last = _last_load(connection, owner, source.id)
            due = last_due(source.schedule, now - _GRACE)
            if last is None or last < due:
                yield f"{owner}/{source.id}", f"{last:%Y-%m-%d %H:%M}" if last else "–"


def _last_load(connection: Connection, territory: str, source: str) -> dt.datetime | None:
    loads = sa.select(sa.func.max(IngestRun.finished_at)).where(
        IngestRun.territory == territory, IngestRun.source == source, IngestRun.state == "done", ~IngestRun.adds
    )
    found: dt.datetime | None = connection.execute(loads).scalar()
    return found
