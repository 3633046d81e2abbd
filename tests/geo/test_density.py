"""Kernel densities: values worked out by hand, path by path, and mass that is kept."""

from __future__ import annotations

from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from shapely import LineString, Point
from sklearn.neighbors import KernelDensity

from geo.errors import InvalidInputError
from geo.networks.network import Network
from geo.networks.positions import Positions
from geo.networks.routing import TravelNetwork
from geo.networks.travel import WALK
from geo.statistics.density import lixels, network_density, plane_density

CRS = "EPSG:32635"
Method = Literal["continuous", "discontinuous"]
METHODS: tuple[Method, ...] = ("continuous", "discontinuous")


def travel_on(*lines: Any) -> TravelNetwork:
    return Network.from_lines(gpd.GeoSeries([LineString(each) for each in lines], crs=CRS)).for_mode(WALK)


def on(travel: TravelNetwork, *xy: tuple[float, float]) -> Positions:
    return travel.snap(gpd.GeoSeries([Point(each) for each in xy], crs=CRS), max_m=1)


@pytest.fixture
def star() -> TravelNetwork:
    """Three arms of 100 m that meet at (0, 0)."""
    return travel_on([(0, 0), (100, 0)], [(0, 0), (0, 100)], [(-100, 0), (0, 0)])


def kernel(distance_m: float, bandwidth_m: float) -> float:
    return 15 / (16 * bandwidth_m) * max(1 - (distance_m / bandwidth_m) ** 2, 0) ** 2


def path_by_path(
    travel: TravelNetwork, event: tuple[int, float], place: tuple[int, float], bandwidth_m: float, method: Method
) -> float:
    """Follow every path from an event on an edge to a place on an edge."""
    network = travel.network
    start, end, length = network.start.tolist(), network.end.tolist(), network.length_m.tolist()
    edges = range(len(start))

    def follow(node: int, came: tuple[int, int], distance: float, share: float) -> float:
        out = [(edge, side) for edge in edges for side in (0, 1) if (start, end)[side][edge] == node]
        found = 0.0
        for edge, side in out:
            back = (edge, side) == came
            n = len(out)
            if method == "continuous":
                part = share * ((2 - n) / n if back else 2 / n)
            else:
                part = 0.0 if back else share / (n - 1)
            if part and distance < bandwidth_m:
                if edge == place[0]:
                    offset = place[1] if side == 0 else 1 - place[1]
                    found += part * kernel(distance + offset * length[edge], bandwidth_m)
                arrives = (end, start)[side][edge]
                found += follow(arrives, (edge, 1 - side), distance + length[edge], part)
        return found

    edge, fraction = event
    density = kernel(abs(fraction - place[1]) * length[edge], bandwidth_m) if place[0] == edge else 0.0
    density += follow(end[edge], (edge, 1), (1 - fraction) * length[edge], 1.0)
    return density + follow(start[edge], (edge, 0), fraction * length[edge], 1.0)


def test_the_density_of_a_street_is_the_kernel() -> None:
    street = travel_on([(0, 0), (1000, 0)])
    density = network_density(street, on(street, (500, 0)), on(street, (500, 0), (530, 0), (550, 0)), bandwidth_m=50)
    assert density == pytest.approx([0.01875, 0.01875 * 0.64**2, 0])


def test_the_discontinuous_density_is_split_among_the_streets_ahead(star: TravelNetwork) -> None:
    places = on(star, (10, 0), (0, 10), (-10, 0))
    density = network_density(star, on(star, (20, 0)), places, bandwidth_m=50, method="discontinuous")
    assert density == pytest.approx([0.01728, 0.00768 / 2, 0.00768 / 2], rel=5e-4)


def test_the_continuous_density_returns_a_part_at_a_node(star: TravelNetwork) -> None:
    places = on(star, (10, 0), (0, 10), (-10, 0))
    density = network_density(star, on(star, (20, 0)), places, bandwidth_m=50)
    assert density == pytest.approx([0.01728 - 0.00768 / 3, 0.00768 * 2 / 3, 0.00768 * 2 / 3], rel=5e-4)


@pytest.mark.parametrize("method", METHODS)
def test_an_event_at_a_node_belongs_to_all_its_streets(star: TravelNetwork, method: Method) -> None:
    places = on(star, (30, 0), (0, 30), (-30, 0))
    for corner in (0, 1, 2):
        away = shapely.get_point(star.network.geometry[corner], 0) != Point(0, 0)
        event = Positions(np.array([corner]), np.array([float(away)]), np.zeros(1))
        density = network_density(star, event, places, bandwidth_m=50, method=method)
        assert density == pytest.approx([0.00768 * 2 / 3] * 3, rel=1e-9)


def test_the_continuous_density_has_no_jump_at_a_node(star: TravelNetwork) -> None:
    near = 1e-6
    density = network_density(star, on(star, (7, 0)), on(star, (near, 0), (0, near), (-near, 0)), bandwidth_m=50)
    assert np.ptp(density) < 1e-4 * density.max()


@pytest.mark.parametrize("method", METHODS)
def test_paths_of_a_street_map_add_up(method: Method) -> None:
    """Blocks with a diagonal, a loop, two parallel streets, a dead end and short edges."""
    travel = travel_on(
        [(0, 0), (41, 0)],
        [(41, 0), (83, 5)],
        [(0, 0), (0, 37)],
        [(0, 37), (41, 39)],
        [(41, 0), (41, 39)],
        [(0, 0), (41, 39)],
        [(41, 39), (43, 40)],
        [(43, 40), (60, 52), (43, 60), (43, 40)],
        [(41, 0), (50, 20), (41, 39)],
    )
    rng = np.random.default_rng(6)
    size = len(travel.network.start)
    places = Positions(np.repeat(np.arange(size), 3), rng.uniform(0.05, 0.95, 3 * size), np.zeros(3 * size))
    for edge in range(size):
        event = Positions(np.array([edge]), rng.uniform(0.1, 0.9, 1), np.zeros(1))
        density = network_density(travel, event, places, bandwidth_m=90, method=method)
        at = (edge, float(event.fraction[0]))
        pairs = zip(places.edge.tolist(), places.fraction.tolist(), strict=True)
        exact = [path_by_path(travel, at, place, 90, method) for place in pairs]
        assert density == pytest.approx(exact, abs=2e-3 * kernel(0, 90))


@given(st.integers(0, 2**32 - 1), st.floats(20, 400))
@settings(max_examples=15, deadline=None)
def test_the_continuous_density_keeps_the_mass_of_events(seed: int, bandwidth_m: float) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 300, (12, 2))
    travel = travel_on(*corners[[rng.choice(12, 2, replace=False) for _ in range(25)]])
    pieces = lixels(travel, length_m=1)
    weights = rng.uniform(0, 3, 20)
    events = Positions(rng.integers(0, len(travel.network.start), 20), rng.uniform(0, 1, 20).round(1), np.zeros(20))
    density = network_density(travel, events, pieces.centres(), bandwidth_m=bandwidth_m, weights=weights)
    assert density @ pieces.length_m == pytest.approx(weights.sum(), rel=2e-3)


def test_the_discontinuous_density_loses_only_what_reaches_dead_ends(star: TravelNetwork) -> None:
    pieces = lixels(star, length_m=0.5)
    inside = network_density(star, on(star, (20, 0)), pieces.centres(), bandwidth_m=50, method="discontinuous")
    assert inside @ pieces.length_m == pytest.approx(1, rel=1e-3)
    edge = network_density(star, on(star, (90, 0)), pieces.centres(), bandwidth_m=50, method="discontinuous")
    assert edge @ pieces.length_m == pytest.approx(quad(kernel, -10, 50, args=(50,))[0], rel=1e-3)


def test_events_add_up_in_any_order(star: TravelNetwork) -> None:
    events = on(star, (20, 0), (0, 15), (0, 0), (-40, 0), (20, 0))
    pieces = lixels(star, length_m=7).centres()
    together = network_density(star, events, pieces, bandwidth_m=60)
    apart = sum(network_density(star, events[np.array([each])], pieces, bandwidth_m=60) for each in range(5))
    assert together == pytest.approx(apart)
    assert network_density(star, events[::-1], pieces, bandwidth_m=60) == pytest.approx(together)
    assert not network_density(star, events[:0], pieces, bandwidth_m=60).any()


def test_lixels_cut_every_edge_into_equal_pieces(star: TravelNetwork) -> None:
    pieces = lixels(star, length_m=30)
    assert len(pieces) == 12
    assert pieces.length_m == pytest.approx(np.full(12, 25))
    assert shapely.length(pieces.lines()) == pytest.approx(pieces.length_m)
    assert len(lixels(star, length_m=100)) == 3


def test_the_plane_density_is_that_of_scikit_learn_with_its_mass() -> None:
    rng = np.random.default_rng(1)
    events, side = rng.normal(500, 60, (40, 2)), np.arange(5, 1000, 10.0)
    places = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    density = plane_density(events, places, bandwidth_m=80)
    assert density.sum() * 100 == pytest.approx(40, rel=1e-4)
    flat = KernelDensity(kernel="epanechnikov", bandwidth=80).fit(events)
    same = np.exp(flat.score_samples(places)) > 0
    assert (same == (density > 0)).all()
    assert plane_density([(0, 0)], [(0, 0), (40, 0), (80, 0)], bandwidth_m=80) == pytest.approx(
        np.array([1, 0.75**2, 0]) * 3 / (np.pi * 80**2)
    )
    assert not plane_density([], places, bandwidth_m=80).any()


def test_unfit_input_is_refused(star: TravelNetwork) -> None:
    event, lost = on(star, (20, 0)), on(star, (20, 30))
    for bad, says in (({"bandwidth_m": 0}, "bandwidth_m"), ({"bandwidth_m": 5, "weights": [np.nan]}, "1 finite")):
        with pytest.raises(InvalidInputError, match=says):
            network_density(star, event, event, **bad)
    with pytest.raises(InvalidInputError, match="must lie on an edge"):
        network_density(star, lost, event, bandwidth_m=5)
    with pytest.raises(InvalidInputError, match="length_m"):
        lixels(star, length_m=-1)
    with pytest.raises(InvalidInputError, match="coordinates of place 0 are not finite"):
        plane_density([(np.nan, 0)], [(0, 0)], bandwidth_m=5)
