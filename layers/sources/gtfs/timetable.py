"""What a GTFS timetable says of a day: departures at stops and on routes, and the gaps between them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from layers.sources.gtfs.feed import Feed

_DAYTIME_S = (7 * 3600, 19 * 3600)
_MINUTE_S = 60
_MOST_RUNS = 10_000

Runs = list[tuple[int, int, int]]


class StopTimes:
    """Calls at stops, gathered row by row and given as a table; it takes some 25 bytes a call."""

    def __init__(self) -> None:
        self._trip, self._stop, self._sequence = array("i"), array("i"), array("q")
        self._time_s, self._boards = array("d"), array("b")

    def add(self, trip: int, stop: int, sequence: int, time_s: float, boards: bool) -> None:
        """Take a call in: the numbers of its trip and stop, its place in the trip, when one leaves (NaN if unknown)."""
        self._trip.append(trip)
        self._stop.append(stop)
        self._sequence.append(sequence)
        self._time_s.append(time_s)
        self._boards.append(boards)

    def frame(self) -> pd.DataFrame:
        """Return the calls in the order of the trips and of the stops in each, missing times filled in between.

        The columns ``first`` and ``last`` tell the first and the last call of each trip.
        """
        frame = pd.DataFrame(
            {
                "trip": np.array(self._trip, np.int32),
                "stop": np.array(self._stop, np.int32),
                "sequence": np.array(self._sequence, np.int64),
                "time_s": np.array(self._time_s, float),
                "boards": np.array(self._boards, bool),
            }
        ).sort_values(["trip", "sequence"], kind="stable", ignore_index=True)
        frame["first"] = ~frame["trip"].duplicated()
        frame["last"] = ~frame["trip"].duplicated(keep="last")
        frame["time_s"] = _filled_in(frame["time_s"].to_numpy(), frame["trip"].to_numpy())
        return frame


def read_runs(feed: Feed, trips: Mapping[str, int]) -> dict[int, Runs]:
    """Read ``frequencies.txt``: by trip the first and the last second, and the seconds between its runs."""
    runs: dict[int, Runs] = {}
    columns = ("trip_id", "start_time", "end_time", "headway_secs")
    for line, cells in feed.rows("frequencies", columns):
        try:
            trip, first, last, headway = trips[cells[0]], seconds(cells[1]), seconds(cells[2]), int(cells[3])
        except KeyError:
            reason = "frequencies.txt names a trip that trips.txt doesn't have"
        except ValueError:
            reason = "a row of frequencies.txt has no times or no headway_secs"
        else:
            if headway > 0 and first < last <= first + headway * _MOST_RUNS:
                runs.setdefault(trip, []).append((first, last, headway))
                continue
            reason = f"a row of frequencies.txt gives no headway, no span, or more than {_MOST_RUNS:,} runs"
        feed.reject("frequencies", line, reason, dict(zip(columns, cells, strict=True)))
    return runs


@lru_cache(maxsize=200_000)
def seconds(text: str) -> int:
    """Return the seconds since the beginning of the day of service; hours may go past 24.

    Raises
    ------
    ValueError
        It is no such time.
    """
    hours, minutes, rest = text.split(":")
    if not (hours.isdigit() and minutes.isdigit() and rest.isdigit() and len(minutes) == len(rest) == 2):
        raise ValueError(f"{text!r} is no time such as 07:30:00")
    if int(minutes) >= _MINUTE_S or int(rest) >= _MINUTE_S:
        raise ValueError(f"{text!r} is no time such as 07:30:00")
    return int(hours) * 3600 + int(minutes) * _MINUTE_S + int(rest)


def clock(second: float) -> str:
    """Write a time of the day of service as ``07:30``; hours go past 24."""
    minutes = int(second) // _MINUTE_S
    return f"{minutes // _MINUTE_S:02}:{minutes % _MINUTE_S:02}"


def runs_a_day(windows: Runs) -> int:
    """Count the runs of a trip that is repeated."""
    return sum(-(-(last - first) // headway) for first, last, headway in windows)


def departures(calls: pd.DataFrame, runs: Mapping[int, Runs]) -> pd.DataFrame:
    """Return when vehicles leave stops: at each call but the last of a trip, for each run of a repeated trip.

    Parameters
    ----------
    calls
        Of the trips of one day, as :meth:`StopTimes.frame` returns them.
    runs
        Of trips that are repeated, by trip.

    Returns
    -------
    pandas.DataFrame
        The columns ``trip``, ``stop``, ``time_s`` (NaN where unknown), ``first`` and ``boards``.
    """
    begin = calls["time_s"].where(calls["first"]).groupby(calls["trip"]).transform("first")
    leaving = calls.assign(since_s=calls["time_s"] - begin)[~calls["last"]]
    repeated = leaving["trip"].isin(list(runs))
    starts = [
        (trip, start)
        for trip, windows in runs.items()
        for first, last, headway in windows
        for start in range(first, last, headway)
    ]
    times = pd.DataFrame(starts, columns=["trip", "start_s"]).astype({"trip": np.int32, "start_s": float})
    again = leaving[repeated].merge(times, on="trip")
    again["time_s"] = again["start_s"] + again["since_s"]
    columns = ["trip", "stop", "time_s", "first", "boards"]
    return pd.concat([leaving.loc[~repeated, columns], again[columns]], ignore_index=True)


def headways_min(leaving: pd.DataFrame, by: Sequence[str], within: Sequence[str] = ()) -> dict[int, float]:
    """Return the median gap between departures in the daytime, 7 to 19 o'clock, in minutes.

    Departures of the same second are one.

    Parameters
    ----------
    leaving
        Departures, with the column ``time_s``.
    by
        The column of what the headways are of.
    within
        More columns of which departures must agree for the gap between them to count, such as the direction.
    """
    daytime = leaving[leaving["time_s"].between(*_DAYTIME_S)]
    keys = [*by, *within]
    ordered = daytime[[*keys, "time_s"]].drop_duplicates().sort_values([*keys, "time_s"])
    gaps = ordered.assign(gap=ordered.groupby(keys)["time_s"].diff()).dropna(subset=["gap"])
    medians = gaps.groupby(list(by))["gap"].median() / _MINUTE_S
    return {int(key): round(float(value), 1) for key, value in zip(medians.index, medians.to_numpy(), strict=True)}


def _filled_in(times: np.ndarray, trip: np.ndarray) -> np.ndarray:
    """Fill the times that stand between two known ones of a trip, in even steps from stop to stop."""
    row, known = np.arange(len(times)), np.isfinite(times)
    if not known.any():
        return times
    before = np.maximum.accumulate(np.where(known, row, -1))
    after = np.minimum.accumulate(np.where(known, row, len(row))[::-1])[::-1]
    inside = (before >= 0) & (after < len(row))
    inside[inside] &= (trip[before[inside]] == trip[inside]) & (trip[after[inside]] == trip[inside])
    return np.where(inside, np.interp(row, row[known], times[known]), np.nan)
