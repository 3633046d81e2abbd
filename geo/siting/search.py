"""Choice of sites beyond the reach of an exact solver: a heuristic, and a bound on how far it is from the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geo.networks.topology import Bools, Floats, Ints

STEPS, CELLS_OF_STEPS = 400, 1_000_000
"""How many steps a relaxation takes at most; of tables larger than so many cells fewer, to take about as long."""

FEWEST_STEPS = 60
SLOWEST = 1e-4
PATIENCE = 12
TIE = 1e-9
"""Two values of an objective nearer than this part of them are the same."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Found:
    """What a search found.

    Parameters
    ----------
    sites
        Columns of the best choice found, ascending.
    objective
        The sum over demand of weight and cost of the nearest of the sites.
    bound
        No choice has a lower objective.
    excluded
        Columns of which no better choice has any.
    """

    sites: Ints
    objective: float
    bound: float
    excluded: Bools


def search(cost: Floats, weights: Floats, p: int, fixed: Bools) -> Found:
    """Search for the p sites with the least weighted cost of the nearest (p-median).

    Greedy adding, then interchange of pairs (Teitz and Bart 1968, with the gains of all interchanges at once as in
    Whitaker 1983), and a Lagrangian relaxation of "every demand is served once" by subgradients (Cornuejols, Fisher
    and Nemhauser 1977), which gives the bound, other choices to start from, and sites to leave out.

    Parameters
    ----------
    cost
        Finite, shape (demand, candidates).
    weights
        Positive.
    p
        Sites in all, those that are fixed included.
    fixed
        Columns that are part of every choice.
    """
    sites = interchange(cost, weights, greedy(cost, weights, p, np.flatnonzero(fixed)), fixed)
    return _relaxed(cost * weights[:, np.newaxis], cost, weights, sites, fixed)


def greedy(cost: Floats, weights: Floats, p: int, start: Ints) -> Ints:
    """Return sites completed to p, each time by the one that lowers the weighted cost most."""
    sites = list(start)
    nearest = cost[:, sites].min(axis=1, initial=np.inf)
    while len(sites) < p:
        total = weights @ np.minimum(cost, nearest[:, np.newaxis])
        total[sites] = np.inf
        sites.append(int(total.argmin()))
        nearest = np.minimum(nearest, cost[:, sites[-1]])
    return np.sort(np.array(sites, dtype=np.int64))


def interchange(cost: Floats, weights: Floats, sites: Ints, fixed: Bools) -> Ints:
    """Return sites that no interchange of one for another improves; those that are fixed stay."""
    sites = sites.copy()
    while True:
        saving = _savings(cost, weights, sites)
        saving[fixed[sites]] = -np.inf
        saving[:, sites] = -np.inf
        out, into = np.unravel_index(saving.argmax(), saving.shape)
        if not saving[out, into] > TIE * weighted_cost(cost, weights, sites):
            return np.sort(sites)
        sites[out] = into


def weighted_cost(cost: Floats, weights: Floats, sites: Ints) -> float:
    """Return the sum of weight and cost of the nearest site."""
    return float(weights @ cost[:, sites].min(axis=1))


def _savings(cost: Floats, weights: Floats, sites: Ints) -> Floats:
    """Return what is saved by each site going out for each column coming in, shape (sites, candidates)."""
    served = cost[:, sites]
    rows = np.arange(len(cost))
    first = served.argmin(axis=1)
    nearest = served[rows, first].copy()
    served[rows, first] = np.inf
    second = served.min(axis=1) if len(sites) > 1 else np.full(len(cost), cost.max())
    gain = weights @ np.maximum(nearest[:, np.newaxis] - cost, 0)
    lost = weights[:, np.newaxis] * (
        np.clip(cost, nearest[:, np.newaxis], second[:, np.newaxis]) - nearest[:, np.newaxis]
    )
    order = np.argsort(first, kind="stable")
    used, begins = np.unique(first[order], return_index=True)
    saving = np.broadcast_to(gain, (len(sites), cost.shape[1])).copy()
    saving[used] -= np.add.reduceat(lost[order], begins, axis=0)
    return saving


def _relaxed(weighted: Floats, cost: Floats, weights: Floats, sites: Ints, fixed: Bools) -> Found:
    """Return the best choice and bound of a Lagrangian relaxation that begins at a choice."""
    p, upper, bound = len(sites), weighted_cost(cost, weights, sites), -np.inf
    excluded = np.zeros(len(fixed), dtype=bool)
    price = weighted[:, sites].min(axis=1)
    pace, stalled = 2.0, 0
    for _ in range(max(FEWEST_STEPS, min(STEPS, STEPS * CELLS_OF_STEPS // weighted.size))):
        spare = np.minimum(weighted - price[:, np.newaxis], 0)
        value = spare.sum(axis=0)
        ranked = np.where(fixed, -np.inf, value)
        chosen = np.argpartition(ranked, p - 1)[:p] if p < len(fixed) else np.arange(p)
        lower = price.sum() + value[chosen].sum()
        if lower > bound * (1 + TIE):
            bound, stalled = lower, 0
            better = weighted_cost(cost, weights, chosen)
            if better < upper:
                sites = interchange(cost, weights, chosen, fixed)
                upper = weighted_cost(cost, weights, sites)
        else:
            stalled += 1
        dearest = value[chosen[~fixed[chosen]]].max(initial=-np.inf)
        outside = ~fixed & ~np.isin(np.arange(len(fixed)), chosen)
        excluded |= outside & (lower + value - dearest > upper * (1 + TIE))
        slope = 1.0 - (spare[:, chosen] < 0).sum(axis=1)
        steepness = slope @ slope
        if steepness == 0 or bound >= upper * (1 - TIE) or pace < SLOWEST:
            break
        if stalled >= PATIENCE:
            pace, stalled = pace / 2, 0
        price = np.maximum(price + pace * (upper - lower) / steepness * slope, 0)
    return Found(sites=np.sort(sites), objective=upper, bound=min(max(bound, 0.0), upper), excluded=excluded)
