"""Places on the edges of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from geo.networks.topology import Bools, Floats, Ints

if TYPE_CHECKING:
    from collections.abc import Iterator

Direction = Literal["from", "to"]
"""``from`` counts the time away from an origin, ``to`` the time towards it; they differ on one-way streets."""

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
