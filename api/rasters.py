"""The rasters of the base: what there is, and how values develop in time."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import JSONResponse, Response
from rasterio import Env
from rio_tiler.errors import PointOutsideBounds

from api.database import Database
from api.links import Link, base_url, formats, link
from api.negotiation import HTML, JSON, TILEJSON, Format, Language, negotiate, page
from api.openapi import answers
from api.raster_choice import MOST_PIXELS, Chosen, SeriesOf
from api.raster_tiles import GDAL_OPTIONS, CatalogueReader
from api.scope import Territory
from geo.errors import InvalidInputError
from layers.crs import CRS84
from layers.raster_series import Series, all_series, period
from layers.territory import family

GEOJSON_POLYGON = {"type": "object", "description": "A GeoJSON Polygon or MultiPolygon, or a feature with one."}

_OFFERED = {"json": JSON, "html": HTML}
_TILES = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"

router = APIRouter(tags=["Rasters"])


@router.get("/rasters", summary="The rasters", responses=answers(JSON, HTML))
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


@router.get("/rasters/{raster}", summary="One collection of rasters", responses=answers(JSON, HTML))
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


@router.get("/rasters/{raster}/series", summary="The values of a place in time", responses=answers(JSON))
def point_series(
    series: SeriesOf,
    lon: Annotated[float, Query(ge=-180, le=180, description="Longitude in degrees")],
    lat: Annotated[float, Query(ge=-90, le=90, description="Latitude in degrees")],
) -> Response:
    """Return the value of each band at a place, for every time of a collection; null where there is none."""
    return JSONResponse({"coordinates": [lon, lat], "values": [_at(each, lon, lat) for each in _each(series)]})


@router.post("/rasters/{raster}/series", summary="The statistics of an area in time", responses=answers(JSON))
def area_series(series: SeriesOf, area: Annotated[dict[str, Any], Body(json_schema_extra=GEOJSON_POLYGON)]) -> Response:
    """Return count, mean, sum, least and greatest of the pixels in an area, for every time of a collection.

    Pixels that the outline cuts count by the share that lies inside.
    """
    shape = _polygon(area)
    return JSONResponse({"statistics": [_within(each, shape) for each in _each(series)]})


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
        link(f"{url}/WebMercatorQuad/tilejson.json", "tiles", TILEJSON, "TileJSON"),
        link(f"{url}/preview.png", "preview", "image/png", "Picture"),
        link(f"{url}/statistics", "statistics", JSON, "Statistics; posted an area, of it"),
        link(f"{url}/WMTSCapabilities.xml", "wmts", "application/xml", "WMTS"),
        link(url.replace("/rasters/", "/maps/rasters/"), "alternate", HTML, "On a map"),
    ]
    if series.latest.kind == "elevation":
        tilejson = f"{url}/WebMercatorQuad/tilejson.json?buffer=3&algorithm="
        found.append(link(f"{tilejson}hillshade", "tiles", TILEJSON, "Hillshade"))
        found.append(link(f"{tilejson}terrainrgb", "tiles", TILEJSON, "Heights as terrain-RGB"))
    return found


def _each(series: Series) -> list[Chosen]:
    return [Chosen(series, each) for each in series.rasters]


def _at(found: Chosen, lon: float, lat: float) -> dict[str, Any]:
    with Env(**GDAL_OPTIONS), CatalogueReader(found) as reader:
        try:
            values = reader.point(lon, lat).array.tolist()
        except PointOutsideBounds:
            values = [None] * len(found.raster.bands)
    return {"time": found.raster.time_text, "values": values}


def _within(found: Chosen, shape: dict[str, Any]) -> dict[str, Any]:
    with Env(**GDAL_OPTIONS), CatalogueReader(found) as reader:
        image = reader.feature(shape, max_size=MOST_PIXELS, align_bounds_with_dataset=True)
        shares = image.get_coverage_array(shape)
        statistics = image.statistics(coverage=shares)
    names = ("count", "mean", "sum", "min", "max", "std")
    bands = [{name: getattr(each, name) for name in names} for each in statistics.values()]
    return {"time": found.raster.time_text, "bands": bands}


def _polygon(area: dict[str, Any]) -> dict[str, Any]:
    shape = area.get("geometry") if area.get("type") == "Feature" else area
    if not isinstance(shape, dict) or shape.get("type") not in ("Polygon", "MultiPolygon"):
        raise InvalidInputError("The body must be a GeoJSON Polygon or MultiPolygon, or a feature with one.")
    return shape


def _written(time: Any) -> str | None:
    return None if time is None else time.isoformat(timespec="seconds").replace("+00:00", "Z")
