"""MapLibre styles and legends, made from what the layers say of themselves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Connection

from api.database import Database, connection
from api.links import base_url, link
from api.negotiation import JSON, Language
from layers import store
from layers.catalog import LayerTable, all_layers, find
from layers.description import CityFunction, Layer, Shape, Style, Symbol
from layers.territory import attribution_line, registered

router = APIRouter(tags=["Styles"], dependencies=[Depends(connection)])

CITY = "city"
STYLE_JSON = "application/vnd.mapbox.style+json"

_SOURCE = "horad"
_BACKGROUND = "#f3f1ec"
_FONT = ["Noto Sans Regular"]
_TEXT = "#4a4640"
_HALO = "#ffffff"
_CASING_PX = 1.4
_LEGEND_SHAPES = {Shape.POINT: "circle", Shape.LINE: "line", Shape.POLYGON: "fill", Shape.MIXED: "fill"}

StyleLayer = dict[str, Any]


@router.get("/styles", summary="Map styles")
def styles(request: Request, lang: Language) -> Response:
    """List the style of the whole city and that of each layer."""
    base = base_url(request)
    titles = {CITY: "Horad"} | {name: model.layer.title[lang] for name, model in all_layers().items()}
    listed = [
        {"id": name, "title": title, "links": [link(f"{base}/styles/{name}", "stylesheet", STYLE_JSON, title)]}
        for name, title in titles.items()
    ]
    return JSONResponse({"default": CITY, "styles": listed, "links": [link(f"{base}/styles", "self", JSON, "Styles")]})


@router.get("/styles/{style}", summary="A MapLibre style")
def style(request: Request, database: Database, lang: Language, style: str) -> Response:
    """Return the MapLibre style of the whole city, or that of one layer."""
    base = base_url(request)
    names = list(all_layers()) if style == CITY else [find(style).name]
    cities = _cities(database, lang)
    document = {
        "version": 8,
        "name": "Horad" if style == CITY else find(style).layer.title[lang],
        "sources": _sources(database, base, style, names),
        "glyphs": f"{base}/fonts/{{fontstack}}/{{range}}.pbf",
        "layers": [
            {"id": "background", "type": "background", "paint": {"background-color": _BACKGROUND}},
            *(each for name in names for each in style_layers(name, _source(style, name))),
            *(each for name in names for each in _labels(name, _source(style, name))),
        ],
        "metadata": {
            "horad:cities": cities,
            "horad:layers": _by_function([_describe(database, name, lang) for name in names]),
        },
    }
    if cities:
        west, south, east, north = cities[0]["bounds"]
        document |= {"center": [(west + east) / 2, (south + north) / 2], "zoom": 14}
    return JSONResponse(document)


def style_layers(name: str, source: str = _SOURCE) -> list[StyleLayer]:
    """Return the MapLibre layers that draw a layer, without its labels."""
    described = find(name).layer
    if described.shape is not Shape.MIXED:
        return _drawn(name, source, described, described.shape)
    parts = (Shape.POLYGON, Shape.LINE, Shape.POINT)
    return [_only(part, each) for part in parts for each in _drawn(name, source, described, part)]


def _sources(database: Connection, base: str, style: str, names: list[str]) -> dict[str, dict[str, Any]]:
    """Return the sources: what is shown from the start comes in the same tiles, each other layer in tiles of its own.

    Clients ask for the tiles of a source only once a layer of it is switched on.
    """
    matrix = "tiles/WebMercatorQuad"
    if style != CITY:
        return {_SOURCE: {"type": "vector", "url": f"{base}/collections/{style}/{matrix}?f=tilejson"}}
    together = [name for name in names if _source(style, name) == _SOURCE]
    line = attribution_line(registered(database))
    apart = {
        name: {
            "type": "vector",
            "tiles": [f"{base}/collections/{name}/{matrix}/{{z}}/{{y}}/{{x}}"],
            "minzoom": find(name).layer.min_zoom,
            "maxzoom": find(name).layer.max_zoom,
            "attribution": line,
        }
        for name in names
        if name not in together
    }
    url = f"{base}/{matrix}?f=tilejson&collections={','.join(together)}"
    return {_SOURCE: {"type": "vector", "url": url}} | apart


def _source(style: str, name: str) -> str:
    """Return the source of a layer in a style."""
    return _SOURCE if style != CITY or find(name).layer.style.visible else name


def _drawn(name: str, source: str, described: Layer, shape: Shape) -> list[StyleLayer]:
    make = {Shape.POINT: _circle, Shape.LINE: _line, Shape.POLYGON: _fill}[shape]
    symbols, style = described.style.symbols, described.style
    casings = [_casing(symbol) for symbol in symbols] if shape is Shape.LINE else []
    drawn = [make(symbol, style) for symbol in symbols]
    return [
        _complete(name, f"{name}-{kind}-{number}", painted, style, symbol, described.min_zoom) | {"source": source}
        for kind, group in (("casing", casings), ("symbol", drawn))
        for number, (symbol, painted) in enumerate(zip(symbols, group, strict=False))
        if painted
    ]


def _only(shape: Shape, drawn: StyleLayer) -> StyleLayer:
    """Let a style layer of a layer of mixed shapes draw the features of one of them."""
    is_one = ["in", ["geometry-type"], ["literal", list(shape.geometry_types)]]
    chosen = ["all", is_one, drawn["filter"]] if "filter" in drawn else is_one
    return drawn | {"id": f"{drawn['id']}-{shape}", "filter": chosen}


def legend(model: LayerTable, lang: str) -> list[dict[str, Any]]:
    """Return the entries of a layer's legend, the most important first."""
    shape = model.layer.shape
    outlined = shape is Shape.POLYGON and model.layer.style.opacity == 0
    return [
        {
            "title": each.title[lang],
            "shape": "line" if outlined else _LEGEND_SHAPES[shape],
            "colour": each.colour,
            "width": each.width_px,
            **({"outline": each.outline} if each.outline else {}),
            **({"dash": list(each.dash)} if each.dash else {}),
        }
        for each in reversed(model.layer.style.symbols)
    ]


def _complete(name: str, layer_id: str, painted: StyleLayer, style: Style, symbol: Symbol, min_zoom: int) -> StyleLayer:
    return {
        "id": layer_id,
        "source-layer": name,
        "minzoom": max(min_zoom, symbol.min_zoom),
        "metadata": {"horad:layer": name},
        **painted,
        **({} if (chosen := _filter(style, symbol)) is None else {"filter": chosen}),
        "layout": {**painted.get("layout", {}), "visibility": "visible" if style.visible else "none"},
    }


def _filter(style: Style, symbol: Symbol) -> list[Any] | None:
    if style.column is None:
        return None
    value = ["coalesce", ["get", style.column], ""]
    if symbol.values:
        return ["in", value, ["literal", list(symbol.values)]]
    bounds = sorted(each.at_least for each in style.symbols if each.at_least is not None)
    if bounds:
        return _between(style.column, symbol.at_least, bounds)
    others = [each for other in style.symbols for each in other.values]
    return ["!", ["in", value, ["literal", others]]]


def _between(column: str, at_least: float | None, bounds: list[float]) -> list[Any]:
    """Return the filter of a class of numbers: from its bound to the next, or all the rest."""
    number = ["number", ["get", column], bounds[0] - 1]
    higher = [each for each in bounds if at_least is None or each > at_least]
    below = [["<", number, higher[0]]] if higher else []
    return ["all", *([] if at_least is None else [[">=", number, at_least]]), *below]


def _grown(width_px: float) -> list[Any]:
    """Return a width that grows with the zoom and is the given one at zoom 16."""
    stops = ((8, 0.12), (12, 0.25), (14, 0.5), (16, 1.0), (20, 4.0))
    return [
        "interpolate",
        ["exponential", 1.5],
        ["zoom"],
        *(part for zoom, share in stops for part in (zoom, max(0.4, width_px * share))),
    ]


def _casing(symbol: Symbol) -> StyleLayer | None:
    if symbol.outline is None:
        return None
    return {
        "type": "line",
        "layout": {"line-cap": "butt", "line-join": "round"},
        "paint": {"line-color": symbol.outline, "line-width": _grown(symbol.width_px + _CASING_PX)},
    }


def _line(symbol: Symbol, style: Style) -> StyleLayer:
    return {
        "type": "line",
        "layout": {"line-cap": "butt" if symbol.dash else "round", "line-join": "round"},
        "paint": {
            "line-color": symbol.colour,
            "line-width": _grown(symbol.width_px),
            "line-opacity": style.opacity,
            **({"line-dasharray": list(symbol.dash)} if symbol.dash else {}),
        },
    }


def _fill(symbol: Symbol, style: Style) -> StyleLayer:
    if style.opacity == 0:
        return {
            "type": "line",
            "paint": {"line-color": symbol.colour, "line-width": symbol.width_px, "line-dasharray": [4, 2]},
        }
    outline = {"fill-outline-color": symbol.outline} if symbol.outline else {}
    return {"type": "fill", "paint": {"fill-color": symbol.colour, "fill-opacity": style.opacity, **outline}}


def _circle(symbol: Symbol, style: Style) -> StyleLayer:
    radius = symbol.width_px / 2
    growth = ["interpolate", ["linear"], ["zoom"], 10, radius * 0.4, 16, radius, 20, radius * 2]
    edge = {"circle-stroke-color": symbol.outline, "circle-stroke-width": 1} if symbol.outline else {}
    return {
        "type": "circle",
        "paint": {"circle-color": symbol.colour, "circle-radius": growth, "circle-opacity": style.opacity, **edge},
    }


def _labels(name: str, source: str) -> list[StyleLayer]:
    described = find(name).layer
    style = described.style
    if style.label is None:
        return []
    placement = {Shape.LINE: {"symbol-placement": "line"}, Shape.POINT: {"text-anchor": "top", "text-offset": [0, 0.6]}}
    return [
        {
            "id": f"{name}-label",
            "type": "symbol",
            "source": source,
            "source-layer": name,
            "minzoom": style.label_min_zoom,
            "metadata": {"horad:layer": name},
            "filter": ["has", style.label],
            "layout": {
                "text-field": ["to-string", ["get", style.label]],
                "text-font": _FONT,
                "text-size": 12,
                "text-max-width": 8,
                "visibility": "visible" if style.visible else "none",
                **placement.get(described.shape, {}),
            },
            "paint": {"text-color": _TEXT, "text-halo-color": _HALO, "text-halo-width": 1.4},
        }
    ]


def _cities(database: Connection, lang: str) -> list[dict[str, Any]]:
    return [
        {
            "id": each["id"],
            "title": each["title"][lang],
            "bounds": each["view"],
            "attribution": attribution_line([each]),
        }
        for each in registered(database)
    ]


def _by_function(described: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort layers as people look for them: by city function, first what is shown from the start, empty ones last."""
    functions = list(CityFunction)
    return sorted(
        described, key=lambda each: (functions.index(each["function"]), not each["visible"], each["count"] == 0)
    )


def _describe(database: Connection, name: str, lang: str) -> dict[str, Any]:
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
        "count": store.count_up_to(database, name, store.Query()),
        "legend": legend(model, lang),
        "columns": {each.name: {"title": each.title[lang], "unit": each.unit} for each in model.columns},
    }
