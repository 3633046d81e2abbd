"""Reads features: as frames for analysts, as GeoJSON for the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import geopandas as gpd
import pandas as pd
import shapely
from geoalchemy2.types import Geometry
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Numeric,
    Select,
    String,
    Text,
    and_,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON

from geo.errors import InvalidInputError
from layers.catalog import LayerTable, all_layers, find
from layers.cql2 import Filter
from layers.errors import NotFoundError
from layers.models.base import STORAGE_SRID
from layers.models.registry import LayerVersion

Box: TypeAlias = tuple[float, float, float, float]
Interval: TypeAlias = tuple[dt.datetime | None, dt.datetime | None]

_DECIMALS = 7
_COUNT_AT_MOST = 100_000
_MAX_ID = 2**63 - 1
_WHOLE_BELOW = 1e15
_DTYPES: dict[type, str] = {
    int: "Int64",
    bool: "boolean",
    float: "float64",
    str: "object",
    dt.date: "object",
    dt.datetime: "datetime64[us, UTC]",
}


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which features are wanted.

    Parameters
    ----------
    territory
        Only those of a territory and of all that belong to it.
    bbox
        Only those that touch the box west, south, east, north, in degrees; west may be greater than east, where the
        box crosses the date line.
    time
        Only those of a time between the two, each ``None`` where that end is open; layers without time aren't affected.
    filter
        Only those that meet it.
    as_of
        As the layer was at that moment; by default as it is.
    after
        Only those with a greater id: the next page.
    limit
        At most so many, those with the lowest ids.
    offset
        Leave out so many first.
    """

    territory: str | None = None
    bbox: Box | None = None
    time: Interval | None = None
    filter: Filter | None = None
    as_of: dt.datetime | None = None
    after: int | None = None
    limit: int | None = None
    offset: int | None = None


@dataclass(frozen=True)
class Page:
    """A run of features in the order of their ids, each as GeoJSON text, and whether there are more."""

    features: list[str]
    last_id: int | None
    more: bool


def parse_bbox(text: str) -> Box:
    """Read a box written as west,south,east,north in degrees; with heights, as six numbers, they are left out.

    Raises
    ------
    InvalidInputError
        It is no such box.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidInputError(f"bbox={text}: must be numbers separated by commas") from error
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4:
        raise InvalidInputError(f"bbox={text}: must be four numbers, west,south,east,north, or six with heights")
    west, south, east, north = numbers
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise InvalidInputError(f"bbox={text}: longitudes go from -180 to 180 and latitudes from -90 to 90")
    if south > north:
        raise InvalidInputError(f"bbox={text}: south, the second number, must not be greater than north")
    return west, south, east, north


def parse_moment(text: str) -> dt.datetime:
    """Read a moment: a time as in RFC 3339, or a date, which stands for its first moment; without a zone it is UTC.

    Raises
    ------
    InvalidInputError
        It is no such time.
    """
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(f"{text} is no time, such as 2020-01-31T12:00:00Z or 2020-01-31") from error
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


def read_frame(
    connection: Connection,
    layer: str,
    query: Query,
    *,
    srid: int = STORAGE_SRID,
    only: Sequence[str] | None = None,
    tags: bool = True,
) -> gpd.GeoDataFrame:
    """Read features into a GeoDataFrame.

    Parameters
    ----------
    connection
        To the database.
    layer
        Its name.
    query
        Which features.
    srid
        The EPSG code of the CRS in which the geometry is wanted.
    only
        The columns wanted; by default all of the layer's.
    tags
        Whether the column ``tags`` comes along, a dict a feature.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a feature, the index holding its id. Whole numbers and truth values are nullable types.

    Raises
    ------
    NotFoundError
        There is no such layer or column.
    """
    model = find(layer)
    table = rows_at(model, query.as_of)
    described = {each.name: each.python_type for each in model.columns}
    missing = sorted(set(only or ()) - set(described))
    if missing:
        raise NotFoundError(f"The layer {layer} has no column {', '.join(missing)}; it has {', '.join(described)}.")
    names = list(only) if only is not None else list(described)
    wanted: list[ColumnElement[Any]] = [table.c.id, func.ST_AsBinary(_geometry(table.c.geom, srid)).label("geometry")]
    wanted += [table.c[name] for name in names]
    if tags:
        wanted.append(table.c.tags)
    rows = connection.execute(matching(model, query, wanted, table)).all()
    frame = pd.DataFrame(rows, columns=["id", "geometry", *names, *(["tags"] if tags else [])])
    geometry = shapely.from_wkb(frame.pop("geometry").to_numpy())
    frame = frame.astype({name: _DTYPES[described[name]] for name in names})
    return gpd.GeoDataFrame(frame.set_index("id"), geometry=geometry, crs=f"EPSG:{srid}")


def read_page(connection: Connection, layer: str, query: Query) -> Page:
    """Read a page of features as GeoJSON texts."""
    model = find(layer)
    limited = query.limit or 1
    one_more = replace(query, limit=limited + 1)
    table = rows_at(model, query.as_of)
    rows = connection.execute(matching(model, one_more, [table.c.id, _geojson(model, table)], table)).all()
    page = rows[:limited]
    return Page([text for _, text in page], page[-1][0] if page else None, len(rows) > limited)


def read_feature(connection: Connection, layer: str, feature_id: int, *, as_of: dt.datetime | None = None) -> str:
    """Read one feature as GeoJSON text, as it is or as it was at a moment.

    Raises
    ------
    NotFoundError
        The layer, or its feature, isn't there.
    """
    model = find(layer)
    table = rows_at(model, as_of)
    text = connection.execute(select(_geojson(model, table)).where(table.c.id == feature_id)).scalar()
    if text is None:
        raise NotFoundError(f"The layer {layer} has no feature {feature_id}.")
    return str(text)


def count(connection: Connection, layer: str, query: Query) -> int:
    """Count the features that match."""
    model = find(layer)
    table = rows_at(model, query.as_of)
    counted = select(func.count()).select_from(table).where(*conditions(model, table, query))
    return int(connection.execute(counted).scalar_one())


def count_up_to(connection: Connection, layer: str, query: Query, *, at_most: int = _COUNT_AT_MOST) -> int | None:
    """Count the features that match, on all pages, or return ``None`` where there are more than ``at_most``."""
    model = find(layer)
    every_page = replace(query, after=None, limit=None, offset=None)
    table = rows_at(model, query.as_of)
    matched: Select[Any] = select(literal_column("1")).select_from(table).where(*conditions(model, table, every_page))
    some = matched.limit(at_most + 1).subquery()
    found = int(connection.execute(select(func.count()).select_from(some)).scalar_one())
    return found if found <= at_most else None


def parse_id(layer: str, text: str) -> int:
    """Read the id of a feature.

    Raises
    ------
    NotFoundError
        It isn't one, so there is no such feature.
    """
    if not (text.isascii() and text.isdigit()) or int(text) > _MAX_ID:
        raise NotFoundError(f"The layer {layer} has no feature {text!r}: ids are whole numbers.")
    return int(text)


def time_extent(connection: Connection, layer: str) -> tuple[dt.datetime, dt.datetime] | None:
    """Return the first and the last time of a layer, or ``None`` where it has none."""
    model = find(layer)
    if model.layer.time is None:
        return None
    column = model.table.c[model.layer.time]
    first, last = connection.execute(select(func.min(column), func.max(column))).one()
    return None if first is None else (first, last)


def extent(connection: Connection, layer: str, territory: str | None = None) -> Box | None:
    """Return the box around a layer, or ``None`` where it is empty."""
    model = find(layer)
    box = func.ST_Extent(model.table.c.geom)
    sides = select(func.ST_XMin(box), func.ST_YMin(box), func.ST_XMax(box), func.ST_YMax(box))
    statement = sides.where(within(model.table, territory))
    west, south, east, north = connection.execute(statement).one()
    return None if west is None else (west, south, east, north)


def versions(connection: Connection) -> dict[str, int]:
    """Return how often each layer has changed; one that never has is 0."""
    found = connection.execute(select(LayerVersion.layer, LayerVersion.version)).all()
    return dict.fromkeys(all_layers(), 0) | {row.layer: row.version for row in found}


def rows_at(model: LayerTable, as_of: dt.datetime | None) -> FromClause:
    """Return the layer as it is or, where a moment is given, as it was then."""
    if as_of is None:
        return model.table
    past = model.history
    names = [each.name for each in past.columns if each.name in model.table.columns]
    standing = select(*(model.table.c[name] for name in names)).where(model.table.c.updated_at <= as_of)
    ended = select(*(past.c[name] for name in names)).where(past.c.updated_at <= as_of, past.c.valid_to > as_of)
    return union_all(standing, ended).subquery(model.name)


def matching(
    model: LayerTable, query: Query, columns: Sequence[ColumnElement[Any]], table: FromClause | None = None
) -> Select[Any]:
    """Return the statement that reads the features of a query, in their order.

    Parameters
    ----------
    model
        The layer.
    query
        Which features.
    columns
        What is wanted of each, as expressions of the table's columns.
    table
        Where the rows are, as `rows_at` gives it; by default what it gives for the query.

    Raises
    ------
    InvalidInputError
        The filter doesn't fit the layer.
    """
    rows = rows_at(model, query.as_of) if table is None else table
    statement = select(*columns).where(*conditions(model, rows, query)).order_by(rows.c.id)
    return statement.limit(query.limit).offset(query.offset)


def conditions(model: LayerTable, table: FromClause, query: Query) -> list[ColumnElement[bool]]:
    """Return what a row must meet to be wanted; the limit and the offset are left to the statement.

    Raises
    ------
    InvalidInputError
        The filter doesn't fit the layer.
    """
    found: list[ColumnElement[bool]] = []
    if query.territory is not None:
        found.append(within(table, query.territory))
    if query.after is not None:
        found.append(table.c.id > query.after)
    if query.bbox is not None:
        found.append(or_(*(_touches(table.c.geom, box) for box in _halves(query.bbox))))
    if query.time is not None and model.layer.time is not None:
        first, last = query.time
        column = table.c[model.layer.time]
        if first is not None:
            found.append(column >= first)
        if last is not None:
            found.append(column <= last)
    if query.filter is not None:
        found.append(query.filter.condition(model, table))
    return found


def within(table: FromClause, territory: str | None) -> ColumnElement[bool]:
    """Return the condition that a row belongs to a territory or to one below it; without a territory, to any."""
    if territory is None:
        return true()
    family = cast(select(func.horad_subtree(territory)).scalar_subquery(), ARRAY(Text))
    return table.c.territory == func.any(family)


def _halves(box: Box) -> list[Box]:
    west, south, east, north = box
    return [box] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]


def _touches(geometry: ColumnElement[Any], box: Box) -> ColumnElement[bool]:
    envelope = func.ST_MakeEnvelope(*box, STORAGE_SRID, type_=Geometry)
    return and_(geometry.op("&&")(envelope), func.ST_Intersects(geometry, envelope))


def _geometry(geometry: ColumnElement[Any], srid: int) -> ColumnElement[Any]:
    return geometry if srid == STORAGE_SRID else func.ST_Transform(geometry, srid, type_=Geometry)


def _geojson(model: LayerTable, table: FromClause) -> ColumnElement[str]:
    """Return the SQL that writes a feature as GeoJSON text."""
    properties: list[Any] = []
    decimals = {each.name for each in model.columns if each.python_type is float}
    for name in ("territory", "source", "source_id", *(each.name for each in model.columns), "tags"):
        value = _with_point(table.c[name]) if name in decimals else table.c[name]
        properties += [literal_column(f"'{name}'"), value]
    feature = func.json_build_object(
        literal_column("'type'"),
        literal_column("'Feature'"),
        literal_column("'id'"),
        table.c.id,
        literal_column("'geometry'"),
        cast(func.ST_AsGeoJSON(table.c.geom, _DECIMALS), JSON),
        literal_column("'properties'"),
        func.json_build_object(*properties),
    )
    return type_coerce(cast(feature, String), String)


def _with_point(number: ColumnElement[float]) -> ColumnElement[Any]:
    """Write a decimal point even where a number is whole: clients guess the type of a field from its first values."""
    whole = and_(number == func.trunc(number), func.abs(number) < _WHOLE_BELOW)
    return case((whole, cast(number, Numeric(17, 1))), else_=cast(number, Numeric))
