"""From what people write in the cells of tables to values of a type."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, tzinfo
from typing import Any, NamedTuple

from layers.conversions import number, whole

_PRECISIONS = (
    ("second", "SfTXcs"),
    ("minute", "MR"),
    ("hour", "HI"),
    ("day", "djxDF"),
    ("month", "mbB"),
)
_CODE = re.compile(r"%[-:]?(.)")
_YEAR = re.compile(r"\d{4}")
_MONTH = re.compile(r"\d{4}-\d{2}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")
_WITH_DOTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T]+(\d.*))?")
_TO_THE_MINUTE = re.compile(r".*[T ]\d{2}:?\d{2}(Z|[+-]\d{2}(:?\d{2})?)?")
_COARSE = ("year", "month", "day")


class Moment(NamedTuple):
    """A time, and how precisely it was written: ``year``, ``month``, ``day``, ``hour``, ``minute`` or ``second``."""

    time: datetime
    precision: str


def precision_of(format_: str) -> str:
    """Return how precise times are that are written in a format of ``strptime``."""
    codes = set(_CODE.findall(format_.replace("%%", "")))
    return next((name for name, marks in _PRECISIONS if codes & set(marks)), "year")


def read_moment(text: str, formats: Sequence[str] = (), zone: tzinfo = UTC) -> Moment:
    """Return the time that a text tells, by the first format that fits; without formats, by ISO 8601 or as 17.5.2024.

    A time of a day without a zone is one of ``zone``. What is no more precise than a day is a name in the calendar and
    no moment: it is kept as its first moment in UTC, so that it reads the same everywhere.

    Raises
    ------
    ValueError
        No format fits.
    """
    found = _by_formats(text, formats) if formats else _by_iso(text)
    if found.time.tzinfo is not None:
        return Moment(found.time.astimezone(UTC), found.precision)
    local = UTC if found.precision in _COARSE else zone
    return Moment(found.time.replace(tzinfo=local).astimezone(UTC), found.precision)


def _by_formats(text: str, formats: Sequence[str]) -> Moment:
    for each in formats:
        try:
            return Moment(datetime.strptime(text, each), precision_of(each))  # noqa: DTZ007
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no time of the form {' or '.join(formats)}")


def _by_iso(text: str) -> Moment:
    if _YEAR.fullmatch(text):
        return Moment(datetime(int(text), 1, 1), "year")  # noqa: DTZ001
    if _MONTH.fullmatch(text):
        return Moment(datetime(int(text[:4]), int(text[5:]), 1), "month")  # noqa: DTZ001
    dotted = _WITH_DOTS.fullmatch(text)
    if dotted:
        day, month, year, rest = dotted.groups()
        return _by_iso(f"{year}-{month:0>2}-{day:0>2}{f'T{rest:0>5}' if rest else ''}")
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time: write it like 2024-05-17T08:30, or give its format") from error
    if _DAY.fullmatch(text):
        return Moment(found, "day")
    return Moment(found, "minute" if _TO_THE_MINUTE.fullmatch(text) else "second")


def read_number(text: str, decimal: str | None = None) -> float:
    """Return the number that a text tells.

    Parameters
    ----------
    text
        With a decimal point or comma.
    decimal
        The one of the two that is meant; the other one, spaces and apostrophes then part thousands.

    Raises
    ------
    ValueError
        It is no number.
    """
    plain = text
    if decimal is not None:
        plain = re.sub(r"[\s'’_]", "", text).replace("." if decimal == "," else ",", "")
    found = number(plain)
    if found is None:
        raise ValueError(f"{text!r} is no number")
    return found


def convert(value: Any, kind: type) -> Any:
    """Return the value in the type of a column; whatever its type was, it is read as people write it.

    Raises
    ------
    ValueError
        It can't be read as that type; the error says so.
    """
    if value is None or (type(value) is kind and kind is not float):
        return value
    return _READERS[kind](as_text(value))


def as_text(value: Any) -> str:
    """Write a value, whole numbers without decimals."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_INTEGERS:
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value)


def _integer(text: str) -> int:
    found = whole(text)
    if found is None:
        raise ValueError(f"{text!r} is no whole number")
    return found


def _truth(text: str) -> bool:
    answer = _TRUTHS.get(text.lower())
    if answer is None:
        raise ValueError(f"{text!r} is neither yes nor no")
    return answer


_EXACT_INTEGERS = 2**53
_TRUTHS = {"1": True, "true": True, "yes": True, "t": True, "0": False, "false": False, "no": False, "f": False}
_READERS: dict[type, Callable[[str], Any]] = {
    str: str,
    int: _integer,
    float: read_number,
    bool: _truth,
    date: lambda text: read_moment(text).time.date(),
    datetime: lambda text: read_moment(text).time,
}
