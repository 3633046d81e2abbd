"""Repair of lines before a network is built of them: junctions where they cross, and ends that fall short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.networks.network import check_lines
from geo.networks.topology import Floats, Geometries, Ints

if TYPE_CHECKING:
    from geo.networks.topology import Bools

SAME_M = 1e-6
"""Vertices of a line nearer than this, along it, are the same."""


@dataclass(frozen=True, kw_only=True)
class NodingReport:
    """What was done to lines.

    Parameters
    ----------
    lines
        Lines read.
    crossings
        Places where two lines, or a line and itself, met without a common vertex, and have one.
    extended
        Ends that fell short of another line and were led to it.
    doubled
        Lines that are the same as an earlier one, and were left out.
    """

    lines: int
    crossings: int
    extended: int
    doubled: int


def node_lines(
    lines: gpd.GeoDataFrame, *, snap_m: float = 0.0, apart: Bools | None = None
) -> tuple[gpd.GeoDataFrame, NodingReport]:
    """Give lines a common vertex wherever they meet, so that `Network.from_roads` joins them there.

    Parameters
    ----------
    lines
        Lines in a projected CRS in metres, with any other columns. It stays as it is.
    snap_m
        An end that no other line meets is led to the nearest line within this distance.
    apart
        For each line whether it passes over or under the others, as bridges and tunnels do: it only joins them at
        vertices that they share already. None does where not given.

    Returns
    -------
    geopandas.GeoDataFrame
        The lines with more vertices, by their index, in their order, without those doubled.
    NodingReport
        What was done.

    Raises
    ------
    InvalidInputError
        If the CRS is not in metres, a geometry is not a line, or the distance is negative or not a number.
    """
    metric_crs(lines.crs, "lines")
    check_lines(lines.geometry, "only lines can be joined")
    if not 0 <= snap_m < np.inf:
        raise InvalidInputError(f"snap_m must be 0 or more, not {snap_m}")
    level = np.zeros(len(lines), dtype=bool) if apart is None else np.asarray(apart, dtype=bool)
    if level.shape != (len(lines),):
        raise InvalidInputError(f"apart must tell of each of {len(lines)} lines whether it passes over or under others")
    shapes = lines.geometry.to_numpy()
    usable = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes)) & np.isfinite(shapely.bounds(shapes)).all(axis=1)
    first = ~lines.geometry.normalize().duplicated().to_numpy()
    kept = np.flatnonzero(usable & first)
    parts, owner = shapely.get_parts(shapely.force_2d(shapes[kept]), return_index=True)
    owner = kept[owner]
    parts, extended = _led_to_lines(parts, snap_m)
    parts, owner, knots = _untangled(parts, owner, level)
    line, xy = _meetings(parts, level[owner])
    parts, places = _with_vertices(parts, line, xy)
    result = lines[~usable | first].copy()
    joined = shapes.copy()
    joined[kept] = _together(parts, np.searchsorted(kept, owner), len(kept))
    result.geometry = joined[~usable | first]
    doubled = int((usable & ~first).sum())
    return result, NodingReport(lines=len(lines), crossings=places + knots, extended=extended, doubled=doubled)


def crossings(lines: Geometries, apart: Bools) -> tuple[Ints, Ints]:
    """Return the pairs of lines that meet anywhere, but those of which one passes over or under the other."""
    level = np.flatnonzero(~apart)
    one, other = shapely.STRtree(lines[level]).query(lines[level], predicate="intersects")
    some = one < other
    return level[one[some]], level[other[some]]


def _meetings(lines: Geometries, apart: Bools) -> tuple[Ints, Floats]:
    """Return lines, and coordinates where another line meets each."""
    one, other = crossings(lines, apart)
    common = shapely.intersection(lines[one], lines[other])
    xy, pair = shapely.get_coordinates(common, return_index=True)
    return np.concatenate([one[pair], other[pair]]), np.concatenate([xy, xy])


def _untangled(lines: Geometries, owner: Ints, apart: Bools) -> tuple[Geometries, Ints, int]:
    """Return lines cut where they cross themselves, the owner of each, and how many such places there are."""
    tangled = np.flatnonzero(~shapely.is_simple(lines) & ~apart[owner])
    if not len(tangled):
        return lines, owner, 0
    pieces, line = shapely.get_parts(shapely.node(lines[tangled]), return_index=True)
    ends = shapely.get_coordinates(np.concatenate([shapely.get_point(pieces, 0), shapely.get_point(pieces, -1)]))
    places = np.unique(np.column_stack([np.concatenate([line, line]), np.round(ends / SAME_M)]), axis=0)
    knots = len(places) - int(shapely.get_num_geometries(shapely.boundary(lines[tangled])).sum())
    others = np.delete(np.arange(len(lines)), tangled)
    parts = np.concatenate([lines[others], pieces])
    owner = np.concatenate([owner[others], owner[tangled][line]])
    order = np.argsort(owner, kind="stable")
    return parts[order], owner[order], max(knots, 0)


def _led_to_lines(lines: Geometries, snap_m: float) -> tuple[Geometries, int]:
    """Return the lines with ends that no other line meets led to the nearest line within a distance."""
    if snap_m == 0 or not len(lines):
        return lines, 0
    tree = shapely.STRtree(lines)
    every = np.arange(len(lines))
    line, tip = np.concatenate([every, every]), np.concatenate([np.zeros_like(every), np.full_like(every, -1)])
    ends = shapely.get_point(lines[line], tip)
    end, near = tree.query(ends, predicate="dwithin", distance=snap_m)
    foreign = near != line[end]
    end, near = end[foreign], near[foreign]
    distance = shapely.distance(ends[end], lines[near])
    order = np.lexsort((near, distance, end))
    nearest = order[np.flatnonzero(np.diff(end[order], prepend=-1))]
    short = nearest[distance[nearest] > SAME_M]
    end, near = end[short], near[short]
    target = shapely.get_coordinates(
        shapely.line_interpolate_point(lines[near], shapely.line_locate_point(lines[near], ends[end]))
    )
    led = lines.copy()
    for position, xy in zip(end, target, strict=True):
        coordinates = shapely.get_coordinates(led[line[position]])
        joined = [xy, *coordinates] if tip[position] == 0 else [*coordinates, xy]
        led[line[position]] = shapely.LineString(joined)
    return led, len(end)


def _with_vertices(lines: Geometries, line: Ints, xy: Floats) -> tuple[Geometries, int]:
    """Return lines with more vertices on them, and how many places have one that had none."""
    old, owner = shapely.get_coordinates(lines, return_index=True)
    step = np.hypot(*np.diff(old, axis=0, prepend=old[:1]).T)
    step[np.flatnonzero(np.diff(owner, prepend=-1))] = 0.0
    walked = np.cumsum(step)
    walked -= walked[np.searchsorted(owner, np.arange(len(lines)))][owner]
    at = shapely.line_locate_point(lines[line], shapely.points(xy))
    which, along = np.concatenate([owner, line]), np.concatenate([walked, at])
    places = np.concatenate([old, xy])
    added = np.concatenate([np.zeros(len(old), dtype=bool), np.ones(len(xy), dtype=bool)])
    order = np.lexsort((added, along, which))
    which, along, places, added = which[order], along[order], places[order], added[order]
    begins = np.ones(len(which), dtype=bool)
    begins[1:] = (which[1:] != which[:-1]) | (along[1:] - along[:-1] > SAME_M)
    group = np.cumsum(begins) - 1
    has_vertex = np.bincount(group, weights=~added) > 0
    fresh = ~added | (begins & ~has_vertex[group])
    met = np.unique(np.round(places[fresh & added] / SAME_M), axis=0)
    drawn: Geometries = shapely.linestrings(places[fresh], indices=which[fresh])
    return drawn, len(met)


def _together(parts: Geometries, owner: Ints, count: int) -> Geometries:
    """Return the parts of each line as one geometry: a LineString where there is one part."""
    joined = np.empty(count, dtype=object)
    single = np.bincount(owner, minlength=count) == 1
    joined[owner[single[owner]]] = parts[single[owner]]
    many = np.flatnonzero(~single[owner])
    if len(many):
        collected = shapely.multilinestrings(parts[many], indices=np.unique(owner[many], return_inverse=True)[1])
        joined[np.unique(owner[many])] = collected
    return joined
