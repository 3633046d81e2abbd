"""MapLibre style layers that draw the result of an analysis as its view says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.drawing import StyleLayer
from api.themes import Theme
from geo.analysis import View

UNKNOWN_COLOUR = "#888888"

_GEOMETRY_TYPES = {
    "polygon": ["Polygon", "MultiPolygon"],
    "line": ["LineString", "MultiLineString"],
    "point": ["Point", "MultiPoint"],
}


def result_layers(view: View, features: Iterable[Mapping[str, Any]], source: str, theme: Theme) -> list[StyleLayer]:
    """Return the style layers of a result.

    Parameters
    ----------
    view
        How the analysis shows its result.
    features
        The result, as GeoJSON features: numbers are divided into classes of about as many features each.
    source
        The source of the style that holds it.
    theme
        The colours of the map on which it lies.
    """
    values = [] if view.colour_by is None else [each["properties"].get(view.colour_by) for each in features]
    colour = _colour(view, values)
    shapes = list(_GEOMETRY_TYPES) if view.geometry == "mixed" else [view.geometry]
    return [
        {
            "id": f"{source}-{shape}-{layer['type']}",
            "source": source,
            "filter": ["in", ["geometry-type"], ["literal", _GEOMETRY_TYPES[shape]]],
            **layer,
        }
        for shape in shapes
        for layer in _drawn(shape, colour, view, theme)
    ]


def _drawn(shape: str, colour: Any, view: View, theme: Theme) -> list[StyleLayer]:
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
    edge = {"circle-stroke-color": theme.halo, "circle-stroke-width": 1}
    return [{"type": "circle", "paint": {"circle-color": colour, "circle-radius": 5, **edge}}]


def _colour(view: View, values: list[Any]) -> Any:
    """Return the colour of a feature as an expression of its coloured column."""
    if view.colour_by is None:
        return view.colours[0]
    if view.classes:
        named = [part for each in view.classes if each.values for part in (list(each.values), each.colour)]
        others = next((each.colour for each in view.classes if not each.values), UNKNOWN_COLOUR)
        return ["match", ["to-string", ["get", view.colour_by]], *named, others] if named else others
    known = np.array([each for each in values if isinstance(each, int | float) and np.isfinite(each)], dtype=float)
    if not len(known):
        return UNKNOWN_COLOUR
    edges = _edges(known, len(view.colours))
    chosen = np.linspace(0, len(view.colours) - 1, len(edges)).round().astype(int)
    steps = [part for edge, nth in zip(edges[1:], chosen[1:], strict=True) for part in (edge, view.colours[nth])]
    first = view.colours[chosen[0]]
    classes = ["step", _number(view), first, *steps] if steps else first
    return ["case", ["==", ["typeof", ["get", view.colour_by]], "number"], classes, UNKNOWN_COLOUR]


def _edges(values: NDArray[np.float64], count: int) -> list[float]:
    """Return where the classes of numbers begin: at each number where there are few, else with about as many each."""
    distinct = np.unique(values)
    few = len(distinct) <= count
    found: list[float] = (
        distinct if few else np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[:-1]))
    ).tolist()
    return found


def _number(view: View) -> list[Any]:
    return ["number", ["get", view.colour_by], 0]
