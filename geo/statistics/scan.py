"""Scan statistics: which of all circles, or cylinders of space and time, holds the least likely excess of events."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from geo.checks import amounts, as_numbers
from geo.errors import InvalidInputError
from geo.networks.topology import Floats, Ints
from geo.statistics.weights import coordinates, near_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from geo.networks.topology import Bools

WINDOWS_AT_MOST = 20_000_000
"""Circles, or circles by intervals: more would not fit in memory."""

WINDOWS_AT_ONCE = 100_000

WORK_AT_MOST = 2_000_000_000
"""Windows by permutations: more would take minutes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ScanCluster:
    """A window with more events than expected.

    Parameters
    ----------
    centre
        Position of the place in its middle.
    places
        Positions of the places in it.
    radius_m
        From the centre to the farthest of them.
    first, last
        Steps of time between which it lies, both included; 0 where time does not count.
    observed, expected
        Events in it.
    relative_risk
        ``(observed / expected) / ((total - observed) / (total - expected))``; infinite where all events are in it.
    statistic
        Logarithm of the likelihood ratio.
    p
        Share of the permutations, this one included, in which some window is at least as unlikely.
    """

    centre: int
    places: Ints
    radius_m: float
    first: int
    last: int
    observed: int
    expected: float
    relative_risk: float
    statistic: float
    p: float


def scan_space(
    xy: Any,
    events: Any,
    population: Any,
    *,
    radius_m: float,
    share: float = 0.5,
    permutations: int = 999,
    seed: int,
    clusters: int = 10,
) -> list[ScanCluster]:
    """Find circles with more events than their population explains (Kulldorff's spatial scan statistic, Poisson).

    Circles of every size are drawn around each place. Of a circle with c of the C events, and E expected by its share
    of the population, the statistic is ``c log(c / E) + (C - c) log((C - c) / (C - E))`` where c > E; the greatest is
    compared with the greatest where all events are put on people at random. Kulldorff 1997, Communications in
    Statistics 26(6), 1481-1496.

    Parameters
    ----------
    xy
        Coordinates of places in metres, shape (places, 2).
    events
        How many happened at each.
    population
        At risk at each.
    radius_m
        No circle is larger.
    share
        No circle holds a larger share of the population.
    permutations, seed
        How often events are put at random, and with which random numbers.
    clusters
        At most so many are returned, of which no two have a place in common.

    Returns
    -------
    list[ScanCluster]
        The least likely first; empty where no circle has an excess.

    Raises
    ------
    InvalidInputError
        If lengths differ, events are no whole numbers, a place has events and nobody at risk, a number is out of range,
        or windows are too many.
    """
    places, counts = _given(xy, events, permutations, share)
    people = amounts("population", population, count=len(places))
    if ((people == 0) & (counts > 0)).any():
        raise InvalidInputError("events need a population: a place has events and nobody at risk")
    total = int(counts.sum())
    if not total:
        return []
    circles = _Circles.around(places, people, radius_m=radius_m, share=share)
    expected = circles.sums(people[np.newaxis]) * (total / people.sum())
    rng = np.random.default_rng(seed)
    chance = people / people.sum()
    drawn = (rng.multinomial(total, chance)[np.newaxis] for _ in range(permutations))
    task = _Task(circles, np.array([[0, 1]]), expected, total)
    return task.solve(counts[np.newaxis], drawn, permutations, clusters)


def scan_space_time(
    xy: Any,
    step: Any,
    place: Any,
    *,
    radius_m: float,
    share: float = 0.5,
    longest: int | None = None,
    until_last: bool = False,
    permutations: int = 999,
    seed: int,
    clusters: int = 10,
) -> list[ScanCluster]:
    """Find where and when there are more events than places and times explain (space-time permutation scan).

    A cylinder is a circle and some steps of time; expected in it is ``C_z C_t / C`` of the events in its circle and in
    its interval. The statistic is that of `scan_space`; at random, the times of the events are exchanged. So no
    population is needed. Kulldorff et al. 2005, PLoS Medicine 2(3), e59.

    Parameters
    ----------
    xy
        Coordinates of places in metres, shape (places, 2).
    step
        Step of time of each event, from 0.
    place
        Position, in `xy`, of each event.
    radius_m, share, permutations, seed, clusters
        See `scan_space`; the share is of the events.
    longest
        Most steps of a cylinder; by default half of them all.
    until_last
        Only cylinders that reach the last step, for the detection of what is going on (prospective).

    Raises
    ------
    InvalidInputError
        As `scan_space`, or if a step or a place is out of range.
    """
    when, where = _whole("steps", step), _whole("places", place)
    places, _ = _given(xy, np.zeros(len(xy)), permutations, share)
    if when.shape != where.shape or when.ndim != 1:
        raise InvalidInputError(f"events need as many steps as places: not {when.shape} and {where.shape}")
    if not len(when):
        return []
    if when.min() < 0 or where.min() < 0 or where.max() >= len(places):
        raise InvalidInputError(f"steps must be 0 or more, and places from 0 to {len(places) - 1}")
    steps = int(when.max()) + 1
    count = partial(_cube, places=len(places), steps=steps, where=where)
    at, during = np.bincount(where, minlength=len(places)), np.bincount(when, minlength=steps)
    circles = _Circles.around(places, at.astype(float), radius_m=radius_m, share=share)
    intervals = _intervals(steps, max(steps // 2, 1) if longest is None else longest, until_last=until_last)
    in_interval = np.append(0, np.cumsum(during))[intervals]
    expected = ((in_interval[:, 1] - in_interval[:, 0]) / len(when))[:, np.newaxis] * circles.sums(at[np.newaxis])
    rng = np.random.default_rng(seed)
    drawn = (count(rng.permutation(when)) for _ in range(permutations))
    return _Task(circles, intervals, expected, len(when)).solve(count(when), drawn, permutations, clusters)


@dataclass(frozen=True, eq=False)
class _Circles:
    """Circles around places, each holding those up to a place in the order of distance."""

    member: Ints
    begin: Ints
    distance_m: Floats
    last: Ints

    @classmethod
    def around(cls, xy: Floats, weight: Floats, *, radius_m: float, share: float) -> _Circles:
        pairs = near_pairs(xy, radius_m=radius_m)
        each = np.arange(len(xy))
        centre = np.concatenate([pairs[:, 0], pairs[:, 1], each])
        member = np.concatenate([pairs[:, 1], pairs[:, 0], each])
        apart = xy[centre] - xy[member]
        distance_m = np.hypot(apart[:, 0], apart[:, 1])
        order = np.lexsort((member, distance_m, centre))
        centre, member, distance_m = centre[order], member[order], distance_m[order]
        begin = np.searchsorted(centre, each)[centre]
        ends = np.ones(len(centre), dtype=bool)
        ends[:-1] = (centre[1:] != centre[:-1]) | (distance_m[1:] > distance_m[:-1])
        held = cls(member, begin, distance_m, np.arange(len(centre))).sums(weight[np.newaxis])[0]
        kept = ends & (held > 0) & (held <= share * weight.sum() * (1 + 1e-12))
        return cls(member, begin, distance_m, np.flatnonzero(kept))

    def sums(self, values: np.typing.NDArray[Any]) -> np.typing.NDArray[Any]:
        """Return the sums over the places of each circle, shape (rows, circles), of values of shape (rows, places)."""
        sums = np.empty((len(values), len(self.last)), dtype=values.dtype)
        running = np.zeros(len(self.member) + 1, dtype=values.dtype)
        first, after = self.begin[self.last], self.last + 1
        for row, each in zip(sums, values, strict=True):
            np.cumsum(each[self.member], out=running[1:])
            np.subtract(running[after], running[first], out=row)
        return sums

    def places(self, circle: int) -> Ints:
        last = self.last[circle]
        return self.member[self.begin[last] : last + 1]


@dataclass(frozen=True, eq=False)
class _Task:
    """Intervals of time (first step, and the one after the last), circles, and what is expected in each by each."""

    circles: _Circles
    intervals: Ints
    expected: Floats
    total: int

    def solve(self, counts: Ints, drawn: Iterator[Ints], permutations: int, clusters: int) -> list[ScanCluster]:
        if self.expected.size > WINDOWS_AT_MOST or self.expected.size * permutations > WORK_AT_MOST:
            raise InvalidInputError(
                f"{self.expected.size:,} windows are too many for {permutations} permutations: take a smaller radius, "
                "fewer places, longer steps, or fewer permutations"
            )
        if not self.expected.size:
            return []
        weigh = self._weigher()
        held = self.circles.sums(counts)
        every = slice(0, held.shape[1])
        observed = self._observed(held)
        found = weigh(observed, every)
        greatest = np.array([self._greatest(self.circles.sums(each), weigh) for each in drawn])
        return [
            self._cluster(circle, interval, observed, found, greatest)
            for circle, interval in self._best(found, counts.shape[1], clusters)
        ]

    def _greatest(self, held: Ints, weigh: Callable[[Ints, slice], Floats]) -> float:
        """Return the greatest statistic, found of so many circles at once as the processor's cache holds."""
        step = max(1, WINDOWS_AT_ONCE // len(self.intervals))
        some = (slice(first, first + step) for first in range(0, held.shape[1], step))
        return max(float(weigh(self._observed(held[:, each]), each).max()) for each in some)

    def _observed(self, held: Ints) -> Ints:
        """Return the events in each interval of circles that hold so many in each step."""
        running = np.zeros((len(held) + 1, held.shape[1]), dtype=np.int64)
        np.cumsum(held, axis=0, out=running[1:])
        observed: Ints = running[self.intervals[:, 1]] - running[self.intervals[:, 0]]
        return observed

    def _weigher(self) -> Callable[[Ints, slice], Floats]:
        """Return the function that gives the statistic of the counts of some circles; 0 where there is no excess."""
        number = np.arange(self.total + 1, dtype=float)
        entropy = number * np.log(np.maximum(number, 1.0))
        entropy = entropy + entropy[::-1]
        outside = np.log(np.maximum(self.total - self.expected, np.finfo(float).tiny))
        slope = np.log(np.maximum(self.expected, np.finfo(float).tiny)) - outside
        level, least = self.total * outside, self.expected * (1 + 1e-12)

        def weigh(count: Ints, circles: slice) -> Floats:
            ratio: Floats = entropy[count]
            ratio -= count * slope[:, circles]
            ratio -= level[:, circles]
            ratio[count <= least[:, circles]] = 0.0
            return ratio

        return weigh

    def _best(self, found: Floats, places: int, clusters: int) -> Iterator[tuple[int, int]]:
        """Yield the windows of the greatest statistics that have no place in common."""
        free = np.ones(found.shape[1], dtype=bool)
        used: Bools = np.zeros(places, dtype=bool)
        for _ in range(clusters):
            left = np.flatnonzero(free)
            if not len(left):
                return
            interval, column = divmod(int(found[:, left].argmax()), len(left))
            circle = int(left[column])
            if found[interval, circle] <= 0:
                return
            yield circle, interval
            used[self.circles.places(circle)] = True
            free &= self.circles.sums(used[np.newaxis].astype(np.int64))[0] == 0

    def _cluster(self, circle: int, interval: int, observed: Ints, found: Floats, greatest: Floats) -> ScanCluster:
        count, expected = int(observed[interval, circle]), float(self.expected[interval, circle])
        statistic = float(found[interval, circle])
        rest = (self.total - count) / (self.total - expected)
        last = self.circles.last[circle]
        beaten = np.count_nonzero(greatest >= statistic * (1 - 1e-12))
        return ScanCluster(
            centre=int(self.circles.member[self.circles.begin[last]]),
            places=np.sort(self.circles.places(circle)),
            radius_m=float(self.circles.distance_m[last]),
            first=int(self.intervals[interval, 0]),
            last=int(self.intervals[interval, 1]) - 1,
            observed=count,
            expected=expected,
            relative_risk=count / expected / rest if rest > 0 else np.inf,
            statistic=statistic,
            p=(beaten + 1) / (len(greatest) + 1),
        )


def _intervals(steps: int, longest: int, *, until_last: bool) -> Ints:
    if longest < 1:
        raise InvalidInputError(f"longest must be at least 1 step, not {longest}")
    first, after = np.triu_indices(steps + 1, k=1)
    kept = (after - first <= longest) & ((after == steps) | (not until_last))
    return np.column_stack([first[kept], after[kept]])


def _whole(name: str, values: Any) -> Ints:
    given = as_numbers(name, values)
    if not np.isfinite(given).all() or (given != given.round()).any():
        raise InvalidInputError(f"{name} must be whole numbers")
    return given.astype(np.int64)


def _cube(when: Ints, *, places: int, steps: int, where: Ints) -> Ints:
    return np.bincount(when * places + where, minlength=places * steps).reshape(steps, places)


def _given(xy: Any, events: Any, permutations: int, share: float) -> tuple[Floats, Ints]:
    places = coordinates(xy)
    counts = amounts("events", events, count=len(places))
    if (counts != counts.round()).any():
        raise InvalidInputError("events must be whole numbers")
    if permutations < 1:
        raise InvalidInputError(f"permutations must be at least 1, not {permutations}")
    if not 0 < share < 1:
        raise InvalidInputError(f"share must be between 0 and 1, not {share}")
    return places, counts.astype(np.int64)
