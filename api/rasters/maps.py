"""Folium maps of rasters: tiles over the city, a legend, and a layer for each time."""

from __future__ import annotations

from urllib.parse import quote

import folium
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.database import Database
from api.links import base_url
from api.maps import result_page
from api.negotiation import Language
from api.rasters.catalogue import SeriesOf
from geo.analysis import ColourClass
from geo.language import LANGUAGES
from geo.maps import add_legend, base_map
from layers.rasters.series import Shade

router = APIRouter(tags=["Maps"])

_OPACITY = 0.8


@router.get("/maps/rasters/{raster}", summary="Rasters on a Folium map", response_class=HTMLResponse)
def raster_map(request: Request, database: Database, series: SeriesOf, lang: Language) -> HTMLResponse:
    """Show a collection of rasters, the latest on top; others can be switched on by their time."""
    latest = series.latest
    title = latest.title[lang]
    west, south, east, north = latest.footprint.bounds
    shown = base_map(title=title, lang=lang, bounds=(west, south, east, north))
    tiles = f"{base_url(request)}/rasters/{quote(series.id)}/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png"
    for raster in series.rasters:
        time = raster.time_text
        folium.TileLayer(
            tiles=tiles if time is None else f"{tiles}?datetime={quote(time)}",
            attr=raster.attribution or title,
            name=time or title,
            overlay=True,
            show=raster is latest,
            opacity=_OPACITY,
            bounds=[[south, west], [north, east]],
        ).add_to(shown)
    if len(series.rasters) > 1:
        folium.LayerControl(collapsed=False).add_to(shown)
    unit = latest.bands[0].get("unit")
    entries = [_entry(each) for each in series.legend]
    add_legend(shown, f"{title}, {unit}" if unit else title, entries, lang=lang)
    return result_page(shown, database, base_url(request))


def _entry(shade: Shade) -> ColourClass:
    written = dict.fromkeys(LANGUAGES, f"{shade.value:.4g}")
    return ColourClass(title=shade.title or written, colour=shade.colour)
