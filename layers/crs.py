"""Coordinate reference systems as the web names them: their EPSG codes, and which axis comes first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import pyproj
from pyproj.exceptions import CRSError
from sqlalchemy import Connection, text

from geo.errors import InvalidInputError
from layers.models.base import STORAGE_SRID

_EPSG = re.compile(
    r"(?:https?://www\.opengis\.net/def/crs/EPSG/(?:0|[\d.]+)/|urn:ogc:def:crs:EPSG:[\d.]*:|\[?EPSG:)(\d{4,6})\]?",
    re.IGNORECASE,
)
_CRS84 = re.compile(
    r"(?:https?://www\.opengis\.net/def/crs/OGC/(?:0|1\.3)/|urn:ogc:def:crs:OGC:[\d.]*:|\[?OGC:)CRS84\]?", re.IGNORECASE
)
_EVERYWHERE = (STORAGE_SRID, 3857, 3395, 4258)
_NORTH_FIRST = ("north", "south")


@dataclass(frozen=True)
class Crs:
    """A coordinate reference system, and in which order its coordinates are written.

    Parameters
    ----------
    uri
        Its name on the web.
    srid
        Its EPSG code, by which PostGIS knows it.
    north_first
        Whether latitude or northing comes before longitude or easting.
    decimals
        How many of a coordinate are worth writing: a centimetre's worth or better.
    """

    uri: str
    srid: int
    north_first: bool
    decimals: int


CRS84 = Crs("http://www.opengis.net/def/crs/OGC/1.3/CRS84", STORAGE_SRID, north_first=False, decimals=7)
"""Longitude and latitude, in this order: how features are kept."""


def parse_crs(text: str, *, parameter: str = "crs") -> Crs:
    """Read the name of a CRS: its address, its URN, or such as ``EPSG:3857``.

    Parameters
    ----------
    text
        The name.
    parameter
        What errors call it.

    Raises
    ------
    InvalidInputError
        It is no such name, or there is no such CRS.
    """
    if _CRS84.fullmatch(text):
        return CRS84
    found = _EPSG.fullmatch(text)
    if found is None:
        raise InvalidInputError(
            f"{parameter}={text}: must be the address of a CRS, such as {CRS84.uri} or {epsg_uri(STORAGE_SRID)}"
        )
    try:
        return epsg(int(found.group(1)))
    except CRSError as error:
        raise InvalidInputError(f"{parameter}={text}: there is no such CRS") from error


def epsg_uri(srid: int) -> str:
    """Return the address of the CRS of an EPSG code."""
    return f"http://www.opengis.net/def/crs/EPSG/0/{srid}"


@lru_cache(maxsize=256)
def epsg(srid: int) -> Crs:
    """Return the CRS of an EPSG code, its axes in the order that EPSG gives them.

    Raises
    ------
    pyproj.exceptions.CRSError
        There is none.
    """
    found = pyproj.CRS.from_epsg(srid)
    axes = found.axis_info
    return Crs(
        epsg_uri(srid),
        srid,
        north_first=bool(axes) and axes[0].direction in _NORTH_FIRST,
        decimals=CRS84.decimals if found.is_geographic else 3,
    )


@lru_cache(maxsize=256)
def transformer(from_srid: int, to_srid: int) -> pyproj.Transformer:
    """Return what transforms coordinates, easting before northing in both."""
    return pyproj.Transformer.from_crs(from_srid, to_srid, always_xy=True)


def offered(metric_srids: Iterable[int] = ()) -> list[Crs]:
    """Return the CRSs in which features can be had: those of degrees and Mercator, and metric ones.

    Parameters
    ----------
    metric_srids
        The EPSG codes of territories' own.
    """
    return [CRS84, *(epsg(srid) for srid in dict.fromkeys([*_EVERYWHERE, *metric_srids]))]


def provide_crs(connection: Connection, srid: int) -> None:
    """Let PostGIS know a CRS of EPSG that is newer than it is."""
    known = connection.execute(text("SELECT 1 FROM spatial_ref_sys WHERE srid = :srid"), {"srid": srid}).first()
    if known is None:
        crs = pyproj.CRS.from_epsg(srid)
        connection.execute(
            text("INSERT INTO spatial_ref_sys VALUES (:srid, 'EPSG', :srid, :wkt, '') ON CONFLICT DO NOTHING"),
            {"srid": srid, "wkt": crs.to_wkt("WKT1_GDAL")},
        )
