"""Spatial autocorrelation: do neighbours resemble one another, in the whole city and around each place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy

from geo.checks import as_numbers
from geo.errors import InvalidInputError
from geo.networks.topology import Bools, Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SAME_VALUE = 1e-12
"""A variance smaller than this part of the mean square is none: what remains is rounding."""


@dataclass(frozen=True, eq=False)
class LocalG:
    """Getis-Ord statistics, one for each place.

    Parameters
    ----------
    z
        Standard score: positive among high values, negative among low ones; NaN where it is not defined (no
        neighbour, or every place is one).
    p
        Two-sided, of the normal distribution; NaN where `z` is.
    """

    z: Floats
    p: Floats


@dataclass(frozen=True, eq=False)
class LocalMoran:
    """Local Moran statistics, one for each place.

    Parameters
    ----------
    statistic
        Positive where a place resembles its neighbours.
    quadrant
        ``HH``, ``LH``, ``LL``, ``HL``: the place above or below the mean, then its neighbours; empty where there
        are none.
    """

    statistic: Floats
    quadrant: npt.NDArray[np.str_]


@dataclass(frozen=True)
class GlobalStatistic:
    """A statistic of the whole area, its moments without autocorrelation, and two-sided tests.

    Parameters
    ----------
    statistic, expected
        Observed, and expected without autocorrelation.
    z_normal, p_normal
        Where values are drawn from a normal distribution.
    z_randomised, p_randomised
        Where the given values are put on places at random.
    """

    statistic: float
    expected: float
    z_normal: float
    p_normal: float
    z_randomised: float
    p_randomised: float


@dataclass(frozen=True)
class JoinCounts:
    """Pairs of neighbours by their two values, each pair once, and what is expected at random.

    Parameters
    ----------
    both, neither, mixed
        Weight of the pairs in which both, neither or one of the two is true.
    expected_both, expected_neither, expected_mixed
        The same where the true ones are put on places at random.
    """

    both: float
    neither: float
    mixed: float
    expected_both: float
    expected_neither: float
    expected_mixed: float


def getis_ord(values: Any, weights: csr_array, *, star: bool = False) -> LocalG:
    """Find where high or low values gather (Gi and Gi*).

    Gi is the sum of the neighbours' values less its expectation, in standard deviations, both from all other places:
    ``z = (sum_j w_ij x_j - W_i m_i) / (s_i sqrt(((n - 1) S_i - W_i²) / (n - 2)))`` with ``W_i = sum_j w_ij``,
    ``S_i = sum_j w_ij²`` and the mean ``m_i`` and standard deviation ``s_i`` without place i. Gi* counts the place
    itself, with n in place of n - 1. The scale of a row of weights makes no difference.
    Ord & Getis 1995, Geographical Analysis 27(4), 286-306.

    Parameters
    ----------
    values
        One finite number for each place.
    weights
        Shape (places, places). For Gi* every place is a neighbour of its own (`distance_band` with ``include_self``),
        for Gi none is.
    star
        Gi* and not Gi.

    Raises
    ------
    InvalidInputError
        If there are fewer than 3 places, a value is not finite, all values are the same, or the weights do not suit.
    """
    x = checked_values(values, weights)
    own = weights.diagonal() != 0
    if star and not own.all():
        raise InvalidInputError("for Gi* each place must be a neighbour of its own: make weights with include_self")
    if not star and own.any():
        raise InvalidInputError("for Gi no place may be a neighbour of its own: make weights without include_self")
    others = np.full(len(x), float(len(x))) if star else np.full(len(x), len(x) - 1.0)
    mean, variance = _moments(x, star=star)
    total = weights.sum(axis=1)
    spread = others * weights.power(2).sum(axis=1) - total**2
    defined = (spread > SAME_VALUE * total**2) & (variance > SAME_VALUE * mean**2)
    scale = np.sqrt(np.where(defined, variance * spread / (others - 1), 1.0))
    z = np.where(defined, (weights @ x - total * mean) / scale, np.nan)
    return LocalG(z, 2 * scipy.special.ndtr(-np.abs(z)))


def getis_ord_general(values: Any, weights: csr_array) -> float:
    """Return the general G: the share of products of different places' values that neighbours have.

    ``G = sum_ij w_ij x_i x_j / sum_(i != j) x_i x_j``. Getis & Ord 1992, Geographical Analysis 24(3), 189-206.

    Raises
    ------
    InvalidInputError
        As `getis_ord`, or if a value is negative.
    """
    x = checked_values(values, weights)
    if (x < 0).any():
        raise InvalidInputError("the general G is of values that are not negative")
    return float(x @ (weights @ x) / (x.sum() ** 2 - x @ x))


def moran(values: Any, weights: csr_array) -> GlobalStatistic:
    """Measure whether neighbours resemble one another (Moran's I): above the expectation they do.

    ``I = n / S0 * sum_ij w_ij z_i z_j / sum_i z_i²`` with ``z = x - mean`` and ``S0 = sum_ij w_ij``; its moments
    from Cliff & Ord 1981, Spatial Processes, 42-46.

    Parameters
    ----------
    values
        One finite number for each place.
    weights
        Shape (places, places); usually `geo.statistics.weights.row_standardised`.

    Raises
    ------
    InvalidInputError
        If there are fewer than 4 places, a value is not finite, all values are the same, or none has a neighbour.
    """
    deviation = _deviations(values, weights)
    n = len(deviation)
    s0, s1, s2 = _sums(weights)
    squares = float(deviation @ deviation)
    statistic = n / s0 * float(deviation @ (weights @ deviation)) / squares
    expected = -1 / (n - 1)
    normal = (n**2 * s1 - n * s2 + 3 * s0**2) / ((n**2 - 1) * s0**2) - expected**2
    kurtosis = n * float(np.sum(deviation**4)) / squares**2
    varied = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    peaked = kurtosis * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
    randomised = (varied - peaked) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - expected**2
    return _tested(statistic, expected, normal, randomised)


def geary(values: Any, weights: csr_array) -> GlobalStatistic:
    """Measure whether neighbours differ (Geary's C): below 1 they resemble one another.

    ``C = (n - 1) / (2 S0) * sum_ij w_ij (x_i - x_j)² / sum_i z_i²``; its moments from Cliff & Ord 1981, 42-46.
    Parameters and errors are those of `moran`.
    """
    deviation = _deviations(values, weights)
    n = len(deviation)
    s0, s1, s2 = _sums(weights)
    squares = float(deviation @ deviation)
    pairs = weights.tocoo()
    gaps = float(pairs.data @ (deviation[pairs.row] - deviation[pairs.col]) ** 2)
    normal = ((2 * s1 + s2) * (n - 1) - 4 * s0**2) / (2 * (n + 1) * s0**2)
    kurtosis = n * float(np.sum(deviation**4)) / squares**2
    first = (n - 1) * s1 * (n**2 - 3 * n + 3 - (n - 1) * kurtosis)
    second = (n - 1) * s2 * (n**2 + 3 * n - 6 - (n**2 - n + 2) * kurtosis) / 4
    third = s0**2 * (n**2 - 3 - (n - 1) ** 2 * kurtosis)
    randomised = (first - second + third) / (n * (n - 2) * (n - 3) * s0**2)
    return _tested((n - 1) / (2 * s0) * gaps / squares, 1.0, normal, randomised)


def local_moran(values: Any, weights: csr_array) -> LocalMoran:
    """Find clusters and outliers (LISA): places that resemble their neighbours, or differ from them.

    ``I_i = n z_i / sum_j z_j² * sum_j w_ij z_j``; with row-standardised weights their mean is Moran's I. Anselin 1995,
    Geographical Analysis 27(2), 93-115; PySAL has n - 1 in place of n. `geo.statistics.inference.permuted_p` says which
    of them are significant. Parameters and errors are those of `moran`.
    """
    deviation = _deviations(values, weights)
    lag = weights @ deviation
    statistic = len(deviation) * deviation * lag / (deviation @ deviation)
    named = np.char.add(np.where(deviation > 0, "H", "L"), np.where(lag > 0, "H", "L"))
    alone = np.diff(weights.indptr) == 0
    return LocalMoran(statistic, np.where(alone, "", named))


def join_counts(values: Any, weights: csr_array) -> JoinCounts:
    """Count the pairs of neighbours that are both, neither or only one of them true.

    Expectations are those of sampling without replacement: ``E(both) = S0 / 2 * t (t - 1) / (n (n - 1))`` with t
    true places of n. Cliff & Ord 1981, Spatial Processes, 36-39.

    Parameters
    ----------
    values
        A truth value for each place.
    weights
        Symmetric, shape (places, places).

    Raises
    ------
    InvalidInputError
        If something is not true or false, or all places are the same.
    """
    given = np.asarray(values)
    if not np.isin(given, (0, 1)).all():
        raise InvalidInputError("join counts are of true and false, or 1 and 0, and nothing else")
    x = checked_values(given, weights)
    n, true = len(x), x.sum()
    half = float(weights.sum()) / 2
    both = float(x @ (weights @ x)) / 2
    neither = float((1 - x) @ (weights @ (1 - x))) / 2
    pairs = half / (n * (n - 1))
    false = n - true
    return JoinCounts(
        both=both,
        neither=neither,
        mixed=half - both - neither,
        expected_both=float(pairs * true * (true - 1)),
        expected_neither=float(pairs * false * (false - 1)),
        expected_mixed=float(pairs * 2 * true * false),
    )


def checked_values(values: Any, weights: csr_array, *, least: int = 3) -> Floats:
    """Return the values as an array, checked to suit the weights and to differ."""
    x = as_numbers("values", values)
    if x.ndim != 1 or weights.shape != (len(x), len(x)):
        raise InvalidInputError(f"weights of shape {weights.shape} do not suit values of shape {x.shape}")
    if len(x) < least:
        raise InvalidInputError(f"at least {least} places are needed, not {len(x)}")
    wrong: Bools = ~np.isfinite(x)
    if wrong.any():
        raise InvalidInputError(f"the value of place {np.flatnonzero(wrong)[0]} is not finite: leave such places out")
    if np.ptp(x) == 0:
        raise InvalidInputError(f"every value is {x[0]:g}: without differences there is nothing to compare")
    return x


def _moments(x: Floats, *, star: bool) -> tuple[Floats, Floats]:
    """Return mean and variance of all values, or for each place of all others."""
    centred = x - x.mean()
    if star:
        return np.full(len(x), x.mean()), np.full(len(x), centred @ centred / len(x))
    others = len(x) - 1
    mean = -centred / others
    variance = np.maximum((centred @ centred - centred**2) / others - mean**2, 0.0)
    return mean + x.mean(), variance


def _deviations(values: Any, weights: csr_array) -> Floats:
    x = checked_values(values, weights, least=4)
    if weights.nnz == 0:
        raise InvalidInputError("no place has a neighbour: widen the weights")
    deviation: Floats = x - x.mean()
    return deviation


def _sums(weights: csr_array) -> tuple[float, float, float]:
    """Return S0, S1 and S2 of Cliff & Ord."""
    both = weights + weights.T
    s0 = float(weights.sum())
    s1 = float(both.power(2).sum()) / 2
    s2 = float(((weights.sum(axis=0) + weights.sum(axis=1)) ** 2).sum())
    return s0, s1, s2


def _tested(statistic: float, expected: float, normal: float, randomised: float) -> GlobalStatistic:
    z_normal = (statistic - expected) / np.sqrt(normal)
    z_randomised = (statistic - expected) / np.sqrt(randomised)
    return GlobalStatistic(
        statistic=float(statistic),
        expected=float(expected),
        z_normal=float(z_normal),
        p_normal=float(2 * scipy.special.ndtr(-abs(z_normal))),
        z_randomised=float(z_randomised),
        p_randomised=float(2 * scipy.special.ndtr(-abs(z_randomised))),
    )
