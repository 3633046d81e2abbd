"""The short way of the questions for features that are asked most: past routing and validation, on the event loop."""

from __future__ import annotations

import re
from types import SimpleNamespace
from urllib.parse import parse_qsl

import psycopg
from psycopg.errors import QueryCanceled
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import stopped
from api.negotiation import negotiate
from api.ogc import features
from api.ogc.items_query import ItemsQuery
from api.security import caller
from geo.errors import HoradError
from layers import database, facts, pages
from layers.announcements import announcements
from layers.catalog import find
from layers.crs import CRS84
from layers.event_loop import Connections
from layers.query import Query, parse_bbox

_PATH = re.compile(r"/collections/(\w+)/items")
_ID = re.compile(r"[0-9]{1,18}")
_TAKEN = {"limit", "bbox", "after", "before", "f"}
_DEFAULT_LIMIT, _MOST = 10, 1_000
_WRITTEN = ("geojson", "json")
_ROUTE = SimpleNamespace(path_format="/collections/{collection}/items")


class ItemsGate:
    """Answers the public's requests for pages of features, whole or in a box, as GeoJSON.

    Whatever else there is to a request, or is wrong with it, the routes answer it; who asks must be known already.

    Parameters
    ----------
    app
        The application.
    connections
        To the database.
    """

    def __init__(self, app: ASGIApp, connections: Connections) -> None:
        self._app = app
        self._connections = connections
        self._known = announcements()
        self._counts: dict[str, int | None] = {}
        self._counts_of = -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        answer: ASGIApp | None = None
        if scope["type"] == "http" and scope["method"] == "GET" and self._known.current:
            place = _PATH.fullmatch(scope["path"])
            if place is not None and caller(Request(scope)).is_public:
                answer = await self._answer(Request(scope), place[1])
        await (answer or self._app)(scope, receive, send)

    async def _answer(self, request: Request, layer: str) -> ASGIApp | None:
        try:
            wanted, chosen = _read(request, layer)
            found = await pages.read_page(self._connections, find(layer), wanted.query)
            matched = await self._matched(wanted, len(found.features), more=found.more)
        except QueryCanceled:
            return stopped()
        except (HoradError, LookupError, ValueError, TimeoutError, psycopg.Error):
            return None
        request.scope["route"] = _ROUTE
        return features.answer(request, wanted, found, chosen, matched)

    async def _matched(self, wanted: ItemsQuery, returned: int, *, more: bool) -> int | None:
        """Return how many features match on all pages, where that is known or cheap to know."""
        query = wanted.query
        if not (more or query.after or query.before):
            return returned
        if query.bbox is None:
            return self._count(wanted.layer)
        return await pages.count_up_to(
            self._connections, find(wanted.layer), query.bbox, at_most=features.COUNTED_ANYWAY
        )

    def _count(self, layer: str) -> int | None:
        """Return how many features a layer has.

        Raises
        ------
        LookupError
            Nobody has counted them since they changed.
        """
        serial = self._known.serial
        if serial != self._counts_of:
            self._counts, self._counts_of = {}, serial
        if layer not in self._counts:
            self._counts[layer] = facts.kept_count(database.engine(parallel=False, public=True), layer)
        return self._counts[layer]


def _read(request: Request, layer: str) -> tuple[ItemsQuery, str]:
    """Return what a request asks for, and the format.

    Raises
    ------
    ValueError
        A route has to read it.
    HoradError
        It is wrong.
    """
    given = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    asked = dict(given)
    if len(asked) < len(given) or not asked.keys() <= _TAKEN or ("after" in asked and "before" in asked):
        raise ValueError(layer)
    chosen = negotiate(request, asked.get("f"), features.ITEMS_OFFERED)
    box = parse_bbox(asked["bbox"]) if "bbox" in asked else None
    limit = _number(asked, "limit") or _DEFAULT_LIMIT
    if chosen not in _WRITTEN or limit > _MOST or (box is not None and box[0] > box[2]):
        raise ValueError(layer)
    after, before = (
        None if number is None else (number,) for number in (_number(asked, "after"), _number(asked, "before"))
    )
    query = Query(bbox=box, after=after, before=before, limit=limit)
    return ItemsQuery(layer, query, CRS84, None, exact=False, limited="limit" in asked), chosen


def _number(asked: dict[str, str], name: str) -> int | None:
    if name not in asked:
        return None
    if not _ID.fullmatch(asked[name]) or (name == "limit" and int(asked[name]) == 0):
        raise ValueError(name)
    return int(asked[name])
