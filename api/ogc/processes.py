"""OGC API Processes: every analysis is a process, described and run from the same function."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import geopandas as gpd
import numpy as np
import shapely
from fastapi import APIRouter, Body, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.database import Database
from api.links import base_url, formats, link
from api.negotiation import GEOJSON, HTML, JSON, Format, Language, negotiate, page
from geo.analysis import Analysis, all_analyses
from geo.errors import InvalidInputError
from layers import database as databases
from layers import runner
from layers.errors import NotFoundError
from layers.models.base import STORAGE_SRID
from layers.territory import registered

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/ogc-process-description",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/html",
)

OUTPUT = "result"
TERRITORY = "territory"
VERSION = "1.0.0"

_OFFERED = {"json": JSON, "html": HTML}
_COORDINATE_DECIMALS = 7
_RESPONSES = ("raw", "document")

router = APIRouter(tags=["Processes"])

Process = Annotated[str, Path(description="Id of an analysis.")]


class NoSuchProcessError(NotFoundError):
    """There is no process of that id."""

    problem_type = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process"


def find_analysis(process: str) -> Analysis:
    """Return the analysis of that id.

    Raises
    ------
    NoSuchProcessError
        There is none; the text lists those there are.
    """
    known = {each.id: each for each in all_analyses()}
    if process not in known:
        raise NoSuchProcessError(f"There is no process {process!r}. The processes are: {', '.join(known)}.")
    return known[process]


@router.get("/processes", summary="The analyses")
def processes(
    request: Request,
    lang: Language,
    limit: Annotated[int, Query(ge=1, description="At most so many.")] = 100,
    f: Format = None,
) -> Response:
    """List the analyses."""
    chosen = negotiate(request, f, _OFFERED)
    base = base_url(request)
    document = {
        "processes": [_summary(base, each, lang) for each in all_analyses()[:limit]],
        "links": formats(f"{base}/processes", chosen, _OFFERED),
    }
    return page(request, "Processes", lang, document) if chosen == "html" else JSONResponse(document)


@router.get("/processes/{process}", summary="One analysis")
def process(request: Request, database: Database, lang: Language, process: Process, f: Format = None) -> Response:
    """Describe an analysis: its inputs with their JSON schemas, and its output."""
    chosen = negotiate(request, f, _OFFERED)
    described = find_analysis(process)
    territories = [each["id"] for each in registered(database)]
    document = {
        **_summary(base_url(request), described, lang),
        "inputs": _inputs(described, lang, territories),
        "outputs": {
            OUTPUT: {
                "title": described.title[lang],
                "schema": {
                    "type": "object",
                    "contentMediaType": GEOJSON,
                    "$ref": "https://geojson.org/schema/FeatureCollection.json",
                },
            }
        },
        "horad:view": asdict(described.view),
    }
    return page(request, described.title[lang], lang, document) if chosen == "html" else JSONResponse(document)


@router.post("/processes/{process}/execution", summary="Run an analysis")
def execute(process: Process, body: Annotated[dict[str, Any], Body()]) -> Response:
    """Run an analysis and return its result as GeoJSON, or with ``"response": "document"`` within a document."""
    described = find_analysis(process)
    inputs, response = _request(described, body)
    territory = inputs.pop(TERRITORY, None)
    result = runner.run(databases.engine(public=True), described.id, inputs, territory=territory)
    content = to_geojson(result)
    if response == "raw":
        return Response(content, media_type=GEOJSON)
    return Response(f'{{"{OUTPUT}": {{"value": {content}, "mediaType": "{GEOJSON}"}}}}', media_type=JSON)


def to_geojson(frame: gpd.GeoDataFrame) -> str:
    """Return a frame as GeoJSON text in longitude and latitude, coordinates to about a centimetre."""
    degrees = frame.to_crs(STORAGE_SRID)
    degrees.geometry = shapely.transform(degrees.geometry.to_numpy(), lambda xy: np.round(xy, _COORDINATE_DECIMALS))
    return str(degrees.to_json(drop_id=False, separators=(",", ":")))


def _request(described: Analysis, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the inputs and the kind of response of an execute request, checked."""
    inputs = body.get("inputs", {})
    if not isinstance(inputs, dict):
        raise InvalidInputError("inputs: must be an object with a value for each input")
    response = body.get("response", "raw")
    if response not in _RESPONSES:
        raise InvalidInputError(f"response: must be one of {', '.join(_RESPONSES)}, not {response!r}")
    outputs = body.get("outputs", {OUTPUT: {}})
    if not isinstance(outputs, dict) or set(outputs) - {OUTPUT}:
        raise InvalidInputError(f"outputs: {described.id} has one output, {OUTPUT}")
    territory = inputs.get(TERRITORY)
    if territory is not None and not isinstance(territory, str):
        raise InvalidInputError(f"inputs.{TERRITORY}: must be the id of a territory")
    return {name: _value(each) for name, each in inputs.items()}, response


def _value(given: Any) -> Any:
    """Return the value of an input, which may come qualified: ``{"value": ..., "mediaType": ...}``."""
    qualified = isinstance(given, dict) and "value" in given and "type" not in given
    return given["value"] if qualified else given


def _summary(base: str, described: Analysis, lang: str) -> dict[str, Any]:
    url = f"{base}/processes/{described.id}"
    return {
        "id": described.id,
        "version": VERSION,
        "title": described.title[lang],
        "description": described.summary[lang],
        "keywords": [described.function],
        "jobControlOptions": ["sync-execute"],
        "outputTransmission": ["value"],
        "links": [
            link(f"{url}?f=json", "self", JSON, described.title[lang]),
            link(f"{url}/execution", "http://www.opengis.net/def/rel/ogc/1.0/execute", JSON, "Run it"),
            link(f"{base}/maps/processes/{described.id}", "alternate", HTML, "Run it onto a map"),
        ],
    }


def _inputs(described: Analysis, lang: str, territories: list[str]) -> dict[str, Any]:
    found = {
        name: {
            "title": schema["x-title"][lang],
            "schema": schema,
            "minOccurs": 0 if "default" in schema else 1,
            "maxOccurs": 1,
        }
        for name, schema in described.json_schema().items()
    }
    found[TERRITORY] = {
        "title": "Territory",
        "description": "On whose layers; by default the territory in which the first point lies.",
        "schema": {"type": "string", "enum": territories},
        "minOccurs": 0,
        "maxOccurs": 1,
    }
    return found
