"""Street maps drawn as text, so that a test shows the streets it is about.

Capital letters are places; ``-`` and ``|`` join them to streets, named by their two places from left to right or from
top to bottom. ``>`` or ``v`` in a street makes it one-way along its name, ``<`` or ``^`` against it. ``+`` is a bridge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
from shapely import LineString, Point

CRS = "EPSG:32635"
STEP_M = 10.0

_TURNED = {"|": "-", "-": "|", "v": ">", "^": "<"}


@dataclass(frozen=True)
class StreetMap:
    """The streets of a drawing, `STEP_M` a character, and its places."""

    roads: gpd.GeoDataFrame
    places: dict[str, Point]

    def points(self, *names: str) -> gpd.GeoSeries:
        """Return places by name, or places along a street: ``AB:25`` is 25 m from A towards B."""
        return gpd.GeoSeries([self._point(name) for name in names], index=list(names), crs=CRS)

    def _point(self, name: str) -> Point:
        if ":" not in name:
            return self.places[name]
        street, along = name.split(":")
        return LineString([self.places[place] for place in street]).interpolate(float(along))


def draw(text: str, *, ways: tuple[str, ...] | None = None, **columns: dict[str, Any]) -> StreetMap:
    """Read a drawing; `ways` makes lines through several places, `columns` gives values by name of the street."""
    rows = [line for line in text.splitlines() if line.strip()]
    width = max(map(len, rows))
    rows = [row.ljust(width) for row in rows]
    places = {
        letter: Point(500_000 + x * STEP_M, 6_000_000 - y * STEP_M)
        for y, row in enumerate(rows)
        for x, letter in enumerate(row)
        if letter.isupper()
    }
    columns_of_text = ["".join(_TURNED.get(sign, sign) for sign in column) for column in zip(*rows, strict=True)]
    one_way = dict(street for row in [*rows, *columns_of_text] for street in _streets(row))
    if ways is not None:
        one_way = dict.fromkeys(ways, "both")
    frame = {"one_way": list(one_way.values())}
    frame |= {name: [values.get(street) for street in one_way] for name, values in columns.items()}
    lines = [LineString([places[place] for place in street]) for street in one_way]
    return StreetMap(gpd.GeoDataFrame(frame, geometry=lines, index=list(one_way), crs=CRS), places)


def _streets(row: str) -> list[tuple[str, str]]:
    found = []
    start, between = None, ""
    for sign in row:
        if sign.isupper():
            if start and between and set(between) <= set("-<>+"):
                found.append((start + sign, "forward" if ">" in between else "backward" if "<" in between else "both"))
            start, between = sign, ""
        else:
            between += sign
    return found
