"""Turns at junctions that cost time or are forbidden, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from street_map import StreetMap, draw
from test_matrices import random_streets

from geo.errors import InvalidInputError
from geo.networks.matrices import cost_matrix, dense, nearest
from geo.networks.network import Network
from geo.networks.positions import Positions
from geo.networks.routing import TravelNetwork
from geo.networks.travel import DRIVE
from geo.networks.turns import TurnCosts

CAR = DRIVE.at(3.6)

CROSS = draw("""
   N
   |
W--C--E
   |
   S
""")


def seconds(streets: StreetMap, turns: TurnCosts, origin: str, destination: str) -> float:
    travel = Network.from_roads(streets.roads).for_mode(CAR).with_turns(turns)
    one, other = (travel.snap(streets.points(name), max_m=1) for name in (origin, destination))
    (from_,) = travel.times(one, limit_s=1e6)
    (to,) = travel.times(other, limit_s=1e6, direction="to")
    assert from_.at(other)[0, 0] == pytest.approx(to.at(one)[0, 0])
    return float(from_.at(other)[0, 0])


@pytest.mark.parametrize(
    ("origin", "destination", "expected"),
    [("W", "N", 50 + 20), ("W", "E", 60 + 1), ("W", "S", 50 + 7), ("S", "W", 50 + 20), ("E", "N", 50 + 7)],
)
def test_a_turn_takes_its_time(origin: str, destination: str, expected: float) -> None:
    turns = TurnCosts(left_s=20, right_s=7, straight_s=1)
    assert seconds(CROSS, turns, origin, destination) == pytest.approx(expected)


def test_a_forbidden_turn_is_gone_around() -> None:
    assert seconds(CROSS, TurnCosts(banned=[("WC", "NC")]), "W", "N") == pytest.approx(30 + 20 + 40)
    around = 30 + 20 + 20 + 20
    assert seconds(CROSS, TurnCosts(left_s=np.inf), "W", "N") == pytest.approx(around)
    assert seconds(CROSS, TurnCosts(banned=[("WC", "NC")], u_turn_s=100), "W", "N") == pytest.approx(90 + 100)


def test_bends_and_dead_ends_cost_nothing_by_themselves() -> None:
    bend = draw("""
A--B
   |
   D
""")
    assert seconds(bend, TurnCosts(right_s=99, left_s=99), "A", "D") == pytest.approx(50)
    assert seconds(CROSS, TurnCosts(u_turn_s=np.inf, banned=[("WC", "NC")]), "W", "N") == pytest.approx(90)


def test_costs_of_turns_are_checked() -> None:
    with pytest.raises(InvalidInputError, match="left_s must be 0 or more, or infinite, not -1"):
        TurnCosts(left_s=-1)


def by_networkx(travel: TravelNetwork, turns: TurnCosts, places: Positions) -> np.ndarray:
    """Return times between middles of edges over the graph of arcs, where each turn is looked at by itself."""
    network = travel.network
    edges = len(network.start)
    graph = nx.DiGraph()
    ends = [(network.start[e], network.end[e], e, True) for e in range(edges)]
    ends += [(network.end[e], network.start[e], e, False) for e in range(edges)]
    degree = np.bincount(np.concatenate([network.start, network.end]))
    cost_s = np.concatenate([travel.forward_s, travel.backward_s])
    xy = network.node_xy
    for a, (tail, head, edge, _) in enumerate(ends):
        for b, (tail_b, head_b, edge_b, _) in enumerate(ends):
            if head != tail_b or not np.isfinite(cost_s[[a, b]]).all():
                continue
            one, two = xy[head] - xy[tail], xy[head_b] - xy[tail_b]
            angle = np.degrees(np.arctan2(one[0] * two[1] - one[1] * two[0], one @ two))
            turn_s = turns.left_s if angle >= 45 else turns.right_s if angle <= -45 else turns.straight_s
            turn_s = 0 if degree[head] == 2 else turn_s
            turn_s = turns.u_turn_s if edge == edge_b or abs(angle) > 179 else turn_s
            graph.add_edge(("mid", a), ("mid", b), weight=cost_s[a] / 2 + turn_s + cost_s[b] / 2)
    times = np.full((len(places), len(places)), np.inf)
    for row, one in enumerate(places.edge):
        for column, other in enumerate(places.edge):
            for a in (one, one + edges):
                for b in (other, other + edges):
                    if one == other:
                        times[row, column] = 0
                    elif (
                        ("mid", a) in graph and nx.has_path(graph, ("mid", a), ("mid", b))
                        if ("mid", b) in graph
                        else False
                    ):
                        cost = nx.dijkstra_path_length(graph, ("mid", a), ("mid", b))
                        times[row, column] = min(times[row, column], cost)
    return times


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), left_s=st.sampled_from([0.0, 300.0]), u_turn_s=st.sampled_from([0.0, 500.0]))
def test_times_with_turns_are_those_of_networkx(seed: int, left_s: float, u_turn_s: float) -> None:
    turns = TurnCosts(left_s=left_s, right_s=80.0, straight_s=5.0, u_turn_s=u_turn_s)
    travel = random_streets(seed)
    edge = np.random.default_rng(seed).permutation(len(travel.network.start))[:5]
    places = Positions(edge, np.full(5, 0.5), np.zeros(5))
    expected = by_networkx(travel, turns, places)
    turning = travel.with_turns(turns)
    np.testing.assert_allclose(dense(cost_matrix(turning, places, places)), expected, rtol=1e-6)
    np.testing.assert_allclose(dense(cost_matrix(turning, places[:2], places)), expected[:2], rtol=1e-6)
    np.testing.assert_allclose(
        nearest(turning, places[:3], places[3:]).cost_s[:, 0], expected[:3, 3:].min(axis=1), rtol=1e-6
    )


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_turns_that_cost_nothing_change_nothing(seed: int) -> None:
    travel = random_streets(seed)
    rng = np.random.default_rng(seed)
    places = Positions(rng.integers(0, len(travel.network.start), 8), rng.random(8), np.zeros(8))
    plain, turning = (dense(cost_matrix(each, places, places)) for each in (travel, travel.with_turns(TurnCosts())))
    np.testing.assert_allclose(turning, plain, rtol=1e-6)
    (one,), (other,) = (each.times(places, limit_s=700) for each in (travel, travel.with_turns(TurnCosts())))
    assert other.reached(700).length_m(8) == pytest.approx(one.reached(700).length_m(8))
