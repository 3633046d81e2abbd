"""What a search found: times at places, and the parts of streets within them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geo.errors import InvalidInputError
from geo.networks.positions import SAME_PLACE, on_one_edge, part_of
from geo.networks.topology import Bools, Floats, Geometries, Ints, cut_lines

if TYPE_CHECKING:
    from geo.networks.network import Network
    from geo.networks.positions import Direction, Positions
    from geo.networks.routing import TravelNetwork


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

    def __getitem__(self, parts: Bools | Ints) -> ReachedStreets:
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
    delay_s
        Seconds that pass before each origin is left.
    direction
        See `Direction`.
    together
        Whether there is one row, the time of the nearest origin, and not one row for each.
    limit_s
        Up to which time the network was searched.
    vertex_s
        Seconds, shape (rows, vertices of ``travel.graph(direction)``); infinite beyond the limit.
    """

    travel: TravelNetwork
    origins: Positions
    delay_s: Floats
    direction: Direction
    together: bool
    limit_s: float
    vertex_s: Floats

    def __len__(self) -> int:
        return len(self.vertex_s)

    def at(self, places: Positions) -> Floats:
        """Return the seconds at places on the network, shape (rows, places); infinite where not within the limit."""
        graph = self.travel.graph(self.direction)
        out_s, back_s = self.travel.costs_s(self.direction)
        edge = np.where(places.found, places.edge, 0)
        by_start = self.vertex_s[:, graph.start[edge]] + part_of(places.fraction, out_s[edge])
        by_end = self.vertex_s[:, graph.end[edge]] + part_of(1 - places.fraction, back_s[edge])
        seconds = np.minimum(by_start, by_end)
        for origin, place in on_one_edge(self.origins, places):
            ahead = places.fraction[place] - self.origins.fraction[origin]
            cost_s = np.where(ahead > 0, out_s[edge[place]], back_s[edge[place]])
            row = 0 if self.together else origin
            along_s = part_of(np.abs(ahead), cost_s) + self.delay_s[origin]
            seconds[row, place] = np.minimum(seconds[row, place], along_s)
        seconds[:, ~places.found] = np.inf
        seconds[seconds > self.limit_s] = np.inf
        return seconds

    def reached(self, cutoff_s: float | Floats) -> ReachedStreets:
        """Return the parts of the edges reached within a time.

        Parameters
        ----------
        cutoff_s
            At most `limit_s`; one for all rows, or one for each.
        """
        cutoffs = np.broadcast_to(np.asarray(cutoff_s, dtype=float), len(self))
        wrong = ~((cutoffs >= 0) & (cutoffs <= self.limit_s))
        if wrong.any():
            raise InvalidInputError(
                f"cutoff_s must be between 0 and the limit, {self.limit_s}, not {cutoffs[wrong][0]:g}"
            )
        rows = [self._reached_by(row, cutoff) for row, cutoff in enumerate(cutoffs)]
        counts = np.array([len(edge) for edge, _, _ in rows], dtype=np.int64)
        edge, low, high = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        row = np.repeat(np.arange(len(rows)), counts)
        return ReachedStreets(network=self.travel.network, row=row, edge=edge, low=low, high=high)

    def _reached_by(self, row: int, cutoff_s: float) -> tuple[Ints, Floats, Floats]:
        """Return edge, low and high of the parts that one row reaches: from the ends, and around its origins."""
        graph = self.travel.graph(self.direction)
        out_s, back_s = self.travel.costs_s(self.direction)
        spare_s = np.maximum(cutoff_s - self.vertex_s[row], 0)
        start_s, end_s = spare_s[graph.start], spare_s[graph.end]
        touched = np.flatnonzero((start_s > 0) | (end_s > 0))
        from_start = np.minimum(start_s[touched] / out_s[touched], 1)
        from_end = np.maximum(1 - end_s[touched] / back_s[touched], 0)
        mine = slice(None) if self.together else slice(row, row + 1)
        own, left_s = self.origins[mine], np.maximum(cutoff_s - self.delay_s[mine], 0)
        ahead = np.minimum(own.fraction + left_s / out_s[own.edge], 1)
        behind = np.maximum(own.fraction - left_s / back_s[own.edge], 0)
        edge = np.concatenate([touched, touched, own.edge])
        low = np.concatenate([np.zeros(len(touched)), from_end, behind])
        high = np.concatenate([from_start, np.ones(len(touched)), ahead])
        return _union(edge, low, high)


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
