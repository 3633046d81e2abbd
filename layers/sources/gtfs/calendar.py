"""On which days the trips of a GTFS feed run, and which day stands for all weekdays."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from layers.sources.gtfs.feed import Feed

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WORKING_DAYS = 5
_WEEK = 7
_ADDED, _REMOVED = "1", "2"


@dataclass
class Service:
    """The days of a service: those of a week between two dates, some added and some removed."""

    weekdays: tuple[bool, ...] = (False,) * _WEEK
    first: int = 1
    last: int = 0
    added: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)

    def runs(self, day: date) -> bool:
        """Tell whether it runs on a day."""
        number = day.toordinal()
        if number in self.added:
            return True
        return self.first <= number <= self.last and self.weekdays[day.weekday()] and number not in self.removed


def read_services(feed: Feed) -> dict[str, Service]:
    """Read ``calendar.txt`` and ``calendar_dates.txt``."""
    services: defaultdict[str, Service] = defaultdict(Service)
    for line, (name, first, last, *flags) in feed.rows(
        "calendar", ("service_id", "start_date", "end_date", *_WEEKDAYS)
    ):
        try:
            service = Service(tuple(each == "1" for each in flags), _day(first), _day(last))
        except ValueError as error:
            feed.reject("calendar", line, str(error), {"service_id": name, "start_date": first, "end_date": last})
            continue
        services[name] = service
    for line, (name, text, kind) in feed.rows("calendar_dates", ("service_id", "date", "exception_type")):
        cells = {"service_id": name, "date": text, "exception_type": kind}
        try:
            day = _day(text)
        except ValueError as error:
            feed.reject("calendar_dates", line, str(error), cells)
            continue
        if kind not in {_ADDED, _REMOVED}:
            feed.reject("calendar_dates", line, f"exception_type {kind!r} is neither 1 nor 2", cells)
        elif kind == _ADDED:
            services[name].added.add(day)
        else:
            services[name].removed.add(day)
    return dict(services)


def typical_weekday(services: Mapping[str, Service], trips: Counter[str]) -> date | None:
    """Return the day that stands for the weekdays of a timetable.

    It is the middle one, by the number of its trips, of those weekdays of the week with the most trips on which any
    run: holidays, and the thin ends of a timetable's validity, don't count. Without trips on weekdays it is the day
    with the most trips; without any trip there is none.

    Parameters
    ----------
    services
        By their ids.
    trips
        How many trips run on a day of each service.
    """
    running = {name: service for name, service in services.items() if trips[name]}
    bounds = [number for each in running.values() for number in _bounds(each)]
    if not bounds:
        return None
    monday = min(bounds) - (min(bounds) - 1) % _WEEK
    weeks = (max(bounds) - monday) // _WEEK + 1
    counts = np.zeros((weeks, _WEEK), np.int64)
    for name, service in running.items():
        counts.ravel()[:] += _runs_by_day(service, monday, counts.size) * trips[name]
    if not counts.any():
        return None
    working = counts[:, :_WORKING_DAYS]
    if not working.any():
        return date.fromordinal(monday + int(counts.argmax()))
    week = int(working.sum(axis=1).argmax())
    days = sorted((day for day in range(_WORKING_DAYS) if working[week, day]), key=lambda day: working[week, day])
    return date.fromordinal(monday + week * _WEEK + days[(len(days) - 1) // 2])


def _bounds(service: Service) -> list[int]:
    regular = [service.first, service.last] if service.first <= service.last else []
    return regular + [limit(service.added) for limit in (min, max) if service.added]


def _runs_by_day(service: Service, monday: int, days: int) -> np.ndarray:
    runs = np.zeros(days, bool)
    first, last = service.first - monday, service.last - monday
    if first <= last:
        runs[first : last + 1] = np.resize(service.weekdays, days)[first : last + 1]
    runs[[each - monday for each in service.removed if 0 <= each - monday < days]] = False
    runs[[each - monday for each in service.added]] = True
    return runs


def _day(text: str) -> int:
    try:
        if len(text) == len("20240131") and text.isdigit():
            return date(int(text[:4]), int(text[4:6]), int(text[6:])).toordinal()
    except ValueError:
        pass
    raise ValueError(f"{text!r} is no date such as 20240131")
