"""OGC API Features: the features of a layer as items."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from api.database import Database
from api.documents import FEATURE, FEATURES
from api.etags import etag, names
from api.links import base_url, formats, link
from api.negotiation import GEOJSON, HTML, JSON, Language, Shown, format_of, negotiate, page
from api.ogc.feature_pages import ITEMS_OFFERED, OFFERED, Frame
from api.ogc.items_query import (
    MAX_LIMIT,
    PROPERTY_PARAMETERS,
    AsOf,
    Collection,
    CrsName,
    FeatureId,
    ItemsQuery,
    ItemsQueryOf,
    choose_crs,
    without_place,
)
from api.ogc.streaming import download
from api.openapi import answers
from api.scope import Territory
from api.security.callers import CallerOf
from layers.catalog import find
from layers.crs import CRS84, Crs
from layers.editing import editing
from layers.reading import facts, store
from layers.streams.selection import Selection

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    *(
        f"http://www.opengis.net/spec/cql2/1.0/conf/{each}"
        for each in (
            "cql2-text",
            "cql2-json",
            "basic-cql2",
            "advanced-comparison-operators",
            "case-insensitive-comparison",
            "accent-insensitive-comparison",
            "basic-spatial-functions",
            "basic-spatial-functions-plus",
            "spatial-functions",
            "temporal-functions",
            "property-property",
            "arithmetic",
        )
    ),
)

COUNTED_ANYWAY = 2_000
ItemsFormat, ItemFormat = format_of(ITEMS_OFFERED), format_of(OFFERED)
_ASKED = ("q", "filter", "bbox", "datetime", "sortby", "limit")
router = APIRouter(tags=["Features"])


@router.get(
    "/collections/{collection}/items",
    summary="Features of a layer",
    responses=answers(*ITEMS_OFFERED.values(), schema=FEATURES),
    openapi_extra={"parameters": [PROPERTY_PARAMETERS]},
)
def items(
    request: Request, database: Database, who: CallerOf, lang: Language, wanted: ItemsQueryOf, f: ItemsFormat = None
) -> Response:
    """Return features as GeoJSON, a page at a time, in the order of their ids or as ``sortby`` says.

    ``numberMatched`` is told where it is cheap to know, and with ``count=exact`` always.
    """
    chosen = negotiate(request, f, ITEMS_OFFERED)
    if chosen not in OFFERED or (chosen == "geojson" and (wanted.query.limit or 0) > MAX_LIMIT):
        return _file(request, database, wanted, chosen)
    wanted = replace(wanted, query=replace(wanted.query, limit=min(wanted.query.limit or 1, MAX_LIMIT)))
    found = store.read_page(database, wanted.layer, wanted.query, crs=wanted.crs, only=wanted.only)
    matched = _matched(database, wanted, found, who.rights)
    body = _filled(request, wanted, found, chosen, matched)
    if chosen == "html":
        return _page(request, wanted, json.loads(body), lang)
    return Response(body, media_type=ITEMS_OFFERED[chosen], headers=content_crs(wanted.crs))


def _filled(request: Request, wanted: ItemsQuery, found: store.Page, chosen: str, matched: int | None) -> bytes:
    """Return a page of features as a GeoJSON collection with its links."""
    frame = Frame(base_url(request), wanted.layer, request.query_params.multi_items(), chosen)
    started = wanted.query.after is not None or bool(wanted.query.offset)
    return frame.filled(found, matched=matched, started=started, backwards=wanted.query.before is not None)


@router.get(
    "/collections/{collection}/items/{feature}",
    summary="One feature",
    responses=answers(GEOJSON, JSON, HTML, schema=FEATURE, others={304: "It is as it is held."}),
)
def item(
    request: Request,
    database: Database,
    lang: Language,
    territory: Territory,
    collection: Collection,
    feature: FeatureId,
    as_of: AsOf = None,
    crs: CrsName = None,
    if_none_match: Annotated[str | None, Header(description="The ETag of the feature as it is held")] = None,
    f: ItemFormat = None,
) -> Response:
    """Return one feature with all its properties."""
    chosen = negotiate(request, f, OFFERED)
    moment = None if as_of is None else store.parse_moment(as_of)
    found = choose_crs(database, crs)
    number = store.parse_id(collection, feature)
    headers = content_crs(found)
    if moment is None and chosen != "html":
        state = editing.state_of(database, find(collection), number, territory=territory)
        headers["ETag"] = etag(state)
        if if_none_match is not None and names(if_none_match, state, weakly=True):
            return Response(status_code=304, headers=headers)
    text = store.read_feature(database, collection, number, territory=territory, as_of=moment, crs=found)
    base = base_url(request)
    links = formats(f"{base}/collections/{collection}/items/{feature}", chosen, OFFERED)
    links.append(link(f"{base}/collections/{collection}", "collection", JSON, "The layer"))
    if chosen == "html":
        told = {**json.loads(text), "links": links}
        shown = _shown(request, collection, [told]) if found == CRS84 else None
        return page(request, f"{collection} {feature}", lang, told, shown=shown)
    body = f'{text[:-1]}, "links": {json.dumps(links)}}}'
    return Response(body, media_type=OFFERED[chosen], headers=headers)


def _file(request: Request, database: Connection, wanted: ItemsQuery, chosen: str) -> Response:
    """Return features as a file: all of them where no limit was given."""
    query = wanted.query if wanted.limited else replace(wanted.query, limit=None)
    selection = Selection(connection=database, model=find(wanted.layer), query=query, crs=wanted.crs, only=wanted.only)
    options = {}
    if chosen == "geojson" and query.before is None:
        kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ("f", "offset")]
        behind = urlencode([*kept, ("offset", (query.offset or 0) + (query.limit or 0)), ("f", chosen)])
        url = f"{base_url(request)}/collections/{wanted.layer}/items?{behind}"
        options["following"] = link(url, "next", GEOJSON, "Next page")
    return download(selection, chosen, headers=content_crs(wanted.crs), **options)


def _page(request: Request, wanted: ItemsQuery, collection: dict[str, Any], lang: str) -> Response:
    """Return features as a page: on a map, where they are in degrees, and in a table to leaf through."""
    asked = {name: request.query_params.get(name, "") for name in _ASKED} | {"limit": str(wanted.query.limit)}
    shown = _shown(request, wanted.layer, collection["features"]) if wanted.crs == CRS84 else None
    return page(request, find(wanted.layer).layer.title[lang], lang, collection, shown=shown, form=asked)


def _shown(request: Request, layer: str, features: list[dict[str, Any]]) -> Shown:
    base = base_url(request)
    bare = [{**each, "properties": {}} for each in features]
    return Shown(layer=layer, items=f"{base}/collections/{layer}/items", features=bare)


def _matched(database: Connection, wanted: ItemsQuery, found: store.Page, rights: str) -> int | None:
    """Return how many features match on all pages, if that was asked for or is cheap to know."""
    query = without_place(wanted.query)
    on_one_page = wanted.query == replace(query, limit=wanted.query.limit) and not found.more
    if on_one_page:
        return len(found.features)
    if query == store.Query(territory=query.territory, sort=query.sort):
        counted = facts.count(database, wanted.layer, territory=query.territory, rights=rights)
    else:
        counted = store.count_up_to(database, wanted.layer, query, at_most=COUNTED_ANYWAY)
    if counted is None and wanted.exact:
        return store.count(database, wanted.layer, query)
    return counted


def content_crs(crs: Crs) -> dict[str, str]:
    """Return the header that names the CRS of coordinates."""
    return {"Content-Crs": f"<{crs.uri}>"}
