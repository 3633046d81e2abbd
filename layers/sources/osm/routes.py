"""Routes of OpenStreetMap: relations whose lines are those of the ways that they list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import shapely

from layers.sources.osm.elements import Relation

WAY_KEYS = ("highway", "railway", "aerialway", "route")
"""The keys of which the ways of routes have one."""

_NO_PART_OF_THE_LINE = ("platform", "stop")


class Routes:
    """The routes of a file: their ways are shown to it, and it gives their lines.

    Parameters
    ----------
    relations
        The relations.
    """

    def __init__(self, relations: Iterable[Relation]) -> None:
        self._routes = [(each, _ways(each)) for each in relations]
        self.ways = {way for _, ways in self._routes for way in ways}
        self._lines: dict[int, shapely.Geometry] = {}

    def __iter__(self) -> Iterator[tuple[Relation, shapely.Geometry | None, bool]]:
        """Yield each route, its line as far as its ways have been shown, and whether all of them have."""
        for route, ways in self._routes:
            lines = [line for way in dict.fromkeys(ways) if (line := self._lines.get(way)) is not None]
            line = shapely.line_merge(shapely.multilinestrings(shapely.get_parts(lines))) if lines else None
            yield route, line, len(lines) == len(set(ways))

    def show(self, way: int, line: shapely.Geometry) -> None:
        """Take the line of a way."""
        self._lines[way] = line


def _ways(relation: Relation) -> list[int]:
    return [
        each.ref for each in relation.members if each.type == "w" and not each.role.startswith(_NO_PART_OF_THE_LINE)
    ]
