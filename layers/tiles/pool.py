"""Makes tiles on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.errors import InternalError_, QueryCanceled, UndefinedColumn, UndefinedTable
from psycopg.pq.abc import PGresult

from layers.catalog import find
from layers.errors import DatabaseError
from layers.models.base import STORAGE_SRID
from layers.postgres.event_loop import Connections
from layers.postgres.statements import LOST, Bound, NotBegunError, bound, checked
from layers.settings import get_settings
from layers.tiles import tiles
from layers.tiles.matrix_sets import Box
from layers.tiles.request import TileRequest

_PATIENCE_S = 15.0
_SIDES = ("west", "south", "east", "north")

T = TypeVar("T")


class TilePool:
    """Makes tiles over connections with the rights of the public, on one event loop.

    Whoever is cancelled while waiting for a tile has its statement cancelled.

    Parameters
    ----------
    connections
        By default its own, at most ``HORAD_TILE_CONNECTIONS`` at a time.
    """

    def __init__(self, connections: Connections | None = None) -> None:
        self._connections = connections or few_connections()

    async def make(self, request: TileRequest, settings: Mapping[str, str] | None = None) -> bytes:
        """Make a tile.

        Parameters
        ----------
        request
            The tile.
        settings
            Of the transaction, by name: for whom it speaks. By default for the public.

        Returns
        -------
        bytes
            A Mapbox vector tile; empty where there is nothing.

        Raises
        ------
        NotFoundError
            There is no such layer.
        DatabaseError
            The base can't be reached, is too busy, or a layer has just been changed or dropped.
        """
        share: float | None = None
        while request.drawn:
            content = await self._value(*tiles.statement(request, share=share), settings)
            if len(content) <= tiles.MAX_BYTES:
                return content
            share = await asyncio.to_thread(tiles.share_that_fits, content, share)
            if share is None:
                return content
        return b""

    def begin(self, known: Bound, then: Callable[[bytes], T]) -> asyncio.Future[T] | None:
        """Make a tile for the public without a task of its own, where one statement makes it.

        Parameters
        ----------
        known
            The statement, from `bound_for`.
        then
            Makes of the tile what is told to whoever waits.

        Returns
        -------
        asyncio.Future or None
            As of `Connections.begin`; it may also fail with a `DatabaseError`, as `make`.
        """
        return self._connections.begin(known, partial(_whole, then))

    async def is_occupied(self, boxes: Mapping[str, Iterable[Box]]) -> bool:
        """Tell whether any feature of some layers touches one of the boxes in degrees that are given of the layer.

        Raises
        ------
        DatabaseError
            As `make`.
        """
        places = [(name, box) for name, each in boxes.items() for box in each]
        asked = " OR ".join(
            f'EXISTS (SELECT FROM "{find(name).name}" WHERE geom && ST_MakeEnvelope({_marks(nth)}, {STORAGE_SRID}))'
            for nth, (name, _) in enumerate(places)
        )
        sides = {
            f"{side}{nth}": each for nth, (_, box) in enumerate(places) for side, each in zip(_SIDES, box, strict=True)
        }
        return bool(any(await self._value(f"SELECT {asked}", sides, None)))

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    async def _value(self, statement: str, values: Mapping[str, Any], settings: Mapping[str, str] | None) -> bytes:
        """Run a statement that gives one value, when its turn comes."""
        try:
            found = await self._connections.run(statement, values, settings)
        except (UndefinedTable, UndefinedColumn, InternalError_, QueryCanceled, *LOST, TimeoutError) as error:
            raise failure(error) from error
        return found.get_value(0, 0) or b""


def bound_for(request: TileRequest) -> Bound | None:
    """Return the statement that makes a tile, if it takes one; errors as `TilePool.make`."""
    return bound(*tiles.statement(request)) if request.drawn else None


def failure(error: Exception) -> Exception:
    """Return what there is to say where a tile couldn't be made."""
    if isinstance(error, (UndefinedTable, UndefinedColumn)):
        return DatabaseError("a layer has just been changed or dropped")
    if isinstance(error, InternalError_):
        return tiles.failure(error)
    if isinstance(error, TimeoutError):
        return DatabaseError("too many tiles are being made")
    if isinstance(error, (QueryCanceled, *LOST)):
        return DatabaseError(f"the tile couldn't be made: {type(error).__name__}")
    return error


def _whole(then: Callable[[bytes], T], result: PGresult) -> T:
    """Return what is to be made of a tile that isn't too large."""
    try:
        content = checked(result).get_value(0, 0) or b""
    except psycopg.Error as error:
        raise failure(error) from error
    if len(content) > tiles.MAX_BYTES:
        raise NotBegunError
    return then(content)


def few_connections(*, patience_s: float = _PATIENCE_S) -> Connections:
    """Return connections for small statements, at most ``HORAD_TILE_CONNECTIONS`` at a time."""
    return Connections(get_settings().tile_connections, patience_s=patience_s)


def _marks(nth: int) -> str:
    return ", ".join(f"%({side}{nth})s" for side in _SIDES)
