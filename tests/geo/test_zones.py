"""Zones of streets, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from street_map import StreetMap, draw
from test_matrices import random_streets

from geo.errors import InvalidInputError
from geo.networks.network import Network
from geo.networks.positions import Direction, Positions
from geo.networks.travel import DRIVE
from geo.networks.zones import street_zones

CAR = DRIVE.at(3.6)


def zones(
    streets: StreetMap, *names: str, limit_s: float = 1e6, **options: object
) -> set[tuple[str, str, float, float]]:
    travel = Network.from_roads(streets.roads).for_mode(CAR)
    found = street_zones(travel, travel.snap(streets.points(*names), max_m=1), limit_s=limit_s, **options)
    length = travel.network.length_m[found.edge]
    rows = zip(
        np.array(names)[found.row].tolist(),
        travel.network.feature[found.edge].tolist(),
        (found.low * length).round(3).tolist(),
        (found.high * length).round(3).tolist(),
        strict=True,
    )
    return set(rows)


def test_streets_are_cut_halfway_between_two_origins() -> None:
    streets = draw("A---------B---------C")
    assert zones(streets, "A", "C") == {("A", "AB", 0, 100), ("C", "BC", 0, 100)}
    assert zones(streets, "A", "BC:20") == {("A", "AB", 0, 60), ("BC:20", "AB", 60, 100), ("BC:20", "BC", 0, 100)}
    assert zones(streets, "AB:10", "AB:50") == {
        ("AB:10", "AB", 0, 30),
        ("AB:50", "AB", 30, 100),
        ("AB:50", "BC", 0, 100),
    }


def test_who_starts_late_has_a_smaller_zone_and_the_limit_ends_both() -> None:
    streets = draw("A---------B---------C")
    late = {"delay_s": np.array([40.0, 0.0])}
    assert zones(streets, "A", "C", **late) == {("A", "AB", 0, 80), ("C", "AB", 80, 100), ("C", "BC", 0, 100)}
    assert zones(streets, "A", "C", limit_s=50, **late) == {("A", "AB", 0, 10), ("C", "BC", 50, 100)}
    assert zones(streets, "A", "C", limit_s=30, **late) == {("C", "BC", 70, 100)}


def test_one_way_streets_count_by_their_direction() -> None:
    streets = draw("A--->-----B---------C")
    assert zones(streets, "A", "C") == {("A", "AB", 0, 100), ("C", "BC", 0, 100)}
    assert zones(streets, "A", "C", direction="to") == {("C", "AB", 0, 100), ("C", "BC", 0, 100)}
    assert zones(streets, "AB:60", direction="to") == {("AB:60", "AB", 0, 60)}


@pytest.mark.parametrize("direction", ["from", "to"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), limit_s=st.sampled_from([300.0, 1200.0, 1e5]))
def test_every_place_is_in_the_zone_of_its_nearest_origin(direction: Direction, seed: int, limit_s: float) -> None:
    travel = random_streets(seed)
    rng = np.random.default_rng(seed)
    edges = len(travel.network.start)
    origins = Positions(rng.integers(0, edges, 4), rng.choice([0.0, 0.3, 0.6, 1.0], 4), np.zeros(4))
    delay_s = rng.choice([0.0, 120.0], 4)
    found = street_zones(travel, origins, limit_s=limit_s, direction=direction, delay_s=delay_s)
    options = {"limit_s": limit_s, "direction": direction, "delay_s": delay_s}
    (merged,) = travel.times(origins, together=True, **options)
    whole = merged.reached(limit_s)
    assert found.length_m(4).sum() == pytest.approx(whole.length_m(1).sum(), rel=1e-6, abs=1e-3)
    (apart,) = travel.times(origins, **options)
    middle = Positions(found.edge, (found.low + found.high) / 2, np.zeros(len(found.edge)))
    seconds = apart.at(middle)
    own = seconds[found.row, np.arange(len(found.edge))]
    assert own == pytest.approx(seconds.min(axis=0), abs=1e-6)


def test_lost_origins_are_refused() -> None:
    travel = random_streets(1)
    with pytest.raises(InvalidInputError, match="must lie on an edge"):
        street_zones(travel, Positions(np.array([-1]), np.zeros(1), np.zeros(1)), limit_s=5)
