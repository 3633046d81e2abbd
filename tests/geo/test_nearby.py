"""What is within a walk of home, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

import itertools
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from street_map import CRS, StreetMap, draw

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.networks.network import Network
from geo.social.nearby import NEEDS, fifteen_minute_city, green_access, stop_coverage

ROOM = {"home_max_m": 20.0}
METRES = {"speed_kmh": 3.6, "snap_max_m": 20.0, **ROOM}


@pytest.fixture
def streets() -> StreetMap:
    return draw("A" + "-" * 59 + "B" + "-" * 59 + "C\n\n\n\n\n\nE---F")


@pytest.fixture
def network(streets: StreetMap) -> Network:
    return Network.from_roads(streets.roads)


def people(streets: StreetMap, *places: str) -> gpd.GeoDataFrame:
    points = streets.points(*places)
    return gpd.GeoDataFrame({"total": range(1, len(places) + 1)}, geometry=points, index=points.index)


def things(streets: StreetMap, **kinds: Any) -> gpd.GeoDataFrame:
    """Return points: their kind and their place."""
    points = streets.points(*kinds.values())
    return gpd.GeoDataFrame({"kind": list(kinds)}, geometry=points.to_numpy(), crs=CRS)


def test_the_score_is_the_part_of_the_needs_in_reach(network: Network, streets: StreetMap) -> None:
    homes = people(streets, "A", "AB:300", "E")
    homes.loc["far"] = [1, shapely.Point(400_000, 6_000_000)]
    facilities = things(streets, school="AB:100", pharmacy="AB:400", library="C", stadium="A")
    shops = things(streets, supermarket="AB:350", cafe="A", bank="E")
    found = fifteen_minute_city(
        network, homes, facilities=facilities, businesses=shops, stops=things(streets, stop="E"), cutoff_s=350, **METRES
    )
    assert found.score.tolist() == pytest.approx([4 / 7, 5 / 7, 1 / 7, np.nan], nan_ok=True)
    assert found.missing["A"] == "health, culture, transport"
    assert found.education_s.tolist() == pytest.approx([100, 200, np.nan, np.nan], nan_ok=True)
    assert "green_s" not in found
    everything = fifteen_minute_city(network, homes, facilities=facilities, cutoff_s=14_400, **METRES)
    assert (everything.score.dropna() >= found.score.dropna() - 1).all()
    assert everything.score[["A", "AB:300"]].tolist() == [1, 1]
    assert "Part of the needs" in frame_map(found, fifteen_minute_city.analysis.view).get_root().render()


def test_of_homes_far_from_every_street_nothing_is_known(
    network: Network, streets: StreetMap, park: gpd.GeoDataFrame
) -> None:
    homes = people(streets, "A")
    homes = homes.set_geometry(homes.translate(yoff=5000))
    found = green_access(network, park, homes, **ROOM)
    assert found.within_norm.tolist() == [None]
    stops = things(streets, stop="A")
    assert stop_coverage(network, stops, homes, **ROOM).cover.tolist() == [None]
    assert fifteen_minute_city(network, homes, stops=stops, **METRES).missing.tolist() == [None]


def test_more_time_never_lowers_the_score(network: Network, streets: StreetMap) -> None:
    homes = people(streets, "A", "AB:200", "B", "BC:300")
    facilities = things(streets, school="AB:100", pharmacy="BC:400", library="C", stadium="A")
    scores = [
        fifteen_minute_city(network, homes, facilities=facilities, cutoff_s=each, **METRES).score
        for each in (50, 150, 400, 900, 1300)
    ]
    assert all((later >= earlier).all() for earlier, later in itertools.pairwise(scores))
    assert set(NEEDS) >= {"education", "health", "green", "transport"}


@pytest.fixture
def park(streets: StreetMap) -> gpd.GeoDataFrame:
    """A park along BC from 100 m to 300 m after B, 5 m beside the street, and small and closed ones."""
    west, south = streets.places["B"].x, streets.places["B"].y
    boxes = [
        shapely.box(west + 100, south + 5, west + 300, south + 105),
        shapely.box(west - 50, south + 5, west - 40, south + 15),
        shapely.box(west - 300, south + 5, west - 100, south + 105),
    ]
    return gpd.GeoDataFrame(
        {"kind": "park", "name": ["Park", "Lawn", "Court"], "access": [None, None, "private"]}, geometry=boxes, crs=CRS
    )


def test_the_way_to_a_park_ends_at_its_edge(network: Network, streets: StreetMap, park: gpd.GeoDataFrame) -> None:
    homes = people(streets, "A", "B", "BC:200", "C", "E")
    found = green_access(network, park, homes, **ROOM)
    assert found.distance_m.tolist() == pytest.approx([700, 100, 0, 300, np.nan], nan_ok=True, abs=1e-3)
    assert found.within_norm.tolist() == [False, True, True, True, False]
    assert found.name["B"] == "Park"
    small = green_access(network, park.to_crs(4326), homes, least_area_m2=50, **ROOM)
    assert small.distance_m["B"] == pytest.approx(40, abs=0.1)
    assert small.name["B"] == "Lawn"
    none = green_access(network, park[:0], homes, **ROOM)
    assert none.distance_m.isna().all()
    assert not none.within_norm.any()
    assert "Green space" in frame_map(found, green_access.analysis.view).get_root().render()


def test_people_walk_farther_to_a_station(network: Network, streets: StreetMap) -> None:
    stops = things(streets, one="A", two="C", three="B").assign(modes=["bus,tram", "subway", None])
    homes = people(streets, "AB:100", "AB:550", "BC:10", "C", "E")
    found = stop_coverage(network, stops[:2], homes, **ROOM)
    assert found.cover.tolist() == ["stop", "rapid", "rapid", "rapid", "none"]
    assert found.stop_m.tolist() == pytest.approx([100, 550, 610, 1200, np.nan], nan_ok=True)
    assert found.rapid_m.tolist() == pytest.approx([1100, 650, 590, 0, np.nan], nan_ok=True, abs=1e-6)
    assert stop_coverage(network, stops, homes, rapid_m=600, **ROOM).cover["AB:550"] == "stop"
    busy = stops.assign(departures_per_day=[100, 5, None])
    assert stop_coverage(network, busy, homes, least_departures=50, **ROOM).cover.tolist() == ["stop", *["none"] * 4]
    assert set(stop_coverage(network, stops[:0], homes, **ROOM).cover) == {"none"}
    assert "Nothing" in frame_map(found, stop_coverage.analysis.view).get_root().render()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n, p, s: fifteen_minute_city(n, p), "none of the layers facilities, businesses"),
        (lambda n, p, s: fifteen_minute_city(n, None, facilities=s), "the layer population is not there"),
        (lambda n, p, s: fifteen_minute_city(n, p, facilities=s, cutoff_s=0), "cutoff_s"),
        (lambda n, p, s: green_access(n, s.set_crs(None, allow_override=True), p), "green spaces must have a CRS"),
        (lambda n, p, s: green_access(n, s, p, norm_m=-1), "norm_m"),
        (lambda n, p, s: stop_coverage(n, s, p, who="dwellings"), "the layer buildings is not there"),
    ],
)
def test_what_is_wrong_is_named(network: Network, streets: StreetMap, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(network, people(streets, "A"), things(streets, stop="A"))
