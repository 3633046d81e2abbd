"""OGC API Common, Part 2: the layers as collections, what each holds and where its features are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Connection, select

from api.database import Database
from api.documents import COLLECTION, COLLECTIONS
from api.links import base_url, formats, link
from api.negotiation import GEOJSON, HTML, JSON, TILEJSON, Format, Language, Shown, negotiate, page
from api.ogc.items_query import Collection, metric_srids
from api.ogc.schemas import JSON_SCHEMA
from api.ogc.styles import STYLE_JSON
from api.openapi import answers
from api.scope import Territory
from api.security.callers import CallerOf
from layers.catalog import all_layers, custom_layers, find
from layers.crs import CRS84, offered
from layers.models.registry import CustomLayer
from layers.reading import store
from layers.reading.facts import Facts, facts
from layers.streams.formats import FORMATS
from layers.territories.territory import family, registered
from layers.times import rfc3339

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
)

GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"

_OFFERED = {"json": JSON, "html": HTML}
_REL = "http://www.opengis.net/def/rel/ogc/1.0"
router = APIRouter(tags=["Features"])


@router.get("/collections", summary="The layers", responses=answers(JSON, HTML, schema=COLLECTIONS))
def collections(
    request: Request, database: Database, who: CallerOf, lang: Language, territory: Territory, f: Format = None
) -> Response:
    """List the layers with their titles, extents and links."""
    chosen = negotiate(request, f, _OFFERED)
    base = base_url(request)
    shown = layers_of(database, territory)
    known = facts(database, shown, territory=territory, rights=who.rights)
    document = {
        "links": formats(f"{base}/collections", chosen, _OFFERED),
        "crs": [each.uri for each in offered(metric_srids(database))],
        "collections": [{**_described(base, name, lang, known[name]), "crs": ["#/crs"]} for name in shown],
    }
    return page(request, "Layers", lang, document) if chosen == "html" else JSONResponse(document)


@router.get("/collections/{collection}", summary="One layer", responses=answers(JSON, HTML, schema=COLLECTION))
def collection(
    request: Request,
    database: Database,
    who: CallerOf,
    lang: Language,
    territory: Territory,
    collection: Collection,
    f: Format = None,
) -> Response:
    """Describe a layer."""
    chosen = negotiate(request, f, _OFFERED)
    find(collection)
    known = facts(database, [collection], territory=territory, rights=who.rights)[collection]
    document = _described(base_url(request), collection, lang, known)
    document["crs"] = [each.uri for each in offered(metric_srids(database))]
    if chosen == "json":
        return JSONResponse(document)
    base = base_url(request)
    places = [territory] if territory else [str(each["id"]) for each in registered(database)]
    within = (facts(database, [collection], territory=each, rights=who.rights)[collection].box for each in places)
    first = next((each for each in within if each is not None), known.box)
    box = None if first is None else _outwards(first)
    shown = Shown(layer=collection, items=f"{base}/collections/{collection}/items", bbox=box)
    return page(request, document["title"], lang, document, shown=shown)


def layers_of(database: Connection, territory: str | None) -> list[str]:
    """Return the names of the layers that a territory's API has: all, but for the custom ones of other territories."""
    if territory is None or not custom_layers():
        return list(all_layers())
    own = select(CustomLayer.name).where(CustomLayer.territory.in_(family(database, territory)))
    others = set(custom_layers()) - set(database.execute(own).scalars())
    return [name for name in all_layers() if name not in others]


def _described(base: str, name: str, lang: str, known: Facts) -> dict[str, Any]:
    layer = find(name).layer
    extent = _extent(known)
    return {
        "id": name,
        "title": layer.title[lang],
        "description": layer.summary[lang],
        "itemType": "feature",
        "storageCrs": CRS84.uri,
        **({"extent": extent} if extent else {}),
        "links": list(_links(f"{base}/collections/{name}", base, name, layer.title[lang])),
    }


def _extent(known: Facts) -> dict[str, Any]:
    extent: dict[str, Any] = {}
    if known.box is not None:
        extent["spatial"] = {"bbox": [_outwards(known.box)], "crs": CRS84.uri}
    if known.times is not None:
        interval = [rfc3339(each) for each in known.times]
        extent["temporal"] = {"interval": [interval], "trs": GREGORIAN}
    return extent


def _links(url: str, base: str, name: str, title: str) -> Iterable[dict[str, str]]:
    yield link(f"{url}?f=json", "self", JSON, title)
    yield link(f"{url}?f=html", "alternate", HTML, f"{title} as a page")
    yield link(f"{url}/items?f=geojson", "items", GEOJSON, f"{title} as GeoJSON")
    yield link(f"{url}/items?f=html", "items", HTML, f"{title} as a page")
    for key, each in FORMATS.items():
        if key != "geojson":
            yield link(f"{url}/items?f={key}", "items", each.media_type, f"{title} as {each.title}")
    yield link(f"{url}/schema", f"{_REL}/schema", JSON_SCHEMA, "Properties")
    yield link(f"{url}/queryables", f"{_REL}/queryables", JSON_SCHEMA, "What can be asked in filters")
    yield link(f"{url}/sortables", f"{_REL}/sortables", JSON_SCHEMA, "What can be sorted by")
    yield link(f"{url}/schema/feature", "describedby", JSON_SCHEMA, "GeoJSON described")
    yield link(f"{url}/tiles", f"{_REL}/tilesets-vector", JSON, "Vector tiles")
    yield link(f"{url}/tiles/WebMercatorQuad?f=tilejson", "tilejson", TILEJSON, "TileJSON")
    yield link(f"{base}/styles/{name}", f"{_REL}/styles", STYLE_JSON, "MapLibre style")
    yield link(f"{url}/legend", f"{_REL}/legend", JSON, "Legend")
    yield link(f"{base}/maps/{name}", f"{_REL}/map", HTML, "Interactive map")


def _outwards(box: store.Box) -> list[float]:
    """Round a box to seven decimals so that it still holds all it held."""
    scale = 1e7
    west, south, east, north = box
    return [
        math.floor(west * scale) / scale,
        math.floor(south * scale) / scale,
        math.ceil(east * scale) / scale,
        math.ceil(north * scale) / scale,
    ]
