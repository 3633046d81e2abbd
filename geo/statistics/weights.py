"""Spatial weights: which places are neighbours, and how much each counts, as sparse matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy
import shapely

from geo.checks import as_numbers
from geo.errors import InvalidInputError, named
from geo.networks.topology import Floats, Ints

if TYPE_CHECKING:
    import geopandas as gpd

PAIRS_AT_MOST = 50_000_000
"""Of neighbours: more would not fit in memory."""

ROUNDING = 1e-12
"""A time this part longer than the limit is not longer."""


def distance_band(xy: Any, *, radius_m: float, include_self: bool = False) -> scipy.sparse.csr_array:
    """Make places neighbours that lie within a distance of one another.

    Parameters
    ----------
    xy
        Coordinates in metres, shape (places, 2).
    radius_m
        Largest distance of neighbours; places at exactly this distance are neighbours.
    include_self
        Whether each place is a neighbour of its own, as Gi* needs.

    Returns
    -------
    scipy.sparse.csr_array
        Binary and symmetric, shape (places, places). Places at the same point are neighbours.

    Raises
    ------
    InvalidInputError
        If a coordinate is not finite, the radius not positive, or the pairs of neighbours too many for memory.
    """
    places = coordinates(xy)
    pairs = near_pairs(places, radius_m=radius_m)
    weights = _binary(np.concatenate([pairs[:, 0], pairs[:, 1]]), np.concatenate([pairs[:, 1], pairs[:, 0]]), places)
    return (
        scipy.sparse.csr_array(weights + scipy.sparse.eye_array(len(places), format="csr")) if include_self else weights
    )


def k_nearest(xy: Any, *, k: int) -> scipy.sparse.csr_array:
    """Make the k nearest places the neighbours of each.

    Parameters
    ----------
    xy
        Coordinates in metres, shape (places, 2).
    k
        Neighbours of each place; less than the number of places.

    Returns
    -------
    scipy.sparse.csr_array
        Binary, shape (places, places), not symmetric in general.

    Raises
    ------
    InvalidInputError
        If a coordinate is not finite, or there are not more than `k` places.
    """
    places = coordinates(xy)
    if not 1 <= k < len(places):
        raise InvalidInputError(f"k must be from 1 to {len(places) - 1} for {len(places)} places, not {k}")
    found = np.asarray(scipy.spatial.KDTree(places).query(places, k=k + 1)[1])
    own = found == np.arange(len(places))[:, np.newaxis]
    own[~own.any(axis=1), -1] = True
    return _binary(np.repeat(np.arange(len(places)), k), found[~own], places)


def contiguity(areas: gpd.GeoSeries, *, rule: Literal["queen", "rook"] = "queen") -> scipy.sparse.csr_array:
    """Make areas neighbours that touch.

    Parameters
    ----------
    areas
        A GeoSeries or GeoDataFrame of polygons in any CRS.
    rule
        ``queen``: a common point is enough; ``rook``: they must share a part of their borders, or overlap.

    Returns
    -------
    scipy.sparse.csr_array
        Binary and symmetric, shape (areas, areas), in the order of the areas.

    Raises
    ------
    InvalidInputError
        If an area has no geometry.
    """
    shapes = areas.geometry.to_numpy()
    nothing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if nothing.any():
        raise InvalidInputError(f"area {named(areas.index[nothing][0])} has no geometry: leave it out")
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    apart = first != second
    if rule == "rook":
        apart[apart] = shapely.length(shapely.intersection(shapes[first[apart]], shapes[second[apart]])) > 0
    return _binary(first[apart], second[apart], shapes)


def row_standardised(weights: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    """Return weights divided by the sum of their row, so that a lag is a mean; rows without neighbours stay empty."""
    total = weights.sum(axis=1)
    return scipy.sparse.csr_array(
        scipy.sparse.diags_array(np.divide(1.0, total, out=np.zeros(len(total)), where=total > 0)) @ weights
    )


def near_pairs(xy: Any, *, radius_m: float, days: Floats | None = None, window_d: float = np.inf) -> Ints:
    """Return each pair of places within a distance of one another, once.

    Parameters
    ----------
    xy
        Coordinates in metres, shape (places, 2).
    radius_m
        Largest distance of a pair.
    days
        When something happened at each place; with it, pairs are also at most `window_d` days apart.

    Returns
    -------
    numpy.ndarray
        Positions of the two places, shape (pairs, 2).

    Raises
    ------
    InvalidInputError
        If a coordinate is not finite, a limit not positive, or the pairs are too many for memory.
    """
    places = coordinates(xy)
    if not 0 < radius_m < np.inf:
        raise InvalidInputError(f"radius_m must be positive, not {radius_m}")
    if not window_d > 0:
        raise InvalidInputError(f"window_d must be positive, not {window_d}")
    axes, norm, reach_m = places, 2.0, radius_m
    if days is not None:
        axes, norm = np.column_stack([places, days * (radius_m / window_d)]), np.inf
        reach_m = radius_m * (1 + ROUNDING)
    tree = scipy.spatial.KDTree(axes)
    ordered = int(tree.count_neighbors(tree, reach_m, p=norm))
    if ordered > 2 * PAIRS_AT_MOST:
        raise InvalidInputError(
            f"about {ordered // 2:,} pairs of places are near one another, more than the {PAIRS_AT_MOST:,} that fit: "
            "take a smaller radius, or fewer places"
        )
    pairs: Ints = tree.query_pairs(reach_m, p=norm, output_type="ndarray")
    if days is None:
        return pairs
    apart = places[pairs[:, 0]] - places[pairs[:, 1]]
    return pairs[np.hypot(apart[:, 0], apart[:, 1]) <= radius_m]


def coordinates(xy: Any) -> Floats:
    """Return coordinates as an array of shape (places, 2), checked to be finite."""
    places = as_numbers("coordinates", xy)
    if not places.size:
        return places.reshape(0, 2)
    if places.ndim != 2 or places.shape[1] != 2:
        raise InvalidInputError(f"coordinates must have the shape (places, 2), not {places.shape}")
    wrong = ~np.isfinite(places).all(axis=1)
    if wrong.any():
        raise InvalidInputError(f"coordinates of place {np.flatnonzero(wrong)[0]} are not finite: leave it out")
    return places


def _binary(row: Ints, column: Ints, places: Any) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array((np.ones(len(row)), (row, column)), shape=(len(places), len(places)))
