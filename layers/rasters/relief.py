"""Heights of the ground, from the elevation rasters of the catalogue."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from sqlalchemy import Engine

from geo.networks.slopes import Heights, heights_of_grid
from geo.networks.topology import Floats
from layers.rasters.catalogue import Raster, list_rasters
from layers.rasters.files import environment

PIXELS_AT_MOST = 25_000_000
"""Of a raster of more, an overview is taken."""

_GRIDS_KEPT = 4


def heights(engine: Engine, territory: str, *, kind: str, srid: int) -> Heights | None:
    """Return the heights of a territory, or ``None`` where it has no raster of the kind.

    Where several rasters know a place, the latest tells.

    Parameters
    ----------
    engine
        The database.
    territory
        Its id.
    kind
        What the rasters show: ``elevation``.
    srid
        EPSG code of the coordinates that heights are asked at, in metres.
    """
    with engine.connect() as connection:
        rasters = [each for each in list_rasters(connection, territory=territory) if each.kind == kind]
    grids = [_grid(each.path, *_scale(each), srid) for each in reversed(rasters)]
    return _first_known(grids) if grids else None


def _first_known(grids: list[Heights]) -> Heights:
    def known(xy: Floats) -> Floats:
        found = np.full(len(xy), np.nan)
        for grid in grids:
            unknown = np.isnan(found)
            found[unknown] = grid(xy[unknown])
        return found

    return known


def _scale(raster: Raster) -> tuple[float, float]:
    band = raster.bands[0]
    return float(band["scale"] or 1.0), float(band["offset"] or 0.0)


@lru_cache(maxsize=_GRIDS_KEPT)
def _grid(path: Path, scale: float, offset: float, srid: int) -> Heights:
    with (
        environment(),
        rasterio.open(path) as file,
        WarpedVRT(file, crs=f"EPSG:{srid}", resampling=Resampling.bilinear, add_alpha=file.nodata is None) as warped,
    ):
        coarser = max(1.0, (warped.width * warped.height / PIXELS_AT_MOST) ** 0.5)
        shape = (max(2, int(warped.height / coarser)), max(2, int(warped.width / coarser)))
        values = warped.read(1, out_shape=shape, masked=True)
        cell_m = (warped.bounds.right - warped.bounds.left) / shape[1]
        west, north = warped.bounds.left, warped.bounds.top
    known = values.astype(float).filled(np.nan) * scale + offset
    return heights_of_grid(known, west=west, north=north, cell_m=cell_m)
