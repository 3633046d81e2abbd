"""Remaining life of pavements, and the programme of repairs."""

from __future__ import annotations

from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from street_map import draw

from geo.errors import InvalidInputError
from geo.infrastructure.maintenance import maintenance_programme, pavement_life, sections
from geo.networks.network import Network

TOWN = draw("""
A-----B-----C
|     |     |
D-----E-----F
""")
COSTS = {"preserve_cost_m2": 1.0, "overlay_cost_m2": 5.0, "rebuild_cost_m2": 20.0}


def roads(**columns: object) -> gpd.GeoDataFrame:
    return TOWN.roads.assign(**columns)


def test_roads_of_which_only_the_condition_is_known_fall_steadily() -> None:
    rated = roads(condition_index=[85.0, 70.0, 55.0, 40.0, None, None, None])
    found = pavement_life(rated, fall_per_year=5)
    assert found.years_left.tolist() == pytest.approx([6, 3, 0, 0])
    assert found.index.tolist() == rated.index[:4].tolist()
    assert not found.learnt.any()
    assert found.age_years.isna().all()


def test_the_ageing_is_learnt_from_dates() -> None:
    years = np.array([2, 4, 6, 8, 10, 12, 14])
    dates = [date(2024 - int(each), 1, 1) for each in years]
    rated = roads(condition_index=100 - 2.5 * years, resurfaced_on=dates)
    found = pavement_life(rated, assessed_on=date(2024, 1, 1), lowest=50)
    assert found.learnt.all()
    assert found.age_years.to_numpy() == pytest.approx(years, abs=0.01)
    assert found.years_left.to_numpy() == pytest.approx(20 - years, abs=0.05)
    text = pavement_life(rated, assessed_on="2024-01-01", lowest=50)
    assert text.years_left.tolist() == found.years_left.tolist()


def test_classes_with_enough_roads_age_by_themselves() -> None:
    many = pd.concat([TOWN.roads] * 4, ignore_index=True)
    slow = np.arange(len(many)) % 2 == 0
    years = 1 + np.arange(len(many)) // 2
    many = many.assign(
        road_class=np.where(slow, "primary", "residential"),
        condition_index=100 - np.where(slow, 1.0, 4.0) * years,
        resurfaced_on=[date(2024 - int(each), 1, 1) for each in years],
    )
    found = pavement_life(many, assessed_on=date(2024, 1, 1), lowest=40)
    assert found.years_left[slow].to_numpy() == pytest.approx(60 - years[slow], abs=0.2)
    assert found.years_left[~slow].to_numpy() == pytest.approx(np.maximum(15 - years[~slow], 0), abs=0.2)


def test_a_programme_spends_what_there_is_where_it_matters() -> None:
    rated = roads(condition_index=[60.0] * 7, vehicles_per_day=[100, 9000, 100, 100, 100, 100, 100], width_m=[5.0] * 7)
    network = Network.from_roads(rated)
    cost = 60 * 5 * 5
    found = maintenance_programme(network, rated, budget_per_year=cost, years=2, **COSTS)
    spent = found.groupby("year").cost.sum()
    assert (spent <= cost + 1e-6).all()
    busiest = rated.index[1]
    assert found.year[busiest] == 1
    assert found.treatment[busiest] == "overlay"
    assert found.condition_then[busiest] == pytest.approx(100 - 2 * 3)
    assert found.neglected.to_numpy() == pytest.approx(np.full(7, 54))
    untouched = found[found.year.isna()]
    assert (untouched.condition_then == untouched.neglected).all()
    assert untouched.treatment.isna().all()
    assert (untouched.cost == 0).all()


def test_the_kind_of_works_follows_the_condition() -> None:
    rated = roads(condition_index=[95.0, 80.0, 60.0, 20.0, None, None, None])
    network = Network.from_roads(rated)
    found = maintenance_programme(network, rated, budget_per_year=1e9, years=1, **COSTS)
    assert found.treatment.fillna("").tolist() == ["", "preserve", "overlay", "rebuild"]
    assert found.crs == network.crs


def test_areas_and_weights() -> None:
    rated = roads(
        road_class=["primary", "primary", "residential", *["service"] * 4],
        width_m=[10.0, None, None, None, None, None, None],
        lanes=[2, 3, None, None, None, None, None],
        vehicles_per_day=[1000.0, None, 200.0, None, None, None, None],
    )
    area_m2, weight = sections(Network.from_roads(rated), rated)
    assert area_m2[:3].tolist() == pytest.approx([60 * 10, 60 * 3 * 3.5, rated.length.iloc[2] * 7])
    exposure = np.array([1000, 1000, 200, 600, 600, 600, 600])
    assert ((weight >= exposure - 1e-9) & (weight <= 2 * exposure + 1e-9)).all()
    assert (weight / exposure).max() == pytest.approx(2)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "no road has a condition_index"),
        ({"condition_index": None}, "no road has a condition_index"),
        ({"condition_index": 101.0}, "condition_index must be between 0 and 100"),
    ],
)
def test_roads_without_a_condition_are_an_error(columns: dict[str, object], message: str) -> None:
    rated = roads(**columns)
    with pytest.raises(InvalidInputError, match=message):
        pavement_life(rated)
    with pytest.raises(InvalidInputError, match=message):
        maintenance_programme(Network.from_roads(rated), rated, budget_per_year=1, **COSTS)


def test_wrong_parameters_are_named() -> None:
    rated = roads(condition_index=50.0)
    with pytest.raises(InvalidInputError, match="fall_per_year"):
        pavement_life(rated, fall_per_year=0)
    with pytest.raises(InvalidInputError, match="assessed_on"):
        pavement_life(rated, assessed_on="yesterday")
    with pytest.raises(InvalidInputError, match="preserve_cost_m2: Field required"):
        maintenance_programme.analysis.check({"budget_per_year": 1})
