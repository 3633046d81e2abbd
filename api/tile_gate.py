"""The short way of the commonest requests, those for tiles: past routing and validation, straight to the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.credentials import shown
from api.errors import answer
from api.headers import marked, marking
from api.limits import Limits
from api.tile_answers import CLOSED_REQUEST, SCOPE_KEY, TileAnswers
from api.tile_cache import ClientGoneError, Raw, TileKey, tile_key
from geo.errors import InvalidInputError
from layers import custom
from layers.announcements import Announcements, announcements
from layers.catalog import all_layers, show_custom_layers
from layers.errors import NotFoundError
from layers.event_loop import Connections
from layers.tile_request import TileRequest

_PATH = re.compile(
    r"(?:/territories/(?P<territory>[\w-]+))?(?:/collections/(?P<collection>\w+))?"
    r"/tiles/(?P<matrix_set>\w+)/(?P<z>\d{1,2})/(?P<row>\d{1,8})/(?P<col>\d{1,8})"
)
_QUERY = re.compile(r"(?:(?:collections=(?P<collections>[\w,%]+)|v=(?P<version>[\w.-]*)|f=mvt)(?:&|$))*")
_READ = (b"accept-encoding", b"if-none-match", b"origin")
_READING = ("GET", "HEAD")
_ASKED = "horad.tile"
"""Under which a request's scope holds what its address asks for."""
_REMEMBERED_AT_MOST = 50_000
_VARIES = (b"vary", b"Origin")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address asks for."""

    key: TileKey
    version: str | None


class TileGate:
    """Answers the public's requests for tiles, before anything else is done about them.

    Whatever else there is to a request, the routes answer it. The process listens to the base's announcements for as
    long as the application runs.

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
        self._known: Announcements = announcements()
        self._answers = TileAnswers(self._known, connections)
        self._asked: dict[tuple[str, bytes], _Asked] = {}
        self._asked_of = -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the life of the application."""
        if scope["type"] == "lifespan":
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
        readable = self._known.current and not shown(scope["headers"])
        asked = self._read(scope["path"], scope["query_string"]) if readable else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        scope[_ASKED] = asked, headers
        await (self._foreign if b"origin" in headers else self._answer)(scope, receive, send)

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
        status, found, content = raw
        if b"origin" not in headers:
            found = [*found, _VARIES]
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
        found = self._asked.get((path, query)) or self._parse(path, query)
        if found is not None:
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
