"""Shortest paths over a network: from places on its edges, to places on its edges, and how far along them one gets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from geo.buffering import StreetBuffer
from geo.errors import InvalidInputError
from geo.topology import Bools, Floats, Geometries, Ints, cut_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd

    from geo.network import Network
    from geo.travel import TravelMode

Direction = Literal["from", "to"]
"""``from`` counts the time away from an origin, ``to`` the time towards it; they differ on one-way streets."""

CELLS_AT_ONCE = 20_000_000
"""Size of the largest table of times, origins by nodes, that is held in memory (8 bytes each)."""

BUFFERS_KEPT = 2

SAME_PLACE = 1e-9
"""Two fractions of an edge nearer than this are the same place."""


@dataclass(frozen=True, eq=False)
class Positions:
    """Places on the edges of a network; arrays of the same length.

    Parameters
    ----------
    edge
        Position of the edge in the network; -1 where no edge was near enough.
    fraction
        How far along the edge, 0 at its start, 1 at its end.
    distance_m
        Distance from the given point to the place; infinite where no edge was near enough.
    """

    edge: Ints
    fraction: Floats
    distance_m: Floats

    def __len__(self) -> int:
        return len(self.edge)

    def __getitem__(self, rows: slice | Ints | Bools) -> Positions:
        return Positions(self.edge[rows], self.fraction[rows], self.distance_m[rows])

    @property
    def found(self) -> Bools:
        """Where an edge was near enough."""
        return self.edge >= 0


@dataclass(frozen=True, eq=False, kw_only=True)
class ReachedStreets:
    """The parts of edges that are reached within a time; arrays of the same length.

    Parameters
    ----------
    network
        The network of the edges.
    row
        Which row of the `TravelTimes` reaches the part.
    edge
        Position of the edge in the network; it can occur more than once in a row, with parts that do not touch.
    low, high
        Fractions of the edge between which it is reached.
    """

    network: Network
    row: Ints
    edge: Ints
    low: Floats
    high: Floats

    def __getitem__(self, parts: Bools) -> ReachedStreets:
        return ReachedStreets(
            network=self.network,
            row=self.row[parts],
            edge=self.edge[parts],
            low=self.low[parts],
            high=self.high[parts],
        )

    def length_m(self, rows: int) -> Floats:
        """Return the length reached by each of so many rows, every street counted once."""
        length = (self.high - self.low) * self.network.length_m[self.edge]
        total: Floats = np.bincount(self.row, weights=length, minlength=rows).astype(float)
        return total

    def lines(self) -> Geometries:
        """Return the reached parts as LineStrings, cut exactly where the time runs out."""
        lines = self.network.geometry[self.edge]
        part = (self.low > 0) | (self.high < 1)
        lines[part] = cut_lines(lines[part], self.low[part], self.high[part])
        return lines


@dataclass(frozen=True, eq=False, kw_only=True)
class TravelTimes:
    """Times between origins and the whole network, up to a limit.

    Parameters
    ----------
    travel
        The network and the mode of travel.
    origins
        Where the times are counted from, or to.
    direction
        See `Direction`.
    together
        Whether there is one row, the time of the nearest origin, and not one row for each.
    limit_s
        Up to which time the network was searched.
    node_s
        Seconds, shape (rows, nodes); infinite beyond the limit.
    """

    travel: TravelNetwork
    origins: Positions
    direction: Direction
    together: bool
    limit_s: float
    node_s: Floats

    def at(self, places: Positions) -> Floats:
        """Return the seconds at places on the network, shape (rows, places); infinite where not within the limit."""
        network = self.travel.network
        out_s, back_s = self.travel.costs_s(self.direction)
        edge = np.where(places.found, places.edge, 0)
        by_start = self.node_s[:, network.start[edge]] + part_of(places.fraction, out_s[edge])
        by_end = self.node_s[:, network.end[edge]] + part_of(1 - places.fraction, back_s[edge])
        seconds = np.minimum(by_start, by_end)
        for origin, place in on_one_edge(self.origins, places):
            ahead = places.fraction[place] - self.origins.fraction[origin]
            cost_s = np.where(ahead > 0, out_s[edge[place]], back_s[edge[place]])
            row = 0 if self.together else origin
            seconds[row, place] = np.minimum(seconds[row, place], part_of(np.abs(ahead), cost_s))
        seconds[:, ~places.found] = np.inf
        seconds[seconds > self.limit_s] = np.inf
        return seconds

    def reached(self, cutoff_s: float) -> ReachedStreets:
        """Return the parts of the edges reached within a time.

        Parameters
        ----------
        cutoff_s
            At most `limit_s`.
        """
        if not 0 <= cutoff_s <= self.limit_s:
            raise InvalidInputError(f"cutoff_s must be between 0 and the limit, {self.limit_s}, not {cutoff_s}")
        rows = [self._reached_by(row, cutoff_s) for row in range(len(self.node_s))]
        counts = np.array([len(edge) for edge, _, _ in rows], dtype=np.int64)
        edge, low, high = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        row = np.repeat(np.arange(len(rows)), counts)
        return ReachedStreets(network=self.travel.network, row=row, edge=edge, low=low, high=high)

    def _reached_by(self, row: int, cutoff_s: float) -> tuple[Ints, Floats, Floats]:
        """Return edge, low and high of the parts that one row reaches: from the ends, and around its origins."""
        network = self.travel.network
        out_s, back_s = self.travel.costs_s(self.direction)
        spare_s = np.maximum(cutoff_s - self.node_s[row], 0)
        start_s, end_s = spare_s[network.start], spare_s[network.end]
        touched = np.flatnonzero((start_s > 0) | (end_s > 0))
        from_start = np.minimum(start_s[touched] / out_s[touched], 1)
        from_end = np.maximum(1 - end_s[touched] / back_s[touched], 0)
        own = self.origins if self.together else self.origins[row : row + 1]
        ahead = np.minimum(own.fraction + cutoff_s / out_s[own.edge], 1)
        behind = np.maximum(own.fraction - cutoff_s / back_s[own.edge], 0)
        edge = np.concatenate([touched, touched, own.edge])
        low = np.concatenate([np.zeros(len(touched)), from_end, behind])
        high = np.concatenate([from_start, np.ones(len(touched)), ahead])
        return _union(edge, low, high)


@dataclass(frozen=True, eq=False, kw_only=True)
class TravelNetwork:
    """A network as one mode of travel uses it; make one with `Network.for_mode`.

    Parameters
    ----------
    network
        The network.
    mode
        The mode of travel.
    forward_s, backward_s
        Seconds along each edge and against it; infinite where it may not be travelled.
    """

    network: Network
    mode: TravelMode
    forward_s: Floats
    backward_s: Floats

    @classmethod
    def of(cls, network: Network, mode: TravelMode) -> TravelNetwork:
        """Return a network as a mode of travel uses it."""
        forward_s, backward_s = mode.costs_s(network.streets, network.length_m)
        if not np.isfinite(np.minimum(forward_s, backward_s)).any():
            raise InvalidInputError(
                f"the network has no street that is open to mode {mode.name!r} (it has {len(forward_s)} edges)"
            )
        forward_s.setflags(write=False)
        backward_s.setflags(write=False)
        return cls(network=network, mode=mode, forward_s=forward_s, backward_s=backward_s)

    def buffer(self, distance_m: float) -> StreetBuffer:
        """Return what gives the surroundings of reached streets; the last few are kept."""
        return self._buffer(distance_m)

    def costs_s(self, direction: Direction) -> tuple[Floats, Floats]:
        """Return the seconds to leave an origin along each edge, and against it.

        Towards an origin the same search runs with every street reversed.
        """
        return (self.forward_s, self.backward_s) if direction == "from" else (self.backward_s, self.forward_s)

    def snap(self, points: gpd.GeoSeries, *, max_m: float) -> Positions:
        """Find the nearest place on an open edge for points, or other geometries.

        Parameters
        ----------
        points
            In the CRS of the network. Of lines and polygons the nearest point counts, or their centre if on the edge.
        max_m
            No edge farther than this is taken. Of equally near edges that with the westernmost middle is, so that
            the order of the edges does not matter.

        Returns
        -------
        Positions
            One for each point, in their order.
        """
        if points.crs != self.network.crs:
            raise InvalidInputError(f"points must be in the CRS of the network, {self.network.crs.name}")
        geometry = points.to_numpy()
        (row, found), distance = self._tree.query_nearest(geometry, max_distance=max_m, return_distance=True)
        edge = self.open_edges[found]
        lines = self.network.geometry[edge]
        chosen = _westernmost(row, lines)
        row, edge, lines, distance = row[chosen], edge[chosen], lines[chosen], distance[chosen]
        facing = shapely.get_point(shapely.shortest_line(lines, geometry[row]), 0)
        nearest = np.where(distance > 0, facing, shapely.centroid(geometry[row]))
        fraction = shapely.line_locate_point(lines, nearest, normalized=True)
        fraction[fraction < SAME_PLACE] = 0.0
        fraction[fraction > 1 - SAME_PLACE] = 1.0
        positions = Positions(np.full(len(geometry), -1), np.zeros(len(geometry)), np.full(len(geometry), np.inf))
        positions.edge[row], positions.fraction[row], positions.distance_m[row] = edge, fraction, distance
        return positions

    def times(
        self, origins: Positions, *, limit_s: float, direction: Direction = "from", together: bool = False
    ) -> Iterator[TravelTimes]:
        """Search the network from each origin, by Dijkstra's algorithm, on from its place on the edge.

        Parameters
        ----------
        origins
            Places from `snap`, all of them found.
        limit_s
            Where to stop.
        direction
            See `Direction`.
        together
            Give the time of the nearest origin, in one row.

        Yields
        ------
        TravelTimes
            Of as many origins as fit in memory at once, in their order; of all when together.
        """
        if not origins.found.all():
            raise InvalidInputError("every origin must lie on an edge: leave out those that were not found")
        nodes = len(self.network.node_xy)
        batch = len(origins) if together else max(1, CELLS_AT_ONCE // nodes)
        for first in range(0, len(origins), batch):
            some = origins[first : first + batch]
            graph = self.graph_with(some, direction)
            sources = np.arange(nodes, nodes + len(some))
            if together:
                node_s = dijkstra(graph, indices=sources, limit=limit_s, min_only=True)[np.newaxis, :nodes]
            else:
                node_s = dijkstra(graph, indices=sources, limit=limit_s)[:, :nodes]
            yield TravelTimes(
                travel=self, origins=some, direction=direction, together=together, limit_s=limit_s, node_s=node_s
            )

    @cached_property
    def open_edges(self) -> Ints:
        """Positions in the network of the edges that can be travelled, in at least one direction."""
        return np.flatnonzero(np.isfinite(np.minimum(self.forward_s, self.backward_s)))

    @cached_property
    def component(self) -> Ints:
        """The connected component, one-way streets taken as two-way, of each node."""
        _, component = connected_components(self._graphs["from"], directed=False)
        numbers: Ints = component.astype(np.int64)
        return numbers

    @cached_property
    def _buffer(self) -> Callable[[float], StreetBuffer]:
        return lru_cache(maxsize=BUFFERS_KEPT)(partial(StreetBuffer, self))

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.network.geometry[self.open_edges])

    @cached_property
    def _graphs(self) -> dict[Direction, csr_array]:
        return {"from": self._graph("from"), "to": self._graph("to")}

    def _graph(self, direction: Direction) -> csr_array:
        """Return the graph of the nodes; of parallel edges the fastest counts."""
        network = self.network
        tail = np.concatenate([network.start, network.end])
        head = np.concatenate([network.end, network.start])
        cost_s = np.concatenate(self.costs_s(direction))
        order = np.lexsort((cost_s, head, tail))
        tail, head, cost_s = tail[order], head[order], cost_s[order]
        fastest = np.ones(len(order), dtype=bool)
        fastest[1:] = (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
        fastest &= np.isfinite(cost_s) & (tail != head)
        nodes = len(network.node_xy)
        first = np.searchsorted(tail[fastest], np.arange(nodes + 1)).astype(np.int32)
        return csr_array((cost_s[fastest], head[fastest].astype(np.int32), first), shape=(nodes, nodes))

    def graph_with(self, origins: Positions, direction: Direction) -> csr_array:
        """Return the graph with one more node for each origin, from which the ends of its edge are reached."""
        graph = self._graphs[direction]
        out_s, back_s = (cost_s[origins.edge] for cost_s in self.costs_s(direction))
        ends = np.column_stack([self.network.start[origins.edge], self.network.end[origins.edge]])
        cost_s = np.column_stack([part_of(origins.fraction, back_s), part_of(1 - origins.fraction, out_s)])
        loop = ends[:, 0] == ends[:, 1]
        cost_s[loop, 0] = cost_s[loop].min(axis=1)
        cost_s[loop, 1] = np.inf
        passable = np.isfinite(cost_s)
        first = graph.indptr[-1] + np.cumsum(passable.sum(axis=1))
        parts = (
            np.concatenate([graph.data, cost_s[passable]]),
            np.concatenate([graph.indices, ends[passable]]).astype(np.int32),
            np.concatenate([graph.indptr, first]).astype(np.int32),
        )
        size = graph.shape[0] + len(origins)
        return csr_array(parts, shape=(size, size))


def _westernmost(row: Ints, lines: Geometries) -> Ints:
    """Return the position of one line for each row."""
    middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    order = np.lexsort((shapely.get_y(middle), shapely.get_x(middle), row))
    return order[np.flatnonzero(np.diff(row[order], prepend=-1))]


def part_of(fraction: Floats, cost_s: Floats) -> Floats:
    """Return the cost of a part of an edge: nothing where the part is nothing, even where the edge is closed."""
    return np.multiply(fraction, cost_s, out=np.zeros(np.broadcast(fraction, cost_s).shape), where=fraction > 0)


def on_one_edge(origins: Positions, places: Positions) -> Iterator[tuple[int, Ints]]:
    """Yield each origin and the places that lie on its edge."""
    order = np.argsort(places.edge, kind="stable")
    edge = places.edge[order]
    first, last = np.searchsorted(edge, origins.edge, "left"), np.searchsorted(edge, origins.edge, "right")
    for origin in np.flatnonzero(first < last):
        yield int(origin), order[first[origin] : last[origin]]


def _union(edge: Ints, low: Floats, high: Floats) -> tuple[Ints, Floats, Floats]:
    """Return the intervals of each edge with those that overlap or touch joined, and without empty ones."""
    some = np.flatnonzero(high > low)
    order = some[np.lexsort((low[some], edge[some]))]
    edge, low, high = edge[order], low[order], high[order]
    shift = 2.0 * np.cumsum(np.diff(edge, prepend=-1) > 0)
    so_far = np.maximum.accumulate(high + shift)
    begins = np.ones(len(edge), dtype=bool)
    begins[1:] = (low + shift)[1:] > so_far[:-1] + SAME_PLACE
    first = np.flatnonzero(begins)
    furthest = np.maximum.reduceat(high, first) if len(first) else high
    return edge[first], low[first], furthest
