"""OGC API Common: the landing page and the conformance declaration."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from api.database import Database
from api.description import described_api
from api.documents import CONFORMANCE, LANDING, TERRITORIES
from api.links import Link, base_url, formats, link, root_url
from api.negotiation import HTML, JSON, Format, Language, negotiate, page
from api.ogc.schemas import JSON_SCHEMA
from api.openapi import OPENAPI_30, OPENAPI_31, answers
from api.scope import Territory
from layers.postgres.database import base_id
from layers.settings import PROJECT
from layers.territories.territory import attribution_line, family, registered

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

    @routes.get(
        "/",
        summary="Landing page, or the map for a browser",
        responses=answers(JSON, HTML, schema=LANDING, others={303: "The map of the territory."}),
    )
    def landing(
        request: Request, database: Database, lang: Language, territory: Territory, f: Format = None
    ) -> Response:
        chosen = negotiate(request, f, _OFFERED)
        if chosen == "html" and territory is not None:
            return RedirectResponse(f"{root_url(request)}/#city={territory}", HTTPStatus.SEE_OTHER)
        if chosen == "html":
            return FileResponse(PLANNERS_PAGE, media_type=HTML)
        known = registered(database)
        below = None if territory is None else family(database, territory)
        told = [each for each in known if below is None or each["id"] in below]
        titles = ", ".join(each["title"][lang] for each in told if territory in (None, each["id"]))
        document = {
            "title": f"Horad: {titles}" if titles else "Horad",
            "description": "One base for all that is known about a city, its analyses and its maps.",
            "attribution": attribution_line(told),
            "base": base_id(database),
            "links": [*formats(f"{base_url(request)}/", chosen, _OFFERED), *_links(base_url(request))],
        }
        return JSONResponse(document)

    @routes.get(
        "/territories",
        summary="The territories, each an API of its own",
        responses=answers(JSON, HTML, schema=TERRITORIES),
    )
    def territories(
        request: Request, database: Database, lang: Language, territory: Territory, f: Format = None
    ) -> Response:
        chosen = negotiate(request, f, _OFFERED)
        below = None if territory is None else family(database, territory)
        told = [each for each in registered(database) if below is None or each["id"] in below]
        document = {
            "links": formats(f"{base_url(request)}/territories", chosen, _OFFERED),
            "territories": [_territory(root_url(request), each, lang) for each in told],
        }
        return page(request, "Territories", lang, document) if chosen == "html" else JSONResponse(document)

    @routes.get("/conformance", summary="Conformance classes", responses=answers(JSON, HTML, schema=CONFORMANCE))
    def conformance(request: Request, lang: Language, f: Format = None) -> Response:
        chosen = negotiate(request, f, _OFFERED)
        declared = {"conformsTo": list(conforms_to)}
        return page(request, "Conformance", lang, declared) if chosen == "html" else JSONResponse(declared)

    @routes.get("/api.html", summary="The API described for people", responses=answers(HTML))
    def documentation(request: Request, lang: Language) -> Response:
        operations = [
            _operation(f"{method.upper()} {path}", operation)
            for path, methods in described_api()["paths"].items()
            for method, operation in methods.items()
        ]
        return page(request, "API", lang, {"OpenAPI": f"{base_url(request)}/api", "operations": operations})

    return routes


def _territory(root: str, known: dict[str, Any], lang: str) -> dict[str, Any]:
    """Describe a territory, with the way to its API."""
    url = f"{root}/territories/{known['id']}"
    return {
        "id": known["id"],
        "title": known["title"][lang],
        "parent": known["parent"],
        "bbox": known["view"],
        "attribution": attribution_line([known]),
        "links": [
            link(f"{url}/?f=json", "service", JSON, f"{known['title'][lang]}: the API"),
            link(f"{root}/#city={known['id']}", "alternate", HTML, f"{known['title'][lang]}: the map"),
            link(f"{url}/collections", "data", JSON, f"{known['title'][lang]}: the layers"),
        ],
    }


def _links(base: str) -> list[Link]:
    rel = "http://www.opengis.net/def/rel/ogc/1.0"
    return [
        link(f"{base}/api", "service-desc", OPENAPI_30, "The API described in OpenAPI 3.0"),
        link(f"{base}/openapi.json", "service-desc", OPENAPI_31, "The API described in OpenAPI 3.1"),
        link(f"{base}/api.html", "service-doc", HTML, "The API described for people"),
        link(f"{base}/conformance", "conformance", JSON, "Conformance classes"),
        link(f"{base}/conformance", f"{rel}/conformance", JSON, "Conformance"),
        link(f"{base}/collections", "data", JSON, "The layers"),
        link(f"{base}/collections", f"{rel}/data", JSON, "The layers"),
        link(f"{base}/queryables", f"{rel}/queryables", JSON_SCHEMA, "What filters of every layer may name"),
        link(f"{base}/territories", "territories", JSON, "The territories, each an API of its own"),
        link(f"{base}/tiles", f"{rel}/tilesets-vector", JSON, "Vector tiles"),
        link(f"{base}/styles", f"{rel}/styles", JSON, "Map styles"),
        link(f"{base}/processes", f"{rel}/processes", JSON, "The analyses"),
        link(f"{base}/processes", "processes", JSON, "The analyses"),
    ]


def _operation(title: str, operation: dict[str, Any]) -> dict[str, Any]:
    """Return what people want to know of an operation."""
    parameters = {each["name"]: each.get("description", "") for each in operation.get("parameters", ())}
    return {"title": title, "description": operation["summary"], "parameters": parameters}
