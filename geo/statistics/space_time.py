"""Space-time interaction: are events that are near in space also near in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geo.errors import InvalidInputError
from geo.statistics.clusters import in_days
from geo.statistics.weights import coordinates, near_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from geo.networks.topology import Floats, Ints


@dataclass(frozen=True)
class KnoxTest:
    """Pairs of events, and how likely as many are near in both space and time by chance.

    Parameters
    ----------
    pairs
        All pairs.
    near_space, near_time, near_both
        Those that are near in space, in time, in both.
    expected
        ``near_space * near_time / pairs``: near in both without interaction.
    p
        One-sided: ``(permutations with as many or more + 1) / (permutations + 1)``.
    """

    pairs: int
    near_space: int
    near_time: int
    near_both: int
    expected: float
    p: float


def knox(xy: Any, times: Any, *, radius_m: float, window_d: float, permutations: int = 999, seed: int) -> KnoxTest:
    """Test whether events near in space are also near in time (Knox test).

    Times are put on the places at random to see how many pairs are near in both by chance.
    Knox 1964, Applied Statistics 13(1), 25-29.

    Parameters
    ----------
    xy
        Coordinates in metres, shape (events, 2).
    times
        When each event happened: numbers of days, or dates and times.
    radius_m
        Pairs at most so far apart are near in space.
    window_d
        Pairs at most so many days apart are near in time.
    permutations
        How often times are put at random.
    seed
        Of the random numbers.

    Raises
    ------
    InvalidInputError
        If there are fewer than 2 events, a coordinate or time is missing, or a limit is not positive.
    """
    places, days = _events(xy, times, permutations)
    if not window_d > 0:
        raise InvalidInputError(f"window_d must be positive, not {window_d}")
    near = near_pairs(places, radius_m=radius_m)
    reach = window_d * (1 + 1e-12)
    count = [
        int(np.count_nonzero(np.abs(each[near[:, 0]] - each[near[:, 1]]) <= reach))
        for each in (days, *_shuffled(days, permutations, seed))
    ]
    ordered = np.sort(days)
    near_time = int((np.searchsorted(ordered, ordered + reach, side="right") - np.arange(1, len(days) + 1)).sum())
    pairs = len(days) * (len(days) - 1) // 2
    return KnoxTest(
        pairs=pairs,
        near_space=len(near),
        near_time=near_time,
        near_both=count[0],
        expected=len(near) * near_time / pairs,
        p=sum(each >= count[0] for each in count) / len(count),
    )


def near_repeats(
    xy: Any, times: Any, *, distances_m: Sequence[float], days: Sequence[float], permutations: int = 999, seed: int
) -> pd.DataFrame:
    """Find how far and for how long an event makes another one more likely (near-repeat pattern).

    Pairs of events are counted by distance and by time between them, and compared with what chance gives, by the
    Knox test for each combination. Ratcliffe & Rengert 2008, Security Journal 21, 58-76.

    Parameters
    ----------
    xy
        Coordinates in metres, shape (events, 2).
    times
        When each event happened: numbers of days, or dates and times.
    distances_m, days
        Limits of the bands, rising from 0 or more: ``(0, 100, 200)`` makes 0 to 100 and over 100 to 200. The lowest
        limit itself belongs to the first band.
    permutations
        How often times are put on the places at random.
    seed
        Of the random numbers.

    Returns
    -------
    pandas.DataFrame
        One row a combination: ``from_m``, ``to_m``, ``from_d``, ``to_d``, ``observed`` pairs, ``expected`` (mean of
        the permutations), ``ratio`` (NaN where none is expected), ``p`` (one-sided, as in `KnoxTest`).

    Raises
    ------
    InvalidInputError
        If there are fewer than 2 events, a coordinate or time is missing, or limits do not rise.
    """
    places, when = _events(xy, times, permutations)
    across, along = _limits(distances_m, "distances_m"), _limits(days, "days")
    near = near_pairs(places, radius_m=across[-1])
    apart = places[near[:, 0]] - places[near[:, 1]]
    row = _bands(np.hypot(apart[:, 0], apart[:, 1]), across)
    near, row = near[row >= 0], row[row >= 0]
    tables = np.stack([_table(each, near, row, across, along) for each in (when, *_shuffled(when, permutations, seed))])
    expected = tables[1:].mean(axis=0)
    return pd.DataFrame(
        {
            "from_m": np.repeat(across[:-1], len(along) - 1),
            "to_m": np.repeat(across[1:], len(along) - 1),
            "from_d": np.tile(along[:-1], len(across) - 1),
            "to_d": np.tile(along[1:], len(across) - 1),
            "observed": tables[0],
            "expected": expected,
            "ratio": np.divide(tables[0], expected, out=np.full(len(expected), np.nan), where=expected > 0),
            "p": (tables >= tables[0]).mean(axis=0),
        }
    )


def _events(xy: Any, times: Any, permutations: int) -> tuple[Floats, Floats]:
    places = coordinates(xy)
    if len(places) < 2:
        raise InvalidInputError(f"at least 2 events are needed, not {len(places)}")
    if permutations < 1:
        raise InvalidInputError(f"permutations must be at least 1, not {permutations}")
    return places, in_days(times, len(places))


def _shuffled(days: Floats, permutations: int, seed: int) -> Iterator[Floats]:
    rng = np.random.default_rng(seed)
    for _ in range(permutations):
        yield rng.permutation(days)


def _limits(given: Sequence[float], name: str) -> Floats:
    limits = np.asarray(given, dtype=float)
    if len(limits) < 2 or not (np.isfinite(limits).all() and limits[0] >= 0 and (np.diff(limits) > 0).all()):
        raise InvalidInputError(f"{name} must be at least 2 limits that rise from 0 or more, not {list(given)}")
    return limits


def _bands(values: Floats, limits: Floats) -> Ints:
    """Return the band of each value; -1 outside all."""
    band = np.searchsorted(limits * (1 + 1e-12), values) - 1
    band[values == limits[0]] = 0
    band[band >= len(limits) - 1] = -1
    return band


def _table(days: Floats, near: Ints, row: Ints, across: Floats, along: Floats) -> Ints:
    column = _bands(np.abs(days[near[:, 0]] - days[near[:, 1]]), along)
    width = len(along) - 1
    inside = column >= 0
    return np.bincount(row[inside] * width + column[inside], minlength=(len(across) - 1) * width)
