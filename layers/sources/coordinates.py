"""From the coordinates of a source to longitude and latitude."""

from __future__ import annotations

import pyproj

from geo.errors import InvalidInputError
from layers.models.base import STORAGE_SRID


def to_degrees(crs: str) -> pyproj.Transformer:
    """Return what transforms eastings and northings, or longitudes and latitudes, of a CRS into stored degrees.

    Raises
    ------
    InvalidInputError
        There is no such coordinate reference system.
    """
    try:
        return pyproj.Transformer.from_crs(crs, STORAGE_SRID, always_xy=True)
    except pyproj.exceptions.CRSError as error:
        raise InvalidInputError(f"{crs} is no coordinate reference system: write it like EPSG:3857") from error
