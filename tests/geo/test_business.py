"""Market areas and the impact of a new store, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from street_map import CRS, StreetMap, draw

from geo.business import market_areas, store_impact
from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.networks.areas import areas_around
from geo.networks.network import Network

METRES = {"speed_kmh": 3.6, "home_max_m": 20.0, "snap_max_m": 20.0}


@pytest.fixture
def streets() -> StreetMap:
    return draw("A" + "-" * 29 + "B" + "-" * 29 + "C\n\n\n\n\n\nE---F")


@pytest.fixture
def network(streets: StreetMap) -> Network:
    return Network.from_roads(streets.roads)


def people(streets: StreetMap, **total: float) -> gpd.GeoDataFrame:
    points = streets.points(*(name.replace("_", ":") for name in total))
    return gpd.GeoDataFrame({"total": list(total.values())}, geometry=points, index=points.index, crs=CRS)


def stores(streets: StreetMap, *places: str, **columns: Any) -> gpd.GeoDataFrame:
    points = streets.points(*places)
    return gpd.GeoDataFrame({"kind": "bakery", "category": "shop"} | columns, geometry=points, index=points.index)


def test_customers_are_shared_by_distance_and_size(network: Network, streets: StreetMap) -> None:
    """At 100 m and 200 m with sizes 1 and 2: 1/100² to 2/200², or 2 to 1."""
    shops = stores(streets, "A", "B", employees=[5, 10])
    found = market_areas(
        network, shops, "bakery", people(streets, AB_100=300, BC_300=60, E=9), attraction="employees", **METRES
    )
    far = 60 * np.array([1 / 600**2, 2 / 300**2]) / (1 / 600**2 + 2 / 300**2)
    assert found.customers.tolist() == pytest.approx([200 + far[0], 100 + far[1]], rel=1e-5)
    assert found.market_share.sum() == pytest.approx(1)
    assert found.homes.tolist() == [300, 60]
    assert found.geometry.covers(streets.points("AB:100", "BC:300").reset_index(drop=True).set_axis(["A", "B"])).all()
    branch = market_areas(network, shops, "shop", people(streets, AB_100=300, BC_300=60), **METRES)
    assert branch.customers.sum() == pytest.approx(360)
    assert "Expected customers" in frame_map(found, market_areas.analysis.view).get_root().render()


def test_a_new_store_takes_from_its_own_chain_and_from_rivals(network: Network, streets: StreetMap) -> None:
    shops = stores(streets, "A", "C", brand=["Ours", None])
    crowd = people(streets, AB_150=100, BC_150=100, E=50)
    found = store_impact(network, shops, "bakery", streets.points("B"), crowd, chain="Ours", **METRES)
    assert found.relation.tolist() == ["new", "own", "rival"]
    assert found.before.tolist() == pytest.approx([0, 100, 100])
    own = 100 * (1 / 150**2) / (2 / 150**2 + 1 / 450**2) + 100 * (1 / 450**2) / (2 / 150**2 + 1 / 450**2)
    assert found.after.tolist() == pytest.approx([200 - 2 * own, own, own], rel=1e-5)
    assert found.change.sum() == pytest.approx(0)
    assert found.cannibalised.tolist() == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)
    alone = store_impact(network, shops, "bakery", streets.points("F"), crowd, **METRES)
    assert alone.change.tolist() == pytest.approx([50, 0, 0])
    assert alone.cannibalised.iloc[0] == 0
    nobody = store_impact(network, shops, "bakery", streets.points("F"), people(streets, A=5), **METRES)
    assert nobody.cannibalised.isna().all()


def test_dwellings_stand_for_people_where_they_are_asked_for(network: Network, streets: StreetMap) -> None:
    houses = gpd.GeoDataFrame(
        {"use": ["residential", None, "industrial"], "dwellings": [40, None, 7]},
        geometry=streets.points("A", "B", "C").buffer(3).to_numpy(),
        crs=CRS,
    )
    found = market_areas(network, stores(streets, "A"), "bakery", buildings=houses, who="dwellings", **METRES)
    assert found.customers.tolist() == [41]


def test_areas_are_nearest_places_and_do_not_overlap() -> None:
    xy = np.random.default_rng(1).uniform(0, 1000, (60, 2))
    areas = gpd.GeoSeries(areas_around(xy, np.arange(60) % 3, groups=4, reach_m=80))
    assert areas[3].is_empty
    assert areas.area.sum() == pytest.approx(areas.union_all().area, rel=1e-9)
    within = gpd.GeoSeries.from_xy(*xy.T).buffer(80).union_all()
    assert areas.union_all().symmetric_difference(within).area < 0.01 * within.area
    assert areas_around(xy[:1], np.zeros(1, int), groups=1, reach_m=10)[0].area == pytest.approx(314, rel=0.01)
    assert areas_around(np.empty((0, 2)), np.empty(0, int), groups=1, reach_m=10)[0].is_empty
    with pytest.raises(InvalidInputError, match="group must be 60 numbers, one a place"):
        areas_around(xy, np.zeros(1, int), groups=1, reach_m=10)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n, s, p: market_areas(n, s, "bank", p), "no business is of the kind or branch 'bank'.*shop.*bakery"),
        (lambda n, s, p: market_areas(n, s, "bakery"), "the layer population is not there"),
        (lambda n, s, p: market_areas(n, s, "bakery", p, who="dwellings"), "the layer buildings is not there"),
        (lambda n, s, p: market_areas(n, s, "bakery", p, who="pop_0_6"), "no column 'pop_0_6'"),
        (lambda n, s, p: market_areas(n, s, "bakery", p.assign(total=0)), "nobody is there"),
        (lambda n, s, p: market_areas(n, s, "bakery", p.assign(total=-1)), "total must be"),
        (lambda n, s, p: market_areas(n, s, "bakery", p, attraction="employees"), "employees is known"),
        (lambda n, s, p: market_areas(n, s, "bakery", p, exponent=0), "exponent"),
        (lambda n, s, p: market_areas(n, s.set_crs(None, allow_override=True), "bakery", p), "businesses must have"),
        (lambda n, s, p: store_impact(n, s, "bakery", [[0, 0]], p), "farther than 300 m"),
        (lambda n, s, p: store_impact(n, s, "bakery", p, p, chain="Theirs"), "no store is of the chain 'Theirs'"),
    ],
)
def test_what_is_wrong_is_named(network: Network, streets: StreetMap, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(network, stores(streets, "A"), people(streets, A=3))
