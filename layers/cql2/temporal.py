"""The temporal predicates of a filter: Allen's relations of instants and intervals, their ends included."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, DateTime, Interval, and_, cast, literal, literal_column, not_

from geo.errors import InvalidInputError
from layers.cql2.values import Kind, Value, moment_of, timestamp_value

Moment: TypeAlias = ColumnElement[Any]

OPEN = ".."
BEGINNING: Moment = literal_column("'-infinity'::timestamptz", DateTime(timezone=True))
END: Moment = literal_column("'infinity'::timestamptz", DateTime(timezone=True))

_DAY = dt.timedelta(days=1)
_LAST = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Span:
    """The first and the last moment of an instant, a day or an interval."""

    start: Moment
    end: Moment


_RELATIONS: Mapping[str, Callable[[Span, Span], ColumnElement[bool]]] = {
    "t_after": lambda a, b: a.start > b.end,
    "t_before": lambda a, b: a.end < b.start,
    "t_contains": lambda a, b: and_(a.start < b.start, a.end > b.end),
    "t_disjoint": lambda a, b: not_(and_(a.start <= b.end, a.end >= b.start)),
    "t_during": lambda a, b: and_(a.start > b.start, a.end < b.end),
    "t_equals": lambda a, b: and_(a.start == b.start, a.end == b.end),
    "t_finishedby": lambda a, b: and_(a.start < b.start, a.end == b.end),
    "t_finishes": lambda a, b: and_(a.start > b.start, a.end == b.end),
    "t_intersects": lambda a, b: and_(a.start <= b.end, a.end >= b.start),
    "t_meets": lambda a, b: a.end == b.start,
    "t_metby": lambda a, b: a.start == b.end,
    "t_overlappedby": lambda a, b: and_(a.start > b.start, a.start < b.end, a.end > b.end),
    "t_overlaps": lambda a, b: and_(a.start < b.start, a.end > b.start, a.end < b.end),
    "t_startedby": lambda a, b: and_(a.start == b.start, a.end > b.end),
    "t_starts": lambda a, b: and_(a.start == b.start, a.end < b.end),
}
TEMPORAL = frozenset(_RELATIONS)


def temporal(operator: str, left: Span, right: Span) -> ColumnElement[bool]:
    """Return the condition that two spans lie to each other as the operator says."""
    return _RELATIONS[operator](left, right)


def span(value: Value) -> Span:
    """Return the span of an instant; that of a date is its day.

    Raises
    ------
    InvalidInputError
        It is neither a time nor a date.
    """
    return Span(_first(value), _last(value))


def interval(start: Value | None, end: Value | None) -> Span:
    """Return the span between two instants, of which ``None`` is an open end.

    Raises
    ------
    InvalidInputError
        They are no times, or it ends before it begins.
    """
    given = [moment_of(each).given for each in (start, end) if each is not None and each.given is not None]
    if len(given) == 2 and given[0] > given[1]:
        raise InvalidInputError("filter: an interval ends before it begins")
    return Span(BEGINNING if start is None else _first(start), END if end is None else _last(end))


def _first(value: Value) -> Moment:
    _check(value)
    return moment_of(value).sql


def _last(value: Value) -> Moment:
    _check(value)
    if value.kind is Kind.TIMESTAMP:
        return value.sql
    if value.given is not None and value.given < dt.date.max:
        first = dt.datetime.combine(value.given, dt.time(), dt.UTC)
        return timestamp_value((first + _DAY - _LAST).isoformat()).sql
    return cast(value.sql, DateTime(timezone=True)) + literal(_DAY - _LAST, Interval)


def _check(value: Value) -> None:
    if value.kind not in (Kind.DATE, Kind.TIMESTAMP):
        raise InvalidInputError(f"filter: {value.told} is {value.kind}, and here must be a time or a date")
