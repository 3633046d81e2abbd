"""OGC API Tiles: vector tiles of one layer or of the whole city."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Connection

from api.database import Database
from api.links import Link, base_url, link
from api.negotiation import JSON, MVT, TILEJSON, Format, Language, negotiate
from layers import store, tiles
from layers.catalog import all_layers, find
from layers.description import Shape
from layers.territory import attribution_line, registered

CONFORMS_TO: tuple[str, ...] = ()
"""None is claimed yet: tile matrix set definitions and limits are not served."""

TMS_URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
WEB_MERCATOR_URI = "http://www.opengis.net/def/crs/EPSG/0/3857"

_OFFERED = {"json": JSON, "tilejson": TILEJSON}
_GEOMETRY_DIMENSION = {Shape.POINT: 0, Shape.LINE: 1, Shape.POLYGON: 2}

router = APIRouter(tags=["Tiles"])

Collection = Annotated[str, Path(description="Name of a layer.")]
Collections = Annotated[str | None, Query(description="Names of layers, separated by commas; by default all.")]
Matrix = Annotated[int, Path(alias="tileMatrix", description="Zoom.")]
Row = Annotated[int, Path(alias="tileRow", description="Row, from the north.")]
Col = Annotated[int, Path(alias="tileCol", description="Column, from the west.")]


@router.get("/tiles", summary="Tilesets of the city")
def city_tilesets(request: Request) -> Response:
    """List the tilesets that hold all layers."""
    return _tilesets(f"{base_url(request)}/tiles", "All layers")


@router.get("/collections/{collection}/tiles", summary="Tilesets of a layer")
def layer_tilesets(request: Request, _database: Database, lang: Language, collection: Collection) -> Response:
    """List the tilesets of a layer."""
    return _tilesets(f"{base_url(request)}/collections/{collection}/tiles", find(collection).layer.title[lang])


@router.get("/tiles/WebMercatorQuad", summary="The city's tileset, or its TileJSON")
def city_tileset(
    request: Request, database: Database, lang: Language, collections: Collections = None, f: Format = None
) -> Response:
    """Describe the tileset that holds all layers, or those named."""
    names = _names(collections)
    url = f"{base_url(request)}/tiles/WebMercatorQuad"
    query = "" if collections is None else f"?collections={','.join(names)}"
    return _tileset(request, database, url, query, names, lang, f, "Horad")


@router.get("/collections/{collection}/tiles/WebMercatorQuad", summary="A layer's tileset, or its TileJSON")
def layer_tileset(
    request: Request, database: Database, lang: Language, collection: Collection, f: Format = None
) -> Response:
    """Describe the tileset of a layer."""
    title = find(collection).layer.title[lang]
    url = f"{base_url(request)}/collections/{collection}/tiles/WebMercatorQuad"
    return _tileset(request, database, url, "", [collection], lang, f, title)


@router.get("/tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}", summary="A tile of the city")
def city_tile(
    request: Request, database: Database, z: Matrix, row: Row, col: Col, collections: Collections = None
) -> Response:
    """Return a Mapbox vector tile with all layers, or those named."""
    return _tile(request, database, _names(collections), z, row, col)


@router.get(
    "/collections/{collection}/tiles/WebMercatorQuad/{tileMatrix}/{tileRow}/{tileCol}", summary="A tile of a layer"
)
def layer_tile(request: Request, database: Database, collection: Collection, z: Matrix, row: Row, col: Col) -> Response:
    """Return a Mapbox vector tile of one layer."""
    return _tile(request, database, [collection], z, row, col)


def _names(collections: str | None) -> list[str]:
    if collections is None:
        return list(all_layers())
    names = collections.split(",")
    for name in names:
        find(name)
    return names


def _tile(request: Request, database: Connection, names: list[str], z: int, row: int, col: int) -> Response:
    headers = {"ETag": _etag(database, names), "Cache-Control": "no-cache"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = tiles.tile(database, names, z=z, row=row, col=col)
    return Response(content, 200, headers, MVT) if content else Response(status_code=204, headers=headers)


def _etag(database: Connection, names: list[str]) -> str:
    """Return the tag of tiles of these layers: it changes with the layers, and with the way tiles are made."""
    versions = store.versions(database)
    state = ",".join(f"{name}:{versions[name]}" for name in names)
    return f'"{tiles.ENCODING}-{hashlib.sha256(state.encode()).hexdigest()[:20]}"'


def _tilesets(url: str, title: str) -> Response:
    described = {
        "title": title,
        "dataType": "vector",
        "crs": WEB_MERCATOR_URI,
        "tileMatrixSetURI": TMS_URI,
        "links": [link(f"{url}/WebMercatorQuad", "self", JSON, title)],
    }
    return JSONResponse({"tilesets": [described]})


def _tileset(
    request: Request,
    database: Connection,
    url: str,
    query: str,
    names: list[str],
    lang: str,
    f: str | None,
    title: str,
) -> Response:
    chosen = negotiate(request, f, _OFFERED)
    template = f"{url}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}{query}"
    if chosen == "tilejson":
        return JSONResponse(_tilejson(database, template, names, lang, title), media_type=TILEJSON)
    links: list[Link] = [
        link(f"{url}{query}", "self", JSON, title),
        link(f"{url}?f=tilejson{query.replace('?', '&')}", "describedby", TILEJSON, f"{title} as TileJSON"),
        {**link(template, "item", MVT, "Tiles"), "templated": True},  # type: ignore[dict-item]
    ]
    return JSONResponse(
        {
            "title": title,
            "dataType": "vector",
            "crs": WEB_MERCATOR_URI,
            "tileMatrixSetURI": TMS_URI,
            "layers": [_layer(name, lang) for name in names],
            "links": links,
        }
    )


def _layer(name: str, lang: str) -> dict[str, Any]:
    layer = find(name).layer
    dimension = _GEOMETRY_DIMENSION.get(layer.shape)
    return {
        "id": name,
        "title": layer.title[lang],
        "dataType": "vector",
        **({} if dimension is None else {"geometryDimension": dimension}),
        "minTileMatrix": str(layer.min_zoom),
        "maxTileMatrix": str(tiles.MAX_ZOOM),
    }


def _tilejson(database: Connection, template: str, names: list[str], lang: str, title: str) -> dict[str, Any]:
    """Return TileJSON 3.0.0."""
    boxes = [box for name in names if (box := store.extent(database, name)) is not None]
    bounds = [
        *map(min, zip(*(b[:2] for b in boxes), strict=True)),
        *map(max, zip(*(b[2:] for b in boxes), strict=True)),
    ]
    plain = template.replace("{tileMatrix}", "{z}").replace("{tileRow}", "{y}").replace("{tileCol}", "{x}")
    return {
        "tilejson": "3.0.0",
        "name": title,
        "scheme": "xyz",
        "tiles": [plain],
        "minzoom": min(find(name).layer.min_zoom for name in names),
        "maxzoom": max(find(name).layer.max_zoom for name in names),
        **({"bounds": bounds} if bounds else {}),
        "attribution": attribution_line(registered(database)),
        "vector_layers": [
            {
                "id": name,
                "description": find(name).layer.summary[lang],
                "minzoom": find(name).layer.min_zoom,
                "maxzoom": find(name).layer.max_zoom,
                "fields": {each.name: _field(each.title[lang], each.unit) for each in find(name).columns},
            }
            for name in names
        ],
    }


def _field(title: str, unit: str | None) -> str:
    return f"{title}, {unit}" if unit else title
