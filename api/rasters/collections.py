"""The rasters of the base: what there is."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.database import Database
from api.documents import RASTER, RASTERS
from api.links import Link, base_url, formats, link
from api.negotiation import HTML, JSON, Format, Language, negotiate, page
from api.openapi import answers
from api.rasters.catalogue import SeriesOf
from api.scope import Territory
from layers.crs import CRS84
from layers.rasters.series import Series, all_series, period
from layers.territories.territory import family
from layers.times import rfc3339

_OFFERED = {"json": JSON, "html": HTML}
_TILES = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"

router = APIRouter(tags=["Rasters"])


@router.get("/rasters", summary="The rasters", responses=answers(JSON, HTML, schema=RASTERS))
def rasters(request: Request, database: Database, territory: Territory, lang: Language, f: Format = None) -> Response:
    """List the collections of rasters, each with its times."""
    picked = negotiate(request, f, _OFFERED)
    base = base_url(request)
    found = all_series(database, None if territory is None else family(database, territory))
    document = {
        "rasters": [_summary(base, each, lang) for each in found],
        "links": formats(f"{base}/rasters", picked, _OFFERED),
    }
    return page(request, "Rasters", lang, document) if picked == "html" else JSONResponse(document)


@router.get("/rasters/{raster}", summary="One collection of rasters", responses=answers(JSON, HTML, schema=RASTER))
def raster(request: Request, series: SeriesOf, lang: Language, f: Format = None) -> Response:
    """Describe a collection of rasters: bands, units, times, colours, and where its tiles are."""
    picked = negotiate(request, f, _OFFERED)
    latest = series.latest
    document = {
        **_summary(base_url(request), series, lang),
        "kind": latest.kind,
        "bands": [{**band, "meaning": (band["meaning"] or {}).get(lang)} for band in latest.bands],
        "crs": latest.crs,
        "width": latest.width,
        "height": latest.height,
        "resolution_m": latest.resolution_m,
        "colour_scale": latest.colour_scale,
        "value_range": series.value_range,
        "legend": [
            {"value": each.value, "colour": each.colour, "title": (each.title or {}).get(lang)}
            for each in series.legend
        ],
    }
    return page(request, document["title"], lang, document) if picked == "html" else JSONResponse(document)


def _summary(base: str, series: Series, lang: str) -> dict[str, Any]:
    latest = series.latest
    boxes = [each.footprint.bounds for each in series.rasters]
    box = [min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)]
    extent: dict[str, Any] = {"spatial": {"bbox": [box], "crs": CRS84.uri}}
    if latest.time is not None:
        times = [period(each) for each in series.rasters if each.time is not None]
        extent["temporal"] = {"interval": [[_written(times[0][0]), _written(times[-1][1])]]}
    return {
        "id": series.id,
        "title": latest.title[lang],
        "territory": latest.territory,
        "attribution": latest.attribution,
        "extent": extent,
        "times": [each.time_text for each in series.rasters if each.time_text],
        "links": _links(f"{base}/rasters/{quote(series.id)}", series, latest.title[lang]),
    }


def _links(url: str, series: Series, title: str) -> list[Link]:
    found = [
        link(url, "self", JSON, title),
        link(f"{url}/tiles", _TILES, JSON, "Tilesets"),
        link(f"{url}/WebMercatorQuad/tilejson.json", "tiles", JSON, "TileJSON"),
        link(f"{url}/preview.png", "preview", "image/png", "Picture"),
        link(f"{url}/statistics", "statistics", JSON, "Statistics; posted an area, of it"),
        link(f"{url}/WMTSCapabilities.xml", "wmts", "application/xml", "WMTS"),
        link(url.replace("/rasters/", "/maps/rasters/"), "alternate", HTML, "On a map"),
    ]
    if series.latest.kind == "elevation":
        tilejson = f"{url}/WebMercatorQuad/tilejson.json?buffer=3&algorithm="
        found.append(link(f"{tilejson}hillshade", "tiles", JSON, "Hillshade"))
        found.append(link(f"{tilejson}terrainrgb", "tiles", JSON, "Heights as terrain-RGB"))
    return found


def _written(time: Any) -> str | None:
    return None if time is None else rfc3339(time, "seconds")
