"""Works under a budget."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from geo.errors import InvalidInputError
from geo.infrastructure.budgets import Treatment, cost_curve, plan
from geo.infrastructure.deterioration import steady_fall
from geo.infrastructure.knapsack import knapsack

SEAL = Treatment(name="seal", at_least=70, below=90, after=95, cost_per_m2=1)
OVERLAY = Treatment(name="overlay", at_least=40, below=70, after=100, cost_per_m2=5)
REBUILD = Treatment(name="rebuild", at_least=0, below=101, after=100, cost_per_m2=20)
ALL = [SEAL, OVERLAY, REBUILD]
FALL = [steady_fall(3)]


def test_the_knapsack_p01() -> None:
    """The problem P01 of J. Burkardt's data set KNAPSACK_01: capacity 165, optimum 309."""
    weight = np.array([23, 31, 29, 44, 53, 38, 63, 85, 89, 82])
    value = np.array([92, 57, 49, 68, 60, 43, 67, 84, 87, 72])
    chosen = knapsack(weight, value, 165)
    assert "".join(map(str, chosen.astype(int))) == "1111010000"
    assert (value[chosen].sum(), weight[chosen].sum()) == (309, 165)


def test_the_large_numbers_of_kreher_and_stinson() -> None:
    """Kreher & Stinson's problems with 15 and 24 things, P07 and P08 of KNAPSACK_01: 1,458 and 13,549,094."""
    weight = np.array([70, 73, 77, 80, 82, 87, 90, 94, 98, 106, 110, 113, 115, 118, 120])
    value = np.array([135, 139, 149, 150, 156, 163, 173, 184, 192, 201, 210, 214, 221, 229, 240])
    assert value[knapsack(weight, value, 750)].sum() == 1458
    weight = np.array([
        382745, 799601, 909247, 729069, 467902, 44328, 34610, 698150, 823460, 903959, 853665, 551830,
        610856, 670702, 488960, 951111, 323046, 446298, 931161, 31385, 496951, 264724, 224916, 169684,
    ])  # fmt: skip
    value = np.array([
        825594, 1677009, 1676628, 1523970, 943972, 97426, 69666, 1296457, 1679693, 1902996, 1844992, 1049289,
        1252836, 1319836, 953277, 2067538, 675367, 853655, 1826027, 65731, 901489, 577243, 466257, 369261,
    ])  # fmt: skip
    chosen = knapsack(weight, value, 6404180)
    assert (value[chosen].sum(), weight[chosen].sum()) == (13549094, 6402560)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), things=st.integers(1, 9), groups=st.integers(1, 4))
def test_no_other_choice_is_better(seed: int, things: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    cost, benefit = rng.integers(0, 12, things).astype(float), rng.integers(-2, 20, things).astype(float)
    group, budget = rng.integers(0, groups, things), float(rng.integers(0, 30))
    chosen = knapsack(cost, benefit, budget, group=group)
    best = 0.0
    for bits in product([False, True], repeat=things):
        take = np.array(bits)
        if cost[take].sum() <= budget and len(set(group[take])) == take.sum():
            best = max(best, float(benefit[take].sum()))
    assert benefit[chosen].sum() == pytest.approx(best)
    assert cost[chosen].sum() <= budget * (1 + 1e-9)
    assert len(set(group[chosen])) == chosen.sum()


@pytest.mark.parametrize("kind", ["free", "correlated", "subset sum", "whole numbers"])
def test_the_choice_is_that_of_an_integer_programme(kind: str) -> None:
    rng = np.random.default_rng(5)
    cost, group = rng.integers(10, 1000, 80).astype(float), np.repeat(np.arange(40), 2)
    benefit = {
        "free": rng.uniform(1, 1000, 80),
        "correlated": cost + 100,
        "subset sum": 2 * cost,
        "whole numbers": rng.integers(1, 30, 80).astype(float),
    }[kind]
    budget = float(cost.sum() // 5)
    member = np.equal.outer(np.arange(40), group).astype(float)
    best = milp(
        -benefit,
        integrality=np.ones(80),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(cost, -np.inf, budget), LinearConstraint(member, -np.inf, 1)],
        options={"mip_rel_gap": 0},
    )
    chosen = knapsack(cost, benefit, budget, group=group)
    assert benefit[chosen].sum() == pytest.approx(-best.fun, rel=1e-9)
    assert cost[chosen].sum() <= budget


def test_a_large_knapsack_is_solved() -> None:
    rng = np.random.default_rng(1)
    cost, benefit = rng.uniform(1, 100, 5000), rng.uniform(1, 100, 5000)
    chosen = knapsack(cost, benefit, 9000)
    order = np.argsort(-benefit / cost)
    greedy = benefit[order][np.cumsum(cost[order]) <= 9000].sum()
    fractional = greedy + 100
    assert greedy <= benefit[chosen].sum() <= fractional
    assert cost[chosen].sum() <= 9000 * (1 + 1e-9)


def test_nothing_to_choose_and_endless_money() -> None:
    assert knapsack([], [], 5).tolist() == []
    assert knapsack([5, 6], [1, 1], 4).tolist() == [False, False]
    assert knapsack([5, 6, 1], [1, 2, -1], np.inf, group=[0, 0, 1]).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("cost", "benefit", "budget"),
    [([-1], [1], 5), ([1], [np.nan], 5), ([1], [1], -5), ([1], [1], np.nan), ([1, 2], [1], 5)],
)
def test_wrong_numbers_are_refused(cost: list[float], benefit: list[float], budget: float) -> None:
    with pytest.raises(InvalidInputError, match=r"costs and the budget|a cost, a benefit"):
        knapsack(cost, benefit, budget)


def test_each_year_the_best_works_that_the_budget_allows() -> None:
    condition, area = np.array([80.0, 60.0, 20.0]), np.array([1000.0, 1000.0, 1000.0])
    found = plan(condition, area, np.ones(3), np.zeros(3), FALL, ALL, budget_per_year=6000, years=2)
    assert found.treatment[0].tolist() == [0, 1, -1]
    assert found.cost.sum(axis=1).tolist() == [6000, 0]
    assert found.condition.round(6).tolist() == [[80, 60, 20], [92, 97, 17], [89, 94, 14]]
    assert found.neglected[-1].tolist() == pytest.approx([74, 54, 14])
    rich = plan(condition, area, np.ones(3), np.zeros(3), FALL, ALL, budget_per_year=1e9, years=1)
    assert rich.condition[1].tolist() == pytest.approx([97, 97, 97])


def test_what_matters_more_comes_first() -> None:
    for weight, expected in (([1, 5], [-1, 1]), ([5, 1], [1, -1])):
        found = plan([50, 50], [100, 100], weight, [0, 0], FALL, ALL, budget_per_year=500, years=1)
        assert found.treatment[0].tolist() == expected


def test_the_first_year_is_the_best_of_all_choices() -> None:
    rng = np.random.default_rng(2)
    condition, area, weight = rng.uniform(5, 95, 6), rng.uniform(100, 900, 6), rng.uniform(0, 3, 6)
    found = plan(condition, area, weight, np.zeros(6), FALL, ALL, budget_per_year=4000, years=1)

    ahead = np.arange(1, 21)
    gain = {
        (section, number): weight[section] * area[section] * (FALL[0].ahead(each.after, ahead) - before).sum()
        for section, now in enumerate(condition)
        for before in [FALL[0].ahead(now, ahead)]
        for number, each in enumerate(ALL)
        if each.at_least <= now < min(each.below, each.after)
    }

    def value(choice: tuple[int, ...]) -> float:
        done = [(section, number) for section, number in enumerate(choice) if number >= 0]
        if (
            not set(done) <= set(gain)
            or sum(ALL[number].cost_per_m2 * area[section] for section, number in done) > 4000
        ):
            return -1
        return sum(gain[each] for each in done)

    best = max(map(value, product([-1, 0, 1, 2], repeat=6)))
    assert value(tuple(found.treatment[0])) == pytest.approx(best)


def test_more_money_leads_to_better_pavements() -> None:
    rng = np.random.default_rng(3)
    sections = rng.uniform(5, 95, 40), rng.uniform(100, 900, 40), rng.uniform(0.5, 3, 40), np.zeros(40)
    budgets = [0, 5e3, 2e4, 1e5, 1e9]
    found = cost_curve(*sections, FALL, ALL, budgets_per_year=budgets, years=4)
    assert found.budget_per_year.tolist() == budgets
    assert found.spent.iloc[0] == 0
    assert (found.spent <= found.budget_per_year * 4).all()
    assert found.weighted_condition.is_monotonic_increasing
    assert found.condition.iloc[-1] > 85


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"condition": [101]}, "conditions must be between 0 and 100"),
        ({"condition": [np.nan]}, "conditions must be between 0 and 100"),
        ({"area_m2": [0]}, "areas must be positive"),
        ({"weight": [-1]}, "weights 0 or more"),
        ({"family": [1]}, "families must be numbers of curves, from 0 to 0"),
        ({"weight": [1, 2]}, "for each section"),
        ({"budget_per_year": -1}, "budget_per_year must be 0 or more"),
        ({"years": 0}, "years 1 or more"),
    ],
)
def test_wrong_sections_are_named(changes: dict[str, object], message: str) -> None:
    good = {"condition": [50], "area_m2": [9], "weight": [1], "family": [0], "curves": FALL, "treatments": ALL}
    good |= {"budget_per_year": 5, "years": 1}
    with pytest.raises(InvalidInputError, match=message):
        plan(**(good | changes))


def test_wrong_treatments_are_named() -> None:
    with pytest.raises(InvalidInputError, match="magic: cost_per_m2 must be positive"):
        Treatment(name="magic", at_least=0, below=50, after=100, cost_per_m2=0)
    with pytest.raises(InvalidInputError, match="magic: it must suit a range"):
        Treatment(name="magic", at_least=60, below=50, after=100, cost_per_m2=1)
