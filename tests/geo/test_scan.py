"""Scan statistics: by hand, against a scan of every window one by one, and what must always hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import poisson

from geo.errors import InvalidInputError
from geo.statistics.scan import scan_space, scan_space_time


def ratio(count: float, expected: float, total: float) -> float:
    """The statistic of Kulldorff 1997 as the difference of two logarithms of Poisson likelihoods."""
    if count <= expected:
        return 0.0
    rates = (count / expected, (total - count) / (total - expected))
    return sum(
        poisson.logpmf(each, rate * mean) - poisson.logpmf(each, mean)
        for each, rate, mean in zip((count, total - count), rates, (expected, total - expected), strict=True)
        if each or rate
    ) + (0 if total - count else (total - expected))


def test_the_statistic_of_a_circle() -> None:
    """12 of 20 events where a quarter of the people live: 12 ln(12/5) + 8 ln(8/15) = 5.4768."""
    found = scan_space([(0, 0), (1000, 0), (2000, 0), (3000, 0)], [12, 3, 3, 2], [5, 5, 5, 5], radius_m=10, seed=1)
    assert len(found) == 1
    best = found[0]
    assert best.statistic == pytest.approx(12 * np.log(12 / 5) + 8 * np.log(8 / 15))
    assert best.statistic == pytest.approx(5.4768, abs=1e-4)
    assert (best.observed, best.expected, best.radius_m, best.places.tolist()) == (12, 5, 0, [0])
    assert best.relative_risk == pytest.approx((12 / 5) / (8 / 15))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_best_circle_is_that_found_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    xy = rng.integers(0, 6, (12, 2)).astype(float)
    people, events = rng.integers(1, 30, 12), rng.integers(0, 4, 12)
    expected_best = 0.0
    for centre in xy:
        apart = np.hypot(*(xy - centre).T)
        for radius in np.unique(apart[apart <= 4]):
            inside = apart <= radius
            if people[inside].sum() <= people.sum() / 2:
                mean = events.sum() * people[inside].sum() / people.sum()
                expected_best = max(expected_best, ratio(events[inside].sum(), mean, events.sum()))
    found = scan_space(xy, events, people, radius_m=4, permutations=19, seed=1)
    assert max((each.statistic for each in found), default=0.0) == pytest.approx(expected_best, abs=1e-8)
    places = np.concatenate([each.places for each in found]) if found else np.empty(0)
    assert len(places) == len(set(places))
    order = rng.permutation(12)
    again = scan_space(xy[order], events[order], people[order], radius_m=4, permutations=19, seed=1)
    assert [each.statistic for each in again][:1] == pytest.approx([each.statistic for each in found][:1])


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_best_cylinder_is_that_found_one_by_one(seed: int, until_last: bool) -> None:
    rng = np.random.default_rng(seed)
    xy = rng.integers(0, 5, (8, 2)).astype(float)
    where, when = rng.integers(0, 8, 40), rng.integers(0, 6, 40)
    when[0] = 5
    expected_best = 0.0
    for centre in xy:
        apart = np.hypot(*(xy - centre).T)
        for radius in np.unique(apart[apart <= 3]):
            inside = (apart <= radius)[where]
            if not 0 < inside.sum() <= 20:
                continue
            for first in range(6):
                for last in range(first, min(first + 3, 6)):
                    during = (when >= first) & (when <= last)
                    if last == 5 or not until_last:
                        mean = inside.sum() * during.sum() / 40
                        expected_best = max(expected_best, ratio((inside & during).sum(), mean, 40))
    found = scan_space_time(xy, when, where, radius_m=3, until_last=until_last, permutations=9, seed=1)
    assert max((each.statistic for each in found), default=0.0) == pytest.approx(expected_best, abs=1e-8)
    for each in found:
        inside = np.isin(where, each.places) & (when >= each.first) & (when <= each.last)
        assert each.observed == inside.sum()
        assert each.last == 5 or not until_last


def test_an_excess_is_significant_and_chance_is_not() -> None:
    rng = np.random.default_rng(3)
    xy, people = rng.uniform(0, 1000, (200, 2)), rng.integers(50, 500, 200)
    near = np.hypot(*(xy - 500).T) < 120
    chance = rng.poisson(people / 100)
    found = scan_space(xy, chance + near * 8, people, radius_m=400, permutations=199, seed=1)
    assert found[0].p == 1 / 200
    assert near[found[0].places].mean() > 0.8
    p = [
        scan_space(xy, rng.poisson(people / 100), people, radius_m=400, permutations=39, seed=2)[0].p for _ in range(30)
    ]
    assert np.mean(np.array(p) <= 0.1) < 0.35
    again = scan_space(xy, chance + near * 8, people, radius_m=400, permutations=199, seed=1)
    assert [each.p for each in again] == [each.p for each in found]


def test_an_outbreak_in_space_and_time_needs_no_population() -> None:
    rng = np.random.default_rng(4)
    xy = rng.uniform(0, 1000, (60, 2))
    where, when = rng.integers(0, 60, 1500), rng.integers(0, 12, 1500)
    near = np.flatnonzero(np.hypot(*(xy - 300).T) < 150)
    where = np.concatenate([where, rng.choice(near, 60)])
    when = np.concatenate([when, rng.integers(7, 9, 60)])
    best = scan_space_time(xy, when, where, radius_m=300, permutations=99, seed=1)[0]
    assert best.p == 0.01
    assert (best.first, best.last) == (7, 8)
    assert set(best.places) & set(near)


def test_nothing_happened() -> None:
    assert scan_space([(0, 0)], [0], [5], radius_m=10, seed=1) == []
    assert scan_space(np.empty((0, 2)), [], [], radius_m=10, seed=1) == []
    assert scan_space([(0, 0), (9, 9)], [5, 0], [1, 1], radius_m=10, seed=1)[0].relative_risk == np.inf
    assert scan_space_time([(0, 0)], [], [], radius_m=10, seed=1) == []


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: scan_space([(0, 0)], [1], [0], radius_m=10, seed=1), "nobody at risk"),
        (lambda: scan_space([(0, 0)], [1.5], [3], radius_m=10, seed=1), "whole numbers"),
        (lambda: scan_space([(0, 0)], [1, 2], [3], radius_m=10, seed=1), "events must be 1 numbers"),
        (lambda: scan_space([(0, np.nan)], [1], [3], radius_m=10, seed=1), "not finite"),
        (lambda: scan_space([(0, 0)], [1], [3], radius_m=0, seed=1), "radius_m"),
        (lambda: scan_space([(0, 0)], [1], [3], radius_m=1, share=1, seed=1), "share"),
        (lambda: scan_space([(0, 0)], [1], [3], radius_m=1, permutations=0, seed=1), "permutations"),
        (lambda: scan_space_time([(0, 0)], [0], [1], radius_m=1, seed=1), "places from 0 to 0"),
        (lambda: scan_space_time([(0, 0)], [-1], [0], radius_m=1, seed=1), "steps must be 0"),
        (lambda: scan_space_time([(0, 0)], [0, 1], [0], radius_m=1, seed=1), "as many steps as places"),
        (
            lambda: scan_space(
                np.random.default_rng(1).random((999, 2)), *np.ones((2, 999)), radius_m=9, permutations=9999, seed=1
            ),
            "windows are too many",
        ),
    ],
)
def test_wrong_input_is_named(call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call()
