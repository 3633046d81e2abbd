"""How evenly something is spread: textbook values, PySAL, and what always holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from inequality.atkinson import atkinson as pysal_atkinson
from inequality.gini import Gini
from inequality.theil import Theil

from geo.errors import InvalidInputError
from geo.statistics.equity import atkinson, gini, lorenz, palma, theil, weighted_quantile

VALUES = st.lists(st.integers(0, 1000), min_size=2, max_size=30).filter(lambda each: sum(each) > 0)


def test_textbook_values() -> None:
    """1 to 5: Gini 4/15; all to one of n: (n - 1) / n; a tenth has what four tenths have: Palma 1."""
    assert gini([1, 2, 3, 4, 5]) == pytest.approx(4 / 15)
    assert gini([0, 0, 0, 7]) == pytest.approx(0.75)
    assert palma([1] * 4 + [2] * 5 + [4]) == pytest.approx(1)
    assert palma([0] * 5 + [1] * 5) == np.inf
    assert lorenz([1, 3]).share.tolist() == pytest.approx([0, 0.25, 1])
    assert theil([0, 0, 0, 8]) == pytest.approx(np.log(4))
    assert atkinson([1, 4], aversion=0.5) == pytest.approx(1 - 1.5**2 / 2.5)
    assert atkinson([1, 4], aversion=1) == pytest.approx(1 - 2 / 2.5)
    assert atkinson([0, 4], aversion=1) == 1


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_pysal_gives_the_same(values: list[int]) -> None:
    assert gini(values) == pytest.approx(Gini(np.array(values, dtype=float)).g, abs=1e-9)
    positive = np.array(values, dtype=float) + 1
    assert theil(positive) == pytest.approx(Theil(positive).T, abs=1e-9)
    assert atkinson(positive, aversion=0.5) == pytest.approx(pysal_atkinson(positive, 0.5), abs=1e-9)


@given(VALUES, st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_what_always_holds(values: list[int], seed: int) -> None:
    """People may be counted one by one or in groups, in any order and any unit; all the same is no inequality."""
    rng = np.random.default_rng(seed)
    people = rng.integers(0, 4, len(values))
    assume((np.array(values) @ people) > 0)
    one_by_one = np.repeat(values, people)
    for index in (gini, theil, palma, atkinson):
        together = index(values, people)
        assert together == pytest.approx(index(one_by_one), nan_ok=True)
        assert together == pytest.approx(index(np.array(values)[::-1] * 3.5, people[::-1] * 2))
    assert 0 <= gini(values, people) < 1
    curve = lorenz(values, people)
    assert (curve.share <= curve.people + 1e-12).all()
    assert (np.diff(curve.share) >= 0).all()
    assert [gini([5, 5, 5]), theil([5, 5, 5]), atkinson([5, 5, 5])] == pytest.approx([0, 0, 0], abs=1e-12)
    assert palma([5.0] * 10) == pytest.approx(0.25)


def test_the_median_of_people() -> None:
    assert weighted_quantile([3, 1, 2], [1, 1, 1], 0.5) == 2
    assert weighted_quantile([3, 1, 2], [10, 1, 1], 0.5) == 3
    assert weighted_quantile([1, np.inf], [1, 3], 0.5) == np.inf
    assert weighted_quantile([1, 2], [1, 1], 0.5) == 1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: gini([]), "nobody to share"),
        (lambda: gini([0, 0]), "nothing to share"),
        (lambda: gini([-1, 2]), "values must be"),
        (lambda: gini([1, 2], [1]), "as many values as weights"),
        (lambda: gini([1, np.nan]), "finite"),
        (lambda: gini(["much"]), "values must be numbers"),
        (lambda: atkinson([1], aversion=0), "aversion"),
        (lambda: weighted_quantile([1], [0], 0.5), "somebody"),
    ],
)
def test_wrong_input_is_named(call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call()
