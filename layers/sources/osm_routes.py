"""Routes of OpenStreetMap: relations whose lines are those of the ways that they list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import osmium
import shapely
from osmium.filter import KeyFilter

from layers.description import Tags

WAY_KEYS = ("highway", "railway", "aerialway", "route")
"""The keys of which the ways of routes have one."""

_NO_PART_OF_THE_LINE = ("platform", "stop")


class Route(NamedTuple):
    """A relation, and the ways that make its line, in their order."""

    source_id: str
    tags: dict[str, str]
    ways: list[int]


class Routes:
    """The routes of a file, which are found first; then their ways are shown to it, and it gives their lines.

    Parameters
    ----------
    path
        The file.
    keys
        The tag keys of which a relation must have one.
    accept
        Tells by its tags whether a relation is a route that is wanted.

    Raises
    ------
    RuntimeError
        The file can't be read.
    """

    def __init__(self, path: Path, keys: tuple[str, ...], accept: Callable[[Tags], bool]) -> None:
        relations: Any = osmium.FileProcessor(str(path), osmium.osm.RELATION).with_filter(KeyFilter(*keys))
        self._routes = [
            Route(f"r{each.id}", tags, _ways(each)) for each in relations if accept(tags := dict(each.tags))
        ]
        self.ways = {way for route in self._routes for way in route.ways}
        self._lines: dict[int, shapely.Geometry] = {}

    def __iter__(self) -> Iterator[tuple[Route, shapely.Geometry | None, bool]]:
        """Yield each route, its line as far as its ways have been shown, and whether all of them have."""
        for route in self._routes:
            lines = [line for way in dict.fromkeys(route.ways) if (line := self._lines.get(way)) is not None]
            line = shapely.line_merge(shapely.multilinestrings(shapely.get_parts(lines))) if lines else None
            yield route, line, len(lines) == len(set(route.ways))

    def show(self, way: int, line: shapely.Geometry) -> None:
        """Take the line of a way."""
        self._lines[way] = line


def _ways(relation: Any) -> list[int]:
    return [
        each.ref for each in relation.members if each.type == "w" and not each.role.startswith(_NO_PART_OF_THE_LINE)
    ]
