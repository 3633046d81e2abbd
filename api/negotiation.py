"""Which format and which language a caller wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query as QueryInfo
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import APIRoute
from fastapi.templating import Jinja2Templates
from pydantic import WithJsonSchema

from api.errors import NotAcceptableError
from api.links import base_url, root_url
from geo.errors import InvalidInputError
from geo.language import LANGUAGES
from layers.media_types import GEOJSON as GEOJSON
from layers.media_types import JSON as JSON
from layers.settings import PROJECT

HTML = "text/html"
TILEJSON = "application/vnd.mapbox.tilejson+json"
MVT = "application/vnd.mapbox-vector-tile"

_FIND = {"en": "Find", "ru": "Найти", "be": "Знайсці"}

templates = Jinja2Templates(PROJECT / "api" / "templates")
templates.env.tests["rows"] = lambda listed: _are_rows(listed)


async def language(
    request: Request,
    lang: Annotated[
        str | None,
        WithJsonSchema({"type": "string", "enum": list(LANGUAGES)}),
        Query(description="Language of titles: be, ru or en."),
    ] = None,
) -> str:
    """Return the language asked for by ``lang=``, else by Accept-Language, else English."""
    if lang is not None and lang not in LANGUAGES:
        raise InvalidInputError(f"lang={lang}: must be one of {', '.join(LANGUAGES)}")
    return spoken(request)


def spoken(request: Request) -> str:
    """Return the language asked for, one of ours: an error may be told in it, whatever else is wrong."""
    wanted = [request.query_params.get("lang", ""), *_by_quality(request.headers.get("accept-language", ""))]
    return next((code for each in wanted if (code := each.split("-")[0]) in LANGUAGES), "en")


Language = Annotated[str, Depends(language)]


def format_of(offered: Iterable[str]) -> Any:
    """Return the type of the parameter ``f`` of a route that answers in these formats."""
    told = Query(alias="f", description="Format of the answer, in place of the Accept header.")
    return Annotated[str | None, WithJsonSchema({"type": "string", "enum": list(offered)}), told]


Format = format_of(("json", "html"))


def negotiate(request: Request, wanted: str | None, offered: Mapping[str, str]) -> str:
    """Return the name of the format to answer in.

    Parameters
    ----------
    request
        Its Accept header counts where ``wanted`` is not given.
    wanted
        The value of ``f=``.
    offered
        Media types by the name that ``f=`` knows them by; the first is the default.

    Raises
    ------
    InvalidInputError
        ``f`` names none of the formats.
    NotAcceptableError
        The Accept header takes none of them.
    """
    if wanted is not None:
        if wanted not in offered:
            raise InvalidInputError(f"f={wanted}: must be one of {', '.join(offered)}")
        return wanted
    accepted = _by_quality(request.headers.get("accept", "*/*"))
    for media_range in accepted:
        for takes in (_matches, _is_kind_of_json):
            for name, media_type in offered.items():
                if takes(media_range, media_type):
                    return name
    raise NotAcceptableError(f"Accept: {', '.join(accepted)}: this is there as {', '.join(offered.values())} only")


def wants_page(request: Request) -> bool:
    """Tell whether an answer is for people: by ``f=``, else because HTML stands first in the Accept header."""
    wanted = request.query_params.get("f")
    return _by_quality(request.headers.get("accept", ""))[:1] == [HTML] if wanted is None else wanted == "html"


async def known_parameters(request: Request) -> None:
    """Refuse query parameters that the route doesn't know, so that a slip of the pen isn't ignored.

    Raises
    ------
    InvalidInputError
        Naming them, and those that it knows.
    """
    route = request.scope["route"]
    if not request.query_params or not isinstance(route, APIRoute) or not route.include_in_schema:
        return
    known, any_other = _declared(request)
    unknown = sorted(set(request.query_params) - known)
    if unknown and not any_other:
        taken = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
        raise InvalidInputError(f"Unknown query parameter: {', '.join(unknown)}; {taken}.")


def declared_parameters(request: Request) -> frozenset[str]:
    """Return the names of the query parameters that the route declares."""
    return _declared(request)[0]


def _declared(request: Request) -> tuple[frozenset[str], bool]:
    """Return the names, and whether the route takes parameters of any name, which it then checks itself."""
    route: APIRoute = request.scope["route"]
    asked = (route.path_format, request.method)
    if asked not in _declared_by:
        described = (route.openapi_extra or {}).get("parameters", ())
        named = {each["name"] for each in described if each["schema"].get("type") != "object"}
        named |= {each.alias for each in get_flat_params(route.dependant) if isinstance(each.field_info, QueryInfo)}
        _declared_by[asked] = frozenset(named), any(each["schema"].get("type") == "object" for each in described)
    return _declared_by[asked]


_declared_by: dict[tuple[str, str], tuple[frozenset[str], bool]] = {}
"""By path and method."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the map on a page shows: the city, a layer and features of it.

    Parameters
    ----------
    layer
        The layer.
    items
        The address of the features' pages, without their ids.
    bbox
        Where the map opens, west, south, east and north in degrees; by default, where the features are.
    features
        In GeoJSON, in degrees.
    """

    layer: str
    items: str
    bbox: Sequence[float] | None = None
    features: Sequence[Mapping[str, Any]] = ()


def page(
    request: Request,
    title: str,
    lang: str,
    resource: Any,
    *,
    shown: Shown | None = None,
    form: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return a resource as a page for people: what it says, with its links to follow.

    Parameters
    ----------
    request
        The request.
    title, lang
        Of the page.
    resource
        What it says.
    shown
        What its map shows, if it has one.
    form
        What can be asked of the resource, by the names of parameters, and what was asked.
    """
    context = {
        "title": title,
        "lang": lang,
        "resource": resource,
        "base": base_url(request),
        "root": root_url(request),
        "path": request.url.path,
        "shown": None if shown is None else {"style": f"{base_url(request)}/styles/city", **asdict(shown)},
        "form": form,
        "find": _FIND[lang],
    }
    answer: Response = templates.TemplateResponse(request, "resource.html", context)
    assert isinstance(answer, HTMLResponse)  # noqa: S101
    return answer


def document(
    request: Request, title: str, lang: str, resource: Any, wanted: str | None, offered: Mapping[str, str]
) -> Response:
    """Return a resource in the format asked for: as it is, or as a page.

    Parameters
    ----------
    request
        Its Accept header counts where ``wanted`` is not given.
    title
        Of the page.
    lang
        Of the page.
    resource
        What it says.
    wanted
        The value of ``f=``.
    offered
        Media types by the name that ``f=`` knows them by.
    """
    chosen = negotiate(request, wanted, offered)
    return (
        page(request, title, lang, resource) if chosen == "html" else JSONResponse(resource, media_type=offered[chosen])
    )


def _are_rows(listed: Sequence[Any]) -> bool:
    """Tell whether a page shows a list as a table: objects with the same members, none of which has members."""
    if len(listed) < 2 or not all(isinstance(each, Mapping) for each in listed):
        return False
    parts = (part for each in listed for part in each.values())
    plain = all(not isinstance(part[0] if part and isinstance(part, list) else part, (Mapping, list)) for part in parts)
    return plain and len({tuple(each) for each in listed}) == 1


def _by_quality(header: str) -> list[str]:
    """Return the values of an Accept header, the most wanted first, without those refused by ``q=0``."""
    found: list[tuple[float, str]] = []
    for part in header.split(","):
        value, *options = (each.strip() for each in part.split(";"))
        weight = next((each[2:] for each in options if each.startswith("q=")), "1")
        try:
            quality = float(weight)
        except ValueError:
            quality = 0.0
        if value and quality > 0:
            found.append((quality, value.lower()))
    return [value for _, value in sorted(found, key=lambda each: -each[0])]


def _matches(media_range: str, media_type: str) -> bool:
    if media_range == "*/*":
        return True
    wanted, _, sub = media_range.partition("/")
    kind, _, name = media_type.partition("/")
    return wanted == kind and sub in ("*", name)


def _is_kind_of_json(media_range: str, media_type: str) -> bool:
    return media_range == JSON and media_type.endswith("+json")
