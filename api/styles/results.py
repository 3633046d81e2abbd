"""MapLibre style layers that draw the result of an analysis as its view says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np

from api.styles.drawing import StyleLayer
from api.styles.themes import Theme
from geo.analysis import View
from geo.map_classes import NO_DATA_COLOUR, map_classes

COLOUR = "horad:colour"
"""The property of a feature that holds its colour."""

_GEOMETRY_TYPES = {
    "polygon": ["Polygon", "MultiPolygon"],
    "line": ["LineString", "MultiLineString"],
    "point": ["Point", "MultiPoint"],
}
_LEGEND_SHAPES = {"polygon": "fill", "line": "line", "point": "circle"}


@dataclass(frozen=True)
class ResultStyle:
    """How a result is drawn.

    Parameters
    ----------
    features
        Its features, each with its colour in the property ``horad:colour``.
    layers
        The style layers that draw them.
    legend
        Its colours and what they mean, as the legends of layers have them.
    """

    features: list[dict[str, Any]]
    layers: list[StyleLayer]
    legend: list[dict[str, Any]]


def result_style(
    view: View, features: Sequence[Mapping[str, Any]], source: str, theme: Theme, lang: str
) -> ResultStyle:
    """Return how a result is drawn: in the classes in which a Folium map shows it.

    Parameters
    ----------
    view
        How the analysis shows its result.
    features
        The result, as GeoJSON features.
    source
        The source of the style that holds it.
    theme
        The colours of the map on which it lies.
    lang
        Of the legend.
    """
    values = [] if view.colour_by is None else [each["properties"].get(view.colour_by) for each in features]
    frame = gpd.GeoDataFrame({view.colour_by: values} if view.colour_by else None, index=range(len(features)))
    classes = map_classes(frame, view, lang) if len(frame) else []
    colours = np.full(len(frame), NO_DATA_COLOUR, dtype=object)
    for each in classes:
        colours[each.rows] = each.colour
    shapes = list(_GEOMETRY_TYPES) if view.geometry == "mixed" else [view.geometry]
    return ResultStyle(
        features=[
            {**each, "properties": {**each["properties"], COLOUR: colour}}
            for each, colour in zip(features, colours, strict=True)
        ],
        layers=[
            {
                "id": f"{source}-{shape}-{layer['type']}",
                "source": source,
                "filter": ["in", ["geometry-type"], ["literal", _GEOMETRY_TYPES[shape]]],
                **layer,
            }
            for shape in shapes
            for layer in _drawn(shape, view, theme)
        ],
        legend=[
            {"title": each.label, "shape": _LEGEND_SHAPES[shapes[-1]], "colour": each.colour}
            for each in classes
            if each.label
        ],
    )


def _drawn(shape: str, view: View, theme: Theme) -> list[StyleLayer]:
    colour = ["get", COLOUR]
    order = (
        [] if view.colour_by is None or view.classes else ["*", -1 if view.draw_first == "high" else 1, _number(view)]
    )
    if shape == "polygon":
        sorted_fill = {"layout": {"fill-sort-key": order}} if order else {}
        return [
            {"type": "fill", **sorted_fill, "paint": {"fill-color": colour, "fill-opacity": view.opacity}},
            {"type": "line", "paint": {"line-color": theme.text, "line-width": 0.6, "line-opacity": 0.5}},
        ]
    if shape == "line":
        return [{"type": "line", "layout": {"line-cap": "round"}, "paint": {"line-color": colour, "line-width": 3}}]
    edge = {"circle-stroke-color": theme.halo, "circle-stroke-width": 2}
    return [{"type": "circle", "paint": {"circle-color": colour, "circle-radius": 7, **edge}}]


def _number(view: View) -> list[Any]:
    return ["number", ["get", view.colour_by], 0]
