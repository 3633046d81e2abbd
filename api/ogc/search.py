"""Looks for words in the features of all layers."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from api.database import Database
from api.documents import FEATURES
from api.links import base_url, formats, link
from api.negotiation import GEOJSON, HTML, JSON, Language, format_of, negotiate, page
from api.ogc.collections import layers_of
from api.openapi import answers
from api.scope import Territory
from geo.errors import InvalidInputError
from layers.catalog import find
from layers.reading.search import Found, search

MAX_LIMIT = 100

_OFFERED = {"geojson": GEOJSON, "json": JSON, "html": HTML}
Format = format_of(_OFFERED)
router = APIRouter(tags=["Features"])


@router.get(
    "/search",
    summary="Features of any layer by words in their texts",
    responses=answers(GEOJSON, JSON, HTML, schema=FEATURES),
)
def find_features(
    request: Request,
    database: Database,
    lang: Language,
    territory: Territory,
    q: Annotated[
        str, Query(description="Words, all of which stand in a feature's texts; commas separate alternatives")
    ],
    collections: Annotated[str | None, Query(description="Only in these layers, separated by commas")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most so many")] = 20,
    f: Format = None,
) -> Response:
    """Return the features that fit best, whatever the case and the accents, from all layers together."""
    chosen = negotiate(request, f, _OFFERED)
    there = layers_of(database, territory)
    wanted = there if collections is None else [name.strip() for name in collections.split(",")]
    for name in wanted:
        find(name)
    if not wanted:
        raise InvalidInputError("collections: names no layer")
    found = search(database, q, layers=dict.fromkeys(wanted), territory=territory, limit=limit)
    base = base_url(request)
    if chosen == "html":
        listed = [_told(base, each, lang) for each in found]
        return page(request, q, lang, {"found": listed, "links": _links(request, chosen)})
    features = [json.loads(each.feature) | {"collection": each.layer, "links": [_link(base, each)]} for each in found]
    document = {
        "type": "FeatureCollection",
        "links": _links(request, chosen),
        "numberReturned": len(features),
        "features": features,
    }
    return JSONResponse(document, media_type=_OFFERED[chosen])


def _links(request: Request, chosen: str) -> list[dict[str, str]]:
    asked = request.url.remove_query_params("f").query
    return formats(f"{base_url(request)}/search?{asked}", chosen, _OFFERED)


def _link(base: str, found: Found) -> dict[str, str]:
    return link(f"{base}/collections/{found.layer}/items/{found.id}", "item", GEOJSON, f"{found.layer} {found.id}")


def _told(base: str, found: Found, lang: str) -> dict[str, Any]:
    properties = json.loads(found.feature)["properties"]
    layer = find(found.layer).layer
    named = (layer.style.label, "name", "ref", "address", "category", "kind")
    title = next((str(properties[name]) for name in named if name and properties.get(name)), str(found.id))
    href = f"{base}/collections/{found.layer}/items/{found.id}?f=html"
    return {
        "title": title,
        "description": layer.title[lang],
        "links": [link(href, "item", HTML, f"{found.layer} {found.id}")],
    }
