"""The server's HTTP: what can be answered at once is, as soon as it is read; all else by the application."""

from __future__ import annotations

import time
from asyncio import TimerHandle
from collections.abc import Callable
from contextvars import copy_context
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.serving import metrics
from api.serving.at_once import CLOSED_REQUEST, STATE_KEY, AtOnce, Making, Raw
from api.serving.logs import tell

_JOINED_UP_TO_BYTES = 65_536
_FORWARDED = b"x-forwarded-for"


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol of a connection, which asks what answers at once before it starts a task.

    A task, its context and its wake-ups take longer than a small tile; headers and body go out in one piece.
    """

    _timer: TimerHandle | None = None
    _idle_since = 0.0

    def on_headers_complete(self) -> None:
        """Answer the request whose headers have come, or let the application do so."""
        at_once: AtOnce | None = self.app_state.get(STATE_KEY)
        if at_once is None or not self._is_simple() or not _Request(self, at_once).begin():
            super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def reply(self, raw: Raw, *, keep_alive: bool) -> None:
        """Send an answer in one piece."""
        status, headers, body = raw
        parts = [_status_line(status)]
        for name, value in (*self.server_state.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
        if len(body) <= _JOINED_UP_TO_BYTES:
            parts.append(body)
            self.transport.write(b"".join(parts))
        else:
            self.transport.writelines([b"".join(parts), body])
        if not keep_alive:
            self.transport.close()
        if self.pipeline:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
            self._close_when_idle()

    def _close_when_idle(self) -> None:
        """Close the connection unless a request comes in time; one timer serves many requests."""
        self._idle_since = self.loop.time()
        if self._timer is None:
            self._timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        self._timer = None
        cycle = self.cycle
        if not (isinstance(cycle, _Request) and cycle.response_complete and cycle.scope is self.scope):
            return
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._timer = self.loop.call_later(left_s, self._close_if_idle)
        else:
            self.timeout_keep_alive_handler()

    def _is_simple(self) -> bool:
        """Tell whether a request stands alone and can be answered at once."""
        return (
            self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and (self.cycle is None or self.cycle.response_complete)
            and not (self.root_path or self.flow.write_paused)
        )


class _Request:
    """A request that is answered at once; to uvicorn's protocol it is what it has in `cycle`."""

    def __init__(self, protocol: Protocol, at_once: AtOnce) -> None:
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.more_body = False
        self.body = b""
        self.message_event = self
        self._protocol = protocol
        self._at_once = at_once
        self.scope: Scope = protocol.scope
        self._making: Making | None = None
        self._context = copy_context()
        self._began = time.perf_counter()

    def begin(self) -> bool:
        """Begin to answer, and tell whether it can be answered so."""
        return self._context.run(self._begin)

    def set(self) -> None:
        """Hear that something has happened on the connection, such as that it was lost."""
        if self.disconnected and self._making is not None:
            self._at_once.give_up(self._making)
            self._making = None
            self._end(CLOSED_REQUEST, 0)

    def _begin(self) -> bool:
        protocol, scope = self._protocol, self.scope
        path, _, scope["query_string"] = protocol.url.partition(b"?")
        scope["method"], scope["path"] = "GET", path.decode("latin-1")
        if any(name == _FORWARDED for name, _ in scope["headers"]):
            _without_waiting(_forwarded(protocol.config.forwarded_allow_ips), scope)
        found = self._at_once.take(scope)
        if found is None:
            return False
        metrics.IN_FLIGHT.inc()
        protocol.cycle = self  # type: ignore[assignment]
        self._go_on(found)
        return True

    def _go_on(self, found: Raw | Making) -> None:
        """Send an answer, or wait for it."""
        if isinstance(found, Making):
            self._making = found
            found.work.add_done_callback(self._made, context=self._context)
            return
        self.response_complete = True
        if not self._protocol.transport.is_closing():
            self._protocol.reply(found, keep_alive=self.keep_alive)
        self._end(found[0], len(found[2]))

    def _made(self, _work: object) -> None:
        """Go on with what has been made."""
        making, self._making = self._making, None
        if making is not None:
            self._go_on(self._at_once.finish(self.scope, making))

    def _end(self, status: int, sent: int) -> None:
        metrics.IN_FLIGHT.dec()
        tell(self.scope, status, sent, time.perf_counter() - self._began)


@lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


@lru_cache(maxsize=8)
def _forwarded(trusted: str) -> ProxyHeadersMiddleware:
    """Return what learns from a trusted proxy from where is asked."""
    return ProxyHeadersMiddleware(_nothing, trusted)


def _without_waiting(app: Callable[..., Any], scope: Scope) -> None:
    """Let something that waits for nothing read, and change, a scope."""
    reading = app(scope, None, None)
    try:
        reading.send(None)
    except StopIteration:
        return
    reading.close()


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Answer nothing."""
