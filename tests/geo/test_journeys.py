"""Turns, slopes, own times and islands, as analyses take them."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, Point
from street_map import CRS, draw

from geo.errors import InvalidInputError
from geo.infrastructure.directions import route
from geo.infrastructure.responsibility import responsibility_zones
from geo.infrastructure.service_areas import service_areas
from geo.infrastructure.what_if import what_if
from geo.networks.network import Network
from geo.networks.slopes import cycling, tobler
from geo.networks.travel import CYCLE, DRIVE, WALK
from geo.safety.response import response_coverage
from geo.social.access import facility_access

CROSS = draw("""
   N
   |
W--C--E
   |
   S
""")
NETWORK = Network.from_roads(CROSS.roads)
SLOW: dict[str, Any] = {"mode": "drive", "speed_kmh": 3.6}


def seconds(**options: Any) -> float:
    """Return how long the way from W to N takes."""
    return float(route(NETWORK, CROSS.points("W", "N"), **SLOW, **options).travel_s.sum())


def test_turns_take_time_in_the_stretch_that_they_lead_into() -> None:
    steps = route(NETWORK, CROSS.points("W", "N"), **SLOW, turns_s=(20, 7, 60))
    assert steps.travel_s.tolist() == pytest.approx([30, 20 + 20])
    assert seconds() == pytest.approx(50)
    assert seconds(banned_turns=("WC>NC",)) == pytest.approx(30 + 20 + 40)
    assert seconds(turns_s=(0, 0, 100), banned_turns=("WC>NC",)) == pytest.approx(90 + 100)


def test_turns_count_in_every_analysis_that_takes_them() -> None:
    at = {name: CROSS.points(name) for name in "WN"}
    home = gpd.GeoDataFrame({"dwellings": [1]}, geometry=at["W"].to_numpy(), crs=CRS)
    clinic = gpd.GeoDataFrame({"kind": ["clinic"], "name": "c"}, geometry=at["N"].to_numpy(), crs=CRS)
    turns: dict[str, Any] = {"turns_s": (20, 7, 60)}
    found = facility_access(NETWORK, clinic, home, "clinic", **SLOW, **turns)
    assert found.travel_s.tolist() == pytest.approx([50 + 20])
    station = gpd.GeoDataFrame({"kind": ["fire"]}, geometry=at["N"].to_numpy(), crs=CRS)
    helped = response_coverage(
        NETWORK, station, buildings=home, who="dwellings", turnout_s=0, **SLOW, banned_turns=("NC>WC",)
    )
    assert helped.response_s.tolist() == pytest.approx([50 + 40])
    for limit_s, length_m in ((50, 30 + 20 + 13 + 0), (60, 30 + 30 + 20 + 10)):
        (area,) = service_areas(NETWORK, at["W"], cutoffs_s=(limit_s,), **SLOW, **turns).itertuples()
        assert area.street_length_m == pytest.approx(length_m)
        (zone,) = responsibility_zones(NETWORK, at["W"], limit_s=limit_s, **SLOW, **turns).itertuples()
        assert zone.street_length_m == pytest.approx(length_m)
    detour = gpd.GeoSeries([LineString([CROSS.places["W"], CROSS.places["N"]])], crs=CRS)
    (change,) = what_if(NETWORK, clinic, home, "clinic", new_links=detour, **SLOW, **turns).itertuples()
    assert (change.before_s, change.after_s) == pytest.approx((70, np.hypot(30, 20)))


def test_slopes_make_walking_and_cycling_slower_but_not_on_bridges() -> None:
    lines = [LineString([(0, 0), (1000, 0)]), LineString([(1000, 0), (2000, 0)])]
    roads = gpd.GeoDataFrame({"bridge": [False, True]}, geometry=lines, crs=CRS)
    network = Network.from_roads(roads)
    stops = gpd.GeoSeries([Point(0, 0), Point(2000, 0)], crs=CRS)
    hill: dict[str, Any] = {"slopes": True, "relief": lambda xy: xy[:, 0] / 10}
    up_s = route(network, stops, **hill).travel_s.sum()
    assert up_s == pytest.approx(1000 * 3.6 / 5 * (1 / tobler(0.1) + 1))
    down_s = route(network, stops[::-1], mode="cycle", **hill).travel_s.sum()
    assert down_s == pytest.approx(1000 * 3.6 / 16 * (1 / cycling(-0.1) + 1))
    flat, steep = (service_areas(network, stops[:1], cutoffs_s=(600,), **each) for each in ({}, hill))
    assert steep.street_length_m[0] < flat.street_length_m[0]


def test_each_origin_has_a_time_of_its_own() -> None:
    origins = CROSS.points("W", "E")
    found = service_areas(NETWORK, origins, own_cutoffs_s=(10, 20), **SLOW)
    assert found[["origin", "cutoff_s", "street_length_m"]].to_numpy().tolist() == [["E", 20, 20], ["W", 10, 10]]


def test_wrong_conditions_are_named() -> None:
    origins = CROSS.points("W", "E")
    for options, message in (
        ({"turns_s": (1.0, 2.0)}, "turns_s: give three times"),
        ({"banned_turns": ("WC>XX",)}, "there is no street 'XX'"),
        ({"banned_turns": ("WC",)}, "banned_turns"),
        ({"slopes": True}, "they count for walking and cycling"),
        ({"slopes": True, "mode": "walk"}, "no heights are known"),
        ({"own_cutoffs_s": (1.0,)}, "one for each of 2 origins, not 1"),
        ({"own_cutoffs_s": (1.0, 2.0), "merge": True}, "none, since areas are merged"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            service_areas(NETWORK, origins, **SLOW | options)
    crowd = gpd.GeoSeries([CROSS.places["W"]] * 1700, crs=CRS)
    with pytest.raises(InvalidInputError, match="5,100 areas are asked for, more than 5,000"):
        service_areas(NETWORK, crowd)


@pytest.mark.parametrize("mode", [WALK, CYCLE, DRIVE], ids=lambda mode: mode.name)
def test_nobody_is_taken_to_an_island_while_the_mainland_is_near(mode: Any) -> None:
    mainland = [LineString([(x, 0), (x + 500, 0)]) for x in range(0, 20_000, 500)]
    path = LineString([(100, 30), (150, 30)])
    network = Network.from_lines(gpd.GeoSeries([*mainland, path], crs=CRS)).for_mode(mode)
    points = gpd.GeoSeries([Point(120, 29), Point(120, 110)], crs=CRS)
    near = network.snap(points, max_m=100)
    assert network.network.feature[near.edge].tolist() == [0, 40]
    assert near.distance_m.tolist() == pytest.approx([29, 80])
    anywhere = network.snap(points, max_m=100, anywhere=True)
    assert network.network.feature[anywhere.edge].tolist() == [40, 40]
    few = Network.from_lines(gpd.GeoSeries([mainland[0], path], crs=CRS)).for_mode(mode)
    assert few.network.feature[few.snap(points, max_m=100).edge].tolist() == [1, 1]
