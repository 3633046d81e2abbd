"""The SQL that writes a feature as GeoJSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from geoalchemy2.types import Geometry
from sqlalchemy import ColumnElement, FromClause, Numeric, String, and_, case, cast, func, literal_column, type_coerce
from sqlalchemy.dialects.postgresql import JSON

from layers.catalog import LayerTable
from layers.crs import CRS84, Crs
from layers.models.base import STORAGE_SRID

SHARED = ("territory", "source", "source_id")
"""The properties that features of every layer have, before the layer's own; ``tags`` come last."""

_WHOLE_BELOW = 1e15


def properties_of(model: LayerTable) -> list[str]:
    """Return the names of the properties that a layer's features have."""
    return [*SHARED, *(each.name for each in model.columns), "tags"]


def geojson(
    model: LayerTable, table: FromClause, *, crs: Crs = CRS84, only: Sequence[str] | None = None
) -> ColumnElement[str]:
    """Return the SQL that writes a feature as GeoJSON text.

    Parameters
    ----------
    model
        The layer.
    table
        Where the rows are.
    crs
        Of the coordinates, which come in the order of its axes.
    only
        The properties wanted; by default all.
    """
    decimals = {each.name for each in model.columns if each.python_type is float}
    names = properties_of(model) if only is None else only
    feature = json_object(
        {
            "type": literal_column("'Feature'"),
            "id": table.c.id,
            "geometry": cast(func.ST_AsGeoJSON(placed(table.c.geom, crs), crs.decimals), JSON),
            "properties": json_object(
                {name: _with_point(table.c[name]) if name in decimals else table.c[name] for name in names}
            ),
        }
    )
    return type_coerce(cast(feature, String), String)


def json_object(values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    """Return the SQL that makes a JSON object of values by their names, which are those of columns."""
    pairs = [part for name, value in values.items() for part in (literal_column(f"'{name}'"), value)]
    return func.json_build_object(*pairs, type_=JSON)


def placed(geometry: ColumnElement[Any], crs: Crs) -> ColumnElement[Any]:
    """Return a stored geometry in a CRS, its coordinates in the order of its axes."""
    if crs.srid != STORAGE_SRID:
        geometry = func.ST_Transform(geometry, crs.srid, type_=Geometry)
    return func.ST_FlipCoordinates(geometry, type_=Geometry) if crs.north_first else geometry


def _with_point(number: ColumnElement[float]) -> ColumnElement[Any]:
    """Write a decimal point even where a number is whole: clients guess the type of a field from its first values."""
    whole = and_(number == func.trunc(number), func.abs(number) < _WHOLE_BELOW)
    return case((whole, cast(number, Numeric(17, 1))), else_=cast(number, Numeric))
