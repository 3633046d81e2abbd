"""Which values a property has, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from layers.catalog import find
from layers.errors import NotFoundError
from layers.reading.geojson import SHARED
from layers.reading.query import Query, conditions, rows_at


@dataclass(frozen=True)
class Values:
    """The values of a property, the most frequent first.

    Parameters
    ----------
    counts
        Each value with the number of features that have it; ``None`` for those that have none.
    more
        Whether there are further values.
    """

    counts: list[tuple[Any, int]]
    more: bool


def value_counts(connection: Connection, layer: str, column: str, query: Query, *, limit: int) -> Values:
    """Count the features that have each value of a property.

    Parameters
    ----------
    connection
        To the database, with the rights of whoever asks.
    layer
        Its name.
    column
        The property: one of the layer's columns, or one that all layers have.
    query
        Which features count; its order and its place are passed over.
    limit
        At most so many values.

    Raises
    ------
    NotFoundError
        There is no such layer or property.
    InvalidInputError
        The filter doesn't fit the layer.
    """
    model = find(layer)
    known = [*SHARED, *(each.name for each in model.columns)]
    if column not in known:
        raise NotFoundError(f"The layer {layer} has no property {column}; it has {', '.join(known)}.")
    table = rows_at(model, query.as_of)
    value, number = table.c[column], func.count().label("number")
    counted = select(value, number).where(*conditions(model, table, query)).group_by(value)
    rows = connection.execute(counted.order_by(number.desc(), value).limit(limit + 1)).all()
    return Values([(row[0], row[1]) for row in rows[:limit]], len(rows) > limit)
