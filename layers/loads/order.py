"""In which order a transaction goes through layers, so that none waits for another that waits for it."""

from __future__ import annotations

from collections.abc import Iterable

from layers.catalog import LayerTable
from layers.description import Shape


def in_order(layers: Iterable[LayerTable]) -> tuple[list[LayerTable], list[LayerTable]]:
    """Return layers in the order in which every transaction goes through them: polygons, then the others, by name.

    Polygons take the database longest, so they come first: it is at work on them while the others are read.
    """
    named = sorted(layers, key=lambda each: each.name)
    polygons = [each for each in named if each.layer.shape is Shape.POLYGON]
    return polygons, [each for each in named if each.layer.shape is not Shape.POLYGON]
