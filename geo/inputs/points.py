"""Points as a parameter of an analysis."""

from __future__ import annotations

from typing import Annotated, Any

import geopandas as gpd
import shapely

from geo.inputs.shapes import PAIRS_SCHEMA, ShapeKind, read_position

_POINTS = ShapeKind(
    name="point",
    geometry="Point",
    forms="a list of [longitude, latitude] pairs or GeoJSON",
    make=lambda position: shapely.Point(read_position(position)),
    listed=iter,
    schemas=(PAIRS_SCHEMA,),
)


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
    return _POINTS.read(value)


Points = Annotated[gpd.GeoSeries, _POINTS]
"""Type of a parameter that takes points: see `read_points` for what may be given."""
