"""Shortest paths over a network, street by street."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy
import shapely

from geo.errors import InvalidInputError
from geo.networks.positions import part_of
from geo.networks.topology import Bools, Floats, Geometries, Ints, cut_lines, ranges
from geo.networks.turns import turning_s

if TYPE_CHECKING:
    from geo.networks.graph import SearchGraph
    from geo.networks.network import Network
    from geo.networks.positions import Positions
    from geo.networks.routing import TravelNetwork

CELLS_AT_ONCE = 5_000_000
"""Size of the largest table of times, origins by vertices, that is held in memory (12 bytes each)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Path:
    """The parts of edges that a path runs along, in its order; arrays of the same length.

    Parameters
    ----------
    travel
        The network and the mode of travel.
    edge
        Position of each edge in the network.
    low, high
        Fractions of the edge between which the path runs.
    along
        Whether it runs from low to high, and not against the edge.
    total_s
        Seconds of the whole path, turns included.
    """

    travel: TravelNetwork
    edge: Ints
    low: Floats
    high: Floats
    along: Bools
    total_s: float

    @property
    def network(self) -> Network:
        """The network of the edges."""
        return self.travel.network

    @property
    def length_m(self) -> Floats:
        """Length of each part."""
        return (self.high - self.low) * self.network.length_m[self.edge]

    @property
    def seconds(self) -> Floats:
        """Seconds along each part, without turns."""
        cost_s = np.where(self.along, self.travel.forward_s[self.edge], self.travel.backward_s[self.edge])
        return part_of(self.high - self.low, cost_s)

    @property
    def turning_s(self) -> Floats:
        """Seconds of turning into each part from the one before."""
        seconds = np.zeros(len(self.edge))
        if self.travel.turns is not None and len(seconds) > 1:
            arc = np.where(self.along, self.edge, self.edge + len(self.network.start))
            seconds[1:] = turning_s(self.network, arc[:-1], arc[1:], self.travel.turns)
        return seconds

    def lines(self) -> Geometries:
        """Return each part as a LineString in the direction of the path."""
        lines = self.network.geometry[self.edge]
        part = (self.low > 0) | (self.high < 1)
        lines[part] = cut_lines(lines[part], self.low[part], self.high[part])
        lines[~self.along] = shapely.reverse(lines[~self.along])
        return lines

    def line(self) -> Any:
        """Return the path as one LineString; an empty one where it leads nowhere."""
        xy = shapely.get_coordinates(self.lines())
        moves = np.ones(len(xy), dtype=bool)
        moves[1:] = (xy[1:] != xy[:-1]).any(axis=1)
        return shapely.LineString(xy[moves]) if moves.sum() > 1 else shapely.LineString()


def shortest_paths(
    travel: TravelNetwork, origins: Positions, destinations: Positions, *, limit_s: float = np.inf
) -> list[Path | None]:
    """Find the fastest path from each origin to the destination of the same row, by Dijkstra's algorithm (1959).

    Parameters
    ----------
    travel
        ``network.for_mode(mode)``.
    origins, destinations
        As many of one as of the other, from ``travel.snap``.
    limit_s
        Longer paths are not found.

    Returns
    -------
    list of Path or None
        One for each row; ``None`` where there is no path, or a place was not found.

    Raises
    ------
    InvalidInputError
        If there are not as many origins as destinations, or the limit is negative or not a number.
    """
    if len(origins) != len(destinations):
        raise InvalidInputError(f"give a destination for each of {len(origins)} origins, not {len(destinations)}")
    if not limit_s >= 0:
        raise InvalidInputError(f"limit_s must be 0 or more, not {limit_s}")
    found: list[Path | None] = [None] * len(origins)
    rows = np.flatnonzero(origins.found & destinations.found)
    graph = travel.graph("from")
    chunk = max(1, CELLS_AT_ONCE // graph.vertices)
    for first in range(0, len(rows), chunk):
        some = rows[first : first + chunk]
        costs_s = travel.graph_with(origins[some], "from")
        sources = np.arange(graph.vertices, costs_s.shape[0])
        vertex_s, before = scipy.sparse.csgraph.dijkstra(
            costs_s, indices=sources, limit=limit_s, return_predecessors=True
        )
        for row, seconds, previous in zip(some, vertex_s, before, strict=True):
            tree = _Tree(travel, graph, origins[row : row + 1], seconds, previous)
            found[row] = tree.path_to(destinations[row : row + 1], limit_s)
    return found


@dataclass(frozen=True, eq=False)
class _Tree:
    """The fastest ways from one origin."""

    travel: TravelNetwork
    graph: SearchGraph
    origin: Positions
    seconds: Floats
    previous: npt.NDArray[np.int32]

    def path_to(self, place: Positions, limit_s: float) -> Path | None:
        travel, edge, fraction = self.travel, int(place.edge[0]), place.fraction
        ends = (
            (self.graph.start[edge], part_of(fraction, travel.forward_s[edge]), (0.0, fraction[0], True)),
            (self.graph.end[edge], part_of(1 - fraction, travel.backward_s[edge]), (fraction[0], 1.0, False)),
        )
        by_end = [float(self.seconds[vertex] + cost_s[0]) for vertex, cost_s, _ in ends]
        best = int(np.argmin(by_end))
        direct_s, direct = self._direct(edge, float(fraction[0]))
        total_s = min(by_end[best], direct_s)
        if not total_s <= limit_s or np.isinf(total_s):
            return None
        if direct_s <= by_end[best]:
            return self._path([direct], total_s)
        chain = self._chain(int(ends[best][0]))
        parts = [self._first(chain[0]), *self._hops(chain), (edge, *ends[best][2])]
        return self._path(parts, total_s)

    def _direct(self, edge: int, fraction: float) -> tuple[float, tuple[int, float, float, bool]]:
        own, here = int(self.origin.edge[0]), float(self.origin.fraction[0])
        ahead = fraction - here
        if own != edge:
            return np.inf, (edge, 0.0, 0.0, True)
        cost_s = self.travel.forward_s[edge] if ahead > 0 else self.travel.backward_s[edge]
        seconds = abs(ahead) * cost_s if ahead else 0.0
        return float(seconds), (edge, min(here, fraction), max(here, fraction), ahead > 0)

    def _chain(self, vertex: int) -> list[int]:
        """Return the vertices from the first after the origin to one."""
        chain = []
        while vertex < self.graph.vertices:
            chain.append(vertex)
            vertex = int(self.previous[vertex])
        return chain[::-1]

    def _first(self, vertex: int) -> tuple[int, float, float, bool]:
        """Return the part of its own edge along which the origin is left towards a vertex."""
        edge, fraction = int(self.origin.edge[0]), self.origin.fraction
        exits, edges = self.graph.exits, len(self.graph.start)
        ways = []
        for arc, rest, cost_s, part in (
            (edge, 1 - fraction, self.travel.forward_s[edge], (float(fraction[0]), 1.0, True)),
            (edge + edges, fraction, self.travel.backward_s[edge], (0.0, float(fraction[0]), False)),
        ):
            entries = slice(exits.indptr[arc], exits.indptr[arc + 1])
            turn_s = exits.data[entries][exits.indices[entries] == vertex]
            if len(turn_s):
                ways.append((float(part_of(rest, cost_s)[0] + turn_s.min()), part))
        _, part = min(ways)
        return edge, *part

    def _hops(self, chain: list[int]) -> list[tuple[int, float, float, bool]]:
        """Return the edges between the vertices of a chain, of parallel ones the fastest."""
        costs_s, vertices = self.graph.costs_s, np.array(chain)
        tail, head = vertices[:-1], vertices[1:]
        first = costs_s.indptr[tail].astype(np.int64)
        entry, hop = ranges(first, costs_s.indptr[tail + 1] - first)
        right = costs_s.indices[entry] == head[hop]
        entry, hop = entry[right], hop[right]
        order = np.lexsort((costs_s.data[entry], hop))
        arc = self.graph.arc[entry[order][np.searchsorted(hop[order], np.arange(len(tail)))]]
        edges = len(self.graph.start)
        return [(int(each % edges), 0.0, 1.0, bool(each < edges)) for each in arc]

    def _path(self, parts: list[tuple[int, float, float, bool]], total_s: float) -> Path:
        edge, low, high, along = (np.array(values) for values in zip(*parts, strict=True))
        some = high > low
        return Path(
            travel=self.travel,
            edge=edge[some],
            low=low[some].astype(float),
            high=high[some].astype(float),
            along=along[some],
            total_s=total_s,
        )
