"""OGC API Tiles: the tilesets described, as OGC and as TileJSON, and the tile matrix sets that they follow."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Connection

from api.database import Database
from api.documents import MATRIX_SET, MATRIX_SETS, TILEJSON_DOCUMENT, TILESET, TILESETS
from api.links import Link, base_url, formats, link
from api.negotiation import HTML, JSON, MVT, TILEJSON, Format, Language, format_of, negotiate, page
from api.ogc.schemas import JSON_SCHEMA
from api.ogc.tiles import Collection, Collections, MatrixSetId, Selected, Selection, names
from api.openapi import answers
from api.scope import Territory
from api.security.callers import CallerOf
from api.tiles.answers import tile_answers
from geo.errors import InvalidInputError
from layers.catalog import LayerTable, find
from layers.description import Shape
from layers.reading import store
from layers.reading.facts import facts
from layers.territories.territory import attribution_line, registered_below
from layers.tiles.matrix_sets import WEB_MERCATOR_QUAD, MatrixSet, find_matrix_set, national_grid, world_matrix_sets

CONFORMS_TO = (
    "http://www.opengis.net/spec/tms/2.0/conf/tilematrixset",
    "http://www.opengis.net/spec/tms/2.0/conf/json-tilematrixset",
    "http://www.opengis.net/spec/tms/2.0/conf/tilematrixsetlimits",
    "http://www.opengis.net/spec/tms/2.0/conf/json-tilematrixsetlimits",
    "http://www.opengis.net/spec/tms/2.0/conf/tilesetmetadata",
    "http://www.opengis.net/spec/tms/2.0/conf/json-tilesetmetadata",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tilesets-list",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/dataset-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/geodata-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/collections-selection",
)

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
TILING_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"

_OFFERED = {"json": JSON, "html": HTML}
_TILESET_OFFERED = {"json": JSON, "tilejson": TILEJSON, "html": HTML}
TilesetFormat = format_of(_TILESET_OFFERED)
_TILESET_ANSWERS = answers(JSON, HTML, schema=TILESET)
_TILESET_ANSWERS[200]["content"][TILEJSON] = {"schema": TILEJSON_DOCUMENT}
_GEOMETRY_DIMENSION = {Shape.POINT: 0, Shape.LINE: 1, Shape.POLYGON: 2}
_MERCATOR_LATITUDE = 85.0511287798066

router = APIRouter(tags=["Tiles"])


@router.get(
    "/tileMatrixSets",
    summary="Tile matrix sets",
    operation_id="getTileMatrixSetsList",
    responses=answers(JSON, HTML, schema=MATRIX_SETS),
)
def matrix_sets(
    request: Request, database: Database, lang: Language, territory: Territory, f: Format = None
) -> Response:
    """List the ways in which the tiles are cut."""
    chosen = negotiate(request, f, _OFFERED)
    base = base_url(request)
    document = {
        "tileMatrixSets": [
            {
                "id": each.id,
                "title": each.title,
                "crs": crs_uri(each),
                **({"uri": each.uri} if each.uri else {}),
                "links": [link(f"{base}/tileMatrixSets/{each.id}", rel, JSON, each.title) for rel in ("self", "item")],
            }
            for each in _served(database, territory)
        ],
        "links": formats(f"{base}/tileMatrixSets", chosen, _OFFERED),
    }
    return page(request, "Tile matrix sets", lang, document) if chosen == "html" else JSONResponse(document)


@router.get(
    "/tileMatrixSets/{tileMatrixSetId}",
    summary="A tile matrix set",
    operation_id="getTileMatrixSet",
    responses=answers(JSON, HTML, schema=MATRIX_SET),
)
def matrix_set(request: Request, lang: Language, matrix_set: MatrixSetId, f: Format = None) -> Response:
    """Describe how tiles are cut: the CRS, and the scale, origin and size of each zoom."""
    chosen = negotiate(request, f, _OFFERED)
    found = find_matrix_set(matrix_set)
    document = json.loads(found.definition().model_dump_json(exclude_none=True))
    url = f"{base_url(request)}/tileMatrixSets/{matrix_set}"
    if chosen == "html":
        return page(request, found.title, lang, document | {"links": formats(url, chosen, _OFFERED)})
    return JSONResponse(document)


@router.get(
    "/tiles",
    summary="Tilesets of the city",
    operation_id="dataset.vector.getTileSetsList",
    responses=answers(JSON, HTML, schema=TILESETS),
)
def city_tilesets(
    request: Request, database: Database, lang: Language, territory: Territory, f: Format = None
) -> Response:
    """List the tilesets that hold all layers."""
    return _tilesets(request, database, f"{base_url(request)}/tiles", "All layers", lang, territory, f)


@router.get(
    "/collections/{collection}/tiles",
    summary="Tilesets of a layer",
    operation_id="collection.vector.getTileSetsList",
    responses=answers(JSON, HTML, schema=TILESETS),
)
def layer_tilesets(
    request: Request,
    database: Database,
    lang: Language,
    territory: Territory,
    collection: Collection,
    f: Format = None,
) -> Response:
    """List the tilesets of a layer."""
    title = find(collection).layer.title[lang]
    url = f"{base_url(request)}/collections/{collection}/tiles"
    return _tilesets(request, database, url, title, lang, territory, f)


@router.get(
    "/tiles/{tileMatrixSetId}",
    summary="The city's tileset, or its TileJSON",
    operation_id="dataset.vector.getTileSet",
    responses=_TILESET_ANSWERS,
)
def city_tileset(
    request: Request,
    database: Database,
    who: CallerOf,
    lang: Language,
    territory: Territory,
    selected: Selected,
    matrix_set: MatrixSetId,
    collections: Collections = None,
    f: TilesetFormat = None,
) -> Response:
    """Describe the tileset that holds all layers, or those named."""
    layers = names(collections)
    asked = {} if collections is None else {"collections": ",".join(layers)}
    tileset = _Tileset(request, database, layers, find_matrix_set(matrix_set), lang, territory, "Horad", "", asked)
    return tileset.answer(selected, who.rights, f)


@router.get(
    "/collections/{collection}/tiles/{tileMatrixSetId}",
    summary="A layer's tileset, or its TileJSON",
    operation_id="collection.vector.getTileSet",
    responses=_TILESET_ANSWERS,
)
def layer_tileset(
    request: Request,
    database: Database,
    who: CallerOf,
    lang: Language,
    territory: Territory,
    selected: Selected,
    collection: Collection,
    matrix_set: MatrixSetId,
    f: TilesetFormat = None,
) -> Response:
    """Describe the tileset of a layer."""
    title, found = find(collection).layer.title[lang], find_matrix_set(matrix_set)
    path = f"/collections/{collection}"
    return _Tileset(request, database, (collection,), found, lang, territory, title, path, {}).answer(
        selected, who.rights, f
    )


class _Tileset:
    """The tiles of some layers in a tile matrix set, and what is to be told of them."""

    def __init__(
        self,
        request: Request,
        database: Connection,
        layers: tuple[str, ...],
        matrices: MatrixSet,
        lang: str,
        territory: str | None,
        title: str,
        path: str,
        asked: dict[str, str],
    ) -> None:
        self.request = request
        self.database = database
        self.layers = layers
        self.matrices = matrices
        self.lang = lang
        self.territory = territory
        self.title = title
        self.url = f"{base_url(request)}{path}/tiles/{matrices.id}"
        self.asked = asked

    def answer(self, selected: Selection, rights: str, f: str | None) -> Response:
        chosen = negotiate(self.request, f, _TILESET_OFFERED)
        asked = self.asked | selected.asked
        known = facts(self.database, self.layers, territory=self.territory, rights=rights)
        found = {name: each.box for name, each in known.items() if each.box is not None}
        if chosen == "tilejson":
            return JSONResponse(self._tilejson(asked, found, selected.columns), media_type=TILEJSON)
        document = self._metadata(asked, found, selected.columns)
        return page(self.request, self.title, self.lang, document) if chosen == "html" else JSONResponse(document)

    def _template(self, asked: dict[str, str], row: str, col: str, z: str) -> str:
        query = f"?{urlencode(asked, safe=',')}" if asked else ""
        return f"{self.url}/{{{z}}}/{{{row}}}/{{{col}}}{query}"

    def _metadata(
        self, asked: dict[str, str], boxes: dict[str, store.Box], properties: tuple[str, ...] | None
    ) -> dict[str, Any]:
        base = base_url(self.request)
        query = f"?{urlencode(asked, safe=',')}" if asked else ""
        more = f"&{query[1:]}" if query else ""
        template = self._template(asked, "tileRow", "tileCol", "tileMatrix")
        alternate = [] if self.matrices.id != WEB_MERCATOR_QUAD else ["tilejson"]
        links: list[Link] = [
            link(f"{self.url}{query}", "self", JSON, self.title),
            *(link(f"{self.url}?f={name}{more}", "alternate", _TILESET_OFFERED[name], name) for name in alternate),
            link(f"{self.url}?f=html{more}", "alternate", HTML, "As a page"),
            link(f"{base}/tileMatrixSets/{self.matrices.id}", TILING_SCHEME, JSON, self.matrices.title),
            {**link(template, "item", MVT, "Tiles"), "templated": True},  # type: ignore[dict-item]
        ]
        box = _around(boxes.values())
        return {
            "title": self.title,
            "dataType": "vector",
            "crs": crs_uri(self.matrices),
            "tileMatrixSetURI": self.matrices.uri or f"{base}/tileMatrixSets/{self.matrices.id}",
            **({} if box is None else {"boundingBox": bounding(box), "tileMatrixSetLimits": self._limits(box)}),
            "attribution": attribution_line(registered_below(self.database, self.territory)),
            "layers": [self._layer(find(name), boxes.get(name), properties) for name in self.layers],
            "links": links,
        }

    def _zooms(self, model: LayerTable) -> tuple[int, int]:
        """Return the zooms of a layer in this tile matrix set."""
        return max(model.layer.min_zoom - self.matrices.scale_zoom, 0), self.matrices.max_zoom

    def _limits(self, box: store.Box) -> list[dict[str, Any]]:
        names = ("minTileRow", "maxTileRow", "minTileCol", "maxTileCol")
        return [
            {"tileMatrix": str(z), **dict(zip(names, self.matrices.limits(z, box), strict=True))}
            for z in range(self.matrices.max_zoom + 1)
        ]

    def _layer(self, model: LayerTable, box: store.Box | None, properties: tuple[str, ...] | None) -> dict[str, Any]:
        layer = model.layer
        dimension = _GEOMETRY_DIMENSION.get(layer.shape)
        first, last = self._zooms(model)
        base = base_url(self.request)
        return {
            "id": model.name,
            "title": layer.title[self.lang],
            "description": layer.summary[self.lang],
            "dataType": "vector",
            **({} if dimension is None else {"geometryDimension": dimension}),
            "minTileMatrix": str(first),
            "maxTileMatrix": str(last),
            **({} if box is None else {"boundingBox": bounding(box)}),
            "propertiesSchema": {
                "type": "object",
                "properties": {
                    each.name: {"title": each.title[self.lang], **each.json_schema}
                    | ({"x-ogc-unit": each.unit} if each.unit else {})
                    for each in model.columns
                    if properties is None or each.name in properties
                },
            },
            "links": [
                link(f"{base}/collections/{model.name}", "collection", JSON, layer.title[self.lang]),
                link(f"{base}/collections/{model.name}/schema", "describedby", JSON_SCHEMA, "Columns"),
            ],
        }

    def _tilejson(
        self, asked: dict[str, str], boxes: dict[str, store.Box], properties: tuple[str, ...] | None
    ) -> dict[str, Any]:
        """Return TileJSON 3.0.0; the addresses of its tiles tell the state of the layers, so that they never change."""
        if self.matrices.id != WEB_MERCATOR_QUAD:
            raise InvalidInputError(f"TileJSON describes tiles of {WEB_MERCATOR_QUAD} only, not of {self.matrices.id}.")
        version = tile_answers(self.request).version(self.layers)
        versioned = asked | ({} if version is None else {"v": version})
        layers = [find(name) for name in self.layers]
        box = _around(boxes.values())
        return {
            "tilejson": "3.0.0",
            "name": self.title,
            "scheme": "xyz",
            "tiles": [self._template(versioned, "y", "x", "z")],
            "minzoom": min(each.layer.min_zoom for each in layers),
            "maxzoom": max(each.layer.max_zoom for each in layers),
            **({} if box is None else {"bounds": _on_mercator(box)}),
            "attribution": attribution_line(registered_below(self.database, self.territory)),
            "vector_layers": [
                {
                    "id": each.name,
                    "description": each.layer.summary[self.lang],
                    "minzoom": each.layer.min_zoom,
                    "maxzoom": each.layer.max_zoom,
                    "fields": {
                        column.name: _field(column.title[self.lang], column.unit)
                        for column in each.columns
                        if properties is None or column.name in properties
                    },
                }
                for each in layers
            ],
        }


def _served(database: Connection, territory: str | None) -> list[MatrixSet]:
    """Return the world's tile matrix sets, and the national grids of the territories."""
    srids = {each["metric_srid"] for each in registered_below(database, territory)}
    return [*world_matrix_sets(), *(national_grid(srid) for srid in sorted(srids))]


def _tilesets(
    request: Request,
    database: Connection,
    url: str,
    title: str,
    lang: str,
    territory: str | None,
    f: str | None,
) -> Response:
    chosen = negotiate(request, f, _OFFERED)
    base = base_url(request)
    document = {
        "tilesets": [
            {
                "title": f"{title}, {each.title}",
                "dataType": "vector",
                "crs": crs_uri(each),
                "tileMatrixSetURI": each.uri or f"{base}/tileMatrixSets/{each.id}",
                "links": [
                    link(f"{url}/{each.id}", "self", JSON, title),
                    link(f"{base}/tileMatrixSets/{each.id}", TILING_SCHEME, JSON, each.title),
                ],
            }
            for each in _served(database, territory)
        ],
        "links": formats(url, chosen, _OFFERED),
    }
    return page(request, title, lang, document) if chosen == "html" else JSONResponse(document)


def crs_uri(matrices: MatrixSet) -> str:
    """Return the name of the CRS of a tile matrix set."""
    return CRS84 if matrices.srid == 4326 else f"http://www.opengis.net/def/crs/EPSG/0/{matrices.srid}"


def bounding(box: store.Box) -> dict[str, Any]:
    """Return a box in degrees as the metadata of tilesets write it."""
    west, south, east, north = box
    return {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84}


def _around(boxes: Any) -> store.Box | None:
    sides = list(zip(*boxes, strict=True))
    return (min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])) if sides else None


def _on_mercator(box: store.Box) -> list[float]:
    west, south, east, north = box
    return [west, max(south, -_MERCATOR_LATITUDE), east, min(north, _MERCATOR_LATITUDE)]


def _field(title: str, unit: str | None) -> str:
    return f"{title}, {unit}" if unit else title
