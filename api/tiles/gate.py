"""The short way of requests for tiles: past routing and validation, straight to the answer."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from starlette.types import Scope

from api.serving.at_once import Making, Raw
from api.tiles.answers import STATE_KEY, TileAnswers
from api.tiles.cache import TileKey, tile_key
from geo.errors import InvalidInputError
from layers.catalog import all_layers
from layers.errors import NotFoundError
from layers.history.announcements import announcements
from layers.postgres.statements import Bound
from layers.tiles.pool import bound_for
from layers.tiles.request import TileRequest

_PATH = re.compile(
    r"(?:/territories/(?P<territory>[\w-]+))?(?:/collections/(?P<collection>\w+))?"
    r"/tiles/(?P<matrix_set>\w+)/(?P<z>\d{1,2})/(?P<row>\d{1,8})/(?P<col>\d{1,8})"
)
_QUERY = re.compile(r"(?:(?:collections=(?P<collections>[\w,%]+)|v=(?P<version>[\w.-]*)|f=mvt)(?:&|$))*")
_REMEMBERED_AT_MOST = 50_000
_REMEMBERED_UP_TO_BYTES = 500


@dataclass(frozen=True)
class _Asked:
    """What an address asks for."""

    key: TileKey
    version: str | None

    @cached_property
    def bound(self) -> Bound | None:
        """The statement that makes the tile, if it takes one."""
        return bound_for(self.key.request)


class _Tile:
    """A request for a tile."""

    __slots__ = ("_accepted", "_answers", "_asked", "_held")

    def __init__(self, answers: TileAnswers, asked: _Asked, accepted: str, held: str) -> None:
        self._answers = answers
        self._asked = asked
        self._accepted = accepted
        self._held = held

    def ready(self) -> Raw | None:
        """Answer with a tile that is kept, as it is wanted."""
        return self._answers.ready(self._asked.key, self._accepted, self._held, self._asked.version)

    def begin(self) -> Raw | Making:
        """Begin to make the tile, unless whoever asks holds it already."""
        asked = self._asked
        return self._answers.begin(asked.key, asked.bound, self._accepted, self._held, asked.version)


class TileGate:
    """Knows the requests for tiles."""

    def __init__(self) -> None:
        self._known = announcements()
        self._answers = TileAnswers(self._known)
        self._asked: dict[tuple[str, bytes], _Asked] = {}
        self._asked_of = -1

    def open(self, state: MutableMapping[str, Any]) -> None:
        """Let the routes of tiles answer from the same memory."""
        state[STATE_KEY] = self._answers

    async def close(self) -> None:
        """Close its connections."""
        await self._answers.close()

    def read(self, scope: Scope) -> _Tile | None:
        """Return what a request asks, or nothing where a route has to read it."""
        if "/tiles/" not in scope["path"]:
            return None
        asked = self._read(scope["path"], scope["query_string"])
        if asked is None:
            return None
        accepted = held = ""
        for name, value in scope["headers"]:
            if name == b"accept-encoding":
                accepted = value.decode("latin-1")
            elif name == b"if-none-match":
                held = value.decode("latin-1")
        return _Tile(self._answers, asked, accepted, held)

    def _read(self, path: str, query: bytes) -> _Asked | None:
        """Return what an address asks for, or nothing where a route has to read it."""
        if self._asked_of != self._known.registry_serial or len(self._asked) >= _REMEMBERED_AT_MOST:
            self._asked, self._asked_of = {}, self._known.registry_serial
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
