"""Traffic in equilibrium."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sioux_falls import OBJECTIVE, sioux_falls
from street_map import draw

from geo.errors import InvalidInputError
from geo.infrastructure.traffic import CAPACITY, gravity_demand, traffic_assignment
from geo.networks.assignment import Links, user_equilibrium
from geo.networks.network import Network
from geo.networks.travel import DRIVE


def test_sioux_falls_comes_to_its_known_equilibrium() -> None:
    links, demand, known = sioux_falls()
    assert demand.sum() == 360_600
    assert links.objective(known) == pytest.approx(OBJECTIVE, rel=1e-9)
    found = user_equilibrium(links, np.arange(24), demand, max_gap=1e-5, max_iterations=1000)
    assert found.gap <= 1e-5
    assert links.objective(found.flow) == pytest.approx(OBJECTIVE, rel=1e-6)
    assert found.flow == pytest.approx(known, rel=0.005, abs=20)
    assert found.lost == 0


def test_braess_paradox() -> None:
    """Braess 1968: six vehicles; with the link in the middle each takes 92, without it 83."""
    tail, head = np.array([0, 0, 1, 2, 1]), np.array([1, 2, 3, 3, 2])
    free_s, slope = np.array([1e-8, 50.0, 50.0, 1e-8, 10.0]), np.array([10.0, 1.0, 1.0, 10.0, 1.0])
    demand = np.array([[0.0, 6.0], [0.0, 0.0]])
    for used, expected in ((slice(5), 92), (slice(4), 83)):
        links = Links(
            tail=tail[used],
            head=head[used],
            free_s=free_s[used],
            capacity=np.ones(5)[used],
            alpha=(slope / free_s)[used],
            beta=1.0,
        )
        found = user_equilibrium(links, [0, 3], demand, max_gap=1e-8)
        assert float(found.flow @ found.seconds) / 6 == pytest.approx(expected, rel=1e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_two_roads_share_the_traffic_so_that_both_take_as_long(seed: int) -> None:
    rng = np.random.default_rng(seed)
    links = Links(
        tail=np.zeros(2, dtype=int),
        head=np.ones(2, dtype=int),
        free_s=rng.uniform(50, 100, 2),
        capacity=rng.uniform(500, 2000, 2),
    )
    found = user_equilibrium(links, [0, 1], [[0, 4000.0], [0, 0]], max_gap=1e-9)
    assert found.flow.sum() == pytest.approx(4000)
    used = found.flow > 1
    assert found.seconds[used] == pytest.approx(np.full(used.sum(), found.seconds.min()), rel=1e-4)


def test_flow_is_conserved_at_every_node() -> None:
    links, demand, _ = sioux_falls()
    found = user_equilibrium(links, np.arange(24), demand, max_gap=1e-3)
    balance = np.bincount(links.head, weights=found.flow) - np.bincount(links.tail, weights=found.flow)
    assert balance == pytest.approx(demand.sum(axis=0) - demand.sum(axis=1), abs=1e-6)
    assert (found.flow >= 0).all()


def test_an_empty_road_is_free_and_demand_without_a_way_is_lost() -> None:
    links = Links(tail=np.array([0]), head=np.array([1]), free_s=np.array([60.0]), capacity=np.array([100.0]))
    found = user_equilibrium(links, [0, 1, 2], [[5, 10, 30], [0, 0, 0], [0, 0, 0]])
    assert (found.flow.tolist(), found.gap, found.lost) == ([10], 0, 0.75)
    idle = user_equilibrium(links, [0, 1], np.zeros((2, 2)))
    assert (idle.flow.tolist(), idle.seconds.tolist(), idle.lost) == ([0], [60], 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"demand": [[1.0]]}, "a row and a column for each of 2 zones"),
        ({"demand": [[0, -1], [0, 0]]}, "finite and 0 or more"),
        ({"demand": [[0, np.nan], [0, 0]]}, "finite and 0 or more"),
        ({"zones": [-1, 1]}, "zones must be numbers of nodes"),
        ({"max_gap": 0}, "max_gap must be positive"),
    ],
)
def test_wrong_demand_is_named(changes: dict[str, object], message: str) -> None:
    links = Links(tail=np.array([0]), head=np.array([1]), free_s=np.array([60.0]), capacity=np.array([100.0]))
    with pytest.raises(InvalidInputError, match=message):
        user_equilibrium(links, **({"zones": [0, 1], "demand": [[0, 1], [0, 0]]} | changes))


def test_wrong_links_are_named() -> None:
    one = np.array([0])
    with pytest.raises(InvalidInputError, match="positive, and times finite"):
        Links(tail=one, head=one + 1, free_s=np.array([0.0]), capacity=np.array([1.0]))
    with pytest.raises(InvalidInputError, match="there must be one"):
        Links(tail=one[:0], head=one[:0], free_s=np.zeros(0), capacity=np.zeros(0))


TOWN = draw("""
A-------B-------C
|       |       |
D-------E-------F
""", road_class={"AB": "primary", "BC": "primary"}, name={"AB": "High Street"})  # fmt: skip


def homes(*names: str) -> gpd.GeoDataFrame:
    areas = TOWN.points(*names).buffer(1)
    return gpd.GeoDataFrame({"use": "residential", "dwellings": 1000.0}, geometry=areas, index=areas.index)


def test_demand_of_zones_falls_with_time() -> None:
    travel = Network.from_roads(TOWN.roads).for_mode(DRIVE.at(3.6))
    network = travel.network
    nodes = [int(np.argmin(np.hypot(*(network.node_xy - [p.x, p.y]).T))) for p in (TOWN.places[x] for x in "ABC")]
    demand = gravity_demand(travel, np.array(nodes), np.array([10.0, 0, 0]), np.array([5.0, 1, 1]), 80.0)
    assert demand[0].sum() == pytest.approx(10)
    assert demand[0, 1] / demand[0, 2] == pytest.approx(np.e)
    assert demand[1:].sum() == demand[0, 0] == 0


def test_traffic_on_the_streets_and_its_detour() -> None:
    network = Network.from_roads(TOWN.roads)
    work = gpd.GeoDataFrame({"employees": [10]}, geometry=TOWN.points("C").to_list(), crs=TOWN.roads.crs)
    options = {"buildings": homes("A"), "businesses": work, "trips_each": 0.5, "zone_m": 100}
    before = traffic_assignment(network, **options).set_index("feature")
    assert before.flow["AB"] == pytest.approx(500, rel=0.01)
    assert before.load["AB"] == pytest.approx(500 / CAPACITY["primary"], rel=0.01)
    assert before.delay["AB"] == pytest.approx(1 + 0.15 * (500 / 1800) ** 4, rel=1e-3)
    assert before.change.isna().all()
    assert before.street["AB"] == "High Street"
    after = traffic_assignment(network, closures=TOWN.points("AB:30"), **options).set_index("feature")
    assert after.flow["AB"] == 0
    assert after.change["AB"] == pytest.approx(-500, rel=0.01)
    assert after.change["DE"] == pytest.approx(500, rel=0.01)
    assert after.flow["EF"] + after.flow["BE"] == pytest.approx(500, rel=0.01)


def test_what_is_not_there_is_an_error() -> None:
    network = Network.from_roads(TOWN.roads)
    with pytest.raises(InvalidInputError, match="layer buildings is not there"):
        traffic_assignment(network)
    many = Network.from_roads(draw("-".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ")).roads)
    alone = traffic_assignment(many, buildings=homes("A"))
    assert (alone.flow == 0).all()
