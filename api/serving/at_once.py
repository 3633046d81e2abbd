"""What is answered at once, before anything else is done about a request: the questions that the public asks most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import answer
from api.security.credentials import shown
from api.serving.headers import Header, marked
from api.serving.limits import Limits
from layers.catalog import show_custom_layers
from layers.custom import custom
from layers.history.announcements import announcements
from layers.settings import get_settings

STATE_KEY = "horad.at_once"
"""Under which the state of the application's life holds its `AtOnce`."""
CLOSED_REQUEST = 499
"""The status in the log of a request that nobody waits for any more."""

_ASKED = "horad.asked"
"""Under which a request's scope holds what it asks."""
_READING = ("GET", "HEAD")
_ORIGIN = b"origin"
_VARIES = (b"vary", b"Origin")
_LONG_WAY = frozenset((_ORIGIN, b"content-length", b"transfer-encoding", b"expect"))
"""Whoever sends one of these is answered by a task."""
_QUICK_S = 0.1
"""Before that, nobody is asked whether they still wait."""

Raw: TypeAlias = tuple[int, list[Header], bytes]
"""Status, headers and body of an answer."""


@dataclass(frozen=True, slots=True)
class Making:
    """An answer that is being made for somebody."""

    work: asyncio.Future[Any]
    """Is done when `finish` can be called."""
    finish: Callable[[], Raw | Making]
    """Returns the answer or what to wait for then; raises what there is to say where it can't be made."""
    leave: Callable[[], object]
    """Is to be called, once, by whoever waits no more, whether or not it was made."""


class Question(Protocol):
    """A request that can be answered at once; answers have the headers that all have."""

    def ready(self) -> Raw | Making | None:
        """Answer with what is kept, if it is, which isn't counted."""

    def begin(self) -> Raw | Making:
        """Begin to answer."""


class Gate(Protocol):
    """Knows the questions of a kind."""

    def read(self, scope: Scope) -> Question | None:
        """Return what a request asks, or nothing where it isn't known wholly, so that a route has to read it."""

    def open(self, state: MutableMapping[str, Any]) -> None:
        """Let the routes know by the state of the application's life what they need of it."""

    async def close(self) -> None:
        """Close its connections."""


class ClientGoneError(Exception):
    """Whoever asked has gone, so that there is nobody to answer."""


class AtOnce:
    """Answers the public's questions that its gates know, before all else; the application answers all others.

    Where requests are traced, it answers all of them. The process listens to the base's announcements for as long as
    the application runs.

    Parameters
    ----------
    app
        The application.
    gates
        Those that know questions.
    limits
        How much may be asked.
    foreign
        Puts before answers what requests from the pages of other sites need.
    """

    def __init__(
        self, app: ASGIApp, gates: Iterable[Gate], limits: Limits, foreign: Callable[[ASGIApp], ASGIApp]
    ) -> None:
        self._app = app
        self._gates = tuple(gates)
        self._limits = limits
        self._foreign = foreign(self._answer)
        self._known = announcements()
        self._traced = get_settings().telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the life of the application."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        asked = self._read(scope) if scope["type"] == "http" and scope["method"] in _READING else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        scope[_ASKED] = asked
        from_other_site = any(name == _ORIGIN for name, _ in scope["headers"])
        await (self._foreign if from_other_site else self._answer)(scope, receive, send)

    def take(self, scope: Scope) -> Raw | Making | None:
        """Begin to answer a request to read without a task, or return nothing where that can't be.

        Whoever is given something to wait for then calls `finish`, or `give_up`.

        Parameters
        ----------
        scope
            Of the request.
        """
        if self._limits.waits or not _LONG_WAY.isdisjoint(dict(scope["headers"])):
            return None
        try:
            asked = self._read(scope)
            if asked is None:
                return None
            found = asked.ready()
            if found is None:
                self._limits.check_now(scope)
                found = asked.begin()
        except Exception as error:  # noqa: BLE001  (answered as all errors are)
            found = _refusal(scope, error)
        if isinstance(found, Making):
            self._limits.__enter__()
            return found
        return _varying(found)

    def finish(self, scope: Scope, making: Making) -> Raw | Making:
        """Return the answer to a request that was waited for, or what to wait for then."""
        found = _finished(scope, making)
        if isinstance(found, Making):
            return found
        self._limits.__exit__()
        return _varying(found)

    def give_up(self, making: Making) -> None:
        """Wait no more."""
        making.leave()
        self._limits.__exit__()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.get("state", {})
        for each in self._gates:
            each.open(state)
        if not self._traced:
            state[STATE_KEY] = self
        self._known.start()
        try:
            await self._app(scope, receive, send)
        finally:
            self._known.stop()
            for each in self._gates:
                await each.close()

    def _read(self, scope: Scope) -> Question | None:
        """Return what a request asks, if it can be answered at once."""
        if not self._known.current or self._traced or shown(scope["headers"]):
            return None
        show_custom_layers(custom.public_layers())
        for each in self._gates:
            asked = each.read(scope)
            if asked is not None:
                return asked
        return None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a question."""
        asked: Question = scope[_ASKED]
        try:
            found = asked.ready()
            if found is None:
                await self._limits.check(scope)
            with self._limits:
                status, headers, body = await waited_for(found or asked.begin(), receive)
        except ClientGoneError:
            status, headers, body = CLOSED_REQUEST, [], b""
        except Exception as error:  # noqa: BLE001  (answered as all errors are)
            status, headers, body = _refusal(scope, error)
        varies = [] if any(name == _ORIGIN for name, _ in scope["headers"]) else [_VARIES]
        await send({"type": "http.response.start", "status": status, "headers": [*headers, *varies]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def waited_for(found: Raw | Making, receive: Receive) -> Raw:
    """Return an answer when it is made; raises as it can't be.

    Parameters
    ----------
    found
        The answer, or what to wait for.
    receive
        Tells when whoever asked has gone.

    Raises
    ------
    ClientGoneError
        They have.
    """
    while isinstance(found, Making):
        making = found
        try:
            await _done(making.work, receive)
            found = making.finish()
        finally:
            making.leave()
    return found


async def _done(work: asyncio.Future[Any], receive: Receive) -> None:
    """Wait until something is done for as long as whoever asked does."""
    await asyncio.wait((work,), timeout=_QUICK_S)
    if work.done():
        return
    watching = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((work, watching), return_when=asyncio.FIRST_COMPLETED)
    finally:
        watching.cancel()
    if not work.done():
        raise ClientGoneError


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _finished(scope: Scope, making: Making) -> Raw | Making:
    try:
        return making.finish()
    except Exception as error:  # noqa: BLE001  (answered as all errors are)
        return _refusal(scope, error)
    finally:
        making.leave()


def _refusal(scope: Scope, error: Exception) -> Raw:
    """Return the answer to a request that is refused, or can't be answered."""
    found = answer(Request(scope), error)
    return found.status_code, marked(found.raw_headers, public=True), bytes(found.body)


def _varying(raw: Raw) -> Raw:
    """Return the answer to a request that no page of another site sent."""
    return raw[0], [*raw[1], _VARIES], raw[2]
