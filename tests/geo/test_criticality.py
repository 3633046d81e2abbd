"""Streets without a way round and the cost of closing streets, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from street_map import draw
from test_centrality import multigraph
from test_matrices import random_streets

from geo.errors import InvalidInputError
from geo.infrastructure.criticality import closing_costs, closing_costs_of_streets, cut_links
from geo.networks.network import Network
from geo.networks.travel import DRIVE

CAR = DRIVE.at(3.6)

TOWN = draw("""
A--B--C--D
|  |
E--F     G
""", name={"BC": "Mill Lane"})  # fmt: skip


def homes(*names: str) -> gpd.GeoDataFrame:
    areas = TOWN.points(*names).buffer(1)
    return gpd.GeoDataFrame({"use": "residential", "dwellings": 10.0}, geometry=areas, index=areas.index)


def test_streets_that_cut_people_off() -> None:
    network = Network.from_roads(TOWN.roads)
    found = cut_links(network, buildings=homes("A", "E", "BC:10", "CD:10", "CD:20"))
    assert found[["feature", "street", "beyond", "on_it"]].to_numpy().tolist() == [["BC", "Mill Lane", 20, 10]]
    assert cut_links(network, buildings=homes("A", "E")).empty
    people = gpd.GeoDataFrame(
        {"total": [3.0, 4.0, 5.0]}, geometry=TOWN.points("A", "BC:15", "D").buffer(2).to_list(), crs=32635
    )
    counted = cut_links(network, people, who="total").set_index("feature")
    assert counted[["beyond", "on_it"]].to_numpy().tolist() == [[3, 4]]
    assert counted.index.tolist() == ["BC"]


def test_closing_a_street_of_a_ring_and_one_that_leads_out() -> None:
    ring = draw("""
A---B---X
|   |
C---D
""")
    travel = Network.from_roads(ring.roads).for_mode(CAR)
    network = travel.network
    nodes = {name: int(np.argmin(np.hypot(*(network.node_xy - [p.x, p.y]).T))) for name, p in ring.places.items()}
    weight = np.zeros(len(network.node_xy))
    weight[[nodes["A"], nodes["B"]]] = [1, 2]
    found = closing_costs(travel, weight, max_links=9, max_origins=9)
    assert network.feature[found.edge].tolist() == ["AB"]
    assert (found.trips.tolist(), found.delay_s.tolist(), found.lost.tolist()) == ([1], [20 + 40 + 20 - 40], [0])
    weight[nodes["X"]] = 3
    found = closing_costs(travel, weight, max_links=9, max_origins=9)
    by_street = dict(zip(network.feature[found.edge], zip(found.delay_s, found.lost, strict=True), strict=True))
    pairs = {"AB": 2 * 2, "AX": 2 * 3, "BX": 2 * 6}
    assert by_street["BX"] == (0, pytest.approx((pairs["AX"] + pairs["BX"]) / sum(pairs.values())))
    assert by_street["AB"] == (pytest.approx(40 * (pairs["AB"] + pairs["AX"]) / sum(pairs.values())), 0)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_closing_costs_are_those_of_closing_by_hand(seed: int) -> None:
    travel = random_streets(seed)
    weight = np.random.default_rng(seed).integers(0, 3, len(travel.network.node_xy)).astype(float)
    graph = multigraph(travel)
    before = dict(nx.all_pairs_dijkstra_path_length(graph, weight="s"))
    pairs = [(i, j) for i in graph for j in before[i] if i != j and weight[i] * weight[j]]
    total = sum(weight[i] * weight[j] for i, j in pairs)
    if not pairs:
        with pytest.raises(InvalidInputError, match="there are no trips"):
            closing_costs(travel, weight, max_links=3, max_origins=99)
        return
    found = closing_costs(travel, weight, max_links=3, max_origins=99)
    for edge, delay_s, lost in zip(found.edge.tolist(), found.delay_s, found.lost, strict=True):
        closed = graph.copy()
        closed.remove_edges_from([each for each in graph.edges(keys=True) if each[2] == edge])
        after = dict(nx.all_pairs_dijkstra_path_length(closed, weight="s"))
        left = [(i, j) for i, j in pairs if j in after[i]]
        kept = sum(weight[i] * weight[j] for i, j in left)
        assert lost == pytest.approx(1 - kept / total)
        change = sum(weight[i] * weight[j] * (after[i][j] - before[i][j]) for i, j in left)
        assert delay_s == pytest.approx(change / kept if kept else np.nan, nan_ok=True, abs=1e-9)


def test_a_draw_of_origins_comes_near() -> None:
    travel = random_streets(3)
    weight = np.random.default_rng(3).uniform(0, 5, len(travel.network.node_xy))
    exact = closing_costs(travel, weight, max_links=5, max_origins=99)
    drawn = [closing_costs(travel, weight, max_links=20, max_origins=10, seed=seed) for seed in range(40)]
    of_first = [each.trips[each.edge == exact.edge[0]].sum() for each in drawn]
    assert np.mean(of_first) == pytest.approx(exact.trips[0], rel=0.1)


def test_streets_with_what_closing_them_costs() -> None:
    network = Network.from_roads(TOWN.roads)
    found = closing_costs_of_streets(network, buildings=homes("A", "D", "E"), speed_kmh=3.6)
    assert set(found.feature[:2]) == {"BC", "CD"}
    assert found.lost.tolist()[:2] == pytest.approx([4 / 6, 4 / 6])
    assert len(closing_costs_of_streets(network, buildings=homes("A", "D", "E"), max_links=1)) == 1


def test_nobody_to_count_is_an_error() -> None:
    network = Network.from_roads(TOWN.roads)
    with pytest.raises(InvalidInputError, match="layer buildings is not there"):
        cut_links(network)
    with pytest.raises(InvalidInputError, match="there are no trips: at least two places"):
        closing_costs_of_streets(network, buildings=homes("A"))
    far = homes("A")
    far.geometry = far.geometry.translate(1e5)
    with pytest.raises(InvalidInputError, match="there are no trips"):
        closing_costs_of_streets(network, buildings=far)
    assert cut_links(network, buildings=far).empty
