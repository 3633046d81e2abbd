"""The values in a filter: properties, literals and what is worked out of them, each as SQL of a known kind."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Double,
    FromClause,
    Numeric,
    Text,
    cast,
    func,
    literal,
)

from geo.errors import InvalidInputError
from layers.catalog import LayerTable

GEOMETRY = "geometry"
TAGS = "tags."

_MAX_EXACT = 2**53
_MAX_INT64 = 2**63 - 1
_MAX_DIGITS = 40
_OWN = ("territory", "source", "source_id")


class Kind(StrEnum):
    """What a value is, as users are told."""

    NUMBER = "a number"
    BOOLEAN = "true or false"
    TEXT = "text"
    DATE = "a date"
    TIMESTAMP = "a time"
    GEOMETRY = "a geometry"


_KINDS: dict[type, Kind] = {
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    bool: Kind.BOOLEAN,
    str: Kind.TEXT,
    dt.date: Kind.DATE,
    dt.datetime: Kind.TIMESTAMP,
}


@dataclass(frozen=True)
class Value:
    """A value of a filter.

    Parameters
    ----------
    kind
        What it is.
    sql
        The expression of it.
    told
        How errors call it.
    given
        The value itself where the filter gives it, as a Python object; ``None`` for a property.
    whole
        Whether it is a whole number in the database.
    """

    kind: Kind
    sql: ColumnElement[Any]
    told: str
    given: Any = None
    whole: bool = False


def property_kinds(model: LayerTable) -> dict[str, Kind]:
    """Return what each property is that a filter of the layer may name; beside them any ``tags.KEY``, which is text."""
    own = {each.name: _KINDS[each.python_type] for each in model.columns}
    return {"id": Kind.NUMBER, **dict.fromkeys(_OWN, Kind.TEXT), **own, GEOMETRY: Kind.GEOMETRY}


def property_value(name: Any, model: LayerTable, table: FromClause) -> Value:
    """Return a property.

    Raises
    ------
    InvalidInputError
        The layer has none of that name.
    """
    if not isinstance(name, str):
        raise InvalidInputError(f"filter: {_short(name)} is no name of a property")
    if name.startswith(TAGS):
        return Value(Kind.TEXT, table.c.tags[checked_text(name).removeprefix(TAGS)].astext, name)
    kinds = property_kinds(model)
    if name not in kinds:
        raise InvalidInputError(
            f"filter: {model.name} has no property {name!r}; it has {', '.join(kinds)} and tags.KEY, such as tags.name"
        )
    column = table.c["geom" if name == GEOMETRY else name]
    own = model.column(name)
    return Value(kinds[name], column, name, whole=name == "id" or (own is not None and own.python_type is int))


def literal_value(given: Any) -> Value:
    """Return a literal: a number, a text or a truth value.

    Raises
    ------
    InvalidInputError
        It is none of them, or can't be kept exactly.
    """
    if isinstance(given, bool):
        return Value(Kind.BOOLEAN, literal(given, Boolean), str(given).upper(), given)
    if isinstance(given, (int, float)):
        return _number(given)
    if isinstance(given, str):
        return Value(Kind.TEXT, literal(checked_text(given), Text), repr(given), given)
    if given is None:
        raise InvalidInputError("filter: NULL can't be compared with; ask with IS NULL")
    raise InvalidInputError(f"filter: {_short(given)} is no value")


def checked_text(given: Any) -> str:
    """Return a text that PostgreSQL can hold.

    Raises
    ------
    InvalidInputError
        It is no text, or no valid Unicode.
    """
    if not isinstance(given, str):
        raise InvalidInputError(f"filter: {_short(given)} must be text in quotes")
    if "\0" in given or any("\ud800" <= sign <= "\udfff" for sign in given):
        raise InvalidInputError(f"filter: {_short(given)} holds a sign that no text can hold")
    return given


def date_value(given: Any) -> Value:
    """Return the literal ``DATE('2020-01-31')``.

    Raises
    ------
    InvalidInputError
        It is no date.
    """
    text = checked_text(given)
    try:
        day = dt.date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(f"filter: {text!r} is no date, such as '2020-01-31'") from error
    return Value(Kind.DATE, literal(day, Date), f"DATE({text!r})", day)


def timestamp_value(given: Any) -> Value:
    """Return the literal ``TIMESTAMP('2020-01-31T12:00:00Z')``.

    Raises
    ------
    InvalidInputError
        It is no time.
    """
    text = checked_text(given)
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError(f"filter: {text!r} is no time, such as '2020-01-31T12:00:00Z'") from error
    return Value(Kind.TIMESTAMP, literal(moment, DateTime(timezone=True)), f"TIMESTAMP({text!r})", moment)


def moment_of(value: Value) -> Value:
    """Return a date as its first moment; a time stays as it is."""
    if value.kind is not Kind.DATE:
        return value
    if value.given is not None:
        return replace(timestamp_value(value.given.isoformat()), told=value.told)
    return replace(value, kind=Kind.TIMESTAMP, sql=cast(value.sql, DateTime(timezone=True)))


def alike(left: Value, right: Value) -> tuple[Value, Value]:
    """Return two values as one kind, so that they can be compared.

    A text that is compared with a time is read as one; a date that is compared with a time is its first moment; a
    number that is compared with whole ones is whole where it can be.

    Raises
    ------
    InvalidInputError
        They can't be compared.
    """
    left, right = _as_time(left, right), _as_time(right, left)
    if {left.kind, right.kind} == {Kind.DATE, Kind.TIMESTAMP}:
        left, right = moment_of(left), moment_of(right)
    if left.kind is not right.kind:
        raise InvalidInputError(f"filter: {left.told} can't be compared with {right.told}: {_is(left)}, {_is(right)}")
    return left, right


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """Return what two numbers make; a division by zero makes nothing (NULL).

    Raises
    ------
    InvalidInputError
        One of them is no number.
    """
    for each in (left, right):
        if each.kind is not Kind.NUMBER:
            raise InvalidInputError(f"filter: {operator} takes numbers: {_is(each)}")
    made = _ARITHMETIC[operator](cast(left.sql, Double), cast(right.sql, Double))
    return Value(Kind.NUMBER, made, f"{left.told} {operator} {right.told}")


def folded(function: str, value: Value) -> Value:
    """Return a text without regard to case (``casei``) or accents (``accenti``).

    Raises
    ------
    InvalidInputError
        It is no text.
    """
    if value.kind is not Kind.TEXT:
        raise InvalidInputError(f"filter: {function} takes text: {_is(value)}")
    return replace(value, sql=_FOLDING[function](value.sql), told=f"{function}({value.told})")


def _remainder(left: ColumnElement[Any], right: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.mod(cast(left, Numeric), func.nullif(cast(right, Numeric), 0)), Double)


_ARITHMETIC: Mapping[str, Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[Any]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / func.nullif(right, 0.0, type_=Double),
    "div": lambda left, right: func.trunc(left / func.nullif(right, 0.0, type_=Double), type_=Double),
    "%": _remainder,
    "^": lambda left, right: func.power(left, right, type_=Double),
}
ARITHMETIC = frozenset(_ARITHMETIC)

_FOLDING: Mapping[str, Callable[[ColumnElement[Any]], ColumnElement[Any]]] = {
    "casei": lambda text: func.lower(text, type_=Text),
    "accenti": lambda text: func.unaccent(text, type_=Text),
}
FOLDING = frozenset(_FOLDING)


def _number(given: float) -> Value:
    if isinstance(given, float):
        if not math.isfinite(given):
            raise InvalidInputError(f"filter: {given} is no number")
        if given.is_integer() and abs(given) < _MAX_EXACT:
            given = int(given)
        else:
            return Value(Kind.NUMBER, literal(given, Double), repr(given), given)
    if -_MAX_INT64 <= given <= _MAX_INT64:
        return Value(Kind.NUMBER, literal(given, BigInteger), str(given), given, whole=True)
    if given.bit_length() > _MAX_DIGITS * 4:
        raise InvalidInputError("filter: a number has too many digits")
    return Value(Kind.NUMBER, literal(decimal.Decimal(given), Numeric), str(given), given, whole=True)


def _as_time(value: Value, other: Value) -> Value:
    if value.kind is not Kind.TEXT or value.given is None or other.kind not in (Kind.DATE, Kind.TIMESTAMP):
        return value
    try:
        return date_value(value.given)
    except InvalidInputError:
        return timestamp_value(value.given)


def _is(value: Value) -> str:
    return f"{value.told} is {value.kind}"


def _short(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:60]}…"
