"""Bridges, articulation points and what lies beyond them."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.networks.bridges import weak_spots


def test_the_dumb_bell() -> None:
    """Two triangles joined by a bar: the bar is the bridge, its ends are the articulation points."""
    start, end = np.array([0, 1, 2, 2, 3, 4, 5]), np.array([1, 2, 0, 3, 4, 5, 3])
    found = weak_spots(start, end, np.array([5.0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, 100.0, 1, 0, 0]))
    assert np.flatnonzero(found.bridge).tolist() == [3]
    assert np.flatnonzero(found.articulation).tolist() == [2, 3]
    assert found.beyond.tolist() == [0, 0, 0, 4, 0, 0, 0]


@settings(max_examples=150, deadline=None)
@given(nodes=st.integers(1, 12), edges=st.integers(0, 16), seed=st.integers(0, 10**6))
def test_they_are_those_of_networkx(nodes: int, edges: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, end = rng.integers(0, nodes, (2, edges))
    on_node, on_edge = rng.integers(0, 5, nodes).astype(float), rng.integers(0, 5, edges).astype(float)
    found = weak_spots(start, end, on_node, on_edge)
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from(zip(start.tolist(), end.tolist(), range(edges), strict=True))
    simple = nx.Graph(graph)
    single = [next(iter(graph[a][b])) for a, b in nx.bridges(simple) if len(graph[a][b]) == 1]
    assert np.flatnonzero(found.bridge).tolist() == sorted(single)
    simple.remove_edges_from(nx.selfloop_edges(simple))
    assert np.flatnonzero(found.articulation).tolist() == sorted(nx.articulation_points(simple))
    for edge in single:
        parted = graph.copy()
        parted.remove_edge(int(start[edge]), int(end[edge]), edge)
        sides = [nx.node_connected_component(parted, int(node)) for node in (start[edge], end[edge])]
        weights = [
            sum(on_node[list(side)]) + sum(on_edge[e] for e in range(edges) if e != edge and start[e] in side)
            for side in sides
        ]
        assert found.beyond[edge] == min(weights)


def test_a_long_chain_and_no_network() -> None:
    chain = np.arange(3000)
    found = weak_spots(chain, chain + 1, np.ones(3001), np.zeros(3000))
    assert found.bridge.all()
    assert found.articulation.sum() == 2999
    assert found.beyond.tolist() == [min(k + 1, 3000 - k) for k in range(3000)]
    empty = weak_spots(chain[:0], chain[:0], np.ones(3), np.zeros(0))
    assert (len(empty.bridge), empty.articulation.tolist()) == (0, [False] * 3)
