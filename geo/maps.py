"""Folium maps of a frame, drawn as its view says."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

import folium
import geopandas as gpd
import numpy as np
import shapely
from branca.element import Figure, MacroElement
from jinja2 import Template

from geo.analysis import ColourClass, View
from geo.errors import InvalidInputError
from geo.inputs.shapes import LONLAT
from geo.map_classes import NO_DATA_COLOUR, MapClass, format_value, map_classes, titled, view_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geo.networks.topology import Geometries

MAX_FEATURES = 2_000
MAX_BYTES = 1_000_000
"""What a map within a notebook may hold."""

PAGE_FEATURES = 50_000
PAGE_BYTES = 12_000_000
"""What a map in a page of its own may hold: a browser draws ten thousand polygons, and 10 MB, in about a second."""

MAX_ZOOM = 19

VIEW_PX = 2000
"""What is drawn coarser is as exact as a picture of the whole, so many pixels wide."""

SMALL_PX = 8
"""Polygons of fewer pixels are then drawn as points."""

COORDINATE_DECIMALS = 6

_EMPTY = {"be": "Тут няма чаго паказаць.", "ru": "Здесь нечего показать.", "en": "There is nothing to show here."}


class _Page(Figure):
    """The page of a map: in a language, with a title and a main heading for those who do not see it."""

    _template = Template(
        """<!DOCTYPE html>
<html lang="{{ this.lang | e }}">
<head>
<title>{{ this.title | e }}</title>
<style>
main { height: 100%; }
main .leaflet-container { background: #f3f1ec; }
main .leaflet-bottom.leaflet-right { right: auto; left: 0; width: calc(100% - 20px); }
main .leaflet-control-attribution { float: left; max-height: 4.5em; overflow-y: auto; font-size: 10px; }
.heading { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
</style>
{{ this.header.render(**kwargs) }}
</head>
<body>
<main>
<h1 class="heading">{{ this.title | e }}</h1>
{{ this.html.render(**kwargs) }}
</main>
</body>
<script>
{{ this.script.render(**kwargs) }}
</script>
</html>
"""
    )

    def __init__(self, *, title: str, lang: str) -> None:
        super().__init__(title=title)
        self.lang = lang


class _Legend(MacroElement):
    _template = Template(
        """{% macro html(this, kwargs) %}
<section aria-label="{{ this.title }}" style="position: absolute; right: 10px; bottom: 60px; z-index: 1000;
 max-width: 40%; max-height: 75%; overflow-y: auto; padding: 8px 12px; border-radius: 4px; background: #ffffff;
 color: #222222; font: 14px sans-serif">
<strong>{{ this.title }}</strong>
{% if this.entries %}<ul style="list-style: none; margin: 4px 0 0; padding: 0">
{% for colour, label in this.entries %}
<li><span aria-hidden="true" style="display: inline-block; width: 14px; height: 14px; margin-right: 6px;
 vertical-align: -2px; border: 1px solid #666666; background: {{ colour }}"></span>{{ label }}</li>
{% endfor %}
</ul>{% endif %}
</section>
{% endmacro %}"""
    )

    def __init__(self, title: str, entries: list[tuple[str, str]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.title = _safe(title)
        self.entries = [(_safe(colour), _safe(label)) for colour, label in entries]


class _Attribution(MacroElement):
    _template = Template(
        """{% macro script(this, kwargs) %}
{{ this._parent.get_name() }}.attributionControl.addAttribution({{ this.text }});
{% endmacro %}"""
    )

    def __init__(self, text: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.text = json.dumps(_safe(text)).replace("<", "\\u003c")


class _Note(MacroElement):
    _template = Template(
        """{% macro html(this, kwargs) %}
<p role="status" style="position: absolute; left: 50%; top: 40%; transform: translateX(-50%); z-index: 1000;
 padding: 12px 20px; border-radius: 4px; background: #ffffff; color: #222222; font: 16px sans-serif">
{{ this.text }}</p>
{% endmacro %}"""
    )

    def __init__(self, text: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.text = _safe(text)


def base_map(*, title: str, lang: str = "en", bounds: tuple[float, float, float, float] | None = None) -> folium.Map:
    """Return an empty map in a page with a title and a language; it asks no other server for tiles.

    Parameters
    ----------
    title
        Of the page.
    lang
        Language of the page: ``be``, ``ru`` or ``en``.
    bounds
        What to show: west, south, east, north in degrees; the world by default.
    """
    shown = folium.Map(tiles=None, prefer_canvas=True, location=(0, 0), zoom_start=2)
    shown.options["maxZoom"] = MAX_ZOOM
    _Page(title=title, lang=lang).add_child(shown)
    if bounds is not None:
        west, south, east, north = bounds
        shown.fit_bounds([[south, west], [north, east]])
    return shown


def add_legend(shown: folium.Map, title: str, entries: Sequence[ColourClass], *, lang: str = "en") -> None:
    """Add a legend to a map: a title, and a colour with its name for each entry."""
    _Legend(title, [(entry.colour, entry.title[lang]) for entry in entries]).add_to(shown)


def frame_map(
    frame: gpd.GeoDataFrame,
    view: View,
    *,
    lang: str = "en",
    title: str | None = None,
    base: folium.map.Layer | None = None,
    attribution: str = "",
    max_features: int = MAX_FEATURES,
    max_bytes: int = MAX_BYTES,
) -> folium.Map:
    """Show a frame, the result of an analysis or a small layer, on a map.

    Parameters
    ----------
    frame
        In any CRS. Rows without a geometry are left out.
    view
        How to show it, such as ``service_areas.analysis.view``. Columns that the frame lacks are not shown.
    lang
        Language of the titles: ``be``, ``ru`` or ``en``.
    title
        Of the page; by default that of the coloured column.
    base
        A layer to lie below, such as ``folium.TileLayer("OpenStreetMap")``; without one, no server is asked.
    attribution
        Whose the data is, shown in the corner of the map.
    max_features, max_bytes
        What a page may hold. What is larger than that many bytes is drawn coarser, small polygons as points.

    Returns
    -------
    folium.Map
        Shown by a notebook as it is; ``.save("map.html")`` writes it to a file.

    Raises
    ------
    InvalidInputError
        If the frame has no CRS, lacks the coloured column, or is too large for a page even when drawn coarser: then
        vector tiles are right.
    """
    if frame.crs is None:
        raise InvalidInputError("the frame has no CRS: set it, for example with set_crs(4326)")
    drawn = frame[~(frame.geometry.isna() | frame.geometry.is_empty)].to_crs(LONLAT)
    if len(drawn) > max_features:
        raise InvalidInputError(
            f"{len(drawn)} features are too many for a page, which takes {max_features}: take a part of them, or write "
            "them to a file for a GIS"
        )
    title = title or view_title(view, lang)
    shown = base_map(title=title, lang=lang, bounds=tuple(drawn.total_bounds) if len(drawn) else None)
    if base is not None:
        base.add_to(shown)
    if attribution:
        _Attribution(attribution).add_to(shown)
    if drawn.empty:
        _Note(_EMPTY[lang]).add_to(shown)
        return shown
    classes = map_classes(drawn, view, lang)
    _features(drawn, view, classes, lang, max_bytes).add_to(shown)
    _Legend(view_title(view, lang) or title, [(each.colour, each.label) for each in classes if each.label]).add_to(
        shown
    )
    return shown


def _safe(text: str) -> str:
    """Return a text as HTML, and harmless to Folium, which reads what it has written as a template once more."""
    return html.escape(text).replace("{", "&#123;")


def _features(
    frame: gpd.GeoDataFrame, view: View, classes: list[MapClass], lang: str, max_bytes: int
) -> folium.GeoJson:
    shown = {name: column for name, column in view.columns.items() if name in frame}
    colour = np.full(len(frame), NO_DATA_COLOUR, dtype=object)
    for each in classes:
        colour[each.rows] = each.colour
    order = _draw_order(frame, view)
    written = frame.iloc[order][[frame.geometry.name]].reset_index(drop=True)
    written["colour"] = colour[order]
    for name, column in shown.items():
        values = frame[name].iloc[order]
        written[f"column_{name}"] = [_safe(format_value(value, column, lang)) for value in values]
    names = [f"column_{name}" for name in shown]
    titles = [_safe(titled(column, lang)) for column in shown.values()]
    text, has_points = _written(written, max_bytes)
    small_deg = SMALL_PX * _pixel_deg(frame.geometry.to_numpy())
    return folium.GeoJson(
        json.loads(text),
        style_function=lambda feature: _style(feature, view, small_deg),
        marker=folium.CircleMarker(radius=3 if has_points and view.geometry == "polygon" else 6)
        if has_points or view.geometry in ("point", "mixed")
        else None,
        tooltip=folium.GeoJsonTooltip(names, aliases=titles) if names else None,
        popup=folium.GeoJsonPopup(names, aliases=titles) if names else None,
    )


def _written(frame: gpd.GeoDataFrame, max_bytes: int) -> tuple[str, bool]:
    """Return a frame as GeoJSON, drawn coarser where it were too large, and whether polygons became points."""
    text, has_points = _as_json(frame), False
    if len(text.encode()) > max_bytes:
        coarse = _coarser(frame.geometry.to_numpy())
        has_points = bool((shapely.get_type_id(coarse) == shapely.GeometryType.POINT).any())
        text = _as_json(frame.set_geometry(gpd.GeoSeries(coarse, crs=frame.crs)))
    if len(text.encode()) > max_bytes:
        raise InvalidInputError(
            f"the features take {len(text.encode()) / 1e6:.1f} MB, too much for a page, which takes "
            f"{max_bytes / 1e6:.0f} MB: take a part of them, or write them to a file for a GIS"
        )
    return text, has_points


def _as_json(frame: gpd.GeoDataFrame) -> str:
    rounded = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy.round(COORDINATE_DECIMALS))
    text: str = frame.set_geometry(gpd.GeoSeries(rounded, crs=frame.crs)).to_json(separators=(",", ":"), drop_id=True)
    return text


def _coarser(shapes: Geometries) -> Geometries:
    """Return shapes as exact as a picture of all of them shows them, small polygons as points."""
    pixel = _pixel_deg(shapes)
    bounds = shapely.bounds(shapes)
    small = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1]) < SMALL_PX * pixel
    small &= shapely.get_dimensions(shapes) == 2
    coarse: Geometries = shapely.simplify(shapes, pixel / 2)
    coarse[small] = shapely.point_on_surface(shapes[small])
    return coarse


def _pixel_deg(shapes: Geometries) -> float:
    """Return the size of a pixel in a picture of all shapes."""
    west, south, east, north = shapely.total_bounds(shapes)
    return float(max(east - west, north - south)) / VIEW_PX


def _draw_order(frame: gpd.GeoDataFrame, view: View) -> Any:
    if view.colour_by is None or view.classes:
        return np.arange(len(frame))
    values = frame[view.colour_by].reset_index(drop=True)
    return values.sort_values(ascending=view.draw_first == "low", kind="stable", na_position="first").index.to_numpy()


def _style(feature: Any, view: View, small_deg: float) -> dict[str, Any]:
    """Return how Leaflet draws a feature; what is small shows its colour in its outline too, or nobody would see it."""
    colour, kind = feature["properties"]["colour"], feature["geometry"]["type"]
    if "Line" in kind:
        return {"color": colour, "weight": 3, "opacity": 1.0, "fill": False}
    filled = {"fill": True, "fillColor": colour, "fillOpacity": view.opacity}
    if "Polygon" in kind:
        west, south, east, north = shapely.geometry.shape(feature["geometry"]).bounds
        if max(east - west, north - south) < small_deg:
            return {"color": colour, "weight": 4, "opacity": 0.9, **filled}
    if view.geometry == "mixed":
        return {"color": colour, "weight": 2, **filled}
    return {"color": "#444444", "weight": 0.6, **filled}
