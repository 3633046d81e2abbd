"""Features made, changed and removed one by one, so that nobody overwrites what they haven't seen.

The rights on rows are PostgreSQL's: a connection does what its caller's roles allow. History, versions and
announcements come by the triggers of the tables.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import uuid4

import psycopg
import shapely
import sqlalchemy as sa
from sqlalchemy import Connection

from layers.catalog import LayerTable
from layers.crs import CRS84, Crs
from layers.editing.documents import OURS, Document, Given, read_changes, read_whole
from layers.errors import InvalidFeatureError, NotAllowedError, NotFoundError, StaleError
from layers.loads.ground import ground_of
from layers.reading import store
from layers.territories.territory import at, family, find_territory

SOURCE = "api"
"""The source of features that were made here."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def state_of(connection: Connection, model: LayerTable, feature_id: int, *, territory: str | None = None) -> str:
    """Return the mark of a feature's state, which is another one after every change.

    Parameters
    ----------
    connection
        Of whoever asks.
    model, feature_id
        The layer and the feature.
    territory
        To which, or to one below which, it has to belong.

    Raises
    ------
    NotFoundError
        The layer has no such feature there that the caller may see.
    """
    table = model.table
    found = connection.execute(
        sa.select(table.c.updated_at).where(table.c.id == feature_id, store.within(table, territory))
    ).scalar()
    if found is None:
        raise NotFoundError(f"The layer {model.name} has no feature {feature_id}.")
    return _state(feature_id, found)


def create(
    connection: Connection, model: LayerTable, document: Document, *, crs: Crs = CRS84, territory: str | None = None
) -> tuple[int, str]:
    """Make a feature, and return its id and the mark of its state.

    It belongs to the territory that it names, else to the smallest one in which it lies.

    Parameters
    ----------
    connection
        Of whoever does it, in a transaction.
    model
        The layer.
    document
        The feature as GeoJSON.
    crs
        Of its coordinates.
    territory
        In which, or in one below which, it has to lie; it is taken where no smaller one is found.

    Raises
    ------
    InvalidFeatureError
        It is no feature of the layer; the text names each place in the document and what is wrong there.
    NotAllowedError
        The caller is no editor there.
    """
    given = read_whole(model, document, crs)
    properties = document.get("properties") or {}
    told = [f"/properties/{name}: the base gives it" for name in OURS[1:] if properties.get(name) is not None]
    if told:
        raise InvalidFeatureError("; ".join(told))
    chosen = _territory(connection, given, territory)
    _check_right(connection, chosen)
    _check_ground(connection, chosen, given.place)
    row = given.values | {"territory": chosen, "source": SOURCE, "source_id": str(uuid4())}
    known = {name: value for name, value in row.items() if value is not None}
    made = connection.execute(
        sa.insert(model.table).values(known).returning(model.table.c.id, model.table.c.updated_at)
    ).one()
    return made.id, _state(made.id, made.updated_at)


def replace(
    connection: Connection,
    model: LayerTable,
    feature_id: int,
    document: Document,
    *,
    crs: Crs = CRS84,
    territory: str | None = None,
    state: str | None = None,
) -> str:
    """Give all columns of a feature other values, none where the document tells none; return the mark of its new state.

    Parameters
    ----------
    connection, model, document, crs
        As of `create`.
    feature_id
        The feature.
    territory
        To which, or to one below which, it has to belong.
    state
        The mark of the state that the caller has seen; by default whatever it is by now is replaced.

    Raises
    ------
    NotFoundError
        There is no such feature that the caller may see.
    StaleError
        It isn't in that state any more.
    InvalidFeatureError, NotAllowedError
        As of `create`.
    """
    present = _present(connection, model, feature_id, territory, state)
    given = read_whole(model, document, crs)
    _check_same(present["properties"], document.get("properties") or {})
    _check_ground(connection, present["properties"]["territory"], given.place)
    return _write(connection, model, feature_id, given.values, state)


def update(
    connection: Connection,
    model: LayerTable,
    feature_id: int,
    patch: Document,
    *,
    crs: Crs = CRS84,
    territory: str | None = None,
    state: str | None = None,
) -> str:
    """Change what a JSON merge patch tells of a feature, and nothing else; all else is as of `replace`."""
    present = _present(connection, model, feature_id, territory, state)
    given = read_changes(model, present, patch, crs)
    _check_same(present["properties"], patch.get("properties") or {})
    _check_ground(connection, present["properties"]["territory"], given.place)
    if not given.values:
        return state_of(connection, model, feature_id)
    return _write(connection, model, feature_id, given.values, state)


def delete(
    connection: Connection,
    model: LayerTable,
    feature_id: int,
    *,
    territory: str | None = None,
    state: str | None = None,
) -> None:
    """Remove a feature; it stays in the history. Parameters and errors are as of `replace`."""
    _present(connection, model, feature_id, territory, state)
    gone = sa.delete(model.table).where(*_still(model, feature_id, state))
    if connection.execute(gone).rowcount == 0:
        raise changed(model, feature_id)


def _present(
    connection: Connection, model: LayerTable, feature_id: int, territory: str | None, state: str | None
) -> Any:
    """Return a feature as it is, if the caller has seen it so and may change it."""
    found = state_of(connection, model, feature_id, territory=territory)
    if state is not None and found != state:
        raise changed(model, feature_id)
    present = json.loads(store.read_feature(connection, model.name, feature_id))
    _check_right(connection, present["properties"]["territory"])
    return present


def _write(
    connection: Connection, model: LayerTable, feature_id: int, values: dict[str, Any], state: str | None
) -> str:
    statement = sa.update(model.table).where(*_still(model, feature_id, state)).values(values)
    moment = connection.execute(statement.returning(model.table.c.updated_at)).scalar()
    if moment is None:
        raise changed(model, feature_id)
    return _state(feature_id, moment)


def _still(model: LayerTable, feature_id: int, state: str | None) -> list[sa.ColumnElement[bool]]:
    """Return the condition that a feature is in a state; it is looked at again once no other statement changes it."""
    table = model.table
    same = [] if state is None else [table.c.updated_at == _moment(state)]
    return [table.c.id == feature_id, *same]


def _state(feature_id: int, moment: dt.datetime) -> str:
    return f"{feature_id}-{(moment - _EPOCH) // _MICROSECOND}"


def _moment(state: str) -> dt.datetime:
    return _EPOCH + int(state.partition("-")[2]) * _MICROSECOND


def changed(model: LayerTable, feature_id: int) -> StaleError:
    """Return the error that a feature isn't as it was seen."""
    return StaleError(f"The feature {feature_id} of {model.name} has changed since: read it again before changing it.")


def _territory(connection: Connection, given: Given, within: str | None) -> str:
    """Return the territory to which a new feature belongs."""
    allowed = None if within is None else family(connection, within)
    if given.territory is not None:
        if allowed is not None and given.territory not in allowed:
            raise InvalidFeatureError(f"/properties/territory: must be one of {', '.join(allowed)}")
        try:
            find_territory(connection, given.territory)
        except NotFoundError as error:
            raise InvalidFeatureError(f"/properties/territory: {error}") from error
        return given.territory
    found = None if given.place is None else at(connection, given.place.bounds)
    if found is not None and (allowed is None or found in allowed):
        return found
    if within is None:
        raise InvalidFeatureError("/properties/territory: it lies in no territory of the base: say to which it belongs")
    return within


def _check_right(connection: Connection, territory: str) -> None:
    """Tell whoever may not change anything there; the policies of the tables hold everybody to it anyhow."""
    may = sa.select(sa.literal(territory) == sa.func.any(sa.func.horad_territories("editor")))
    if not connection.execute(may).scalar():
        raise NotAllowedError(f"To change features of {territory}, it takes the role of an editor there.")


def _check_ground(connection: Connection, territory: str, place: shapely.Geometry | None) -> None:
    if place is None:
        return
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)  # noqa: S101
    ground = ground_of(raw, territory, keep=False)
    if not shapely.box(*ground.reach).intersects(place):
        raise InvalidFeatureError(f"/geometry/coordinates: {ground.outside}")


def _check_same(present: Document, told: Document) -> None:
    """Refuse another territory or origin than the feature has; told as it is, or as null, it is passed over."""
    others = [name for name in OURS if told.get(name) not in (None, present[name])]
    if others:
        raise InvalidFeatureError("; ".join(f"/properties/{name}: stays {present[name]!r}" for name in others))
