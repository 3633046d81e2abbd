"""From lines to a graph: lines are cut where they share a vertex, and only there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Geometries = npt.NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """What became of the lines of which a network was built.

    Parameters
    ----------
    lines
        Lines read; a multi-line counts once.
    empty
        Lines without a geometry: left out.
    not_finite
        Lines with a coordinate that is not a finite number: left out.
    zero_length
        Parts shorter than the tolerance: left out.
    nodes, edges
        Size of the network.
    """

    lines: int
    empty: int
    not_finite: int
    zero_length: int
    nodes: int
    edges: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Topology:
    """Nodes and edges; the arrays of the edges have the same length.

    Parameters
    ----------
    node_xy
        Coordinates of the nodes, shape (nodes, 2).
    start, end
        Nodes of each edge.
    line
        Position of the line of which the edge is a part.
    geometry
        A LineString each, from `start` to `end`, in the direction of the line.
    report
        What became of the lines.
    """

    node_xy: Floats
    start: Ints
    end: Ints
    line: Ints
    geometry: Geometries
    report: BuildReport


def join_at_shared_vertices(lines: Geometries, *, tolerance_m: float) -> Topology:
    """Cut lines where they share a vertex, with another line or with themselves, and number the nodes.

    Lines that cross without a common vertex (bridges, tunnels) stay apart.

    Parameters
    ----------
    lines
        LineStrings and MultiLineStrings in a metric CRS, or ``None``.
    tolerance_m
        Vertices are the same when their coordinates, rounded to this, are.
    """
    empty = shapely.is_missing(lines) | shapely.is_empty(lines)
    bounds = shapely.bounds(lines)
    not_finite = ~empty & ~np.isfinite(bounds).all(axis=1)
    usable = np.flatnonzero(~empty & ~not_finite)
    parts, owner = _single(lines[usable])
    xy, part = shapely.get_coordinates(parts, return_index=True)
    vertex = _vertex_ids(xy, tolerance_m)
    kept = _distinct(part, vertex)
    edges = _cut(xy[kept], part[kept], vertex[kept])
    node_xy, start, end, edge_part, geometry = edges
    report = BuildReport(
        lines=len(lines),
        empty=int(empty.sum()),
        not_finite=int(not_finite.sum()),
        zero_length=len(parts) - len(np.unique(part[kept])),
        nodes=len(node_xy),
        edges=len(geometry),
    )
    line = usable[owner[edge_part]]
    return Topology(node_xy=node_xy, start=start, end=end, line=line, geometry=geometry, report=report)


def _single(lines: Geometries) -> tuple[Geometries, Ints]:
    """Return the parts of the lines, and the position of the line of each."""
    if (shapely.get_type_id(lines) != shapely.GeometryType.MULTILINESTRING).all():
        return lines, np.arange(len(lines))
    parts, owner = shapely.get_parts(lines, return_index=True)
    return parts, owner


def _vertex_ids(xy: Floats, tolerance_m: float) -> Ints:
    """Return the number of the place of each coordinate."""
    rounded = np.round(xy / tolerance_m)
    _, column = np.unique(rounded[:, 0], return_inverse=True)
    _, row = np.unique(rounded[:, 1], return_inverse=True)
    width = int(column.max(initial=0)) + 1
    _, vertex = np.unique(row.astype(np.int64) * width + column, return_inverse=True)
    numbers: Ints = vertex.astype(np.int64)
    return numbers


def _distinct(part: Ints, vertex: Ints) -> Ints:
    """Return the coordinates that remain without repeated vertices and without parts of a single place."""
    moves = np.ones(len(part), dtype=bool)
    moves[1:] = (part[1:] != part[:-1]) | (vertex[1:] != vertex[:-1])
    places = np.bincount(part[moves], minlength=int(part.max(initial=0)) + 1)
    return np.flatnonzero(moves & (places[part] > 1))


def _cut(xy: Floats, part: Ints, vertex: Ints) -> tuple[Floats, Ints, Ints, Ints, Geometries]:
    """Cut the parts at their ends and at every vertex that occurs more than once."""
    is_node = np.bincount(vertex)[vertex] > 1
    changes = part[1:] != part[:-1]
    is_node[:1] = is_node[-1:] = True
    is_node[1:] |= changes
    is_node[:-1] |= changes
    breaks = np.flatnonzero(is_node)
    _, first, node = np.unique(vertex[breaks], return_index=True, return_inverse=True)
    joined = np.flatnonzero(part[breaks[1:]] == part[breaks[:-1]])
    begin, finish = breaks[joined], breaks[joined + 1]
    picked, edge = ranges(begin, finish - begin + 1)
    geometry = shapely.linestrings(xy[picked], indices=edge) if len(begin) else np.empty(0, dtype=object)
    return xy[breaks[first]], node[joined], node[joined + 1], part[begin], geometry


def ranges(begin: Ints, count: Ints) -> tuple[Ints, Ints]:
    """Return the numbers of several ranges in a row, and the range of each.

    >>> ranges(np.array([5, 1]), np.array([2, 3]))
    (array([5, 6, 1, 2, 3]), array([0, 0, 1, 1, 1]))
    """
    owner = np.repeat(np.arange(len(begin)), count)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    return begin[owner] + offset, owner


def cut_lines(lines: Geometries, low: Floats, high: Floats) -> Geometries:
    """Return the part of each line between two fractions of its length.

    Parameters
    ----------
    lines
        LineStrings.
    low, high
        Fractions between 0 and 1; low below high.
    """
    xy, line = shapely.get_coordinates(lines, return_index=True)
    step = np.hypot(*np.diff(xy, axis=0, prepend=xy[:1]).T)
    step[np.flatnonzero(np.diff(line, prepend=-1))] = 0.0
    walked = np.cumsum(step)
    first = np.searchsorted(line, np.arange(len(lines)))
    length = shapely.length(lines)
    fraction = (walked - walked[first][line]) / length[line]
    inside = (fraction > low[line]) & (fraction < high[line])
    ends = np.concatenate([_points_at(lines, low), _points_at(lines, high)])
    every = np.arange(len(lines))
    owner = np.concatenate([line[inside], every, every])
    order = np.lexsort((np.concatenate([fraction[inside], low, high]), owner))
    xy = np.concatenate([xy[inside], ends])[order]
    cut: Geometries = shapely.linestrings(xy, indices=owner[order])
    return cut


def _points_at(lines: Geometries, fraction: Floats) -> Any:
    return shapely.get_coordinates(shapely.line_interpolate_point(lines, fraction, normalized=True))
