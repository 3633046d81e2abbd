"""Statements on the event loop, straight through libpq: each prepared once, with values and results in binary form."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.types.string import ByteaBinaryLoader

from layers import database

LOST = (psycopg.OperationalError, psycopg.InterfaceError)
"""What is raised when the database has gone."""

_PREPARED_AT_MOST = 1_000
_STOPS_WITHIN_S = 5.0
_BINARY = 1
_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_AS_SENT = AdaptersMap(psycopg.adapters)
_AS_SENT.register_loader("text", ByteaBinaryLoader)
_MARK = re.compile(r"%\((\w+)\)s|%%")


class Connection:
    """A connection of the public's on the event loop that runs, one statement at a time.

    psycopg opens it and writes the values. Its own cursors are passed by: they take longer than many a tile takes
    PostgreSQL.

    Parameters
    ----------
    connection
        Of psycopg's, which commits by itself.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._values = Transformer(connection)
        self._prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._result: PGresult | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._socket: int | None = self._libpq.socket
        self._loop.add_reader(self._socket, self._read)

    @property
    def idle(self) -> bool:
        """Whether it can run a statement."""
        return self._libpq.transaction_status == TransactionStatus.IDLE

    @property
    def closed(self) -> bool:
        """Whether it was closed or lost."""
        return self._libpq.status == ConnStatus.BAD

    async def run(
        self, statement: str, values: Mapping[str, Any] | None, settings: Mapping[str, str] | None = None
    ) -> PGresult:
        """Run a statement, and give up its execution when the task is cancelled.

        Parameters
        ----------
        statement
            With its values marked as ``%(name)s``, and ``%`` written twice.
        values
            By name. ``None`` where the statement holds them and marks nothing: it is planned for them, and not kept.
        settings
            Of PostgreSQL, by name, that are to hold for this statement.

        Raises
        ------
        psycopg.Error
            As the statement fails.
        """
        if not settings:
            return await self._run(statement, values)
        wanted = ", ".join(f"set_config(%(name{nth})s, %(value{nth})s, true)" for nth in range(len(settings)))
        told = {f"name{nth}": name for nth, name in enumerate(settings)}
        told |= {f"value{nth}": value for nth, value in enumerate(settings.values())}
        await self._run("BEGIN", {})
        try:
            await self._run(f"SELECT {wanted}", told)
            return await self._run(statement, values)
        finally:
            if not self.closed:
                await self._run("ROLLBACK", {})

    async def close(self) -> None:
        """Close it."""
        self._stop_reading()
        await self._connection.close()

    async def _run(self, statement: str, values: Mapping[str, Any] | None) -> PGresult:
        if values is None:
            self._libpq.send_query_params(statement.encode(), None, result_format=_BINARY)
            return await self._answer()
        command, names = _numbered(statement)
        given = self._values.dump_sequence([values[name] for name in names], [PyFormat.AUTO] * len(names))
        known = command, self._values.types or ()
        formats = self._values.formats
        name = self._prepared.get(known) or await self._prepare(*known)
        self._libpq.send_query_prepared(name, given, formats, _BINARY)
        return await self._answer()

    async def _prepare(self, command: bytes, types: tuple[int, ...]) -> bytes:
        if len(self._prepared) >= _PREPARED_AT_MOST:
            self._prepared.clear()
            self._libpq.send_query(b"DEALLOCATE ALL")
            await self._answer()
        name = b"s%d" % len(self._prepared)
        self._libpq.send_prepare(name, command, types)
        await self._answer()
        self._prepared[command, types] = name
        return name

    async def _answer(self) -> PGresult:
        self._waiting = waiting = self._loop.create_future()
        try:
            while self._libpq.flush():
                await self._writable()
            await waiting
        except asyncio.CancelledError:
            await self._stop()
            raise
        finally:
            self._waiting = None
        result, self._result = self._result, None
        if result is None or result.status not in _DONE:
            raise error_from_result(result) if result is not None else psycopg.OperationalError("no answer came")
        return result

    def _read(self) -> None:
        """Take what has come; the statement has ended when there is no further result."""
        try:
            self._libpq.consume_input()
            while not self._libpq.is_busy():
                result = self._libpq.get_result()
                if result is None:
                    self._tell(None)
                    return
                self._result = result
        except psycopg.OperationalError as error:
            self._stop_reading()
            self._tell(error)

    def _tell(self, error: psycopg.Error | None) -> None:
        if self._waiting is None or self._waiting.done():
            return
        if error is None:
            self._waiting.set_result(None)
        else:
            self._waiting.set_exception(error)

    def _stop_reading(self) -> None:
        """Forget the socket, whose number may soon be that of another one."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket = None

    async def _writable(self) -> None:
        ready = self._loop.create_future()
        self._loop.add_writer(self._libpq.socket, ready.set_result, None)
        try:
            await ready
        finally:
            self._loop.remove_writer(self._libpq.socket)

    async def _stop(self) -> None:
        """Let PostgreSQL give up the statement, and wait until it has; it's closed where that takes too long."""
        if self._libpq.transaction_status != TransactionStatus.ACTIVE:
            return
        self._waiting = self._loop.create_future()
        try:
            async with asyncio.timeout(_STOPS_WITHIN_S):
                await self._connection.cancel_safe(timeout=_STOPS_WITHIN_S)
                await self._waiting
        except (TimeoutError, psycopg.Error):
            await self.close()
        finally:
            self._result = None


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
        self._places = asyncio.Semaphore(number)
        self._patience_s = patience_s

    async def run(
        self, statement: str, values: Mapping[str, Any] | None, settings: Mapping[str, str] | None = None
    ) -> PGresult:
        """Run a statement when its turn comes; parameters as for `Connection.run`.

        A connection that was lost while nobody used it is replaced.

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
            self._places.release()

    async def close(self) -> None:
        """Close those that nobody uses."""
        while self._free:
            await self._free.pop().close()

    async def _take_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        async with asyncio.timeout(self._patience_s):
            await self._places.acquire()

    async def _on(
        self,
        connection: Connection,
        statement: str,
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


@lru_cache(maxsize=2048)
def _numbered(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement as PostgreSQL takes it, and the names of its values in their order."""
    names: dict[str, int] = {}

    def number(mark: re.Match[str]) -> str:
        return "%" if mark[1] is None else f"${names.setdefault(mark[1], len(names) + 1)}"

    return _MARK.sub(number, statement).encode(), tuple(names)
