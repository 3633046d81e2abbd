"""Zones of responsibility, and origins that are left late, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from street_map import CRS, draw
from test_matrices import random_streets

from geo.errors import InvalidInputError
from geo.infrastructure.responsibility import responsibility_zones
from geo.infrastructure.service_areas import service_areas
from geo.networks.matrices import nearest
from geo.networks.network import Network
from geo.networks.positions import Positions

TOWN = draw("""
A---------B---------C
          |         |
          D---------E
""")


@pytest.fixture(scope="module")
def network() -> Network:
    return Network.from_roads(TOWN.roads)


def homes(*names: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=TOWN.points(*names).buffer(1).to_list(), crs=CRS)


def test_zones_share_the_city_without_overlaps(network: Network) -> None:
    found = responsibility_zones(
        network, TOWN.points("A", "C"), buildings=homes("AB:30", "BC:30", "DE:30"), speed_kmh=3.6, buffer_m=20
    )
    assert found.origin.tolist() == ["A", "C"]
    assert found.street_length_m.tolist() == pytest.approx([100, 100 + 20 + 100 + 20])
    assert found.buildings.tolist() == [1, 2]
    assert found.mean_s.tolist() == pytest.approx([30, (70 + 90) / 2], abs=2)
    one, other = found.geometry
    assert one.intersection(other).area < 1e-6
    whole = shapely.union_all(network.geometry).buffer(20)
    assert one.union(other).area == pytest.approx(whole.area, rel=0.1)
    assert one.contains(TOWN.places["A"])
    assert other.contains(TOWN.places["E"])


def test_a_brigade_that_turns_out_late_has_a_smaller_zone(network: Network) -> None:
    found = responsibility_zones(network, TOWN.points("A", "C"), delays_s=[60, 0], speed_kmh=3.6)
    assert found.street_length_m.tolist() == pytest.approx([70, 340 - 70])
    assert found.buildings.isna().all()
    never = responsibility_zones(network, TOWN.points("A", "C"), delays_s=[600, 0], speed_kmh=3.6, limit_s=700)
    assert never.geometry.is_empty.tolist() == [True, False]
    with pytest.raises(InvalidInputError, match="give one delay, or one for each of 2 points, not 3"):
        responsibility_zones(network, TOWN.points("A", "C"), delays_s=[1, 2, 3])


def test_service_areas_of_origins_that_are_left_late(network: Network) -> None:
    options = {"cutoffs_s": [60], "speed_kmh": 3.6}
    apart = service_areas(network, TOWN.points("A", "C"), delays_s=[30, 0], **options)
    assert apart.street_length_m.tolist() == [30, 60 + 20 + 40]
    merged = service_areas(network, TOWN.points("A", "C"), delays_s=[30], merge=True, **options)
    assert merged.street_length_m.tolist() == [30 + 30 + 20 + 10]


def test_the_nearest_of_facilities_that_are_left_late() -> None:
    travel = random_streets(2)
    rng = np.random.default_rng(2)
    edges = len(travel.network.start)
    demand, facilities = (Positions(rng.integers(0, edges, n), rng.random(n), np.zeros(n)) for n in (30, 5))
    delay_s = np.array([0.0, 200, 0, 900, 50])
    every = nearest(travel, demand, facilities, 5, delay_s=delay_s)
    first = nearest(travel, demand, facilities, delay_s=delay_s)
    np.testing.assert_allclose(first.cost_s[:, 0], every.cost_s[:, 0])
    plain = nearest(travel, demand, facilities, 5)
    for row in range(30):
        by_facility = dict(zip(plain.facility[row], plain.cost_s[row], strict=True))
        late = {each: cost_s + delay_s[each] for each, cost_s in by_facility.items() if each >= 0}
        assert sorted(late.values()) == pytest.approx(every.cost_s[row][np.isfinite(every.cost_s[row])].tolist())
    with pytest.raises(InvalidInputError, match="delay_s must be 5 finite numbers"):
        nearest(travel, demand, facilities, delay_s=np.ones(4))
