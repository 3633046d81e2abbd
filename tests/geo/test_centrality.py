"""Betweenness and closeness, and what runs along shortest paths."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from street_map import CRS, draw
from test_matrices import random_streets

from geo.errors import InvalidInputError
from geo.infrastructure.centrality import centrality, street_centrality
from geo.networks.flows import shortest_path_loads
from geo.networks.network import Network
from geo.networks.routing import TravelNetwork
from geo.networks.travel import DRIVE, WALK

FEET = WALK.at(3.6)


def multigraph(travel: TravelNetwork) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(len(travel.network.node_xy)))
    for edge, ends in enumerate(zip(travel.network.start.tolist(), travel.network.end.tolist(), strict=True)):
        for (tail, head), cost_s in ((ends, travel.forward_s[edge]), (ends[::-1], travel.backward_s[edge])):
            if np.isfinite(cost_s):
                graph.add_edge(tail, head, edge, s=cost_s)
    return graph


def square_grid(side: int) -> TravelNetwork:
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(side - 1.0), np.arange(float(side))))
    along = np.stack([x, y, x + 1, y], axis=1).reshape(-1, 2, 2)
    lines = shapely.linestrings(np.concatenate([along, along[:, :, ::-1]]))
    return Network.from_lines(gpd.GeoSeries(lines, crs=CRS)).for_mode(FEET)


def test_betweenness_of_a_path_of_seven() -> None:
    """Node k of a path of n nodes lies between k (n - 1 - k) of the pairs (Freeman 1977)."""
    travel = Network.from_roads(draw("A-B-C-D-E-F-G").roads).for_mode(FEET)
    found = centrality(travel)
    order = np.argsort(travel.network.node_xy[:, 0])
    assert (found.node[order] * 6 * 5 / 2).round(9).tolist() == [0, 5, 8, 9, 8, 5, 0]
    along = np.argsort(travel.network.node_xy[travel.network.start, 0])
    assert (found.edge[along] * 7 * 6 / 2).round(9).tolist() == [6, 10, 12, 12, 10, 6]
    assert found.origins == 7
    assert found.edge_error.tolist() == [0] * 6


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_betweenness_and_closeness_are_those_of_networkx(seed: int) -> None:
    travel = random_streets(seed)
    graph, found = multigraph(travel), centrality(travel)
    nodes = len(graph)
    closeness = nx.closeness_centrality(graph, distance="s")
    np.testing.assert_allclose(found.closeness, [closeness[node] for node in range(nodes)], rtol=1e-9)
    single = nx.DiGraph()
    single.add_nodes_from(graph)
    for tail, head, cost_s in graph.edges(data="s"):
        if cost_s < single.get_edge_data(tail, head, {"s": np.inf})["s"]:
            single.add_edge(tail, head, s=cost_s)
    if len(set(map(frozenset, graph.edges()))) == len(travel.network.start):
        between = nx.edge_betweenness_centrality(single, weight="s")
        expected = [
            between.get((one, other), 0) + between.get((other, one), 0)
            for one, other in zip(travel.network.start.tolist(), travel.network.end.tolist(), strict=True)
        ]
        np.testing.assert_allclose(found.edge, expected, atol=1e-12)
        node = nx.betweenness_centrality(single, weight="s")
        np.testing.assert_allclose(found.node, [node[number] for number in range(nodes)], atol=1e-12)


def test_equally_short_ways_share_as_in_networkx() -> None:
    travel = square_grid(6)
    found = centrality(travel)
    graph = nx.Graph(multigraph(travel))
    between = nx.edge_betweenness_centrality(graph, weight="s")
    ends = zip(travel.network.start.tolist(), travel.network.end.tolist(), strict=True)
    expected = [between.get(pair, between.get(pair[::-1])) for pair in ends]
    np.testing.assert_allclose(found.edge, expected, atol=1e-12)
    node = nx.betweenness_centrality(graph, weight="s")
    np.testing.assert_allclose(found.node, [node[number] for number in range(36)], atol=1e-12)


def test_within_a_radius_only_near_ways_count() -> None:
    travel = Network.from_roads(draw("A-B-C-D-E").roads).for_mode(FEET)
    found = centrality(travel, radius_s=20)
    assert (found.edge * 5 * 4 / 2).round(9).tolist() == [1, 1, 1, 1]
    assert found.mean_s.tolist() == [20] * 5
    assert sorted((found.closeness * 4 * 20).round(9).tolist()) == [1, 1, 2, 2, 2]


def test_a_sample_comes_near_and_tells_its_error() -> None:
    travel = square_grid(12)
    exact, drawn = centrality(travel), centrality(travel, max_origins=60, seed=1)
    assert drawn.origins == 60
    busy = exact.edge > np.median(exact.edge)
    off = (np.abs(drawn.edge - exact.edge) / drawn.edge_error)[busy]
    assert 0.9 < (off < 2).mean() <= 1
    every = centrality(travel, max_origins=144)
    np.testing.assert_allclose(every.edge, exact.edge)
    errors = [centrality(travel, max_origins=count, seed=2).edge_error.mean() for count in (20, 60, 120)]
    assert errors == sorted(errors, reverse=True)
    np.testing.assert_allclose(np.nanmean(drawn.mean_s), exact.mean_s.mean(), rtol=0.05)


def test_the_mean_over_all_samples_is_the_exact_value() -> None:
    """Of five nodes any two are drawn equally often."""
    travel = Network.from_roads(draw("A-B-C-D-E").roads).for_mode(FEET)
    drawn = np.mean([centrality(travel, max_origins=2, seed=seed).edge for seed in range(400)], axis=0)
    np.testing.assert_allclose(drawn, centrality(travel).edge, rtol=0.1)


def test_many_origins_come_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    travel = square_grid(5)
    whole = centrality(travel)
    monkeypatch.setattr("geo.networks.flows.CELLS_AT_ONCE", 70)
    np.testing.assert_allclose(centrality(travel).edge, whole.edge)


def test_loads_are_conserved() -> None:
    travel = random_streets(5)
    costs = travel.graph("from").costs_s
    demand = np.random.default_rng(1).uniform(0, 9, (3, costs.shape[0]))
    (loads,) = shortest_path_loads(costs, np.array([0, 4, 7]), demand)
    reached = np.isfinite(loads.cost)
    reached[[0, 1, 2], [0, 4, 7]] = False
    spent = np.bincount(loads.source, weights=loads.load * costs.data[loads.entry], minlength=3)
    np.testing.assert_allclose(spent, np.where(reached, demand * np.where(reached, loads.cost, 0), 0).sum(axis=1))


def test_more_ways_than_numbers_are_refused() -> None:
    """A chain of doubled edges has 2 ** n equally short ways."""
    nodes = 1100
    chain = csr_array(
        (
            np.ones(2 * (nodes - 1)),
            np.repeat(np.arange(1, nodes), 2),
            np.append(np.arange(0, 2 * nodes, 2), 2 * nodes - 2),
        ),
        shape=(nodes, nodes),
    )
    with pytest.raises(InvalidInputError, match="too many equally short paths"):
        list(shortest_path_loads(chain, np.array([0])))


def test_streets_with_their_centrality() -> None:
    streets = draw("A--B--C   D", ways=("AB", "BC", "CD"), road_class={"CD": "footway"}, name={"AB": "High Street"})
    found = street_centrality(Network.from_roads(streets.roads), mode="drive", speed_kmh=3.6)
    assert found.feature.tolist() == ["AB", "BC"]
    assert found.street.tolist() == ["High Street", ""]
    assert found.betweenness.tolist() == pytest.approx([4 / 12, 4 / 12])
    assert found.crs == streets.roads.crs
    one = street_centrality(Network.from_roads(draw("A--B").roads))
    assert one.betweenness.tolist() == [1]


def test_wrong_parameters_are_named() -> None:
    travel = Network.from_roads(draw("A--B").roads).for_mode(DRIVE)
    with pytest.raises(InvalidInputError, match="radius_s must be positive"):
        centrality(travel, radius_s=0)
    with pytest.raises(InvalidInputError, match="max_origins must be at least 2"):
        centrality(travel, max_origins=1)
    with pytest.raises(InvalidInputError, match="no street that is open to mode 'drive'"):
        street_centrality(Network.from_roads(draw("A--B", road_class={"AB": "footway"}).roads))
