"""OGC API Processes: what can be run, described."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.database import Database
from api.documents import PROCESS, PROCESSES
from api.links import base_url, formats, link
from api.negotiation import GEOJSON, HTML, JSON, Format, Language, negotiate, page
from api.openapi import answers
from geo.analysis import Analysis, all_analyses
from layers.processes import echo
from layers.processes.processes import AS_OF, RESULT, find_analysis
from layers.territories.territory import registered

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/ogc-process-description",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/html",
)

TERRITORY = "territory"
VERSION = "1.0.0"
_AS_OF_TITLE = {"be": "Стан на дзень", "ru": "Состояние на день", "en": "As of"}

_OFFERED = {"json": JSON, "html": HTML}

router = APIRouter(tags=["Processes"])

Process = Annotated[str, Path(description="Id of a process.")]


@router.get("/processes", summary="The analyses", responses=answers(JSON, HTML, schema=PROCESSES))
def processes(
    request: Request,
    lang: Language,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
    f: Format = None,
) -> Response:
    """List the analyses, and an echo to try clients with."""
    chosen = negotiate(request, f, _OFFERED)
    base = base_url(request)
    listed = [_analysis_summary(base, each, lang) for each in all_analyses()]
    listed.append(_summary(base, echo.ID, echo.TITLE[lang], echo.SUMMARY[lang], keywords=[]))
    document = {"processes": listed[:limit], "links": formats(f"{base}/processes", chosen, _OFFERED)}
    return page(request, "Processes", lang, document) if chosen == "html" else JSONResponse(document)


@router.get("/processes/{process}", summary="One analysis", responses=answers(JSON, HTML, schema=PROCESS))
def process(request: Request, database: Database, lang: Language, process: Process, f: Format = None) -> Response:
    """Describe an analysis: its inputs with their JSON schemas, and its output."""
    chosen = negotiate(request, f, _OFFERED)
    base = base_url(request)
    if process == echo.ID:
        document = _describe_echo(base, lang)
    else:
        document = _describe(base, find_analysis(process), lang, [each["id"] for each in registered(database)])
    return page(request, document["title"], lang, document) if chosen == "html" else JSONResponse(document)


def _describe(base: str, described: Analysis, lang: str, territories: list[str]) -> dict[str, Any]:
    return {
        **_analysis_summary(base, described, lang),
        "inputs": _inputs(described, lang, territories),
        "outputs": {
            RESULT: {
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


def _describe_echo(base: str, lang: str) -> dict[str, Any]:
    given = {name: {"title": name, "schema": schema} for name, schema in echo.SCHEMAS.items()}
    pause = {"title": "Seconds to wait", "schema": dict(echo.PAUSE_SCHEMA)}
    inputs = {name: {**each, "minOccurs": 0, "maxOccurs": 1} for name, each in (given | {echo.PAUSE: pause}).items()}
    summary = _summary(base, echo.ID, echo.TITLE[lang], echo.SUMMARY[lang], keywords=[])
    return {**summary, "inputs": inputs, "outputs": given}


def _analysis_summary(base: str, described: Analysis, lang: str) -> dict[str, Any]:
    found = _summary(base, described.id, described.title[lang], described.summary[lang], keywords=[described.function])
    asked = ",".join([*described.json_schema(), TERRITORY, AS_OF])
    onto_a_map = link(f"{base}/maps/processes/{described.id}{{?{asked}}}", "alternate", HTML, "Run it onto a map")
    found["links"].append(onto_a_map | {"templated": True})
    return found


def _summary(base: str, name: str, title: str, description: str, *, keywords: list[str]) -> dict[str, Any]:
    url = f"{base}/processes/{name}"
    return {
        "id": name,
        "version": VERSION,
        "title": title,
        "description": description,
        "keywords": keywords,
        "jobControlOptions": ["sync-execute", "async-execute", "dismiss"],
        "outputTransmission": ["value"],
        "links": [
            link(f"{url}?f=json", "self", JSON, title),
            link(f"{url}/execution", "http://www.opengis.net/def/rel/ogc/1.0/execute", JSON, "Run it"),
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
    found[AS_OF] = {
        "title": _AS_OF_TITLE[lang],
        "description": "On the layers as they were at a time as in RFC 3339, or on a date; by default as they are.",
        "schema": {"type": "string", "format": "date-time"},
        "minOccurs": 0,
        "maxOccurs": 1,
    }
    return found
