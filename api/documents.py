"""What the JSON documents look like with which routes answer: JSON schemas, of what clients may count on."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_NUMBERS: Schema = {"type": "array", "items": {"type": "number"}}


def a(required: str, **properties: Schema) -> Schema:
    """Return the schema of an object with some members, those named among ``required`` always there."""
    always = {"required": required.split()} if required else {}
    return {"type": "object", **always, "properties": properties}


def some(schema: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


OBJECT: Schema = {"type": "object"}
LINKS = some(a("href rel", href=_TEXT, rel=_TEXT, type=_TEXT, title=_TEXT, templated={"type": "boolean"}))
LANDING = a("title links", title=_TEXT, description=_TEXT, attribution=_TEXT, links=LINKS)
CONFORMANCE = a("conformsTo", conformsTo=_TEXTS)
TERRITORIES = a("territories links", territories=some(a("id", id=_TEXT)), links=LINKS)

_SPATIAL = a("bbox", bbox={"type": "array", "minItems": 1, "items": _NUMBERS}, crs=_TEXT)
_INTERVALS = some({"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": ["string", "null"]}})
EXTENT = a("", spatial=_SPATIAL, temporal=a("interval", interval=_INTERVALS))
COLLECTION = a("id links", id=_TEXT, title=_TEXT, description=_TEXT, extent=EXTENT, links=LINKS, crs=_TEXTS)
COLLECTIONS = a("links collections", links=LINKS, collections=some(COLLECTION))
JSON_SCHEMA = a("type properties", type={"enum": ["object"]}, properties=OBJECT, title=_TEXT)

GEOMETRY = {"type": ["object", "null"], "required": ["type"], "properties": {"type": _TEXT}}
FEATURE = a(
    "type geometry properties",
    type={"enum": ["Feature"]},
    id={"type": ["integer", "string"]},
    geometry=GEOMETRY,
    properties={"type": ["object", "null"]},
    links=LINKS,
)
_COUNT: Schema = {"type": "integer", "minimum": 0}
FEATURES = a(
    "type features",
    type={"enum": ["FeatureCollection"]},
    features=some(FEATURE),
    links=LINKS,
    timeStamp=_TEXT,
    numberMatched=_COUNT,
    numberReturned=_COUNT,
)
VALUES = a(
    "property values more",
    title=_TEXT,
    property=_TEXT,
    values=some(a("value count", value={}, count=_COUNT)),
    more={"type": "boolean"},
    links=LINKS,
)

_BOX = a("lowerLeft upperRight", lowerLeft=_NUMBERS, upperRight=_NUMBERS, crs=_TEXT)
_LIMIT = a(
    "tileMatrix minTileRow maxTileRow minTileCol maxTileCol",
    tileMatrix=_TEXT,
    **dict.fromkeys(("minTileRow", "maxTileRow", "minTileCol", "maxTileCol"), _COUNT),
)
TILESET = a(
    "dataType crs links",
    title=_TEXT,
    dataType={"enum": ["vector", "map"]},
    crs=_TEXT,
    tileMatrixSetURI=_TEXT,
    boundingBox=_BOX,
    tileMatrixSetLimits=some(_LIMIT),
    links=LINKS,
)
TILESETS = a("tilesets", tilesets=some(TILESET), links=LINKS)
TILEJSON_DOCUMENT = a("tilejson tiles", tilejson=_TEXT, tiles=_TEXTS, bounds=_NUMBERS, minzoom=_COUNT, maxzoom=_COUNT)
_MATRIX = a("id scaleDenominator cellSize pointOfOrigin tileWidth tileHeight matrixWidth matrixHeight", id=_TEXT)
MATRIX_SET = a("crs tileMatrices", id=_TEXT, title=_TEXT, crs=_TEXT, tileMatrices=some(_MATRIX))
MATRIX_SETS = a("tileMatrixSets", tileMatrixSets=some(a("id links", id=_TEXT, links=LINKS)), links=LINKS)
ARCHIVES = a("archives links", archives=some(a("id links", id=_TEXT, title=_TEXT, links=LINKS)), links=LINKS)
STYLES = a("styles", styles=some(a("id links", id=_TEXT, title=_TEXT, links=LINKS)))
STYLE = a("version sources layers", version={"enum": [8]}, sources=OBJECT, layers=some(a("id type", id=_TEXT)))
RASTERS = a("rasters links", rasters=some(a("id links", id=_TEXT, extent=EXTENT, links=LINKS)), links=LINKS)
RASTER = a("id bands links", id=_TEXT, title=_TEXT, extent=EXTENT, bands=some(OBJECT), links=LINKS)

_PROCESS: dict[str, Schema] = {"id": _TEXT, "version": _TEXT, "title": _TEXT, "jobControlOptions": _TEXTS}
PROCESSES = a("processes links", processes=some(a("id version", **_PROCESS, links=LINKS)), links=LINKS)
PROCESS = a("id version inputs outputs", **_PROCESS, inputs=OBJECT, outputs=OBJECT, links=LINKS)
_STATES = {"enum": ["accepted", "running", "successful", "failed", "dismissed"]}
JOB = a(
    "jobID status type",
    jobID=_TEXT,
    processID=_TEXT,
    type={"enum": ["process"]},
    status=_STATES,
    message=_TEXT,
    progress={"type": "integer", "minimum": 0, "maximum": 100},
    links=LINKS,
)
JOBS = a("jobs links", jobs=some(JOB), links=LINKS)
