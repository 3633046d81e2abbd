"""Where to place facilities: the classical models of location, exact by HiGHS or by a search with a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy

from geo.errors import InvalidInputError
from geo.networks.topology import Bools, Floats, Ints
from geo.siting.program import Model, SitingTask, Solved, identity
from geo.siting.search import TIE, Found, greedy, search, weighted_cost

if TYPE_CHECKING:
    import numpy.typing as npt

Method = Literal["auto", "exact", "heuristic"]
"""``auto`` searches first, and solves exactly what the search leaves open if it is within `EXACT_PAIRS`."""

EXACT_PAIRS = 200_000
"""How many pairs of demand and candidate the exact solver is given on its own accord."""

TIME_LIMIT_S = 60.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Siting:
    """A choice of sites.

    Parameters
    ----------
    sites
        Columns of the cost matrix that are open, ascending, the existing included.
    assigned
        Which column serves each demand; -1 where none does.
    objective
        What the model makes least or most: see its function.
    bound
        No choice is better than this.
    """

    sites: Ints
    assigned: Ints
    objective: float
    bound: float

    @property
    def gap(self) -> float:
        """How far from the best it can be at most, as a part of the objective; 0 is proved best."""
        distance = abs(self.objective - self.bound)
        return 0.0 if distance <= TIE * abs(self.objective) else distance / max(abs(self.objective), TIE)


def p_median(
    cost: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    p: int,
    existing: npt.ArrayLike = (),
    forbidden: npt.ArrayLike = (),
    method: Method = "auto",
    time_limit_s: float = TIME_LIMIT_S,
) -> Siting:
    """Choose p sites so that the weighted cost to the nearest is least (p-median; Hakimi 1964, ReVelle & Swain 1970).

    min Σᵢⱼ wᵢ dᵢⱼ xᵢⱼ with Σⱼ xᵢⱼ = 1, xᵢⱼ ≤ yⱼ, Σⱼ yⱼ = p, y binary.

    Parameters
    ----------
    cost
        Cost (time, distance) from each demand to each candidate, shape (demand, candidates); infinite where a
        candidate can't serve. Existing sites are columns too.
    weights
        How much demand there is, 0 or more.
    p
        Sites that are open in all, the existing included.
    existing
        Columns that are open in every choice.
    forbidden
        Columns that may not be chosen.
    method
        See `Method`.
    time_limit_s
        Of the exact solver; the gap tells what is not proved by then.

    Returns
    -------
    Siting
        Its objective is Σ weight × cost of the site that serves; divide by Σ weight for the mean.

    Raises
    ------
    InvalidInputError
        If an input is out of range or of another shape, or no p sites were found that reach all the demand.
    """
    task = SitingTask.read(cost, weights, p, existing, forbidden)
    found = search(task.finite(), task.weights, task.p, task.fixed)
    if _is_open(method, found, task.cost < np.inf):
        found = _exact_p_median(task, found, time_limit_s)
    if np.isinf(task.cost[:, found.sites].min(axis=1)).any():
        raise InvalidInputError(
            f"no {p} sites were found that serve all the demand: take more, or drop what is cut off"
        )
    return _siting(task, found.sites, found.objective, found.bound)


def mclp(
    cost: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    radius: float,
    p: int,
    existing: npt.ArrayLike = (),
    forbidden: npt.ArrayLike = (),
    method: Method = "auto",
    time_limit_s: float = TIME_LIMIT_S,
) -> Siting:
    """Choose p sites that cover the most demand (maximal covering location problem; Church & ReVelle 1974).

    max Σᵢ wᵢ zᵢ with zᵢ ≤ Σⱼ yⱼ over the candidates within the radius, Σⱼ yⱼ = p, y binary. The search uses that it
    is the p-median of a cost of 0 within the radius and 1 beyond (Church & ReVelle 1976).

    Parameters
    ----------
    radius
        Demand is covered by sites whose cost is not more than this.
    cost, weights, p, existing, forbidden, method, time_limit_s
        See `p_median`.

    Returns
    -------
    Siting
        Its objective is the weight covered. What is not covered is assigned to no site.
    """
    task = SitingTask.read(cost, weights, p, existing, forbidden)
    covered = task.within(radius)
    found = search(np.where(covered, 0.0, 1.0), task.weights, task.p, task.fixed)
    if _is_open(method, found, covered):
        found = _exact_mclp(task, covered, found, time_limit_s)
    total = float(task.weights.sum())
    return _siting(task, found.sites, total - found.objective, total - found.bound, radius=radius)


def lscp(
    cost: npt.ArrayLike,
    *,
    radius: float,
    existing: npt.ArrayLike = (),
    forbidden: npt.ArrayLike = (),
    time_limit_s: float = TIME_LIMIT_S,
) -> Siting:
    """Choose the fewest sites that cover all demand (location set covering problem; Toregas et al. 1971).

    min Σⱼ yⱼ with Σⱼ yⱼ ≥ 1 over the candidates within the radius of each demand, y binary.

    Parameters
    ----------
    radius
        Demand is covered by sites whose cost is not more than this.
    cost, existing, forbidden, time_limit_s
        See `p_median`.

    Returns
    -------
    Siting
        Its objective is the number of sites, the existing included; each demand is assigned to the nearest.

    Raises
    ------
    InvalidInputError
        If no candidate is within the radius of some of the demand.
    """
    task = SitingTask.read(cost, None, None, existing, forbidden)
    covered = task.within(radius)
    _check_cover(task, covered, radius)
    sites, bound = _fewest(covered, task.fixed, time_limit_s)
    return _siting(task, sites, float(len(sites)), bound)


def p_center(
    cost: npt.ArrayLike,
    *,
    p: int,
    existing: npt.ArrayLike = (),
    forbidden: npt.ArrayLike = (),
    time_limit_s: float = TIME_LIMIT_S,
) -> Siting:
    """Choose p sites so that the farthest demand is nearest (p-center; Hakimi 1964).

    The least of the costs at which p sites cover all demand, found by halving with one `lscp` a step (Minieka 1970).

    Parameters
    ----------
    time_limit_s
        Of each step.
    cost, p, existing, forbidden
        See `p_median`.

    Returns
    -------
    Siting
        Its objective is the greatest cost to the nearest site.

    Raises
    ------
    InvalidInputError
        If no p sites reach all the demand.
    """
    task = SitingTask.read(cost, None, p, existing, forbidden)
    least = task.cost.min(axis=1).max()
    steps = np.unique(task.cost[np.isfinite(task.cost) & (task.cost >= least)])
    low, high = 0, len(steps) - 1
    sites = None
    while len(steps) and (low < high or sites is None):
        middle = high if sites is None else (low + high) // 2
        trial, bound = _fewest(task.cost <= steps[middle], task.fixed, time_limit_s)
        if len(trial) <= p:
            sites = trial
            high = int(np.searchsorted(steps, task.cost[:, sites].min(axis=1).max()))
        elif bound > p and sites is not None:
            low = middle + 1
        else:
            break
    if sites is None:
        raise InvalidInputError(
            f"no {p} sites were found that reach all the demand: take more, or drop what is cut off"
        )
    sites = greedy(task.finite(), task.weights, p, sites)
    return _siting(task, sites, float(task.cost[:, sites].min(axis=1).max()), float(steps[low]))


def backup_coverage(
    cost: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    radius: float,
    p: int,
    existing: npt.ArrayLike = (),
    forbidden: npt.ArrayLike = (),
    time_limit_s: float = TIME_LIMIT_S,
) -> Siting:
    """Choose p sites that cover all demand, and the most of it twice (BACOP1; Hogan & ReVelle 1986).

    max Σᵢ wᵢ uᵢ with Σⱼ yⱼ − uᵢ ≥ 1 over the candidates within the radius of each demand, uᵢ ≤ 1, Σⱼ yⱼ = p.

    Parameters
    ----------
    radius
        Demand is covered by sites whose cost is not more than this.
    cost, weights, p, existing, forbidden, time_limit_s
        See `p_median`.

    Returns
    -------
    Siting
        Its objective is the weight covered by two sites or more; each demand is assigned to the nearest.

    Raises
    ------
    InvalidInputError
        If no p sites cover all the demand: `lscp` says how many it takes.
    """
    task = SitingTask.read(cost, weights, p, existing, forbidden)
    covered = task.within(radius)
    _check_cover(task, covered, radius)
    demand, candidates = covered.shape
    model = Model(fixed=task.fixed, others=demand)
    model.add(scipy.sparse.csr_array(covered.astype(float)), -identity(demand), lower=1.0)
    model.open_exactly(p)
    solved = model.solve_surely(np.concatenate([np.zeros(candidates), -task.weights]), time_limit_s)
    twice = float(task.weights @ (covered[:, solved.open].sum(axis=1) > 1))
    return _siting(task, solved.open, twice, max(-solved.bound, twice))


def _is_open(method: Method, found: Found, usable: Bools) -> bool:
    """Return whether a search left something open that the exact solver is to decide."""
    if method == "heuristic" or found.objective <= found.bound * (1 + TIE):
        return False
    return method == "exact" or int(usable[:, ~found.excluded].sum()) <= EXACT_PAIRS


def _exact_p_median(task: SitingTask, found: Found, time_limit_s: float) -> Found:
    """Return the p-median among the sites that the search left; no demand goes farther than to a fixed site."""
    left = np.flatnonzero(~found.excluded)
    cost, fixed = task.cost[:, left], task.fixed[left]
    farthest = cost[:, fixed].min(axis=1, initial=np.inf)
    row, column = np.nonzero(np.isfinite(cost) & (cost <= farthest[:, np.newaxis]))
    model = Model(fixed=fixed, others=len(row))
    model.assign(row, column, len(cost))
    model.open_exactly(task.p)
    paid = task.weights[row] * cost[row, column]
    solved = model.solve(np.concatenate([np.zeros(len(left)), paid]), time_limit_s)
    return _better(found, solved, left, task.finite(), task.weights)


def _exact_mclp(task: SitingTask, covered: Bools, found: Found, time_limit_s: float) -> Found:
    """Return the best cover among the sites that the search left, as the p-median of what is not covered."""
    left = np.flatnonzero(~found.excluded)
    row = np.flatnonzero(covered[:, left].any(axis=1))
    model = Model(fixed=task.fixed[left], others=len(row))
    model.add(scipy.sparse.csr_array(covered[np.ix_(row, left)].astype(float)), identity(len(row)), lower=1.0)
    model.open_exactly(task.p)
    missed = task.weights[row]
    solved = model.solve(np.concatenate([np.zeros(len(left)), missed]), time_limit_s)
    never = float(task.weights.sum() - missed.sum())
    return _better(found, solved, left, np.where(covered, 0.0, 1.0), task.weights, never)


def _better(
    found: Found, solved: Solved | None, left: Ints, cost: Floats, weights: Floats, never: float = 0.0
) -> Found:
    """Return the better of what the search and the solver found, with the better of their bounds."""
    if solved is None:
        return found
    sites = left[solved.open]
    reached = weighted_cost(cost, weights, sites)
    if reached > found.objective:
        sites, reached = found.sites, found.objective
    bound = min(max(found.bound, solved.bound + never), reached)
    return Found(sites=sites, objective=reached, bound=bound, excluded=found.excluded)


def _fewest(covered: Bools, fixed: Bools, time_limit_s: float) -> tuple[Ints, float]:
    """Return the fewest sites that cover every row, and how many it takes at least."""
    model = Model(fixed=fixed, others=0)
    model.add(scipy.sparse.csr_array(covered.astype(float)), scipy.sparse.csr_array((len(covered), 0)), lower=1.0)
    solved = model.solve_surely(np.ones(len(fixed)), time_limit_s)
    return solved.open, float(np.ceil(solved.bound - 1e-6))


def _check_cover(task: SitingTask, covered: Bools, radius: float) -> None:
    alone = task.rows[~covered.any(axis=1)]
    if len(alone):
        raise InvalidInputError(
            f"no candidate is within the radius, {radius:g}, of {len(alone)} of the demand (row {alone[0]} first)"
        )


def _siting(
    task: SitingTask, sites: Ints, objective: float, bound: float, *, radius: float = np.finfo(float).max
) -> Siting:
    """Return a choice with every demand, or that within a radius, assigned to the nearest site."""
    columns = task.columns[sites]
    served = task.full_cost[:, columns]
    nearest = columns[served.argmin(axis=1)]
    assigned = np.where(served.min(axis=1) <= radius, nearest, -1)
    return Siting(sites=columns, assigned=assigned, objective=objective, bound=bound)
