"""The columns of the catalogue that follow from what a raster says and what is said of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyproj
import shapely
from geoalchemy2.shape import from_shape

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.models.base import STORAGE_SRID
from layers.rasters.cog import Facts
from layers.rasters.description import RAMPS, TITLES, RasterDescription, read_time
from layers.sources.geometry.coordinates import to_degrees

_EDGE_PARTS = 32
_WORLD = shapely.box(-180, -90, 180, 90)


def columns_of(facts: Facts, description: RasterDescription) -> dict[str, Any]:
    """Return the columns that follow from what a raster says and what is said of it.

    Raises
    ------
    SourceError
        It lies outside the world.
    InvalidInputError
        Another number of bands is described.
    """
    words = description.bands or ()
    if words and len(words) != len(facts.bands):
        raise InvalidInputError(f"the raster has {len(facts.bands)} bands, but {len(words)} are described")
    bands = [_band(number, facts, description) for number in range(len(facts.bands))]
    scale = description.colour_scale
    return {
        "title": description.title or TITLES[description.content],
        "kind": description.content,
        "time_precision": None if description.time is None else read_time(description.time)[1],
        "attribution": description.attribution,
        "crs": facts.crs,
        "srid": facts.srid,
        "width": facts.width,
        "height": facts.height,
        "resolution_m": _resolution_m(facts),
        "footprint": from_shape(_footprint(facts), srid=STORAGE_SRID),
        "bands": bands,
        "colour_scale": scale.model_dump(exclude_none=True) if scale else _usual_scale(facts, description),
        "overviews": list(facts.overviews),
        "restricted": description.restricted,
    }


def _band(number: int, facts: Facts, description: RasterDescription) -> dict[str, Any]:
    band = facts.bands[number]
    words = description.bands[number] if description.bands else None
    usual = TITLES[description.content] if len(facts.bands) == 1 and description.content != "other" else None
    written = {"en": band.description, "ru": band.description, "be": band.description} if band.description else None
    return {
        "index": number + 1,
        "meaning": (words and words.meaning) or written or usual,
        "unit": (words and words.unit) or band.unit,
        "nodata": "nan" if band.nodata is not None and math.isnan(band.nodata) else band.nodata,
        "dtype": band.dtype,
        "min": band.low,
        "max": band.high,
        "mean": band.mean,
        "valid_share": band.valid_share,
        "scale": band.scale,
        "offset": band.offset,
        "colour_interpretation": band.colour,
    }


def _usual_scale(facts: Facts, description: RasterDescription) -> dict[str, Any] | None:
    palette = facts.bands[0].palette
    if palette:
        return {"classes": [{"value": value, "colour": colour} for value, colour in palette.items()]}
    if description.has_classes or len(facts.bands) > 1 or description.content not in RAMPS:
        return None
    return {"ramp": RAMPS[description.content]}


def _footprint(facts: Facts) -> shapely.Geometry:
    """Return the outline in longitude and latitude, its edges followed closely."""
    a, b, c, d, e, f = facts.transform
    share = np.linspace(0, 1, _EDGE_PARTS, endpoint=False)
    columns = np.concatenate([share, np.ones_like(share), 1 - share, np.zeros_like(share)]) * facts.width
    rows = np.concatenate([np.zeros_like(share), share, np.ones_like(share), 1 - share]) * facts.height
    lon, lat = to_degrees(facts.crs).transform(a * columns + b * rows + c, d * columns + e * rows + f)
    known = np.isfinite(lon) & np.isfinite(lat)
    if np.count_nonzero(known) < 3:
        raise SourceError(f"The raster lies outside the ground on which {facts.crs} is defined.")
    outline = shapely.make_valid(shapely.Polygon(np.column_stack((lon[known], lat[known]))))
    inside = outline.intersection(_WORLD)
    if inside.is_empty:
        raise SourceError("The raster lies outside the world: its CRS, or the place of its pixels, is wrong.")
    return inside


def _resolution_m(facts: Facts) -> float:
    """Return the size of the pixel in the middle: the root of its area."""
    a, b, c, d, e, f = facts.transform
    columns = np.array([0, 1, 1, 0]) + facts.width // 2
    rows = np.array([0, 0, 1, 1]) + facts.height // 2
    lon, lat = to_degrees(facts.crs).transform(a * columns + b * rows + c, d * columns + e * rows + f)
    area_m2, _ = pyproj.Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)
    return round(math.sqrt(abs(area_m2)), 3)
