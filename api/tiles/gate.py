"""The short way of the commonest requests, those for tiles: past routing and validation, straight to the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import answer
from api.security.credentials import shown
from api.serving.headers import marked, marking
from api.serving.limits import Limits
from api.tiles.answers import CLOSED_REQUEST, SCOPE_KEY, Making, TileAnswers
from api.tiles.cache import ClientGoneError, Raw, TileKey, tile_key
from geo.errors import InvalidInputError
from layers.catalog import all_layers, show_custom_layers
from layers.custom import custom
from layers.errors import NotFoundError
from layers.history.announcements import Announcements, announcements
from layers.postgres.event_loop import Connections
from layers.postgres.statements import Bound
from layers.settings import get_settings
from layers.tiles.pool import bound_for
from layers.tiles.request import TileRequest

_PATH = re.compile(
    r"(?:/territories/(?P<territory>[\w-]+))?(?:/collections/(?P<collection>\w+))?"
    r"/tiles/(?P<matrix_set>\w+)/(?P<z>\d{1,2})/(?P<row>\d{1,8})/(?P<col>\d{1,8})"
)
_QUERY = re.compile(r"(?:(?:collections=(?P<collections>[\w,%]+)|v=(?P<version>[\w.-]*)|f=mvt)(?:&|$))*")
_READ = (b"accept-encoding", b"if-none-match", b"origin")
_READING = ("GET", "HEAD")
STATE_KEY = "horad.tile_gate"
"""Under which the state of the application's life holds its `TileGate`."""
_ASKED = "horad.tile"
"""Under which a request's scope holds what its address asks for."""
_REMEMBERED_AT_MOST = 50_000
_REMEMBERED_UP_TO_BYTES = 500
_VARIES = (b"vary", b"Origin")
_LONG_WAY = frozenset((b"origin", b"content-length", b"transfer-encoding", b"expect"))
"""Whoever sends one of these is answered by the application."""


@dataclass(frozen=True)
class _Asked:
    """What an address asks for."""

    key: TileKey
    version: str | None

    @cached_property
    def bound(self) -> Bound | None:
        """The statement that makes the tile, if it takes one."""
        return bound_for(self.key.request)


class TileGate:
    """Answers the public's requests for tiles, before anything else is done about them.

    Whatever else there is to a request, the routes answer it; all of them where they are traced. The process listens to
    the base's announcements for as long as the application runs.

    Parameters
    ----------
    app
        The application.
    limits
        How much it may be asked.
    connections
        To the database.
    foreign
        Puts before tiles what requests from the pages of other sites need.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, connections: Connections, foreign: Callable[[ASGIApp], ASGIApp]
    ) -> None:
        self._app = app
        self._limits = limits
        self._foreign = foreign(self._answer)
        self._traced = get_settings().telemetry
        self._known: Announcements = announcements()
        self._answers = TileAnswers(self._known, connections)
        self._asked: dict[tuple[str, bytes], _Asked] = {}
        self._asked_of = -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the life of the application."""
        if scope["type"] == "lifespan":
            if not self._traced:
                scope.get("state", {})[STATE_KEY] = self
            self._known.start()
            try:
                await self._app(scope, receive, send)
            finally:
                self._known.stop()
                await self._answers.close()
            return
        scope[SCOPE_KEY] = self._answers
        if scope["type"] != "http" or scope["method"] not in _READING or "/tiles/" not in scope["path"]:
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name in _READ}
        readable = self._known.current and not self._traced and not shown(scope["headers"])
        asked = self._read(scope["path"], scope["query_string"]) if readable else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        scope[_ASKED] = asked, headers
        await (self._foreign if b"origin" in headers else self._answer)(scope, receive, send)

    def take(self, url: bytes, scope: Scope) -> Raw | Making | None:
        """Begin to answer a request for a tile without a task, or return nothing where that can't be.

        Whoever is given something to wait for tells by `ended` that they wait no more.

        Parameters
        ----------
        url
            What the request asks for, as it came.
        scope
            Of the request, with its headers and the address from which it came.

        Raises
        ------
        HoradError
            The request is to be refused.
        """
        if b"/tiles/" not in url or not self._known.current or self._limits.waits or shown(scope["headers"]):
            return None
        accepted = held = ""
        for name, value in scope["headers"]:
            if name in _LONG_WAY:
                return None
            if name == b"accept-encoding":
                accepted = value.decode("latin-1")
            elif name == b"if-none-match":
                held = value.decode("latin-1")
        path, _, query = url.partition(b"?")
        asked = self._read(path.decode("latin-1"), query)
        if asked is None:
            return None
        raw = self._answers.ready(asked.key, accepted, held, asked.version)
        if raw is not None:
            return _varying(raw)
        self._limits.check_now(scope)
        raw = self._answers.kept(asked.key, accepted, held, asked.version)
        if raw is not None:
            return _for_all(raw)
        self._limits.__enter__()
        return self._answers.begin(asked.key, asked.bound, accepted, asked.version)

    def finish(self, making: Making) -> Raw | Making:
        """Return the answer that was waited for, or what to wait for then; errors as `TileAnswers.make`."""
        found = making.finish()
        return found if isinstance(found, Making) else _for_all(found)

    def ended(self) -> None:
        """Count a request no more that was given something to wait for."""
        self._limits.__exit__()

    def refusal(self, scope: Scope, error: Exception) -> Raw:
        """Return the answer to a request that is refused, or can't be answered."""
        found = answer(Request(scope), error)
        return _for_all((found.status_code, found.raw_headers, bytes(found.body)))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the tile that was asked for."""
        asked, headers = scope[_ASKED]
        accepted = headers.get(b"accept-encoding", b"").decode("latin-1")
        held = headers.get(b"if-none-match", b"").decode("latin-1")
        raw = self._answers.ready(asked.key, accepted, held, asked.version)
        if raw is None:
            try:
                raw = await self._made(asked, accepted, held, scope, receive)
            except Exception as error:  # noqa: BLE001  (answered as all errors are)
                await answer(Request(scope), error)(scope, receive, marking(send, public=True))
                return
        status, found, content = raw if b"origin" in headers else _varying(raw)
        await send({"type": "http.response.start", "status": status, "headers": found.copy()})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    async def _made(self, asked: _Asked, accepted: str, held: str, scope: Scope, receive: Receive) -> Raw:
        """Make the tile, unless whoever asks holds it already."""
        await self._limits.check(scope)
        with self._limits:
            raw = self._answers.kept(asked.key, accepted, held, asked.version)
            try:
                raw = raw or await self._answers.make(asked.key, None, accepted, receive, asked.version)
            except ClientGoneError:
                raw = CLOSED_REQUEST, [], b""
        return raw[0], marked(raw[1], public=True), raw[2]

    def _read(self, path: str, query: bytes) -> _Asked | None:
        """Return what an address asks for, or nothing where a route has to read it."""
        if self._asked_of != self._known.registry_serial or len(self._asked) >= _REMEMBERED_AT_MOST:
            self._asked, self._asked_of = {}, self._known.registry_serial
        show_custom_layers(custom.public_layers())
        found = self._asked.get((path, query))
        if found is None:
            found = self._parse(path, query)
            if found is not None and len(path) + len(query) <= _REMEMBERED_UP_TO_BYTES:
                self._asked[path, query] = found
        return found

    def _parse(self, path: str, query: bytes) -> _Asked | None:
        place, more = _PATH.fullmatch(path), _QUERY.fullmatch(query.decode("latin-1"))
        if place is None or more is None or (place["collection"] and more["collections"]):
            return None
        if place["territory"] is not None and place["territory"] not in self._known.territories:
            return None
        names = place["collection"] or unquote(more["collections"] or "")
        try:
            request = TileRequest(
                layers=tuple(dict.fromkeys(names.split(","))) if names else tuple(all_layers()),
                matrix_set=place["matrix_set"],
                z=int(place["z"]),
                row=int(place["row"]),
                col=int(place["col"]),
                territory=place["territory"],
            )
            return _Asked(tile_key(request, ""), more["version"])
        except (NotFoundError, InvalidInputError):
            return None


def _varying(raw: Raw) -> Raw:
    """Return the answer to a request that no page of another site sent."""
    return raw[0], [*raw[1], _VARIES], raw[2]


def _for_all(raw: Raw) -> Raw:
    """Return an answer with the headers that all have."""
    return _varying((raw[0], marked(raw[1], public=True), raw[2]))
