"""Sites of limited capacity: published optima, the exact solver on small cases, and what always holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInputError
from geo.siting.capacitated import capacitated_p_median
from geo.siting.models import Siting

FIRST = (
    "2 62 3 80 25 14 36 88 1 57 23 14 33 17 19 76 43 2 77 85 14 94 6 6 89 11 7 59 72 6 39 82 10 87 24 18 44 76 3 2 83 6"
    " 19 43 20 5 27 4 58 72 14 14 50 11 43 18 19 87 7 15 11 56 15 31 16 4 51 94 13 55 13 13 84 57 5 12 2 16 53 33 3"
    " 53 10 7 33 32 14 69 67 17 43 5 3 10 75 3 8 26 12 3 1 14 96 22 20 6 48 13 59 22 10 66 69 9 22 50 6 75 21 18 4 81 7"
    " 41 97 20 92 34 9 12 64 1 60 84 8 35 100 5 38 2 1 9 9 7 54 59 9 1 58 2"
)
"""Problem 1 of OR-Library's capacitated p-medians (Osman & Christofides 1994): x, y and demand of 50 places."""


def instance(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the whole distances of the library, shared out over the demand, which they don't count, and the demand."""
    x, y, demand = np.array(text.split(), dtype=float).reshape(-1, 3).T
    apart = np.floor(np.hypot(x[:, np.newaxis] - x, y[:, np.newaxis] - y))
    return apart / demand[:, np.newaxis], demand


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(seed)
    demand, candidates, p = int(rng.integers(8, 30)), int(rng.integers(4, 10)), int(rng.integers(1, 4))
    places, sites = rng.random((demand, 2)) * 100, rng.random((candidates, 2)) * 100
    weights = rng.integers(1, 20, demand).astype(float)
    capacity = rng.uniform(1.05, 1.8, candidates) * weights.sum() / p
    return np.hypot(*(places[:, np.newaxis] - sites).transpose(2, 0, 1)), weights, capacity, p


def check(found: Siting, cost: np.ndarray, weights: np.ndarray, capacity: np.ndarray, p: int) -> None:
    load = np.bincount(found.assigned, weights, minlength=len(capacity))
    assert (load <= capacity * (1 + 1e-9)).all()
    assert len(found.sites) == p
    assert set(found.assigned) <= set(found.sites)
    assert found.objective == pytest.approx(float(weights @ cost[np.arange(len(cost)), found.assigned]))
    assert found.bound <= found.objective * (1 + 1e-9)


def test_the_published_optimum_is_found_and_nearly_proved() -> None:
    cost, demand = instance(FIRST)
    capacity = np.full(50, 120.0)
    found = capacitated_p_median(cost, demand, capacity, p=5, method="heuristic")
    check(found, cost, demand, capacity, 5)
    assert found.objective == pytest.approx(713)
    assert found.gap < 0.025


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_search_is_near_the_exact_and_its_bound_true(seed: int) -> None:
    cost, weights, capacity, p = random_case(seed)
    exact = capacitated_p_median(cost, weights, capacity, p=p, method="exact")
    found = capacitated_p_median(cost, weights, capacity, p=p, method="heuristic")
    for each in (exact, found):
        check(each, cost, weights, capacity, p)
    assert found.bound <= exact.objective * (1 + 1e-9)
    assert exact.objective <= found.objective * (1 + 1e-9)
    assert found.objective <= exact.objective * 1.1


def test_beyond_the_exact_solver_the_gap_is_told() -> None:
    rng = np.random.default_rng(1)
    places, sites = rng.random((600, 2)), rng.random((60, 2))
    cost = np.hypot(*(places[:, np.newaxis] - sites).transpose(2, 0, 1))
    weights = rng.integers(1, 20, 600).astype(float)
    capacity = rng.uniform(1.05, 1.6, 60) * weights.sum() / 8
    found = capacitated_p_median(cost, weights, capacity, p=8)
    check(found, cost, weights, capacity, 8)
    assert found.gap < 0.03


def test_existing_and_forbidden_sites_and_ways_that_are_closed() -> None:
    cost, weights, capacity, _ = random_case(7)
    cost[0, 1:] = np.inf
    found = capacitated_p_median(cost, weights, capacity * 3, p=2, existing=[2], forbidden=[1], method="heuristic")
    check(found, cost, weights, capacity * 3, 2)
    assert set(found.sites) == {0, 2}
    assert found.assigned[0] == 0


@pytest.mark.parametrize("method", ["heuristic", "exact", "auto"])
@pytest.mark.parametrize(("capacity", "weights"), [([1.0, 1.0], [3.0, 1.0]), ([2.0, 2.0], [2.0, 3.0])])
def test_too_little_room_is_told(method: Any, capacity: list[float], weights: list[float]) -> None:
    with pytest.raises(InvalidInputError, match="take more"):
        capacitated_p_median(np.ones((2, 2)), weights, capacity, p=2, method=method)
