"""MapLibre style layers, made from what the layers say of themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from api.styles.themes import Theme
from layers.catalog import LayerTable
from layers.description import Layer, Shape, Style, Symbol

StyleLayer: TypeAlias = dict[str, Any]

_FONT = ["Noto Sans Regular"]
_CASING_PX = 1.4
_ICONS_FROM_ZOOM = 15.5
_ICON_RADIUS_PX = 8.5
_LEGEND_SHAPES = {Shape.POINT: "circle", Shape.LINE: "line", Shape.POLYGON: "fill", Shape.MIXED: "fill"}


def style_layers(model: LayerTable, source: str, theme: Theme) -> list[StyleLayer]:
    """Return the MapLibre layers that draw a layer, without its labels.

    Parameters
    ----------
    model
        The layer.
    source
        The source of the style that has its tiles.
    theme
        The colours.
    """
    described = model.layer
    if described.shape is not Shape.MIXED:
        return _drawn(model.name, source, described, described.shape, theme)
    parts = (Shape.POLYGON, Shape.LINE, Shape.POINT)
    return [_only(part, each) for part in parts for each in _drawn(model.name, source, described, part, theme)]


def labels(model: LayerTable, source: str, theme: Theme) -> list[StyleLayer]:
    """Return the MapLibre layers that write the labels of a layer."""
    described = model.layer
    style = described.style
    if style.label is None:
        return []
    below: dict[str, Any] = {"text-anchor": "top", "text-offset": [0, 0.9]}
    placement: dict[Shape, dict[str, Any]] = {Shape.LINE: {"symbol-placement": "line"}, Shape.POINT: below}
    return [
        {
            "id": f"{model.name}-label",
            "type": "symbol",
            "source": source,
            "source-layer": model.name,
            "minzoom": style.label_min_zoom,
            "metadata": {"horad:layer": model.name},
            "filter": ["has", style.label],
            "layout": {
                "text-field": ["to-string", ["get", style.label]],
                "text-font": _FONT,
                "text-size": 12,
                "text-max-width": 8,
                **placement.get(described.shape, {}),
            },
            "paint": {"text-color": theme.text, "text-halo-color": theme.halo, "text-halo-width": 1.4},
        }
    ]


def legend(model: LayerTable, lang: str, theme: Theme) -> list[dict[str, Any]]:
    """Return the entries of a layer's legend, the most important first."""
    shape, style = model.layer.shape, model.layer.style
    outlined = shape is Shape.POLYGON and style.opacity == 0
    kind = "line" if outlined else _LEGEND_SHAPES[shape]
    drawn, edge = {"line": ("line", "casing"), "circle": ("point", "casing"), "fill": ("area", "edge")}[kind]
    return [
        {
            "title": each.title[lang],
            "shape": kind,
            "colour": theme.colour(each.colour, drawn),
            "width": each.width_px,
            **({"outline": theme.colour(each.outline, edge)} if each.outline else {}),
            **({"dash": list(each.dash)} if each.dash else {}),
            **({"icon": icon} if (icon := style.icon_of(each)) else {}),
        }
        for each in reversed(style.symbols)
    ]


def _drawn(name: str, source: str, described: Layer, shape: Shape, theme: Theme) -> list[StyleLayer]:
    make = {Shape.POINT: _circle, Shape.LINE: _line, Shape.POLYGON: _fill}[shape]
    symbols, style = described.style.symbols, described.style
    casings = [_casing(symbol, theme) for symbol in symbols] if shape is Shape.LINE else []
    icons = [_icon(style.icon_of(symbol), theme) for symbol in symbols] if shape is Shape.POINT else []
    drawn = [make(symbol, style, theme) for symbol in symbols]
    return [
        _complete(name, f"{name}-{kind}-{number}", painted, style, symbol, described.min_zoom) | {"source": source}
        for kind, group in (("casing", casings), ("symbol", drawn), ("icon", icons))
        for number, (symbol, painted) in enumerate(zip(symbols, group, strict=False))
        if painted
    ]


def _is_of(geometry_types: Iterable[str]) -> list[Any]:
    """Return the filter of features with these types of geometry."""
    return ["any", *(["==", ["geometry-type"], each] for each in geometry_types)]


def _only(shape: Shape, drawn: StyleLayer) -> StyleLayer:
    """Let a style layer of a layer of mixed shapes draw the features of one of them."""
    is_one = _is_of(shape.geometry_types)
    chosen = ["all", is_one, drawn["filter"]] if "filter" in drawn else is_one
    return drawn | {"id": f"{drawn['id']}-{shape}", "filter": chosen}


def _complete(name: str, layer_id: str, painted: StyleLayer, style: Style, symbol: Symbol, min_zoom: int) -> StyleLayer:
    return {
        "id": layer_id,
        "source-layer": name,
        "metadata": {"horad:layer": name},
        **painted,
        "minzoom": max(min_zoom, symbol.min_zoom, painted.get("minzoom", 0)),
        **({} if (chosen := _filter(style, symbol)) is None else {"filter": chosen}),
    }


def _filter(style: Style, symbol: Symbol) -> list[Any] | None:
    """Return the filter of a class, in words that QGIS understands too."""
    if style.column is None:
        return None
    value = ["get", style.column]
    if symbol.values:
        return ["match", value, list(symbol.values), True, False]
    bounds = sorted(each.at_least for each in style.symbols if each.at_least is not None)
    if bounds:
        return _between(style.column, symbol.at_least, bounds)
    others = list(dict.fromkeys(each for other in style.symbols for each in other.values))
    return ["match", value, others, False, True] if others else None


def _between(column: str, at_least: float | None, bounds: list[float]) -> list[Any]:
    """Return the filter of a class of numbers: from its bound to the next, or all the rest."""
    if at_least is None:
        return ["any", ["!", ["has", column]], ["<", ["get", column], bounds[0]]]
    higher = [each for each in bounds if each > at_least]
    below = [["<", ["get", column], higher[0]]] if higher else []
    return ["all", ["has", column], [">=", ["get", column], at_least], *below]


def _grown(width_px: float) -> list[Any]:
    """Return a width that grows with the zoom and is the given one at zoom 16."""
    stops = ((8, 0.12), (12, 0.25), (14, 0.5), (16, 1.0), (20, 4.0))
    return [
        "interpolate",
        ["exponential", 1.5],
        ["zoom"],
        *(part for zoom, share in stops for part in (zoom, max(0.4, width_px * share))),
    ]


def _casing(symbol: Symbol, theme: Theme) -> StyleLayer | None:
    if symbol.outline is None:
        return None
    colour = theme.colour(symbol.outline, "casing")
    return {
        "type": "line",
        "layout": {"line-cap": "butt", "line-join": "round"},
        "paint": {"line-color": colour, "line-width": _grown(symbol.width_px + _CASING_PX)},
    }


def _line(symbol: Symbol, style: Style, theme: Theme) -> StyleLayer:
    return {
        "type": "line",
        "layout": {"line-cap": "butt" if symbol.dash else "round", "line-join": "round"},
        "paint": {
            "line-color": theme.colour(symbol.colour, "line"),
            "line-width": _grown(symbol.width_px),
            "line-opacity": style.opacity,
            **({"line-dasharray": list(symbol.dash)} if symbol.dash else {}),
        },
    }


def _fill(symbol: Symbol, style: Style, theme: Theme) -> StyleLayer:
    if style.opacity == 0:
        colour = theme.colour(symbol.colour, "line")
        return {
            "type": "line",
            "paint": {"line-color": colour, "line-width": symbol.width_px, "line-dasharray": [4, 2]},
        }
    outline = {"fill-outline-color": theme.colour(symbol.outline, "edge")} if symbol.outline else {}
    return {
        "type": "fill",
        "paint": {"fill-color": theme.colour(symbol.colour, "area"), "fill-opacity": style.opacity, **outline},
    }


def _circle(symbol: Symbol, style: Style, theme: Theme) -> StyleLayer:
    """Return a dot; where it gets a picture, it becomes large enough for it."""
    radius = symbol.width_px / 2
    close = max(radius, _ICON_RADIUS_PX) if style.icon_of(symbol) else radius
    growth = ["interpolate", ["linear"], ["zoom"], 10, radius * 0.4, 15, radius, 16, close, 20, close * 2]
    edge = (
        {"circle-stroke-color": theme.colour(symbol.outline, "casing"), "circle-stroke-width": 1}
        if symbol.outline
        else {}
    )
    colour = theme.colour(symbol.colour, "point")
    return {
        "type": "circle",
        "paint": {"circle-color": colour, "circle-radius": growth, "circle-opacity": style.opacity, **edge},
    }


def _icon(icon: str | None, theme: Theme) -> StyleLayer | None:
    if icon is None:
        return None
    return {
        "type": "symbol",
        "minzoom": _ICONS_FROM_ZOOM,
        "layout": {
            "icon-image": icon,
            "icon-size": ["interpolate", ["linear"], ["zoom"], 16, 0.5, 20, 1.0],
            "icon-allow-overlap": True,
            "icon-ignore-placement": True,
        },
        "paint": {"icon-color": theme.icon},
    }
