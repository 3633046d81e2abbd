"""From a raster file to a Cloud-Optimised GeoTIFF: checked, with overviews, and with what its pixels say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from layers.errors import SourceError
from layers.rasters.files import RasterFile, Wanted, environment, opened

_TILE = 512
_WITH_COLOUR_TABLE = {"uint8", "uint16"}

Palette = dict[int, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class BandFacts:
    """What a band says. ``low``, ``high`` and ``mean`` are of the valid pixels, scale and offset applied."""

    dtype: str
    nodata: float | None
    scale: float
    offset: float
    unit: str | None
    description: str | None
    colour: str
    valid_share: float
    low: float | None
    high: float | None
    mean: float | None
    palette: dict[int, str] | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a raster that has been written."""

    crs: str
    srid: int | None
    width: int
    height: int
    transform: tuple[float, ...]
    overviews: tuple[int, ...]
    bands: tuple[BandFacts, ...]


def write_cog(source: Path, target: Path, wanted: Wanted) -> Facts:
    """Write a raster as a Cloud-Optimised GeoTIFF, and check what has been written.

    It is compressed without loss (DEFLATE), and its overviews are averages, or the most frequent value where values are
    classes.

    Parameters
    ----------
    source
        The file to read: a GeoTIFF or another of `layers.rasters.files.DRIVERS`.
    target
        The file to write; its folder must be there. Nothing is left of it where something goes wrong.
    wanted
        What is to be made of it.

    Raises
    ------
    SourceError
        The file is no raster, is cut off, is larger than ``HORAD_MAX_RASTER_MEGAPIXELS`` allows, or doesn't say where
        it lies.
    InvalidInputError
        A CRS is unknown, or the nodata value doesn't fit the pixels.
    """
    draft = target.with_name(f"{target.name}.draft")
    try:
        with environment(), opened(source, wanted) as raster:
            bands = _draw(raster, draft)
            rasterio.shutil.copy(
                draft,
                target,
                driver="COG",
                compress="DEFLATE",
                predictor="YES",
                blocksize=_TILE,
                overview_resampling="MODE" if wanted.categorical else "AVERAGE",
                bigtiff="IF_SAFER",
                num_threads="ALL_CPUS",
            )
            return _checked(draft, target, bands)
    except (RasterioError, CPLE_BaseError) as error:
        target.unlink(missing_ok=True)
        raise SourceError(f"{source.name} can't be made into a Cloud-Optimised GeoTIFF: {error}") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        draft.unlink(missing_ok=True)


def _draw(raster: RasterFile, draft: Path) -> tuple[BandFacts, ...]:
    """Copy the pixels into a plain GeoTIFF, and note what they say."""
    pixels = raster.pixels
    bands = range(raster.count)
    dtypes = pixels.dtypes[: raster.count]
    dtype = np.result_type(*dtypes)
    keeps_mask = raster.masked and not (ColorInterp.alpha in pixels.colorinterp and raster.count == pixels.count)
    nodata = raster.nodata
    if nodata is None and dtype.kind == "f" and not raster.masked:
        nodata = math.nan
    palettes = [_palette(pixels, band + 1) for band in bands]
    tallies = [_Tally() for _ in bands]
    with rasterio.open(
        draft,
        "w",
        driver="GTiff",
        width=pixels.width,
        height=pixels.height,
        count=raster.count,
        dtype=dtype,
        crs=raster.crs,
        transform=pixels.transform,
        nodata=nodata,
        tiled=True,
        blockxsize=_TILE,
        blockysize=_TILE,
        compress="ZSTD",
        zstd_level=1,
        num_threads="ALL_CPUS",
        bigtiff="IF_SAFER",
    ) as out:
        _carry_over(pixels, out, palettes)
        for window, values, valid in raster.strips():
            out.write(values.astype(dtype, copy=False), window=window)
            if keeps_mask:
                out.write_mask(valid.any(axis=0), window=window)
            for band in bands:
                tallies[band].add(values[band][valid[band]], whole=palettes[band] is not None)
    size = pixels.width * pixels.height
    return tuple(_facts(raster, band, str(dtype), nodata, palettes[band], tallies[band], size) for band in bands)


def _carry_over(pixels: Any, out: Any, palettes: list[Palette | None]) -> None:
    """Say of the bands what the file says of them; TIFF wants it before the first pixel."""
    out.scales, out.offsets = pixels.scales[: out.count], pixels.offsets[: out.count]
    out.units = [each or "" for each in pixels.units[: out.count]]
    out.descriptions = pixels.descriptions[: out.count]
    if palettes[0] is not None and out.dtypes[0] in _WITH_COLOUR_TABLE:
        out.write_colormap(1, palettes[0])
    else:
        out.colorinterp = [
            ColorInterp.gray if each == ColorInterp.palette else each for each in pixels.colorinterp[: out.count]
        ]


class _Tally:
    """What the valid pixels of a band say, summed up strip by strip."""

    def __init__(self) -> None:
        self.count, self.total = 0, 0.0
        self.low, self.high = math.inf, -math.inf
        self.values: set[int] = set()

    def add(self, values: np.ndarray, *, whole: bool) -> None:
        if not len(values):
            return
        self.count += len(values)
        self.total += float(values.sum(dtype=float))
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        if whole:
            self.values.update(int(each) for each in np.unique(values))


def _palette(pixels: Any, band: int) -> Palette | None:
    try:
        found: Palette = pixels.colormap(band)
    except ValueError:
        return None
    return found


def _facts(
    raster: RasterFile,
    band: int,
    dtype: str,
    nodata: float | None,
    palette: Palette | None,
    tally: _Tally,
    size: int,
) -> BandFacts:
    pixels = raster.pixels
    scale, offset = pixels.scales[band], pixels.offsets[band]
    ends = sorted((tally.low * scale + offset, tally.high * scale + offset)) if tally.count else [None, None]
    return BandFacts(
        dtype=dtype,
        nodata=nodata,
        scale=scale,
        offset=offset,
        unit=pixels.units[band] or None,
        description=pixels.descriptions[band] or None,
        colour=pixels.colorinterp[band].name,
        valid_share=tally.count / size,
        low=ends[0],
        high=ends[1],
        mean=tally.total / tally.count * scale + offset if tally.count else None,
        palette={
            value: "#{:02x}{:02x}{:02x}".format(*palette[value][:3]) for value in sorted(tally.values & palette.keys())
        }
        if palette
        else None,
    )


def _checked(draft: Path, target: Path, bands: tuple[BandFacts, ...]) -> Facts:
    """Make sure that what has been written is a COG with the pixels of the draft, and tell what it is."""
    with rasterio.open(draft) as before, rasterio.open(target) as cog:
        overviews = tuple(cog.overviews(1))
        right = (
            cog.driver == "GTiff"
            and cog.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
            and (cog.width, cog.height, cog.count, cog.crs) == (before.width, before.height, before.count, before.crs)
            and bool(overviews) == (max(cog.width, cog.height) > _TILE)
            and all(cog.checksum(band) == before.checksum(band) for band in cog.indexes)
        )
        if not right:
            raise SourceError(f"What has been written of {target.name} is no Cloud-Optimised GeoTIFF of its pixels.")
        return Facts(
            crs=cog.crs.to_string(),
            srid=cog.crs.to_epsg(),
            width=cog.width,
            height=cog.height,
            transform=tuple(cog.transform)[:6],
            overviews=overviews,
            bands=bands,
        )
