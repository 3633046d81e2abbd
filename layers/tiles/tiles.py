"""Vector tiles: one SQL statement a tile, as fast as PostGIS makes them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import InternalError

from layers.catalog import find
from layers.errors import NotFoundError
from layers.tiles.matrix_sets import MAX_ZOOM
from layers.tiles.request import BUFFER, DETAIL_ZOOM, EXTENT, TileRequest
from layers.tiles.sql import fields, layer_sql

__all__ = [
    "BUFFER",
    "DETAIL_ZOOM",
    "ENCODING",
    "EXTENT",
    "MAX_BYTES",
    "MAX_ZOOM",
    "TileRequest",
    "fields",
    "make",
    "share_that_fits",
    "statement",
    "tile",
]

ENCODING = 3
"""Part of every tile's ETag: raised when the same features make other tiles."""

MAX_BYTES = 500_000
"""No tile is larger when it is compressed: the least important features of a larger one are left out."""

_COMPRESSION = 5
_ROOM = 0.9
_LEAST_SHARE = 1e-6


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
    """Make the tile that was asked for, and thin it where it would be too large.

    Returns
    -------
    bytes
        A Mapbox vector tile; empty where there is nothing.

    Raises
    ------
    NotFoundError
        There is no such layer.
    """
    share: float | None = None
    while True:
        text, values = statement(request, share=share)
        try:
            content = bytes(connection.exec_driver_sql(text, values).scalar_one()) if text else b""
        except InternalError as error:
            raise failure(error) from error
        share = share_that_fits(content, share)
        if share is None:
            return content


def statement(request: TileRequest, *, share: float | None = None) -> tuple[str, dict[str, Any]]:
    """Return the statement whose one value is the tile, and its values; an empty one where nothing is drawn.

    Parameters
    ----------
    request
        The tile.
    share
        How many of each layer's features are wanted, 0 to 1, the most important first; by default all.

    Raises
    ------
    NotFoundError
        There is no such layer.
    """
    parts = [layer_sql(request, find(name), nth, thinned=share is not None) for nth, name in enumerate(request.drawn)]
    values: dict[str, Any] = {} if share is None else {"share": share}
    for _, more in parts:
        values |= more
    texts = [text for text, _ in parts]
    return texts[0] if len(
        texts
    ) == 1 else f"SELECT {' || '.join(f'({text})' for text in texts)}" if texts else "", values


def failure(error: Exception) -> Exception:
    """Return what to raise where PostGIS couldn't make a tile: that it doesn't know its CRS, or the error itself."""
    if "spatial_ref_sys" not in str(error):
        return error
    return NotFoundError("There is no such tile matrix set: no territory of the base uses its CRS.")


def share_that_fits(content: bytes, share: float | None = None) -> float | None:
    """Return the share of the features with which to make a tile again that is too large, or ``None`` where it fits.

    Parameters
    ----------
    content
        The tile.
    share
        With which it was made, if not with all.
    """
    size = len(content) if len(content) <= MAX_BYTES else len(zlib.compress(content, _COMPRESSION))
    if size <= MAX_BYTES:
        return None
    smaller = (1.0 if share is None else share) * _ROOM * MAX_BYTES / size
    return smaller if smaller > _LEAST_SHARE else 0.0
