"""How the condition of assets falls with the years: family curves, Markov chains, remaining life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from geo.checks import as_numbers
from geo.errors import InvalidInputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from geo.networks.topology import Bools, Floats, Ints

DEGREE = 4
BEST = 100.0
"""Condition index of what is as good as it can be."""

NEVER = np.inf


@dataclass(frozen=True, eq=False, kw_only=True)
class FamilyCurve:
    """Condition by age of assets that age alike (PAVER: Shahin 2005, chapter 7).

    A polynomial that begins at 100 and never rises; beyond the oldest age observed it goes on along its tangent.

    Parameters
    ----------
    coefficients
        In the Bernstein basis over the ages observed: the first is 100, and none is above the one before.
    oldest
        The greatest age observed, in years.
    observed
        How many observations it was fitted to.
    """

    coefficients: Floats
    oldest: float
    observed: int

    def at(self, age: npt.ArrayLike) -> Floats:
        """Return the condition index at ages in years."""
        years = np.maximum(np.asarray(age, dtype=float), 0.0)
        within = (
            _bernstein(np.minimum(years, self.oldest) / self.oldest, len(self.coefficients) - 1) @ self.coefficients
        )
        beyond = np.maximum(years - self.oldest, 0.0) * self._last_slope
        index: Floats = np.clip(within + beyond, 0.0, BEST)
        return index

    def age_at(self, condition: npt.ArrayLike) -> Floats:
        """Return the age in years at which the condition falls to each value; infinite where it never does."""
        wanted = np.atleast_1d(np.asarray(condition, dtype=float))
        ages = np.linspace(0, self.oldest, 4001)
        values = np.minimum.accumulate(self.at(ages))
        within = np.interp(-wanted, -values, ages)
        last = float(values[-1])
        beyond = (
            self.oldest + (last - wanted) / -self._last_slope if self._last_slope < 0 else np.full(len(wanted), NEVER)
        )
        return np.where(wanted >= last, within, beyond)

    @property
    def _last_slope(self) -> float:
        degree = len(self.coefficients) - 1
        return float(degree * (self.coefficients[-1] - self.coefficients[-2]) / self.oldest)

    def ahead(self, condition: npt.ArrayLike, years: npt.ArrayLike) -> Floats:
        """Return the condition index after so many years of assets that have one now.

        Each follows the curve from the age at which the curve has its condition (its effective age).
        """
        now = np.asarray(condition, dtype=float)
        age = self.age_at(now.ravel()).reshape(now.shape)
        later = self.at(np.where(np.isfinite(age), age, 0.0) + np.asarray(years, dtype=float))
        index: Floats = np.where(np.isfinite(age), np.minimum(later, now), now)
        return index

    def years_to(self, condition: npt.ArrayLike, threshold: float) -> Floats:
        """Return the remaining life: years until assets fall to a threshold; 0 where they are there already."""
        now = np.atleast_1d(np.asarray(condition, dtype=float))
        at_threshold = self.age_at(threshold)[0]
        if np.isinf(at_threshold):
            return np.where(now <= threshold, 0.0, NEVER)
        years: Floats = np.maximum(at_threshold - self.age_at(np.maximum(now, threshold)), 0.0)
        return years


def steady_fall(points_per_year: float) -> FamilyCurve:
    """Return a curve that falls by the same number of points every year."""
    if not 0 < points_per_year < np.inf:
        raise InvalidInputError(f"points_per_year must be positive, not {points_per_year}")
    return FamilyCurve(coefficients=np.array([BEST, 0.0]), oldest=BEST / points_per_year, observed=0)


def family_curve(age: npt.ArrayLike, condition: npt.ArrayLike) -> FamilyCurve:
    """Fit a family curve by least squares.

    The polynomial is 100 − Σ dⱼ Sⱼ(t), Sⱼ the sum of the Bernstein polynomials from the j-th on and dⱼ ≥ 0, so that it
    never rises (non-negative least squares, Lawson & Hanson 1974).

    Parameters
    ----------
    age
        Years since construction or the last renewal.
    condition
        Condition index, 0 to 100, at that age; pairs of which either is not a number are passed over.

    Raises
    ------
    InvalidInputError
        If there are fewer than 2 observations older than nothing, an age is negative or a condition out of range.
    """
    years, index = _pairs(age, condition)
    if (years < 0).any() or (index < 0).any() or (index > BEST).any():
        raise InvalidInputError("ages must be 0 or more and conditions between 0 and 100")
    if len(np.unique(years[years > 0])) < 2:
        raise InvalidInputError("a family curve needs the condition at two different ages above 0 at least")
    oldest = float(years.max())
    basis = _bernstein(years / oldest, min(DEGREE, len(np.unique(years[years > 0]))))
    falls = np.cumsum(basis[:, ::-1], axis=1)[:, ::-1][:, 1:]
    drops, _ = scipy.optimize.nnls(falls, BEST - index)
    coefficients = np.maximum(BEST - np.concatenate([[0.0], np.cumsum(drops)]), 0.0)
    return FamilyCurve(coefficients=coefficients, oldest=oldest, observed=len(years))


def _pairs(age: npt.ArrayLike, condition: npt.ArrayLike) -> tuple[Floats, Floats]:
    years, index = as_numbers("ages", age), as_numbers("condition", condition)
    if years.shape != index.shape or years.ndim != 1:
        raise InvalidInputError(f"give a condition for each of {years.size} ages, not {index.size}")
    known = np.isfinite(years) & np.isfinite(index)
    return years[known], index[known]


def _bernstein(part: Floats, degree: int) -> Floats:
    k = np.arange(degree + 1)
    t = np.asarray(part, dtype=float)[..., np.newaxis]
    values: Floats = scipy.special.comb(degree, k) * t**k * (1 - t) ** (degree - k)
    return values


@dataclass(frozen=True, eq=False, kw_only=True)
class MarkovChain:
    """Condition by states that only the present one decides; the first is the best, the last the worst.

    Parameters
    ----------
    transition
        Probability of each state in a year (columns), given that now (rows).
    """

    transition: Floats

    def __post_init__(self) -> None:
        matrix = np.asarray(self.transition, dtype=float)
        square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] > 0
        if not square or not (matrix >= 0).all() or not np.allclose(matrix.sum(axis=1), 1.0):
            raise InvalidInputError("transition must be a square matrix of probabilities, each row of which sums to 1")

    def after(self, now: npt.ArrayLike, years: int) -> Floats:
        """Return the parts of the assets in each state after so many years, given those now."""
        if years < 0:
            raise InvalidInputError(f"years must be 0 or more, not {years}")
        parts: Floats = np.asarray(now, dtype=float) @ np.linalg.matrix_power(self.transition, years)
        return parts

    def years_to(self, state: int) -> Floats:
        """Return the mean years from each state until one first is in a state, or a worse one (first passage).

        With Q the transitions among the better states, t = (I − Q)⁻¹ 1 (Kemeny & Snell 1960); infinite where it may
        never come.
        """
        states = len(self.transition)
        if not 0 <= state < states:
            raise InvalidInputError(f"state must be between 0 and {states - 1}, not {state}")
        years = np.zeros(states)
        stays = self.transition[:state, :state]
        sure = _surely_leaves(self.transition, state)
        years[:state] = NEVER
        among = np.eye(int(sure.sum())) - stays[np.ix_(sure, sure)]
        years[np.flatnonzero(sure)] = np.linalg.solve(among, np.ones(len(among)))
        return years


def _surely_leaves(transition: Floats, state: int) -> Bools:
    """Return from which of the better states one comes to the others for sure: from none that may lead to a trap."""
    step = np.eye(state, dtype=bool) | (transition[:state, :state] > 0)
    ways = np.linalg.matrix_power(step.astype(float), max(state, 1)) > 0
    leaves = (transition[:state, state:] > 0).any(axis=1)
    trapped = ~(ways & leaves).any(axis=1)
    surely: Bools = np.logical_not((ways & trapped).any(axis=1))
    return surely


def markov_chain(before: npt.ArrayLike, after: npt.ArrayLike, *, states: int) -> MarkovChain:
    """Estimate a chain from states seen a year apart, without works in between (maximum likelihood).

    Each probability is the part of the transitions from a state that led to another; a state that was never left is
    taken to last. Observations where the state became better are passed over: something was done.

    Parameters
    ----------
    before, after
        State of each asset at one inspection and a year later, from 0 (best) to ``states - 1``.
    states
        How many states there are.

    Raises
    ------
    InvalidInputError
        If there is no state, one is out of range, or there are not as many after as before.
    """
    if states < 1:
        raise InvalidInputError(f"states must be 1 or more, not {states}")
    one, other = as_numbers("before", before), as_numbers("after", after)
    if one.shape != other.shape or one.ndim != 1:
        raise InvalidInputError(f"give a state after for each of {one.size} states before, not {other.size}")
    for values in (one, other):
        if len(values) and not ((values >= 0) & (values < states) & (values == np.floor(values))).all():
            raise InvalidInputError(f"states must be whole numbers from 0 to {states - 1}")
    aged = other >= one
    counts = np.zeros((states, states))
    np.add.at(counts, (one[aged].astype(np.int64), other[aged].astype(np.int64)), 1.0)
    total = counts.sum(axis=1, keepdims=True)
    transition = np.divide(counts, total, out=np.eye(states), where=total > 0)
    return MarkovChain(transition=transition)


def states_of(condition: npt.ArrayLike, bounds: npt.ArrayLike) -> Ints:
    """Return the state of each condition index: 0 above the first bound, and so on down; -1 where it is not a number.

    Parameters
    ----------
    condition
        Condition index.
    bounds
        Falling; a condition at a bound is in the better state.
    """
    values, steps = as_numbers("condition", condition), as_numbers("bounds", bounds)
    if steps.ndim != 1 or not (np.diff(steps) < 0).all():
        raise InvalidInputError("bounds must fall")
    state = (values[..., np.newaxis] < steps).sum(axis=-1)
    return np.where(np.isnan(values), -1, state)
