"""The Huff model: published shares, conservation, cannibalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array

from geo.errors import InvalidInputError
from geo.siting.huff import expected_customers, huff_shares, market_change

POSITIVE = st.floats(0.1, 1e4)


def test_shares_of_the_textbook() -> None:
    """S = 5000, 10000, 20000 at 2, 4 and 6 with b = 2: 18/35, 9/35, 8/35."""
    shares = huff_shares([[2, 4, 6]], [5000, 10_000, 20_000], exponent=2, least=0.1)
    np.testing.assert_allclose(shares.toarray(), [[18 / 35, 9 / 35, 8 / 35]], rtol=1e-12)


@given(arrays(float, (6, 4), elements=POSITIVE), arrays(float, 4, elements=POSITIVE), st.floats(0.5, 4))
@settings(max_examples=50, deadline=None)
def test_customers_are_neither_lost_nor_made(cost: Any, attraction: Any, exponent: float) -> None:
    shares = huff_shares(cost, attraction, exponent=exponent, least=0.5)
    customers = np.arange(6.0)
    assert expected_customers(shares, customers).sum() == pytest.approx(15)
    again = huff_shares(cost[:, ::-1], attraction[::-1] * 7, exponent=exponent, least=0.5)
    np.testing.assert_allclose(again.toarray()[:, ::-1], shares.toarray(), rtol=1e-9)


@given(arrays(float, (5, 3), elements=POSITIVE), arrays(float, 3, elements=POSITIVE))
@settings(max_examples=50, deadline=None)
def test_a_new_store_takes_from_all_others_what_it_wins(cost: Any, attraction: Any) -> None:
    changed = market_change(cost, np.ones(5), attraction, np.array([False, False, True]), least=1)
    assert (changed.change[:2] <= 1e-12).all()
    assert changed.before[2] == 0
    assert changed.change.sum() == pytest.approx(0, abs=1e-9)


def test_out_of_reach_and_without_attraction_are_no_choice() -> None:
    cost = csr_array(np.array([[100.0, 200.0, 0.0], [0.0, 50.0, 0.0], [0.0, 0.0, 0.0]]))
    shares = huff_shares(cost, [1, 0, 5], least=1).toarray()
    assert shares.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert huff_shares([[0.0, 0.0]], [1, 3], least=10).toarray().tolist() == [[0.25, 0.75]]
    assert huff_shares(np.empty((2, 0)), [], least=10).shape == (2, 0)


@pytest.mark.parametrize(
    ("cost", "attraction", "options", "says"),
    [
        ([[1, 2]], [1], {}, "attraction must be 2 numbers"),
        ([[1, 2]], [1, -1], {}, "not negative"),
        ([[1, np.nan]], [1, 1], {}, "cost must be 0 or more"),
        ([[1, 2]], [1, 1], {"exponent": 0}, "exponent must be positive"),
        ([[1, 2]], [1, 1], {"attraction_exponent": 0}, "attraction_exponent"),
        ([[1, 2]], [1, 1], {"least": 0}, "least"),
    ],
)
def test_wrong_input_is_named(cost: Any, attraction: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        huff_shares(cost, attraction, **({"least": 1} | options))
