"""Lines as a parameter of an analysis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import geopandas as gpd
import shapely

from geo.errors import InvalidInputError
from geo.inputs.shapes import PAIRS_SCHEMA, ShapeKind, read_position


def _line(positions: Any) -> shapely.LineString:
    if not isinstance(positions, Sequence) or isinstance(positions, str) or len(positions) < 2:
        raise InvalidInputError(f"a line needs at least two [longitude, latitude] pairs, not {positions!r:.80}")
    return shapely.LineString([read_position(each) for each in positions])


def _listed(value: Sequence[Any]) -> Iterator[Any]:
    """Yield the one line that a list of pairs is, or those that it lists."""
    match value:
        case [[int() | float(), *_], *_]:
            yield value
        case _:
            yield from value


_ONE = PAIRS_SCHEMA | {"title": "One line of [longitude, latitude] pairs"}

_LINES = ShapeKind(
    name="line",
    geometry="LineString",
    forms="a list of [longitude, latitude] pairs, a list of such lists, or GeoJSON",
    make=_line,
    listed=_listed,
    schemas=(_ONE, {"type": "array", "items": _ONE, "title": "Lines"}),
)


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
    return _LINES.read(value)


Lines = Annotated[gpd.GeoSeries, _LINES]
"""Type of a parameter that takes lines: see `read_lines` for what may be given."""
