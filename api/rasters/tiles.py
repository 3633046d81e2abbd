"""Rasters of the catalogue as tiles, pictures, values and statistics: titiler's routes, on our catalogue only."""

from __future__ import annotations

from typing import Annotated, Any

import attr
import rasterio
from attrs import define
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from morecantile import TileMatrixSet
from morecantile import tms as known_matrix_sets
from morecantile.defaults import TileMatrixSets
from rasterio.crs import CRS
from rasterio.warp import transform_bounds
from rio_tiler.constants import WGS84_CRS
from rio_tiler.expression import parse_expression
from rio_tiler.io import Reader
from rio_tiler.models import ImageData
from rio_tiler.reader import part
from rio_tiler.types import BBox, Indexes
from rio_tiler.utils import cast_to_sequence, non_alpha_indexes
from titiler.core.factory import TilerFactory
from titiler.extensions import wmtsExtension

from api.links import base_url
from api.negotiation import templates
from api.rasters.choice import MOST_PIXELS, RASTER_MATRIX_SETS, CachedRoute, Chosen, Part, chosen, colours, rendering
from api.rasters.pictures import picture
from geo.errors import InvalidInputError

MATRIX_SETS: dict[str, TileMatrixSet] = {name: known_matrix_sets.get(name) for name in RASTER_MATRIX_SETS}

GDAL_OPTIONS = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}"}
"""The files of the catalogue stand alone, and lead to no other."""

_MANY_PIXELS = 512

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

    def part(
        self,
        bbox: BBox,
        *args: Any,
        bounds_crs: CRS = WGS84_CRS,
        indexes: Indexes | None = None,
        expression: str | None = None,
        padding: int | None = None,
        **kw: Any,
    ) -> ImageData:
        """Read a part; with padding, which is read from no overview, only where it isn't large.

        Bands of a large part are read one by one: several, or some of several, GDAL would reproject in every pixel,
        however few are drawn.

        Raises
        ------
        InvalidInputError
            It would take too many pixels of the raster.
        """
        west, _, east, _ = transform_bounds(bounds_crs, self.dataset.crs, *bbox)
        pixels = (east - west) / self.dataset.res[0]
        if padding and pixels > MOST_PIXELS:
            raise InvalidInputError(
                f"padding={padding}: only where at most {MOST_PIXELS} pixels of the raster lie side by side,"
                f" not {pixels:,.0f}; take a greater zoom, or none"
            )
        bands = set(self.dataset.indexes)
        wanted = parse_expression(expression) if expression else cast_to_sequence(indexes)
        if len(bands) == 1 or pixels <= _MANY_PIXELS or not bands.issuperset(wanted or ()):
            words = {"indexes": indexes, "expression": expression, "padding": padding}
            return super().part(bbox, *args, bounds_crs=bounds_crs, **words, **kw)
        asked = {"bounds_crs": bounds_crs, "dst_crs": bounds_crs, "padding": padding, **self.options, **kw}
        found = ImageData.create_from_list(
            [self._part_of_a_band(band, bbox, asked) for band in wanted or non_alpha_indexes(self.dataset)]
        )
        return found.apply_expression(expression) if expression else found

    def _part_of_a_band(self, band: int, bbox: BBox, asked: dict[str, Any]) -> ImageData:
        """Read a part of a band, and with it the band of transparency where nothing else tells what isn't there."""
        transparency = set(self.dataset.indexes) - {band, *non_alpha_indexes(self.dataset)}
        untold = self.dataset.nodata is None and asked.get("nodata") is None
        beside = "".join(f",{each}" for each in transparency) if untold else ""
        with rasterio.open(f"vrt://{self.input}?bands={band}{beside}") as alone:
            found = part(alone, bbox, indexes=1, **asked)
        return attr.evolve(found, band_names=[f"b{band}"], band_descriptions=[f"b{band}"])


@define(kw_only=True)
class _Factory(TilerFactory):
    """Makes the routes; their links lead to the API that was asked."""

    def url_for(self, request: Request, name: str, **path_params: Any) -> str:
        """Return the address of one of the routes."""
        path = self.router.url_path_for(name, raster=request.path_params["raster"], **path_params)
        return f"{base_url(request)}{path}"

    def tilesets(self) -> None:
        """Leave the description of tilesets to `api.rasters.tilesets`, which follows OGC API Tiles."""


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
    extensions=[
        wmtsExtension(
            templates=templates, tile_dependencies=[_time], layer_identifier_provider=lambda found: found.series.id
        )
    ],
)
