"""Where a layer changed of late: which of its versions last touched a box."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

Box: TypeAlias = tuple[float, float, float, float]

_ROUNDING_DEG = 3e-5
"""PostGIS compares boxes in single precision, rounded outwards: what lies so near may count as touching."""
_ROOM = 64


class ChangeLog:
    """The changes of one layer, of which the oldest are not known any more.

    One thread adds to it while others ask.

    Parameters
    ----------
    floor
        The version from which on the changes are known.
    """

    def __init__(self, floor: int = 0) -> None:
        self.version = floor
        self._floor = floor
        self._versions = np.empty(_ROOM, dtype=np.int64)
        self._edges = np.empty((4, _ROOM))
        self._count = 0

    def add(self, version: int, boxes: Iterable[Sequence[float]]) -> None:
        """Note that a version came about by a change within boxes, each west, south, east and north in degrees."""
        for west, south, east, north in boxes:
            if self._count == len(self._versions):
                self._versions = np.concatenate([self._versions, np.empty_like(self._versions)])
                self._edges = np.concatenate([self._edges, np.empty_like(self._edges)], axis=1)
            self._versions[self._count] = version
            self._edges[:, self._count] = west, south, -east, -north
            self._count += 1
        self.version = version

    def touched(self, box: Box | None) -> int:
        """Return the last version that touched a box, or the one from which on changes are known.

        Parameters
        ----------
        box
            West, south, east, north in degrees; ``None`` asks for the layer's version.
        """
        if box is None:
            return self.version
        count = self._count
        versions, edges = self._versions[:count], self._edges[:, :count]
        west, south, east, north = box
        farthest = np.array([[east], [north], [-west], [-south]]) + _ROUNDING_DEG
        touching = np.logical_and.reduce(edges <= farthest)
        return int(versions[touching][-1]) if touching.any() else self._floor
