"""OGC API Features, Parts 3 and 5: the properties of a layer's features, and which can be filtered and sorted by."""

from __future__ import annotations

import dataclasses
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api import documents
from api.links import base_url
from api.negotiation import HTML, Format, Language, document
from api.ogc.items_query import Collection
from api.openapi import answers
from api.scope import territory
from geo.language import Text
from layers.catalog import Column, LayerTable, find
from layers.cql2 import GEOMETRY
from layers.description import text
from layers.reading.geojson import SHARED
from layers.reading.paging import sortables

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/schemas",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/core-roles-features",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/sortables",
)

JSON_SCHEMA = "application/schema+json"
JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_OFFERED = {"json": JSON_SCHEMA, "html": HTML}
_ID = text("Id", "Идентификатор", "Ідэнтыфікатар")
_GEOMETRY = text("Geometry", "Геометрия", "Геаметрыя")
_TITLES: dict[str, Text] = {
    "territory": text("Territory", "Территория", "Тэрыторыя"),
    "source": text("Source", "Источник", "Крыніца"),
    "source_id": text("Id in the source", "Идентификатор в источнике", "Ідэнтыфікатар у крыніцы"),
    "tags": text("Tags", "Теги", "Тэгі"),
}
router = APIRouter(tags=["Features"], dependencies=[Depends(territory)])


@router.get(
    "/collections/{collection}/schema",
    summary="The columns of a layer",
    responses=answers(JSON_SCHEMA, HTML, schema=documents.JSON_SCHEMA),
)
def schema(request: Request, lang: Language, collection: Collection, f: Format = None) -> Response:
    """Describe the properties of a layer's features as a JSON schema."""
    model = find(collection)
    described = {
        **_head(request, f"collections/{collection}/schema", model.layer.title[lang]),
        "properties": {
            "id": {"title": _ID[lang], "type": "integer", "x-ogc-role": "id", "readOnly": True},
            **_shared(lang),
            **_geometry(model, lang),
            **_properties(model, lang),
            "tags": {"title": _TITLES["tags"][lang], "type": "object"},
        },
        "required": [each.name for each in model.columns if each.required],
    }
    return document(request, described["title"], lang, described, f, _OFFERED)


@router.get(
    "/collections/{collection}/queryables",
    summary="What filters of a layer may name",
    responses=answers(JSON_SCHEMA, HTML, schema=documents.JSON_SCHEMA),
)
def queryables(request: Request, lang: Language, collection: Collection, f: Format = None) -> Response:
    """Describe the properties that a filter may name, or a query parameter of that name, as a JSON schema."""
    model = find(collection)
    described = {
        **_head(request, f"collections/{collection}/queryables", model.layer.title[lang]),
        "properties": {"id": {"title": _ID[lang], "type": "integer", "x-ogc-role": "id"}, **_shared(lang),
                       **_geometry(model, lang), **_properties(model, lang)},
        "patternProperties": {"^tags\\..+": {"type": "string"}},
        "additionalProperties": False,
    }  # fmt: skip
    return document(request, described["title"], lang, described, f, _OFFERED)


@router.get(
    "/collections/{collection}/sortables",
    summary="What a layer can be sorted by",
    responses=answers(JSON_SCHEMA, HTML, schema=documents.JSON_SCHEMA),
)
def layer_sortables(request: Request, lang: Language, collection: Collection, f: Format = None) -> Response:
    """Describe the properties that ``sortby`` may name as a JSON schema."""
    model = find(collection)
    known = {"id": {"title": _ID[lang], "type": "integer", "x-ogc-role": "id"}, **_shared(lang)}
    known |= _properties(model, lang)
    described = {
        **_head(request, f"collections/{collection}/sortables", model.layer.title[lang]),
        "properties": {name: known[name] for name in sortables(model)},
        "additionalProperties": False,
    }
    return document(request, described["title"], lang, described, f, _OFFERED)


@router.get(
    "/queryables",
    summary="What filters of every layer may name",
    responses=answers(JSON_SCHEMA, HTML, schema=documents.JSON_SCHEMA),
)
def common_queryables(request: Request, lang: Language, f: Format = None) -> Response:
    """Describe the properties that all layers have and a filter may name."""
    described = {
        **_head(request, "queryables", "Horad"),
        "properties": {
            "id": {"title": _ID[lang], "type": "integer", "x-ogc-role": "id"},
            **_shared(lang),
            GEOMETRY: {"title": _GEOMETRY[lang], "format": "geometry-any", "x-ogc-role": "primary-geometry"},
        },
        "patternProperties": {"^tags\\..+": {"type": "string"}},
        "additionalProperties": False,
    }
    return document(request, "Queryables", lang, described, f, _OFFERED)


@router.get(
    "/collections/{collection}/schema/feature",
    summary="A layer's features as GeoJSON, described",
    responses=answers(JSON_SCHEMA, schema=documents.JSON_SCHEMA),
)
def feature_schema(request: Request, lang: Language, collection: Collection) -> Response:
    """Describe a layer's features as they come in GeoJSON; GDAL takes the types of fields from it."""
    model = find(collection)
    rest = {"tags": {"title": _TITLES["tags"][lang], "type": "object"}}
    described = {
        **_head(request, f"collections/{collection}/schema/feature", model.layer.title[lang]),
        "required": ["type", "id", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"type": "integer"},
            "geometry": {"type": "object", "properties": {"type": {"enum": list(model.layer.shape.geometry_types)}}},
            "properties": {"type": "object", "properties": _shared(lang) | _properties(model, lang) | rest},
        },
    }
    return document(request, described["title"], lang, described, None, {"json": JSON_SCHEMA})


def _head(request: Request, path: str, title: str) -> dict[str, Any]:
    return {"$schema": JSON_SCHEMA_DIALECT, "$id": f"{base_url(request)}/{path}", "type": "object", "title": title}


def _shared(lang: str) -> dict[str, dict[str, Any]]:
    return {name: {"title": _TITLES[name][lang], "type": "string"} for name in SHARED}


def _geometry(model: LayerTable, lang: str) -> dict[str, dict[str, Any]]:
    shape = "any" if model.layer.shape == "mixed" else model.layer.shape
    described = {"title": _GEOMETRY[lang], "format": f"geometry-{shape}", "x-ogc-role": "primary-geometry"}
    return {GEOMETRY: described}


def _properties(model: LayerTable, lang: str) -> dict[str, dict[str, Any]]:
    return {each.name: _property(model, each, lang) for each in model.columns}


def _property(model: LayerTable, column: Column, lang: str) -> dict[str, Any]:
    """Describe a column; a link tells the layer to whose ``source_id`` its values lead, or the column that names it."""
    described = {"title": column.title[lang], **column.json_schema}
    if column.name == model.layer.time:
        described["x-ogc-role"] = "primary-instant"
    if column.unit:
        described["x-ogc-unit"] = column.unit
    if column.link:
        described["x-horad-link"] = {
            name: value for name, value in dataclasses.asdict(column.link).items() if value is not None
        }
    return described
