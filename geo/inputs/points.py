"""Points as a parameter of an analysis: what a user may give, and what the analysis receives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np
import shapely
from pydantic_core import PydanticCustomError, core_schema

from geo.errors import InvalidInputError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

LONLAT = "EPSG:4326"

PAIRS_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "minItems": 2, "maxItems": 3},
    "title": "[longitude, latitude] pairs",
}
_GEOJSON = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"enum": ["Point", "MultiPoint", "Feature", "FeatureCollection"]}},
    "title": "GeoJSON points in longitude and latitude (WGS 84)",
}


def read_points(value: Any) -> gpd.GeoSeries:
    """Read points from any of the forms a user gives them in.

    Parameters
    ----------
    value
        A GeoSeries or GeoDataFrame of points with a CRS, which is returned in that CRS; or, in longitude and latitude,
        a list of ``[lon, lat]`` pairs, or a GeoJSON Point, MultiPoint, Feature or FeatureCollection of points.

    Returns
    -------
    geopandas.GeoSeries
        One point a row. The index labels the points: that of the given frame; of GeoJSON the feature's
        ``name`` property or its ``id``; else the number of the point from 1.

    Raises
    ------
    InvalidInputError
        If there is no point, something is not a point, or coordinates are not finite or out of range.
    """
    if isinstance(value, gpd.GeoDataFrame):
        value = value.geometry
    points = _checked(value) if isinstance(value, gpd.GeoSeries) else _parsed(value)
    if points.empty:
        raise InvalidInputError("no point given: give at least one, as [longitude, latitude] or GeoJSON")
    return points


def _checked(points: gpd.GeoSeries) -> gpd.GeoSeries:
    if points.crs is None:
        raise InvalidInputError("the points have no CRS: set it, for example with points.set_crs(4326)")
    geometry = points.to_numpy()
    wrong = shapely.get_type_id(geometry) != shapely.GeometryType.POINT
    wrong |= ~np.isfinite(shapely.bounds(geometry)).all(axis=1)
    if wrong.any():
        label = points.index[wrong][0]
        raise InvalidInputError(f"geometry of {label!r} is {points[wrong].iloc[0]}: every geometry must be a point")
    return points


def _parsed(value: Any) -> gpd.GeoSeries:
    labelled = list(_labelled(value))
    labels = [number if label is None else label for number, (label, _) in enumerate(labelled, start=1)]
    positions = [read_position(position) for _, position in labelled]
    return gpd.GeoSeries([shapely.Point(xy) for xy in positions], index=labels, crs=LONLAT)


def _labelled(value: Any) -> Iterator[tuple[str | int | None, Any]]:
    """Yield the label, if any, and the position of each point."""
    if isinstance(value, Mapping):
        yield from _geojson(value)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for pair in value:
            yield None, pair
    else:
        raise InvalidInputError(f"points must be a list of [longitude, latitude] pairs or GeoJSON, not {value!r}")


def _geojson(value: Mapping[str, Any]) -> Iterator[tuple[str | int | None, Any]]:
    match value:
        case {"type": "Point", "coordinates": position}:
            yield None, position
        case {"type": "MultiPoint", "coordinates": [*positions]}:
            for position in positions:
                yield None, position
        case {"type": "Feature", "geometry": {"type": "Point" | "MultiPoint"} as geometry}:
            for _, position in _geojson(geometry):
                yield label_of(value), position
        case {"type": "FeatureCollection", "features": [*features]}:
            for feature in features:
                if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
                    raise InvalidInputError(f"a FeatureCollection must hold features, not {feature!r:.80}")
                yield from _geojson(feature)
        case _:
            raise InvalidInputError(
                "GeoJSON must be a Point, a MultiPoint, or a Feature or FeatureCollection of them, "
                f"with coordinates; this is {value!r:.80}"
            )


def label_of(feature: Mapping[str, Any]) -> str | int | None:
    """Return the name of a GeoJSON feature, or its id."""
    properties = feature.get("properties") or {}
    label = properties.get("name") or feature.get("id", properties.get("id"))
    return label if isinstance(label, str | int) else None


def read_position(position: Any) -> tuple[float, float]:
    """Return longitude and latitude, checked."""
    if not isinstance(position, Sequence) or isinstance(position, str) or len(position) not in (2, 3):
        raise InvalidInputError(f"a position must be [longitude, latitude], not {position!r:.80}")
    lon, lat = position[:2]
    if not all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in (lon, lat)):
        raise InvalidInputError(f"longitude and latitude must be finite numbers, not {position!r:.80}")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise InvalidInputError(
            f"[{lon}, {lat}] is out of range: the first number is the longitude (-180 to 180), "
            "the second the latitude (-90 to 90)"
        )
    return float(lon), float(lat)


class _PointsSchema:
    """Lets pydantic validate, document and write points."""

    @staticmethod
    def __get_pydantic_core_schema__(_source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _validated,
            serialization=core_schema.plain_serializer_function_ser_schema(_written, when_used="json"),
        )

    @staticmethod
    def __get_pydantic_json_schema__(
        _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"oneOf": [PAIRS_SCHEMA, _GEOJSON]}


def _validated(value: Any) -> gpd.GeoSeries:
    try:
        return read_points(value)
    except InvalidInputError as error:
        raise PydanticCustomError("points", "{reason}", {"reason": str(error)}) from error


def _written(points: gpd.GeoSeries) -> dict[str, Any]:
    lonlat = points.to_crs(LONLAT)
    features = [
        {
            "type": "Feature",
            "id": label if isinstance(label, str) else int(label),
            "properties": {},
            "geometry": {"type": "Point", "coordinates": [point.x, point.y]},
        }
        for label, point in zip(lonlat.index, lonlat, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


Points = Annotated[gpd.GeoSeries, _PointsSchema]
"""Type of a parameter that takes points: see `read_points` for what may be given."""
