"""Links added to a network and barriers put into it, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, Point
from street_map import CRS, StreetMap, draw
from test_matrices import random_streets

from geo.errors import InvalidInputError
from geo.networks.matrices import cost_matrix, dense
from geo.networks.network import Network
from geo.networks.positions import Positions
from geo.networks.scenario import add_barriers, add_links
from geo.networks.travel import DRIVE

CAR = DRIVE.at(3.6)

LADDER = draw("""
A---------B
|         |
C---------D
""")


def links(streets: StreetMap, *ways: str, **columns: object) -> gpd.GeoDataFrame:
    lines = [LineString(streets.points(*way.split()).to_list()) for way in ways]
    return gpd.GeoDataFrame(columns, geometry=lines, index=list(ways), crs=CRS)


def times(network: Network, streets: StreetMap, origin: str, *places: str) -> list[float]:
    travel = network.for_mode(CAR)
    one, others = travel.snap(streets.points(origin), max_m=1), travel.snap(streets.points(*places), max_m=1)
    return dense(cost_matrix(travel, one, others))[0].round(3).tolist()


def test_a_link_joins_streets_in_their_middle() -> None:
    network = Network.from_roads(LADDER.roads)
    scenario = add_links(network, links(LADDER, "AB:40 CD:40"), max_m=1)
    assert times(network, LADDER, "AB:40", "CD:40", "CD:50", "B") == [100, 110, 60]
    assert times(scenario.network, LADDER, "AB:40", "CD:40", "CD:50", "B") == [20, 30, 60]
    assert scenario.network.report.edges == 4 + 2 + 1
    assert scenario.network.length_m.sum() == pytest.approx(network.length_m.sum() + 20)
    assert scenario.network.feature.tolist() == [*network.feature, "AB", "CD", "AB:40 CD:40"]
    assert network.report.edges == 4


def test_links_may_share_an_end_be_one_way_and_start_at_a_junction_or_beside_a_street() -> None:
    network = Network.from_roads(LADDER.roads)
    three = links(LADDER, "AB:40 CD:20", "AB:40 CD:70", "A CD:20", one_way=["forward", "both", "backward"])
    three.geometry = three.geometry.translate(yoff=0.5)
    scenario = add_links(network, three, max_m=1)
    diagonal = np.hypot(20, 20)
    found = times(scenario.network, LADDER, "AB:40", "CD:20", "CD:70")
    assert found == pytest.approx([diagonal, np.hypot(30, 20)], abs=1.1)
    assert times(scenario.network, LADDER, "CD:20", "A") == pytest.approx([diagonal], abs=1.1)
    assert times(scenario.network, LADDER, "A", "CD:20") == [40]
    assert scenario.network.report.edges == 4 + 1 + 2 + 3


def test_places_move_with_the_edges_that_are_cut() -> None:
    travel = Network.from_roads(LADDER.roads).for_mode(CAR)
    scenario = add_links(travel.network, links(LADDER, "AB:40 CD:40", "AB:70 CD:70"), max_m=1)
    names = ("A", "AB:20", "AB:40", "AB:55", "AB:70", "AB:90", "B", "AC:10", "CD:99")
    before = travel.snap(LADDER.points(*names), max_m=1)
    after = scenario.moved(before)
    where = [
        shapely.line_interpolate_point(network.geometry[places.edge], places.fraction, normalized=True)
        for network, places in ((travel.network, before), (scenario.network, after))
    ]
    assert shapely.distance(*where).max() < 1e-6
    lost = scenario.moved(Positions(np.array([-1]), np.zeros(1), np.full(1, np.inf)))
    assert (lost.edge.tolist(), lost.found.tolist()) == ([-1], [False])


def test_a_barrier_parts_a_street_and_not_the_junction() -> None:
    network = Network.from_roads(LADDER.roads)
    travel = network.for_mode(CAR)
    parted = add_barriers(network, travel.snap(LADDER.points("AB:30", "AB:30", "AB:60"), max_m=1)).network
    assert times(parted, LADDER, "A", "AB:29", "AB:50", "AB:61", "B") == [29, np.inf, 179, 140]
    at_end = add_barriers(network, travel.snap(LADDER.points("A"), max_m=1)).network
    assert sorted(times(at_end, LADDER, "C", "AB:50", "AC:10")) == [10, 170]


def test_nothing_to_add_changes_nothing() -> None:
    network = Network.from_roads(LADDER.roads)
    scenario = add_barriers(network, Positions(np.array([-1]), np.zeros(1), np.zeros(1)))
    assert scenario.network.report == network.report
    empty = gpd.GeoDataFrame(geometry=[], crs=CRS)
    assert add_links(network, empty, max_m=1).network.report == network.report


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (LineString([(0, 0), (10, 10)]), "an end of the link 0, POINT .* is more than 5 m from any edge"),
        (LineString(), "the link 0 must be one line"),
        (LineString([(0, 0), (np.inf, 1)]), "the link 0 must be one line"),
        (MultiLineString([[(0, 0), (1, 1)], [(5, 5), (6, 6)]]), "the link 0 must be one line"),
        (Point(0, 0), "geometry of 0 is a Point: a link is a line"),
        (LineString([(500_000, 6_000_000), (500_001, 6_000_004), (500_000, 6_000_001)]), "join the network at one"),
    ],
)
def test_a_wrong_link_is_named(line: object, message: str) -> None:
    network = Network.from_roads(draw("A--B").roads)
    with pytest.raises(InvalidInputError, match=message):
        add_links(network, gpd.GeoDataFrame(geometry=[line], crs=CRS), max_m=5)
    with pytest.raises(InvalidInputError, match="in the CRS of the network"):
        add_links(network, gpd.GeoDataFrame(geometry=[line], crs=4326), max_m=5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 6))
def test_times_are_those_of_a_network_built_anew(seed: int, count: int) -> None:
    network, rng = distinct_streets(seed), np.random.default_rng(seed)
    edge, fraction = rng.integers(0, len(network.start), (2, count)), rng.uniform(0.05, 0.95, (2, count))
    tips = shapely.line_interpolate_point(network.geometry[edge], fraction, normalized=True)
    one_way = rng.choice(["both", "forward", "backward"], count)
    xy = shapely.get_coordinates(tips).reshape(2, count, 2).swapaxes(0, 1)
    added = gpd.GeoDataFrame({"one_way": one_way}, geometry=shapely.linestrings(xy), crs=CRS)
    added = added[added.length > 1]
    scenario = add_links(network, added, max_m=0.001)
    again = rebuilt(network, added, edge, fraction)
    places = random_places(network, seed)
    changed = scenario.network.for_mode(CAR)
    found = dense(cost_matrix(changed, scenario.moved(places), scenario.moved(places)))
    points = shapely.line_interpolate_point(network.geometry[places.edge], places.fraction, normalized=True)
    expected = dense(cost_matrix(again, *[again.snap(gpd.GeoSeries(points, crs=CRS), max_m=0.01)] * 2))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=0.01)


def distinct_streets(seed: int) -> Network:
    """Return random streets of which no two lie upon each other."""
    network = random_streets(seed).network
    one_way = np.select([network.streets.one_way > 0, network.streets.one_way < 0], ["forward", "backward"], "both")
    roads = gpd.GeoDataFrame({"one_way": one_way}, geometry=network.geometry, crs=CRS)
    return Network.from_roads(roads[~roads.normalize().duplicated()])


def random_places(network: Network, seed: int) -> Positions:
    rng = np.random.default_rng(seed + 1)
    edge = rng.integers(0, len(network.start), 6)
    return Positions(edge, rng.uniform(0.01, 0.99, 6), np.zeros(6))


def rebuilt(network: Network, added: gpd.GeoDataFrame, edge: np.ndarray, fraction: np.ndarray) -> object:
    """Return the network built of its lines, with a vertex where a link joins them, and the links."""
    lines = []
    for number, line in enumerate(network.geometry):
        stops = np.sort(fraction[edge == number])
        joints = [line.interpolate(stop, normalized=True).coords[0] for stop in stops]
        lines.append(LineString([line.coords[0], *joints, line.coords[-1]]))
    ways = np.select([network.streets.one_way > 0, network.streets.one_way < 0], ["forward", "backward"], "both")
    roads = gpd.GeoDataFrame({"one_way": [*ways, *added.one_way]}, geometry=[*lines, *added.geometry], crs=CRS)
    return Network.from_roads(roads).for_mode(CAR)
