"""The short way of requests for pages of features: past routing and validation, straight to the answer."""

from __future__ import annotations

import re
from collections.abc import Hashable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Scope

from api.items.answers import Address, PageAnswers, Wanted
from api.links import base_url
from api.negotiation import negotiate
from api.ogc import features
from api.ogc.feature_pages import ITEMS_OFFERED, Frame
from api.ogc.items_query import MAX_LIMIT
from api.serving.at_once import Making, Raw
from api.serving.compression import accepts_gzip
from api.serving.headers import marked
from geo.errors import HoradError
from layers.catalog import find
from layers.crs import CRS84
from layers.history.announcements import announcements
from layers.reading.query import parse_bbox

_PATH = re.compile(r"(?:/territories/(?P<territory>[\w-]+))?/collections/(?P<layer>\w+)/items", re.ASCII)
_PLACE = re.compile(rb"(?:^|&)(after|before)=([0-9]{1,18})(?![^&])")
_LIMIT = re.compile(r"0*[1-9][0-9]{0,8}")
_TAKEN = {"limit", "bbox", "f"}
_DEFAULT_LIMIT = 10
_WRITTEN = ("geojson", "json")
_REMEMBERED_AT_MOST, _LONGEST_BYTES = 1_000, 500
"""Of addresses; what is asked in more words, the routes answer."""


class _Route:
    path_format = "/collections/{collection}/items"


class _Page:
    """A request for a page."""

    __slots__ = ("_answers", "_wanted")

    def __init__(self, answers: PageAnswers, wanted: Wanted) -> None:
        self._answers = answers
        self._wanted = wanted

    def ready(self) -> Raw | Making | None:
        """Answer with a page that is kept."""
        return self._answers.ready(self._wanted)

    def begin(self) -> Raw | Making:
        """Begin to make the page."""
        return self._answers.begin(self._wanted)


class ItemsGate:
    """Knows the requests for pages of features, whole or in a box, as GeoJSON.

    Whatever else there is to a request, or is wrong with it, the routes answer it.
    """

    def __init__(self) -> None:
        self._known = announcements()
        self._answers = PageAnswers(self._known)
        self._addresses: dict[Hashable, Address] = {}
        self._addresses_of = -1

    def open(self, state: MutableMapping[str, Any]) -> None:
        """Tell the routes nothing."""

    async def close(self) -> None:
        """Close its connections."""
        await self._answers.close()

    def read(self, scope: Scope) -> _Page | None:
        """Return what a request asks, or nothing where a route has to read it."""
        if not scope["path"].endswith("/items"):
            return None
        headers, query = dict(reversed(scope["headers"])), scope["query_string"]
        host, accepted = headers.get(b"host", b""), headers.get(b"accept", b"")
        if len(query) + len(host) + len(accepted) > _LONGEST_BYTES:
            return None
        where = scope["path"], scope["scheme"], scope["root_path"], scope.get("server"), host, accepted
        after = before = None
        place = _PLACE.search(query)
        if place is not None:
            after, before = (int(place[2]), None) if place[1] == b"after" else (None, int(place[2]))
            query = query[: place.start()] + query[place.end() :]
        of = self._address(scope, where, query)
        if of is None:
            return None
        scope["route"] = _Route
        matched = self._answers.matched(of)
        packed = accepts_gzip(headers.get(b"accept-encoding", b"").decode("latin-1"))
        return _Page(self._answers, Wanted((where, query, after, before), of, after, before, matched, packed))

    def _address(self, scope: Scope, where: Hashable, query: bytes) -> Address | None:
        """Return what an address asks for, or nothing where a route has to read it."""
        if self._addresses_of != self._known.registry_serial or len(self._addresses) >= _REMEMBERED_AT_MOST:
            self._addresses, self._addresses_of = {}, self._known.registry_serial
        of = self._addresses.get((where, query))
        if of is None:
            try:
                of = self._addresses[where, query] = self._parse(scope, query)
            except (HoradError, ValueError):
                return None
        return of

    def _parse(self, scope: Scope, query: bytes) -> Address:
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
        return Address(model, territory, box, limit, Frame(base, model.name, given, chosen), headers)


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not _LIMIT.fullmatch(text):
        raise ValueError(text)
    return int(text)
