"""Pages of features on the event loop: of the questions that are asked most, whose SQL is made once a layer."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

from psycopg.pq.abc import PGresult
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import psycopg

from layers.catalog import LayerTable
from layers.postgres.event_loop import Connections
from layers.postgres.statements import Bound, checked, untyped
from layers.reading import store
from layers.reading.query import Box, Query

_SIDES = ("west", "south", "east", "north")
_BOX: Box = (-1.5, -2.5, 1.5, 2.5)
_PLACE, _LIMIT, _TERRITORY = -7_000_001, 7_000_002, "\ufffd"
_MARKS: dict[Any, str] = {
    **dict(zip(_BOX, _SIDES, strict=True)),
    _PLACE: "place",
    _LIMIT + 1: "limit",
    _TERRITORY: "territory",
}
_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]


def bound_page(
    model: LayerTable, *, limit: int, territory: str | None = None, after: int | None = None, before: int | None = None
) -> Bound:
    """Return the statement of a page of features; parameters as for `read_page`."""
    values = {"limit": str(limit + 1)}
    if territory is not None:
        values["territory"] = territory
    place = before if after is None else after
    if place is not None:
        values["place"] = str(place)
    return untyped(_page(model, territory is not None, False, after is not None, before is not None), values)


def page_of(result: PGresult, *, limit: int, backwards: bool) -> store.Page:
    """Return the page that its statement gave.

    Parameters
    ----------
    result
        Of the statement.
    limit
        At most so many features.
    backwards
        Whether it was read from its end.

    Raises
    ------
    psycopg.Error
        The statement failed.
    """
    rows = checked(result)
    count = min(rows.ntuples, limit)
    numbers = range(count - 1, -1, -1) if backwards else range(count)
    features: list[Any] = [rows.get_value(nth, 0) for nth in numbers]
    first, last = ((_whole(rows.get_value(numbers[nth], 1)),) if count else None for nth in (0, -1))
    return store.Page(features, first, last, rows.ntuples > limit)


async def read_page(
    connections: Connections,
    model: LayerTable,
    *,
    limit: int,
    territory: str | None = None,
    box: Box | None = None,
    after: int | None = None,
    before: int | None = None,
) -> store.Page:
    """Read a page of features in longitude and latitude, in the order of their ids.

    Parameters
    ----------
    connections
        Of the public's.
    model
        The layer.
    limit
        At most so many.
    territory
        Only those of a territory and of all that belong to it.
    box
        Only those that touch it; it doesn't cross the date line.
    after, before
        The id behind which they come, or ahead of which.

    Raises
    ------
    TimeoutError
        No connection was to be had.
    psycopg.Error
        The base can't answer.
    """
    if box is None:
        bound = bound_page(model, limit=limit, territory=territory, after=after, before=before)
        return page_of(await connections.run(bound), limit=limit, backwards=before is not None)
    text = _page(model, territory is not None, True, after is not None, before is not None)
    values = {"limit": limit + 1, "place": before if after is None else after, "territory": territory}
    found = await _planned(connections, text, values, box)
    return page_of(found, limit=limit, backwards=before is not None)


async def count_up_to(
    connections: Connections, model: LayerTable, *, box: Box | None, territory: str | None = None, at_most: int
) -> int | None:
    """Count features, or return ``None`` where there are more than ``at_most``; all else is as for `read_page`."""
    text = _count(model, territory is not None, box is not None, at_most)
    counted = await _planned(connections, text, {"territory": territory}, box)
    found = _whole(counted.get_value(0, 0))
    return found if found <= at_most else None


async def _planned(connections: Connections, text: str, values: dict[str, Any], box: Box | None) -> PGresult:
    """Run a statement that is planned for its values: a box decides by which index features are found."""
    if box is not None:
        values |= zip(_SIDES, box, strict=True)
    return await connections.run(text % {name: _literal(value) for name, value in values.items()})


@lru_cache(maxsize=1024)
def _page(model: LayerTable, of_territory: bool, boxed: bool, after: bool, before: bool) -> str:
    query = Query(territory=_TERRITORY if of_territory else None, bbox=_BOX if boxed else None, limit=_LIMIT)
    query = replace(query, after=(_PLACE,) if after else None, before=(_PLACE,) if before else None)
    return _marked(store.page_statement(model, query))


@lru_cache(maxsize=256)
def _count(model: LayerTable, of_territory: bool, boxed: bool, at_most: int) -> str:
    query = Query(territory=_TERRITORY if of_territory else None, bbox=_BOX if boxed else None)
    return _marked(store.count_statement(model, query, at_most=at_most))


def _marked(statement: Select[Any]) -> str:
    """Return the text of a statement with its values marked by name where they may be others next time."""
    made = statement.compile(dialect=_DIALECT)
    return re.sub(r"%\((\w+)\)s", lambda mark: _mark(made.params[mark[1]]), str(made))


def _mark(value: Any) -> str:
    return f"%({_MARKS[value]})s" if value in _MARKS else _literal(value)


def _literal(value: Any) -> str:
    return "'{}'".format(value.replace("'", "''")) if isinstance(value, str) else repr(value)


def _whole(binary: bytes | None) -> int:
    return int.from_bytes(binary or b"", "big", signed=True)
