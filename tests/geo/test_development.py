"""What was built between two years, and SDG 11.3.1."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from street_map import CRS

from geo.errors import InvalidInputError
from geo.infrastructure.development import (
    built_up,
    development,
    land_consumption_rate,
    land_per_growth,
    population_growth_rate,
)


def test_the_rates_of_sdg_11_3_1() -> None:
    """From 100 to 121 km² and from 1.0 to 1.1 million people in 10 years."""
    assert land_consumption_rate(100, 121, years=10) == pytest.approx(0.021)
    assert population_growth_rate(1.0e6, 1.1e6, years=10) == pytest.approx(0.00953102)
    assert land_per_growth(100, 121, 1.0e6, 1.1e6, years=10) == pytest.approx(2.203333, rel=1e-6)


@given(st.floats(0.1, 1e6), st.floats(0.1, 1e6), st.floats(0.5, 50))
def test_nothing_changes_with_the_unit_or_the_length_of_the_period(area: float, people: float, years: float) -> None:
    ratio = land_per_growth(area, area * 1.2, people, people * 1.3, years=years)
    assert ratio == pytest.approx(0.2 / np.log(1.3))


def test_rates_that_cannot_be_told() -> None:
    assert np.isnan(land_consumption_rate([0], [5], years=1)).all()
    assert np.isnan(population_growth_rate([0, 5], [5, 0], years=1)).all()
    assert np.isnan(land_per_growth(1, 2, 100, 100, years=1))
    with pytest.raises(InvalidInputError, match="years must be positive"):
        land_consumption_rate(1, 2, years=0)


def test_gaps_between_buildings_are_built_up() -> None:
    pair = np.array([shapely.box(0, 0, 10, 10), shapely.box(20, 0, 30, 10)])
    assert built_up(pair, gap_m=0).area == 200
    assert built_up(pair, gap_m=5).area == pytest.approx(200, rel=1e-6)
    assert built_up(pair, gap_m=12).area > 250
    assert built_up(np.array([None]), gap_m=12).is_empty
    bow_tie = np.array([shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]), shapely.box(4, 0, 20, 10)])
    assert built_up(bow_tie, gap_m=12).area > 160


def town() -> gpd.GeoDataFrame:
    corners = [(0, 0), (20, 0), (1000, 0), (1020, 0), (1040, 0)]
    return gpd.GeoDataFrame(
        {
            "year_built": [1950, 2005, None, 1990, 2020],
            "levels": [1, 5, None, 2, 9],
            "dwellings": [1, 40, None, 4, 100],
        },
        geometry=[shapely.box(x, y, x + 10, y + 10) for x, y in corners],
        crs=CRS,
    )


def test_what_is_new_by_cell() -> None:
    found = development(town(), from_year=2000, to_year=2010, cell_m=300, gap_m=0).sort_values("new_buildings")
    assert found.new_buildings.tolist() == [0, 1]
    assert found.new_dwellings.tolist() == [0, 40]
    assert found.new_floor_m2.tolist() == [0, 500]
    assert found.built_before_m2.tolist() == [200, 100]
    assert found.land_consumption_rate.tolist() == pytest.approx([0, 0.1])
    assert found.dated.tolist() == [0.5, 1]
    assert found.land_per_growth.isna().all()


def test_the_whole_with_its_people_and_districts() -> None:
    options = {"from_year": 2000, "to_year": 2020, "gap_m": 0}
    (row,) = development(town(), areas="whole", people_before=1000, people_after=1500, **options).to_dict("records")
    assert (row["new_buildings"], row["built_before_m2"], row["built_after_m2"]) == (2, 300, 500)
    assert row["land_per_growth"] == pytest.approx((2 / 3) / np.log(1.5))
    districts = gpd.GeoDataFrame({"name": ["West"]}, geometry=[shapely.box(-9, -9, 99, 99)], crs=CRS)
    west = development(town(), districts.to_crs(4326), areas="districts", **options)
    assert west[["name", "new_buildings"]].to_numpy().tolist() == [["West", 1]]


def test_what_is_not_there_is_an_error() -> None:
    with pytest.raises(InvalidInputError, match="to_year must be after from_year"):
        development(town(), from_year=2000, to_year=2000)
    with pytest.raises(InvalidInputError, match="no districts"):
        development(town(), from_year=2000, to_year=2001, areas="districts")
    with pytest.raises(InvalidInputError, match="no building of 1901 or before"):
        development(town().iloc[:1], from_year=1900, to_year=1901)
    with pytest.raises(InvalidInputError, match="no building"):
        development(town().iloc[:0], from_year=1900, to_year=1901)
    with pytest.raises(InvalidInputError, match="from_year: Field required"):
        development.analysis.check({})
