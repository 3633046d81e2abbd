"""Turns the tree of a filter into a condition of SQL: values are bound, and only the layer's properties are named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, false, not_, or_, true

from geo.errors import InvalidInputError
from layers.catalog import LayerTable
from layers.cql2.spatial import SPATIAL, box_value, geometry_value, spatial
from layers.cql2.temporal import OPEN, TEMPORAL, Span, interval, span, temporal
from layers.cql2.text import MAX_DEPTH
from layers.cql2.values import (
    ARITHMETIC,
    FOLDING,
    Kind,
    Value,
    alike,
    arithmetic,
    checked_text,
    date_value,
    folded,
    literal_value,
    property_value,
    timestamp_value,
)
from layers.crs import Crs

MAX_NODES = 5_000

_COMPARISONS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
}
_ORDERED = (Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.TIMESTAMP)
_UNFINISHED_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\$")
_ARRAYS = ("a_containedby", "a_contains", "a_equals", "a_overlaps")


class Conditions:
    """Makes the condition of one filter on one layer.

    Parameters
    ----------
    model
        The layer.
    table
        Where its rows are: its table, or what it was at a moment.
    crs
        Of the geometries in the filter.
    """

    def __init__(self, model: LayerTable, table: FromClause, crs: Crs) -> None:
        self._model = model
        self._table = table
        self._crs = crs
        self._nodes = 0

    def condition(self, tree: Any, depth: int = 0) -> ColumnElement[bool]:
        """Return the condition of a tree.

        Raises
        ------
        InvalidInputError
            It is no condition, names what the layer hasn't, or compares what can't be compared.
        """
        self._count(depth)
        if isinstance(tree, bool):
            return true() if tree else false()
        operator, args = _operation(tree)
        if operator in ("and", "or"):
            _at_least(operator, args, 2)
            joined = [self.condition(each, depth + 1) for each in args]
            return and_(*joined) if operator == "and" else or_(*joined)
        if operator == "not":
            [negated] = _exactly(operator, args, 1)
            return not_(self.condition(negated, depth + 1))
        if operator == "":
            return self._flag(self._value(tree, depth + 1))
        return self._predicate(operator, args, depth + 1)

    def _predicate(self, operator: str, args: list[Any], depth: int) -> ColumnElement[bool]:
        if operator in _COMPARISONS:
            return self._compared(operator, *self._values(operator, args, 2, depth))
        if operator in SPATIAL:
            left, right = self._values(operator, args, 2, depth)
            return spatial(operator, left, right)
        if operator in TEMPORAL:
            left_span, right_span = (self._span(each, depth) for each in _exactly(operator, args, 2))
            return temporal(operator, left_span, right_span)
        if operator == "between":
            value, low, high = self._values(operator, args, 3, depth)
            return and_(self._compared(">=", value, low), self._compared("<=", value, high))
        if operator == "isnull":
            [value] = self._values(operator, args, 1, depth)
            return value.sql.is_(None)
        if operator == "in":
            return self._in(args, depth)
        if operator == "like":
            return self._like(args, depth)
        if operator in _ARRAYS:
            raise InvalidInputError(f"filter: {operator} takes arrays, and {self._model.name} has none")
        raise InvalidInputError(f"filter: {operator!r} is no condition here; there are {', '.join(_KNOWN)}")

    def _flag(self, value: Value) -> ColumnElement[bool]:
        if value.kind is not Kind.BOOLEAN:
            raise InvalidInputError(f"filter: {value.told} is {value.kind}, and no condition by itself")
        return value.sql

    def _compared(self, operator: str, left: Value, right: Value) -> ColumnElement[bool]:
        left, right = alike(left, right)
        if operator not in ("=", "<>") and left.kind not in _ORDERED:
            raise InvalidInputError(
                f"filter: {left.told} is {left.kind}, which has no order: {operator} can't be asked"
            )
        if left.kind is Kind.GEOMETRY:
            raise InvalidInputError(f"filter: {left.told} is {left.kind}: compare it with S_EQUALS and the like")
        return _COMPARISONS[operator](left.sql, right.sql)

    def _in(self, args: list[Any], depth: int) -> ColumnElement[bool]:
        tree, listed = _exactly("in", args, 2)
        if not isinstance(listed, list) or not listed:
            raise InvalidInputError("filter: IN takes a list of values, as in kind IN ('a', 'b')")
        value = self._value(tree, depth)
        pairs = [alike(value, self._value(each, depth)) for each in listed]
        if value.kind is Kind.GEOMETRY:
            raise InvalidInputError(f"filter: {value.told} is {value.kind}: compare it with S_EQUALS and the like")
        same = [right.sql for left, right in pairs if left.kind is value.kind]
        others = [left.sql == right.sql for left, right in pairs if left.kind is not value.kind]
        return or_(*([value.sql.in_(same)] if same else []), *others)

    def _like(self, args: list[Any], depth: int) -> ColumnElement[bool]:
        value, pattern = self._values("like", args, 2, depth)
        for each in (value, pattern):
            if each.kind is not Kind.TEXT:
                raise InvalidInputError(f"filter: LIKE takes text: {each.told} is {each.kind}")
        if pattern.given is None:
            raise InvalidInputError(f"filter: {pattern.told}: what stands after LIKE must be text in quotes")
        if _UNFINISHED_ESCAPE.search(pattern.given):
            raise InvalidInputError(f"filter: LIKE {pattern.told}: a backslash must stand before %, _ or \\")
        return value.sql.like(pattern.sql)

    def _values(self, operator: str, args: list[Any], number: int, depth: int) -> list[Value]:
        return [self._value(each, depth) for each in _exactly(operator, args, number)]

    def _value(self, tree: Any, depth: int) -> Value:
        self._count(depth)
        if not isinstance(tree, dict):
            return literal_value(tree)
        if "op" in tree:
            return self._worked_out(tree, depth + 1)
        if "property" in tree:
            return property_value(tree["property"], self._model, self._table)
        if "date" in tree:
            return date_value(tree["date"])
        if "timestamp" in tree:
            return timestamp_value(tree["timestamp"])
        if "bbox" in tree:
            return box_value(tree["bbox"], self._crs)
        if "interval" in tree:
            raise InvalidInputError("filter: an interval can be asked by T_INTERSECTS and the like only")
        return geometry_value(tree, self._crs)

    def _worked_out(self, tree: dict[str, Any], depth: int) -> Value:
        operator, args = _operation(tree)
        if operator in ARITHMETIC:
            left, right = self._values(operator, args, 2, depth)
            return arithmetic(operator, left, right)
        if operator in FOLDING:
            [value] = self._values(operator, args, 1, depth)
            return folded(operator, value)
        if operator in _CONDITIONS:
            raise InvalidInputError(f"filter: the condition {operator} stands where a value must be")
        raise InvalidInputError(f"filter: there is no function {operator!r}; there are {', '.join(sorted(FOLDING))}")

    def _span(self, tree: Any, depth: int) -> Span:
        if not (isinstance(tree, dict) and "interval" in tree):
            return span(_time(self._value(tree, depth)))
        ends = tree["interval"]
        if not isinstance(ends, list) or len(ends) != 2:
            raise InvalidInputError("filter: an interval has two ends, as in INTERVAL('2020-01-01', '..')")
        start, end = (None if each == OPEN else _time(self._value(each, depth + 1)) for each in ends)
        return interval(start, end)

    def _count(self, depth: int) -> None:
        self._nodes += 1
        if depth > 2 * MAX_DEPTH:
            raise InvalidInputError(f"filter: nested more than {MAX_DEPTH} deep")
        if self._nodes > MAX_NODES:
            raise InvalidInputError(f"filter: holds more than {MAX_NODES} values and operators")


def _operation(tree: Any) -> tuple[str, list[Any]]:
    """Return the operator of a tree, in lower case, and what it is asked of; no operator for a value."""
    if not isinstance(tree, dict) or "op" not in tree:
        return "", []
    operator, args = tree["op"], tree.get("args")
    if not isinstance(operator, str) or not isinstance(args, list):
        raise InvalidInputError('filter: an operation is written as {"op": "=", "args": [...]}')
    return checked_text(operator).lower(), args


def _exactly(operator: str, args: list[Any], number: int) -> list[Any]:
    if len(args) != number:
        raise InvalidInputError(f"filter: {operator} takes {number}, not {len(args)}")
    return args


def _at_least(operator: str, args: list[Any], number: int) -> None:
    if len(args) < number:
        raise InvalidInputError(f"filter: {operator} takes at least {number}, not {len(args)}")


def _time(value: Value) -> Value:
    """Read a text as the time or date that must stand here."""
    if value.kind is not Kind.TEXT or value.given is None:
        return value
    text = value.given
    return date_value(text) if len(text) <= len("2020-01-31") else timestamp_value(text)


_KNOWN = (*_COMPARISONS, "and", "or", "not", "between", "in", "isNull", "like", *sorted(SPATIAL), *sorted(TEMPORAL))
_CONDITIONS = {each.lower() for each in _KNOWN}
