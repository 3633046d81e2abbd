"""Shortest paths, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point
from street_map import CRS, draw
from test_matrices import by_networkx, random_streets

from geo.errors import InvalidInputError
from geo.infrastructure.directions import route
from geo.networks.matrices import cost_matrix, dense
from geo.networks.network import Network
from geo.networks.paths import shortest_paths
from geo.networks.positions import Positions
from geo.networks.travel import DRIVE, WALK
from geo.networks.turns import TurnCosts

CAR = DRIVE.at(3.6)


def random_places(seed: int, edges: int, count: int, fractions: list[float]) -> Positions:
    rng = np.random.default_rng(seed)
    return Positions(rng.integers(0, edges, count), rng.choice(fractions, count), np.zeros(count))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_path_is_as_long_as_that_of_networkx_and_leads_along_open_streets(seed: int) -> None:
    travel = random_streets(seed)
    edges = len(travel.network.start)
    origins, destinations = (random_places(seed + n, edges, 5, [0.2 + n / 5, 0.6 + n / 5]) for n in (0, 1))
    places = Positions(
        *(np.concatenate([getattr(each, name) for each in (origins, destinations)]) for name in ("edge", "fraction")),
        np.zeros(10),
    )
    graph = by_networkx(travel, places)
    for row, path in enumerate(shortest_paths(travel, places[:5], places[5:])):
        try:
            expected = nx.dijkstra_path_length(graph, ("place", row), ("place", row + 5))
        except nx.NetworkXNoPath:
            assert path is None
            continue
        assert path is not None
        assert path.total_s == pytest.approx(expected)
        assert path.seconds.sum() == pytest.approx(expected)
        ends = shapely.line_interpolate_point(
            travel.network.geometry[places.edge[[row, row + 5]]], places.fraction[[row, row + 5]], normalized=True
        )
        line = path.line()
        if line.is_empty:
            assert ends[0].distance(ends[1]) < 1e-6
        else:
            assert line.length == pytest.approx(expected)
            assert Point(line.coords[0]).distance(ends[0]) < 1e-6
            assert Point(line.coords[-1]).distance(ends[1]) < 1e-6


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), turns=st.booleans())
def test_paths_take_as_long_as_the_cost_matrix_says(seed: int, turns: bool) -> None:
    travel = random_streets(seed)
    if turns:
        travel = travel.with_turns(TurnCosts(left_s=100, right_s=50, u_turn_s=200))
    places = random_places(seed, len(travel.network.start), 10, [0.0, 0.5, 1.0])
    cost_s = dense(cost_matrix(travel, places[:5], places[5:])).diagonal()
    for expected, path in zip(cost_s, shortest_paths(travel, places[:5], places[5:]), strict=True):
        assert (np.inf if path is None else path.total_s) == pytest.approx(float(expected), rel=1e-6)
        if path is not None and not turns:
            assert path.seconds.sum() == pytest.approx(path.total_s)


def test_no_path_beyond_the_limit_or_for_a_lost_place() -> None:
    streets = draw("A--B--C")
    travel = Network.from_roads(streets.roads).for_mode(CAR)
    a, c = (travel.snap(streets.points(name), max_m=1) for name in "AC")
    lost = travel.snap(gpd.GeoSeries([Point(0, 0)], crs=CRS), max_m=1)
    assert shortest_paths(travel, a, c, limit_s=59) == [None]
    assert shortest_paths(travel, a, lost) == [None]
    (path,) = shortest_paths(travel, a, c, limit_s=60)
    assert path is not None
    assert path.total_s == 60
    with pytest.raises(InvalidInputError, match="a destination for each of 1 origins, not 2"):
        shortest_paths(travel, a, travel.snap(streets.points("A", "C"), max_m=1))
    with pytest.raises(InvalidInputError, match="limit_s"):
        shortest_paths(travel, a, c, limit_s=np.nan)


def test_of_parallel_streets_the_path_takes_the_fastest_and_around_a_loop_the_shorter_side() -> None:
    bow, chord = LineString([(0, 0), (50, 120), (100, 0)]), LineString([(0, 0), (100, 0)])
    loop = LineString([(100, 0), (110, 0), (110, 40), (100, 40), (100, 0)])
    network = Network.from_lines(gpd.GeoSeries([bow, chord, loop], index=["bow", "chord", "loop"], crs=CRS))
    travel = network.for_mode(WALK.at(3.6))
    ends = travel.snap(gpd.GeoSeries([Point(0, 0), Point(100, 30)], crs=CRS), max_m=1)
    (path,) = shortest_paths(travel, ends[:1], ends[1:])
    assert path is not None
    assert network.feature[path.edge].tolist() == ["chord", "loop"]
    assert path.line().wkt == "LINESTRING (0 0, 100 0, 100 30)"
    (back,) = shortest_paths(travel, ends[1:], ends[:1])
    assert back is not None
    assert back.line().wkt == "LINESTRING (100 30, 100 0, 0 0)"


TOWN = """
A--B--C
   |  |
   D->E
   |
   F
"""
NAMES = {"AB": "High Street", "BC": "High Street", "BD": "Mill Lane", "DF": "Mill Lane", "CE": None, "DE": None}


def test_a_route_is_told_street_by_street() -> None:
    streets = draw(TOWN, name=NAMES)
    network = Network.from_roads(streets.roads)
    steps = route(network, streets.points("A", "F", "E"), mode="drive", speed_kmh=3.6, language="en")
    told = steps[["leg", "step", "turn", "street", "length_m", "travel_s"]].to_numpy().tolist()
    assert told == [
        [1, 1, "depart", "High Street", 30, 30],
        [1, 2, "right", "Mill Lane", 40, 40],
        [2, 3, "depart", "Mill Lane", 20, 20],
        [2, 4, "right", "", 30, 30],
    ]
    assert steps.instruction.tolist() == [
        "Start: High Street",
        "Turn right: Mill Lane",
        "Start: Mill Lane",
        "Turn right",
    ]
    assert steps.geometry.length.tolist() == [30, 40, 20, 30]
    russian = route(network, streets.points("A", "F"), language="ru").instruction.tolist()
    assert russian == ["Начните движение: High Street", "Направо: Mill Lane"]


def test_a_route_that_stays_where_it_is_has_no_steps() -> None:
    streets = draw("A--B")
    network = Network.from_roads(streets.roads)
    assert route(network, streets.points("A", "A")).empty
    assert len(route(network, streets.points("A", "A", "B"))) == 1


def test_a_route_that_cannot_be_is_an_error() -> None:
    streets = draw("A->B  C--D")
    network = Network.from_roads(streets.roads)
    with pytest.raises(InvalidInputError, match="at least 2 stops, and 1 is given"):
        route(network, streets.points("A"))
    with pytest.raises(InvalidInputError, match="no way leads from stop 'B' to stop 'A' for mode 'drive'"):
        route(network, streets.points("A", "B", "A"), mode="drive")
    with pytest.raises(InvalidInputError, match="no way leads from stop 'A' to stop 'D'"):
        route(network, streets.points("A", "D"))
    with pytest.raises(InvalidInputError, match="within 300 m of 2 of the stops"):
        route(network, [[0.0, 0.0], [1.0, 1.0]])
