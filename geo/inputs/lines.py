"""Lines as a parameter of an analysis: what a user may give, and what the analysis receives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np
import shapely
from pydantic_core import PydanticCustomError, core_schema

from geo.errors import InvalidInputError
from geo.inputs.points import LONLAT, PAIRS_SCHEMA, label_of, read_position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

_GEOJSON = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"enum": ["LineString", "MultiLineString", "Feature", "FeatureCollection"]}},
    "title": "GeoJSON lines in longitude and latitude (WGS 84)",
}


def read_lines(value: Any) -> gpd.GeoSeries:
    """Read lines from any of the forms a user gives them in.

    Parameters
    ----------
    value
        A GeoSeries or GeoDataFrame of LineStrings with a CRS, which is returned in that CRS; or, in longitude and
        latitude, a list of ``[lon, lat]`` pairs (one line) or a list of such lists, or a GeoJSON LineString,
        MultiLineString, Feature or FeatureCollection of them.

    Returns
    -------
    geopandas.GeoSeries
        One LineString a row. The index labels the lines: that of the given frame; of GeoJSON the feature's ``name``
        property or its ``id``; else the number of the line from 1.

    Raises
    ------
    InvalidInputError
        If there is no line, something is not a line, or coordinates are not finite or out of range.
    """
    if isinstance(value, gpd.GeoDataFrame):
        value = value.geometry
    lines = _checked(value) if isinstance(value, gpd.GeoSeries) else _parsed(value)
    if lines.empty:
        raise InvalidInputError("no line given: give at least one, as a list of [longitude, latitude] or GeoJSON")
    return lines


def _checked(lines: gpd.GeoSeries) -> gpd.GeoSeries:
    if lines.crs is None:
        raise InvalidInputError("the lines have no CRS: set it, for example with lines.set_crs(4326)")
    geometry = lines.to_numpy()
    wrong = shapely.get_type_id(geometry) != shapely.GeometryType.LINESTRING
    wrong |= ~np.isfinite(shapely.bounds(geometry)).all(axis=1)
    if wrong.any():
        raise InvalidInputError(f"geometry of {lines.index[wrong][0]!r} is not a line: every geometry must be one")
    return lines


def _parsed(value: Any) -> gpd.GeoSeries:
    labelled = list(_labelled(value))
    labels = [number if label is None else label for number, (label, _) in enumerate(labelled, start=1)]
    shapes = [_line(positions) for _, positions in labelled]
    return gpd.GeoSeries(shapes, index=labels, crs=LONLAT)


def _line(positions: Any) -> Any:
    if not isinstance(positions, Sequence) or isinstance(positions, str) or len(positions) < 2:
        raise InvalidInputError(f"a line needs at least two [longitude, latitude] pairs, not {positions!r:.80}")
    return shapely.LineString([read_position(each) for each in positions])


def _labelled(value: Any) -> Iterator[tuple[str | int | None, Any]]:
    """Yield the label, if any, and the positions of each line."""
    match value:
        case {"type": "LineString", "coordinates": positions}:
            yield None, positions
        case {"type": "MultiLineString", "coordinates": [*lines]}:
            yield from ((None, positions) for positions in lines)
        case {"type": "Feature", "geometry": {"type": "LineString" | "MultiLineString"} as geometry}:
            yield from ((label_of(value), positions) for _, positions in _labelled(geometry))
        case {"type": "FeatureCollection", "features": [*features]}:
            for feature in features:
                if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
                    raise InvalidInputError(f"a FeatureCollection must hold features, not {feature!r:.80}")
                yield from _labelled(feature)
        case [[int() | float(), *_], *_]:
            yield None, value
        case [*lines] if not isinstance(value, str):
            yield from ((None, positions) for positions in lines)
        case _:
            raise InvalidInputError(
                "lines must be a list of [longitude, latitude] pairs, a list of such lists, or a GeoJSON LineString, "
                f"MultiLineString, Feature or FeatureCollection of them; this is {value!r:.80}"
            )


class _LinesSchema:
    """Lets pydantic validate, document and write lines."""

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
        one = PAIRS_SCHEMA | {"title": "One line of [longitude, latitude] pairs"}
        return {"oneOf": [one, {"type": "array", "items": one, "title": "Lines"}, _GEOJSON]}


def _validated(value: Any) -> gpd.GeoSeries:
    try:
        return read_lines(value)
    except InvalidInputError as error:
        raise PydanticCustomError("lines", "{reason}", {"reason": str(error)}) from error


def _written(lines: gpd.GeoSeries) -> dict[str, Any]:
    written: dict[str, Any] = lines.to_crs(LONLAT).__geo_interface__
    return written


Lines = Annotated[gpd.GeoSeries, _LinesSchema]
"""Type of a parameter that takes lines: see `read_lines` for what may be given."""
