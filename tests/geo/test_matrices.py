"""Cost matrices and nearest facilities, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from street_map import CRS, StreetMap, draw

from geo.errors import InvalidInputError
from geo.networks.matrices import cost_matrix, dense, nearest
from geo.networks.network import Network
from geo.networks.positions import Positions
from geo.networks.routing import TravelNetwork
from geo.networks.travel import DRIVE

CAR = DRIVE.at(3.6)


def at_nodes(travel: TravelNetwork, nodes: np.typing.NDArray[np.int64]) -> Positions:
    """Return places at nodes of the network, on any edge that meets them."""
    network = travel.network
    edge = [int(np.flatnonzero((network.start == node) | (network.end == node))[0]) for node in nodes]
    fraction = np.where(network.start[edge] == nodes, 0.0, 1.0)
    return Positions(np.array(edge), fraction, np.zeros(len(edge)))


def random_streets(seed: int) -> TravelNetwork:
    """Return streets, some one-way, that need not be connected."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 1000, (30, 2))
    ends = rng.integers(0, 30, (45, 2))
    ends = ends[ends[:, 0] != ends[:, 1]]
    one_way = rng.choice(["both", "forward", "backward"], len(ends))
    roads = gpd.GeoDataFrame({"one_way": one_way}, geometry=shapely.linestrings(corners[ends]), crs=CRS)
    return Network.from_roads(roads).for_mode(CAR)


def by_networkx(travel: TravelNetwork, places: Positions) -> nx.DiGraph:
    """Return the graph of the network with its edges cut at the places, which are nodes ``("place", n)``."""
    network, graph = travel.network, nx.DiGraph()
    for edge in range(len(network.start)):
        here = np.flatnonzero(places.edge == edge)
        here = here[np.argsort(places.fraction[here], kind="stable")]
        stops = [int(network.start[edge]), *(("place", int(n)) for n in here), int(network.end[edge])]
        parts = np.diff(np.concatenate([[0.0], places.fraction[here], [1.0]]))
        for tail, head, part in zip(stops, stops[1:], parts, strict=False):
            for a, b, cost_s in ((tail, head, travel.forward_s[edge]), (head, tail, travel.backward_s[edge])):
                if np.isfinite(cost_s) and part * cost_s < graph.get_edge_data(a, b, {"weight": np.inf})["weight"]:
                    graph.add_edge(a, b, weight=part * cost_s)
    graph.add_nodes_from(("place", n) for n in range(len(places)))
    return graph


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), origins=st.integers(1, 8), limit_s=st.sampled_from([400.0, 1500.0, np.inf]))
def test_times_are_those_of_networkx(seed: int, origins: int, limit_s: float) -> None:
    travel = random_streets(seed)
    rng = np.random.default_rng(seed)
    edge = rng.integers(0, len(travel.network.start), 12)
    places = Positions(edge, rng.uniform(0.01, 0.99, 12), np.zeros(12))
    graph = by_networkx(travel, places)
    expected = np.full((origins, 12 - origins), np.inf)
    for row in range(origins):
        reached = nx.single_source_dijkstra_path_length(graph, ("place", row))
        for column in range(12 - origins):
            cost_s = reached.get(("place", origins + column), np.inf)
            expected[row, column] = cost_s if cost_s <= limit_s else np.inf
    demand, supply = places[:origins], places[origins:]
    for chunk in (None, 1, 5):
        found = dense(cost_matrix(travel, demand, supply, limit_s=limit_s, chunk=chunk))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    for k in (1, 3):
        order = np.sort(expected, axis=1)[:, :k]
        closest = nearest(travel, demand, supply, k, limit_s=limit_s)
        np.testing.assert_allclose(closest.cost_s[:, : order.shape[1]], order, rtol=1e-9)
        rows, columns = np.nonzero(np.isfinite(closest.cost_s))
        own = expected[rows, closest.facility[rows, columns]]
        np.testing.assert_allclose(own, closest.cost_s[rows, columns], rtol=1e-9)
        assert (closest.facility[np.isinf(closest.cost_s)] == -1).all()


ONE_WAY = """
A->-B
|   |
|   |
C---D

E---F
"""


@pytest.fixture
def streets() -> StreetMap:
    return draw(ONE_WAY)


@pytest.fixture
def travel(streets: StreetMap) -> TravelNetwork:
    return Network.from_roads(streets.roads).for_mode(CAR)


def test_rows_are_where_one_comes_from(streets: StreetMap, travel: TravelNetwork) -> None:
    a, b = (travel.snap(streets.points(name), max_m=1) for name in "AB")
    assert dense(cost_matrix(travel, a, b)).tolist() == [[40]]
    assert dense(cost_matrix(travel, b, a)).tolist() == [[30 + 40 + 30]]


def test_both_sides_give_the_same_times(streets: StreetMap, travel: TravelNetwork) -> None:
    few = travel.snap(streets.points("B", "AB:10"), max_m=1)
    many = travel.snap(streets.points("A", "AB:30", "C", "D", "E", "CD:5"), max_m=1)
    there, back = dense(cost_matrix(travel, few, many)), dense(cost_matrix(travel, many, few))
    assert there.tolist() == [[100, 130, 70, 30, np.inf, 65], [130, 20, 100, 60, np.inf, 95]]
    assert back.tolist() == [[40, 10], [10, 120], [70, 40], [30, 80], [np.inf, np.inf], [65, 45]]


def test_a_stored_zero_is_a_time_and_what_is_not_stored_is_out_of_reach(
    streets: StreetMap, travel: TravelNetwork
) -> None:
    places = travel.snap(streets.points("A", "E"), max_m=1)
    cost = cost_matrix(travel, places, places)
    assert cost.nnz == 2
    assert dense(cost).tolist() == [[0, np.inf], [np.inf, 0]]
    assert cost.dtype == np.float32


def test_places_off_the_network_reach_nothing(streets: StreetMap, travel: TravelNetwork) -> None:
    far = gpd.GeoSeries([streets.places["A"], shapely.Point(0, 0)], crs=CRS)
    places = travel.snap(far, max_m=20)
    assert places.found.tolist() == [True, False]
    assert dense(cost_matrix(travel, places, places)).tolist() == [[0, np.inf], [np.inf, np.inf]]
    assert nearest(travel, places, places[np.array([1])]).facility.tolist() == [[-1], [-1]]
    assert nearest(travel, places, places[np.array([1, 0])]).facility.tolist() == [[1], [-1]]
    assert cost_matrix(travel, places[:0], places).shape == (0, 2)
    assert cost_matrix(travel, places, places[:0]).shape == (2, 0)


def test_the_nearest_depends_on_the_direction(streets: StreetMap, travel: TravelNetwork) -> None:
    demand = travel.snap(streets.points("A"), max_m=1)
    facilities = travel.snap(streets.points("B", "D"), max_m=1)
    assert nearest(travel, demand, facilities).facility.tolist() == [[0]]
    away = nearest(travel, demand, facilities, direction="from")
    assert (away.facility.tolist(), away.cost_s.tolist()) == ([[1]], [[70]])
    assert nearest(travel, demand, facilities, 3).facility.tolist() == [[0, 1, -1]]
    assert nearest(travel, demand, facilities, 2, limit_s=50).facility.tolist() == [[0, -1]]


@pytest.mark.parametrize(
    ("options", "says"), [({"k": 0}, "k must be"), ({"limit_s": -1}, "limit_s"), ({"limit_s": np.nan}, "limit_s")]
)
def test_what_is_wrong_is_named(
    streets: StreetMap, travel: TravelNetwork, options: dict[str, float], says: str
) -> None:
    places = travel.snap(streets.points("A"), max_m=1)
    with pytest.raises(InvalidInputError, match=says):
        nearest(travel, places, places, **options)
