"""How evenly something is spread over people: Lorenz curve, and what is read from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from geo.checks import amounts, as_numbers
from geo.errors import InvalidInputError
from geo.networks.topology import Floats


@dataclass(frozen=True, eq=False)
class LorenzCurve:
    """Which part of the whole the worst-off people have together; arrays of the same length, from 0 to 1.

    Parameters
    ----------
    people
        Part of the people, those with the least first.
    share
        Their part of the whole.
    """

    people: Floats
    share: Floats

    def at(self, people: Any) -> Any:
        """Return the part of the whole that a part of the people has, straight between the points of the curve."""
        return np.interp(people, self.people, self.share)


def lorenz(values: Any, weights: Any = None) -> LorenzCurve:
    """Return the Lorenz curve. Lorenz 1905, Publications of the American Statistical Association 9(70), 209-219.

    Parameters
    ----------
    values
        What each person, or each of a group of people, has, 0 or more.
    weights
        People in each group; by default 1.

    Raises
    ------
    InvalidInputError
        If a number is negative or not finite, lengths differ, or there is nobody or nothing to share.
    """
    given, people = _given(values, weights)
    order = np.argsort(given, kind="stable")
    number, amount = np.cumsum(people[order]), np.cumsum((given * people)[order])
    return LorenzCurve(np.append(0.0, number / number[-1]), np.append(0.0, amount / amount[-1]))


def gini(values: Any, weights: Any = None) -> float:
    """Return the Gini coefficient: 0 where all have the same, near 1 where one has all.

    Twice the area between the Lorenz curve and the diagonal, that is half the mean difference of two people by the
    mean. Gini 1912, Variabilità e mutabilità. Parameters and errors are those of `lorenz`.
    """
    curve = lorenz(values, weights)
    return float(1 - np.diff(curve.people) @ (curve.share[1:] + curve.share[:-1]))


def palma(values: Any, weights: Any = None) -> float:
    """Return the Palma ratio: what the best-off tenth has, to what the worst-off four tenths have; infinite if nothing.

    Palma 2011, Development and Change 42(1), 87-153. Parameters and errors are those of `lorenz`.
    """
    curve = lorenz(values, weights)
    worst = float(curve.at(0.4))
    return float((1 - curve.at(0.9)) / worst) if worst > 0 else float("inf")


def theil(values: Any, weights: Any = None) -> float:
    """Return the Theil index, sum of ``p x / m ln(x / m)`` over the people with mean m; 0 where all have the same.

    Theil 1967, Economics and Information Theory. Parameters and errors are those of `lorenz`.
    """
    given, people = _given(values, weights)
    ratio = given / np.average(given, weights=people)
    terms = ratio * np.log(np.where(ratio > 0, ratio, 1.0))
    return float(np.average(terms, weights=people))


def atkinson(values: Any, weights: Any = None, *, aversion: float = 0.5) -> float:
    """Return the Atkinson index: which part of the whole could be given up if the rest were the same for all.

    ``1 - (sum p x^(1 - e))^(1 / (1 - e)) / m`` with the aversion e, and the geometric mean for e = 1. Atkinson 1970,
    J. Economic Theory 2(3), 244-263.

    Parameters
    ----------
    values, weights
        See `lorenz`.
    aversion
        e, more than 0: the more, the more the worst-off count.

    Raises
    ------
    InvalidInputError
        As `lorenz`, or if the aversion is not positive.
    """
    if not 0 < aversion < np.inf:
        raise InvalidInputError(f"aversion must be positive, not {aversion}")
    given, people = _given(values, weights)
    mean = np.average(given, weights=people)
    if aversion >= 1 and (given[people > 0] == 0).any():
        return 1.0
    held = people > 0
    ratio, part = given[held] / mean, people[held] / people.sum()
    if aversion == 1:
        return float(1 - np.exp(part @ np.log(ratio)))
    return float(1 - (part @ ratio ** (1 - aversion)) ** (1 / (1 - aversion)))


def weighted_quantile(values: Any, weights: Any, part: float) -> float:
    """Return the value that a part of the people do not exceed; infinite values count as the greatest."""
    given, people = as_numbers("values", values), amounts("weights", weights)
    if given.ndim != 1 or given.shape != people.shape or np.isnan(given).any() or not people.sum() > 0:
        raise InvalidInputError("quantiles need as many values as weights, none NaN, and somebody")
    order = np.argsort(given, kind="stable")
    running = np.cumsum(people[order])
    return float(given[order][np.searchsorted(running, part * running[-1] * (1 - 1e-12))])


def _given(values: Any, weights: Any) -> tuple[Floats, Floats]:
    given = amounts("values", values)
    people = np.ones(given.shape) if weights is None else amounts("weights", weights)
    if given.ndim != 1 or given.shape != people.shape:
        raise InvalidInputError(f"there must be as many values as weights, not {given.shape} and {people.shape}")
    if not people.sum() > 0:
        raise InvalidInputError("there is nobody to share")
    if not given @ people > 0:
        raise InvalidInputError("there is nothing to share: all values are 0")
    return given, people
