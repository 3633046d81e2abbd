"""Rasters of a test's own, and the part of the catalogue that they stand in."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from town import LAT, LON, Town

from layers.rasters.catalogue import Raster, add_raster, find_raster, folder, list_rasters
from layers.rasters.description import RasterDescription
from layers.settings import get_settings

PIXEL_DEG = 0.001


def from_origin(west: float, north: float, width: float, height: float) -> Affine:
    """The place of pixels of a size, given the upper left corner."""
    return Affine(width, 0, west, 0, -height, north)


NORTH_WEST = from_origin(LON, LAT, PIXEL_DEG, PIXEL_DEG)


def write(file: Path, *bands: np.ndarray, crs: str | None = "EPSG:4326", **profile: Any) -> Path:
    """A GeoTIFF in the town, its upper left corner at the town's middle."""
    options = {"driver": "GTiff", "dtype": bands[0].dtype, "transform": NORTH_WEST, **profile}
    height, width = bands[0].shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(file, "w", width=width, height=height, count=len(bands), crs=crs, **options) as raster:
            for index, band in enumerate(bands, start=1):
                raster.write(band, index)
    return file


def slope(rows: int = 40, columns: int = 60, dtype: str = "float32") -> np.ndarray:
    """Values that rise by one a pixel."""
    return np.arange(rows * columns, dtype=dtype).reshape(rows, columns)


class Catalogue:
    """The town's part of the catalogue."""

    def __init__(self, town: Town) -> None:
        self.town = town

    def add(self, file: Path, **words: Any) -> tuple[Raster, str]:
        described = RasterDescription.model_validate(
            {"collection": "heights", "content": "elevation", "source": "survey", **words}
        )
        return add_raster(self.town.engine, file, territory=self.town.id, description=described)

    def all(self, **wanted: Any) -> list[Raster]:
        with self.town.engine.connect() as connection:
            return list_rasters(connection, territory=self.town.id, **wanted)

    def find(self, collection: str = "heights", **wanted: Any) -> Raster:
        with self.town.engine.connect() as connection:
            return find_raster(connection, self.town.id, collection, **wanted)

    def files(self) -> set[Path]:
        """The files of the town's rasters, and what making them has left."""
        places = [folder() / self.town.id, *folder().glob(".making*")]
        return {each for place in places for each in place.rglob("*") if each.is_file()}


def real(path: str) -> Path:
    """A file of the data folder."""
    file = get_settings().data / path
    if not file.is_file():
        pytest.skip(f"the data folder has no {path}")
    return file


def pixels(raster: Path, band: int = 1) -> np.ndarray:
    with rasterio.open(raster) as opened:
        return opened.read(band)
