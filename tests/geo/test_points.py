"""The forms in which points are given."""

from typing import Any

import geopandas as gpd
import pytest
from shapely import LineString, Point

from geo.errors import InvalidInputError
from geo.inputs.points import read_points

MINSK = [27.5615, 53.9023]
POINT = {"type": "Point", "coordinates": MINSK}


def feature(geometry: Any = POINT, **members: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": None, "geometry": geometry} | members


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ([MINSK, MINSK], [1, 2]),
        ([tuple(MINSK)], [1]),
        (POINT, [1]),
        ({"type": "Point", "coordinates": [*MINSK, 200.0]}, [1]),
        ({"type": "MultiPoint", "coordinates": [MINSK, MINSK]}, [1, 2]),
        (feature(), [1]),
        (feature(id="7"), ["7"]),
        (feature(id=7, properties={"name": "Station"}), ["Station"]),
        ({"type": "FeatureCollection", "features": [feature(id=5), feature()]}, [5, 2]),
    ],
)
def test_points_of_users_are_in_degrees_and_labelled(value: Any, labels: list[Any]) -> None:
    points = read_points(value)
    assert points.crs == "EPSG:4326"
    assert points.index.tolist() == labels
    assert {(point.x, point.y) for point in points} == {tuple(MINSK)}


def test_points_of_analysts_keep_crs_and_index() -> None:
    series = gpd.GeoSeries([Point(1, 2)], index=["a"], crs=32635)
    assert read_points(series) is series
    assert read_points(series.to_frame("place").set_geometry("place")).equals(series)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "no point given"),
        ({"type": "FeatureCollection", "features": []}, "no point given"),
        (gpd.GeoSeries([], crs=4326), "no point given"),
        ("27.5,53.9", "must be a list"),
        (5, "must be a list"),
        (None, "must be a list"),
        ([27.5, 53.9], "must be .longitude, latitude., not 27.5"),
        (["ab"], "must be .longitude, latitude., not 'ab'"),
        ([[27.5]], "must be .longitude, latitude."),
        ([[27.5, "53.9"]], "finite numbers"),
        ([[27.5, True]], "finite numbers"),
        ([[27.5, float("nan")]], "finite numbers"),
        ([[27.5, float("inf")]], "finite numbers"),
        ([[53.9, 190]], "out of range"),
        ([[181, 0]], "out of range"),
        ({"type": "LineString", "coordinates": [MINSK, MINSK]}, "GeoJSON must be a Point"),
        ({"type": "Point"}, "GeoJSON must be a Point"),
        ({"type": "MultiPoint", "coordinates": 5}, "GeoJSON must be a Point"),
        (feature(None), "GeoJSON must be a Point"),
        (feature({"type": "Polygon", "coordinates": []}), "GeoJSON must be a Point"),
        ({"type": "FeatureCollection", "features": [POINT]}, "must hold features"),
        ({}, "GeoJSON must be a Point"),
        (gpd.GeoSeries([Point(1, 2)]), "no CRS"),
        (gpd.GeoSeries([Point(1, 2), None], index=["a", "b"], crs=4326), "'b' is None"),
        (gpd.GeoSeries([Point()], index=["a"], crs=4326), "'a' is POINT EMPTY"),
        (gpd.GeoSeries([LineString([(0, 0), (1, 1)])], crs=4326), "must be a point"),
    ],
)
def test_what_is_no_point_is_refused(value: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_points(value)
