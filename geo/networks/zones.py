"""Zones: every part of the streets given to the origin from which it is reached first."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import scipy

from geo.errors import InvalidInputError
from geo.networks.positions import SAME_PLACE
from geo.networks.reach import ReachedStreets
from geo.networks.routing import check_delays

if TYPE_CHECKING:
    from geo.networks.positions import Direction, Positions
    from geo.networks.routing import TravelNetwork
    from geo.networks.topology import Floats, Ints

Line = tuple[int, float, float, float, float]
"""From an origin, between two fractions of an edge: seconds at its start, and seconds a fraction."""


def street_zones(
    travel: TravelNetwork,
    origins: Positions,
    *,
    limit_s: float,
    direction: Direction = "from",
    delay_s: Floats | None = None,
) -> ReachedStreets:
    """Share the streets out among origins: each part to the one from which it is reached first (network Voronoi).

    One search from all origins at once finds the nearest of every node; edges between two zones are cut where both
    arrive at the same time.

    Parameters
    ----------
    travel
        ``network.for_mode(mode)``.
    origins
        Places from ``travel.snap``, all of them found.
    limit_s
        What is farther is in no zone.
    direction
        See `Direction`.
    delay_s
        Seconds that pass before each origin is left.

    Returns
    -------
    ReachedStreets
        The parts of each zone; its rows are the origins.
    """
    if not origins.found.all():
        raise InvalidInputError("every origin must lie on an edge: leave out those that were not found")
    graph, (out_s, back_s) = travel.graph(direction), travel.costs_s(direction)
    delays = check_delays(delay_s, len(origins))
    costs_s = travel.graph_with(origins, direction, delays)
    sources = np.arange(graph.vertices, costs_s.shape[0])
    vertex_s, _, source = scipy.sparse.csgraph.dijkstra(
        costs_s, indices=sources, limit=limit_s, min_only=True, return_predecessors=True
    )
    label = np.where(np.isfinite(vertex_s), source - graph.vertices, -1)
    from_start, from_end = (
        np.where(vertex_s[end] <= limit_s, vertex_s[end], np.inf) for end in (graph.start, graph.end)
    )
    own = np.zeros(len(out_s), dtype=bool)
    own[origins.edge] = True
    edge = np.flatnonzero((np.isfinite(from_start) | np.isfinite(from_end)) & ~own)
    meet = _meeting(from_start[edge], from_end[edge], out_s[edge], back_s[edge])
    up = np.minimum(meet, _share(limit_s - from_start[edge], out_s[edge]))
    down = np.maximum(meet, 1 - _share(limit_s - from_end[edge], back_s[edge]))
    rows = [label[graph.start[edge]], label[graph.end[edge]]]
    parts = [(rows[0], edge, np.zeros(len(edge)), up), (rows[1], edge, down, np.ones(len(edge)))]
    for each in np.flatnonzero(own).tolist():
        lines: list[Line] = [
            (int(label[graph.start[each]]), 0.0, 1.0, float(from_start[each]), float(out_s[each])),
            (int(label[graph.end[each]]), 0.0, 1.0, float(from_end[each] + back_s[each]), -float(back_s[each])),
        ]
        for mine in np.flatnonzero(origins.edge == each).tolist():
            lines += _around(mine, float(origins.fraction[mine]), float(delays[mine]), out_s[each], back_s[each])
        parts.append(_shared(each, lines, limit_s))
    row, edge, low, high = (np.concatenate(values) for values in zip(*parts, strict=True))
    some = high > low + SAME_PLACE
    order = np.lexsort((low[some], edge[some], row[some]))
    zones = ReachedStreets(network=travel.network, row=row[some], edge=edge[some], low=low[some], high=high[some])
    return zones[order]


def _meeting(from_start: Floats, from_end: Floats, out_s: Floats, back_s: Floats) -> Floats:
    """Return the fraction of each edge at which those from both ends arrive at the same time."""
    with np.errstate(invalid="ignore"):
        meet = (from_end - from_start + back_s) / (out_s + back_s)
    one_sided = np.where(np.isfinite(from_start) & np.isfinite(out_s), 1.0, 0.0)
    both = np.isfinite(from_start) & np.isfinite(from_end) & np.isfinite(out_s) & np.isfinite(back_s)
    result: Floats = np.clip(np.where(both, meet, one_sided), 0.0, 1.0)
    return result


def _share(left_s: Floats, cost_s: Floats) -> Floats:
    """Return which part of an edge the time left is enough for."""
    passable = np.isfinite(left_s) & np.isfinite(cost_s)
    share: Floats = np.divide(left_s, cost_s, out=np.zeros(len(left_s)), where=passable)
    return np.clip(share, 0.0, 1.0)


def _around(row: int, fraction: float, delay_s: float, out_s: float, back_s: float) -> list[Line]:
    """Return the lines ahead of an origin and behind it."""
    lines = []
    if np.isfinite(out_s):
        lines.append((row, fraction, 1.0, delay_s - out_s * fraction, float(out_s)))
    if np.isfinite(back_s):
        lines.append((row, 0.0, fraction, delay_s + back_s * fraction, -float(back_s)))
    return lines


def _shared(edge: int, lines: list[Line], limit_s: float) -> tuple[Ints, Ints, Floats, Floats]:
    """Return the parts of an edge by the line that is lowest there, as far as it is within the limit."""
    lines = [line for line in lines if np.isfinite(line[3]) and np.isfinite(line[4])]
    stops = {0.0, 1.0} | {stop for _, low, high, _, _ in lines for stop in (low, high)}
    for number, (_, _, _, begin, slope) in enumerate(lines):
        if slope:
            stops.add((limit_s - begin) / slope)
        for _, _, _, other, steep in lines[:number]:
            if slope != steep:
                stops.add((other - begin) / (slope - steep))
    rows, lows, highs = [], [], []
    for low, high in pairwise(sorted(stop for stop in stops if 0 <= stop <= 1)):
        middle = (low + high) / 2
        arrivals = [
            (begin + slope * middle, row) for row, first, last, begin, slope in lines if first <= middle <= last
        ]
        if arrivals and min(arrivals)[0] <= limit_s:
            rows.append(min(arrivals)[1])
            lows.append(low)
            highs.append(high)
    return _joined(edge, rows, lows, highs)


def _joined(edge: int, rows: list[int], lows: list[float], highs: list[float]) -> tuple[Ints, Ints, Floats, Floats]:
    """Return the parts with those of one zone that touch as one."""
    row, low, high = np.array(rows, dtype=np.int64), np.array(lows), np.array(highs)
    begins = np.ones(len(row), dtype=bool)
    begins[1:] = (row[1:] != row[:-1]) | (low[1:] > high[:-1])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(row)) - 1 if len(first) else first
    return row[first], np.full(len(first), edge), low[first], high[last]
