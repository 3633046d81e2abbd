"""The surroundings of reached streets, as areas."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Iterator

    from geo.networks.reach import ReachedStreets
    from geo.networks.routing import TravelNetwork
    from geo.networks.topology import Bools, Geometries, Ints

FANOUT = 3
"""So many streets, or groups of streets, make a group of the next level."""

ARC_SEGMENTS = 4
"""Segments in a quarter of a circle: the outline lies at most 2 % of the distance inside the true one."""


@dataclass(frozen=True, eq=False)
class StreetBuffer:
    """What lies within a distance of streets.

    Streets are grouped by place, the groups into larger ones, and so on. The surroundings of a group are worked out
    when it is first reached as a whole, and kept: areas that overlap share most of their work.

    Parameters
    ----------
    travel
        The streets that are open to a mode of travel.
    distance_m
        How far the surroundings go.
    """

    travel: TravelNetwork
    distance_m: float

    def around(self, reached: ReachedStreets, *, rows: int) -> Geometries:
        """Return the area around the streets reached by each of so many rows: polygons, with holes."""
        whole = (reached.low == 0) & (reached.high == 1)
        streets = np.split(reached.edge[whole], np.searchsorted(reached.row[whole], np.arange(1, rows)))
        parts = self._buffer(reached[~whole].lines())
        parts_of_rows = np.split(parts, np.searchsorted(reached.row[~whole], np.arange(1, rows)))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            areas = list(pool.map(self._area, streets, parts_of_rows))
        return np.array(areas, dtype=object)

    def _area(self, streets: Ints, parts: Geometries) -> Any:
        area = shapely.union_all(np.concatenate([parts, *self._groups(streets)]))
        return shapely.Polygon() if area.is_empty else area

    def _groups(self, edges: Ints) -> Iterator[Geometries]:
        """Yield the surroundings of whole streets, by the largest groups that hold no other street."""
        reached = np.zeros(len(self._streets), dtype=bool)
        reached[self._rank[edges]] = True
        levels = [reached]
        while len(levels[-1]) > 1:
            levels.append(_complete(levels[-1]))
        for level, complete in enumerate(levels):
            larger = levels[level + 1] if level + 1 < len(levels) else np.zeros(1, dtype=bool)
            covered = np.repeat(larger, FANOUT)[: len(complete)]
            yield self._surroundings(level, np.flatnonzero(complete & ~covered))

    def _surroundings(self, level: int, groups: Ints) -> Geometries:
        if level == 0:
            return self._buffer(self.travel.network.geometry[self._streets[groups]])
        found = np.empty(len(groups), dtype=object)
        for position, group in enumerate(groups):
            found[position] = self._group(level, int(group))
        return found

    def _group(self, level: int, group: int) -> Any:
        key = (level, group)
        if key not in self._known:
            size = -(-len(self._streets) // FANOUT ** (level - 1))
            members = np.arange(group * FANOUT, min((group + 1) * FANOUT, size))
            self._known[key] = shapely.union_all(self._surroundings(level - 1, members))
        return self._known[key]

    def _buffer(self, lines: Geometries) -> Geometries:
        areas: Geometries = shapely.buffer(lines, self.distance_m, quad_segs=ARC_SEGMENTS)
        return areas

    @cached_property
    def _known(self) -> dict[tuple[int, int], Any]:
        return {}

    @cached_property
    def _streets(self) -> Ints:
        """Positions of the open edges in the network, those that are connected and near one another together."""
        network, streets = self.travel.network, self.travel.open_edges
        middles = shapely.line_interpolate_point(network.geometry[streets], 0.5, normalized=True)
        along_curve = gpd.GeoSeries(middles).hilbert_distance().to_numpy()
        order = np.lexsort((along_curve, self.travel.component[network.start[streets]]))
        return streets[order]

    @cached_property
    def _rank(self) -> Ints:
        rank = np.full(len(self.travel.network.geometry), -1)
        rank[self._streets] = np.arange(len(self._streets))
        return rank


def _complete(reached: Bools) -> Bools:
    """Tell of each group whether all its members are reached; the last may have fewer than the others."""
    padded = np.append(reached, np.ones(-len(reached) % FANOUT, dtype=bool))
    complete: Bools = np.logical_and.reduce(padded.reshape(-1, FANOUT), axis=1)
    return complete
