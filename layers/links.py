"""Links between layers, followed: titles for ids, and what inspections say of what was inspected."""

from __future__ import annotations

from collections import Counter

import geopandas as gpd
import sqlalchemy as sa
from sqlalchemy import Connection

from layers.catalog import Column, LayerTable, all_layers, find
from layers.reading import store

INSPECTIONS = "inspections"
SOURCE_ID = "source_id"


def follow(connection: Connection, layer: str, frame: gpd.GeoDataFrame, query: store.Query) -> gpd.GeoDataFrame:
    """Return features with what their links lead to.

    A value that leads to another feature becomes that feature's title, followed by its id where several share the
    title; one that leads nowhere, or to what has no title, stays. A column that inspections tell has the score of the
    newest one, where there is any.

    Parameters
    ----------
    connection
        To the database.
    layer
        The layer of the features.
    frame
        The features, with ``source_id``.
    query
        By which they were read.
    """
    model = find(layer)
    found = frame.copy()
    for column in model.columns:
        if column.name not in frame:
            continue
        if column.link is not None and column.link.layer is not None:
            titles = _titles(connection, column.link.layer, query)
            found[column.name] = frame[column.name].map(lambda value, known=titles: known.get(value, value))
        if column.inspected is not None:
            scores = frame[SOURCE_ID].map(_scores(connection, model, column, query))
            found[column.name] = scores.astype("float64").fillna(frame[column.name])
    return found


def needs(layer: str) -> bool:
    """Tell whether anything of a layer is told by others."""
    return any(each.link is not None or each.inspected is not None for each in find(layer).columns)


def _titles(connection: Connection, layer: str, query: store.Query) -> dict[str, str]:
    model = find(layer)
    name = model.layer.style.label or "name"
    if model.column(name) is None:
        return {}
    table = store.rows_at(model, query.as_of)
    statement = sa.select(table.c.source_id, table.c[name]).where(store.within(table, query.territory))
    titles = {source_id: title for source_id, title in connection.execute(statement) if title}
    shared = Counter(titles.values())
    return {each: title if shared[title] == 1 else f"{title} ({each})" for each, title in titles.items()}


def _scores(connection: Connection, model: LayerTable, column: Column, query: store.Query) -> dict[str, float]:
    """Return the newest score of each feature by its source id."""
    if INSPECTIONS not in all_layers():
        return {}
    table = store.rows_at(find(INSPECTIONS), query.as_of)
    known = sa.select(table.c.asset, table.c.score).where(
        store.within(table, query.territory),
        table.c.asset_layer == model.name,
        sa.func.upper(table.c.score_type) == column.inspected,
        table.c.score.is_not(None),
    )
    newest_last = known.order_by(table.c.inspected_at.nulls_first(), table.c.id)
    return {row.asset: row.score for row in connection.execute(newest_last)}
