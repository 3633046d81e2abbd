"""Areas of groups of places: what lies nearer to a place of the group than to any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.errors import InvalidInputError
from geo.statistics.weights import coordinates

if TYPE_CHECKING:
    from geo.networks.topology import Floats, Geometries, Ints


def areas_around(xy: Floats, group: Ints, *, groups: int, reach_m: float) -> Geometries:
    """Return the area of each group of places: the union of their Thiessen polygons, cut at a distance.

    Thiessen 1911, Monthly Weather Review 39(7), 1082-1084 (Voronoi diagram).

    Parameters
    ----------
    xy
        Coordinates in metres, shape (places, 2); of places at the same point the first counts.
    group
        Of each place, from 0; -1 for places that belong to none but keep others away.
    groups
        How many there are.
    reach_m
        What is farther than this from every place belongs to no area.

    Returns
    -------
    numpy.ndarray
        A polygon or multipolygon for each group; empty where it has no place.

    Raises
    ------
    InvalidInputError
        If a coordinate is not finite, there is not one group for each place, or the distance is not positive.
    """
    if not 0 < reach_m < np.inf:
        raise InvalidInputError(f"reach_m must be positive, not {reach_m}")
    given, members = coordinates(xy), np.asarray(group)
    if members.shape != (len(given),):
        raise InvalidInputError(f"group must be {len(given)} numbers, one a place, not of shape {members.shape}")
    places, first = np.unique(given, axis=0, return_index=True)
    owner = members[first]
    around = shapely.buffer(shapely.points(places), reach_m)
    cells = around
    if len(places) > 1:
        spread = shapely.box(*(places.min(axis=0) - reach_m), *(places.max(axis=0) + reach_m))
        diagram = shapely.voronoi_polygons(shapely.multipoints(places), extend_to=spread, ordered=True)
        cells = shapely.intersection(shapely.get_parts(diagram), around)
    areas: Geometries = np.array([shapely.union_all(cells[owner == each]) for each in range(groups)], dtype=object)
    areas[shapely.is_empty(areas)] = shapely.Polygon()
    return areas
