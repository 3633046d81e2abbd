"""Works under a budget: which to do with the money there is, this year and in the years to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geo.errors import InvalidInputError
from geo.infrastructure.deterioration import BEST
from geo.infrastructure.knapsack import knapsack

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from geo.infrastructure.deterioration import FamilyCurve
    from geo.networks.topology import Floats, Ints

HORIZON_YEARS = 20
"""So many years of better condition count as the benefit of a treatment."""


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """A kind of works on a pavement.

    Parameters
    ----------
    name
        What it is called.
    at_least, below
        It suits sections whose condition index is in this range.
    after
        The condition index right after it.
    cost_per_m2
        In any currency, the same for all.
    """

    name: str
    at_least: float
    below: float
    after: float
    cost_per_m2: float

    def __post_init__(self) -> None:
        if not 0 <= self.at_least < self.below <= BEST + 1 or not 0 < self.after <= BEST:
            raise InvalidInputError(f"{self.name}: it must suit a range of conditions within 0 to 100, and lead to one")
        if not 0 < self.cost_per_m2 < np.inf:
            raise InvalidInputError(f"{self.name}: cost_per_m2 must be positive, not {self.cost_per_m2}")


@dataclass(frozen=True, eq=False, kw_only=True)
class Programme:
    """What is done in which year, and what comes of it.

    Parameters
    ----------
    treatment
        Of each year and section the number of the treatment; -1 for none.
    cost
        Of each year and section.
    condition
        At the beginning of each year, and at the end of the last, of each section.
    neglected
        The same if nothing were done.
    """

    treatment: Ints
    cost: Floats
    condition: Floats
    neglected: Floats


def plan(
    condition: npt.ArrayLike,
    area_m2: npt.ArrayLike,
    weight: npt.ArrayLike,
    family: npt.ArrayLike,
    curves: Sequence[FamilyCurve],
    treatments: Sequence[Treatment],
    *,
    budget_per_year: float,
    years: int,
) -> Programme:
    """Plan works on sections of pavement year by year, each year the best for its budget.

    The benefit of a treatment is weight · area · Σ (condition with it − without it) over the `HORIZON_YEARS` to come
    (area between the curves, Shahin 2005, chapter 10); each year's choice is a multiple-choice knapsack, solved
    exactly. What is left over is not carried on. The years are planned one after another, so that the whole is good,
    and not proved the best.

    Parameters
    ----------
    condition, area_m2, weight
        Of each section: its condition index now, 0 to 100, its area, and how much it matters (criticality × exposure).
    family
        Which of the curves each section follows.
    curves
        How the sections age.
    treatments
        What can be done.
    budget_per_year
        In the currency of the costs.
    years
        How many years are planned.

    Raises
    ------
    InvalidInputError
        If a number is out of range, or there are not as many of one as of the other.
    """
    now, areas, weights = (np.asarray(values, dtype=float) for values in (condition, area_m2, weight))
    families = np.asarray(family, dtype=np.int64)
    _check(now, areas, weights, families, len(curves))
    if not budget_per_year >= 0 or years < 1:
        raise InvalidInputError(
            f"budget_per_year must be 0 or more and years 1 or more, not {budget_per_year}, {years}"
        )
    members = [np.flatnonzero(families == number) for number in range(len(curves))]
    treatment = np.full((years, len(now)), -1)
    cost = np.zeros((years, len(now)))
    conditions, neglected = [now], [now]
    for year in range(years):
        now = conditions[-1]
        section, which, gain = _candidates(now, members, curves, treatments)
        price = np.array([treatments[each].cost_per_m2 for each in which]) * areas[section]
        chosen = knapsack(price, gain * areas[section] * weights[section], budget_per_year, group=section)
        treatment[year, section[chosen]], cost[year, section[chosen]] = which[chosen], price[chosen]
        treated = now.copy()
        treated[section[chosen]] = [treatments[each].after for each in which[chosen]]
        conditions.append(_aged(treated, members, curves))
        neglected.append(_aged(neglected[-1], members, curves))
    return Programme(treatment=treatment, cost=cost, condition=np.array(conditions), neglected=np.array(neglected))


def cost_curve(
    condition: npt.ArrayLike,
    area_m2: npt.ArrayLike,
    weight: npt.ArrayLike,
    family: npt.ArrayLike,
    curves: Sequence[FamilyCurve],
    treatments: Sequence[Treatment],
    *,
    budgets_per_year: Sequence[float],
    years: int,
) -> pd.DataFrame:
    """Return what condition each yearly budget leads to. See `plan` for the parameters.

    Returns
    -------
    pandas.DataFrame
        A row for each budget: ``budget_per_year``, ``spent`` (in all years), ``condition`` (at the end, the mean by
        area) and ``weighted_condition`` (by area and weight).
    """
    areas, weights = np.asarray(area_m2, dtype=float), np.asarray(weight, dtype=float)
    rows = []
    for budget in budgets_per_year:
        found = plan(condition, areas, weights, family, curves, treatments, budget_per_year=budget, years=years)
        last = found.condition[-1]
        rows.append((budget, found.cost.sum(), _mean(last, areas), _mean(last, areas * weights)))
    return pd.DataFrame(rows, columns=["budget_per_year", "spent", "condition", "weighted_condition"])


def _mean(values: Floats, weight: Floats) -> float:
    return float(values @ weight / weight.sum()) if weight.sum() > 0 else np.nan


def _candidates(
    now: Floats, members: list[Ints], curves: Sequence[FamilyCurve], treatments: Sequence[Treatment]
) -> tuple[Ints, Ints, Floats]:
    """Return the sections and treatments that suit each other, and the gain of condition in all years to come."""
    sections, which, gains = [], [], []
    ahead = np.arange(1, HORIZON_YEARS + 1)
    for mine, curve in zip(members, curves, strict=True):
        neglected = curve.ahead(now[mine, np.newaxis], ahead).sum(axis=1)
        for number, each in enumerate(treatments):
            suits = (now[mine] >= each.at_least) & (now[mine] < min(each.below, each.after))
            sections.append(mine[suits])
            which.append(np.full(int(suits.sum()), number))
            gains.append(curve.ahead(each.after, ahead).sum() - neglected[suits])
    return np.concatenate(sections), np.concatenate(which), np.concatenate(gains)


def _aged(condition: Floats, members: list[Ints], curves: Sequence[FamilyCurve]) -> Floats:
    """Return the condition of sections a year later."""
    later = condition.copy()
    for mine, curve in zip(members, curves, strict=True):
        later[mine] = curve.ahead(condition[mine], 1.0)
    return later


def _check(now: Floats, areas: Floats, weights: Floats, families: Ints, curves: int) -> None:
    if not now.shape == areas.shape == weights.shape == families.shape or now.ndim != 1:
        raise InvalidInputError("give a condition, an area, a weight and a family for each section")
    if not ((now >= 0) & (now <= BEST)).all():
        raise InvalidInputError("conditions must be between 0 and 100")
    if not ((areas > 0) & np.isfinite(areas)).all() or not ((weights >= 0) & np.isfinite(weights)).all():
        raise InvalidInputError("areas must be positive, and weights 0 or more")
    if not ((families >= 0) & (families < curves)).all():
        raise InvalidInputError(f"families must be numbers of curves, from 0 to {curves - 1}")
