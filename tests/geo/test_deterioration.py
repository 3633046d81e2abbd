"""How condition falls with the years."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInputError
from geo.infrastructure.deterioration import MarkovChain, family_curve, markov_chain, states_of, steady_fall

SHAHIN = 100 - 0.18 * np.arange(1.0, 21.0) ** 2
"""A family that falls slowly at first, and faster later."""


def test_a_curve_finds_again_what_it_was_made_of() -> None:
    ages = np.arange(1.0, 21.0)
    curve = family_curve(ages, SHAHIN)
    assert curve.at(ages) == pytest.approx(SHAHIN, abs=1e-6)
    assert curve.at([0, -1]).tolist() == [100, 100]
    assert curve.age_at([100 - 0.18 * 100, 55]) == pytest.approx([10, np.sqrt(45 / 0.18)], abs=0.01)
    assert curve.years_to([82, 55, 30], 55) == pytest.approx([np.sqrt(250) - 10, 0, 0], abs=0.01)
    assert curve.ahead([82.0], 5) == pytest.approx([100 - 0.18 * 225], abs=0.05)
    assert curve.observed == 20


def test_beyond_what_was_observed_it_goes_on_along_its_tangent() -> None:
    curve = family_curve(np.arange(1.0, 21.0), SHAHIN)
    slope = -0.36 * 20
    assert curve.at([22.0]) == pytest.approx([SHAHIN[-1] + 2 * slope], abs=1e-6)
    assert curve.at([1000.0]) == [0]
    assert curve.age_at([SHAHIN[-1] + 2 * slope]) == pytest.approx([22])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(3, 40))
def test_a_curve_never_rises_whatever_was_observed(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    ages = rng.uniform(0.1, 30, count)
    curve = family_curve(ages, rng.uniform(0, 100, count))
    values = curve.at(np.linspace(0, 60, 400))
    assert (np.diff(values) <= 1e-9).all()
    assert values[0] == 100
    now = rng.uniform(0, 100, 20)
    later = curve.ahead(now, 4.0)
    assert (later <= now + 1e-9).all()
    assert (curve.ahead(now, 9.0) <= later + 1e-6).all()
    lives = curve.years_to(now, 40)
    assert (lives >= 0).all()
    reached = np.isfinite(lives) & (now > 40)
    assert curve.ahead(now[reached], lives[reached]) == pytest.approx(np.full(reached.sum(), 40), abs=0.2)


def test_a_family_that_does_not_age_lasts() -> None:
    curve = family_curve([1, 5, 9], [100, 100, 100])
    assert curve.years_to([100, 80, 20], 55).tolist() == [np.inf, np.inf, 0]
    assert curve.ahead([70.0], 20) == [70]


def test_a_steady_fall() -> None:
    curve = steady_fall(2.5)
    assert curve.at([0, 10, 40, 50]).tolist() == [100, 75, 0, 0]
    assert curve.years_to([80.0], 55) == pytest.approx([10])
    with pytest.raises(InvalidInputError, match="points_per_year"):
        steady_fall(0)


@pytest.mark.parametrize(
    ("ages", "index", "message"),
    [
        ([1, 2], [90], "a condition for each of 2 ages, not 1"),
        ([], [], "at two different ages"),
        ([3, 3], [90, 80], "at two different ages"),
        ([-1, 3, 4], [90, 80, 70], "ages must be 0 or more"),
        ([1, 3, 4], [90, 180, 70], "between 0 and 100"),
        ([np.nan, 3, 4], [90, np.nan, 70], "at two different ages"),
    ],
)
def test_too_little_or_wrong_is_an_error(ages: list[float], index: list[float], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        family_curve(ages, index)


def test_a_chain_of_two_states_lasts_as_the_geometric_distribution_says() -> None:
    chain = MarkovChain(transition=np.array([[0.8, 0.2], [0, 1]]))
    assert chain.years_to(1).tolist() == pytest.approx([1 / 0.2, 0])
    assert chain.after([1, 0], 3).tolist() == pytest.approx([0.8**3, 1 - 0.8**3])
    assert chain.after([0.5, 0.5], 0).tolist() == [0.5, 0.5]


def test_years_to_a_state_add_up_along_a_chain_of_steps() -> None:
    """Where each state is left for the next with 1 - p, the times 1 / (1 - p) add up (Butt et al. 1987)."""
    stay = np.array([0.9, 0.75, 0.5])
    matrix = np.diag([*stay, 1.0]) + np.diag(1 - stay, 1)
    chain = MarkovChain(transition=matrix)
    assert chain.years_to(3)[:3] == pytest.approx(np.cumsum((1 / (1 - stay))[::-1])[::-1])
    assert chain.years_to(0).tolist() == [0, 0, 0, 0]


def test_years_to_a_state_are_those_of_a_simulation() -> None:
    rng = np.random.default_rng(0)
    matrix = np.triu(rng.random((4, 4)) + 0.2)
    matrix /= matrix.sum(axis=1, keepdims=True)
    matrix[3] = [0, 0, 0, 1]
    state, years = np.zeros(20_000, dtype=int), np.zeros(20_000)
    while (state < 3).any():
        years += state < 3
        state = (rng.random(20_000)[:, np.newaxis] > np.cumsum(matrix[state], axis=1)).sum(axis=1).clip(0, 3)
    assert MarkovChain(transition=matrix).years_to(3)[0] == pytest.approx(years.mean(), rel=0.03)


def test_a_state_that_may_never_be_left_never_ends() -> None:
    chain = MarkovChain(transition=np.array([[0.5, 0.25, 0.25], [0, 1, 0], [0, 0, 1]]))
    assert chain.years_to(2).tolist() == [np.inf, np.inf, 0]
    assert chain.years_to(1)[0] == pytest.approx(2)


def test_a_chain_is_estimated_by_counting() -> None:
    chain = markov_chain([0, 0, 0, 0, 1, 1, 2, 1], [0, 0, 1, 0, 1, 2, 0, 0], states=4)
    expected = [[0.75, 0.25, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert chain.transition.tolist() == expected
    assert markov_chain([], [], states=2).transition.tolist() == [[1, 0], [0, 1]]


def test_an_estimate_comes_near_to_the_chain_that_made_it() -> None:
    rng = np.random.default_rng(4)
    true = np.array([[0.9, 0.1, 0], [0, 0.8, 0.2], [0, 0, 1]])
    before = rng.integers(0, 3, 30_000)
    after = (rng.random(30_000)[:, np.newaxis] > np.cumsum(true[before], axis=1)).sum(axis=1)
    assert markov_chain(before, after, states=3).transition == pytest.approx(true, abs=0.01)


def test_states_by_bounds() -> None:
    assert states_of([100, 85, 84.9, 40, 10, np.nan], [85, 55, 25]).tolist() == [0, 0, 1, 2, 3, -1]
    with pytest.raises(InvalidInputError, match="bounds must fall"):
        states_of([1], [25, 85])


@pytest.mark.parametrize("matrix", [[[0.5, 0.4], [0, 1]], [[1.5, -0.5], [0, 1]], [[1.0, 0.0]], [1.0], [[np.nan]]])
def test_a_wrong_matrix_is_refused(matrix: object) -> None:
    with pytest.raises(InvalidInputError, match="square matrix of probabilities"):
        MarkovChain(transition=np.array(matrix))


def test_wrong_states_are_named() -> None:
    with pytest.raises(InvalidInputError, match="whole numbers from 0 to 1"):
        markov_chain([0, 2], [1, 1], states=2)
    with pytest.raises(InvalidInputError, match="for each of 2 states before, not 1"):
        markov_chain([0, 1], [1], states=2)
    chain = MarkovChain(transition=np.eye(2))
    with pytest.raises(InvalidInputError, match="state must be between 0 and 1, not 2"):
        chain.years_to(2)
    with pytest.raises(InvalidInputError, match="years must be 0 or more"):
        chain.after([1, 0], -1)
