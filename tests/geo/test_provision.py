"""The transport problem: a published optimum, and what always holds."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from geo.errors import InvalidInputError
from geo.siting.transport import assign


def test_the_optimum_of_the_textbook() -> None:
    """Powerco: three plants, four cities, 1020 (Winston, Operations Research, chapter on transport problems)."""
    cost = np.array([[8, 6, 10, 9], [9, 12, 13, 7], [14, 9, 16, 5]]).T
    found = assign(cost, [45, 20, 30, 30], [35, 50, 40])
    assert found.cost == pytest.approx(1020)
    assert found.unserved.tolist() == [0, 0, 0, 0]
    assert found.spare.tolist() == [0, 0, 0]
    assert found.flow.sum(axis=0).tolist() == pytest.approx([35, 50, 40])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_as_much_as_possible_is_served_at_the_least_cost(seed: int) -> None:
    """Compared with the maximum flow of least cost in a graph."""
    rng = np.random.default_rng(seed)
    demand, capacity = rng.integers(0, 9, 7), rng.integers(0, 15, 4)
    cost = np.where(rng.random((7, 4)) < 0.6, rng.integers(0, 50, (7, 4)), np.inf)
    found = assign(cost, demand, capacity)
    graph = nx.DiGraph()
    graph.add_node("from")
    graph.add_node("to")
    for place, people in enumerate(demand.tolist()):
        graph.add_edge("from", f"d{place}", capacity=people, weight=0)
        for supply in np.flatnonzero(np.isfinite(cost[place])).tolist():
            graph.add_edge(f"d{place}", f"s{supply}", weight=int(cost[place, supply]))
    for supply, room in enumerate(capacity.tolist()):
        graph.add_edge(f"s{supply}", "to", capacity=room, weight=0)
    flow = nx.max_flow_min_cost(graph, "from", "to")
    assert found.flow.sum() == pytest.approx(sum(flow["from"].values()), abs=1e-6)
    assert found.cost == pytest.approx(nx.cost_of_flow(graph, flow), abs=1e-4)
    assert found.flow.sum(axis=1) + found.unserved == pytest.approx(demand, abs=1e-6)
    assert found.flow.sum(axis=0) + found.spare == pytest.approx(capacity, abs=1e-6)


def test_nothing_to_assign() -> None:
    none = assign(np.empty((0, 2)), [], [3, 4])
    assert (none.spare.tolist(), none.cost) == ([3, 4], 0)
    away = assign([[np.inf]], [5], [3])
    assert (away.unserved.tolist(), away.spare.tolist(), away.flow.nnz) == ([5], [3], 0)
    full = assign(csr_array(np.array([[7.0, 0]])), [5], [3, 9])
    assert (full.unserved.tolist(), full.spare.tolist()) == ([2], [0, 9])
    assert assign([[0.0]], [5], [9]).flow.toarray().tolist() == [[5]]


@pytest.mark.parametrize(
    ("cost", "demand", "capacity", "says"),
    [
        ([[1]], [-1], [1], "demand must be"),
        ([[1]], [1], [np.nan], "capacity must be"),
        ([[1]], [1, 2], [1], "demand must be 1 numbers"),
        ([[-1]], [1], [1], "cost must be 0 or more"),
        (np.ones((1100, 1000)), np.ones(1100), np.ones(1000), "pairs of demand"),
    ],
)
def test_wrong_input_is_named(cost: Any, demand: Any, capacity: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        assign(cost, demand, capacity)
