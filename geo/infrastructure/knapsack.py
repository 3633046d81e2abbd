"""The knapsack, solved exactly: what gives the most benefit for a budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geo.checks import as_numbers
from geo.errors import InvalidInputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from geo.networks.topology import Bools, Floats, Ints

SAME_BENEFIT = 1e-9
"""Choices whose benefits differ by less than this part of the best are equally good."""

MOST_STATES = 4_000_000
"""With more partial choices to follow at once the search gives up its proof, and keeps the best of them."""


def knapsack(
    cost: npt.ArrayLike, benefit: npt.ArrayLike, budget: float, *, group: npt.ArrayLike | None = None
) -> Bools:
    """Choose what gives the most benefit for a budget (0-1 knapsack, or multiple-choice knapsack).

    With the multiplier λ of the budget every choice falls short of the bound Σ max (p − λ c) + λ B by the losses of
    what it takes and by λ for each unit that it leaves. Only things whose loss is below the gap between the bound and
    the best choice known can change it; over these, partial choices are extended thing by thing, those dropped that
    another beats in cost and benefit or that lose too much (dynamic programming over a core, Pisinger 1995). The
    choice is the best but for `SAME_BENEFIT`.

    Parameters
    ----------
    cost, benefit
        Of each thing: a cost of 0 or more, a benefit of any sign.
    budget
        What may be spent.
    group
        Of each thing; at most one of a group is chosen (multiple-choice knapsack). By default each is its own.

    Returns
    -------
    numpy.ndarray
        Whether each is chosen.

    Raises
    ------
    InvalidInputError
        If a number is not finite, a cost or the budget is negative, or there are not as many of one as of the other.
    """
    costs, benefits = as_numbers("cost", cost), as_numbers("benefit", benefit)
    groups = np.arange(len(costs)) if group is None else np.asarray(group)
    if costs.shape != benefits.shape or groups.shape != costs.shape or costs.ndim != 1:
        raise InvalidInputError("give a cost, a benefit and a group for each thing")
    if not (np.isfinite(costs) & (costs >= 0) & np.isfinite(benefits)).all() or not budget >= 0:
        raise InvalidInputError("costs and the budget must be 0 or more, and benefits finite")
    some = np.flatnonzero((benefits > 0) & (costs <= budget))
    chosen = np.zeros(len(costs), dtype=bool)
    if len(some):
        options = _Options.of(costs[some], benefits[some], groups[some])
        picked = _solved(options, budget)
        chosen[some[options.thing[picked[options.thing[picked] >= 0]]]] = True
    return chosen


@dataclass(frozen=True, eq=False)
class _Options:
    """What may be taken of each group, nothing among it; those of a group stand together.

    Parameters
    ----------
    thing
        The thing that is taken; -1 for nothing.
    first
        Where the options of each group begin.
    group
        Of each option.
    """

    thing: Ints
    cost: Floats
    benefit: Floats
    first: Ints
    group: Ints

    @classmethod
    def of(cls, cost: Floats, benefit: Floats, group: Ints) -> _Options:
        _, number = np.unique(group, return_inverse=True)
        groups = int(number.max()) + 1
        owner = np.concatenate([np.arange(groups), number])
        thing = np.concatenate([np.full(groups, -1), np.arange(len(cost))])
        order = np.lexsort((thing, owner))
        nothing = np.zeros(groups)
        return cls(
            thing=thing[order],
            cost=np.concatenate([nothing, cost])[order],
            benefit=np.concatenate([nothing, benefit])[order],
            first=np.searchsorted(owner[order], np.arange(groups)),
            group=owner[order],
        )

    def best(self, multiplier: float) -> tuple[Ints, Floats]:
        """Return the best option of each group at a price of the budget, the cheapest of equals, and all losses."""
        worth = self.benefit - multiplier * self.cost
        order = np.lexsort((self.cost, -worth, self.group))
        picked = order[self.first]
        return picked, worth[picked][self.group] - worth


def _solved(options: _Options, budget: float) -> Ints:
    """Return the option that is taken of each group."""
    multiplier, picked, loss = _priced(options, budget)
    spare = budget - float(options.cost[picked].sum())
    if multiplier == 0 or spare == 0:
        return picked
    bound = float(options.benefit[picked].sum()) + multiplier * spare
    enough = SAME_BENEFIT * bound
    known = _filled(options, picked, spare)
    gap = bound - float(options.benefit[known].sum())
    core = np.flatnonzero((loss < gap) & (loss >= 0) & (np.arange(len(loss)) != picked[options.group]))
    groups = np.unique(options.group[core])
    least = np.full(len(picked), np.inf)
    np.minimum.at(least, options.group[core], loss[core])
    change = _searched(
        options, picked, loss, core, groups[np.argsort(least[groups], kind="stable")], multiplier, spare, gap, enough
    )
    if change is None:
        return known
    result = picked.copy()
    result[options.group[change]] = change
    return result


def _priced(options: _Options, budget: float) -> tuple[float, Ints, Floats]:
    """Return the lowest price of the budget at which the best options keep to it, these and the losses of all."""
    picked, loss = options.best(0.0)
    if options.cost[picked].sum() <= budget:
        return 0.0, picked, loss
    paid = options.cost > 0
    low, high = 0.0, float((options.benefit[paid] / options.cost[paid]).max()) * 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if options.cost[options.best(middle)[0]].sum() <= budget:
            high = middle
        else:
            low = middle
    return high, *options.best(high)


def _filled(options: _Options, picked: Ints, spare: float) -> Ints:
    """Return a good choice: the one given, bettered as long as the spare money is enough for anything."""
    result = picked.copy()
    while True:
        more = options.cost - options.cost[result][options.group]
        gain = np.where(more <= spare, options.benefit - options.benefit[result][options.group], 0.0)
        best = int(gain.argmax())
        if gain[best] <= 0:
            return result
        spare -= float(more[best])
        result[options.group[best]] = best
    return result


def _searched(
    options: _Options,
    picked: Ints,
    loss: Floats,
    core: Ints,
    groups: Ints,
    multiplier: float,
    spare: float,
    gap: float,
    enough: float,
) -> Ints | None:
    """Return the options to change to for the best choice; none where no choice closes more of the gap."""
    cost, lost = np.zeros(1), np.zeros(1)
    steps: list[tuple[Ints, Ints]] = []
    best: tuple[int, int] | None = None
    for group in groups:
        here = core[(options.group[core] == group) & (loss[core] < gap - enough)]
        if not len(here):
            break
        extra = options.cost[here] - options.cost[picked[group]]
        parent = np.concatenate([np.arange(len(cost)), np.repeat(np.arange(len(cost)), len(here))])
        option = np.concatenate([np.full(len(cost), -1), np.tile(here, len(cost))])
        cost = np.concatenate([cost, (cost[:, np.newaxis] + extra).ravel()])
        lost = np.concatenate([lost, (lost[:, np.newaxis] + loss[here]).ravel()])
        short = np.where(cost <= spare, lost + multiplier * (spare - cost), np.inf)
        nearest = int(short.argmin())
        if short[nearest] < gap - enough:
            gap, best = float(short[nearest]), (len(steps), nearest)
        kept = _unbeaten(cost, lost - multiplier * cost, lost < gap - enough, must=nearest)
        steps.append((parent[kept], option[kept]))
        if best is not None and best[0] == len(steps) - 1:
            best = (best[0], int(np.flatnonzero(kept == best[1])[0]))
        cost, lost = cost[kept], lost[kept]
        if gap <= enough or len(cost) > MOST_STATES:
            break
    return None if best is None else _followed(steps, *best)


def _unbeaten(cost: Floats, regret: Floats, promising: Bools, *, must: int) -> Ints:
    """Return the promising partial choices that no other beats in cost and regret; one of them in any case."""
    some = np.flatnonzero(promising | (np.arange(len(cost)) == must))
    order = some[np.lexsort((regret[some], cost[some]))]
    lowest = np.minimum.accumulate(regret[order])
    better = np.ones(len(order), dtype=bool)
    better[1:] = regret[order][1:] < lowest[:-1]
    kept: Ints = order[better | (order == must)]
    return kept


def _followed(steps: list[tuple[Ints, Ints]], step: int, state: int) -> Ints:
    """Return the options taken on the way to a partial choice."""
    taken = []
    for parents, options in reversed(steps[: step + 1]):
        if options[state] >= 0:
            taken.append(int(options[state]))
        state = int(parents[state])
    return np.array(taken, dtype=np.int64)
