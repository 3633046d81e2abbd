"""What runs along the shortest paths of a graph: loads from sources to all others at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from geo.errors import InvalidInputError
from geo.networks.topology import Floats, Ints, ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scipy.sparse import csr_array

CELLS_AT_ONCE = 2_000_000
"""Size of the largest table of sources by vertices that is worked on at once (about 150 bytes each)."""

SAME_COST = 1e-10
"""Paths whose costs differ by less than this part are equally short."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Loads:
    """What one group of sources sends along the shortest paths.

    Parameters
    ----------
    sources
        The vertices of the group.
    cost
        From each source to every vertex, shape (sources, vertices); infinite where it does not get.
    entry, source
        Entry of the matrix of costs, and position of the source in `sources`, of each load.
    load
        What the source sends along the entry.
    through
        What each vertex passes on, shape (sources, vertices): what comes to it but does not end there.
    """

    sources: Ints
    cost: Floats
    entry: Ints
    source: Ints
    load: Floats
    through: Floats


def shortest_path_loads(
    costs: csr_array, sources: Ints, demand: Floats | None = None, *, limit: float = np.inf
) -> Iterator[Loads]:
    """Send demand from sources to vertices along the shortest paths, shared by all equally short ones.

    Paths are counted as by Brandes (2001): σ(v) = Σ σ(u) over the vertices u before v, and what passes u towards v is
    σ(u) / σ(v) (demand(v) + what passes v). Vertices are taken in the order of the paths, those of all sources of a
    group together.

    Parameters
    ----------
    costs
        Positive costs, as sparse rows; parallel entries are paths of their own.
    sources
        Vertices from which demand goes out.
    demand
        Shape (sources, vertices); by default 1 to each vertex but the source itself.
    limit
        Vertices farther than this get nothing.

    Yields
    ------
    Loads
        Of as many sources as fit in memory at once, in their order.

    Raises
    ------
    InvalidInputError
        If there are more equally short paths than numbers reach.
    """
    vertices = int(costs.shape[0])
    chunk = max(1, CELLS_AT_ONCE // max(vertices, 1))
    for first in range(0, len(sources), chunk):
        some = sources[first : first + chunk]
        cost = scipy.sparse.csgraph.dijkstra(costs, indices=some, limit=limit)
        wanted = np.ones(cost.shape) if demand is None else demand[first : first + chunk].astype(float)
        wanted[np.isinf(cost)] = 0.0
        wanted[np.arange(len(some)), some] = 0.0
        yield _loads(costs, some, cost, wanted)


def _loads(costs: csr_array, sources: Ints, cost: Floats, wanted: Floats) -> Loads:
    """Return the loads of a group of sources. A cell is a source and a vertex it gets to."""
    reached = np.isfinite(cost)
    source, vertex = np.nonzero(reached)
    number = np.full(cost.shape, -1)
    number[reached] = np.arange(len(source))
    first = costs.indptr.astype(np.int64)
    entry, tail = ranges(first[vertex], first[vertex + 1] - first[vertex])
    head = number[source[tail], costs.indices[entry]]
    arrival = cost[reached]
    ahead = head >= 0
    entry, tail, head = entry[ahead], tail[ahead], head[ahead]
    on_path = arrival[tail] + costs.data[entry] <= arrival[head] * (1 + SAME_COST)
    entry, tail, head = entry[on_path], tail[on_path], head[on_path]
    paths, steps = _count_paths(len(source), tail, head, number[np.arange(len(sources)), sources])
    onward = np.zeros(len(source))
    load = np.zeros(len(entry))
    ends = wanted[reached]
    for step in reversed(steps):
        load[step] = paths[tail[step]] / paths[head[step]] * (ends[head[step]] + onward[head[step]])
        np.add.at(onward, tail[step], load[step])
    through = np.zeros(cost.shape)
    through[reached] = onward
    through[np.arange(len(sources)), sources] = 0.0
    return Loads(sources=sources, cost=cost, entry=entry, source=source[tail], load=load, through=through)


def _count_paths(cells: int, tail: Ints, head: Ints, begin: Ints) -> tuple[Floats, list[Ints]]:
    """Return the number of shortest paths to each cell, and the links between cells in steps away from the sources.

    Links are in the order of their tails. A link comes in a later step than all links that lead to its tail.
    """
    first = np.searchsorted(tail, np.arange(cells + 1))
    missing = np.bincount(head, minlength=cells)
    paths = np.zeros(cells)
    paths[begin] = 1.0
    steps = []
    front = begin
    while len(front):
        step, _ = ranges(first[front], first[front + 1] - first[front])
        steps.append(step)
        with np.errstate(over="ignore"):
            np.add.at(paths, head[step], paths[tail[step]])
        np.subtract.at(missing, head[step], 1)
        reached = head[step]
        front = np.unique(reached[missing[reached] == 0])
    if not np.isfinite(paths).all():
        raise InvalidInputError("there are too many equally short paths to count: let the costs differ a little")
    return paths, steps
