"""OGC API Features: the layers as collections, their features as items."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Connection

from api.database import Database, connection
from api.links import base_url, formats, link
from api.negotiation import GEOJSON, HTML, JSON, TILEJSON, Format, Language, negotiate, page
from api.scope import Territory
from geo.errors import InvalidInputError
from layers import cql2, store
from layers.catalog import Column, LayerTable, all_layers, find
from layers.crs import CRS84, parse_crs

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
)

GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
JSON_SCHEMA = "application/schema+json"
JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_LIMIT = 10_000
MAX_INT64 = 2**63 - 1

_OFFERED = {"json": JSON, "html": HTML}
_ITEMS_OFFERED = {"geojson": GEOJSON, "json": JSON, "html": HTML}

Collection = Annotated[str, Path(description="Name of a layer.")]
FeatureId = Annotated[str, Path(description="Id of a feature.")]
AsOf = Annotated[
    str | None, Query(description="As the layer was at that moment: a time as in RFC 3339, or a date; by default now")
]
router = APIRouter(tags=["Features"], dependencies=[Depends(connection)])


@router.get("/collections", summary="The layers")
def collections(request: Request, database: Database, lang: Language, f: Format = None) -> Response:
    """List the layers with their titles, extents and links."""
    chosen = negotiate(request, f, _OFFERED)
    base = base_url(request)
    document = {
        "links": formats(f"{base}/collections", chosen, _OFFERED),
        "collections": [_collection(database, base, name, lang) for name in all_layers()],
    }
    return page(request, "Layers", lang, document) if chosen == "html" else JSONResponse(document)


@router.get("/collections/{collection}", summary="One layer")
def collection(
    request: Request, database: Database, lang: Language, collection: Collection, f: Format = None
) -> Response:
    """Describe a layer."""
    chosen = negotiate(request, f, _OFFERED)
    described = _collection(database, base_url(request), collection, lang)
    return page(request, described["title"], lang, described) if chosen == "html" else JSONResponse(described)


@router.get("/collections/{collection}/schema", summary="The columns of a layer")
def schema(request: Request, lang: Language, collection: Collection) -> Response:
    """Describe the properties of a layer's features as a JSON schema."""
    model = find(collection)
    geometry = {"format": f"geometry-{model.layer.shape}", "x-ogc-role": "primary-geometry"}
    document = {
        "$schema": JSON_SCHEMA_DIALECT,
        "$id": f"{base_url(request)}/collections/{collection}/schema",
        "type": "object",
        "title": model.layer.title[lang],
        "properties": {"geometry": geometry} | _properties(model, lang),
        "required": [each.name for each in model.columns if each.required],
    }
    return JSONResponse(document, media_type=JSON_SCHEMA)


@router.get("/collections/{collection}/schema/feature", summary="A layer's features as GeoJSON, described")
def feature_schema(request: Request, lang: Language, collection: Collection) -> Response:
    """Describe a layer's features as they come in GeoJSON; GDAL takes the types of fields from it."""
    model = find(collection)
    own = {name: {"title": name, "type": "string"} for name in ("territory", "source", "source_id")}
    rest = {"tags": {"title": "tags", "type": "object"}}
    document = {
        "$schema": JSON_SCHEMA_DIALECT,
        "$id": f"{base_url(request)}/collections/{collection}/schema/feature",
        "type": "object",
        "title": model.layer.title[lang],
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "integer"},
            "geometry": {"type": "object", "properties": {"type": {"enum": list(model.layer.shape.geometry_types)}}},
            "properties": {"type": "object", "properties": own | _properties(model, lang) | rest},
        },
    }
    return JSONResponse(document, media_type=JSON_SCHEMA)


@router.get("/collections/{collection}/items", summary="Features of a layer")
def items(
    request: Request,
    database: Database,
    lang: Language,
    territory: Territory,
    collection: Collection,
    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees")] = None,
    datetime: Annotated[str | None, Query(description="A time or an interval, as in RFC 3339")] = None,
    filter: Annotated[str | None, Query(description="A condition in CQL2")] = None,  # noqa: A002
    filter_lang: Annotated[
        cql2.FilterLanguage, Query(alias="filter-lang", description="The language of the filter")
    ] = "cql2-text",
    filter_crs: Annotated[
        str | None, Query(alias="filter-crs", description="The CRS of geometries in the filter; CRS84 by default")
    ] = None,
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, description=f"At most so many; more than {MAX_LIMIT} counts as that")] = 10,
    offset: Annotated[
        int | None, Query(ge=0, le=MAX_INT64, description="Leave out so many first; the next links are faster")
    ] = None,
    after: Annotated[
        int | None, Query(le=MAX_INT64, description="Go on behind this feature; the next links use it")
    ] = None,
    f: Format = None,
) -> Response:
    """Return features as GeoJSON, a page at a time, in the order of their ids."""
    chosen = negotiate(request, f, _ITEMS_OFFERED)
    find(collection)
    query = store.Query(
        territory=territory,
        bbox=None if bbox is None else store.parse_bbox(bbox),
        time=None if datetime is None else parse_interval(datetime),
        filter=_filter(filter, filter_lang, filter_crs),
        as_of=None if as_of is None else store.parse_moment(as_of),
        limit=min(limit, MAX_LIMIT),
        offset=offset,
        after=after,
    )
    found = store.read_page(database, collection, query)
    url = f"{base_url(request)}/collections/{collection}/items"
    kept = {key: value for key, value in request.query_params.items() if key not in ("f", "after", "offset")}
    links = formats(f"{url}?{urlencode(kept)}" if kept else url, chosen, _ITEMS_OFFERED)
    if found.more:
        following = urlencode({**kept, "after": found.last_id, "f": chosen})
        links.append(link(f"{url}?{following}", "next", _ITEMS_OFFERED[chosen], "Next page"))
    links.append(link(f"{base_url(request)}/collections/{collection}", "collection", JSON, "The layer"))
    matched = store.count_up_to(database, collection, query)
    head = {
        "type": "FeatureCollection",
        "links": links,
        "timeStamp": _now(),
        "numberReturned": len(found.features),
        **({} if matched is None else {"numberMatched": matched}),
    }
    body = f'{json.dumps(head, ensure_ascii=False)[:-1]}, "features": [{",".join(found.features)}]}}'
    if chosen == "html":
        return page(request, find(collection).layer.title[lang], lang, json.loads(body))
    return Response(body, media_type=_ITEMS_OFFERED[chosen])


@router.get("/collections/{collection}/items/{feature}", summary="One feature")
def item(
    request: Request,
    database: Database,
    lang: Language,
    collection: Collection,
    feature: FeatureId,
    as_of: AsOf = None,
    f: Format = None,
) -> Response:
    """Return one feature with all its properties."""
    chosen = negotiate(request, f, _ITEMS_OFFERED)
    moment = None if as_of is None else store.parse_moment(as_of)
    text = store.read_feature(database, collection, store.parse_id(collection, feature), as_of=moment)
    base = base_url(request)
    links = formats(f"{base}/collections/{collection}/items/{feature}", chosen, _ITEMS_OFFERED)
    links.append(link(f"{base}/collections/{collection}", "collection", JSON, "The layer"))
    if chosen == "html":
        return page(request, f"{collection} {feature}", lang, {**json.loads(text), "links": links})
    return Response(f'{text[:-1]}, "links": {json.dumps(links)}}}', media_type=_ITEMS_OFFERED[chosen])


def parse_interval(text: str) -> store.Interval:
    """Read a time or an interval ``start/end``, of which either may be open as ``..``.

    Raises
    ------
    InvalidInputError
        It is neither, or ends before it begins.
    """
    start, slash, end = text.partition("/")
    first = _parse_time(start, text)
    last = _parse_time(end, text) if slash else first
    if not slash and first is None:
        raise InvalidInputError(f"datetime={text}: an open end needs a second time, as in ../2020-12-31T00:00:00Z")
    if first is not None and last is not None and first > last:
        raise InvalidInputError(f"datetime={text}: ends before it begins")
    return first, last


def _filter(text: str | None, language: cql2.FilterLanguage, crs: str | None) -> cql2.Filter | None:
    if text is None:
        return None
    return cql2.parse_filter(
        text, language=language, crs=CRS84 if crs is None else parse_crs(crs, parameter="filter-crs")
    )


def _parse_time(part: str, whole: str) -> datetime | None:
    if part in ("", ".."):
        return None
    try:
        return store.parse_moment(part)
    except InvalidInputError as error:
        raise InvalidInputError(f"datetime={whole}: {error}") from error


def _properties(model: LayerTable, lang: str) -> dict[str, dict[str, Any]]:
    return {each.name: _property(each, lang) for each in model.columns}


def _property(column: Column, lang: str) -> dict[str, Any]:
    """Describe a column; a link tells the layer to whose ``source_id`` its values lead, or the column that names it."""
    described = {"title": column.title[lang], **column.json_schema}
    if column.unit:
        described["x-ogc-unit"] = column.unit
    if column.link:
        described["x-horad-link"] = {
            name: value for name, value in dataclasses.asdict(column.link).items() if value is not None
        }
    return described


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _collection(database: Connection, base: str, name: str, lang: str) -> dict[str, Any]:
    layer = find(name).layer
    url = f"{base}/collections/{name}"
    extent: dict[str, Any] = {}
    box = store.extent(database, name)
    if box is not None:
        extent["spatial"] = {"bbox": [_outwards(box)], "crs": CRS84.uri}
    if layer.time is not None and (interval := store.time_extent(database, name)) is not None:
        extent["temporal"] = {
            "interval": [[each.isoformat().replace("+00:00", "Z") for each in interval]],
            "trs": GREGORIAN,
        }
    return {
        "id": name,
        "title": layer.title[lang],
        "description": layer.summary[lang],
        "itemType": "feature",
        "crs": [CRS84.uri],
        **({"extent": extent} if extent else {}),
        "links": [
            link(f"{url}?f=json", "self", JSON, layer.title[lang]),
            link(f"{url}/items?f=geojson", "items", GEOJSON, f"{layer.title[lang]} as GeoJSON"),
            link(f"{url}/items?f=html", "items", HTML, f"{layer.title[lang]} as a page"),
            link(f"{url}/schema", "http://www.opengis.net/def/rel/ogc/1.0/schema", JSON_SCHEMA, "Columns"),
            link(f"{url}/tiles", "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector", JSON, "Vector tiles"),
            link(f"{url}/tiles/WebMercatorQuad?f=tilejson", "tilejson", TILEJSON, "TileJSON"),
            link(f"{url}/schema/feature", "describedby", JSON_SCHEMA, "GeoJSON described"),
            link(f"{base}/styles/{name}", "http://www.opengis.net/def/rel/ogc/1.0/styles", JSON, "MapLibre style"),
            link(f"{base}/maps/{name}", "http://www.opengis.net/def/rel/ogc/1.0/map", HTML, "Interactive map"),
        ],
    }


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
