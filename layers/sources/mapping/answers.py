"""What a rule of a territory's file makes of the texts of a source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from geo.errors import InvalidInputError
from layers.catalog import Column
from layers.sources.mapping.filters import Scalar
from layers.sources.mapping.units import conversion
from layers.sources.mapping.values import Moment, as_text, convert, read_moment, read_number
from layers.sources.mapping.words import ColumnRule, Units

_NUMBERS = (int, float)
_TIMES = (date, datetime)


class Answer:
    """Answers with the value of a layer's column for a text of the source, as a rule has it.

    Parameters
    ----------
    rule
        The rule.
    column
        The layer's column.
    empty
        What stands for nothing in the whole source.
    timezone
        Of times that don't tell theirs, where the rule doesn't say.

    Raises
    ------
    InvalidInputError
        The rule doesn't fit the column.
    """

    def __init__(self, rule: ColumnRule, column: Column, *, empty: Iterable[str] = (), timezone: str = "UTC") -> None:
        _check_fits(rule, column)
        self._rule = rule
        self._lookup = rule.lookup if isinstance(rule.lookup, dict) else {}
        self._kind = column.python_type
        self._empty = {*empty, *rule.empty}
        self._zone = ZoneInfo(rule.timezone or timezone)
        self._pattern = re.compile(rule.pattern) if rule.pattern else None
        self._in_unit = _unit_conversion(rule, column)

    def __call__(self, text: str) -> Any:
        """Return the value for a text, which is empty where the source has none.

        Raises
        ------
        ValueError
            The rule has no answer for it.
        """
        return self.with_precision(text)[0]

    def with_precision(self, text: str) -> tuple[Any, str | None]:
        """Return the value for a text and, for a time, how precise it is."""
        found = self._found(text)
        if not isinstance(found, Moment):
            return convert(found, self._kind), None
        return found.time if self._kind is datetime else found.time.date(), found.precision

    def _found(self, text: str) -> Any:
        stated, value = self._chosen(self._taken(text))
        if value is None:
            return None
        if self._kind in _TIMES:
            return read_moment(as_text(value), () if stated else self._rule.formats, self._zone)
        return value if stated or not self._rule.is_numeric else self._measured(value)

    def _taken(self, text: str) -> str:
        """Return what is meant of a text; nothing is an empty text."""
        rule = self._rule
        found = "" if text in self._empty else text
        if rule.split:
            found = rule.split.of(found)
        if self._pattern and found:
            match = self._pattern.search(found)
            if match is None and not rule.default_is_stated:
                raise ValueError(f"{found!r} doesn't match the pattern {rule.pattern}")
            found = _group(match).strip()
        if rule.case:
            found = found.capitalize() if rule.case == "sentence" else getattr(found, rule.case)()
        if found in self._empty:
            return ""
        return rule.template.replace("{}", found) if rule.template and found else found

    def _chosen(self, text: str) -> tuple[bool, Any]:
        """Return whether the file states the value, and the value."""
        rule = self._rule
        if rule.constant is not None:
            return True, rule.constant
        if not text:
            return True, rule.default
        if rule.lookup is None:
            return False, text
        if text not in self._lookup and not rule.default_is_stated:
            raise ValueError(f"{text!r} of {', '.join(rule.sources)} is not in the lookup table")
        return True, self._lookup.get(text, rule.default)

    def _measured(self, text: str) -> float:
        number = self._in_unit(read_number(text, self._rule.decimal))
        return number * (1.0 if self._rule.factor is None else self._rule.factor) + (self._rule.offset or 0.0)


def _check_fits(rule: ColumnRule, column: Column) -> None:
    """Make sure that a rule can give values of a column."""
    if rule.is_numeric and column.python_type not in _NUMBERS:
        raise InvalidInputError("it holds no numbers, so decimal, unit, factor and offset have no place")
    if (rule.format is not None or rule.timezone is not None) and column.python_type not in _TIMES:
        raise InvalidInputError("it holds no times, so format and timezone have no place")
    known = rule.lookup.values() if isinstance(rule.lookup, dict) else ()
    stated = [rule.constant, rule.default, *known]
    for value in (each for each in stated if each is not None):
        _check_stated(value, column)


def _check_stated(value: Scalar, column: Column) -> None:
    try:
        found = convert(value, column.python_type)
    except ValueError as error:
        raise InvalidInputError(str(error)) from error
    if column.choices and found not in column.choices:
        raise InvalidInputError(f"{found!r} is none of its values, which are {', '.join(column.choices)}")
    least, most = column.minimum, column.maximum
    if (least is not None and found < least) or (most is not None and found > most):
        raise InvalidInputError(f"{found} is out of its range, {least} to {most}")


def _unit_conversion(rule: ColumnRule, column: Column) -> Callable[[float], float]:
    if rule.unit is None:
        return lambda value: value
    units = rule.unit if isinstance(rule.unit, Units) else Units.model_validate({"from": rule.unit})
    target = units.target or column.unit
    if target is None:
        raise InvalidInputError(f"it states no unit: write unit: {{from: {units.source}, to: ...}}")
    return conversion(units.source, target)


def _group(match: re.Match[str] | None) -> str:
    if match is None:
        return ""
    if "value" in match.re.groupindex:
        return match["value"] or ""
    return (match[1] if match.re.groups else match[0]) or ""
