"""What readers of utility networks share: features drawn in a file's coordinates, brought to their place on Earth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import shapely

from layers.errors import SourceError
from layers.sources.networks.placement import Anchor, place
from layers.sources.records import Item, Notes, Record, Reject

LINES, POINTS = "utilities", "utility_points"
LAYERS = (LINES, POINTS)

Values: TypeAlias = dict[str, Any]
Xy: TypeAlias = tuple[float, float]


class Drawn(NamedTuple):
    """A feature in the coordinates of its file."""

    layer: str
    source_id: str
    geometry: shapely.Geometry
    values: Values
    tags: dict[str, str]


class NetworkReader:
    """Gives the features of a network, the nodes known by their names in ``node``, ``from_node`` and ``to_node``.

    Parameters
    ----------
    name
        Of the file.
    items
        Features as they are drawn, and what can't be drawn.
    crs, anchor
        Where the file's coordinates lie: one of the two.

    Raises
    ------
    InvalidInputError
        It isn't said where on Earth the coordinates lie, or they don't lie there.
    """

    def __init__(
        self, name: str, items: Sequence[Drawn | Reject], *, crs: str | None = None, anchor: Anchor | None = None
    ) -> None:
        self.notes = Notes()
        self._name = name
        self._rejects = [each for each in items if isinstance(each, Reject)]
        self._drawn = [each for each in items if isinstance(each, Drawn)]
        shapes = np.array([each.geometry for each in self._drawn], dtype=object)
        self._places = place(shapes, name=name, crs=crs, anchor=anchor)
        self._done = 0

    @property
    def progress(self) -> float | None:
        """The share of the features that has been given."""
        return self._done / len(self._drawn) if self._drawn else None

    def bounds(self) -> tuple[float, float, float, float]:
        """Return the box around the network: west, south, east, north, in degrees.

        Raises
        ------
        SourceError
            Nothing in it has a place.
        """
        if not self._drawn:
            raise SourceError(f"{self._name} holds nothing that has a place.")
        west, south, east, north = shapely.total_bounds(self._places)
        return float(west), float(south), float(east), float(north)

    def __iter__(self) -> Iterator[Item]:
        for each, wkb in zip(self._drawn, shapely.to_wkb(self._places, hex=True), strict=True):
            self._done += 1
            yield Record(each.layer, each.source_id, wkb, each.values, each.tags)
        yield from self._rejects


def middle(line: shapely.LineString) -> shapely.Point:
    """Return the point half-way along a line."""
    return shapely.line_interpolate_point(line, 0.5, normalized=True)
