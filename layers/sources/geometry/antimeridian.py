"""Geometries across the meridian of 180 degrees, cut there as RFC 7946 (section 3.1.9) asks.

Sources write them in two ways: longitudes go on beyond 180 or below -180, or they jump from one side to the other. A
step of more than 180 degrees is taken for a jump, the short way round, except one of 360: that goes around the globe.
Longitudes beyond 360 or below -360 are left as they are: no degrees.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.sources.geometry.wkb import Geometries

_HALF_TURN = 180.0
_TURN = 360.0
_COLLECTION = 7
_GLOBE = shapely.box(-_HALF_TURN, -90, _HALF_TURN, 90)
_NEXT_TURN = shapely.box(_HALF_TURN, -90, _HALF_TURN + _TURN, 90)


def within_turn(lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitudes of -360 to 360 degrees as those of -180 to 180, others as they are."""
    strays = (np.abs(lon) > _HALF_TURN) & (np.abs(lon) <= _TURN)
    return np.where(strays, lon - np.sign(lon) * _TURN, lon)


def cut(geometries: Geometries) -> Geometries:
    """Return geometries in degrees, those that reach across the antimeridian cut there into several parts."""
    west, _, east, _ = shapely.bounds(geometries).T
    suspect = (east > _HALF_TURN) | (west < -_HALF_TURN) | (east - west > _HALF_TURN)
    degrees = (west >= -_TURN) & (east <= _TURN)
    found = np.array(geometries)
    for number in np.flatnonzero(suspect & degrees & (shapely.get_type_id(geometries) != _COLLECTION)):
        found[number] = _cut(geometries[number])
    return found


def _cut(geometry: shapely.Geometry) -> shapely.Geometry:
    dimension = shapely.get_dimensions(geometry)
    if dimension == 0:
        return shapely.transform(geometry, lambda x, y: (within_turn(x), y), interleaved=False)
    parts = [_laid_out(each) for each in shapely.get_parts(geometry)]
    west, _, east, _ = shapely.total_bounds(parts)
    if west >= -_HALF_TURN and east <= _HALF_TURN:
        return geometry
    here = shapely.get_parts(shapely.intersection(parts, _GLOBE))
    there = shapely.get_parts(shapely.intersection(parts, _NEXT_TURN))
    pieces = np.concatenate([here, shapely.transform(there, lambda x, y: (x - _TURN, y), interleaved=False)])
    kept = pieces[(shapely.get_dimensions(pieces) == dimension) & ~shapely.is_empty(pieces)]
    return shapely.multipolygons(kept) if dimension == 2 else shapely.multilinestrings(kept)


def _laid_out(part: shapely.Geometry) -> shapely.Geometry:
    """Return a line or polygon whose longitudes go on beyond 180 in place of jumping, none of them below -180."""
    if part.geom_type != "Polygon":
        found = shapely.LineString(_without_jumps(part))
    else:
        shell = _without_jumps(part.exterior)
        holes = [_beside(shell, _without_jumps(each)) for each in part.interiors]
        found = shapely.make_valid(shapely.Polygon(shell, holes))
    if shapely.bounds(found)[0] >= -_HALF_TURN:
        return found
    return shapely.transform(found, lambda x, y: (x + _TURN, y), interleaved=False)


def _without_jumps(line: shapely.Geometry) -> NDArray[np.float64]:
    places = shapely.get_coordinates(line)
    steps = np.diff(places[:, 0])
    jumps = (np.abs(steps) > _HALF_TURN) & (np.abs(steps) < _TURN)
    places[1:, 0] += np.cumsum(np.where(jumps, -np.sign(steps) * _TURN, 0))
    return np.asarray(places)


def _beside(shell: NDArray[np.float64], hole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a hole moved by whole turns to where its shell is."""
    apart = (shell[:, 0].min() + shell[:, 0].max() - hole[:, 0].min() - hole[:, 0].max()) / 2
    return np.asarray(hole + np.array([round(apart / _TURN) * _TURN, 0]))
