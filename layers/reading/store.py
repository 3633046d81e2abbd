"""Reads features: as frames for analysts, as GeoJSON for the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely
from geoalchemy2.types import Geometry
from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select

from layers.catalog import LayerTable, all_layers, find
from layers.crs import CRS84, Crs
from layers.errors import NotFoundError
from layers.models.base import STORAGE_SRID
from layers.models.registry import LayerVersion
from layers.reading.geojson import SHARED, geojson
from layers.reading.paging import Position, position_columns
from layers.reading.query import Box, Interval, Query, conditions, matching, parse_bbox, parse_moment, rows_at
from layers.territories.territory import within

__all__ = [
    "Box",
    "Interval",
    "Page",
    "Query",
    "conditions",
    "count",
    "count_statement",
    "count_up_to",
    "extent",
    "geojson",
    "matching",
    "page_of",
    "page_statement",
    "parse_bbox",
    "parse_id",
    "parse_moment",
    "read_feature",
    "read_frame",
    "read_page",
    "rows_at",
    "time_extent",
    "versions",
    "within",
]

_COUNT_AT_MOST = 100_000
_MAX_ID = 2**63 - 1
_DTYPES: dict[type, str] = {
    int: "Int64",
    bool: "boolean",
    float: "float64",
    str: "object",
    dt.date: "object",
    dt.datetime: "datetime64[us, UTC]",
}


@dataclass(frozen=True)
class Page:
    """A run of features in their order, each as GeoJSON text in UTF-8.

    Parameters
    ----------
    features
        The texts.
    first, last
        The places in the order of the first and the last of them.
    more
        Whether there are more in the direction in which was read.
    """

    features: list[bytes]
    first: Position | None
    last: Position | None
    more: bool


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
        The columns wanted; by default all of the layer's. ``territory``, ``source`` and ``source_id``, to which links
        of other layers lead, may be among them.
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
    own = list(described)
    described |= dict.fromkeys(SHARED, str)
    missing = sorted(set(only or ()) - set(described))
    if missing:
        raise NotFoundError(f"The layer {layer} has no column {', '.join(missing)}; it has {', '.join(own)}.")
    names = list(only) if only is not None else own
    wanted: list[ColumnElement[Any]] = [table.c.id, func.ST_AsBinary(_geometry(table.c.geom, srid)).label("geometry")]
    wanted += [table.c[name] for name in names]
    if tags:
        wanted.append(table.c.tags)
    rows = connection.execute(matching(model, query, wanted, table)).all()
    frame = pd.DataFrame(rows, columns=["id", "geometry", *names, *(["tags"] if tags else [])])
    geometry = shapely.from_wkb(frame.pop("geometry").to_numpy())
    frame = frame.astype({name: _DTYPES[described[name]] for name in names})
    return gpd.GeoDataFrame(frame.set_index("id"), geometry=geometry, crs=f"EPSG:{srid}")


def read_page(
    connection: Connection, layer: str, query: Query, *, crs: Crs = CRS84, only: Sequence[str] | None = None
) -> Page:
    """Read a page of features as GeoJSON texts.

    Parameters
    ----------
    connection
        To the database.
    layer
        Its name.
    query
        Which features; without a limit, one.
    crs
        In which their coordinates are wanted.
    only
        The properties wanted; by default all.
    """
    rows = connection.execute(page_statement(find(layer), query, crs=crs, only=only)).all()
    return page_of([(row[0].encode(), *row[1:]) for row in rows], query)


def page_statement(
    model: LayerTable, query: Query, *, crs: Crs = CRS84, only: Sequence[str] | None = None
) -> Select[Any]:
    """Return the statement of a page: of each feature its text and its place in the order, of one more than wanted.

    Parameters are as for `read_page`.
    """
    table = rows_at(model, query.as_of)
    wanted = [geojson(model, table, crs=crs, only=only), *position_columns(table, query.sort)]
    return matching(model, replace(query, limit=(query.limit or 1) + 1), wanted, table)


def page_of(rows: Sequence[Sequence[Any]], query: Query) -> Page:
    """Return the page of the rows that its statement gave."""
    limited = query.limit or 1
    page = list(rows[:limited])
    if query.before is not None:
        page.reverse()
    first, last = (tuple(page[nth][1:]) if page else None for nth in (0, -1))
    return Page([row[0] for row in page], first, last, len(rows) > limited)


def read_feature(
    connection: Connection,
    layer: str,
    feature_id: int,
    *,
    territory: str | None = None,
    as_of: dt.datetime | None = None,
    crs: Crs = CRS84,
) -> str:
    """Read one feature as GeoJSON text, as it is or as it was at a moment.

    Raises
    ------
    NotFoundError
        The layer, or its feature, isn't there, or not in the territory.
    """
    model = find(layer)
    table = rows_at(model, as_of)
    wanted = select(geojson(model, table, crs=crs)).select_from(table)
    wanted = wanted.where(table.c.id == feature_id, within(table, territory))
    text = connection.execute(wanted).scalar()
    if text is None:
        where = "" if territory is None else f" in {territory}"
        raise NotFoundError(f"The layer {layer} has no feature {feature_id}{where}.")
    return str(text)


def count(connection: Connection, layer: str, query: Query) -> int:
    """Count the features that match."""
    model = find(layer)
    table = rows_at(model, query.as_of)
    counted = select(func.count()).select_from(table).where(*conditions(model, table, query))
    return int(connection.execute(counted).scalar_one())


def count_up_to(connection: Connection, layer: str, query: Query, *, at_most: int = _COUNT_AT_MOST) -> int | None:
    """Count the features that match, on all pages, or return ``None`` where there are more than ``at_most``."""
    found = int(connection.execute(count_statement(find(layer), query, at_most=at_most)).scalar_one())
    return found if found <= at_most else None


def count_statement(model: LayerTable, query: Query, *, at_most: int) -> Select[Any]:
    """Return the statement that counts the features that match, on all pages, up to one more than ``at_most``."""
    every_page = replace(query, after=None, before=None, limit=None, offset=None)
    table = rows_at(model, query.as_of)
    matched: Select[Any] = select(literal_column("1")).select_from(table).where(*conditions(model, table, every_page))
    return select(func.count()).select_from(matched.limit(at_most + 1).subquery())


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


def time_extent(
    connection: Connection, layer: str, territory: str | None = None
) -> tuple[dt.datetime, dt.datetime] | None:
    """Return the first and the last time of a layer, or ``None`` where it has none."""
    model = find(layer)
    if model.layer.time is None:
        return None
    column = model.table.c[model.layer.time]
    ends = select(func.min(column), func.max(column)).where(within(model.table, territory))
    first, last = connection.execute(ends).one()
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


def _geometry(geometry: ColumnElement[Any], srid: int) -> ColumnElement[Any]:
    return geometry if srid == STORAGE_SRID else func.ST_Transform(geometry, srid, type_=Geometry)
