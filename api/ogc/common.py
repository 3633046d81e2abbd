"""OGC API Common: the landing page and the conformance declaration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from api.database import Database
from api.links import base_url, formats, link
from api.negotiation import HTML, JSON, Format, Language, negotiate, page
from api.openapi import OPENAPI_30, OPENAPI_31, answers
from layers.settings import PROJECT
from layers.territory import attribution_line, registered

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/html",
)

PLANNERS_PAGE = PROJECT / "api" / "web" / "index.html"

_OFFERED = {"json": JSON, "html": HTML}


def router(conforms_to: Sequence[str]) -> APIRouter:
    """Return the routes.

    Parameters
    ----------
    conforms_to
        The conformance classes of all that is mounted.
    """
    routes = APIRouter(tags=["Common"])

    @routes.get("/", summary="Landing page, or the map for a browser", responses=answers(JSON, HTML))
    def landing(request: Request, database: Database, lang: Language, f: Format = None) -> Response:
        chosen = negotiate(request, f, _OFFERED)
        if chosen == "html":
            return FileResponse(PLANNERS_PAGE, media_type=HTML)
        base = base_url(request)
        cities = registered(database)
        titles = ", ".join(each["title"][lang] for each in cities)
        return JSONResponse(
            {
                "title": f"Horad: {titles}" if titles else "Horad",
                "description": "One base for all that is known about a city, its analyses and its maps.",
                "attribution": attribution_line(cities),
                "links": [
                    *formats(f"{base}/", chosen, _OFFERED),
                    link(f"{base}/api", "service-desc", OPENAPI_30, "The API described in OpenAPI 3.0"),
                    link(f"{base}/openapi.json", "service-desc", OPENAPI_31, "The API described in OpenAPI 3.1"),
                    link(f"{base}/api.html", "service-doc", HTML, "The API described for people"),
                    link(f"{base}/conformance", "conformance", JSON, "Conformance classes"),
                    link(
                        f"{base}/conformance", "http://www.opengis.net/def/rel/ogc/1.0/conformance", JSON, "Conformance"
                    ),
                    link(f"{base}/collections", "data", JSON, "The layers"),
                    link(f"{base}/collections", "http://www.opengis.net/def/rel/ogc/1.0/data", JSON, "The layers"),
                    link(
                        f"{base}/tiles", "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector", JSON, "Vector tiles"
                    ),
                    link(f"{base}/styles", "http://www.opengis.net/def/rel/ogc/1.0/styles", JSON, "Map styles"),
                    link(f"{base}/processes", "http://www.opengis.net/def/rel/ogc/1.0/processes", JSON, "The analyses"),
                    link(f"{base}/processes", "processes", JSON, "The analyses"),
                ],
            }
        )

    @routes.get("/conformance", summary="Conformance classes", responses=answers(JSON, HTML))
    def conformance(request: Request, lang: Language, f: Format = None) -> Response:
        chosen = negotiate(request, f, _OFFERED)
        declared = {"conformsTo": list(conforms_to)}
        return page(request, "Conformance", lang, declared) if chosen == "html" else JSONResponse(declared)

    @routes.get("/api.html", summary="The API described for people", responses=answers(HTML))
    def documentation(request: Request, lang: Language) -> Response:
        operations = [
            _operation(f"{method.upper()} {path}", operation)
            for path, methods in request.app.openapi()["paths"].items()
            for method, operation in methods.items()
        ]
        return page(request, "API", lang, {"OpenAPI": f"{base_url(request)}/api", "operations": operations})

    return routes


def _operation(title: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Return what people want to know of an operation."""
    parameters = {each["name"]: each.get("description", "") for each in operation.get("parameters", ())}
    return {"title": title, "description": operation["summary"], "parameters": parameters}
