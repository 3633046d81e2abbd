"""How the values of rasters develop in time, at a place and in an area."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse, Response
from rasterio import Env
from rio_tiler.errors import PointOutsideBounds

from api.negotiation import JSON
from api.openapi import answers
from api.rasters.catalogue import SeriesOf
from api.rasters.choice import MOST_PIXELS, Chosen
from api.rasters.tiles import GDAL_OPTIONS, CatalogueReader
from geo.errors import InvalidInputError
from layers.rasters.series import Series

GEOJSON_POLYGON = {"type": "object", "description": "A GeoJSON Polygon or MultiPolygon, or a feature with one."}

router = APIRouter(tags=["Rasters"])


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
