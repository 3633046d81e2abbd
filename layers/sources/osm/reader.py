"""OpenStreetMap files: .osm.pbf, .osm, .osm.bz2, .osm.gz and .o5m."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from layers.catalog import LayerTable
from layers.errors import SourceError
from layers.loads.order import in_order
from layers.sources.osm.elements import FAULTS, Elements
from layers.sources.osm.passes import Pass
from layers.sources.osm.target import Target
from layers.sources.osm.xml import settled
from layers.sources.records import Item, Notes

ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0"

_QUICKLY_READ = ".pbf"
_TAKE_OUT = "take out one moment, with osmium time-filter"


class OsmReader:
    """Reads the features of the given layers from an OpenStreetMap file.

    Ids are those of OpenStreetMap with the element's kind before them: ``n1``, ``w2``, ``r3``; what an editor has made
    anew has a negative one, ``n-1``. What is deleted in the file, or marked by the editor to be, isn't taken. A file
    that is quickly read is read once for polygons and once more for the other layers, so that the former are in the
    base by the time that the latter come.

    Parameters
    ----------
    path
        The file.
    models
        The layers wanted, by name; those without an OSM rule are left out.

    Raises
    ------
    SourceError
        The file is missing, cut off, no OpenStreetMap file, or one of elements' history (when it is read).
    """

    def __init__(self, path: Path, models: Mapping[str, LayerTable]) -> None:
        self._path = path
        self.notes = Notes()
        groups = [group for group in in_order(each for each in models.values() if each.layer.osm) if group]
        if path.suffix != _QUICKLY_READ:
            groups = [[each for group in groups for each in group]]
        self._groups = groups

    @property
    def progress(self) -> float | None:
        """Unknown: the library doesn't tell how much of the file it has read."""
        return None

    def __iter__(self) -> Iterator[Item]:
        with settled(self._path) as file:
            yield from self._items(Elements(file))

    def _items(self, elements: Elements) -> Iterator[Item]:
        try:
            if elements.have_history():
                raise SourceError(f"{self._path.name} holds the history of its elements: {_TAKE_OUT}.")
            for group in self._groups:
                targets = [Target(each, each.layer.osm) for each in group if each.layer.osm]
                yield from Pass(elements, targets, self.notes)
        except FAULTS as error:
            raise SourceError(f"{self._path.name} can't be read as OpenStreetMap data: {error}") from error
