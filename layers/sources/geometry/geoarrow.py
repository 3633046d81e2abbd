"""Geometries in the native encodings of GeoArrow and GeoParquet: lists of lists of coordinates."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from layers.sources.geometry.wkb import Geometries

_KINDS = {
    "point": (shapely.GeometryType.POINT, 0),
    "linestring": (shapely.GeometryType.LINESTRING, 1),
    "polygon": (shapely.GeometryType.POLYGON, 2),
    "multipoint": (shapely.GeometryType.MULTIPOINT, 1),
    "multilinestring": (shapely.GeometryType.MULTILINESTRING, 2),
    "multipolygon": (shapely.GeometryType.MULTIPOLYGON, 3),
}
"""By the name of the encoding, the kind of geometry and how many lists lie around its coordinates."""

ENCODINGS = frozenset(_KINDS)


def read(values: pa.Array, encoding: str) -> Geometries:
    """Return geometries in two dimensions, ``None`` for nulls."""
    kind, depth = _KINDS[encoding]
    found = np.full(len(values), None, object)
    known = values.is_valid().to_numpy(zero_copy_only=False)
    inner = values.drop_null()
    offsets: list[NDArray[np.int64]] = []
    for _ in range(depth):
        lengths = pc.list_value_length(inner).to_numpy(zero_copy_only=False)
        offsets.append(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
        inner = inner.flatten()
    if len(inner) or depth:
        found[known] = shapely.from_ragged_array(kind, _coordinates(inner), tuple(reversed(offsets)) or None)
    return found


def _coordinates(places: pa.Array) -> NDArray[np.float64]:
    """Return x and y of places, which are structures with these names or lists of numbers."""
    if pa.types.is_struct(places.type):
        axes = [places.field(name).to_numpy(zero_copy_only=False) for name in ("x", "y")]
        return np.stack(axes, axis=1)
    numbers = places.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(numbers.reshape(len(places), -1)[:, :2], np.float64)
