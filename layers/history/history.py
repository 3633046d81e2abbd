"""What a feature has been through, and how to take a change back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from geo.errors import InvalidInputError
from layers.catalog import LayerTable, all_layers, find
from layers.errors import NotFoundError
from layers.loads.order import in_order
from layers.reading.geojson import json_object

_STAMPS = ("updated_at", "updated_by", "run")
_KEPT_APART = {"geom_3857", *_STAMPS}


@dataclass(frozen=True)
class State:
    """A feature as it was for a time.

    Parameters
    ----------
    since, until
        From when to when it was so; ``until`` is ``None`` for the state of today.
    by
        Who made it so: a user's name or, for a load, the owner's.
    run
        The number of the load that made it so, if it was one.
    ended_by, ended_run, ended_how
        Who ended it, in which load, and whether the feature was then ``changed`` or ``removed``.
    values
        Of its columns, its tags, and its geometry as WKT in degrees.
    changed
        Which of these differ from the state before; all of them for the first.
    """

    since: dt.datetime
    until: dt.datetime | None
    by: str
    run: int | None
    ended_by: str | None
    ended_run: int | None
    ended_how: str | None
    values: dict[str, Any]
    changed: list[str] = field(default_factory=list)


@contextmanager
def acting(connection: Connection, principal: str) -> Iterator[None]:
    """Mark the changes made within as somebody's; only the owner of the base can speak for others."""
    set_principal = sa.text("SELECT set_config('horad.principal', :principal, true)")
    before = connection.execute(sa.text("SELECT current_setting('horad.principal', true)")).scalar()
    connection.execute(set_principal, {"principal": principal})
    yield
    connection.execute(set_principal, {"principal": before or ""})


def timeline(connection: Connection, layer: str, feature_id: int) -> list[State]:
    """Return the states of a feature, the earliest first.

    Raises
    ------
    NotFoundError
        The layer has, and had, no such feature.
    """
    model = find(layer)
    rows = connection.execute(_states(model, feature_id)).mappings().all()
    if not rows:
        raise NotFoundError(f"The layer {layer} has, and had, no feature {feature_id}.")
    states: list[State] = []
    for row in rows:
        values = row["state"] | {"geom": row["wkt"]}
        before = states[-1].values if states else {}
        changed = [name for name in values if not states or values[name] != before.get(name)]
        ends = (row["valid_to"], row["updated_by"], row["run"], row["ended_by"], row["ended_run"], row["ended_how"])
        states.append(State(row["updated_at"], *ends, values, changed))
    return states


def restore(connection: Connection, layer: str, feature_id: int, *, as_of: dt.datetime) -> None:
    """Bring a feature to the state in which it was at a moment; this is a change like any other, and can be undone.

    Raises
    ------
    NotFoundError
        There was no such feature at that moment.
    """
    model = find(layer)
    past = sa.select(*_kept(model, model.history)).where(
        model.history.c.id == feature_id, model.history.c.updated_at <= as_of, model.history.c.valid_to > as_of
    )
    standing = sa.select(model.table.c.updated_at).where(model.table.c.id == feature_id)
    since = connection.execute(standing).scalar()
    if since is not None and since <= as_of:
        return
    if connection.execute(sa.select(sa.literal(1)).where(past.exists())).scalar() is None:
        raise NotFoundError(f"The layer {layer} had no feature {feature_id} at {as_of.isoformat()}.")
    _bring_back(connection, model, past)


def undo(connection: Connection, layer: str, feature_id: int) -> str:
    """Take the last change of a feature back, and tell what was done: ``restored``, ``changed`` or ``removed``.

    A removed feature is there again; a changed one is as before; one that has only ever been added is removed.

    Raises
    ------
    NotFoundError
        The layer has, and had, no such feature.
    """
    states = timeline(connection, layer, feature_id)
    model = find(layer)
    earlier = [state for state in states if state.until is not None]
    if not earlier:
        connection.execute(sa.delete(model.table).where(model.table.c.id == feature_id))
        return "removed"
    restore(connection, layer, feature_id, as_of=earlier[-1].since)
    return "changed" if states[-1].until is None else "restored"


def undo_run(connection: Connection, run: int) -> dict[str, dict[str, int]]:
    """Take back what a load has done: its features are as they were before it.

    Returns
    -------
    dict
        By layer, how many features were ``removed`` again, ``restored`` and brought back to what they were.

    Raises
    ------
    NotFoundError
        There was no such load.
    InvalidInputError
        A feature that it touched has changed again since: the later changes must be undone first.
    """
    found = connection.execute(
        sa.text("SELECT territory, source FROM ingest_runs WHERE id = :run"), {"run": run}
    ).first()
    if found is None:
        raise NotFoundError(f"There was no load number {run}.")
    done = {}
    for model in chain.from_iterable(in_order(all_layers().values())):
        counts = _undo_run_in(connection, model, run)
        if any(counts.values()):
            done[model.name] = counts
    connection.execute(
        sa.text("UPDATE ingest_runs SET fingerprint = '' WHERE territory = :territory AND source = :source"),
        {"territory": found.territory, "source": found.source},
    )
    return done


def _undo_run_in(connection: Connection, model: LayerTable, run: int) -> dict[str, int]:
    past, present = model.history, model.table
    touched = sa.select(past.c.id).where(past.c.ended_run == run)
    later = sa.select(past.c.id).where(past.c.run == run, past.c.ended_run.is_distinct_from(run))
    moved = sa.select(present.c.id).where(present.c.id.in_(touched), present.c.run.is_distinct_from(run))
    again = connection.execute(sa.select(sa.func.count()).select_from(sa.union(later, moved).subquery())).scalar_one()
    if again:
        raise InvalidInputError(
            f"{again} features of {model.name} have changed again since the load {run}: undo the later changes first."
        )
    removed = connection.execute(sa.delete(present).where(present.c.run == run, present.c.id.not_in(touched))).rowcount
    gone = sa.select(*_kept(model, past)).where(past.c.ended_run == run, past.c.ended_how == "removed")
    changed = sa.select(*_kept(model, past)).where(past.c.ended_run == run, past.c.ended_how == "changed")
    return {
        "removed": removed,
        "restored": _bring_back(connection, model, gone),
        "changed": _bring_back(connection, model, changed),
    }


def _bring_back(connection: Connection, model: LayerTable, states: sa.Select[Any]) -> int:
    """Write states of features into the layer, whether or not the features are there now."""
    names = [each.name for each in _kept(model, model.table)]
    statement = insert(model.table).from_select(names, states)
    new = {name: statement.excluded[name] for name in names if name != "id"}
    done = statement.on_conflict_do_update(index_elements=["id"], set_=new)
    return connection.execute(done, execution_options={"preserve_rowcount": True}).rowcount


def _kept(model: LayerTable, table: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    kept = (each for each in model.table.columns if each.name not in _KEPT_APART and each.computed is None)
    return [table.c[each.name] for each in kept]


def _states(model: LayerTable, feature_id: int) -> sa.CompoundSelect[Any]:
    own = [each.name for each in model.columns] + ["source", "source_id", "tags"]

    def state(table: sa.FromClause, *ends: Any) -> sa.Select[Any]:
        return sa.select(
            *(table.c[name] for name in _STAMPS),
            json_object({name: table.c[name] for name in own}).label("state"),
            sa.func.ST_AsText(table.c.geom).label("wkt"),
            *ends,
        ).where(table.c.id == feature_id)

    past = model.history
    ended = state(past, past.c.valid_to, past.c.ended_by, past.c.ended_run, past.c.ended_how)
    nulls = [sa.null().label(name) for name in ("valid_to", "ended_by", "ended_run", "ended_how")]
    return sa.union_all(ended, state(model.table, *nulls)).order_by("updated_at")
