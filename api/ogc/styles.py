"""MapLibre styles: of the whole city, of each layer and of the result of an analysis, for light and dark maps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Connection

from api.database import Database
from api.documents import STYLE, STYLES
from api.links import base_url, formats, link
from api.negotiation import GEOJSON, HTML, JSON, Format, Language, negotiate, page
from api.ogc.items_query import AsOf
from api.ogc.jobs import JobId
from api.ogc.legends import ThemeName
from api.openapi import answers
from api.scope import Territory
from api.security.callers import CallerOf
from api.styles.drawing import StyleLayer, labels, legend, style_layers
from api.styles.results import result_style
from api.styles.sprites import NAME as SPRITE
from api.styles.themes import DARK, LIGHT, THEMES, Theme
from api.tiles.answers import tile_answers
from geo.analysis import get_analysis
from geo.map_classes import view_title
from layers.catalog import all_layers, find
from layers.description import CityFunction
from layers.processes import process_jobs
from layers.reading import facts, store
from layers.territories.territory import attribution_line, registered_below

router = APIRouter(tags=["Styles"])

CITY = "city"
STYLE_JSON = "application/vnd.mapbox.style+json"

_DARK = f"-{DARK}"
_SOURCE = "horad"
_RESULT = "result"
_MATRIX = "tiles/WebMercatorQuad"
_OFFERED = {"json": JSON, "html": HTML}


@router.get("/styles", summary="Map styles", responses=answers(JSON, HTML, schema=STYLES))
def styles(request: Request, _database: Database, lang: Language, f: Format = None) -> Response:
    """List the style of the whole city and that of each layer, for light and for dark maps."""
    chosen = negotiate(request, f, _OFFERED)
    base = base_url(request)
    titles = {CITY: "Horad"} | {name: model.layer.title[lang] for name, model in all_layers().items()}
    listed = [
        {
            "id": f"{name}{suffix}",
            "title": f"{title}{told}",
            "links": [
                link(f"{base}/styles/{name}{suffix}", "stylesheet", STYLE_JSON, title),
                link(_legend(base, name, suffix), "describedby", JSON, "Legend"),
            ],
        }
        for name, title in titles.items()
        for suffix, told in (("", ""), (_DARK, f" ({DARK})"))
    ]
    document = {"default": CITY, "styles": listed, "links": formats(f"{base}/styles", chosen, _OFFERED)}
    return page(request, "Styles", lang, document) if chosen == "html" else JSONResponse(document)


@router.get("/styles/{style}", summary="A MapLibre style", responses=answers(STYLE_JSON, schema=STYLE))
def style(
    request: Request,
    database: Database,
    who: CallerOf,
    lang: Language,
    territory: Territory,
    style: str,
    as_of: AsOf = None,
) -> Response:
    """Return the MapLibre style of the whole city (``city``), or that of a layer; with ``-dark``, for a dark map."""
    plain = style.removesuffix(_DARK)
    theme = THEMES[DARK if style.endswith(_DARK) else LIGHT]
    names = list(all_layers()) if plain == CITY else [find(plain).name]
    title = "Horad" if plain == CITY else find(plain).layer.title[lang]
    counts = _counts(database, names, territory, who.rights, as_of)
    document = _document(request, database, lang, territory, counts, theme, title, whole=plain == CITY, as_of=as_of)
    return JSONResponse(document, media_type=STYLE_JSON)


@router.get("/jobs/{jobId}/style", summary="A MapLibre style of a result", responses=answers(STYLE_JSON, schema=STYLE))
def job_style(
    request: Request,
    database: Database,
    who: CallerOf,
    lang: Language,
    territory: Territory,
    job_id: JobId,
    theme: ThemeName = LIGHT,
) -> Response:
    """Return a MapLibre style that draws the result of an analysis over the city; ``theme`` is light or dark."""
    job = process_jobs.find(database, job_id)
    analysis = get_analysis(job.process)
    drawn_in = THEMES[theme]
    outputs = process_jobs.results(database, job_id).values()
    result = next((json.loads(each.text) for each in outputs if each.media_type == GEOJSON), {"features": []})
    counts = _counts(database, all_layers(), territory, who.rights)
    document = _document(request, database, lang, territory, counts, drawn_in, analysis.title[lang], whole=True)
    drawn = result_style(analysis.view, result["features"], _RESULT, drawn_in, lang)
    data = {"type": "FeatureCollection", **result, "features": drawn.features}
    document["sources"][_RESULT] = {"type": "geojson", "data": data}
    document["metadata"]["horad:result"] = {
        "title": analysis.title[lang],
        "legendTitle": view_title(analysis.view, lang),
        "legend": drawn.legend,
    }
    written = [nth for nth, each in enumerate(document["layers"]) if each["type"] == "symbol"]
    below = written[0] if written else len(document["layers"])
    document["layers"][below:below] = drawn.layers
    return JSONResponse(document, media_type=STYLE_JSON)


def _document(
    request: Request,
    database: Connection,
    lang: str,
    territory: str | None,
    counts: Mapping[str, int | None],
    theme: Theme,
    title: str,
    *,
    whole: bool,
    as_of: str | None = None,
) -> dict[str, Any]:
    base = base_url(request)
    known = registered_below(database, territory)
    sources = {name: _SOURCE if not whole or find(name).layer.style.visible else name for name in counts}
    document = {
        "version": 8,
        "name": title,
        "sources": _sources(request, base, sources, attribution_line(known), as_of),
        "glyphs": f"{_root(request)}/fonts/{{fontstack}}/{{range}}.pbf",
        "sprite": f"{_root(request)}/sprites/{SPRITE}",
        "layers": [
            {"id": "background", "type": "background", "paint": {"background-color": theme.background}},
            *map(_switched, _each(style_layers(find(name), source, theme) for name, source in sources.items())),
            *map(_switched, _each(labels(find(name), source, theme) for name, source in sources.items())),
        ],
        "metadata": {
            "horad:theme": theme.name,
            "horad:cities": _cities(known, lang),
            "horad:layers": _by_function([_describe(name, count, lang, theme) for name, count in counts.items()]),
        },
    }
    if known:
        west, south, east, north = known[0]["view"]
        document |= {"center": [(west + east) / 2, (south + north) / 2], "zoom": 14}
    return document


def _switched(drawn: StyleLayer) -> StyleLayer:
    """Switch a style layer on if it is among what is shown from the start, as a layer alone always is; else off."""
    visibility = "visible" if drawn["source"] == _SOURCE else "none"
    return drawn | {"layout": {**drawn.get("layout", {}), "visibility": visibility}}


def _sources(
    request: Request, base: str, sources: dict[str, str], line: str, as_of: str | None
) -> dict[str, dict[str, Any]]:
    """Return the sources: what is shown from the start comes in the same tiles, each other layer in tiles of its own.

    Clients ask for the tiles of a source only once a layer of it is switched on.
    """
    together = [name for name, source in sources.items() if source == _SOURCE]
    apart = {
        name: {
            "type": "vector",
            "tiles": [f"{base}/collections/{name}/{_MATRIX}/{{z}}/{{y}}/{{x}}{_versioned(request, name, as_of)}"],
            "minzoom": find(name).layer.min_zoom,
            "maxzoom": find(name).layer.max_zoom,
            "attribution": line,
        }
        for name in sources
        if name not in together
    }
    alone = len(sources) == 1
    url = f"{base}/collections/{together[0]}/{_MATRIX}?f=tilejson" if alone else f"{base}/{_MATRIX}?f=tilejson"
    asked = "" if alone else f"&collections={','.join(together)}"
    past = "" if as_of is None else f"&{urlencode({'as_of': as_of})}"
    return {_SOURCE: {"type": "vector", "url": f"{url}{asked}{past}"}} | apart


def _versioned(request: Request, layer: str, as_of: str | None) -> str:
    asked = {"v": tile_answers(request).version((layer,)), "as_of": as_of}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return f"?{query}" if query else ""


def _root(request: Request) -> str:
    """Return the address of the service; fonts and pictures are there, whichever territory's API is asked."""
    return str(request.base_url.replace(path=request.scope.get("app_root_path", ""))).rstrip("/")


def _each(groups: Iterable[list[StyleLayer]]) -> Iterable[StyleLayer]:
    return (each for group in groups for each in group)


def _legend(base: str, name: str, suffix: str) -> str:
    path = f"{base}/legend" if name == CITY else f"{base}/collections/{name}/legend"
    return f"{path}?theme={DARK}" if suffix else path


def _cities(known: list[dict[str, Any]], lang: str) -> list[dict[str, Any]]:
    return [
        {
            "id": each["id"],
            "title": each["title"][lang],
            "bounds": each["view"],
            "attribution": attribution_line([each]),
        }
        for each in known
    ]


def _by_function(described: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort layers as people look for them: by city function, first what is shown from the start, empty ones last."""
    functions = list(CityFunction)
    return sorted(
        described, key=lambda each: (functions.index(each["function"]), not each["visible"], each["count"] == 0)
    )


def _counts(
    database: Connection, names: Iterable[str], territory: str | None, rights: str, as_of: str | None = None
) -> dict[str, int | None]:
    """Return how many features each layer has, or had at a moment; ``None`` where counting them would take long."""
    if as_of is None:
        return {name: facts.count(database, name, territory=territory, rights=rights) for name in names}
    query = store.Query(territory=territory, as_of=store.parse_moment(as_of))
    return {name: store.count_up_to(database, name, query) for name in names}


def _describe(name: str, count: int | None, lang: str, theme: Theme) -> dict[str, Any]:
    model = find(name)
    layer = model.layer
    return {
        "id": name,
        "title": layer.title[lang],
        "summary": layer.summary[lang],
        "function": layer.function.value,
        "functionTitle": layer.function.label[lang],
        "geometry": layer.shape.value,
        "visible": layer.style.visible,
        "minzoom": layer.min_zoom,
        "located": layer.located,
        "count": count,
        "legend": legend(model, lang, theme),
        "columns": {each.name: {"title": each.title[lang], "unit": each.unit} for each in model.columns},
    }
