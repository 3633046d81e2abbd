"""How long things last: published curves, statsmodels, and the limits in which the estimates meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import SurvfuncRight

from geo.errors import InvalidInputError
from geo.statistics.survival import current_status, doubly_censored, kaplan_meier

REMISSION = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
"""Weeks of remission with 6-MP: Freireich et al. 1963, Blood 21(6), 699-716; the textbook case of Kaplan-Meier."""


def test_the_textbook_curve() -> None:
    """S and its standard errors as in Kleinbaum & Klein, Survival Analysis, group 1; the median is 23 weeks."""
    curve = kaplan_meier(REMISSION, RELAPSED)
    assert curve.time.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert curve.at_risk.tolist() == [21, 17, 15, 12, 11, 7, 6]
    assert curve.survival.round(4).tolist() == [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    assert curve.standard_error.round(4).tolist() == [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    assert curve.quantile(0.5) == 23
    assert np.isnan(curve.quantile(0.9))
    assert curve.at([0, 5.9, 6, 35, 36]).tolist() == pytest.approx(
        [1, 1, 0.8571, 0.4482, np.nan], abs=1e-4, nan_ok=True
    )


@given(
    st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=2, max_size=60), st.sampled_from([0.25, 0.5, 0.9])
)
@settings(max_examples=60, deadline=None)
def test_statsmodels_gives_the_same(rows: list[tuple[int, bool]], part: float) -> None:
    duration, ended = np.array([each for each, _ in rows]), np.array([each for _, each in rows])
    curve = kaplan_meier(duration, ended)
    theirs = SurvfuncRight(duration, ended)
    assert curve.time.tolist() == theirs.surv_times.tolist()
    np.testing.assert_allclose(curve.survival, theirs.surv_prob, atol=1e-12)
    known = curve.survival > 0
    np.testing.assert_allclose(curve.standard_error[known], theirs.surv_prob_se[known], atol=1e-12)
    assert (np.diff(curve.survival) < 0).all()
    low, high = curve.bounds()
    assert ((low <= curve.survival + 1e-12) & (curve.survival <= high + 1e-12)).all()
    again = kaplan_meier(duration[::-1], ended[::-1])
    assert again.survival.tolist() == curve.survival.tolist()


def test_the_interval_of_the_median_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    duration, ended = rng.exponential(10, 300).round(1), rng.random(300) < 0.7
    theirs = SurvfuncRight(duration, ended)
    expected = theirs.quantile_ci(0.5, method="cloglog")
    assert kaplan_meier(duration, ended).interval(0.5) == pytest.approx(expected)
    assert kaplan_meier(duration, ended).quantile(0.5) == theirs.quantile(0.5)


def test_without_open_cases_it_is_the_plain_distribution() -> None:
    duration = np.array([1.0, 2, 2, 5, 10])
    curve = kaplan_meier(duration, np.ones(5))
    assert curve.survival.tolist() == pytest.approx([0.8, 0.4, 0.2, 0])
    assert curve.restricted_mean(10) == pytest.approx(duration.mean())
    assert curve.restricted_mean(100) == pytest.approx(duration.mean())
    assert curve.restricted_mean(4) == pytest.approx(np.minimum(duration, 4).mean())
    assert curve.at(50) == 0


def test_nothing_has_ended_or_everything_at_once() -> None:
    none = kaplan_meier([3, 4], [False, False])
    assert len(none.time) == 0
    assert np.isnan(none.quantile(0.5))
    assert none.restricted_mean(4) == 4
    assert np.isnan(none.restricted_mean(5))
    assert kaplan_meier([0, 0], [True, True]).quantile(0.5) == 0


def test_the_share_that_has_ended_rises_with_age() -> None:
    """0/2, 2/2, 0/1, 1/1 at 1, 2, 3 and 4: the second and third are pooled to 2/3."""
    curve = current_status([1, 1, 2, 2, 3, 4], [0, 0, 1, 1, 0, 1])
    assert curve.time.tolist() == [2, 4]
    assert curve.survival.tolist() == pytest.approx([1 / 3, 0])
    assert curve.quantile(0.5) == 2
    assert np.isnan(curve.interval(0.5)).all()


def test_who_looks_once_finds_the_same_distribution() -> None:
    rng = np.random.default_rng(3)
    lasts, age = rng.exponential(10, 40_000), rng.uniform(0, 60, 40_000).round()
    curve = current_status(age, lasts <= age)
    expected = np.exp(-np.array([5, 10, 20, 30]) / 10)
    assert curve.at([5, 10, 20, 30]) == pytest.approx(expected, abs=0.03)


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from([0, 0, 1, -1])), min_size=5, max_size=60))
@settings(max_examples=30, deadline=None)
def test_the_estimate_agrees_with_itself(rows: list[tuple[int, int]]) -> None:
    """What Turnbull's estimate says is what the ended, and parts of the others, add up to."""
    time, state = np.array([each for each, _ in rows], dtype=float), np.array([each for _, each in rows])
    curve = doubly_censored(time, state)
    if not (state == 0).any() or not (state == -1).any():
        return
    for moment in np.unique(time):
        lasting = curve.at(moment)
        of_left = [(max(lasting - curve.at(each), 0) / (1 - curve.at(each))) for each in time[state == -1]]
        of_right = [min(lasting / curve.at(each), 1) if curve.at(each) > 0 else 0 for each in time[state == 1]]
        expected = ((time[state == 0] > moment).sum() + sum(of_left) + sum(of_right)) / len(rows)
        assert lasting == pytest.approx(expected, abs=2e-3)


def test_the_estimates_meet_where_nothing_is_hidden() -> None:
    states = np.where(np.array(RELAPSED, dtype=bool), 0, 1)
    assert doubly_censored(REMISSION, states).survival.tolist() == kaplan_meier(REMISSION, RELAPSED).survival.tolist()
    status = np.where(np.array(RELAPSED, dtype=bool), -1, 1)
    assert doubly_censored(REMISSION, status).survival.tolist() == current_status(REMISSION, RELAPSED).survival.tolist()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: kaplan_meier([], []), "nothing was observed"),
        (lambda: kaplan_meier([1, 2], [True]), "as many durations as ends"),
        (lambda: kaplan_meier([-1], [True]), "not negative"),
        (lambda: kaplan_meier([np.nan], [True]), "finite"),
        (lambda: current_status([np.inf], [True]), "finite"),
        (lambda: doubly_censored([1], [2]), "states must be"),
        (lambda: kaplan_meier([1], [True]).quantile(0), "over 0 and at most 1"),
        (lambda: kaplan_meier([1], [True]).bounds(confidence=1), "confidence"),
    ],
)
def test_wrong_input_is_named(call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call()
