"""From the coordinates of a source to longitude and latitude."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray

from geo.errors import InvalidInputError
from layers.models.base import STORAGE_SRID
from layers.sources.geometry import wkb
from layers.sources.geometry.antimeridian import cut, within_turn
from layers.sources.geometry.wkb import Geometries

Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees."""

Problems = dict[int, str]
"""Why rows can't become features, by their number in the batch."""

NO_GEOMETRY = "there is no geometry that can be read"
NO_COORDINATES = "no coordinates"
SEEM_SWAPPED = "latitude and longitude seem to be swapped"

_LOCAL_CRS = re.compile(r"\s*(LOCAL_CS|ENGCRS|ENGINEERINGCRS)\s*\[", re.IGNORECASE)
_COLLECTION = 7
_FAR_DEG = 5.0


class Places(NamedTuple):
    """Geometries of a batch as they are stored, null where there is a problem.

    Parameters
    ----------
    wkb
        In EPSG:4326, longitude before latitude, in two dimensions.
    problems
        Why rows have none.
    """

    wkb: pa.BinaryArray
    problems: Problems


class Placer:
    """Brings geometries of a source to the stored degrees.

    What crosses the antimeridian is cut there; see :mod:`layers.sources.geometry.antimeridian`. A collection whose
    parts are of one kind becomes the multi-geometry of that kind.

    Parameters
    ----------
    crs
        Of the source's coordinates, with easting or longitude first.
    swapped
        Northing or latitude stands first.

    Raises
    ------
    InvalidInputError
        There is no such coordinate reference system.
    """

    def __init__(self, crs: str, *, swapped: bool = False) -> None:
        self.crs = crs
        self._swapped = swapped
        self._transformer = to_degrees(crs)
        self._in_degrees = pyproj.CRS.from_user_input(crs).equals(
            pyproj.CRS.from_epsg(STORAGE_SRID), ignore_axis_order=True
        )

    def points(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Places:
        """Return points at coordinates; those that are no numbers give a problem."""
        given = np.isfinite(x) & np.isfinite(y)
        lon, lat = self._transformed(x, y)
        known = given & np.isfinite(lon) & np.isfinite(lat)
        problems = dict.fromkeys(np.flatnonzero(~given).tolist(), NO_COORDINATES)
        problems |= dict.fromkeys(np.flatnonzero(given & ~known).tolist(), self._outside)
        return Places(wkb.write_points(np.stack([within_turn(lon), lat], axis=1), known), problems)

    def well_known(self, values: pa.BinaryArray) -> Places:
        """Return geometries that are told as well-known binary, as they stand where there is nothing to do to them."""
        points = wkb.read_points(values)
        if points is not None:
            return self.points(*points.T)
        plain = None if self._moves else wkb.read_plain(values)
        if plain is not None and _lie_within_half_a_turn(plain):
            return Places(values, {})
        return self.geometries(wkb.read(values))

    def geometries(self, geometries: Geometries) -> Places:
        """Return geometries; those missing, or beyond what the CRS can place, give a problem."""
        plain = np.array(geometries)
        for number in np.flatnonzero(shapely.get_type_id(plain) == _COLLECTION):
            plain[number] = _of_one_kind(plain[number])
        placed: Geometries = plain
        outside = np.zeros(len(plain), bool)
        if self._moves:
            placed = np.asarray(shapely.transform(plain, self._transformed, interleaved=False), object)
            outside = _finite(plain) & ~_finite(placed)
        problems = dict.fromkeys(np.flatnonzero(shapely.is_missing(placed)).tolist(), NO_GEOMETRY)
        problems |= dict.fromkeys(np.flatnonzero(outside).tolist(), self._outside)
        placed[outside] = None
        return Places(wkb.write(cut(placed)), problems)

    @property
    def _moves(self) -> bool:
        return self._swapped or not self._in_degrees

    @property
    def _outside(self) -> str:
        return f"the coordinates lie outside {self.crs}"

    def _transformed(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        east, north = (y, x) if self._swapped else (x, y)
        return (east, north) if self._in_degrees else self._transformer.transform(east, north)


def to_degrees(crs: str) -> pyproj.Transformer:
    """Return what transforms eastings and northings, or longitudes and latitudes, of a CRS into stored degrees.

    Raises
    ------
    InvalidInputError
        There is no such coordinate reference system, or it isn't bound to the Earth.
    """
    try:
        return pyproj.Transformer.from_crs(crs, STORAGE_SRID, always_xy=True)
    except pyproj.exceptions.CRSError as error:
        raise InvalidInputError(f"{crs} is no coordinate reference system: write it like EPSG:3857") from error
    except pyproj.exceptions.ProjError as error:
        raise InvalidInputError(f"{crs} is not bound to the Earth, so it has no longitude and latitude") from error


def around(boxes: Iterable[Sequence[float]]) -> Box:
    """Return the box around boxes, of which there must be one."""
    west, south, east, north = zip(*boxes, strict=True)
    return float(min(west)), float(min(south)), float(max(east)), float(max(north))


def known_crs(file_name: str, stated: str | None) -> str:
    """Return the CRS of a file if it is known.

    Raises
    ------
    InvalidInputError
        It isn't, or is one that has no place on Earth.
    """
    if stated is None or _LOCAL_CRS.match(stated):
        raise InvalidInputError(
            f"{file_name} doesn't say in which CRS its coordinates are: name it with --crs EPSG:..."
        )
    return stated


def swapped_into(box: Box, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which places lie outside a box, and would lie in it with longitude and latitude swapped.

    Parameters
    ----------
    box
        Where the places should be: west, south, east, north, in degrees.
    lon, lat
        The places, in degrees.

    Returns
    -------
    ndarray of bool
        Nowhere true where the box and its mirror image are less than 5 degrees apart: there a place outside the box
        may just as well be a neighbour.
    """
    west, south, east, north = box
    mirrored = shapely.box(south, west, north, east)
    if shapely.distance(shapely.box(*box), mirrored) < _FAR_DEG:
        return np.zeros(len(lon), bool)
    return ~_inside(box, lon, lat) & _inside(box, lat, lon)


def _inside(box: Box, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
    west, south, east, north = box
    return np.asarray((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))


def _finite(geometries: Geometries) -> NDArray[np.bool_]:
    """Return which geometries have coordinates that are all numbers; those missing or empty have."""
    coordinates, owners = shapely.get_coordinates(geometries, return_index=True)
    finite = np.ones(len(geometries), bool)
    finite[owners[~np.isfinite(coordinates).all(axis=1)]] = False
    return finite


def _lie_within_half_a_turn(geometries: Geometries) -> bool:
    """Tell whether geometries together reach over 180 degrees at most, none of them beyond the antimeridian."""
    lon, lat = shapely.get_coordinates(geometries).T
    if not len(lon):
        return False
    west, east = lon.min(), lon.max()
    return bool(west >= -180 and east <= 180 and east - west <= 180 and np.isfinite(lat.max() - lat.min()))


def _of_one_kind(collection: shapely.GeometryCollection) -> shapely.Geometry:
    """Return the multi-geometry of a collection's parts, or the collection where they are of several kinds."""
    parts = shapely.get_parts(shapely.get_parts(collection))
    kinds = set(shapely.get_dimensions(parts).tolist())
    if len(kinds) != 1 or (shapely.get_type_id(parts) == _COLLECTION).any():
        return collection
    return (shapely.multipoints, shapely.multilinestrings, shapely.multipolygons)[kinds.pop()](parts)
