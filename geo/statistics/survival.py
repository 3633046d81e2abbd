"""How long things last, where some have not ended yet or ended at a time nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from geo.checks import amounts
from geo.errors import InvalidInputError
from geo.networks.topology import Bools, Floats, Ints

CONVERGED = 1e-7
ITERATIONS_AT_MOST = 20_000


@dataclass(frozen=True, eq=False, kw_only=True)
class SurvivalCurve:
    """The part that lasts longer than each of some times; arrays of the same length.

    Parameters
    ----------
    time
        When something ended, ascending; the curve is level between.
    survival
        Part that lasts longer, from there on.
    standard_error
        Of it; NaN where it is not known.
    at_risk, ended
        How many lasted until just before, and how many ended then; empty where ends were not all seen.
    longest
        The longest time for which anything was observed: the curve says nothing beyond.
    """

    time: Floats
    survival: Floats
    standard_error: Floats
    at_risk: Ints
    ended: Ints
    longest: float

    def at(self, time: Any) -> Floats:
        """Return the part that lasts longer than given times; NaN beyond the longest observed."""
        wanted = np.asarray(time, dtype=float)
        level = np.concatenate([[1.0], self.survival])[np.searchsorted(self.time, wanted, side="right")]
        beyond = (wanted > self.longest) & (level > 0)
        return np.where(beyond | np.isnan(wanted), np.nan, level)

    def quantile(self, part: float) -> float:
        """Return the time at which a part has ended, the first for which survival is at most 1 - part; NaN if never.

        The median is that of 0.5.
        """
        return _first_at_most(self.time, self.survival, 1 - part)

    def interval(self, part: float, *, confidence: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval of a quantile (Brookmeyer & Crowley 1982, with the log-log transformation).

        The times at which the interval of the survival, ``S ** exp(±z se / (S log S))``, crosses 1 - part; NaN where it
        does not.
        """
        low, high = self.bounds(confidence=confidence)
        return _first_at_most(self.time, low, 1 - part), _first_at_most(self.time, high, 1 - part)

    def bounds(self, *, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the confidence interval of the survival at each time (log-log; Kalbfleisch & Prentice 1980)."""
        if not 0 < confidence < 1:
            raise InvalidInputError(f"confidence must be between 0 and 1, not {confidence}")
        inside = (self.survival > 0) & (self.survival < 1)
        log = np.log(np.where(inside, self.survival, 0.5))
        spread = (
            scipy.special.ndtri((1 + confidence) / 2) * self.standard_error / np.where(inside, self.survival * log, 1.0)
        )
        level = np.where(np.isnan(self.standard_error), np.nan, self.survival)
        low, high = (np.where(inside, np.exp(log * np.exp(sign * spread)), level) for sign in (-1, 1))
        return np.minimum(low, high), np.maximum(low, high)

    def restricted_mean(self, until: float) -> float:
        """Return the mean time, where what lasts longer than `until` counts as that: the area below the curve.

        NaN where the curve ends before.
        """
        if until > self.longest and (not len(self.survival) or self.survival[-1] > 0):
            return float("nan")
        steps = np.concatenate([[0.0], self.time[self.time < until], [until]])
        return float(np.diff(steps) @ np.concatenate([[1.0], self.survival])[: len(steps) - 1])


def kaplan_meier(duration: Any, ended: Any) -> SurvivalCurve:
    """Estimate survival where some have not ended yet (Kaplan-Meier).

    ``S(t) = prod_(t_i <= t) (1 - d_i / n_i)`` over the times at which d of the n that lasted until then end; the
    variance ``S² sum d_i / (n_i (n_i - d_i))`` of Greenwood 1926. Kaplan & Meier 1958, J. American Statistical
    Association 53(282), 457-481.

    Parameters
    ----------
    duration
        How long each lasted, or has lasted so far, 0 or more.
    ended
        Whether it has ended.

    Raises
    ------
    InvalidInputError
        If there is nothing, lengths differ, or a duration is negative or not finite.
    """
    lasted, over = _given(duration, ended)
    time, position = np.unique(lasted, return_inverse=True)
    ends = np.bincount(position, weights=over, minlength=len(time)).astype(np.int64)
    gone = np.bincount(position, minlength=len(time))
    at_risk = len(lasted) - np.cumsum(gone) + gone
    some = ends > 0
    time, ends, at_risk = time[some], ends[some], at_risk[some]
    survival = np.cumprod(1 - ends / at_risk)
    left = at_risk - ends
    greenwood = np.divide(ends, at_risk * left, out=np.zeros(len(ends)), where=left > 0)
    return SurvivalCurve(
        time=time,
        survival=survival,
        standard_error=survival * np.sqrt(np.cumsum(greenwood)),
        at_risk=at_risk,
        ended=ends,
        longest=float(lasted.max()),
    )


def current_status(age: Any, ended: Any) -> SurvivalCurve:
    """Estimate survival where all that is known is whether each has ended by its age (current status data).

    The share that has ended rises with age: of all rising curves that nearest to the observed ones, by pooling
    neighbours that fall (Ayer, Brunk, Ewing, Reid & Silverman 1955, Annals of Mathematical Statistics 26(4), 641-647),
    which is the maximum likelihood estimate (Groeneboom & Wellner 1992). It converges slower than `kaplan_meier`, and
    has no simple standard error; between the ages observed nothing is known, and ends are put as late as they fit.

    Parameters
    ----------
    age
        How long ago each began, 0 or more.
    ended
        Whether it has ended since.

    Raises
    ------
    InvalidInputError
        As `kaplan_meier`.
    """
    since, over = _given(age, ended)
    time, position = np.unique(since, return_inverse=True)
    count = np.bincount(position).astype(float)
    part = np.bincount(position, weights=over) / count
    rising = np.clip(scipy.optimize.isotonic_regression(part, weights=count).x, 0.0, 1.0)
    return _curve(time, 1 - rising, float(since.max()))


def doubly_censored(duration: Any, state: Any) -> SurvivalCurve:
    """Estimate survival where some ended at a known time, some before a time, and some have not ended by a time.

    The self-consistent estimate: each that ended before its time is spread over the times up to it, each that has not
    ended over those after it, by the estimate itself, until it stays the same (Turnbull 1974, J. American Statistical
    Association 69(345), 169-173). With none that ended before a time it is `kaplan_meier`, with none that ended at a
    known time `current_status`; these are taken then.

    Parameters
    ----------
    duration
        The known time, 0 or more.
    state
        0 where it ended then, 1 where it has not ended by then, -1 where it ended at some time before.

    Raises
    ------
    InvalidInputError
        As `kaplan_meier`, if a state is something else, or the estimate does not settle.
    """
    codes = np.asarray(state)
    if not np.isin(codes, (-1, 0, 1)).all():
        raise InvalidInputError("states must be 0, 1 or -1")
    lasted, _ = _given(duration, np.zeros(codes.shape, dtype=bool))
    if not (codes == -1).any():
        return kaplan_meier(lasted, codes == 0)
    if not (codes == 0).any():
        return current_status(lasted, codes == -1)
    time, position = np.unique(lasted, return_inverse=True)
    exact, before, after = (np.bincount(position[codes == each], minlength=len(time)) for each in (0, -1, 1))
    mass = np.full(len(time) + 1, 1 / (len(time) + 1))
    for _ in range(ITERATIONS_AT_MOST):
        settled = _redistributed(mass, exact, before, after)
        if np.abs(settled - mass).max() < CONVERGED / len(mass):
            return _curve(time, 1 - np.cumsum(settled[:-1]), float(lasted.max()))
        mass = settled
    raise InvalidInputError("the estimate does not settle: too few ended at a known time")


def _redistributed(mass: Floats, exact: Ints, before: Ints, after: Ints) -> Floats:
    """Return the mass of each time, and of what never ends, after one step of self-consistency."""
    total = exact.sum() + before.sum() + after.sum()
    until = np.cumsum(mass)[:-1]
    beyond = np.cumsum(mass[::-1])[::-1][1:]
    from_left = np.divide(before, until, out=np.zeros(len(until)), where=until > 0)
    from_right = np.divide(after, beyond, out=np.zeros(len(beyond)), where=beyond > 0)
    factor = np.append(np.cumsum(from_left[::-1])[::-1], 0.0) + np.concatenate([[0.0], np.cumsum(from_right)])
    moved: Floats = (np.append(exact, 0) + mass * factor) / total
    return moved


def _curve(time: Floats, survival: Floats, longest: float) -> SurvivalCurve:
    """Return a curve without standard errors, at the times where it falls."""
    level = np.clip(survival, 0.0, 1.0)
    level[level < CONVERGED] = 0.0
    falls = np.diff(level, prepend=1.0) < -CONVERGED / max(len(time), 1)
    nothing = np.empty(0, dtype=np.int64)
    return SurvivalCurve(
        time=time[falls],
        survival=level[falls],
        standard_error=np.full(int(falls.sum()), np.nan),
        at_risk=nothing,
        ended=nothing,
        longest=longest,
    )


def _first_at_most(time: Floats, level: Floats, most: float) -> float:
    if not 0 <= most < 1:
        raise InvalidInputError(f"a part must be over 0 and at most 1, not {1 - most}")
    reached = np.flatnonzero(level <= most + 1e-12)
    return float(time[reached[0]]) if len(reached) else float("nan")


def _given(duration: Any, ended: Any) -> tuple[Floats, Bools]:
    lasted = amounts("durations", duration)
    over = np.asarray(ended, dtype=bool)
    if lasted.ndim != 1 or lasted.shape != over.shape:
        raise InvalidInputError(f"there must be as many durations as ends, not {lasted.shape} and {over.shape}")
    if not len(lasted):
        raise InvalidInputError("nothing was observed: give at least one duration")
    return lasted, over
