"""The spatial predicates of a filter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import shapely
from geoalchemy2 import Geometry
from shapely.geometry.base import BaseGeometry
from sqlalchemy import ColumnElement, LargeBinary, and_, func, literal, not_, or_

from geo.errors import InvalidInputError
from layers.cql2.values import Kind, Value
from layers.crs import Crs, transformer
from layers.models.base import STORAGE_SRID

_SIMPLE = ("Point", "LineString", "Polygon")
_GEOMETRY_TYPES = (*_SIMPLE, *(f"Multi{each}" for each in _SIMPLE), "GeometryCollection")
_SEGMENTS = 16
_ROUNDING_DEG = 1e-9
"""A tenth of a millimetre: what is lost where coordinates go from one CRS into another and back."""

_MEETING = {
    "s_intersects": "ST_Intersects",
    "s_equals": "ST_Equals",
    "s_touches": "ST_Touches",
    "s_within": "ST_Within",
    "s_contains": "ST_Contains",
    "s_overlaps": "ST_Overlaps",
    "s_crosses": "ST_Crosses",
}
SPATIAL = frozenset([*_MEETING, "s_disjoint"])


def spatial(operator: str, left: Value, right: Value) -> ColumnElement[bool]:
    """Return the condition that two geometries lie to each other as the operator says.

    Raises
    ------
    InvalidInputError
        One of them is no geometry, or the operator doesn't take it.
    """
    for each in (left, right):
        if each.kind is not Kind.GEOMETRY:
            raise InvalidInputError(f"filter: {operator} takes geometries: {each.told} is {each.kind}")
    if operator == "s_disjoint":
        return not_(spatial("s_intersects", left, right))
    collections = [each for each in (left, right) if isinstance(each.given, shapely.GeometryCollection)]
    if not collections:
        return _meeting(operator, left, right)
    if operator != "s_intersects":
        raise InvalidInputError(f"filter: {operator} takes no GeometryCollection of different kinds of geometry")
    collection = collections[0]
    other = left if collection is right else right
    return or_(*(_meeting(operator, other, _given(part)) for part in collection.given.geoms))


def geometry_value(tree: Mapping[str, Any], crs: Crs) -> Value:
    """Return a geometry that a filter gives in GeoJSON, brought into the CRS in which features are kept.

    Raises
    ------
    InvalidInputError
        It is none, isn't valid, or lies where the CRS doesn't reach.
    """
    try:
        shape = shapely.geometry.shape(tree) if tree.get("type") in _GEOMETRY_TYPES else None
    except (shapely.errors.ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise InvalidInputError(f"filter: {_told(tree)}: this is no geometry in GeoJSON: {error}") from error
    if shape is None:
        raise InvalidInputError(f"filter: {_told(tree)}: a geometry must be one of {', '.join(_GEOMETRY_TYPES)}")
    if shape.is_empty:
        raise InvalidInputError(f"filter: {_told(tree)}: the geometry is empty")
    placed = _placed(shapely.force_2d(shape), crs, _told(tree))
    if isinstance(placed, shapely.GeometryCollection):
        placed = shapely.unary_union(placed)
    if not placed.is_valid:
        raise InvalidInputError(f"filter: {_told(tree)}: the geometry isn't valid: {shapely.is_valid_reason(placed)}")
    return _given(placed)


def box_value(numbers: Any, crs: Crs) -> Value:
    """Return the box that a filter gives as west, south, east, north, in the axis order of its CRS.

    Raises
    ------
    InvalidInputError
        It is no such box.
    """
    told = f"BBOX({', '.join(map(str, numbers))})" if isinstance(numbers, list) else "BBOX"
    plain = isinstance(numbers, list) and all(type(each) in (int, float) for each in numbers)
    if not plain or len(numbers) not in (4, 6):
        raise InvalidInputError(f"filter: {told}: a box takes four numbers, or six with heights")
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    low, high = ((y, x) if crs.north_first else (x, y) for x, y in (numbers[:2], numbers[2:]))
    (west, south), (east, north) = low, high
    if south > north:
        raise InvalidInputError(f"filter: {told}: the box ends south of where it begins")
    if west <= east:
        return _given(_placed(_box(west, south, east, north), crs, told, flip=False))
    if crs.srid != STORAGE_SRID:
        raise InvalidInputError(f"filter: {told}: the box ends west of where it begins")
    halves = [_box(west, south, 180, north), _box(-180, south, east, north)]
    return _given(shapely.unary_union([_placed(each, crs, told, flip=False) for each in halves]))


def box_around(numbers: list[float], crs: Crs) -> tuple[float, float, float, float]:
    """Return the box in degrees around a box in a CRS, as west, south, east and north.

    Raises
    ------
    InvalidInputError
        It is no such box.
    """
    west, south, east, north = box_value(numbers, crs).given.bounds
    room = _ROUNDING_DEG
    return max(west - room, -180), max(south - room, -90), min(east + room, 180), min(north + room, 90)


def _meeting(operator: str, left: Value, right: Value) -> ColumnElement[bool]:
    """Compare boxes first: policies let PostgreSQL use the spatial index for nothing else."""
    relation = getattr(func, _MEETING[operator])(left.sql, right.sql)
    return and_(left.sql.op("&&")(right.sql), relation)


def _given(shape: BaseGeometry) -> Value:
    sql = func.ST_GeomFromWKB(literal(shapely.to_wkb(shape), LargeBinary), STORAGE_SRID, type_=Geometry)
    return Value(Kind.GEOMETRY, sql, shape.geom_type, shape)


def _box(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """Return a box, which is a line or a point where it has no width or height."""
    if not all(map(math.isfinite, (west, south, east, north))):
        raise InvalidInputError("filter: the numbers of a box must be finite")
    return shapely.envelope(shapely.MultiPoint([(west, south), (east, north)]))


def _placed(shape: BaseGeometry, crs: Crs, told: str, *, flip: bool = True) -> BaseGeometry:
    if flip and crs.north_first:
        shape = shapely.transform(shape, lambda points: points[:, ::-1])
    if crs.srid != STORAGE_SRID:
        width = max(shape.bounds[2] - shape.bounds[0], shape.bounds[3] - shape.bounds[1])
        if shape.geom_type == "Polygon" and not flip and width > 0:
            shape = shapely.segmentize(shape, width / _SEGMENTS)
        to_storage = transformer(crs.srid, STORAGE_SRID)
        shape = shapely.transform(shape, to_storage.transform, interleaved=False)
    west, south, east, north = shape.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInputError(
            f"filter: {told}: lies outside the world in {crs.uri}, whose first axis is "
            f"{'latitude or northing' if crs.north_first else 'longitude or easting'}"
        )
    return shape


def _told(tree: Mapping[str, Any]) -> str:
    text = str(tree.get("type", tree))
    return text if len(text) <= 60 else f"{text[:60]}…"
