"""Well-known binary (ISO 13249-3) with all that GEOS leaves out: arcs, which become lines, and surfaces of patches."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

Geometries = NDArray[np.object_]

_POINT, _LINE, _POLYGON, _MULTI_POINT, _MULTI_LINE, _MULTI_POLYGON, _COLLECTION = range(1, 8)
_ARCS, _COMPOUND, _CURVE_POLYGON, _MULTI_CURVE, _MULTI_SURFACE = range(8, 13)
_POLYHEDRON, _TIN, _TRIANGLE = 15, 16, 17
_HAS_Z, _HAS_M, _HAS_SRID = 0x80000000, 0x40000000, 0x20000000
_PLAIN_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("place", "<f8", 2)])
_HEADER_BYTES = 5
_DEEPEST = 32
_ARC_STEP = np.radians(4)
_NO_WKB = "the geometry is no well-known binary"


def read(values: pa.BinaryArray) -> Geometries:
    """Return geometries in two dimensions; ``None`` for nulls and for what is no geometry.

    Arcs become lines with a vertex at least every four degrees, rings are closed.
    """
    kinds = _kinds(values)
    blobs = values.to_numpy(zero_copy_only=False)
    unknown_to_geos = kinds > _COLLECTION
    try:
        found = _from_wkb(blobs, unknown_to_geos)
    except NotImplementedError:
        unknown_to_geos = kinds >= _COLLECTION
        found = _from_wkb(blobs, unknown_to_geos)
    for number in np.flatnonzero(unknown_to_geos):
        found[number] = _parsed(blobs[number])
    flat = not (shapely.has_z(found) | shapely.has_m(found)).any()
    return found if flat else np.asarray(shapely.force_2d(found), object)


def read_points(values: pa.BinaryArray) -> NDArray[np.float64] | None:
    """Return the coordinates of points, a row a point, or ``None`` where some value is no plain point."""
    _, ends, data = values.buffers()
    offsets = np.frombuffer(ends, np.int32)[values.offset :][: len(values) + 1]
    if values.null_count or (np.diff(offsets) != _PLAIN_POINT.itemsize).any():
        return None
    found = np.frombuffer(data or b"", _PLAIN_POINT, len(values), offsets[0])
    return found["place"] if (found["order"] == 1).all() and (found["kind"] == _POINT).all() else None


def read_plain(values: pa.BinaryArray) -> Geometries | None:
    """Return geometries that needn't be written anew, or ``None`` where some value has to be, or is none.

    They are simple features without arcs, heights, measures and collections, in little-endian order, and GEOS takes
    them without mending anything.
    """
    _, ends, data = values.buffers()
    offsets = np.frombuffer(ends, np.int32)[values.offset :][: len(values) + 1]
    if values.null_count or (np.diff(offsets) < _HEADER_BYTES).any():
        return None
    headers = np.frombuffer(data or b"", np.uint8)[offsets[:-1, None] + np.arange(_HEADER_BYTES)]
    codes = headers[:, 1:].copy().view("<u4")
    if (headers[:, 0] != 1).any() or (codes < _POINT).any() or (codes > _MULTI_POLYGON).any():
        return None
    try:
        with np.errstate(invalid="ignore"):
            found = np.asarray(shapely.from_wkb(values.to_numpy(zero_copy_only=False)), object)
    except shapely.errors.GEOSException:
        return None
    return None if (shapely.has_z(found) | shapely.has_m(found)).any() else found


def write(geometries: Geometries) -> pa.BinaryArray:
    """Return geometries as well-known binary in two dimensions, ``None`` as null."""
    return pa.array(shapely.to_wkb(geometries, output_dimension=2, byte_order=1), pa.binary())


def write_points(places: NDArray[np.float64], known: NDArray[np.bool_]) -> pa.BinaryArray:
    """Return points as well-known binary, a point a row of coordinates, null where it isn't known."""
    found = np.empty(len(places), _PLAIN_POINT)
    found["order"], found["kind"], found["place"] = 1, _POINT, places
    fixed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(_PLAIN_POINT.itemsize), len(places), [None, pa.py_buffer(found.tobytes())]
    )
    return pc.if_else(pa.array(known), fixed.cast(pa.binary()), None)


def _from_wkb(blobs: NDArray[np.object_], without: NDArray[np.bool_]) -> Geometries:
    known = np.array(blobs)
    known[without] = None
    with np.errstate(invalid="ignore"):
        return np.asarray(shapely.from_wkb(known, on_invalid="fix"), object)


def _kinds(values: pa.BinaryArray) -> NDArray[np.uint32]:
    """Return what kind of geometry each value says it is, zero for those too short to say."""
    _, ends, data = values.buffers()
    offsets = np.frombuffer(ends, np.int32)[values.offset :][: len(values) + 1]
    long_enough = np.diff(offsets) >= _HEADER_BYTES
    first = offsets[:-1][long_enough, None]
    octets = np.frombuffer(data or b"", np.uint8)
    codes = octets[first + np.arange(1, _HEADER_BYTES)].view("<u4")[:, 0]
    codes = np.where(octets[first[:, 0]] == 0, codes.byteswap(), codes)
    kinds = np.zeros(len(values), np.uint32)
    kinds[long_enough] = (codes & ~np.uint32(_HAS_Z | _HAS_M | _HAS_SRID)) % 1000
    return kinds


def _parsed(blob: bytes) -> shapely.Geometry | None:
    try:
        return _Parser(blob).geometry()
    except (ValueError, IndexError, struct.error, shapely.errors.GEOSException):
        return None


class _Parser:
    """Reads one geometry from its bytes."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._at = 0
        self._depth = 0

    def geometry(self) -> shapely.Geometry:
        order = "<" if self._blob[self._at] else ">"
        self._at += 1
        code = self._number(order)
        if code & _HAS_SRID:
            self._at += 4
        thousands, kind = divmod(code & ~(_HAS_Z | _HAS_M | _HAS_SRID), 1000)
        dimensions = 2 + (bool(code & _HAS_Z) or thousands in {1, 3}) + (bool(code & _HAS_M) or thousands in {2, 3})
        if kind == _POINT:
            return shapely.Point(self._coordinates(order, dimensions, 1)[0])
        if kind in {_LINE, _ARCS}:
            points = self._coordinates(order, dimensions, self._number(order))
            return shapely.LineString(points if kind == _LINE else stroked(points))
        if kind in {_POLYGON, _TRIANGLE}:
            rings = [self._coordinates(order, dimensions, self._number(order)) for _ in range(self._number(order))]
            return _polygon(rings)
        return _assembled(kind, list(self._parts(order)))

    def _parts(self, order: str) -> Iterator[shapely.Geometry]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(_NO_WKB)
        for _ in range(self._number(order)):
            yield self.geometry()
        self._depth -= 1

    def _number(self, order: str) -> int:
        (found,) = struct.unpack_from(f"{order}I", self._blob, self._at)
        self._at += 4
        return int(found)

    def _coordinates(self, order: str, dimensions: int, count: int) -> NDArray[np.float64]:
        if count * dimensions * 8 > len(self._blob) - self._at:
            raise ValueError(_NO_WKB)
        found = np.frombuffer(self._blob, f"{order}f8", count * dimensions, self._at)
        self._at += found.nbytes
        return found.reshape(count, dimensions)[:, :2].astype(np.float64)


def stroked(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vertices of a line along arcs, each through three points, the last of one being the first of the next.

    An arc that ends where it begins is a circle, and its middle point is opposite; three points in a line are a line.
    """
    arcs = [_arc(*points[first : first + 3]) for first in range(0, len(points) - 2, 2)]
    return np.concatenate([points[:1], *arcs])


def _arc(start: NDArray[np.float64], middle: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vertices of an arc after its start."""
    centre = (start + middle) / 2 if (start == end).all() else _centre(start, middle, end)
    if centre is None:
        return np.array([middle, end])
    from_start = start - centre
    begin, through, until = (float(np.arctan2(*(each - centre)[::-1])) for each in (start, middle, end))
    turn = 2 * np.pi
    to_end = (until - begin) % turn or turn
    if (through - begin) % turn > to_end:
        to_end -= turn
    steps = max(2, int(np.ceil(abs(to_end) / _ARC_STEP)))
    angles = begin + to_end * np.arange(1, steps) / steps
    along = centre + np.hypot(*from_start) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([along, end[None]])


def _centre(
    start: NDArray[np.float64], middle: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the centre of the circle through three points, or ``None`` where they lie in a line."""
    sides = np.array([middle - start, end - start])
    if abs(np.linalg.det(sides)) <= np.finfo(float).eps * np.square(sides).sum():
        return None
    return np.asarray(start + np.linalg.solve(sides, np.square(sides).sum(axis=1) / 2))


def _assembled(kind: int, parts: list[Any]) -> shapely.Geometry:
    """Make a geometry of its parts, which have already lost their arcs."""
    if kind == _COMPOUND:
        first, *others = [shapely.get_coordinates(each) for each in parts]
        return shapely.LineString(np.concatenate([first, *(each[1:] for each in others)]))
    if kind == _CURVE_POLYGON:
        return _polygon([shapely.get_coordinates(each) for each in parts])
    if kind == _MULTI_POINT:
        return shapely.MultiPoint(parts)
    if kind in {_MULTI_LINE, _MULTI_CURVE}:
        return shapely.MultiLineString(parts)
    if kind in {_MULTI_POLYGON, _MULTI_SURFACE, _POLYHEDRON, _TIN}:
        return shapely.MultiPolygon(parts)
    if kind == _COLLECTION:
        return shapely.GeometryCollection(parts)
    raise ValueError(_NO_WKB)


def _polygon(rings: list[NDArray[np.float64]]) -> shapely.Geometry:
    return shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon()
