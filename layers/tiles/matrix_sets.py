"""Tile matrix sets: how the world, or a country, is cut into tiles at each zoom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import pyproj
from pyproj.exceptions import CRSError

from geo.errors import InvalidInputError
from layers.errors import NotFoundError
from layers.models.base import STORAGE_SRID, TILE_SRID

if TYPE_CHECKING:
    from morecantile import TileMatrixSet

Box: TypeAlias = tuple[float, float, float, float]

WEB_MERCATOR_QUAD = "WebMercatorQuad"
WORLD_CRS84_QUAD = "WorldCRS84Quad"
MAX_ZOOM = 22
"""The greatest zoom of WebMercatorQuad; that of other sets is the one of about the same scale."""

_WORLD_M = 40_075_016.685578488
_DEGREE_M = _WORLD_M / 360
_GRID_STEP_M = 1024
_GRID_PREFIX, _GRID_SUFFIX = "EPSG", "Quad"
_DENSIFIED = 21
_AREA_MARGIN_DEG = 5.0
_EARTH: Box = (-180.0, -90.0, 180.0, 90.0)


@dataclass(frozen=True, eq=False)
class MatrixSet:
    """A quad tree of square tiles, numbered from the north-western corner.

    Parameters
    ----------
    id
        As in addresses.
    title
        For people.
    srid
        The EPSG code of its CRS, as PostGIS knows it.
    west, north
        The corner from which rows and columns are counted, in units of the CRS.
    side
        Of a tile at zoom 0, in units of the CRS.
    columns
        At zoom 0, where there is one row.
    scale_zoom
        The zoom of WebMercatorQuad at which tiles have about the scale that they have here at zoom 0.
    area
        The box in degrees beyond which its CRS isn't to be used, and its tiles are empty.
    uri
        Its official name, if it has one.
    """

    id: str
    title: str
    srid: int
    west: float
    north: float
    side: float
    columns: int = 1
    scale_zoom: int = 0
    area: Box = _EARTH
    uri: str | None = None

    @property
    def max_zoom(self) -> int:
        """The greatest zoom."""
        return MAX_ZOOM - self.scale_zoom

    @property
    def is_world(self) -> bool:
        """Whether its eastern edge is its western one."""
        return self.srid in (STORAGE_SRID, TILE_SRID)

    def size(self, z: int) -> tuple[int, int]:
        """Return how many rows and columns there are at a zoom."""
        return 1 << z, self.columns << z

    def check(self, z: int, row: int, col: int) -> None:
        """Refuse a tile that isn't there.

        Raises
        ------
        NotFoundError
            There is no such zoom; the text tells the range.
        InvalidInputError
            There is no such row or column at that zoom; the text tells the range.
        """
        if not 0 <= z <= self.max_zoom:
            raise NotFoundError(f"There is no tile matrix {z}: zooms of {self.id} go from 0 to {self.max_zoom}.")
        rows, columns = self.size(z)
        if not (0 <= row < rows and 0 <= col < columns):
            raise InvalidInputError(
                f"There is no tile {z}/{row}/{col}: at zoom {z} of {self.id} rows go from 0 to {rows - 1}"
                f" and columns from 0 to {columns - 1}."
            )

    def bounds(self, z: int, row: int, col: int, *, margin: float = 0) -> Box:
        """Return west, south, east and north of a tile in units of the CRS, with a margin in sides of the tile."""
        side = self.side / (1 << z)
        return (
            self.west + (col - margin) * side,
            self.north - (row + 1 + margin) * side,
            self.west + (col + 1 + margin) * side,
            self.north - (row - margin) * side,
        )

    def boxes(self, z: int, row: int, col: int, *, margin: float = 0) -> tuple[tuple[Box, float], ...]:
        """Return the boxes in degrees that hold a tile and its margin, and by how much what is in them is moved.

        There are more where the margin crosses the date line: what lies beyond it is at the other end of the world, and
        is moved by its width, in units of the CRS, to lie at the tile. There are none beyond the area of the CRS.
        """
        bounds = self.bounds(z, row, col, margin=margin)
        if not self.is_world:
            shared = _shared(_degrees(self.srid, bounds), self.area)
            return () if shared is None else ((shared, 0.0),)
        west, south, east, north = self._world_degrees(bounds)
        south, north = max(south, -90.0), min(north, 90.0)
        width = self.side * self.columns
        found = [((max(west, -180.0), south, min(east, 180.0), north), 0.0)]
        found += [((west + 360, south, 180.0, north), -width)] if west < -180 else []
        found += [((-180.0, south, east - 360, north), width)] if east > 180 else []
        return tuple(found)

    def limits(self, z: int, box: Box) -> tuple[int, int, int, int]:
        """Return the first and last row, then the first and last column, that a box in degrees touches at a zoom.

        What lies beyond the area of the CRS doesn't count, unless all of it does.
        """
        west, south, east, north = self._place(_shared(box, self.area) or self.area)
        side, (rows, columns) = self.side / (1 << z), self.size(z)
        return (
            _within(math.floor((self.north - north) / side), rows),
            _within(math.floor((self.north - south) / side), rows),
            _within(math.floor((west - self.west) / side), columns),
            _within(math.floor((east - self.west) / side), columns),
        )

    def definition(self) -> TileMatrixSet:
        """Return the set as OGC's Two Dimensional Tile Matrix Set standard describes it."""
        return _definition(self)

    def _world_degrees(self, bounds: Box) -> Box:
        if self.srid == STORAGE_SRID:
            return bounds
        west, south, east, north = bounds
        return west / _DEGREE_M, _latitude(south), east / _DEGREE_M, _latitude(north)

    def _place(self, box: Box) -> Box:
        """Return a box in degrees in units of the CRS."""
        if self.srid == STORAGE_SRID:
            return box
        if self.srid != TILE_SRID:
            return _transformed(self.srid, box)
        west, south, east, north = box
        return west * _DEGREE_M, _northing(south), east * _DEGREE_M, _northing(north)


_WORLD = {
    each.id: each
    for each in (
        MatrixSet(
            WEB_MERCATOR_QUAD,
            "Web Mercator",
            TILE_SRID,
            -_WORLD_M / 2,
            _WORLD_M / 2,
            _WORLD_M,
            uri="http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad",
        ),
        MatrixSet(
            WORLD_CRS84_QUAD,
            "Longitude and latitude",
            STORAGE_SRID,
            -180.0,
            90.0,
            180.0,
            columns=2,
            scale_zoom=1,
            uri="http://www.opengis.net/def/tilematrixset/OGC/1.0/WorldCRS84Quad",
        ),
    )
}


def find_matrix_set(name: str) -> MatrixSet:
    """Return the tile matrix set of that name.

    Raises
    ------
    NotFoundError
        There is none.
    """
    if name in _WORLD:
        return _WORLD[name]
    code = name.removeprefix(_GRID_PREFIX).removesuffix(_GRID_SUFFIX)
    if name == f"{_GRID_PREFIX}{code}{_GRID_SUFFIX}" and code.isascii() and code.isdigit() and len(code) <= 6:
        return national_grid(int(code))
    raise NotFoundError(
        f"There is no tile matrix set {name!r}. There are {', '.join(_WORLD)} and, of a national CRS in metres, such as"
        f" EPSG:3067, {_GRID_PREFIX}3067{_GRID_SUFFIX}."
    )


def world_matrix_sets() -> tuple[MatrixSet, ...]:
    """Return the sets that hold the whole world."""
    return tuple(_WORLD.values())


@lru_cache(maxsize=64)
def national_grid(srid: int) -> MatrixSet:
    """Return the quad tree of a projected CRS: its tile of zoom 0 is a power of two of metres around the CRS's area.

    Raises
    ------
    NotFoundError
        There is no such CRS, or it isn't in metres.
    """
    name = f"{_GRID_PREFIX}{srid}{_GRID_SUFFIX}"
    crs = _crs(srid)
    if crs is None or not crs.is_projected or crs.axis_info[0].unit_name != "metre" or crs.area_of_use is None:
        raise NotFoundError(f"There is no tile matrix set {name!r}: EPSG:{srid} is no projected CRS in metres.")
    west, south, east, north = _transformed(srid, crs.area_of_use.bounds)
    side = 2.0 ** math.ceil(math.log2(max(east - west, north - south)))
    left, top = ((west + east) - side) / 2, ((south + north) + side) / 2
    return MatrixSet(
        name,
        crs.name,
        srid,
        math.floor(left / _GRID_STEP_M) * float(_GRID_STEP_M),
        math.ceil(top / _GRID_STEP_M) * float(_GRID_STEP_M),
        side,
        scale_zoom=round(math.log2(_WORLD_M / side)),
        area=_grown(crs.area_of_use.bounds),
    )


@lru_cache(maxsize=64)
def _definition(matrix_set: MatrixSet) -> TileMatrixSet:
    import morecantile

    if matrix_set.is_world:
        known: TileMatrixSet = morecantile.tms.get(matrix_set.id)
        return known.model_copy(update={"tileMatrices": known.tileMatrices[: matrix_set.max_zoom + 1]})
    custom: TileMatrixSet = morecantile.TileMatrixSet.custom(
        list(matrix_set.bounds(0, 0, 0)),
        pyproj.CRS.from_epsg(matrix_set.srid),
        maxzoom=matrix_set.max_zoom,
        title=matrix_set.title,
        id=matrix_set.id,
    )
    return custom


def _crs(srid: int) -> pyproj.CRS | None:
    try:
        return pyproj.CRS.from_epsg(srid)
    except CRSError:
        return None


@lru_cache(maxsize=64)
def _from_degrees(srid: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(STORAGE_SRID, srid, always_xy=True)


def _transformed(srid: int, box: Box) -> Box:
    west, south, east, north = _from_degrees(srid).transform_bounds(*box, densify_pts=_DENSIFIED)
    return west, south, east, north


def _degrees(srid: int, bounds: Box) -> Box:
    """Return the box in degrees around one of a national CRS, a little larger; beyond the CRS's reach, the world."""
    found = _from_degrees(srid).transform_bounds(*bounds, densify_pts=_DENSIFIED, direction="INVERSE")
    west, south, east, north = found
    if not all(map(math.isfinite, found)) or west > east:
        return _EARTH
    room = (north - south) / 100
    return west - room, south - room, east + room, north + room


def _grown(box: Box) -> Box:
    west, south, east, north = box
    grown = (west - _AREA_MARGIN_DEG, south - _AREA_MARGIN_DEG, east + _AREA_MARGIN_DEG, north + _AREA_MARGIN_DEG)
    return _shared(grown, _EARTH) or _EARTH


def _shared(box: Box, other: Box) -> Box | None:
    """Return what two boxes share, if they do."""
    west, south, east, north = (*map(max, box[:2], other[:2]), *map(min, box[2:], other[2:]))
    return (west, south, east, north) if west <= east and south <= north else None


def _latitude(northing_m: float) -> float:
    return math.degrees(math.atan(math.sinh(2 * math.pi * northing_m / _WORLD_M)))


def _northing(latitude: float) -> float:
    if abs(latitude) >= 90:
        return math.copysign(_WORLD_M, latitude)
    return math.asinh(math.tan(math.radians(latitude))) * _WORLD_M / (2 * math.pi)


def _within(number: int, count: int) -> int:
    return min(max(number, 0), count - 1)
