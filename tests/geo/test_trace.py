"""Traces of pipe networks: a published segmentation, WNTR, and what always holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import wntr
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInputError
from geo.networks.trace import PipeNetwork, isolate, segments, supplied

PUBLISHED = Path(wntr.__file__).parent / "tests/networks_for_testing/CCWI17-HermanMahmoud.inp"


def pipes(
    links: list[tuple[int, int]],
    valves: list[tuple[int, int]],
    *,
    nodes: int | None = None,
    is_open: list[bool] | None = None,
    operable: list[bool] | None = None,
) -> PipeNetwork:
    """Return a network of links between nodes, with valves on links near nodes."""
    ends = np.array(links, dtype=np.int64).reshape(-1, 2)
    at = np.array(valves, dtype=np.int64).reshape(-1, 2)
    return PipeNetwork(
        nodes=int(ends.max()) + 1 if nodes is None else nodes,
        start=ends[:, 0],
        end=ends[:, 1],
        valve_link=at[:, 0],
        valve_node=at[:, 1],
        valve_open=np.array([True] * len(at) if is_open is None else is_open, dtype=bool),
        valve_operable=np.array([True] * len(at) if operable is None else operable, dtype=bool),
    )


def read_inp(path: Path | str, valves: list[tuple[str, str]]) -> tuple[PipeNetwork, Any, list[str], list[str]]:
    model = wntr.network.WaterNetworkModel(str(path))
    nodes, links = model.node_name_list, model.link_name_list
    ends = [
        (nodes.index(model.get_link(link).start_node_name), nodes.index(model.get_link(link).end_node_name))
        for link in links
    ]
    at = [(links.index(link), nodes.index(node)) for link, node in valves]
    return pipes(ends, at, nodes=len(nodes)), model, nodes, links


def test_the_segments_of_the_published_network() -> None:
    """Herman & Mahmoud's network with 5 valves has 4 segments, of which the largest has 11 elements."""
    valves = [("p1", "n1"), ("p3", "n2"), ("p7", "n5"), ("p7", "n6"), ("p8", "n6")]
    network, model, nodes, links = read_inp(PUBLISHED, valves)
    segment = segments(network)
    assert np.bincount(segment).max() == 11
    assert len(np.unique(segment)) == 4
    layer = pd.DataFrame(valves, columns=["link", "node"])
    at_node, on_link, _ = wntr.metrics.topographic.valve_segments(model.to_graph(), layer)
    expected = [at_node[each] for each in nodes] + [on_link[each] for each in links]
    assert len(set(zip(segment, expected, strict=True))) == 4


@pytest.mark.parametrize("seed", [1, 2])
def test_wntr_finds_the_same_segments_of_a_large_network(seed: int) -> None:
    rng = np.random.default_rng(seed)
    _, model, nodes, links = read_inp(Path(wntr.__file__).parent / "library/networks/Net3.inp", [])
    layer = wntr.network.generate_valve_layer(model, "random", 60, seed=seed)
    valves = list(layer[["link", "node"]].itertuples(index=False, name=None))
    network, *_ = read_inp(Path(wntr.__file__).parent / "library/networks/Net3.inp", valves)
    at_node, on_link, _ = wntr.metrics.topographic.valve_segments(model.to_graph(), layer)
    expected = [at_node[each] for each in nodes] + [on_link[each] for each in links]
    segment = segments(network)
    assert len(set(zip(segment, expected, strict=True))) == len(set(expected)) == len(set(segment))
    broken = int(rng.integers(network.elements))
    assert (isolate(network, np.array([broken]), sources=np.array([0])).isolated == (segment == segment[broken])).all()


LINE = [(0, 1), (1, 2), (2, 3)]
"""A source at 0, and pipes on to 3; elements 4 to 6 are the pipes."""


def test_what_lies_behind_the_closed_valves_is_cut_off() -> None:
    network = pipes(LINE, [(1, 1), (1, 2)])
    found = isolate(network, np.array([5]), sources=np.array([0]))
    assert found.close.tolist() == [0, 1]
    assert np.flatnonzero(found.isolated).tolist() == [5]
    assert np.flatnonzero(found.cut_off).tolist() == [2, 3, 5, 6]
    both = isolate(network, np.array([5]), sources=np.array([0, 3]))
    assert np.flatnonzero(both.cut_off).tolist() == [5]


def test_a_ring_feeds_from_its_other_side() -> None:
    network = pipes([(0, 1), (1, 2), (2, 0)], [(1, 1), (1, 2)])
    found = isolate(network, np.array([4]), sources=np.array([0]))
    assert np.flatnonzero(found.cut_off).tolist() == [4]


def test_a_valve_that_does_not_turn_moves_the_isolation_to_the_next() -> None:
    network = pipes(LINE, [(0, 1), (1, 1), (1, 2)], operable=[True, False, True])
    found = isolate(network, np.array([5]), sources=np.array([0]))
    assert found.close.tolist() == [0, 2]
    assert np.flatnonzero(found.isolated).tolist() == [1, 5]


def test_closed_valves_stay_closed_and_need_not_be_closed() -> None:
    network = pipes(LINE, [(1, 1), (2, 2)], is_open=[True, False])
    assert supplied(network, np.array([0])).tolist() == [True, True, True, False, True, True, False]
    found = isolate(network, np.array([5]), sources=np.array([0]))
    assert found.close.tolist() == [0]
    assert np.flatnonzero(found.isolated).tolist() == [2, 5]
    assert np.flatnonzero(found.cut_off).tolist() == [2, 5]


def test_of_two_valves_at_one_place_one_is_enough_and_a_closed_one_is_too() -> None:
    two = pipes(LINE, [(1, 1), (1, 1), (2, 2), (2, 2)], is_open=[True, True, True, False])
    assert isolate(two, np.array([5]), sources=np.array([0])).close.tolist() == [0]


def test_without_valves_all_that_is_connected_is_shut_off() -> None:
    network = pipes([*LINE, (4, 5)], [])
    found = isolate(network, np.array([7]), sources=np.array([0]))
    assert found.close.tolist() == []
    assert np.flatnonzero(found.isolated).tolist() == [0, 1, 2, 3, 6, 7, 8]
    assert (found.isolated == found.cut_off).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_what_always_holds(seed: int) -> None:
    """The order of links does not matter, more closable valves never isolate more, and what is closed divides."""
    rng = np.random.default_rng(seed)
    links = [tuple(each) for each in rng.integers(0, 8, (12, 2)).tolist()]
    valves = [(link, links[link][rng.integers(2)]) for link in rng.integers(0, 12, 7).tolist()]
    states = {"is_open": (rng.random(7) < 0.8).tolist(), "operable": (rng.random(7) < 0.7).tolist()}
    network = pipes(links, valves, nodes=8, **states)
    broken, sources = np.array([8 + int(rng.integers(12))]), np.array([0, 3])
    found = isolate(network, broken, sources=sources)
    assert found.isolated[broken].all()
    assert not (found.cut_off & ~supplied(network, sources)).any()
    assert (network.valve_open & network.valve_operable)[found.close].all()
    now_open = network.valve_open.copy()
    now_open[found.close] = False
    after = pipes(links, valves, nodes=8, is_open=now_open.tolist(), operable=states["operable"])
    outside = sources[~found.isolated[sources]]
    assert not supplied(after, outside)[found.isolated].any()
    assert (supplied(network, sources) & ~supplied(after, outside) == found.cut_off).all()
    turned = pipes(links, valves, nodes=8, is_open=states["is_open"])
    assert not (isolate(turned, broken, sources=sources).isolated & ~found.isolated).any()
    order = rng.permutation(12)
    place = np.argsort(order)
    moved = pipes([links[each] for each in order], [(int(place[a]), b) for a, b in valves], nodes=8, **states)
    again = isolate(moved, 8 + place[broken - 8], sources=sources)
    assert (again.cut_off[8:] == found.cut_off[8:][order]).all()
    assert (again.isolated[:8] == found.isolated[:8]).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: pipes([(0, 1)], [(0, 2)], nodes=3), "valve 0 sits at no end"),
        (lambda: pipes([(0, 1)], [(1, 0)]), "link of a valve 1 is out of range"),
        (lambda: pipes([(0, 5)], [], nodes=3), "node of a link 5"),
        (lambda: pipes([(0, 1)], [(0, 0)], is_open=[True, True]), "as many"),
        (lambda: isolate(pipes(LINE, []), np.empty(0, int), sources=np.array([0])), "nothing is broken"),
        (lambda: isolate(pipes(LINE, []), np.array([7]), sources=np.array([0])), "broken element 7"),
        (lambda: isolate(pipes(LINE, []), np.array([1]), sources=np.array([-1])), "source -1"),
    ],
)
def test_wrong_input_is_named(call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call()
