"""Which features are wanted, in which order, and the SQL that asks for them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from dateutil.relativedelta import relativedelta
from geoalchemy2.types import Geometry
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from geo.errors import InvalidInputError
from layers.catalog import LayerTable
from layers.cql2 import Filter
from layers.models.base import STORAGE_SRID
from layers.reading.paging import Position, SortKey, beyond, ordering
from layers.reading.search import Words, mentions
from layers.territories.territory import within

Box: TypeAlias = tuple[float, float, float, float]
Interval: TypeAlias = tuple[dt.datetime | None, dt.datetime | None]

_DURATION = re.compile(
    r"P(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,5})M)?(?:(?P<weeks>\d{1,5})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?:(?P<hours>\d{1,7})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9})S)?)?"
)
_TIME_PRECISION = "time_precision"
_LONG_PRECISIONS = ("year", "month", "day", "hour", "minute")


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which features are wanted.

    Parameters
    ----------
    territory
        Only those of a territory and of all that belong to it.
    bbox
        Only those that touch the box west, south, east, north, in degrees; west may be greater than east, where the
        box crosses the date line.
    time
        Only those of a time between the two, each ``None`` where that end is open, and those of which no time is known;
        layers without time aren't affected. What is known to have been in a year, was at any time of it.
    filter, also
        Only those that meet them all.
    words
        Only those in whose texts they stand.
    as_of
        As the layer was at that moment; by default as it is.
    sort
        The columns by which they are ordered, and then by id.
    after, before
        Only those behind, or ahead of, a place in the order: the next page, or the one before.
    limit
        At most so many, those that come first; with ``before``, those nearest to that place.
    offset
        Leave out so many first.
    """

    territory: str | None = None
    bbox: Box | None = None
    time: Interval | None = None
    filter: Filter | None = None
    also: tuple[Filter, ...] = ()
    words: Words = ()
    as_of: dt.datetime | None = None
    sort: tuple[SortKey, ...] = ()
    after: Position | None = None
    before: Position | None = None
    limit: int | None = None
    offset: int | None = None


def parse_bbox(text: str) -> Box:
    """Read a box written as west,south,east,north in degrees; with heights, as six numbers, they are left out.

    Raises
    ------
    InvalidInputError
        It is no such box.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidInputError(f"bbox={text}: must be numbers separated by commas") from error
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4:
        raise InvalidInputError(f"bbox={text}: must be four numbers, west,south,east,north, or six with heights")
    west, south, east, north = numbers
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= 90 and -90 <= north <= 90):
        raise InvalidInputError(f"bbox={text}: longitudes go from -180 to 180 and latitudes from -90 to 90")
    if south > north:
        raise InvalidInputError(f"bbox={text}: south, the second number, must not be greater than north")
    return west, south, east, north


def parse_moment(text: str) -> dt.datetime:
    """Read a moment: a time as in RFC 3339, or a date, which stands for its first moment; without a zone it is UTC.

    Raises
    ------
    InvalidInputError
        It is no such time.
    """
    try:
        found = dt.datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError(f"{text} is no time, such as 2020-01-31T12:00:00Z or 2020-01-31") from error


def parse_interval(text: str) -> Interval:
    """Read a time or an interval ``start/end``; a date is its whole day.

    Either end of an interval may be open as ``..``, or a duration from the other one, such as ``P1M``.

    Raises
    ------
    InvalidInputError
        It is neither, or ends before it begins.
    """
    start, slash, end = text.partition("/")
    if not any(_is_time(each) for each in (start, end)) and (not slash or "P" in text):
        raise InvalidInputError(f"datetime={text}: an open end or a duration needs a second time, as in ../2020-12-31")
    try:
        first, last = _first(start), _last(end if slash else start)
        if start.startswith("P") and last is not None:
            first = last - _duration_of(start)
        if end.startswith("P") and first is not None:
            last = first + _duration_of(end)
    except (InvalidInputError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"datetime={text}: {error}") from error
    if first is not None and last is not None and first > last:
        raise InvalidInputError(f"datetime={text}: ends before it begins")
    return first, last


def rows_at(model: LayerTable, as_of: dt.datetime | None) -> FromClause:
    """Return the layer as it is or, where a moment is given, as it was then."""
    if as_of is None:
        return model.table
    past = model.history
    names = [each.name for each in past.columns if each.name in model.table.columns]
    standing = select(*(model.table.c[name] for name in names)).where(model.table.c.updated_at <= as_of)
    ended = select(*(past.c[name] for name in names)).where(past.c.updated_at <= as_of, past.c.valid_to > as_of)
    return union_all(standing, ended).subquery(model.name)


def matching(
    model: LayerTable, query: Query, columns: Sequence[ColumnElement[Any]], table: FromClause | None = None
) -> Select[Any]:
    """Return the statement that reads the features of a query, in their order; before a place, in the reverse one.

    Parameters
    ----------
    model
        The layer.
    query
        Which features.
    columns
        What is wanted of each, as expressions of the table's columns.
    table
        Where the rows are, as `rows_at` gives it; by default what it gives for the query.

    Raises
    ------
    InvalidInputError
        The filter doesn't fit the layer.
    """
    rows = rows_at(model, query.as_of) if table is None else table
    ordered = ordering(rows, query.sort, backwards=query.before is not None)
    statement = select(*columns).select_from(rows).where(*conditions(model, rows, query)).order_by(*ordered)
    return statement.limit(query.limit).offset(query.offset)


def conditions(model: LayerTable, table: FromClause, query: Query) -> list[ColumnElement[bool]]:
    """Return what a row must meet to be wanted; the limit and the offset are left to the statement.

    Raises
    ------
    InvalidInputError
        The filter doesn't fit the layer.
    """
    found: list[ColumnElement[bool]] = []
    if query.territory is not None:
        found.append(within(table, query.territory))
    if query.after is not None:
        found.append(beyond(table, query.sort, query.after))
    if query.before is not None:
        found.append(beyond(table, query.sort, query.before, backwards=True))
    if query.bbox is not None:
        found.append(or_(*(_touches(table.c.geom, box) for box in _halves(query.bbox))))
    if query.time is not None and model.layer.time is not None:
        found.append(at_time(model, table, query.time))
    if query.words:
        found.append(mentions(model, table, query.words))
    wanted = (query.filter, *query.also) if query.filter is not None else query.also
    return found + [each.condition(model, table) for each in wanted]


def at_time(model: LayerTable, table: FromClause, time: Interval) -> ColumnElement[bool]:
    """Return what a row of a layer with times must meet to be of a time between the two, or of none that is known."""
    first, last = time
    column = table.c[model.layer.time or ""]
    found: list[ColumnElement[bool]] = [column <= last] if last is not None else []
    if first is not None and model.column(_TIME_PRECISION) is None:
        found.append(column >= first)
    elif first is not None:
        longest: ColumnElement[Any] = literal_column("interval '1 year'")
        found += [column > literal(first) - longest, or_(column >= first, column + _duration(table) > first)]
    return or_(column.is_(None), and_(true(), *found))


def _duration(table: FromClause) -> ColumnElement[Any]:
    """Return how long the time may have been that is known no more exactly than its precision."""
    lengths: dict[str, ColumnElement[Any]] = {each: literal_column(f"interval '1 {each}'") for each in _LONG_PRECISIONS}
    return case(lengths, value=table.c[_TIME_PRECISION], else_=literal_column("interval '0'"))


def _halves(box: Box) -> list[Box]:
    west, south, east, north = box
    return [box] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]


def _touches(geometry: ColumnElement[Any], box: Box) -> ColumnElement[bool]:
    envelope = func.ST_MakeEnvelope(*box, STORAGE_SRID, type_=Geometry)
    return and_(geometry.op("&&")(envelope), func.ST_Intersects(geometry, envelope))


def _is_time(text: str) -> bool:
    return text not in ("", "..") and not text.startswith("P")


def _first(text: str) -> dt.datetime | None:
    return parse_moment(text) if _is_time(text) else None


def _last(text: str) -> dt.datetime | None:
    found = _first(text)
    if found is None or "T" in text.upper() or " " in text:
        return found
    return found.replace(hour=23, minute=59, second=59, microsecond=999_999)


def _duration_of(text: str) -> relativedelta:
    found = _DURATION.fullmatch(text)
    if found is None or text.endswith(("P", "T")):
        raise InvalidInputError(f"{text} is no duration, such as P1M or PT12H")
    return relativedelta(**{unit: int(number) for unit, number in found.groupdict().items() if number})
