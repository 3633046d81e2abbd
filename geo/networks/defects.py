"""Defects of geometry: ends that hang, lines that nearly meet, networks in pieces, polygons that overlap."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy
import shapely
from numpy.typing import NDArray

from geo.crs import metric_crs
from geo.errors import InvalidInputError

_SNAP_M = 0.001
_NEGLIGIBLE_SHARE = 0.01

Ints = NDArray[np.int64]


def dangling_ends(lines: gpd.GeoDataFrame | gpd.GeoSeries) -> gpd.GeoDataFrame:
    """Find the ends of lines at which no other line has a vertex: dead ends, and breaks in a network.

    Parameters
    ----------
    lines
        Lines in a metric CRS. Vertices within a millimetre are one.

    Returns
    -------
    geopandas.GeoDataFrame
        A row an end, the index holding the line's: ``geometry`` is the end point. A closed line has none.
    """
    line, xy, is_end = _vertices(lines)
    vertex = _vertex_ids(xy)
    uses = np.bincount(vertex)
    hanging = is_end & (uses[vertex] == 1)
    return gpd.GeoDataFrame(
        geometry=gpd.GeoSeries(shapely.points(xy[hanging]), index=lines.index[line[hanging]], crs=lines.crs)
    )


def undershoots(lines: gpd.GeoDataFrame | gpd.GeoSeries, *, tolerance_m: float) -> gpd.GeoDataFrame:
    """Find the ends of lines that stop just before another line, or on it where it has no vertex.

    Parameters
    ----------
    lines
        Lines in a metric CRS.
    tolerance_m
        Up to this distance an end is meant to meet the other line.

    Returns
    -------
    geopandas.GeoDataFrame
        A row an end, the index holding the line's: ``other`` is the index of the nearest other line, ``distance_m``
        how far it is, ``geometry`` the end point.

    Raises
    ------
    InvalidInputError
        The tolerance is negative or no number.
    """
    if not (np.isfinite(tolerance_m) and tolerance_m >= 0):
        raise InvalidInputError(f"tolerance_m={tolerance_m}: must be a distance of zero or more metres")
    line, xy, is_end = _vertices(lines)
    vertex = _vertex_ids(xy)
    hanging = np.flatnonzero(is_end & (np.bincount(vertex)[vertex] == 1)) if len(xy) else np.empty(0, np.int64)
    ends = shapely.points(xy[hanging])
    geometry = np.asarray(lines.geometry.array)
    tree = shapely.STRtree(geometry)
    end, other = tree.query(ends, predicate="dwithin", distance=tolerance_m)
    own = line[hanging][end]
    end, other = end[own != other], other[own != other]
    found = pd.DataFrame({"end": end, "other": other, "distance_m": shapely.distance(ends[end], geometry[other])})
    nearest = found.sort_values(["distance_m", "other"]).drop_duplicates("end").sort_values("end")
    position = nearest["end"].to_numpy()
    return gpd.GeoDataFrame(
        {"other": lines.index[nearest["other"]].to_numpy(), "distance_m": nearest["distance_m"].to_numpy()},
        geometry=ends[position],
        index=lines.index[line[hanging[position]]],
        crs=lines.crs,
    )


def components(lines: gpd.GeoDataFrame | gpd.GeoSeries) -> pd.Series[Any]:
    """Tell which lines hang together: the number of each line's connected component, 0 being the longest.

    Parameters
    ----------
    lines
        Lines in a metric CRS. Lines hang together where they share a vertex, to the millimetre.

    Returns
    -------
    pandas.Series
        With the index of the lines; a line without geometry is a component of its own.
    """
    line, xy, _ = _vertices(lines)
    if not len(lines):
        return pd.Series(index=lines.index, dtype="int64")
    vertex = _vertex_ids(xy) + len(lines)
    size = len(lines) + (int(vertex.max()) + 1 - len(lines) if len(vertex) else 0)
    graph = scipy.sparse.coo_array((np.ones(len(line), bool), (line, vertex)), shape=(size, size))
    _, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    label = label[: len(lines)]
    length = np.bincount(label, weights=np.nan_to_num(lines.geometry.length.to_numpy()))
    present = np.unique(label)
    order = present[np.lexsort((present, -length[present]))]
    rank = np.empty(int(label.max()) + 1, np.int64)
    rank[order] = np.arange(len(order))
    return pd.Series(rank[label], index=lines.index)


def overlaps(polygons: gpd.GeoDataFrame | gpd.GeoSeries, *, min_area_m2: float = 1.0) -> gpd.GeoDataFrame:
    """Find the pairs of polygons that overlap.

    Parameters
    ----------
    polygons
        Valid polygons in a metric CRS.
    min_area_m2
        Smaller overlaps, and those below a hundredth of the smaller polygon, are taken for inaccuracy.

    Returns
    -------
    geopandas.GeoDataFrame
        A row a pair, the index holding that of the earlier polygon: ``other`` is the index of the later one,
        ``area_m2`` that of the overlap, ``share`` its share of the smaller polygon, ``geometry`` the overlap.
    """
    metric_crs(polygons.crs, "polygons")
    geometry = np.asarray(polygons.geometry.array)
    first, second = shapely.STRtree(geometry).query(geometry, predicate="intersects")
    pairs = np.column_stack([first, second])[first < second]
    first, second = pairs[np.lexsort(pairs.T[::-1])].T
    common = shapely.intersection(geometry[first], geometry[second])
    area = shapely.area(common)
    smaller = np.minimum(shapely.area(geometry[first]), shapely.area(geometry[second]))
    kept = (area >= min_area_m2) & (area >= _NEGLIGIBLE_SHARE * smaller)
    return gpd.GeoDataFrame(
        {
            "other": polygons.index[second[kept]].to_numpy(),
            "area_m2": area[kept],
            "share": area[kept] / smaller[kept],
        },
        geometry=common[kept],
        index=polygons.index[first[kept]],
        crs=polygons.crs,
    )


def _vertices(lines: gpd.GeoDataFrame | gpd.GeoSeries) -> tuple[Ints, Any, NDArray[np.bool_]]:
    """Return the vertices of lines: whose each is, where it is, and whether it is an end of a part.

    A vertex that follows another at the same place is left out.
    """
    metric_crs(lines.crs, "lines")
    parts, line = shapely.get_parts(np.asarray(lines.geometry.array), return_index=True)
    xy, part = shapely.get_coordinates(parts, return_index=True)
    fresh = np.ones(len(xy), bool)
    fresh[1:] = (part[1:] != part[:-1]) | (np.abs(np.diff(xy, axis=0)) > _SNAP_M / 2).any(axis=1)
    xy, part = xy[fresh], part[fresh]
    is_end = np.ones(len(part), bool)
    is_end[1:-1] = (part[1:-1] != part[:-2]) | (part[1:-1] != part[2:])
    return line[part].astype(np.int64), xy, is_end


def _vertex_ids(xy: Any) -> Ints:
    """Return a number for each place; places within a millimetre have the same."""
    snapped = np.round(xy / _SNAP_M).astype(np.int64)
    _, ids = np.unique(snapped, axis=0, return_inverse=True)
    return ids.reshape(-1).astype(np.int64)
