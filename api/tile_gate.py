"""The short way of the commonest requests, those for tiles: past routing and validation, straight to the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.credentials import shown
from api.errors import answer
from api.tile_answers import CLOSED_REQUEST, SCOPE_KEY, TileAnswers
from api.tile_cache import ClientGoneError, Raw, TileKey, tile_key
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
_READ = (b"accept-encoding", b"if-none-match", b"origin")
_READING = ("GET", "HEAD")
_ASKED = "horad.tile"
"""Under which a request's scope holds what its address asks for."""
_REMEMBERED_AT_MOST = 50_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address asks for."""

    key: TileKey
    version: str | None


class TileGate:
    """Answers the public's requests for tiles that are kept, before anything else is done about them.

    It stands before all else; those for tiles that have to be made it leaves to `TileMaker`, and whatever else there is
    to a request, the routes answer it. The process listens to the base's announcements for as long as the application
    runs.

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
        plain = scope["type"] == "http" and scope["method"] in _READING and "/tiles/" in scope["path"]
        raw = self._ready(scope) if plain else None
        if raw is None:
            await self._app(scope, receive, send)
        else:
            await _send(raw, send, body=scope["method"] != "HEAD")

    def _ready(self, scope: Scope) -> Raw | None:
        """Answer with a tile that is kept, or let `TileMaker` know which is wanted."""
        headers = {name: value for name, value in scope["headers"] if name in _READ}
        if shown(scope["headers"]) or not self._known.current:
            return None
        asked = self._read(scope["path"], scope["query_string"])
        if asked is None:
            return None
        scope[_ASKED] = asked
        if b"origin" in headers:
            return None
        return self._answers.ready(asked.key, *_wanted(headers), asked.version)

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


class TileMaker:
    """Makes the tiles that the gate was asked for and didn't have.

    Parameters
    ----------
    app
        The application, whose routes answer all other requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        asked: _Asked | None = scope.get(_ASKED)
        if asked is None:
            await self._app(scope, receive, send)
            return
        answers: TileAnswers = scope[SCOPE_KEY]
        accepted, held = _wanted({name: value for name, value in scope["headers"] if name in _READ})
        try:
            raw = answers.kept(asked.key, accepted, held, asked.version)
            raw = raw or await answers.make(asked.key, None, accepted, receive, asked.version)
        except ClientGoneError:
            raw = CLOSED_REQUEST, [], b""
        except HoradError as error:
            await answer(Request(scope), error)(scope, receive, send)
            return
        await _send(raw, send)


def _wanted(headers: dict[bytes, bytes]) -> tuple[str, str]:
    """Return the headers ``Accept-Encoding`` and ``If-None-Match``, empty where there are none."""
    accepted, held = headers.get(b"accept-encoding", b""), headers.get(b"if-none-match", b"")
    return accepted.decode("latin-1"), held.decode("latin-1")


async def _send(raw: Raw, send: Send, *, body: bool = True) -> None:
    status, headers, content = raw
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content if body else b""})
