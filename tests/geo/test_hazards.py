"""Who lies in zones of hazard."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.safety.hazards import hazard_exposure

CRS = "EPSG:32635"


def zones(*boxes: tuple[float, float, float, float], **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"kind": ["flood"] * len(boxes)} | columns, geometry=[shapely.box(*box) for box in boxes], crs=CRS
    )


@pytest.fixture
def people() -> gpd.GeoDataFrame:
    cells = [shapely.box(x, y, x + 100, y + 100) for x in range(0, 1000, 100) for y in range(0, 1000, 100)]
    return gpd.GeoDataFrame({"total": np.arange(100.0), "pop_0_6": 1.0}, geometry=cells, crs=CRS)


def test_people_count_by_the_part_of_their_cell(people: gpd.GeoDataFrame) -> None:
    houses = gpd.GeoDataFrame(
        {"dwellings": [7, None, 5]}, geometry=shapely.points([(10, 10), (60, 10), (900, 0)]), crs=CRS
    )
    objects = gpd.GeoDataFrame(
        {"kind": ["school", "hospital", "library"], "name": ["First", None, "Books"]},
        geometry=shapely.points([(20, 20), (30, 30), (25, 25)]),
        crs=CRS,
    ).to_crs(4326)
    found = hazard_exposure(zones((0, 0, 50, 250)), people, houses, objects).iloc[0]
    assert found.people == pytest.approx((0 + 1 + 2 / 2) / 2)
    assert found.people_share == pytest.approx(found.people / 4950)
    assert (found.buildings, found.dwellings) == (1, 7)
    assert (found.critical, found.names) == (2, "First, hospital")
    assert found.area_m2 == 50 * 250
    small = hazard_exposure(zones((0, 0, 50, 250)), people, who="pop_0_6").iloc[0]
    assert small.people == pytest.approx(2.5 / 2)
    assert pd.isna([small.buildings, small.dwellings, small.critical, small.names]).all()


def test_zones_that_overlap_count_once_each_kind_and_level(people: gpd.GeoDataFrame) -> None:
    some = zones((0, 0, 100, 100), (50, 0, 200, 100), (0, 0, 200, 100), level=["high", "high", None])
    found = hazard_exposure(some, people, who="pop_0_6")
    assert found.people.tolist() == pytest.approx([2, 2])
    assert sorted(found.level.fillna("none")) == ["high", "none"]
    merged = hazard_exposure(some, people, who="pop_0_6", merge=True)
    assert (len(merged), merged.people[0], merged.kind[0]) == (1, pytest.approx(2), "all")
    assert "Of all people" in frame_map(found, hazard_exposure.analysis.view).get_root().render()


def test_zones_that_cross_themselves_are_mended(people: gpd.GeoDataFrame) -> None:
    bow = shapely.Polygon([(0, 0), (200, 200), (200, 0), (0, 200)])
    crossed = gpd.GeoDataFrame({"kind": ["flood"]}, geometry=[bow], crs=CRS)
    assert hazard_exposure(crossed, people, who="pop_0_6").people.tolist() == pytest.approx([2])


def test_only_what_is_valid_and_asked_for(people: gpd.GeoDataFrame) -> None:
    some = zones((0, 0, 9, 9), (0, 0, 9, 9), kind=["flood", "fire"], valid_from=["2024-01-01", None])
    assert hazard_exposure(some, people, hazard="fire").kind.tolist() == ["fire"]
    assert hazard_exposure(some, people, valid_on="2023-06-01").kind.tolist() == ["fire"]
    assert len(hazard_exposure(some, people, valid_on="2024-06-01")) == 2
    assert hazard_exposure(some[:0], people).empty
    assert hazard_exposure(some).people.isna().all()


@given(st.lists(st.tuples(*[st.integers(0, 1000)] * 4), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_nobody_counts_twice_and_larger_zones_hold_more(corners: list[tuple[int, int, int, int]]) -> None:
    cells = [shapely.box(x, y, x + 250, y + 250) for x in range(0, 1000, 250) for y in range(0, 1000, 250)]
    people = gpd.GeoDataFrame({"total": [10.0] * 16}, geometry=cells, crs=CRS)
    boxes = [(min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1) for a, b, c, d in corners]
    found = hazard_exposure(zones(*boxes), people).people.sum()
    covered = zones(*boxes).union_all().intersection(shapely.box(0, 0, 1000, 1000)).area
    assert found == pytest.approx(160 * covered / 1e6, abs=1e-6)
    assert hazard_exposure(zones(*boxes[1:], (0, 0, 1000, 1000)), people).people.sum() == pytest.approx(160)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda z, p: hazard_exposure(z.to_crs(4326), p), "metres"),
        (lambda z, p: hazard_exposure(z, p, hazard="storm"), "hazard 'storm': there are flood"),
        (lambda z, p: hazard_exposure(z, p.assign(total=-1)), "total must be"),
        (lambda z, p: hazard_exposure(z, p, who="pop_65_plus"), "no column 'pop_65_plus'"),
        (lambda z, p: hazard_exposure(z, p, who="everybody"), "who"),
    ],
)
def test_what_is_wrong_is_named(people: gpd.GeoDataFrame, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(zones((0, 0, 9, 9)), people)
