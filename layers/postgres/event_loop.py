"""The connections of one event loop, taken in turn by small statements."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq.abc import PGresult
from psycopg.types.string import ByteaBinaryLoader

from layers.postgres import database
from layers.postgres.statements import LOST, Begun, Bound, Connection, NotBegunError, Then

_AS_SENT = AdaptersMap(psycopg.adapters)
_AS_SENT.register_loader("text", ByteaBinaryLoader)

T = TypeVar("T")


class Connections:
    """Connections with the rights of the public, on one event loop; each is opened when it is first needed.

    Parameters
    ----------
    number
        At most so many at a time.
    patience_s
        How long one waits for one of them.
    """

    def __init__(self, number: int, *, patience_s: float) -> None:
        self._free: list[Connection] = []
        self._places = number
        self._patience_s = patience_s
        self._queue: deque[tuple[asyncio.Future[Any], Callable[[], bool], asyncio.TimerHandle]] = deque()
        self._closing: set[asyncio.Task[None]] = set()

    async def run(
        self, statement: str | Bound, values: Mapping[str, Any] | None = None, settings: Mapping[str, str] | None = None
    ) -> PGresult:
        """Run a statement when its turn comes; parameters as for `Connection.run`.

        A connection that was lost is replaced, and the statement, which only reads, run anew; a new one isn't.

        Raises
        ------
        TimeoutError
            Its turn didn't come.
        psycopg.Error
            As the statement fails.
        """
        await self._take_place()
        try:
            while self._free:
                connection = self._free.pop()
                try:
                    return await self._on(connection, statement, values, settings)
                except LOST:
                    if not connection.closed:
                        raise
            connection = Connection(await database.event_loop_connection())
            return await self._on(connection, statement, values, settings)
        finally:
            self._give_place()

    def begin(self, known: Bound, then: Then[T]) -> asyncio.Future[T] | None:
        """Run a statement without a task of its own, if it is prepared already.

        Parameters
        ----------
        known
            The statement.
        then
            Makes of the result what is told to whoever waits.

        Returns
        -------
        asyncio.Future or None
            Who cancels it gives the statement up. It fails with a `NotBegunError` where the statement has to be run by
            `run` after all, with a ``TimeoutError`` where its turn didn't come, and with what ``then`` raises; nothing
            is returned where it is known at once that it has to be run.
        """
        begun: Begun[T] = Begun(loop=asyncio.get_running_loop())
        start = partial(self._start, begun, known, then)
        if not self._places:
            self._wait(begun, partial(_start_or_tell, begun, start))
        elif start():
            self._places -= 1
        else:
            return None
        return begun

    async def close(self) -> None:
        """Close those that nobody uses."""
        while self._free:
            await self._free.pop().close()

    def _start(self, begun: Begun[T], known: Bound, then: Then[T]) -> bool:
        """Send a statement on a free connection, and tell whether it was sent."""
        while self._free:
            connection = self._free.pop()
            if connection.begin(known, begun, then, partial(self._take_back, connection)):
                return True
            if not connection.closed:
                self._free.append(connection)
                break
            self._close(connection)
        return False

    async def _take_place(self) -> None:
        if self._places:
            self._places -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wait(turn, partial(_tell, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._give_place()
            raise

    def _wait(self, turn: asyncio.Future[Any], start: Callable[[], bool]) -> None:
        """Let a place be taken in turn by what then starts."""
        patience = turn.get_loop().call_later(self._patience_s, _tell_that_it_took_too_long, turn)
        self._queue.append((turn, start, patience))

    def _give_place(self) -> None:
        """Give a place to whoever has waited longest."""
        self._places += 1
        while self._places and self._queue:
            turn, start, patience = self._queue.popleft()
            patience.cancel()
            if not turn.done() and start():
                self._places -= 1

    def _take_back(self, connection: Connection) -> None:
        """Take a connection back whose statement has ended, and its place."""
        if connection.idle:
            self._free.append(connection)
        else:
            self._close(connection)
        self._give_place()

    def _close(self, connection: Connection) -> None:
        closing = asyncio.get_running_loop().create_task(connection.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _on(
        self,
        connection: Connection,
        statement: str | Bound,
        values: Mapping[str, Any] | None,
        settings: Mapping[str, str] | None,
    ) -> PGresult:
        try:
            return await connection.run(statement, values, settings)
        finally:
            if connection.idle:
                self._free.append(connection)
            else:
                await connection.close()


def rows_of(result: PGresult) -> list[tuple[Any, ...]]:
    """Return the rows of a result as Python's values, texts as their bytes."""
    reading = Transformer(_AS_SENT)
    reading.set_pgresult(result)
    return reading.load_rows(0, result.ntuples, tuple)


def _start_or_tell(begun: asyncio.Future[Any], start: Callable[[], bool]) -> bool:
    started = start()
    if not started:
        begun.set_exception(NotBegunError())
    return started


def _tell(turn: asyncio.Future[None]) -> bool:
    turn.set_result(None)
    return True


def _tell_that_it_took_too_long(turn: asyncio.Future[Any]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())
