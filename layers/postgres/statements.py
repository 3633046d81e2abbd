"""Statements on the event loop, straight through libpq: each prepared once, with values and results in binary form."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

LOST = (psycopg.OperationalError, psycopg.InterfaceError)
"""What is raised when the database has gone."""

_PREPARED_AT_MOST = 1_000
_STOPS_WITHIN_S = 5.0
_BINARY = 1
_DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_MARK = re.compile(r"%\((\w+)\)s|%%")

_stopping: set[asyncio.Task[None]] = set()

T = TypeVar("T")
Values = Mapping[str, Any]
Then = Callable[[PGresult], T]
"""Makes of a result what is wanted of it, or raises what there is to say; it must not take long."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement with its values as libpq takes them, which can be run again and again."""

    key: tuple[bytes, tuple[int, ...]]
    """By which connections know it: its text and the types of its values."""
    values: Sequence[Any]
    formats: Sequence[Any] | None
    """Of the values; without, they are texts."""


class NotBegunError(Exception):
    """A statement that can't be begun without waiting: it isn't prepared, or no connection is open."""


class Begun(asyncio.Future[T]):
    """A statement that runs, or will when its turn comes; who cancels it gives up its execution."""

    given_up: Callable[[], None] | None = None
    """What to do about that while it runs."""

    def cancel(self, msg: Any | None = None) -> bool:
        """Give it up, unless it has ended."""
        cancelled = super().cancel(msg)
        if cancelled and self.given_up is not None:
            self.given_up()
        return cancelled


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
        self._prepared: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._named = 0
        self._result: PGresult | None = None
        self._waiting: asyncio.Future[Any] | None = None
        self._then: Then[Any] = checked
        self._ended: Callable[[], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._socket: int | None = self._libpq.socket
        self._writing = False
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
        self, statement: str | Bound, values: Values | None = None, settings: Mapping[str, str] | None = None
    ) -> PGresult:
        """Run a statement, and give up its execution when the task is cancelled.

        Parameters
        ----------
        statement
            With its values marked as ``%(name)s``, and ``%`` written twice; or with its values.
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

    def begin(self, bound: Bound, begun: Begun[T], then: Then[T], ended: Callable[[], None]) -> bool:
        """Send a statement, if it is prepared, and tell whether it was sent.

        Parameters
        ----------
        bound
            The statement.
        begun
            Gets what is made of the result.
        then
            Makes it.
        ended
            Is called when the connection is free again, or lost.
        """
        try:
            if not self._send_prepared(bound):
                return False
        except psycopg.OperationalError:
            self._stop_reading()
            return False
        self._waiting, self._then, self._ended = begun, then, ended
        begun.given_up = self._give_up
        return True

    async def close(self) -> None:
        """Close it."""
        self._stop_reading()
        await self._connection.close()

    async def _run(self, statement: str | Bound, values: Values | None = None) -> PGresult:
        if isinstance(statement, str) and values is None:
            self._libpq.send_query_params(statement.encode(), None, result_format=_BINARY)
            self._flush()
        else:
            known = statement if isinstance(statement, Bound) else bound(statement, values or {})
            if not self._send_prepared(known):
                await self._prepare(*known.key)
                self._send_prepared(known)
        return await self._answer()

    def _send_prepared(self, known: Bound) -> bool:
        name = self._prepared.get(known.key)
        if name is None:
            return False
        self._libpq.send_query_prepared(name, known.values, known.formats, _BINARY)
        self._flush()
        return True

    async def _prepare(self, command: bytes, types: tuple[int, ...]) -> None:
        """Prepare a statement under a name that is never given again: who gives up doesn't learn whether it is."""
        if self._named and self._named % _PREPARED_AT_MOST == 0:
            self._prepared.clear()
            self._libpq.send_query(b"DEALLOCATE ALL")
            self._flush()
            await self._answer()
        name = b"s%d" % self._named
        self._named += 1
        self._libpq.send_prepare(name, command, types)
        self._flush()
        await self._answer()
        self._prepared[command, types] = name

    async def _answer(self) -> PGresult:
        waiting = self._loop.create_future()
        self._waiting, self._then, self._ended = waiting, checked, None
        try:
            result: PGresult = await waiting
        except asyncio.CancelledError:
            await self._stop()
            raise
        return result

    def _read(self) -> None:
        """Take what has come; the statement has ended when there is no further result."""
        try:
            self._libpq.consume_input()
            while not self._libpq.is_busy():
                result = self._libpq.get_result()
                if result is None:
                    self._end(None)
                    return
                self._result = result
        except psycopg.OperationalError as error:
            self._stop_reading()
            self._end(error)

    def _end(self, error: psycopg.Error | None) -> None:
        """Tell whoever waits what the statement gave, and that the connection is free."""
        result, waiting, ended = self._result, self._waiting, self._ended
        self._result = self._waiting = self._ended = None
        if waiting is not None and not waiting.done():
            if error is not None or result is None:
                waiting.set_exception(error or psycopg.OperationalError("no answer came"))
            else:
                try:
                    waiting.set_result(self._then(result))
                except Exception as failed:  # noqa: BLE001  (it is told to whoever waits)
                    waiting.set_exception(failed)
        if ended is not None:
            ended()

    def _stop_reading(self) -> None:
        """Forget the socket, whose number may soon be that of another one."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = None

    def _flush(self) -> None:
        """Send what libpq has to send, and what it can't send at once as soon as it can be."""
        more = bool(self._libpq.flush())
        if more != self._writing and self._socket is not None:
            self._writing = more
            if more:
                self._loop.add_writer(self._socket, self._write_on)
            else:
                self._loop.remove_writer(self._socket)

    def _write_on(self) -> None:
        try:
            self._flush()
        except psycopg.OperationalError as error:
            self._stop_reading()
            self._end(error)

    def _give_up(self) -> None:
        ended, self._ended = self._ended, None
        stopping = self._loop.create_task(self._stop())
        _stopping.add(stopping)
        stopping.add_done_callback(_stopping.discard)
        if ended is not None:
            stopping.add_done_callback(lambda _: ended())

    async def _stop(self) -> None:
        """Let PostgreSQL give up the statement, and wait until it has; it's closed where that takes too long."""
        if self._libpq.transaction_status != TransactionStatus.ACTIVE:
            return
        stopped = self._loop.create_future()
        self._waiting, self._then, self._ended = stopped, _passed_over, None
        try:
            async with asyncio.timeout(_STOPS_WITHIN_S):
                await self._connection.cancel_safe(timeout=_STOPS_WITHIN_S)
                await stopped
        except (TimeoutError, psycopg.Error):
            await self.close()
        finally:
            self._result = None


def bound(statement: str, values: Values) -> Bound:
    """Return a statement, marked as for `Connection.run`, with its values as libpq takes them."""
    command, names = _numbered(statement)
    writing = Transformer()
    given = writing.dump_sequence([values[name] for name in names], [PyFormat.AUTO] * len(names))
    return Bound((command, tuple(writing.types or ())), given, writing.formats or ())


def untyped(statement: str, values: Mapping[str, str]) -> Bound:
    """Return a statement with its values as texts, whose types the statement tells; quicker than `bound`."""
    command, names = _numbered(statement)
    return Bound((command, ()), [values[name].encode() for name in names], None)


def checked(result: PGresult) -> PGresult:
    """Return the result of a statement that has succeeded.

    Raises
    ------
    psycopg.Error
        As it failed.
    """
    if result.status not in _DONE:
        raise error_from_result(result)
    return result


def _passed_over(_result: PGresult) -> None:
    """Make nothing of a result."""


@lru_cache(maxsize=2048)
def _numbered(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement as PostgreSQL takes it, and the names of its values in their order."""
    names: dict[str, int] = {}

    def number(mark: re.Match[str]) -> str:
        return "%" if mark[1] is None else f"${names.setdefault(mark[1], len(names) + 1)}"

    return _MARK.sub(number, statement).encode(), tuple(names)
