"""Statistics that spatial analyses share: many tests at once, permutations, rates of small areas."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from geo.checks import as_numbers
from geo.errors import InvalidInputError
from geo.networks.topology import Floats, Ints, ranges
from geo.statistics.autocorrelation import checked_values

CELLS_AT_ONCE = 2_000_000
"""Size of the largest table, permutations by places, that is held in memory (8 bytes each)."""

ROUNDING = 1e-9
"""Sums nearer than this part of the spread of their terms are the same."""


def adjusted_p(p: Any) -> Floats:
    """Return p-values adjusted for their number: those at most q keep the false discovery rate at q.

    ``p_(k) n / k`` of the k-th smallest of n, made monotone from the largest down.
    Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57(1), 289-300.

    Parameters
    ----------
    p
        From 0 to 1; NaN, for places without a test, stays NaN and does not count.

    Raises
    ------
    InvalidInputError
        If a value is not between 0 and 1.
    """
    given = as_numbers("p", p)
    if given.ndim != 1:
        raise InvalidInputError(f"p must be a list of numbers, not of shape {given.shape}")
    tested = np.flatnonzero(~np.isnan(given))
    if ((given[tested] < 0) | (given[tested] > 1)).any():
        raise InvalidInputError("p-values must be between 0 and 1")
    order = tested[np.argsort(given[tested], kind="stable")]
    raised = given[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted = np.full(given.shape, np.nan)
    adjusted[order] = np.minimum.accumulate(raised[::-1])[::-1]
    return adjusted


def permuted_p(values: Any, weights: scipy.sparse.csr_array, *, permutations: int = 999, seed: int) -> Floats:
    """Test local statistics by conditional permutations: each place keeps its value, the others change places.

    What is compared is ``sum_j w_ij x_j`` without the place itself, so the result holds for Gi, Gi* and local Moran
    alike. It is one-sided, in the direction in which the place deviates: ``(min(larger, smaller) + 1) / (permutations
    + 1)``, where equal sums count as both. Anselin 1995, Geographical Analysis 27(2), 93-115.

    One table of random places serves every place; where a place meets itself in it, the next takes its turn.

    Parameters
    ----------
    values
        One finite number for each place.
    weights
        Shape (places, places).
    permutations
        How often; the smallest possible result is ``1 / (permutations + 1)``.
    seed
        Of the random numbers: the same seed gives the same result.

    Returns
    -------
    numpy.ndarray
        One for each place; NaN for a place without neighbours.

    Raises
    ------
    InvalidInputError
        As `geo.statistics.autocorrelation.getis_ord`, or if there is no permutation.
    """
    x = checked_values(values, weights)
    if permutations < 1:
        raise InvalidInputError(f"permutations must be at least 1, not {permutations}")
    x = x - x.mean()
    pairs = weights.tocoo()
    others = pairs.row != pairs.col
    weights = scipy.sparse.csr_array((pairs.data[others], (pairs.row[others], pairs.col[others])), shape=weights.shape)
    count = np.diff(weights.indptr)
    rng = np.random.default_rng(seed)
    width = int(count.max()) + 1
    table = np.stack([rng.choice(len(x), width, replace=False) for _ in range(permutations)])
    met = np.argsort(table, axis=None, kind="stable")
    met_place = table.ravel()[met]
    p = np.full(len(x), np.nan)
    order = np.argsort(count, kind="stable")[np.count_nonzero(count == 0) :]
    step = max(1, CELLS_AT_ONCE // max(permutations, width))
    for first in range(0, len(order), step):
        places = order[first : first + step]
        begin = np.searchsorted(met_place, places)
        meetings, owner = ranges(begin, np.searchsorted(met_place, places, side="right") - begin)
        p[places] = _tails(x, weights[places], table, met[meetings], owner)
    return p


def _tails(x: Floats, rows: scipy.sparse.csr_array, table: Ints, met: Ints, owner: Ints) -> Floats:
    """Return p of places with these rows of weights; `met` is where in the table the `owner` meets itself."""
    count = np.diff(rows.indptr)
    row = np.repeat(np.arange(len(count)), count)
    turn = np.arange(rows.nnz) - rows.indptr[row]
    padded = np.zeros((int(count.max()), len(count)))
    padded[turn, row] = rows.data
    drawn = x[table]
    sums = drawn[:, : len(padded)] @ padded
    run, position = np.divmod(met, table.shape[1])
    used = position < count[owner]
    run, position, owner = run[used], position[used], owner[used]
    sums[run, owner] += padded[position, owner] * (drawn[run, count[owner]] - drawn[run, position])
    observed = rows @ x
    margin = ROUNDING * np.sqrt((x @ x) / len(x)) * np.abs(padded).max(axis=0)
    larger = np.count_nonzero(sums >= observed - margin, axis=0)
    smaller = np.count_nonzero(sums <= observed + margin, axis=0)
    p: Floats = (np.minimum(larger, smaller) + 1) / (len(table) + 1)
    return p


def empirical_bayes_rates(events: Any, population: Any) -> Floats:
    """Return rates drawn towards the rate of the whole area, the more the smaller the population.

    ``m + w_i (r_i - m)`` with ``w_i = a / (a + m / n_i)``, the overall rate m, and the variance between areas
    ``a = sum_i n_i (r_i - m)² / N - m / (N / k)``, at least 0, of k areas with N people.
    Marshall 1991, Applied Statistics 40(2), 283-294 (global estimator).

    Parameters
    ----------
    events
        How many in each area.
    population
        At risk in each area.

    Returns
    -------
    numpy.ndarray
        Events per head; an area without people gets the overall rate.

    Raises
    ------
    InvalidInputError
        If lengths differ, a number is negative or not finite, or nobody lives anywhere.
    """
    rate, people, mean, between = _rates(events, population)
    between = max(between, 0.0)
    drawn = between * people + mean
    share = np.divide(between * people, drawn, out=np.zeros(len(people)), where=drawn > 0)
    smoothed: Floats = mean + share * (rate - mean)
    return smoothed


def standardised_rates(events: Any, population: Any) -> Floats:
    """Return rates whose spread no longer depends on the population, so that their Moran's I can be judged.

    ``z_i = (r_i - m) / sqrt(v_i)`` with ``v_i = a + m / n_i``, or ``m / n_i`` where that is negative, and m and a of
    `empirical_bayes_rates`. Assunção & Reis 1999, Statistics in Medicine 18(16), 2147-2162 (empirical Bayes index).

    Parameters
    ----------
    events
        How many in each area.
    population
        At risk in each area, more than 0.

    Raises
    ------
    InvalidInputError
        If lengths differ, a number is negative or not finite, nothing happened, or nobody lives in an area.
    """
    rate, people, mean, between = _rates(events, population)
    if mean == 0 or (people == 0).any():
        raise InvalidInputError("rates are only standardised where people live in every area, and something happened")
    chance = mean / people
    variance = np.where(between + chance < 0, chance, between + chance)
    standardised: Floats = (rate - mean) / np.sqrt(variance)
    return standardised


def _rates(events: Any, population: Any) -> tuple[Floats, Floats, float, float]:
    """Return the rate and people of each area, the overall rate, and the variance between areas."""
    counts, people = as_numbers("events", events), as_numbers("population", population)
    if counts.ndim != 1 or counts.shape != people.shape:
        raise InvalidInputError(f"events and population must be as many: not {counts.shape} and {people.shape}")
    if not (np.isfinite(counts) & np.isfinite(people) & (counts >= 0) & (people >= 0)).all():
        raise InvalidInputError("events and population must be finite and not negative")
    if ((people == 0) & (counts > 0)).any() or people.sum() == 0:
        raise InvalidInputError("events need a population: an area has events and nobody at risk")
    mean = float(counts.sum() / people.sum())
    rate = np.divide(counts, people, out=np.full(len(people), mean), where=people > 0)
    between = float(people @ (rate - mean) ** 2 / people.sum() - mean / people.mean())
    return rate, people, mean, between
