"""Vector tiles: one SQL statement a tile, as fast as PostGIS makes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from layers.catalog import find
from layers.tile_matrix_sets import MAX_ZOOM
from layers.tile_request import BUFFER, EXTENT, TileRequest
from layers.tile_sql import DETAIL_ZOOM, fields, layer_sql, places

__all__ = ["BUFFER", "DETAIL_ZOOM", "ENCODING", "EXTENT", "MAX_ZOOM", "TileRequest", "fields", "make", "tile"]

ENCODING = 2
"""Part of every tile's ETag: raised when the same features make other tiles."""


def tile(connection: Connection, layers: Iterable[str], *, z: int, row: int, col: int, **wanted: Any) -> bytes:
    """Make a vector tile of one or several layers.

    Parameters
    ----------
    connection
        To the database.
    layers
        Their names; those not drawn at this zoom are left out.
    z, row, col
        The tile: zoom, row from the north, column from the west.
    wanted
        What else a `TileRequest` may ask.

    Returns
    -------
    bytes
        A Mapbox vector tile; empty where there is nothing.

    Raises
    ------
    InvalidInputError
        There is no such row or column at that zoom.
    NotFoundError
        There is no such layer, tile matrix set or zoom.
    """
    return make(connection, TileRequest(layers=tuple(layers), z=z, row=row, col=col, **wanted))


def make(connection: Connection, request: TileRequest) -> bytes:
    """Make the tile that was asked for.

    Returns
    -------
    bytes
        A Mapbox vector tile; empty where there is nothing.

    Raises
    ------
    NotFoundError
        There is no such layer.
    """
    parts = [layer_sql(request, find(name), nth) for nth, name in enumerate(request.drawn)]
    if not parts:
        return b""
    values: dict[str, Any] = dict(places(request))
    for _, more in parts:
        values |= more
    statement = " || ".join(f"({text})" for text, _ in parts)
    return bytes(connection.exec_driver_sql(f"SELECT {statement}", values).scalar_one())
