"""Where to place facilities of limited capacity: exact by HiGHS, or by a search with a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from geo.checks import as_numbers
from geo.errors import InvalidInputError
from geo.networks.topology import Bools, Floats, Ints
from geo.siting.models import TIME_LIMIT_S, Method, Siting
from geo.siting.program import Model, SitingTask
from geo.siting.search import FEWEST_STEPS, PATIENCE, SLOWEST, TIE, greedy, interchange

if TYPE_CHECKING:
    import numpy.typing as npt

EXACT_PAIRS = 20_000
"""How many pairs of demand and candidate the exact solver is given on its own accord."""

STEPS, CELLS_OF_STEPS = 300, 1_000_000
"""How many steps a relaxation takes at most; of tables larger than so many cells fewer, to take about as long."""

ROUNDS, WORTH_A_ROUND = 50, 1e-4
"""Exchanges go on for so many rounds at most, and end after one that saves less than this part of the cost."""

PROMISING = 1.05
"""Sites are only tried further if their first assignment is within this many times the best objective."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """A choice of sites, and who is served by which.

    Parameters
    ----------
    sites
        Columns that are open, ascending.
    assigned
        The column that serves each demand.
    objective
        The sum over demand of weight and cost.
    """

    sites: Ints
    assigned: Ints
    objective: float


def capacitated_p_median(
    cost: npt.ArrayLike,
    weights: npt.ArrayLike,
    capacity: npt.ArrayLike,
    *,
    p: int,
    existing: npt.ArrayLike = (),
    forbidden: npt.ArrayLike = (),
    method: Method = "auto",
    time_limit_s: float = TIME_LIMIT_S,
) -> Siting:
    """Choose p sites of limited capacity with the least weighted cost (capacitated p-median; Mulvey & Beck 1984).

    As `geo.siting.models.p_median`, with Σᵢ wᵢ xᵢⱼ ≤ qⱼ yⱼ and x binary: all the demand of a place goes to one site,
    not always to the nearest. The heuristic is `search_capacitated`.

    Parameters
    ----------
    capacity
        How much weight each candidate can serve.
    method
        See `geo.siting.models.Method`; on its own accord the exact solver is given `EXACT_PAIRS`.
    cost, weights, p, existing, forbidden, time_limit_s
        See `geo.siting.models.p_median`.

    Raises
    ------
    InvalidInputError
        If no p sites were found that have room for all the demand.
    """
    task = SitingTask.read(cost, weights, p, existing, forbidden)
    given = as_numbers("capacity", capacity)
    candidates = task.full_cost.shape[1]
    if given.shape != (candidates,) or not (given >= 0).all():
        raise InvalidInputError(f"capacity must be {candidates} numbers of 0 or more, one a column of cost")
    room = np.minimum(given[task.columns], task.weights.sum())
    plan, bound = search_capacitated(task.cost, task.weights, room, task.p, task.fixed)
    pairs = int((np.isfinite(task.cost) & (task.weights[:, np.newaxis] <= room)).sum())
    proved = plan is not None and plan.objective <= bound * (1 + TIE)
    if not proved and (method == "exact" or (method == "auto" and pairs <= EXACT_PAIRS)):
        plan, bound = _exact_capacitated(task, room, plan, bound, time_limit_s)
    if plan is None:
        raise InvalidInputError(f"no {p} sites were found that have room for all the demand: take more, or larger ones")
    assigned = np.full(len(task.full_cost), -1)
    assigned[task.rows] = task.columns[plan.assigned]
    return Siting(sites=task.columns[plan.sites], assigned=assigned, objective=plan.objective, bound=bound)


def _exact_capacitated(
    task: SitingTask, room: Floats, plan: Plan | None, bound: float, time_limit_s: float
) -> tuple[Plan | None, float]:
    """Return the better of a plan and what the solver finds, with the better of their bounds."""
    row, column = np.nonzero(np.isfinite(task.cost) & (task.weights[:, np.newaxis] <= room))
    load = scipy.sparse.csr_array((task.weights[row], (column, np.arange(len(row)))), shape=(len(room), len(row)))
    model = Model(fixed=task.fixed, others=len(row), integral=True)
    model.assign(row, column, len(task.weights))
    model.add(scipy.sparse.diags_array(room, format="csr"), -load, lower=0.0)
    model.open_exactly(task.p)
    paid = task.weights[row] * task.cost[row, column]
    solved = model.solve(np.concatenate([np.zeros(len(room)), paid]), time_limit_s)
    if solved is None:
        return plan, bound
    taken = np.flatnonzero(solved.others > 0.5)
    spent = float(paid[taken].sum())
    if plan is None or spent < plan.objective:
        assigned = np.full(len(task.weights), -1)
        assigned[row[taken]] = column[taken]
        plan = Plan(sites=solved.open, assigned=assigned, objective=spent)
    return plan, min(max(bound, solved.bound), plan.objective)


def search_capacitated(cost: Floats, weights: Floats, room: Floats, p: int, fixed: Bools) -> tuple[Plan | None, float]:
    """Search for p sites and an assignment within their capacities with the least weighted cost.

    A Lagrangian relaxation of "every demand is served once" by subgradients, whose subproblems are knapsacks that may
    be filled with parts of demand (Pirkul 1987; Mulvey & Beck 1984), gives the bound and sites to try. On each set of
    sites demand is assigned by regret, then shifted and swapped (Osman & Christofides 1994), and sites move to better
    columns.

    Parameters
    ----------
    cost
        Shape (demand, candidates); infinite where a candidate can't serve.
    weights
        Positive.
    room
        The capacity of each column.
    p
        Sites in all, those that are fixed included.
    fixed
        Columns that are part of every choice.

    Returns
    -------
    tuple
        The best plan, ``None`` where none was found; and a bound: no plan has a lower objective.
    """
    allowed = np.isfinite(cost) & (weights[:, np.newaxis] <= room)
    if not allowed.any(axis=1).all():
        return None, np.inf
    usable = np.where(allowed, cost, np.inf)
    dearest = cost[allowed].max() + 1.0
    finite = np.where(allowed, cost, dearest * len(cost))
    start = interchange(finite, weights, greedy(finite, weights, p, np.flatnonzero(fixed)), fixed)
    tried: set[bytes] = set()
    best = _improved(usable, weights, room, _roomy(start, weights, room, fixed), fixed)
    price, pace, stalled, bound = finite[:, start].min(axis=1), 2.0, 0, -np.inf
    for _ in range(max(FEWEST_STEPS, min(STEPS, STEPS * CELLS_OF_STEPS // cost.size))):
        value, row, column, taken = _knapsacks(usable - price[:, np.newaxis], weights, room)
        ranked = np.where(fixed, -np.inf, value)
        chosen = np.sort(np.argpartition(ranked, p - 1)[:p])
        lower = float(price @ weights + value[chosen].sum())
        stalled = 0 if lower > bound * (1 + TIE) else stalled + 1
        bound = max(bound, lower)
        if stalled == 0 and chosen.tobytes() not in tried:
            tried.add(chosen.tobytes())
            sites, most = _roomy(chosen, weights, room, fixed), np.inf if best is None else best.objective * PROMISING
            trial = _improved(usable, weights, room, sites, fixed, most)
            if trial is not None and (best is None or trial.objective < best.objective):
                best = trial
        mine = np.isin(column, chosen)
        slope = weights - np.bincount(row[mine], taken[mine], minlength=len(weights))
        steepness = float(slope @ slope)
        goal = dearest * weights.sum() if best is None else best.objective
        if steepness <= TIE or bound >= goal * (1 - TIE) or pace < SLOWEST:
            break
        if stalled >= PATIENCE:
            pace, stalled = pace / 2, 0
        price = np.maximum(price + pace * (goal - lower) / steepness * slope, 0)
    return best, max(bound, 0.0) if best is None else min(max(bound, 0.0), best.objective)


def _knapsacks(net: Floats, weights: Floats, room: Floats) -> tuple[Floats, Ints, Ints, Floats]:
    """Return, for each column, the least net cost of what fits into it, parts too; and row, column, amount of these."""
    row, column = np.nonzero(net < 0)
    order = np.lexsort((net[row, column], column))
    row, column = row[order], column[order]
    sizes = weights[row]
    before = np.cumsum(sizes) - sizes
    first = np.searchsorted(column, np.arange(len(room)))
    begun = np.append(before, sizes.sum())[first]
    taken = np.clip(room[column] - (before - begun[column]), 0.0, sizes)
    value: Floats = np.bincount(column, net[row, column] * taken, minlength=len(room)).astype(float)
    return value, row, column, taken


def _roomy(sites: Ints, weights: Floats, room: Floats, fixed: Bools) -> Ints:
    """Return sites, the smallest of which made way for larger ones until together they have room for all."""
    chosen, total = sites.copy(), weights.sum()
    while room[chosen].sum() < total:
        free = np.flatnonzero(~fixed[chosen])
        others = np.setdiff1d(np.arange(len(room)), chosen)
        if not len(free) or not len(others) or room[others].max() <= room[chosen[free]].min():
            break
        chosen[free[room[chosen[free]].argmin()]] = others[room[others].argmax()]
    return np.sort(chosen)


def _improved(
    cost: Floats, weights: Floats, room: Floats, sites: Ints, fixed: Bools, most: float = np.inf
) -> Plan | None:
    """Return the plan of some sites, each moved to where it serves those assigned to it better, while that helps."""
    best = _allocated(cost, weights, room, sites, most)
    while best is not None:
        moved = best.sites.copy()
        for rank in np.flatnonzero(~fixed[best.sites]):
            members = best.assigned == best.sites[rank]
            spent = weights[members] @ cost[members]
            spent[room < weights[members].sum()] = np.inf
            spent[np.delete(moved, rank)] = np.inf
            moved[rank] = spent.argmin()
        trial = _allocated(cost, weights, room, np.sort(moved))
        if trial is None or trial.objective >= best.objective * (1 - TIE):
            break
        best = trial
    return best


def _allocated(cost: Floats, weights: Floats, room: Floats, sites: Ints, most: float = np.inf) -> Plan | None:
    """Return an assignment to sites, or ``None`` where none of at most a cost was found that keeps to capacities."""
    ways = cost[:, sites]
    ranked = np.sort(ways, axis=1)
    with np.errstate(invalid="ignore"):
        regret = ranked[:, 1] - ranked[:, 0] if len(sites) > 1 else np.zeros(len(ways))
    for order in (np.lexsort((-weights, -np.nan_to_num(regret, nan=np.inf))), np.argsort(-weights, kind="stable")):
        serving = _filled(ways, weights, room[sites], order)
        if serving is not None:
            if weights @ ways[np.arange(len(ways)), serving] > most:
                return None
            _exchange(ways, weights, room[sites] - np.bincount(serving, weights, minlength=len(sites)), serving)
            spent = float(weights @ ways[np.arange(len(ways)), serving])
            return Plan(sites=sites, assigned=sites[serving], objective=spent)
    return None


def _filled(ways: Floats, weights: Floats, room: Floats, order: Ints) -> Ints | None:
    """Return the nearest site with room for each demand, in an order, or ``None`` where one finds none."""
    left = room.copy()
    serving = np.full(len(ways), -1)
    for row in order.tolist():
        open_ways = np.where(left >= weights[row], ways[row], np.inf)
        site = int(open_ways.argmin())
        if np.isinf(open_ways[site]):
            return None
        serving[row] = site
        left[site] -= weights[row]
    return serving


def _exchange(ways: Floats, weights: Floats, left: Floats, serving: Ints) -> None:
    """Shift demand to nearer sites with room, and swap it for other demand, while that saves anything."""
    rows = np.arange(len(ways))
    for _ in range(ROUNDS):
        spent = ways[rows, serving]
        saving = weights * (spent - ways.min(axis=1))
        wishing = np.flatnonzero(saving > TIE * (1 + weights @ spent))
        for row in wishing[np.argsort(-saving[wishing], kind="stable")].tolist():
            if not _shift(ways, weights, left, serving, row):
                _swap(ways, weights, left, serving, row)
        if weights @ ways[rows, serving] >= (weights @ spent) * (1 - WORTH_A_ROUND):
            return


def _shift(ways: Floats, weights: Floats, left: Floats, serving: Ints, row: int) -> bool:
    now = int(serving[row])
    open_ways = np.where(left >= weights[row], ways[row], np.inf)
    site = int(open_ways.argmin())
    if not open_ways[site] < ways[row, now] * (1 - TIE):
        return False
    left[now] += weights[row]
    left[site] -= weights[row]
    serving[row] = site
    return True


def _swap(ways: Floats, weights: Floats, left: Floats, serving: Ints, row: int) -> None:
    """Swap a demand for the other one, at a nearer site, by which most is saved."""
    now = int(serving[row])
    there = ways[row, serving]
    saved = weights[row] * (ways[row, now] - there)
    saved += weights * (ways[np.arange(len(ways)), serving] - ways[:, now])
    heavier = weights[row] - weights
    fits = (serving != now) & np.isfinite(there) & (left[serving] >= heavier) & (left[now] >= -heavier)
    saved[~fits | ~np.isfinite(saved)] = -np.inf
    other = int(saved.argmax())
    if not saved[other] > TIE * (1 + weights[row] * ways[row, now]):
        return
    site = int(serving[other])
    left[now] += heavier[other]
    left[site] -= heavier[other]
    serving[row], serving[other] = site, now
