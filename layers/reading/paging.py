"""The order of features, and places in it: pages go on behind a place, and never count what lies before."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, FromClause, and_, false, literal, or_

from geo.errors import InvalidInputError
from layers.catalog import LayerTable

Position: TypeAlias = tuple[Any, ...]
"""A place in the order: the values of the columns by which features are sorted, and the id."""

_OWN: Mapping[str, type] = {"id": int, "territory": str, "source": str, "source_id": str}
_MAX_ID = 2**63 - 1


@dataclass(frozen=True)
class SortKey:
    """A column by which features are ordered; those that have no value come last, whichever way."""

    column: str
    descending: bool = False


def sortables(model: LayerTable) -> dict[str, type]:
    """Return the columns by which a layer can be sorted, each with the type of its values."""
    return {**_OWN, **{each.name: each.python_type for each in model.columns}}


def parse_sort(model: LayerTable, text: str) -> tuple[SortKey, ...]:
    """Read columns separated by commas, each with ``-`` before it for the greatest first.

    Raises
    ------
    InvalidInputError
        The layer can't be sorted by one of them.
    """
    known = sortables(model)
    keys = [SortKey(part.strip().lstrip("+-"), part.strip().startswith("-")) for part in text.split(",")]
    for key in keys:
        if key.column not in known:
            raise InvalidInputError(
                f"sortby={text}: {model.name} can't be sorted by {key.column!r}, but by {', '.join(known)}"
            )
    if len({key.column for key in keys}) < len(keys):
        raise InvalidInputError(f"sortby={text}: names a column twice")
    return tuple(keys)


def position_columns(table: FromClause, sort: Sequence[SortKey]) -> list[ColumnElement[Any]]:
    """Return the columns of which a row's place in the order is made."""
    return [*(table.c[key.column] for key in sort), table.c.id]


def ordering(table: FromClause, sort: Sequence[SortKey], *, backwards: bool = False) -> list[ColumnElement[Any]]:
    """Return what a statement is ordered by."""
    found: list[ColumnElement[Any]] = []
    for key in sort:
        column = table.c[key.column]
        direction = column.desc() if key.descending is not backwards else column.asc()
        found.append(direction.nulls_first() if backwards else direction.nulls_last())
    return [*found, table.c.id.desc() if backwards else table.c.id]


def beyond(
    table: FromClause, sort: Sequence[SortKey], position: Position, *, backwards: bool = False
) -> ColumnElement[bool]:
    """Return the condition that a row comes behind a place in the order, or ahead of it where ``backwards``."""
    column, value = table.c.id, position[-1]
    condition: ColumnElement[bool] = column < value if backwards else column > value
    for key, value in reversed(list(zip(sort, position, strict=False))):
        column = table.c[key.column]
        same = column.is_(None) if value is None else column == literal(value, column.type)
        further = _further(column, value, descending=key.descending, backwards=backwards)
        condition = or_(further, and_(same, condition))
    return condition


def write_position(position: Position) -> str:
    """Write a place in the order, as links carry it."""
    if len(position) == 1:
        return str(position[0])
    values = [each.isoformat() if isinstance(each, dt.date) else each for each in position]
    return json.dumps(values, ensure_ascii=False)


def read_position(model: LayerTable, sort: Sequence[SortKey], text: str, *, parameter: str) -> Position:
    """Read a place in the order, as `write_position` writes it.

    Raises
    ------
    InvalidInputError
        It is none of this order.
    """
    known = sortables(model)
    types = [*(known[key.column] for key in sort), int]
    try:
        values = json.loads(text) if sort else [int(text)]
        position = tuple(_READ[kind](value) for kind, value in zip(types, values, strict=True))
    except (ValueError, TypeError, RecursionError):
        position = (None,)
    if position[-1] is None:
        raise InvalidInputError(f"{parameter}={text}: must be as in the links of a page in this order")
    return position


def _further(column: ColumnElement[Any], value: Any, *, descending: bool, backwards: bool) -> ColumnElement[bool]:
    if value is None:
        return column.is_not(None) if backwards else false()
    place = literal(value, column.type)
    further = column < place if descending is not backwards else column > place
    return further if backwards else or_(further, column.is_(None))


def _typed(kind: type | tuple[type, ...]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise TypeError
        if isinstance(value, int) and abs(value) > _MAX_ID:
            raise ValueError
        if isinstance(value, str) and ("\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value)):
            raise ValueError
        return value

    return read


def _timed(kind: type[dt.date]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else kind.fromisoformat(value)


_READ: Mapping[type, Callable[[Any], Any]] = {
    int: _typed(int),
    float: _typed((int, float)),
    bool: _typed(bool),
    str: _typed(str),
    dt.date: _timed(dt.date),
    dt.datetime: _timed(dt.datetime),
}
