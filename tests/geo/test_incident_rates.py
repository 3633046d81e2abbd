"""Incidents per 1,000 people, as an analyst calls them."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.safety.incident_rates import incident_rates
from geo.statistics.inference import empirical_bayes_rates

CRS = "EPSG:32635"
COUNTS = [3, 0, 40, 9]
PEOPLE = [100, 50, 10_000, 0]


@pytest.fixture
def districts() -> gpd.GeoDataFrame:
    boxes = [shapely.box(x, 0, x + 100, 100) for x in range(0, 400, 100)]
    return gpd.GeoDataFrame({"name": [*"abcd"], "population": PEOPLE, "admin_level": 8}, geometry=boxes, crs=CRS)


@pytest.fixture
def incidents() -> gpd.GeoDataFrame:
    xy = [(100 * number + 50, 50) for number, count in enumerate(COUNTS) for _ in range(count)]
    return gpd.GeoDataFrame({"severity": ["injury"] * len(xy)}, geometry=shapely.points(xy), crs=CRS)


def test_rates_are_drawn_to_the_mean_of_all(incidents: gpd.GeoDataFrame, districts: gpd.GeoDataFrame) -> None:
    found = incident_rates(incidents, districts)
    assert found.name.tolist() == ["a", "b", "c"]
    assert found.incidents.tolist() == COUNTS[:3]
    assert found.per_1000.tolist() == [30, 0, 4]
    assert found.smoothed_per_1000.tolist() == pytest.approx(1000 * empirical_bayes_rates(COUNTS[:3], PEOPLE[:3]))
    mean = 1000 * 43 / 10_150
    assert (abs(found.smoothed_per_1000 - mean) <= abs(found.per_1000 - mean) + 1e-9).all()
    assert incident_rates(incidents, districts, weigh_by="severity").value.tolist() == [33, 0, 440]
    assert "smoothed" in frame_map(found, incident_rates.analysis.view).get_root().render()


def test_people_of_a_grid_count_by_their_part(incidents: gpd.GeoDataFrame, districts: gpd.GeoDataFrame) -> None:
    grid = gpd.GeoDataFrame(
        {"total": [60.0, 20.0]}, geometry=[shapely.box(50, 0, 150, 100), shapely.Point(10, 10)], crs=CRS
    )
    found = incident_rates(incidents.to_crs(4326), districts, grid)
    assert found.people.tolist() == pytest.approx([50, 30])
    assert found.incidents.tolist() == [3, 0]
    none = incident_rates(incidents[:0], districts)
    assert none.per_1000.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda i, d: incident_rates(i, d.to_crs(4326)), "metres"),
        (lambda i, d: incident_rates(i, d, admin_level=4), "no district has the level 4: there are 8"),
        (lambda i, d: incident_rates(i, d.assign(population=0)), "nobody is known"),
        (lambda i, d: incident_rates(i, d.assign(population=np.nan)), "nobody is known"),
        (lambda i, d: incident_rates(i, d.assign(population=-5)), "population must be"),
        (lambda i, d: incident_rates(i, d, category="theft"), "category 'theft'"),
    ],
)
def test_what_is_wrong_is_named(incidents: Any, districts: Any, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(incidents, districts)
