"""Provision by norms, and catchments, as an analyst calls them."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
from street_map import StreetMap, draw

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.networks.network import Network
from geo.social.provision import catchments, provision

NORM = {"places_per_1000": 10.0}
ROOM = {"home_max_m": 20.0, "snap_max_m": 20.0}


@pytest.fixture
def streets() -> StreetMap:
    return draw("A" + "-" * 29 + "B" + "-" * 29 + "C\n\n\n\n\n\nE---F")


@pytest.fixture
def network(streets: StreetMap) -> Network:
    return Network.from_roads(streets.roads)


def people(streets: StreetMap, **children: float) -> gpd.GeoDataFrame:
    points = streets.points(*(name.replace("_", ":") for name in children))
    return gpd.GeoDataFrame({"pop_7_17": list(children.values())}, geometry=points, index=points.index)


def schools(streets: StreetMap, *places: str, **columns: Any) -> gpd.GeoDataFrame:
    points = streets.points(*places)
    return gpd.GeoDataFrame({"kind": "school"} | columns, geometry=points, index=points.index)


def test_places_go_as_far_as_they_reach(network: Network, streets: StreetMap) -> None:
    """60 and 80 children need half a place each; the school at A has 40, that at C 10."""
    homes = people(streets, A=60, AB_200=80, C=4, E=10)
    given = schools(streets, "A", "C", capacity=[40, 10], name=["first", None])
    found = provision(network, given, "school", homes, places_per_1000=500, norm_m=250, who="pop_7_17", **ROOM)
    at_home, at_school = found[found.what == "home"], found[found.what == "facility"]
    assert at_home.needed.tolist() == [30, 40, 2, 5]
    assert at_home.assigned.tolist() == pytest.approx([30, 10, 2, 0])
    assert at_home.balance.tolist() == pytest.approx([0, -30, 0, -5])
    assert at_home.state.tolist() == ["provided", "short", "provided", "short"]
    assert at_home.way_m.tolist() == pytest.approx([0, 200, 0, np.nan], nan_ok=True, abs=1e-6)
    assert at_school.state.tolist() == ["full", "spare"]
    assert at_school.balance.tolist() == pytest.approx([0, 8])
    assert at_school.way_m.tolist() == pytest.approx([50, 0], abs=1e-6)
    assert found.assigned[found.what == "home"].sum() == pytest.approx(at_school.assigned.sum())
    assert "Spare places" in frame_map(found, provision.analysis.view).get_root().render()


def test_a_longer_norm_never_leaves_more_without_a_place(network: Network, streets: StreetMap) -> None:
    homes = people(streets, A=60, AB_200=80, B=30, BC_100=50, C=4)
    given = schools(streets, "A", "B", "C", capacity=[40, None, 90])
    short = [
        provision(
            network,
            given,
            "school",
            homes,
            places_per_1000=1000,
            norm_m=each,
            default_capacity=50,
            who="pop_7_17",
            **ROOM,
        )
        .query("what == 'home'")
        .balance.sum()
        for each in (10, 100, 250, 400, 1000)
    ]
    assert short == sorted(short)
    assert short[-1] == pytest.approx(-(224 - 180))


def test_of_homes_far_from_every_street_nothing_is_known(network: Network, streets: StreetMap) -> None:
    homes = people(streets, A=1)
    homes = homes.set_geometry(homes.translate(yoff=5000))
    found = provision(
        network, schools(streets, "A", capacity=5), "school", homes, places_per_1000=1000, who="pop_7_17", **ROOM
    )
    assert found.state.tolist() == [None, "spare"]
    assert np.isnan(found.balance[0])


def test_catchments_keep_within_places(network: Network, streets: StreetMap) -> None:
    homes = people(streets, A=10, AB_100=10, AB_200=10, B=10, BC_150=10, C=10)
    given = schools(streets, "A", "C", capacity=[40, 20])
    free = catchments(network, given, "school", population=homes, limited=False, who="pop_7_17", **ROOM)
    assert free.assigned.tolist() == [40, 20]
    small = schools(streets, "A", "C", capacity=[20, 40])
    found = catchments(network, small, "school", population=homes, who="pop_7_17", **ROOM)
    assert found.assigned.tolist() == pytest.approx([20, 40])
    assert found.load.tolist() == pytest.approx([1, 1])
    assert found.way_m.tolist() == pytest.approx([50, (400 + 300 + 150 + 0) / 4], rel=1e-5)
    assert found.longest_m.tolist() == pytest.approx([100, 400], rel=1e-5)
    assert found.geometry["A"].covers(streets.places["A"])
    assert found.geometry["C"].covers(streets.points("AB:200")).all()
    assert found.geometry["A"].intersection(found.geometry["C"]).area == pytest.approx(0, abs=1e-6)
    crowded = catchments(network, small, "school", population=homes, limited=False, who="pop_7_17", **ROOM)
    assert crowded.load.tolist() == pytest.approx([2, 0.5])
    assert "Longest way" in frame_map(found, catchments.analysis.view).get_root().render()


def test_a_school_that_serves_nobody_has_no_catchment(network: Network, streets: StreetMap) -> None:
    homes = people(streets, A=10)
    given = schools(streets, "A", "E")
    found = catchments(network, given, "school", population=homes, limited=False, who="pop_7_17", **ROOM)
    assert found.assigned.tolist() == [10, 0]
    assert found.geometry.is_empty.tolist() == [False, True]
    assert found[["places", "load"]].isna().all(axis=None)
    assert np.isnan(found.way_m["E"])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n, s, p: provision(n, s, "school", p, who="pop_7_17", **NORM), "of 1 of the 1 facilities the capacity"),
        (lambda n, s, p: provision(n, s, "clinic", p, who="pop_7_17", **NORM), "no facility is of kind 'clinic'"),
        (lambda n, s, p: provision(n, s, "school", p, places_per_1000=0), "places_per_1000: Input"),
        (lambda n, s, p: provision(n, s, "school", p, **NORM), "no column 'total'"),
        (lambda n, s, p: provision(n, s.assign(capacity=-1), "school", p, who="pop_7_17", **NORM), "capacity must be"),
        (lambda n, s, p: provision(n, s, "school", p, who="pop_7_17"), "no norm of places of the kind 'school'"),
        (lambda n, s, p: catchments(n, s, "school", population=p, who="pop_7_17"), "give default_capacity"),
        (lambda n, s, p: catchments(n, s, "school", population=p, reach_m=0), "reach_m"),
    ],
)
def test_what_is_wrong_is_named(network: Network, streets: StreetMap, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(network, schools(streets, "A"), people(streets, A=3))
