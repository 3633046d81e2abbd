"""Turn restrictions on streets drawn by hand, and against networkx on random streets, at 1 m/s."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from street_map import StreetMap, draw
from test_matrices import random_streets

from geo.errors import InvalidInputError
from geo.networks.matrices import cost_matrix, dense, nearest
from geo.networks.network import Network
from geo.networks.paths import shortest_paths
from geo.networks.positions import Positions
from geo.networks.routing import TravelNetwork
from geo.networks.scenario import add_links
from geo.networks.travel import CYCLE, DRIVE, WALK, TravelMode
from geo.networks.turns import TurnCosts
from geo.safety.response import response_coverage

CAR = DRIVE.at(3.6)

NO_WAY_BACK = TurnCosts(u_turn_s=np.inf)

BLOCK = draw("""
   N  X
   |  |
   |  |
W--C--E
   |  |
   S--B
""")


def signs(streets: StreetMap, **kinds: str) -> gpd.GeoDataFrame:
    """Restrictions by the places that they run through: ``WCN="no_left_turn"``."""
    lines = [shapely.LineString([streets.places[place] for place in way]) for way in kinds]
    return gpd.GeoDataFrame({"kind": list(kinds.values())}, geometry=lines, crs=streets.roads.crs)


def travelling(
    streets: StreetMap, mode: TravelMode = CAR, restrictions: gpd.GeoDataFrame | None = None, **kinds: str
) -> TravelNetwork:
    given = signs(streets, **kinds) if restrictions is None else restrictions
    return Network.from_roads(streets.roads, restrictions=given).for_mode(mode)


def way(streets: StreetMap, travel: TravelNetwork, origin: str, destination: str) -> str:
    """The places passed on the way; searches from the origin and to the destination agree about its time."""
    one, other = (travel.snap(streets.points(name), max_m=1) for name in (origin, destination))
    [path] = shortest_paths(travel, one, other)
    times = [dense(cost_matrix(travel, one, each))[0, 0] for each in (other, other[np.array([0, 0])])]
    times.append(nearest(travel, one, other).cost_s[0, 0])
    if path is None:
        assert np.isinf(times).all()
        return ""
    assert times == pytest.approx([path.total_s] * 3)
    assert (path.seconds + path.turning_s).sum() == pytest.approx(path.total_s)
    names = {(place.x, place.y): name for name, place in streets.places.items()}
    return "".join(names.get(xy, "") for xy in path.line().coords)


@pytest.mark.parametrize(
    ("kinds", "origin", "destination", "expected"),
    [
        ({}, "W", "N", "WCN"),
        ({"WCN": "no_left_turn"}, "W", "N", "WCSBECN"),
        ({"WCN": "no_left_turn"}, "S", "N", "SCN"),
        ({"WCN": "no_left_turn"}, "N", "W", "NCW"),
        ({"WCN": "no_left_turn", "WCS": "no_right_turn"}, "W", "N", "WCEBSCN"),
        ({"WCE": "only_straight_on"}, "W", "N", "WCEBSCN"),
        ({"WCE": "only_straight_on"}, "W", "E", "WCE"),
        ({"WCE": "only_straight_on", "CEX": "only_left_turn"}, "W", "N", "WCEXECN"),
        ({"WCE": "only_straight_on", "CEX": "only_left_turn", "EXE": "no_u_turn"}, "W", "N", ""),
        ({"SCE": "no_right_turn"}, "S", "E", "SBE"),
    ],
)
def test_signs_at_a_junction_are_followed(kinds: dict[str, str], origin: str, destination: str, expected: str) -> None:
    assert way(BLOCK, travelling(BLOCK, **kinds).with_turns(NO_WAY_BACK), origin, destination) == expected


@pytest.mark.parametrize("kinds", [{}, {"WCN": "no_left_turn"}, {"WCE": "only_straight_on", "SCE": "no_right_turn"}])
def test_matrices_and_responses_are_the_times_of_the_ways(kinds: dict[str, str]) -> None:
    """From every place to every other at once, and the help that comes first, obey what a way alone obeys."""
    names = "WNXESB"
    network = Network.from_roads(BLOCK.roads, restrictions=signs(BLOCK, **kinds))
    travel = network.for_mode(CAR)
    places = travel.snap(BLOCK.points(*names), max_m=1)
    times = dense(cost_matrix(travel, places, places))
    for row, column in product(range(len(names)), repeat=2):
        [path] = shortest_paths(travel, places[np.array([row])], places[np.array([column])])
        assert path is not None
        assert times[row, column] == pytest.approx(path.total_s)
    points = BLOCK.points(*names)
    crs = BLOCK.roads.crs
    station = gpd.GeoDataFrame({"kind": ["fire"]}, geometry=points.iloc[:1].to_numpy(), crs=crs)
    homes = gpd.GeoDataFrame({"total": 1.0}, geometry=points.iloc[1:].to_numpy(), index=list(names[1:]), crs=crs)
    found = response_coverage(
        network, station, homes, speed_kmh=3.6, snap_max_m=5.0, home_max_m=5.0, turnout_s=0.0, norm_s=1000.0
    )
    assert found.response_s.tolist() == pytest.approx(times[0, 1:].tolist(), abs=1e-4)
    assert (found.response_s["N"] > 61) == bool(kinds)


def test_turning_back_takes_its_time_where_there_are_restrictions() -> None:
    cross = draw("""
   N
   |
W--C-E
   |
   S
""")
    streets = travelling(cross, WCN="no_left_turn")
    one, other = (streets.snap(cross.points(name), max_m=1) for name in "WN")
    assert nearest(streets, one, other).cost_s[0, 0] == pytest.approx(30 + 2 * 20 + 20 + 20)
    assert way(cross, streets.without_turns(), "W", "N") == "WCN"


@pytest.mark.parametrize(
    ("kinds", "origin", "destination", "expected"),
    [
        ({"ABDE": "no_left_turn"}, "AB:5", "DE:5", ""),
        ({"ABDE": "no_left_turn"}, "BD:5", "DE:5", "D"),
        ({"ABDE": "no_left_turn"}, "AB:5", "DG:5", "BD"),
        ({"ABDE": "no_left_turn"}, "CD:5", "DE:5", "D"),
        ({"ABDE": "only_left_turn"}, "AB:5", "DG:5", ""),
        ({"ABDE": "only_left_turn"}, "AB:5", "BD:15", "B"),
        ({"ABDE": "only_left_turn"}, "AB:5", "DE:5", "BD"),
        ({"ABDE": "only_left_turn"}, "BD:5", "DG:5", "D"),
        ({"ABDGF": "no_u_turn"}, "AB:5", "GF:5", ""),
        ({"ABDGF": "no_u_turn"}, "AB:5", "DG:5", "BD"),
        ({"ABDGF": "no_u_turn"}, "BD:5", "GF:5", "DG"),
        ({"ABDGF": "no_u_turn", "ABDE": "no_left_turn"}, "CD:5", "GF:5", "DG"),
        ({"ABDGF": "no_u_turn", "BDG": "no_straight_on"}, "CD:5", "GF:5", "DG"),
    ],
)
def test_restrictions_over_several_streets_remember_where_one_came_from(
    kinds: dict[str, str], origin: str, destination: str, expected: str
) -> None:
    forward = dict.fromkeys(("AB", "BD", "CD", "DE", "DG"), "forward")
    streets = draw(
        """
A--B
   |
C--D--E
   |
F--G
""",
        one_way=forward | {"FG": "backward"},
    )
    assert way(streets, travelling(streets, **kinds).with_turns(NO_WAY_BACK), origin, destination) == expected


def test_signs_count_for_whom_they_are() -> None:
    only_cars = signs(BLOCK, WCN="no_left_turn").assign(bicycle=False, motor_vehicle=None)
    only_bicycles = signs(BLOCK, WCN="no_left_turn").assign(bicycle=True, motor_vehicle=False)
    at_times = signs(BLOCK, WCN="no_left_turn").assign(condition="Mo-Fr 07:00-09:00")
    found = {
        (mode.name, name): travelling(BLOCK, mode, frame).forbidden != ()
        for mode in (DRIVE, CYCLE, WALK)
        for name, frame in {"cars": only_cars, "bicycles": only_bicycles, "at times": at_times}.items()
    }
    assert [key for key, forbidden in found.items() if forbidden] == [("drive", "cars"), ("cycle", "bicycles")]


def test_a_restriction_whose_streets_are_not_there_forbids_nothing() -> None:
    apart = draw("""
A--B--C
""")
    gone = signs(BLOCK, WCN="no_left_turn", BSC="only_right_turn").set_geometry(
        shapely.transform(signs(BLOCK, WCN="x", BSC="x").geometry.to_numpy(), lambda xy: xy + 5.0)
    )
    travel = Network.from_roads(apart.roads, restrictions=gone.set_crs(apart.roads.crs)).for_mode(CAR)
    assert travel.forbidden == ()


def test_restrictions_stay_where_streets_are_added() -> None:
    travel = travelling(BLOCK, WCN="no_left_turn", CEBS="no_u_turn")
    places = BLOCK.points("WC:25", "EB:5")
    link = gpd.GeoDataFrame(geometry=[shapely.LineString(places)], crs=places.crs)
    then = add_links(travel.network, link, max_m=1).network.for_mode(CAR)
    assert sorted(map(len, then.forbidden)) == [2, 4]
    assert sorted(map(len, travel.forbidden)) == [2, 3]
    assert way(BLOCK, then.with_turns(NO_WAY_BACK), "W", "N") == "WECN"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda frame: frame.to_crs(3067), "restrictions must be in the CRS of the streets"),
        (lambda frame: frame.drop(columns="kind"), "the column 'kind' is missing"),
        (lambda frame: frame.assign(kind="give_way"), "the kind of 0 is 'give_way'"),
        (lambda frame: frame.set_geometry(frame.centroid), "must be a line of three points or more"),
    ],
)
def test_restrictions_are_checked(wrong: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        travelling(BLOCK, restrictions=wrong(signs(BLOCK, WCN="no_left_turn")))


def turn_s(travel: TravelNetwork, coming: int, into: int, back_s: float) -> float:
    network, arcs = travel.network, travel.network.arcs
    one, other = (network.node_xy[arcs.head[arc]] - network.node_xy[arcs.tail[arc]] for arc in (coming, into))
    angle = np.degrees(np.arctan2(one[0] * other[1] - one[1] * other[0], one @ other))
    if into != arcs.reverse(np.array(coming)) and abs(angle) <= 179:
        return 0.0
    dead_end = (arcs.tail == arcs.head[coming]).sum() == 1
    return 0.0 if dead_end and np.isinf(back_s) else back_s


def by_networkx(travel: TravelNetwork, places: Positions, back_s: float) -> np.ndarray:
    """Times between middles of edges over the graph of the last arcs travelled, where each path is looked at."""
    edges, arcs = len(travel.network.start), travel.network.arcs
    cost_s = np.concatenate([travel.forward_s, travel.backward_s])
    longest = max(map(len, travel.forbidden)) - 1
    graph = nx.DiGraph()
    graph.add_nodes_from((arc,) for arc in range(2 * edges))
    waiting = list(graph)
    while waiting:
        behind = waiting.pop()
        for following in np.flatnonzero(arcs.tail == arcs.head[behind[-1]]).tolist():
            path = (*behind, following)
            seconds = (cost_s[behind[-1]] + cost_s[following]) / 2 + turn_s(travel, behind[-1], following, back_s)
            if np.isinf(seconds) or any(path[-len(each) :] == each for each in travel.forbidden):
                continue
            if path[-longest:] not in graph:
                waiting.append(path[-longest:])
            graph.add_edge(behind, path[-longest:], weight=seconds)
    times = np.full((len(places), len(places)), np.inf)
    for row, edge in enumerate(places.edge.tolist()):
        for arc in (edge, edge + edges):
            for state, seconds in nx.single_source_dijkstra_path_length(graph, (arc,)).items():
                column = places.edge == state[-1] % edges
                times[row, column] = np.minimum(times[row, column], seconds)
        times[row, row] = 0.0
    return times


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), back_s=st.sampled_from([0.0, 20.0, np.inf]))
def test_times_are_those_of_networkx_over_paths(seed: int, back_s: float) -> None:
    plain = random_streets(seed)
    rng = np.random.default_rng(seed)
    arcs = plain.network.arcs
    forbidden = set()
    for _ in range(30):
        path = [int(rng.integers(len(arcs)))]
        for _ in range(int(rng.integers(1, 4))):
            into, _ = arcs.leaving(arcs.head[path[-1:]])
            path.append(int(rng.choice(into)))
        forbidden.add(tuple(path))
    travel = replace(plain, turns=TurnCosts(u_turn_s=back_s), forbidden=tuple(sorted(forbidden)))
    edge = rng.permutation(len(plain.network.start))[:6]
    places = Positions(edge, np.full(6, 0.5), np.zeros(6))
    expected = by_networkx(travel, places, back_s)
    np.testing.assert_allclose(dense(cost_matrix(travel, places, places)), expected, rtol=1e-6)
    np.testing.assert_allclose(dense(cost_matrix(travel, places[:2], places)), expected[:2], rtol=1e-6)
    paths = shortest_paths(travel, places[np.zeros(6, dtype=int)], places)
    np.testing.assert_allclose([np.inf if each is None else each.total_s for each in paths], expected[0], rtol=1e-6)
    for path in (each for each in paths if each is not None):
        travelled = np.where(path.along, path.edge, path.edge + len(plain.network.start)).tolist()
        runs = {tuple(travelled[i:j]) for i in range(len(travelled)) for j in range(i + 2, i + 5)}
        assert not runs & forbidden
