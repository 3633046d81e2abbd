"""Opportunities in reach and the equity of access, at 1 m/s, so that seconds are metres."""

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
from geo.social.equity import access_equity, opportunities
from geo.statistics.equity import gini, palma

METRES = {"speed_kmh": 3.6, "snap_max_m": 20.0, "home_max_m": 20.0}


@pytest.fixture
def streets() -> StreetMap:
    return draw("A" + "-" * 29 + "B" + "-" * 29 + "C\n\n\n\n\n\nE---F")


@pytest.fixture
def network(streets: StreetMap) -> Network:
    return Network.from_roads(streets.roads)


def people(streets: StreetMap, *places: str, **groups: Any) -> gpd.GeoDataFrame:
    points = streets.points(*places)
    return gpd.GeoDataFrame({"total": [10.0] * len(places)} | groups, geometry=points.to_numpy(), crs=CRS)


def things(streets: StreetMap, *places: str, **columns: Any) -> gpd.GeoDataFrame:
    points = streets.points(*places)
    return gpd.GeoDataFrame({"kind": ["clinic"] * len(places)} | columns, geometry=points.to_numpy(), crs=CRS)


def test_what_is_in_reach_counts(network: Network, streets: StreetMap) -> None:
    homes = people(streets, "A", "B", "E")
    shops = things(streets, "AB:100", "B", "C", "F", employees=[5, None, 20, 1])
    found = opportunities(network, homes, businesses=shops, of="businesses", cutoff_s=350, **METRES)
    assert found.opportunities.tolist() == [2, 3, 1]
    assert found.part.tolist() == [0.5, 0.75, 0.25]
    jobs = opportunities(network, homes, businesses=shops, of="businesses", count="employees", cutoff_s=350, **METRES)
    assert jobs.opportunities.tolist() == [5, 25, 1]
    for decay, of_a in {
        "exponential": np.exp(-200 / 350) + np.exp(-600 / 350),
        "power": 60 / 100 + 60 / 300,
        "gaussian": sum((np.exp(-0.5 * (d / 350) ** 2) - np.exp(-0.5)) / (1 - np.exp(-0.5)) for d in (100, 300)),
    }.items():
        smooth = opportunities(
            network, homes, businesses=shops, of="businesses", decay=decay, cutoff_s=350, **METRES
        ).opportunities
        assert smooth[0] == pytest.approx(of_a, rel=1e-5)
    far = homes.set_geometry(homes.translate(yoff=5000))
    assert opportunities(network, far, businesses=shops, of="businesses", **METRES).opportunities.isna().all()
    assert "Opportunities" in frame_map(found, opportunities.analysis.view).get_root().render()


def test_more_time_reaches_no_less(network: Network, streets: StreetMap) -> None:
    homes = people(streets, "A", "AB:200", "C")
    clinics = things(streets, "AB:100", "B", "C", capacity=[5, 7, 20])
    reached = [
        opportunities(network, homes, facilities=clinics, kind="clinic", cutoff_s=each, **METRES).opportunities
        for each in (10, 100, 300, 600, 900)
    ]
    assert all((later >= earlier).all() for earlier, later in itertools.pairwise(reached))
    assert reached[-1].tolist() == [3, 3, 3]


def test_groups_differ_in_their_access(network: Network, streets: StreetMap) -> None:
    homes = people(streets, "A", "AB:120", "B", "E", pop_65_plus=[0, 0, 5, 0], pop_0_6=[4, 2, 0, 2])
    clinics = things(streets, "A", capacity=[30])
    found = access_equity(network, clinics, homes, "clinic", norm_s=150, **METRES).set_index("name")
    assert found.index.tolist() == ["total", "pop_0_6", "pop_65_plus"]
    assert found.people.tolist() == [40, 8, 5]
    assert found["mean"].tolist() == pytest.approx([(0 + 120 + 300) / 3 / 60, 240 / 6 / 60, 5])
    assert found["median"].tolist() == pytest.approx([2, 0, 5])
    assert found.within_norm.tolist() == pytest.approx([0.5, 0.75, 0])
    assert found.gini["total"] == pytest.approx(gini([0, 120, 300]))
    assert found.palma["total"] == pytest.approx(palma([0, 120, 300]))
    supply = access_equity(network, clinics, homes, "clinic", measure="supply", norm_s=150, **METRES).set_index("name")
    assert supply["mean"]["total"] == pytest.approx(30 * 1000 / 40)
    assert supply.gini["total"] == pytest.approx(gini([1, 1, 0, 0]))
    assert np.isnan(supply.gini["pop_65_plus"])


def test_of_homes_far_from_every_street_nothing_is_known(network: Network, streets: StreetMap) -> None:
    homes = people(streets, "A")
    homes = homes.set_geometry(homes.translate(yoff=5000))
    assert access_equity(network, things(streets, "A"), homes, "clinic", **METRES).empty


def test_districts_are_compared(network: Network, streets: StreetMap) -> None:
    homes = people(streets, "A", "AB:120", "C")
    west, south = streets.places["B"].x, streets.places["B"].y
    areas = gpd.GeoDataFrame(
        {"name": ["West", None, "Nobody"]},
        geometry=[
            shapely.box(west - 400, south - 9, west, south + 9),
            shapely.box(west, south - 9, west + 400, south + 9),
            shapely.box(0, 0, 1, 1),
        ],
        crs=CRS,
    )
    found = access_equity(network, things(streets, "A"), homes, "clinic", areas, by="district", **METRES)
    assert found.name.tolist() == ["West", "1"]
    assert found.people.tolist() == [20, 10]
    assert found["mean"].tolist() == pytest.approx([1, 10])
    assert found.geometry.geom_equals(areas.geometry[:2]).all()
    assert "Gini" in frame_map(found, access_equity.analysis.view).get_root().render()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n, c, p: opportunities(n, p), "the layer facilities is not there"),
        (lambda n, c, p: opportunities(n, p, facilities=c, kind="school"), "kind 'school': there are clinic"),
        (lambda n, c, p: opportunities(n, p, facilities=c, count="capacity"), "none of them capacity is known"),
        (lambda n, c, p: opportunities(n, p, facilities=c, decay="linear"), "decay"),
        (lambda n, c, p: access_equity(n, c, p, "school"), "kind 'school'"),
        (lambda n, c, p: access_equity(n, c, p, "clinic", by="district"), "the layer districts is not there"),
        (lambda n, c, p: access_equity(n, c, p.assign(total=0), "clinic"), "nobody is there"),
    ],
)
def test_what_is_wrong_is_named(network: Network, streets: StreetMap, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(network, things(streets, "A"), people(streets, "B"))
