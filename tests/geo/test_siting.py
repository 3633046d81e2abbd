"""Choice of sites: published optima, every choice of small cases, the reference library, and what is refused."""

from __future__ import annotations

import importlib.resources
import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pulp
import pytest
import spopt.locate
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInputError
from geo.networks.topology import Floats
from geo.siting import models as siting
from geo.siting.capacitated import capacitated_p_median
from geo.siting.models import Siting, backup_coverage, lscp, mclp, p_center, p_median

Case = tuple[Floats, Floats]

STORES = (1, 2, 5, 10)
"""The best four stores of San Francisco."""


@pytest.fixture(scope="module")
def san_francisco() -> Case:
    """Return metres by road from 205 census tracts to 16 stores, in the order of their names, and people by tract."""
    data = importlib.resources.files("spopt") / "tests" / "test_locate" / "data"
    with importlib.resources.as_file(data) as folder:
        roads = pd.read_csv(folder / "SF_network_distance_candidateStore_16_censusTract_205_new.csv")
        people = pd.read_csv(folder / "SF_demand_205_centroid_uniform_weight.csv").sort_values("NAME").POP2000
    table = roads.pivot_table(values="distance", index="DestinationName", columns="name")
    assert list(table.columns[list(STORES)]) == ["Store_11", "Store_12", "Store_15", "Store_2"]
    return table.to_numpy(), people.to_numpy(dtype=float)


def random_case(seed: int, demand: int = 12, candidates: int = 7) -> Case:
    rng = np.random.default_rng(seed)
    places, sites = rng.uniform(0, 100, (demand, 2)), rng.uniform(0, 100, (candidates, 2))
    cost = np.hypot(*(places[:, np.newaxis] - sites).transpose(2, 0, 1))
    cost[rng.random(cost.shape) < 0.1] = np.inf
    return cost, rng.integers(0, 20, demand).astype(float)


def best(cost: Floats, p: int, value: Any, *, existing: tuple[int, ...] = (), forbidden: tuple[int, ...] = ()) -> float:
    """Return the least value of every choice of p columns."""
    columns = set(range(cost.shape[1])) - set(forbidden)
    choices = (list(choice) for choice in itertools.combinations(columns, p) if set(existing) <= set(choice))
    return min(value(choice) for choice in choices)


def test_the_p_median_of_san_francisco(san_francisco: Case) -> None:
    cost, people = san_francisco
    for method in ("auto", "exact", "heuristic"):
        found = [p_median(cost, people, p=p, method=method) for p in range(1, 6)]
        means = [each.objective / people.sum() for each in found]
        assert means == pytest.approx([6000.5037, 4197.5127, 3544.6752, 2982.126857989, 2674.1583], rel=1e-7)
        assert tuple(found[3].sites) == STORES
        assert all(each.gap == pytest.approx(0, abs=1e-6) for each in found)


def test_the_people_covered_in_san_francisco(san_francisco: Case) -> None:
    cost, people = san_francisco
    for method in ("auto", "exact", "heuristic"):
        found = [mclp(cost, people, radius=5000, p=p, method=method) for p in range(1, 6)]
        assert [each.objective for each in found] == [448_255, 671_938, 791_499, 875_247, 927_402]
        assert tuple(found[3].sites) == STORES
        assert (found[3].assigned >= 0).sum() == 184
        exact = [each.gap for each in found] if method != "heuristic" else [0]
        assert exact == pytest.approx([0] * len(exact), abs=1e-6)
        tracts = [mclp(cost, np.ones(205), radius=5000, p=p, method=method).objective for p in range(1, 6)]
        assert tracts == [107, 150, 170, 185, 197]


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_spopt_finds_the_same(san_francisco: Case) -> None:
    cost, people = san_francisco
    solver = pulp.PULP_CBC_CMD(msg=False)
    fixed = np.zeros(16, dtype=int)
    fixed[[0, 4]] = 1
    median = spopt.locate.PMedian.from_cost_matrix(cost, people, 4, predefined_facilities_arr=fixed).solve(solver)
    own = p_median(cost, people, p=4, existing=[0, 4])
    assert own.objective == pytest.approx(pulp.value(median.problem.objective))
    assert {0, 4} <= set(own.sites)
    centre = spopt.locate.PCenter.from_cost_matrix(cost, 4).solve(solver)
    assert p_center(cost, p=4).objective == pytest.approx(pulp.value(centre.problem.objective))
    cover = spopt.locate.MCLP.from_cost_matrix(cost, people, 5000, 4, predefined_facilities_arr=fixed).solve(solver)
    assert mclp(cost, people, radius=5000, p=4, existing=[0, 4]).objective == pulp.value(cover.problem.objective)
    every = spopt.locate.LSCP.from_cost_matrix(cost, 9000).solve(solver)
    fewest = lscp(cost, radius=9000)
    assert fewest.objective == pulp.value(every.problem.objective)
    twice = spopt.locate.LSCPB.from_cost_matrix(cost, 9000, solver).solve(solver)
    backup = backup_coverage(cost, np.ones(205), radius=9000, p=len(fewest.sites))
    assert backup.sites.tolist() == [site for site, y in enumerate(twice.fac_vars) if y.value() > 0.5]
    covers = cost <= 9000

    def once(sites: list[int]) -> float:
        times = covers[:, sites].sum(axis=1)
        return -float((times > 1).sum()) if times.all() else 0.0

    assert backup.objective == -best(cost, 3, once)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), p=st.integers(2, 4), bound=st.sampled_from([(), (2,), (5, 0)]))
def test_no_other_choice_is_better(seed: int, p: int, bound: tuple[int, ...]) -> None:
    cost, weights = random_case(seed)
    weights[0] = 1
    options = {"existing": bound, "forbidden": (1,)}
    some = cost[weights > 0]

    def missed(choice: list[int]) -> float:
        return -float(weights @ (cost[:, choice] <= 30).any(axis=1))

    def spent(choice: list[int]) -> float:
        return float(weights[weights > 0] @ some[:, choice].min(axis=1))

    def farthest(choice: list[int]) -> float:
        return float(cost[:, choice].min(axis=1).max())

    found = mclp(cost, weights, radius=30, p=p, **options)
    assert -found.objective == pytest.approx(best(cost, p, missed, **options))
    assert found.objective == pytest.approx(weights[found.assigned >= 0].sum())
    check(p_median, best(cost, p, spent, **options), cost, weights, p=p, **options)
    check(p_center, best(cost, p, farthest, **options), cost, p=p, **options)


def check(model: Any, expected: float, *args: Any, **options: Any) -> None:
    """Check that a model finds an objective with its bound, or says that there is none."""
    if math.isinf(expected):
        with pytest.raises(InvalidInputError, match="take more"):
            model(*args, **options)
    else:
        found: Siting = model(*args, **options)
        assert found.objective == pytest.approx(expected)
        assert found.gap == pytest.approx(0, abs=1e-6)
        assert len(found.sites) == options["p"]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_no_assignment_within_the_capacities_is_better(seed: int) -> None:
    cost, _ = random_case(seed, demand=5, candidates=4)
    weights = np.array([3.0, 1.0, 4.0, 2.0, 5.0])
    capacity = np.array([8.0, 9.0, 7.0, 6.0])

    def spent(choice: list[int]) -> float:
        return min(
            sum(weights[i] * cost[i, j] for i, j in enumerate(sites))
            for sites in itertools.product(choice, repeat=5)
            if all(weights[np.array(sites) == j].sum() <= capacity[j] for j in choice)
        )

    expected = best(cost, 3, lambda choice: spent(choice))
    check(capacitated_p_median, expected, cost, weights, capacity, p=3)


def test_the_search_is_near_and_its_bound_true(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    places, sites = rng.uniform(0, 1e5, (300, 2)), rng.uniform(0, 1e5, (60, 2))
    cost, weights = np.hypot(*(places[:, np.newaxis] - sites).transpose(2, 0, 1)), rng.uniform(1, 100, 300)
    for p in (1, 5, 20):
        near = p_median(cost, weights, p=p, method="heuristic")
        exact = p_median(cost, weights, p=p, method="exact")
        assert exact.gap == pytest.approx(0, abs=1e-6)
        assert near.bound <= exact.objective * (1 + 1e-9)
        assert exact.objective * (1 - 1e-9) <= near.objective <= exact.objective * 1.015
        far = mclp(cost, weights, radius=12_000, p=p, method="heuristic")
        most = mclp(cost, weights, radius=12_000, p=p, method="exact")
        assert far.objective <= most.objective <= far.bound * (1 + 1e-9)
    monkeypatch.setattr(siting, "EXACT_PAIRS", 0)
    beyond = mclp(cost, weights, radius=12_000, p=20)
    assert (beyond.objective, beyond.bound) == (far.objective, far.bound)


def test_the_order_and_the_unit_do_not_matter(san_francisco: Case) -> None:
    cost, people = san_francisco
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(205), rng.permutation(16)
    plain, mixed = p_median(cost, people, p=4), p_median(cost[rows][:, columns] / 1000, people[rows] * 2, p=4)
    assert set(columns[mixed.sites]) == set(plain.sites)
    assert mixed.objective == pytest.approx(plain.objective / 500)
    assert (columns[mixed.assigned] == plain.assigned[rows]).all()


def test_more_sites_never_serve_worse(san_francisco: Case) -> None:
    cost, people = san_francisco
    far = [p_center(cost, p=p).objective for p in range(1, 8)]
    assert far == sorted(far, reverse=True)
    twice = [backup_coverage(cost, people, radius=9000, p=p).objective for p in range(4, 9)]
    assert twice == sorted(twice)


def test_one_demand_and_one_candidate() -> None:
    for found in (p_median([[7.0]], [2.0], p=1), p_center([[7.0]], p=1), lscp([[7.0]], radius=7)):
        assert (found.sites.tolist(), found.assigned.tolist(), found.gap) == ([0], [0], 0)
    assert p_median([[7.0]], [2.0], p=1).objective == 14
    assert mclp([[7.0]], [2.0], radius=6, p=1).assigned.tolist() == [-1]


def test_demand_of_no_weight_does_not_matter() -> None:
    found = p_median([[1.0, 5.0], [np.inf, np.inf]], [1.0, 0.0], p=1)
    assert (found.sites.tolist(), found.assigned.tolist(), found.objective) == ([0], [0, -1], 1)


COST = [[1.0, 2.0], [3.0, np.inf]]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: p_median(COST, [1, 1], p=3), "p must be from 1"),
        (lambda: p_median(COST, [1, 1], p=0), "p must be from 1"),
        (lambda: p_median(COST, [1, 1], p=1, existing=[0, 1]), "p must be from 2"),
        (lambda: p_median(COST, [1, 1], p=1, existing=[2]), "from 0 to 1"),
        (lambda: p_median(COST, [1, 1], p=1, existing=[0], forbidden=[0]), "both existing and forbidden"),
        (lambda: p_median(COST, [1, 1], p=1, forbidden=[0]), "take more"),
        (lambda: p_median(COST, [0, 0], p=1), "no demand"),
        (lambda: p_median(COST, [1, np.nan], p=1), "finite and 0 or more"),
        (lambda: p_median(COST, [1], p=1), "2 numbers"),
        (lambda: p_median([[1.0, np.nan]], [1], p=1), "row 0, column 1"),
        (lambda: p_median(np.zeros((0, 2)), [], p=1), "shape"),
        (lambda: mclp(COST, [1, 1], radius=-1, p=1), "radius"),
        (lambda: lscp(COST, radius=2), "row 1"),
        (lambda: lscp(COST, radius=5, forbidden=[0]), "row 1"),
        (lambda: backup_coverage(COST, [1, 1], radius=2, p=1), "row 1"),
        (lambda: p_center(COST, p=1, forbidden=[0]), "take more"),
        (lambda: capacitated_p_median(COST, [1, 1], [1], p=1), "2 numbers"),
        (lambda: capacitated_p_median(COST, [1, 1], [1, 1], p=1), "take more"),
    ],
)
def test_what_is_wrong_is_named(call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call()
