"""Files that a user hands over, of whatever kind: where they lie, and who reads them into which layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from geo.errors import InvalidInputError
from layers.catalog import find
from layers.errors import SourceError
from layers.sources import archives
from layers.sources.domain_formats import DomainFormat, format_of
from layers.sources.formats import open_tables
from layers.sources.geometry.coordinates import Box
from layers.sources.osm import SUFFIXES, osm_layers
from layers.sources.places import is_readable_folder
from layers.sources.records import Reader
from layers.sources.stated import Stated
from layers.sources.tables import Chain, box_around, pair, passed_over

_MOST_LATITUDE = 90
_CHANGES = (".osc", ".osc.gz", ".osc.bz2", ".osc.pbf")
_PACKED_KINDS = (".inp", ".json", *SUFFIXES)
"""Of files that are read on their own also where they are packed."""

_RASTERS = (".tif", ".tiff", ".hgt", ".hgt.zip", ".asc", ".jp2")


class Reading(NamedTuple):
    """Who reads a file, which layers it fills, and what must be shown wherever its features are."""

    reader: Reader
    layers: list[str]
    attribution: str | None = None


class SourceFile(Protocol):
    """A file, opened."""

    def bounds(self) -> Box:
        """Return the box around its features in degrees."""

    def read(self, layers: Sequence[str] | None) -> Reading:
        """Return who reads it into layers, by default into all that it has something for."""


def opened(path: Path, stated: Stated | None = None) -> SourceFile:
    """Open a file.

    Parameters
    ----------
    path
        The file, or the folder of a geodatabase or a GTFS feed.
    stated
        What is said of it.

    Raises
    ------
    SourceError
        It isn't there, can't be read, or is of no kind that is read.
    InvalidInputError
        What is said doesn't fit it.
    """
    if not path.exists():
        raise SourceError(f"There is no file {path}.")
    if path.is_dir() and not is_readable_folder(path):
        raise SourceError(f"{path} is a folder, and neither a file geodatabase (.gdb) nor a GTFS feed.")
    said = stated or Stated()
    if path.is_file() and archives.is_zip(path):
        archives.members(path)
    domain = format_of(path)
    if domain is not None:
        return _DomainFile(path, domain, said)
    if path.name.lower().endswith(_CHANGES):
        raise SourceError(
            f"{path.name} holds changes of OpenStreetMap, not the state after them: apply them to the file that they"
            " are for, with osmium apply-changes, and load that."
        )
    if path.name.lower().endswith(SUFFIXES):
        return _OsmFile(path)
    if path.name.lower().endswith(_RASTERS):
        raise SourceError(f"{path.name} is a raster: horad rasters add takes it into the catalogue of rasters.")
    inner = archives.alone(path, _PACKED_KINDS)
    if inner is not None and (format_of(inner[0]) is not None or inner[0].name.lower().endswith(SUFFIXES)):
        return _PackedFile(opened(inner[0], said), inner[1])
    return _TablesFile(path, said)


def check_has_tables(path: Path) -> None:
    """Make sure that a file isn't of a kind that fills layers of the platform by itself.

    Raises
    ------
    InvalidInputError
        It is.
    """
    domain = format_of(path) if path.exists() else None
    if domain is not None or path.name.lower().endswith((*SUFFIXES, *_CHANGES)):
        title = domain.title if domain else "OpenStreetMap"
        raise InvalidInputError(
            f"{path.name} is {title} data, which fills layers of the platform: load it with horad load. A layer of"
            " your own is made of a table of features, such as a GeoPackage or a CSV file."
        )


class _PackedFile:
    """A file that was unpacked, and the folder in which it lies as long as it is read."""

    def __init__(self, within: SourceFile, place: archives.Workplace) -> None:
        self._within = within
        self._place = place

    def bounds(self) -> Box:
        return self._within.bounds()

    def read(self, layers: Sequence[str] | None) -> Reading:
        found = self._within.read(layers)
        return found._replace(reader=Chain([found.reader], keeping=self._place))


class _OsmFile:
    """OpenStreetMap data, which fills every layer that has a rule for it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def bounds(self) -> Box:
        from layers.sources.osm.bounds import bounds_of

        return bounds_of(self._path)

    def read(self, layers: Sequence[str] | None) -> Reading:
        from layers.sources.osm.reader import ATTRIBUTION, OsmReader

        targets = list(layers or osm_layers())
        unfit = [each for each in targets if find(each).layer.osm is None]
        if unfit:
            raise InvalidInputError(f"OpenStreetMap data has no rule for the layer {', '.join(unfit)}")
        return Reading(OsmReader(self._path, {each: find(each) for each in targets}), targets, ATTRIBUTION)


class _DomainFile:
    """A timetable or a network, which knows by itself which layers it fills."""

    def __init__(self, path: Path, format_: DomainFormat, stated: Stated) -> None:
        self._format = format_
        self._reader = format_.open(path, stated)

    def bounds(self) -> Box:
        return self._reader.bounds()

    def read(self, layers: Sequence[str] | None) -> Reading:
        unfit = sorted(set(layers or ()) - set(self._format.layers))
        if unfit:
            raise InvalidInputError(f"{self._format.title} fills {', '.join(self._format.layers)}, not {unfit[0]}")
        attribution = getattr(self._reader, "attribution", None)
        return Reading(self._reader, list(layers or self._format.layers), attribution)


class _TablesFile:
    """A file with tables of features, each of which fills one layer."""

    def __init__(self, path: Path, stated: Stated) -> None:
        if stated.anchor is not None:
            raise InvalidInputError(f"{path.name} is no network in local coordinates, so it can't have an anchor")
        self._name = path.name
        self._stated = stated
        self._opened = open_tables(path, stated)

    def bounds(self) -> Box:
        wanted = [each for each in self._opened.tables if not self._stated.tables or each.name in self._stated.tables]
        box = box_around(self._name, wanted)
        _, south, _, north = box
        if max(abs(south), abs(north)) > _MOST_LATITUDE:
            raise SourceError(
                f"{self._name} has latitudes from {south:g} to {north:g}: either latitude and longitude are swapped,"
                " which --swapped puts right, or the coordinates are in another CRS, which --crs names."
            )
        return box

    def read(self, layers: Sequence[str] | None) -> Reading:
        tables = {each.name: each for each in self._opened.tables}
        pairs = pair(self._name, list(tables), layers=layers, wanted=self._stated.tables)
        reader = Chain([tables[table].reader(find(layer)) for layer, table in pairs.items()], keeping=self._opened)
        reader.notes.remarks += passed_over(list(tables), pairs)
        return Reading(reader, list(pairs))
