"""Hot spots in the course of time: trends, and how a place became hot or cold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from geo.checks import as_numbers
from geo.errors import InvalidInputError
from geo.networks.topology import Bools, Floats, Ints
from geo.statistics.autocorrelation import LocalG, getis_ord
from geo.statistics.inference import adjusted_p
from geo.statistics.weights import coordinates, distance_band

NAMES = ("new", "consecutive", "intensifying", "persistent", "diminishing", "sporadic", "oscillating", "historical")
PATTERNS = ("none", *(f"{name} {kind}" for kind in ("hot", "cold") for name in NAMES))
"""The 17 patterns."""

SIGNIFICANT = 0.05
OFTEN = 0.9
"""Share of the steps in which a place is hot that makes it an old acquaintance."""

ROUNDING = 1e-9

SAME_DECIMALS = 9
"""Values that agree so far are ties."""


@dataclass(frozen=True, eq=False)
class Trend:
    """Mann-Kendall tests of several series; arrays of the same length.

    Parameters
    ----------
    s
        Pairs that rise less pairs that fall.
    z
        Standard score: positive where the series rises.
    p
        Two-sided.
    """

    s: Floats
    z: Floats
    p: Floats


@dataclass(frozen=True, eq=False)
class Emergence:
    """What became of each place; arrays of the same length.

    Parameters
    ----------
    pattern
        One of `PATTERNS`.
    hot_steps, cold_steps
        In how many steps it is significant.
    trend
        Of its Gi*.
    """

    pattern: npt.NDArray[np.str_]
    hot_steps: Ints
    cold_steps: Ints
    trend: Trend


def mann_kendall(series: Any) -> Trend:
    """Test whether series rise or fall (Mann-Kendall), without regard to how much.

    ``S = sum_(i < j) sign(x_j - x_i)``, ``Var S = (n (n - 1) (2 n + 5) - sum_t t (t - 1) (2 t + 5)) / 18`` over the
    groups of t ties, ``z = (S ∓ 1) / sqrt(Var S)``, 0 for S = 0. Mann 1945, Econometrica 13(3), 245-259; Kendall 1975,
    Rank Correlation Methods.

    Parameters
    ----------
    series
        Shape (series, steps).

    Raises
    ------
    InvalidInputError
        If there are fewer than 3 steps, or a value is not finite.
    """
    x = np.round(as_numbers("series", series), SAME_DECIMALS)
    if x.ndim != 2 or x.shape[1] < 3:
        raise InvalidInputError(f"series need at least 3 steps: shape (series, steps), not {x.shape}")
    if not np.isfinite(x).all():
        raise InvalidInputError("every value of a series must be finite")
    steps = x.shape[1]
    s = np.zeros(len(x))
    for lag in range(1, steps):
        s += np.sign(x[:, lag:] - x[:, :-lag]).sum(axis=1)
    variance = (steps * (steps - 1) * (2 * steps + 5) - _ties(x)) / 18
    z = np.divide(s - np.sign(s), np.sqrt(variance), out=np.zeros(len(x)), where=variance > 0)
    return Trend(s, z, 2 * scipy.special.ndtr(-np.abs(z)))


def space_time_gi(cube: Floats, xy: Any, *, radius_m: float, steps_back: int = 1, each_step: bool = False) -> LocalG:
    """Find when and where high or low values gather (Gi* of a space-time cube).

    The neighbours of a bin are the bins of places within the radius, in the same step and those just before it. See
    `geo.statistics.autocorrelation.getis_ord`, with all bins of all steps as places; or each step by itself, so that it
    does not matter whether there is more or less everywhere.

    Parameters
    ----------
    cube
        Values, shape (places, steps).
    xy
        Coordinates of the places in metres.
    radius_m
        How near neighbours are.
    steps_back
        How many earlier steps count.
    each_step
        Compare the bins of each step with one another only; earlier steps do not count then, and a step in which all
        values are the same has no scores.

    Returns
    -------
    LocalG
        Arrays of the shape of the cube.

    Raises
    ------
    InvalidInputError
        If the cube isn't one, there isn't a place for each row of it, a value is not finite, or ``steps_back`` is
        negative; or if there are fewer than 3 bins, or all values are the same, unless each step is by itself.
    """
    cube = as_numbers("cube", cube)
    if cube.ndim != 2 or (len(cube) and not cube.shape[1]):
        raise InvalidInputError(f"a cube has the shape (places, steps) and a step at least, not {cube.shape}")
    if not np.isfinite(cube).all():
        raise InvalidInputError("every value of a cube must be finite")
    if steps_back < 0:
        raise InvalidInputError(f"steps_back must be 0 or more, not {steps_back}")
    if not len(cube):
        return LocalG(np.empty(cube.shape), np.empty(cube.shape))
    if len(coordinates(xy)) != len(cube):
        raise InvalidInputError(f"xy must have a place for each of the {len(cube)} rows of the cube")
    steps = cube.shape[1]
    if each_step:
        return _by_step(cube, xy, radius_m)
    back = min(steps_back, steps - 1)
    near = distance_band(xy, radius_m=radius_m * (1 + ROUNDING), include_self=True)
    recent = scipy.sparse.csr_array(np.tril(np.triu(np.ones((steps, steps)), -back)))
    found = getis_ord(cube.ravel(), scipy.sparse.csr_array(scipy.sparse.kron(near, recent, format="csr")), star=True)
    return LocalG(found.z.reshape(cube.shape), found.p.reshape(cube.shape))


def _by_step(cube: Floats, xy: Any, radius_m: float) -> LocalG:
    near = distance_band(xy, radius_m=radius_m * (1 + ROUNDING), include_self=True)
    z, p = np.full(cube.shape, np.nan), np.full(cube.shape, np.nan)
    for step in np.flatnonzero(np.ptp(cube, axis=0) > 0):
        found = getis_ord(cube[:, step], near, star=True)
        z[:, step], p[:, step] = found.z, found.p
    return LocalG(z, p)


def emerging_patterns(gi: LocalG) -> Emergence:
    """Class places by how they became hot or cold (emerging hot spot analysis).

    A bin is significant at 5 %, corrected for all bins (`geo.statistics.inference.adjusted_p`). With "often" for at
    least 90 % of the steps, hot places, and cold ones likewise, are in this order:

    - new: hot in the last step, and never before;
    - consecutive: hot in the last steps without a break, at least 2, never before them, and not often;
    - intensifying, persistent, diminishing: hot in the last step and often, with Gi* growing more extreme, neither,
      or less extreme (Mann-Kendall at 5 %);
    - oscillating: hot in the last step, and cold in one before;
    - sporadic: hot in the last step, on and off before;
    - historical: not hot in the last step, but often before.

    The definitions are those of ArcGIS Pro's tool of the same name.

    Parameters
    ----------
    gi
        From `space_time_gi`.

    Raises
    ------
    InvalidInputError
        If there are fewer than 3 steps.
    """
    z = np.where(np.isnan(gi.z), 0.0, gi.z)
    trend = mann_kendall(z) if len(z) else Trend(np.empty(0), np.empty(0), np.empty(0))
    significant = np.nan_to_num(adjusted_p(gi.p.ravel()).reshape(gi.p.shape), nan=1.0) <= SIGNIFICANT
    hot, cold = significant & (z > 0), significant & (z < 0)
    growing = np.where(trend.p <= SIGNIFICANT, np.sign(trend.z), 0.0)
    pattern = np.full(len(z), PATTERNS[0], dtype=f"<U{max(map(len, PATTERNS))}")
    for kind, own, other, sign in (("cold", cold, hot, -1), ("hot", hot, cold, 1)):
        for name, rows in _classed(own, other, growing * sign).items():
            pattern[rows] = f"{name} {kind}"
    return Emergence(pattern, hot.sum(axis=1), cold.sum(axis=1), trend)


def _classed(own: Bools, other: Bools, growing: Floats) -> dict[str, Bools]:
    """Return which places have each pattern; a place has at most one."""
    steps = own.shape[1]
    total = own.sum(axis=1)
    run = np.where(own.all(axis=1), steps, np.argmin(own[:, ::-1], axis=1)) if steps else total
    final, often, once = run > 0, total >= OFTEN * steps, total == run
    tests = {
        "new": final & (total == 1),
        "consecutive": final & once & ~often,
        "intensifying": final & often & (growing > 0),
        "diminishing": final & often & (growing < 0),
        "persistent": final & often,
        "oscillating": final & other.any(axis=1),
        "sporadic": final,
        "historical": ~final & often & (total > 0),
    }
    left = np.ones(len(own), dtype=bool)
    for name, rows in tests.items():
        tests[name] = rows & left
        left &= ~rows
    return tests


def _ties(x: Floats) -> Floats:
    """Return sum t (t - 1) (2 t + 5) over the groups of equal values of each row."""
    ordered = np.sort(x, axis=1)
    begins = np.ones(x.shape, dtype=bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    count = np.diff(np.append(np.flatnonzero(begins), x.size)).astype(float)
    row = np.flatnonzero(begins) // x.shape[1]
    return np.bincount(row, weights=count * (count - 1) * (2 * count + 5), minlength=len(x)).astype(float)
