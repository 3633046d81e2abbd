"""The territories that the base knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

import shapely
from geoalchemy2 import Geometry
from sqlalchemy import ColumnElement, Connection, FromClause, Text, cast, delete, func, literal, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

from geo.errors import InvalidInputError
from layers.catalog import all_layers
from layers.crs import provide_crs
from layers.errors import NotFoundError
from layers.loads.order import in_order
from layers.models.base import STORAGE_SRID
from layers.models.registry import TerritoryRow
from layers.territories.facts import FACTS

if TYPE_CHECKING:
    from layers.territories.packs import Territory

_NOT_TOLD = {"boundary", "pack", "facts"}


def register(connection: Connection, territory: Territory) -> None:
    """Write the territory into the base, or bring what is there up to date.

    Raises
    ------
    NotFoundError
        The base doesn't have its parent.
    InvalidInputError
        Its parent belongs to it.
    SourceError
        The file of its boundary can't be had.
    """
    from layers.territories.boundaries import shape_of

    if territory.parent is not None:
        find_territory(connection, territory.parent)
        if territory.parent in family(connection, territory.id):
            raise InvalidInputError(
                f"{territory.id} can't belong to {territory.parent}, which belongs to {territory.id} already."
            )
    provide_crs(connection, territory.metric_srid)
    shape = shape_of(territory.boundary)
    values: dict[str, Any] = {
        "id": territory.id,
        "title": territory.title,
        "parent": territory.parent,
        "metric_srid": territory.metric_srid,
        "boundary": f"SRID={STORAGE_SRID};{shape.wkt}",
        "view": list(territory.view or shapely.bounds(shape).tolist()),
        "restricted": list(territory.restricted),
        "pack": territory.kept(),
        "attribution": {source.id: source.attribution for source in territory.sources},
    }
    statement = insert(TerritoryRow).values(values)
    kept = values | {"attribution": TerritoryRow.attribution + statement.excluded.attribution}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=kept))


def remove_left(connection: Connection, territory: Territory) -> dict[str, dict[str, int]]:
    """Remove what sources have brought that a territory had described and no longer does; it stays in the history.

    That is what a source brought that is gone from the description, and what one that is still there brought into
    layers that it no longer fills.

    Returns
    -------
    dict
        How many features were removed, by source and layer.
    """
    known = select(TerritoryRow.pack).where(TerritoryRow.id == territory.id)
    before = [each["id"] for each in (connection.execute(known).scalar() or {}).get("sources", [])]
    fills = {each.id: each.fills for each in territory.sources}
    removed: dict[str, dict[str, int]] = {}
    for layer in chain.from_iterable(in_order(all_layers().values())) if before else ():
        left = [source for source in before if layer.name not in fills.get(source, ())]
        table = layer.table
        gone = delete(table).where(table.c.territory == territory.id, table.c.source.in_(left))
        for source in connection.execute(gone.returning(table.c.source)).scalars():
            counts = removed.setdefault(source, {})
            counts[layer.name] = counts.get(layer.name, 0) + 1
    row = update(TerritoryRow).where(TerritoryRow.id == territory.id)
    vanished = [source for source in before if source not in fills]
    connection.execute(row.values(attribution=TerritoryRow.attribution.op("-")(cast(vanished, ARRAY(Text)))))
    return removed


def attribute(connection: Connection, territory: str, source: str, line: str) -> None:
    """Keep what must be shown wherever a source's features are."""
    row = update(TerritoryRow).where(TerritoryRow.id == territory)
    connection.execute(row.values(attribution=TerritoryRow.attribution + literal({source: line}, JSONB)))


def at(connection: Connection, box: tuple[float, float, float, float]) -> str | None:
    """Return the smallest registered territory in which at least half of a box in degrees lies, if there is one."""
    west, south, east, north = box
    envelope = func.ST_MakeEnvelope(*box, STORAGE_SRID, type_=Geometry)
    inside = func.ST_Area(func.ST_Intersection(TerritoryRow.boundary, envelope))
    holding = func.ST_Intersects(TerritoryRow.boundary, envelope) & (inside >= (east - west) * (north - south) / 2)
    smallest = select(TerritoryRow.id).where(holding).order_by(func.ST_Area(TerritoryRow.boundary), TerritoryRow.id)
    return connection.execute(smallest.limit(1)).scalar()


def check_territory(connection: Connection, territory: str) -> None:
    """Make sure that the base knows a territory.

    Raises
    ------
    NotFoundError
        It doesn't; the text lists those it knows.
    """
    if connection.execute(select(TerritoryRow.id).where(TerritoryRow.id == territory)).scalar() is None:
        find_territory(connection, territory)


def find_territory(connection: Connection, territory: str) -> dict[str, Any]:
    """Return what the base knows of a territory, its norms, time zone and languages among it.

    What it doesn't state of norms, those to which it belongs state for it.

    Raises
    ------
    NotFoundError
        It doesn't know it; the text lists those it knows.
    """
    known = {each["id"]: each for each in registered(connection)}
    if territory not in known:
        raise NotFoundError(f"The base has no territory {territory!r}; it has: {', '.join(known) or 'none yet'}.")
    return known[territory]


def timezone_of(connection: Connection, territory: str | Territory) -> str | None:
    """Return the time zone of a territory of the base, or of one that is yet to be registered, where it is told.

    Raises
    ------
    NotFoundError
        The base has no such territory.
    """
    if isinstance(territory, str):
        zone: str | None = find_territory(connection, territory)["timezone"]
        return zone
    return territory.timezone


def registered(connection: Connection) -> list[dict[str, Any]]:
    """Return what the base knows of each territory, the one that was there first before the others."""
    columns = [each for each in TerritoryRow.__table__.columns if each.name not in _NOT_TOLD]
    rows = connection.execute(
        select(*columns, TerritoryRow.facts).order_by(TerritoryRow.added_at, TerritoryRow.id)
    ).mappings()
    known = {row["id"]: _with_facts(dict(row)) for row in rows}
    return [row | {"norms": _norms(row, known)} for row in known.values()]


def only_territory(connection: Connection) -> str:
    """Return the id of the only territory that the base has.

    Raises
    ------
    NotFoundError
        It has none.
    InvalidInputError
        It has several; the text lists them.
    """
    known = [str(each["id"]) for each in registered(connection)]
    if not known:
        raise NotFoundError("The base has no territory yet: load one with horad up.")
    if len(known) > 1:
        raise InvalidInputError(f"Say on which territory: {', '.join(known)}.")
    return known[0]


def registered_below(connection: Connection, territory: str | None) -> list[dict[str, Any]]:
    """Return what the base knows of a territory and of those that belong to it; of all where none is named."""
    wanted = None if territory is None else set(family(connection, territory))
    return [each for each in registered(connection) if wanted is None or each["id"] in wanted]


def family(connection: Connection, territory: str) -> list[str]:
    """Return the ids of a territory and of all that belong to it."""
    found: list[str] = connection.execute(select(func.horad_subtree(territory))).scalar_one()
    return found


def within(table: FromClause, territory: str | None) -> ColumnElement[bool]:
    """Return the condition that a row belongs to a territory or to one below it; without a territory, to any."""
    if territory is None:
        return true()
    family = cast(select(func.horad_subtree(territory)).scalar_subquery(), ARRAY(Text))
    return table.c.territory == func.any(family)


def attribution_line(territories: Iterable[Mapping[str, Any]]) -> str:
    """Return what must be shown wherever features of these territories are, each source's line once."""
    lines = (line for each in territories for line in each["attribution"].values())
    return "; ".join(dict.fromkeys(lines))


def attribution_of(connection: Connection, territory: str | None) -> str:
    """Return what must be shown on a map of a territory and of all below it; of every territory where none is given."""
    known = registered(connection)
    if territory is not None:
        shown = family(connection, territory)
        known = [each for each in known if each["id"] in shown]
    return attribution_line(known)


def _norms(row: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the norms of a territory, and of those to which it belongs where it states none."""
    parent = known.get(row["parent"] or "")
    own: dict[str, Any] = row["norms"]
    return (_norms(parent, known) if parent else {}) | own


def _with_facts(row: dict[str, Any]) -> dict[str, Any]:
    facts = row.pop("facts") or {}
    return row | {name: facts.get(name, default) for name, default in FACTS.items()}
