"""Accessibility: published fractions, conservation, and the reference library."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from access.fca import three_stage_fca, two_stage_fca
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from geo.errors import InvalidInputError
from geo.networks.topology import Floats
from geo.siting.accessibility import (
    Decay,
    cumulative,
    exponential,
    gaussian,
    gravity,
    modified_two_step,
    nearest_cost,
    power,
    steps,
    three_step,
    two_step,
    within,
)

PEOPLE, BEDS = [100, 50, 10], [15, 20, 100]
COST = [[1, 80, 40], [80, 1, 40], [40, 40, 1]]

ZONES = steps([20, 40, 60], [1, 0.68, 0.22])


def test_the_hospitals_of_the_reference_library() -> None:
    """R is 3/22, 1/3 and 5/8; all 135 beds are shared out."""
    found = two_step(COST, PEOPLE, BEDS, within(61))
    exact = [Fraction(67, 88), Fraction(23, 24), Fraction(289, 264)]
    assert found.tolist() == pytest.approx([float(each) for each in exact], rel=1e-12)
    assert found @ PEOPLE == pytest.approx(135, rel=1e-12)


def test_the_gaussian_decay() -> None:
    assert gaussian(600)(np.array([0.0, 300.0, 600.0, 601.0])).tolist() == pytest.approx([1, 0.7013665732, 0, 0])


def test_the_decays() -> None:
    cost = np.array([0.0, 20.0, 20.5, 60.0, 61.0])
    assert ZONES(cost).tolist() == [1, 1, 0.68, 0.22, 0]
    assert within(20)(cost).tolist() == [1, 1, 0, 0, 0]
    assert exponential(20)(cost)[:2].tolist() == pytest.approx([1, 0.36787944])
    assert power(2, least=10)(cost)[:2].tolist() == pytest.approx([0.01, 0.0025])


def test_the_nearest_and_the_cumulative() -> None:
    cost = csr_array(([0.0, 7.0, 5.0], [1, 0, 1], [0, 2, 3, 3]), shape=(3, 2))
    assert nearest_cost(cost).tolist() == [0, 5, np.inf]
    assert cumulative(cost, [10, 3], limit=6).tolist() == [3, 3, 0]
    assert gravity(cost, [10, 3], exponential(7)).tolist() == pytest.approx([10 / np.e + 3, 3 * np.exp(-5 / 7), 0])
    assert nearest_cost(np.zeros((0, 2))).tolist() == []
    assert nearest_cost(np.zeros((2, 0))).tolist() == [np.inf, np.inf]
    assert two_step(np.full((2, 1), np.inf), [1, 2], [3], within(5)).tolist() == [0, 0]


def case(seed: int) -> tuple[Floats, Floats, Floats]:
    """Return costs that differ by direction, demand and supply."""
    rng = np.random.default_rng(seed)
    cost = rng.uniform(0, 90, (15, 6))
    cost[rng.random(cost.shape) < 0.3] = np.inf
    return cost, rng.integers(0, 50, 15).astype(float), rng.integers(0, 30, 6).astype(float)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), decay=st.sampled_from([within(60), ZONES, gaussian(60), exponential(30)]))
def test_supply_is_neither_made_nor_lost(seed: int, decay: Decay) -> None:
    cost, demand, supply = case(seed)
    weight = np.where(np.isfinite(cost), decay(np.where(np.isfinite(cost), cost, 1e6)), 0)
    used = supply[demand @ weight > 0].sum()
    for share in (two_step, three_step):
        assert demand @ share(cost, demand, supply, decay) == pytest.approx(used)
    assert demand @ modified_two_step(cost, demand, supply, decay) <= used * (1 + 1e-9)
    rows, columns = np.random.default_rng(seed).permutation(15), np.random.default_rng(seed).permutation(6)
    mixed = two_step(cost[rows][:, columns], demand[rows], supply[columns], decay)
    np.testing.assert_allclose(mixed, two_step(cost, demand, supply, decay)[rows])
    row, column = np.nonzero(np.isfinite(cost))
    sparse = csr_array((cost[row, column], (row, column)), shape=cost.shape)
    for part in (sparse.data, sparse.indices, sparse.indptr, cost, demand, supply):
        part.setflags(write=False)
    np.testing.assert_allclose(two_step(sparse, demand, supply, decay), two_step(cost, demand, supply, decay))


def test_one_catchment_for_all_gives_everyone_the_same() -> None:
    cost, demand, supply = case(0)
    near = np.minimum(cost, 50)
    assert two_step(near, demand, supply, within(60)) == pytest.approx(np.full(15, supply.sum() / demand.sum()))


def test_far_supply_is_lost_in_the_modified_method() -> None:
    decay = steps([10, 20], [1, 0.5])
    assert two_step([[20.0]], [4], [8], decay).tolist() == [2]
    assert modified_two_step([[20.0]], [4], [8], decay).tolist() == [1]


@pytest.mark.filterwarnings("ignore:The inplace keyword")
@pytest.mark.parametrize(("own", "reference"), [(two_step, two_stage_fca), (three_step, three_stage_fca)])
@pytest.mark.parametrize("decay", [within(61), ZONES])
def test_the_reference_library_finds_the_same(own: Any, reference: Any, decay: Decay) -> None:
    rng = np.random.default_rng(4)
    cost = rng.uniform(0, 100, (20, 8))
    demand, supply = rng.uniform(1, 50, 20), rng.uniform(1, 30, 8)
    pairs = pd.DataFrame(
        {"origin": np.repeat(np.arange(20), 8), "dest": np.tile(np.arange(8), 20), "cost": cost.ravel()}
    )
    found = reference(
        demand_df=pd.DataFrame({"geoid": np.arange(20), "demand": demand}),
        supply_df=pd.DataFrame({"geoid": np.arange(8), "supply": supply}),
        cost_df=pairs,
        max_cost=61,
        weight_fn=lambda each: float(decay(np.array([each]))[0]),
    )
    np.testing.assert_allclose(own(cost, demand, supply, decay), found.reindex(range(20)).fillna(0).to_numpy())


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: within(0), "limit must be positive"),
        (lambda: gaussian(np.nan), "limit must be positive"),
        (lambda: steps([2, 1], [1, 1]), "ascending"),
        (lambda: steps([1, 2], [1]), "ascending"),
        (lambda: two_step(COST, [1, 2], BEDS, within(5)), "demand must be 3"),
        (lambda: two_step(COST, PEOPLE, [1, 2, -1], within(5)), "supply must be finite"),
        (lambda: two_step(COST, [1, 2, np.nan], BEDS, within(5)), "demand must be finite"),
        (lambda: nearest_cost([[1.0, np.nan]]), "not NaN"),
        (lambda: nearest_cost([[-1.0]]), "0 or more"),
        (lambda: nearest_cost([1.0]), "shape"),
        (lambda: gravity([[0.0]], [1], lambda cost: 1 / cost - np.inf), "finite weights"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_is_wrong_is_named(call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call()
