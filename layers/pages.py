"""Pages of features on the event loop: of the questions that are asked most, whose SQL is made once a layer."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.postgresql import psycopg

from layers import store
from layers.catalog import LayerTable
from layers.event_loop import Connections, rows_of
from layers.query import Box, Query

_BOX: Box = (-1.5, -2.5, 1.5, 2.5)
_PLACE, _LIMIT = -7_000_001, 7_000_002
_MARKS: dict[Any, str] = {**dict(zip(_BOX, ("west", "south", "east", "north"), strict=True)), _PLACE: "place"}
_MARKS[_LIMIT + 1] = "limit"
_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]


async def read_page(connections: Connections, model: LayerTable, query: Query) -> store.Page:
    """Read a page of features in longitude and latitude.

    Parameters
    ----------
    connections
        Of the public's.
    model
        The layer.
    query
        Which features: a box that doesn't cross the date line, a place in the order of ids, a limit, and nothing else.

    Raises
    ------
    TimeoutError
        No connection was to be had.
    psycopg.Error
        The base can't answer.
    """
    values: dict[str, Any] = {"limit": (query.limit or 1) + 1}
    if query.bbox is not None:
        values |= zip(("west", "south", "east", "north"), query.bbox, strict=True)
    [place] = query.after or query.before or [None]
    if place is not None:
        values["place"] = place
    text = _page(model, query.bbox is not None, query.after is not None, query.before is not None)
    found = await _run(connections, text, values, planned=query.bbox is not None)
    return store.page_of(found, query)


async def count_up_to(connections: Connections, model: LayerTable, box: Box, *, at_most: int) -> int | None:
    """Count the features in a box, or return ``None`` where there are more than ``at_most``; errors as `read_page`."""
    values = dict(zip(("west", "south", "east", "north"), box, strict=True))
    [[found]] = await _run(connections, _count(model, at_most), values, planned=True)
    return found if found <= at_most else None


async def _run(connections: Connections, text: str, values: dict[str, Any], *, planned: bool) -> list[tuple[Any, ...]]:
    """Run a statement; one with a box is planned for it, since it decides by which index features are found."""
    written = text % {name: repr(value) for name, value in values.items()} if planned else text
    return rows_of(await connections.run(written, None if planned else values))


@lru_cache(maxsize=1024)
def _page(model: LayerTable, boxed: bool, after: bool, before: bool) -> str:
    query = Query(bbox=_BOX if boxed else None, limit=_LIMIT)
    query = replace(query, after=(_PLACE,) if after else None, before=(_PLACE,) if before else None)
    return _marked(store.page_statement(model, query))


@lru_cache(maxsize=256)
def _count(model: LayerTable, at_most: int) -> str:
    return _marked(store.count_statement(model, Query(bbox=_BOX), at_most=at_most))


def _marked(statement: Select[Any]) -> str:
    """Return the text of a statement with its values marked by name where they may be others next time."""
    made = statement.compile(dialect=_DIALECT)
    return re.sub(r"%\((\w+)\)s", lambda mark: _mark(made.params[mark[1]]), str(made))


def _mark(value: Any) -> str:
    return f"%({_MARKS[value]})s" if value in _MARKS else repr(value)
