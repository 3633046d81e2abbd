"""Rasters of the catalogue as tiles, pictures, values and statistics: titiler's routes, on our catalogue only."""

from __future__ import annotations

from typing import Annotated, Any

import attr
from attrs import define
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from morecantile import TileMatrixSet
from morecantile import tms as known_matrix_sets
from morecantile.defaults import TileMatrixSets
from rasterio.crs import CRS
from rasterio.warp import transform_bounds
from rio_tiler.constants import WGS84_CRS
from rio_tiler.io import Reader
from rio_tiler.types import BBox
from titiler.core.factory import TilerFactory
from titiler.extensions import wmtsExtension

from api.links import base_url
from api.raster_choice import MOST_PIXELS, RASTER_MATRIX_SETS, CachedRoute, Chosen, Part, chosen, colours, rendering
from api.raster_pictures import picture
from geo.errors import InvalidInputError

MATRIX_SETS: dict[str, TileMatrixSet] = {name: known_matrix_sets.get(name) for name in RASTER_MATRIX_SETS}

GDAL_OPTIONS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}"}
"""The files of the catalogue stand alone, and lead to no other."""

router = APIRouter(
    prefix="/rasters/{raster}",
    route_class=CachedRoute,
    default_response_class=JSONResponse,
    tags=["Rasters"],
    responses={
        204: {"description": "The raster has nothing in the tile."},
        304: {"description": "It is as it is held."},
    },
)


@attr.s
class CatalogueReader(Reader):
    """Reads a raster of the catalogue, its values with scale and offset applied."""

    def __attrs_post_init__(self) -> None:
        """Open the file of what was chosen."""
        self.chosen: Chosen = self.input
        bands = self.chosen.raster.bands
        if any(band["scale"] != 1 or band["offset"] != 0 for band in bands):
            self.options = {"unscale": True, **self.options}
        self.input = str(self.chosen)
        super().__attrs_post_init__()

    def part(self, bbox: BBox, *args: Any, bounds_crs: CRS = WGS84_CRS, padding: int | None = None, **kw: Any) -> Any:
        """Read a part; with padding, which is read from no overview, only where it isn't large.

        Raises
        ------
        InvalidInputError
            It would take too many pixels of the raster.
        """
        if padding:
            west, _, east, _ = transform_bounds(bounds_crs, self.dataset.crs, *bbox)
            pixels = (east - west) / self.dataset.res[0]
            if pixels > MOST_PIXELS:
                raise InvalidInputError(
                    f"padding={padding}: only where at most {MOST_PIXELS} pixels of the raster lie side by side,"
                    f" not {pixels:,.0f}; take a greater zoom, or none"
                )
        return super().part(bbox, *args, bounds_crs=bounds_crs, padding=padding, **kw)


@define(kw_only=True)
class _Factory(TilerFactory):
    """Makes the routes; their links lead to the API that was asked."""

    def url_for(self, request: Request, name: str, **path_params: Any) -> str:
        """Return the address of one of the routes."""
        path = self.router.url_path_for(name, raster=request.path_params["raster"], **path_params)
        return f"{base_url(request)}{path}"

    def tilesets(self) -> None:
        """Leave the description of tilesets to `api.raster_tilesets`, which follows OGC API Tiles."""


def _times(reader: CatalogueReader) -> dict[str, dict[str, Any]]:
    """Return a layer of WMTS for each time of a collection."""
    rasters = reader.chosen.series.rasters
    return {each.time_text: {"datetime": each.time_text} for each in rasters if each.time_text and len(rasters) > 1}


def _time(datetime: Annotated[str | None, Query()] = None) -> str | None:
    return datetime


_Factory(
    router=router,
    reader=CatalogueReader,
    path_dependency=chosen,
    colormap_dependency=colours,
    render_dependency=rendering,
    render_func=picture,
    img_part_dependency=Part,
    environment_dependency=lambda: GDAL_OPTIONS,
    supported_tms=TileMatrixSets(MATRIX_SETS),
    get_renders=_times,
    add_viewer=False,
    extensions=[wmtsExtension(tile_dependencies=[_time], layer_identifier_provider=lambda found: found.series.id)],
)
