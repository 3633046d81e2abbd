"""The short way of the questions for features that are asked most: before all else, on the event loop."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple
from urllib.parse import parse_qsl

import psycopg
from psycopg.errors import QueryCanceled
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import NotNowError, answer, stopped
from api.items.cache import Kept, PageCache
from api.links import base_url
from api.negotiation import negotiate
from api.ogc import features
from api.ogc.feature_pages import ITEMS_OFFERED, Frame
from api.ogc.items_query import MAX_LIMIT
from api.security.credentials import shown
from api.serving.headers import Header, marked, marking
from api.serving.limits import Limits
from api.tiles.answers import accepts_gzip
from api.tiles.cache import compressed
from geo.errors import HoradError
from layers.catalog import LayerTable, find, show_custom_layers
from layers.crs import CRS84
from layers.custom import custom
from layers.history.announcements import announcements
from layers.postgres import database
from layers.postgres.event_loop import Connections
from layers.reading import facts, pages
from layers.reading.query import Box, parse_bbox
from layers.settings import get_settings

_PATH = re.compile(r"(?:/territories/(?P<territory>[\w-]+))?/collections/(?P<layer>\w+)/items", re.ASCII)
_PLACE = re.compile(rb"(?:^|&)(after|before)=([0-9]{1,18})(?![^&])")
_LIMIT = re.compile(r"0*[1-9][0-9]{0,8}")
_TAKEN = {"limit", "bbox", "f"}
_DEFAULT_LIMIT = 10
_WRITTEN = ("geojson", "json")
_READ = (b"host", b"accept", b"accept-encoding", b"origin")
_REMEMBERED_AT_MOST, _LONGEST_BYTES = 1_000, 500
"""Of addresses; what is asked in more words, the routes answer."""
_COMPRESS_FROM_BYTES = 1_000
_ANSWER = "horad.page"
"""Under which a request's scope holds its answer."""
_VARIES = b"vary", b"Origin"


class _Route:
    path_format = "/collections/{collection}/items"


@dataclass(frozen=True, slots=True)
class _Address:
    """What an address asks for, the place of a page set aside."""

    model: LayerTable
    territory: str | None
    box: Box | None
    limit: int
    frame: Frame
    headers: list[Header]


class _Asked(NamedTuple):
    """What a request asks for."""

    key: Hashable
    """All that the answer depends on beside the base."""
    of: _Address
    after: int | None
    before: int | None


class _Answer(NamedTuple):
    headers: list[Header]
    body: bytes

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


class ItemsGate:
    """Answers the public's requests for pages of features, whole or in a box, as GeoJSON, before anything else is done.

    Whatever else there is to a request, or is wrong with it, the routes answer it; all of them where they are traced.

    Parameters
    ----------
    app
        The application.
    limits
        How much it may be asked.
    foreign
        Puts before pages what requests from the pages of other sites need.
    """

    def __init__(self, app: ASGIApp, limits: Limits, foreign: Callable[[ASGIApp], ASGIApp]) -> None:
        settings = get_settings()
        self._app = app
        self._limits = limits
        self._connections = Connections(settings.page_connections, patience_s=settings.wait_s)
        self._foreign = foreign(_send)
        self._known = announcements()
        self._cache = PageCache(self._known, settings.page_cache_mb * 1_000_000)
        self._traced = settings.telemetry
        self._addresses: dict[Hashable, _Address] = {}
        self._addresses_of = -1
        self._counts: dict[tuple[LayerTable, str | None], int | None] = {}
        self._counts_of = -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the life of the application."""
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                await self._connections.close()
            return
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].endswith("/items"):
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in reversed(scope["headers"]) if name in _READ}
        readable = self._known.current and not self._traced and not shown(scope["headers"])
        asked = self._read(scope, headers) if readable else None
        found = None if asked is None else await self._answer(scope, headers, asked)
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = _Route
        scope[_ANSWER] = found
        await (self._foreign if b"origin" in headers else _send)(scope, receive, send)

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], asked: _Asked) -> ASGIApp | None:
        """Return the answer, or nothing where a route has to answer."""
        try:
            kept = self._cache.find(asked.key)
            if kept is None:
                await self._limits.check(scope)
                with self._limits:
                    kept = await self._cache.obtain(asked.key, asked.of.model.name, partial(self._page, asked))
        except LookupError:
            return None
        except QueryCanceled:
            return _marked(stopped())
        except HoradError as error:
            return _marked(answer(Request(scope), error))
        body, told = kept.plain, asked.of.headers.copy()
        if len(body) >= _COMPRESS_FROM_BYTES and accepts_gzip(headers.get(b"accept-encoding", b"").decode("latin-1")):
            body = await self._packed(asked.key, kept)
            told.append((b"content-encoding", b"gzip"))
        told.append((b"content-length", b"%d" % len(body)))
        if b"origin" not in headers:
            told.append(_VARIES)
        return _Answer(told, body)

    async def _page(self, asked: _Asked) -> bytes:
        """Make a page.

        Raises
        ------
        LookupError
            A route has to.
        NotNowError
            No connection was to be had.
        QueryCanceled
            It took too long.
        """
        of, after, before = asked.of, asked.after, asked.before
        which = {"territory": of.territory, "box": of.box}
        started, backwards = after is not None, before is not None
        try:
            found = await pages.read_page(
                self._connections, of.model, limit=of.limit, after=after, before=before, **which
            )
            matched: int | None = len(found.features)
            if found.more or started or backwards:
                matched = (
                    self._count(of.model, of.territory)
                    if of.box is None
                    else await pages.count_up_to(self._connections, of.model, **which, at_most=features.COUNTED_ANYWAY)
                )
        except QueryCanceled:
            raise
        except TimeoutError as error:
            raise NotNowError("All connections to the database are in use; try again shortly.") from error
        except psycopg.Error as error:
            raise LookupError from error
        return of.frame.filled(found, matched=matched, started=started, backwards=backwards)

    async def _packed(self, key: Hashable, kept: Kept) -> bytes:
        if kept.packed is None:
            self._cache.pack(key, kept, await compressed(kept.plain))
        return kept.packed

    def _count(self, model: LayerTable, territory: str | None) -> int | None:
        """Return how many features a layer has, in a territory or in all.

        Raises
        ------
        LookupError
            Nobody has counted them since they changed.
        """
        serial = self._known.serial
        if serial != self._counts_of:
            self._counts, self._counts_of = {}, serial
        key = model, territory
        if key not in self._counts:
            public = database.engine(parallel=False, public=True)
            self._counts[key] = facts.kept_count(public, model.name, territory=territory)
        return self._counts[key]

    def _read(self, scope: Scope, headers: dict[bytes, bytes]) -> _Asked | None:
        """Return what a request asks for, or nothing where a route has to read it."""
        if self._addresses_of != self._known.registry_serial or len(self._addresses) >= _REMEMBERED_AT_MOST:
            self._addresses, self._addresses_of = {}, self._known.registry_serial
        show_custom_layers(custom.public_layers())
        query: bytes = scope["query_string"]
        host, accepted = headers.get(b"host", b""), headers.get(b"accept", b"")
        if len(query) + len(host) + len(accepted) > _LONGEST_BYTES:
            return None
        where = scope["scheme"], scope["root_path"], scope.get("server"), host, accepted
        key = scope["path"], query, where
        place = _PLACE.search(query)
        number, forwards = None, False
        if place is not None:
            number, forwards = int(place[2]), place[1] == b"after"
            query = query[: place.start()] + query[place.end() :]
        address = scope["path"], query, where
        of = self._addresses.get(address)
        if of is None:
            try:
                of = self._addresses[address] = self._parse(scope, query)
            except (HoradError, ValueError):
                return None
        return _Asked(key, of, number if forwards else None, None if forwards else number)

    def _parse(self, scope: Scope, query: bytes) -> _Address:
        """Read an address.

        Raises
        ------
        ValueError
            A route has to read it.
        HoradError
            It is wrong.
        """
        path = _PATH.fullmatch(scope["path"])
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        asked = dict(given)
        if path is None or len(asked) < len(given) or not asked.keys() <= _TAKEN:
            raise ValueError(query)
        territory = path["territory"]
        if territory is not None and territory not in self._known.territories:
            raise ValueError(territory)
        chosen = negotiate(Request(scope), asked.get("f"), ITEMS_OFFERED)
        box = parse_bbox(asked["bbox"]) if "bbox" in asked else None
        limit = _limit(asked.get("limit"))
        if chosen not in _WRITTEN or limit > MAX_LIMIT or (box is not None and box[0] > box[2]):
            raise ValueError(query)
        model = find(path["layer"])
        base = base_url(Request(scope)) + (f"/territories/{territory}" if territory else "")
        told = features.content_crs(CRS84) | {"Content-Type": ITEMS_OFFERED[chosen], "Vary": "Accept-Encoding"}
        headers = marked(((name.lower().encode(), value.encode()) for name, value in told.items()), public=True)
        return _Address(model, territory, box, limit, Frame(base, model.name, given, chosen), headers)


async def _send(scope: Scope, receive: Receive, send: Send) -> None:
    await scope[_ANSWER](scope, receive, send)


def _marked(found: ASGIApp) -> ASGIApp:
    return lambda scope, receive, send: found(scope, receive, marking(send, public=True))


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not _LIMIT.fullmatch(text):
        raise ValueError(text)
    return int(text)
