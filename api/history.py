"""The past of the layers: what changed between two moments, and what a feature has been through."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from api.database import Database
from api.documents import FEATURES
from api.links import base_url, link
from api.negotiation import GEOJSON, HTML, JSON, Format, Language, format_of, negotiate, page
from api.ogc.items_query import Collection, FeatureId
from api.openapi import answers
from layers.history.changes import changes
from layers.history.history import timeline
from layers.reading import store

router = APIRouter(tags=["History"])

_CHANGES_OFFERED = {"geojson": GEOJSON, "json": JSON, "html": HTML}
_OFFERED = {"json": JSON, "html": HTML}
ChangesFormat = format_of(_CHANGES_OFFERED)


@router.get(
    "/collections/{collection}/changes",
    summary="What changed in a layer between two moments",
    responses=answers(GEOJSON, JSON, HTML, schema=FEATURES),
)
def collection_changes(
    request: Request,
    database: Database,
    lang: Language,
    collection: Collection,
    since: Annotated[str, Query(description="A time as in RFC 3339, or a date")],
    until: Annotated[str | None, Query(description="A time as in RFC 3339, or a date; by default now")] = None,
    territory: Annotated[str | None, Query(description="Only of this territory and of all that belong to it")] = None,
    f: ChangesFormat = None,
) -> Response:
    """Return the features that were added, removed or changed, and totals by class; as HTML, a Folium map of them."""
    chosen = negotiate(request, f, _CHANGES_OFFERED)
    report = changes(
        database,
        collection,
        since=store.parse_moment(since),
        until=None if until is None else store.parse_moment(until),
        territory=territory,
    )
    if chosen == "html":
        from api.maps import PAGE_BYTES, PAGE_FEATURES, result_page

        shown = report.map(lang=lang, max_features=PAGE_FEATURES, max_bytes=PAGE_BYTES)
        return result_page(shown, database, base_url(request), territory=territory)
    document = {
        **json.loads(report.features.reset_index().to_json(drop_id=True, default=str)),
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        "totals": {str(name): row for name, row in report.totals.to_dict("index").items()},
        "links": [link(f"{base_url(request)}/collections/{collection}", "collection", JSON, "The layer")],
    }
    return JSONResponse(document, media_type=_CHANGES_OFFERED[chosen])


@router.get(
    "/collections/{collection}/items/{feature}/history",
    summary="What a feature has been through",
    responses=answers(JSON, HTML),
)
def feature_history(
    request: Request,
    database: Database,
    lang: Language,
    collection: Collection,
    feature: FeatureId,
    f: Format = None,
) -> Response:
    """Return the states that a feature has been in, the earliest first, with who made and ended each."""
    chosen = negotiate(request, f, _OFFERED)
    states = [_plain(asdict(state)) for state in timeline(database, collection, store.parse_id(collection, feature))]
    document = {
        "states": states,
        "links": [
            link(f"{base_url(request)}/collections/{collection}/items/{feature}", "item", GEOJSON, "The feature")
        ],
    }
    if chosen == "html":
        return page(request, f"{collection} {feature}", lang, document)
    return JSONResponse(document)


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in state.items()}
