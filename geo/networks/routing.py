"""Searches over a network as one mode of travel uses it: from places on its edges, and to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import scipy
import shapely

from geo.errors import InvalidInputError
from geo.networks.buffering import StreetBuffer
from geo.networks.graph import SearchGraph
from geo.networks.positions import SAME_PLACE, Positions
from geo.networks.reach import TravelTimes
from geo.networks.restrictions import forbidden_paths
from geo.networks.topology import Floats, Geometries, Ints
from geo.networks.turns import ArcPath, TurnCosts, turn_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd
    from scipy.sparse import csr_array

    from geo.networks.network import Network
    from geo.networks.positions import Direction
    from geo.networks.travel import TravelMode

CELLS_AT_ONCE = 20_000_000
"""Size of the largest table of times, origins by nodes, that is held in memory (8 bytes each)."""

BUFFERS_KEPT = 2

U_TURN_S = 20.0
"""What turning back takes where there are restrictions and nothing else is said: ``u_turn_penalty`` of OSRM's cars."""

ISLAND_M, ISLAND_SHARE = 1_000.0, 0.01
"""Connected pieces of streets shorter than both, in metres and as a part of all streets, are islands."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TravelNetwork:
    """A network as one mode of travel uses it; make one with `Network.for_mode`.

    It does not change either: what closes streets, slows them or counts turns returns another, which shares the
    network and costs no more than a copy of the times.

    Parameters
    ----------
    network
        The network.
    mode
        The mode of travel.
    forward_s, backward_s
        Seconds along each edge and against it; infinite where it may not be travelled.
    turns
        What turns at junctions cost; nothing where not given. Where there are restrictions turning back does by
        itself, so that no forbidden turn is made up for free behind the junction.
    forbidden
        Arcs that must not be travelled one after another, by the restrictions of the network.
    """

    network: Network
    mode: TravelMode
    forward_s: Floats
    backward_s: Floats
    turns: TurnCosts | None = None
    forbidden: tuple[ArcPath, ...] = ()

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
        forbidden = forbidden_paths(network, mode.permission, np.isfinite(np.concatenate([forward_s, backward_s])))
        turns = TurnCosts(u_turn_s=U_TURN_S) if forbidden else None
        return cls(
            network=network, mode=mode, forward_s=forward_s, backward_s=backward_s, turns=turns, forbidden=forbidden
        )

    def with_costs(self, forward_s: Floats, backward_s: Floats) -> TravelNetwork:
        """Return the same with other times along the edges and against them.

        Raises
        ------
        InvalidInputError
            If there is not one positive time for each edge.
        """
        for times_s in (forward_s, backward_s):
            if times_s.shape != self.forward_s.shape or not (times_s > 0).all():
                raise InvalidInputError(f"give a positive time, or infinity, for each of {len(self.forward_s)} edges")
        return replace(self, forward_s=forward_s, backward_s=backward_s)

    def closed(self, edges: Ints) -> TravelNetwork:
        """Return the same with some edges closed in both directions.

        Places found before stay valid: one on a closed edge is cut off, unless it stands at an end of it.
        """
        forward_s, backward_s = self.forward_s.copy(), self.backward_s.copy()
        forward_s[edges] = backward_s[edges] = np.inf
        return self.with_costs(forward_s, backward_s)

    def with_turns(self, turns: TurnCosts | None) -> TravelNetwork:
        """Return the same with costs of turns at junctions, or without them; restrictions stay."""
        return replace(self, turns=turns)

    def without_turns(self) -> TravelNetwork:
        """Return the same with neither costs of turns nor restrictions, so that searches run from node to node."""
        return replace(self, turns=None, forbidden=())

    def buffer(self, distance_m: float) -> StreetBuffer:
        """Return what gives the surroundings of reached streets; the last few are kept."""
        return self._buffer(distance_m)

    def costs_s(self, direction: Direction) -> tuple[Floats, Floats]:
        """Return the seconds to leave an origin along each edge, and against it.

        Towards an origin the same search runs with every street reversed.
        """
        return (self.forward_s, self.backward_s) if direction == "from" else (self.backward_s, self.forward_s)

    def snap(self, points: gpd.GeoSeries, *, max_m: float, anywhere: bool = False) -> Positions:
        """Find the nearest place on an open edge for points, or other geometries.

        A path in a yard that is joined to nothing would cut off whoever is taken to it: edges of such islands, pieces
        of less than `ISLAND_M` and less than `ISLAND_SHARE` of all, are only taken where no other is near enough.

        Parameters
        ----------
        points
            In the CRS of the network. Of lines and polygons the nearest point counts, or their centre if on the edge.
            What is missing, empty or has a coordinate that is not finite has no place.
        max_m
            No edge farther than this is taken. Of equally near edges that with the westernmost middle is, so that
            the order of the edges does not matter.
        anywhere
            Take the nearest edge even if it is on an island, as where nobody travels from there.

        Returns
        -------
        Positions
            One for each point, in their order.
        """
        if points.crs != self.network.crs:
            raise InvalidInputError(f"points must be in the CRS of the network, {self.network.crs.name}")
        geometry = points.to_numpy()
        placed = np.isfinite(shapely.bounds(geometry)).all(axis=1)
        positions = Positions(np.full(len(geometry), -1), np.zeros(len(geometry)), np.full(len(geometry), np.inf))
        for edges, tree in [self._everywhere] if anywhere else self._mainland_first:
            left = np.flatnonzero(placed & ~positions.found)
            row, edge, fraction, distance = self._nearest(geometry[left], edges, tree, max_m)
            positions.edge[left[row]], positions.fraction[left[row]] = edge, fraction
            positions.distance_m[left[row]] = distance
        return positions

    def _nearest(
        self, geometry: Geometries, edges: Ints, tree: shapely.STRtree, max_m: float
    ) -> tuple[Ints, Ints, Floats, Floats]:
        """Return the rows that have a place on some edges, the edge, the fraction of it and the distance."""
        (row, found), distance = tree.query_nearest(geometry, max_distance=max_m, return_distance=True)
        edge = edges[found]
        lines = self.network.geometry[edge]
        chosen = _westernmost(row, lines)
        row, edge, lines, distance = row[chosen], edge[chosen], lines[chosen], distance[chosen]
        facing = shapely.get_point(shapely.shortest_line(lines, geometry[row]), 0)
        nearest = np.where(distance > 0, facing, shapely.centroid(geometry[row]))
        fraction = shapely.line_locate_point(lines, nearest, normalized=True)
        fraction[fraction < SAME_PLACE] = 0.0
        fraction[fraction > 1 - SAME_PLACE] = 1.0
        return row, edge, fraction, distance

    def locate(self, points: gpd.GeoSeries, *, max_m: float, what: str, anywhere: bool = False) -> Positions:
        """Find the nearest place on an open edge for points, all of which must have one.

        Parameters
        ----------
        points
            In any CRS.
        max_m, anywhere
            See `snap`.
        what
            What the points are, for the error message.

        Raises
        ------
        InvalidInputError
            If a point is farther from every open edge; the text names the first few.
        """
        places = self.snap(points.to_crs(self.network.crs), max_m=max_m, anywhere=anywhere)
        lost = points[~places.found]
        if len(lost):
            named = ", ".join(f"{label!r} at {point}" for label, point in lost.head(3).items())
            raise InvalidInputError(
                f"no street open to mode {self.mode.name!r} within {max_m:g} m of {len(lost)} of the {what}: {named}"
            )
        return places

    def times(
        self,
        origins: Positions,
        *,
        limit_s: float,
        direction: Direction = "from",
        together: bool = False,
        delay_s: Floats | None = None,
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
        delay_s
            Seconds that pass before each origin is left, as the turnout of a fire brigade; they count as time.

        Yields
        ------
        TravelTimes
            Of as many origins as fit in memory at once, in their order; of all when together.
        """
        if not origins.found.all():
            raise InvalidInputError("every origin must lie on an edge: leave out those that were not found")
        delays = check_delays(delay_s, len(origins))
        vertices = self.graph(direction).vertices
        batch = len(origins) if together else max(1, CELLS_AT_ONCE // vertices)
        for first in range(0, len(origins), batch):
            some, delay = origins[first : first + batch], delays[first : first + batch]
            graph = self.graph_with(some, direction, delay)
            sources = np.arange(vertices, vertices + len(some))
            if together:
                vertex_s = scipy.sparse.csgraph.dijkstra(graph, indices=sources, limit=limit_s, min_only=True)[
                    np.newaxis, :vertices
                ]
            else:
                vertex_s = scipy.sparse.csgraph.dijkstra(graph, indices=sources, limit=limit_s)[:, :vertices]
            yield TravelTimes(
                travel=self,
                origins=some,
                delay_s=delay,
                direction=direction,
                together=together,
                limit_s=limit_s,
                vertex_s=vertex_s,
            )

    @cached_property
    def open_edges(self) -> Ints:
        """Positions in the network of the edges that can be travelled, in at least one direction."""
        return np.flatnonzero(np.isfinite(np.minimum(self.forward_s, self.backward_s)))

    @cached_property
    def component(self) -> Ints:
        """The connected component, one-way streets taken as two-way, of each node."""
        costs_s = SearchGraph.of_nodes(self.network.arcs, np.concatenate([self.forward_s, self.backward_s])).costs_s
        _, component = scipy.sparse.csgraph.connected_components(costs_s, directed=False)
        numbers: Ints = component.astype(np.int64)
        return numbers

    @cached_property
    def _buffer(self) -> Callable[[float], StreetBuffer]:
        return lru_cache(maxsize=BUFFERS_KEPT)(partial(StreetBuffer, self))

    @cached_property
    def _everywhere(self) -> tuple[Ints, shapely.STRtree]:
        """The open edges, with their spatial index."""
        return self.open_edges, shapely.STRtree(self.network.geometry[self.open_edges])

    @cached_property
    def _mainland_first(self) -> list[tuple[Ints, shapely.STRtree]]:
        """The open edges, those of islands apart from the others and behind them, with their spatial indexes."""
        edges = self.open_edges
        piece, length_m = self.component[self.network.start[edges]], self.network.length_m[edges]
        total_m = np.bincount(piece, weights=length_m)
        island = (total_m < min(ISLAND_M, ISLAND_SHARE * length_m.sum()))[piece]
        if not island.any():
            return [self._everywhere]
        return [(some, shapely.STRtree(self.network.geometry[some])) for some in (edges[~island], edges[island])]

    def graph(self, direction: Direction) -> SearchGraph:
        """Return what searches run on, from origins or to them."""
        return self._graph(direction)

    @cached_property
    def _graph(self) -> Callable[[Direction], SearchGraph]:
        return lru_cache(maxsize=2)(self._make_graph)

    def _make_graph(self, direction: Direction) -> SearchGraph:
        cost_s = np.concatenate(self.costs_s(direction))
        if self.turns is None and not self.forbidden:
            return SearchGraph.of_nodes(self.network.arcs, cost_s)
        return turn_graph(self.network, cost_s, self.turns, self.forbidden, reverse=direction == "to")

    def graph_with(self, origins: Positions, direction: Direction, delay_s: Floats | None = None) -> csr_array:
        """Return the costs between the vertices of the graph, with one more for each origin."""
        if delay_s is None:
            delay_s = np.zeros(len(origins))
        return self.graph(direction).with_origins(origins, *self.costs_s(direction), delay_s)


def _westernmost(row: Ints, lines: Geometries) -> Ints:
    """Return the position of one line for each row."""
    middle = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    order = np.lexsort((shapely.get_y(middle), shapely.get_x(middle), row))
    return order[np.flatnonzero(np.diff(row[order], prepend=-1))]


def check_delays(delay_s: Floats | None, origins: int) -> Floats:
    """Return the delay of each origin, checked; none where not given.

    Raises
    ------
    InvalidInputError
        If there is not one for each origin, or one is negative or not finite.
    """
    delays = np.zeros(origins) if delay_s is None else np.asarray(delay_s, dtype=float)
    if delays.shape != (origins,) or not ((delays >= 0) & np.isfinite(delays)).all():
        raise InvalidInputError(f"delay_s must be {origins} finite numbers of 0 or more, one for each origin")
    return delays
