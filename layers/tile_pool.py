"""Makes tiles over connections of its own that never block the event loop, with prepared statements."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import psycopg
from psycopg.errors import InternalError_, QueryCanceled, UndefinedColumn, UndefinedTable
from psycopg.rows import TupleRow

from layers import database, tiles
from layers.catalog import find
from layers.errors import DatabaseError
from layers.models.base import STORAGE_SRID
from layers.settings import get_settings
from layers.tile_matrix_sets import Box
from layers.tile_request import TileRequest

_LOST = (psycopg.OperationalError, psycopg.InterfaceError)
_PATIENCE_S = 15.0

Values: TypeAlias = dict[str, Any] | list[float]
Connection = psycopg.AsyncConnection[TupleRow]


class TilePool:
    """Connections with the rights of the public, at most ``HORAD_TILE_CONNECTIONS`` at a time, on one event loop.

    Whoever is cancelled while waiting for a tile has its statement cancelled.
    """

    def __init__(self) -> None:
        self._free: list[Connection] = []
        self._places = asyncio.Semaphore(get_settings().tile_connections)

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
            content: bytes = await self._value(*tiles.statement(request, share=share), settings)
            if len(content) <= tiles.MAX_BYTES:
                return content
            share = await asyncio.to_thread(tiles.share_that_fits, content, share)
            if share is None:
                return content
        return b""

    async def is_occupied(self, boxes: Mapping[str, Iterable[Box]]) -> bool:
        """Tell whether any feature of some layers touches one of the boxes in degrees that are given of the layer.

        Raises
        ------
        DatabaseError
            As `make`.
        """
        asked = [
            f'EXISTS (SELECT FROM "{find(name).name}" WHERE geom && ST_MakeEnvelope(%s, %s, %s, %s, {STORAGE_SRID}))'
            for name, places in boxes.items()
            for _ in places
        ]
        sides = [side for places in boxes.values() for box in places for side in box]
        found: bool = await self._value(f"SELECT {' OR '.join(asked)}", sides, None)
        return found

    async def close(self) -> None:
        """Close the connections."""
        while self._free:
            await self._free.pop().close()

    async def _value(self, statement: str, values: Values, settings: Mapping[str, str] | None) -> Any:
        """Run a statement that gives one value, when its turn comes."""
        await self._take_place()
        try:
            return await self._run(statement, values, settings)
        except (UndefinedTable, UndefinedColumn) as error:
            raise DatabaseError("a layer has just been changed or dropped") from error
        except InternalError_ as error:
            raise tiles.failure(error) from error
        except (QueryCanceled, *_LOST) as error:
            raise DatabaseError(f"the tile couldn't be made: {type(error).__name__}") from error
        finally:
            self._places.release()

    async def _take_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._places.acquire()
        except TimeoutError as error:
            raise DatabaseError("too many tiles are being made") from error

    async def _run(self, statement: str, values: Values, settings: Mapping[str, str] | None) -> Any:
        """Run a statement; a connection that was lost while nobody used it is replaced once."""
        while self._free:
            connection = self._free.pop()
            try:
                return await self._on(connection, statement, values, settings)
            except _LOST:
                if not connection.closed:
                    raise
        return await self._on(await database.tile_connection(), statement, values, settings)

    async def _on(
        self, connection: Connection, statement: str, values: Values, settings: Mapping[str, str] | None
    ) -> Any:
        cursor = connection.cursor(binary=True)
        try:
            if settings:
                async with connection.transaction():
                    wanted = ", ".join(["set_config(%s, %s, true)"] * len(settings))
                    await cursor.execute(f"SELECT {wanted}", [part for item in settings.items() for part in item])
                    await cursor.execute(statement, values)
                    row = await cursor.fetchone()
            else:
                await cursor.execute(statement, values)
                row = await cursor.fetchone()
        except BaseException:
            if connection.closed or connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                await connection.close()
            else:
                self._free.append(connection)
            raise
        self._free.append(connection)
        return None if row is None else row[0]
