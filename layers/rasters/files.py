"""Raster files, opened with care: formats that lead nowhere else, not too large, and that say where they lie."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.dtypes import can_cast_dtype
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.settings import get_settings

DRIVERS = ("GTiff", "SRTMHGT", "DTED", "USGSDEM", "AAIGrid", "JP2OpenJPEG", "PNG", "JPEG")
"""The formats that are read. Others may lead GDAL to files, or addresses, of the file's choice."""

_ENVIRONMENT = {
    "GDAL_CACHEMAX": 256 * 1024 * 1024,
    "GDAL_PAM_ENABLED": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "GDAL_TIFF_INTERNAL_MASK": "YES",
}
_MEGAPIXEL = 1_000_000
_STRIP_ROWS = 512
_STRIP_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be made of a raster.

    Parameters
    ----------
    crs
        Of the file, where it doesn't say or says it wrong.
    reproject_to
        The CRS to which the pixels are resampled; by default they stay as they are.
    nodata
        The value of pixels that say nothing, in place of the file's; ``NaN`` for none.
    categorical
        Whether the values are classes, between which there is no average.
    """

    crs: str | None = None
    reproject_to: str | None = None
    nodata: float | None = None
    categorical: bool = False


@dataclass(frozen=True, kw_only=True)
class RasterFile:
    """A raster, opened as it is wanted: in its CRS or resampled to another.

    Parameters
    ----------
    name
        Of the file.
    pixels
        What rasterio reads.
    crs
        In which they are.
    count
        How many bands are wanted; an alpha band that the resampling has added is none of them.
    nodata
        The value of pixels that say nothing.
    masked
        Whether a mask, or an alpha band, tells instead which pixels say something.
    """

    name: str
    pixels: Any
    crs: CRS
    count: int
    nodata: float | None
    masked: bool

    def strips(self) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
        """Yield the pixels from top to bottom: the window, the values and which of them are valid, band by band."""
        row_bytes = self.pixels.width * self.count * max(np.dtype(each).itemsize for each in self.pixels.dtypes)
        height = max(1, min(_STRIP_ROWS, _STRIP_BYTES // row_bytes))
        for top in range(0, self.pixels.height, height):
            window = Window(0, top, self.pixels.width, min(height, self.pixels.height - top))
            try:
                values = self.pixels.read(list(range(1, self.count + 1)), window=window)
                mask = self.pixels.dataset_mask(window=window) if self.masked else None
            except (RasterioError, CPLE_BaseError) as error:
                raise SourceError(f"{self.name} is cut off or damaged: its pixels can't be read.") from error
            yield window, values, self._valid(values, mask)

    def _valid(self, values: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        valid: np.ndarray = np.isfinite(values)
        if self.nodata is not None:
            valid &= values != self.nodata
        if mask is not None:
            valid &= mask > 0
        return valid


@contextmanager
def environment() -> Iterator[None]:
    """Keep GDAL from writing beside the files that it reads, and from the web."""
    with rasterio.Env(**_ENVIRONMENT), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def opened(source: Path, wanted: Wanted) -> Iterator[RasterFile]:
    """Open a raster within :func:`environment`.

    Raises
    ------
    SourceError
        It is none, is cut off, is too large, or doesn't say where it lies.
    InvalidInputError
        A CRS is unknown, or the nodata value doesn't fit the pixels.
    """
    with _open(source) as file:
        crs = _crs(wanted.crs) or file.crs
        _check(source, file, crs)
        nodata = _nodata(source, file, wanted)
        has_mask = _has_mask(file)
        target_crs = _crs(wanted.reproject_to)
        if target_crs is None:
            masked = nodata is None and has_mask and wanted.nodata is None
            yield RasterFile(name=source.name, pixels=file, crs=crs, count=file.count, nodata=nodata, masked=masked)
            return
        with WarpedVRT(
            file,
            src_crs=crs,
            crs=target_crs,
            src_nodata=nodata,
            nodata=nodata,
            add_alpha=nodata is None and not _has_alpha(file),
            resampling=Resampling.nearest if wanted.categorical else Resampling.bilinear,
        ) as warped:
            _check_size(source, warped)
            yield RasterFile(
                name=source.name, pixels=warped, crs=target_crs, count=file.count, nodata=nodata, masked=nodata is None
            )


def _open(source: Path) -> Any:
    for driver in DRIVERS:
        try:
            return rasterio.open(source, driver=driver)
        except (RasterioError, CPLE_BaseError):
            continue
    raise SourceError(f"{source.name} is cut off, or no raster in a format that is read ({', '.join(DRIVERS)}).")


def _check(source: Path, file: Any, crs: CRS | None) -> None:
    if any(np.dtype(each).kind == "c" for each in file.dtypes):
        raise SourceError(f"{source.name} holds complex numbers, which have no place on a map.")
    if crs is None:
        raise SourceError(f"{source.name} doesn't say in which CRS it is: name it, such as EPSG:4326.")
    if file.transform.is_identity:
        raise SourceError(f"{source.name} doesn't say where its pixels lie on the ground.")
    _check_size(source, file)


def _check_size(source: Path, raster: Any) -> None:
    limit = get_settings().max_raster_megapixels
    size = raster.width * raster.height * raster.count / _MEGAPIXEL
    if size > limit:
        raise SourceError(
            f"{source.name} has {size:,.0f} million pixels in all bands; HORAD_MAX_RASTER_MEGAPIXELS allows {limit:,}."
        )


def _crs(text: str | None) -> CRS | None:
    try:
        return None if text is None else CRS.from_user_input(text)
    except CRSError as error:
        raise InvalidInputError(f"{text} is no coordinate reference system: write it like EPSG:3857") from error


def _nodata(source: Path, file: Any, wanted: Wanted) -> float | None:
    """Return the value of pixels that say nothing; one that no pixel can have is none."""
    if wanted.nodata is None:
        stated = file.nodata
        fits = (
            stated is not None
            and not math.isnan(stated)
            and all(can_cast_dtype([stated], each) for each in file.dtypes)
        )
        return float(stated) if fits else None
    if math.isnan(wanted.nodata):
        return None
    if not all(can_cast_dtype([wanted.nodata], each) for each in file.dtypes):
        raise InvalidInputError(f"{wanted.nodata:g} is no value that a pixel of {source.name} can have")
    return wanted.nodata


def _has_mask(file: Any) -> bool:
    return any(MaskFlags.per_dataset in flags or MaskFlags.alpha in flags for flags in file.mask_flag_enums)


def _has_alpha(file: Any) -> bool:
    return ColorInterp.alpha in file.colorinterp
