"""The short way of the commonest requests, those for tiles: past routing and validation, straight to the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import answer
from api.security import caller
from api.tile_answers import CLOSED_REQUEST, SCOPE_KEY, ClientGoneError, Raw, TileAnswers
from api.tile_cache import TileKey, tile_key
from geo.errors import HoradError, InvalidInputError
from layers import custom
from layers.announcements import Announcements, announcements
from layers.catalog import all_layers, show_custom_layers
from layers.errors import NotFoundError
from layers.tile_request import TileRequest

_PATH = re.compile(
    r"(?:/territories/(?P<territory>[\w-]+))?(?:/collections/(?P<collection>\w+))?"
    r"/tiles/(?P<matrix_set>\w+)/(?P<z>\d{1,2})/(?P<row>\d{1,8})/(?P<col>\d{1,8})"
)
_QUERY = re.compile(r"(?:(?:collections=(?P<collections>[\w,%]+)|v=(?P<version>[\w.-]*)|f=mvt)(?:&|$))*")
_READ = (b"accept-encoding", b"if-none-match")
_REMEMBERED_AT_MOST = 50_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address asks for."""

    key: TileKey
    version: str | None


class TileGate:
    """Answers the plain requests for tiles; whatever else there is to a request, the routes answer it.

    The process listens to the base's announcements for as long as the application runs.

    Parameters
    ----------
    app
        The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: Announcements = announcements()
        self._answers = TileAnswers(self._known)
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
        plain = scope["type"] == "http" and scope["method"] == "GET" and "/tiles/" in scope["path"]
        asked = self._read(scope) if plain else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        raw = await self._answer(asked, scope, receive, send)
        if raw is not None:
            status, headers, body = raw
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def _read(self, scope: Scope) -> _Asked | None:
        """Return what an address asks for, or nothing where a route has to read it."""
        if caller(Request(scope)).rights or not self._known.current:
            return None
        if self._asked_of != self._known.registry_serial or len(self._asked) >= _REMEMBERED_AT_MOST:
            self._asked, self._asked_of = {}, self._known.registry_serial
        show_custom_layers(custom.public_layers())
        address = scope["path"], scope["query_string"]
        found = self._asked.get(address) or self._parse(*address)
        if found is not None:
            self._asked[address] = found
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

    async def _answer(self, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> Raw | None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}
        accepted, held = headers.get(b"accept-encoding", ""), headers.get(b"if-none-match", "")
        kept = self._answers.kept(asked.key, accepted, held, asked.version)
        if kept is not None:
            return kept
        try:
            return await self._answers.make(asked.key, None, accepted, receive, asked.version)
        except ClientGoneError:
            return CLOSED_REQUEST, [], b""
        except HoradError as error:
            await answer(Request(scope), error)(scope, receive, send)
            return None
