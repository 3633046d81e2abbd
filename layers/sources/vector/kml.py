"""KML, read element by element: its folders become sequences of GeoJSON, which are read in little memory."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.parsers import expat

import orjson

from layers.errors import SourceError
from layers.sources.whole import xml_parser

_AROUND_COMMA = re.compile(r"\s*,\s*")
_WAITING_LINES = 1_000
_MOST_CHARS = 16 * 1024 * 1024
_CONTAINERS = ("Folder", "Document")
_TEXTS = ("name", "description", "address", "phoneNumber", "when", "begin", "end")
_DATA = ("Data", "SimpleData")
_SIMPLE = {"Point": "Point", "LineString": "LineString", "LinearRing": "LineString", "Track": "LineString"}

Geometry = dict[str, Any]


def unfold(path: Path, folder: Path) -> dict[str, Path]:
    """Write the placemarks of each folder of a KML file into a sequence of GeoJSON of its own.

    Parameters
    ----------
    path
        The file.
    folder
        Where the sequences are written.

    Returns
    -------
    dict of str to Path
        The sequences by the name of the folder, of the document or, where these have none, of the file. Folders of
        one name are one.

    Raises
    ------
    SourceError
        The file is no whole XML document, or has no placemark.
    """
    reader = _Reader(path, folder)
    parser = xml_parser(path, namespaces=True)
    parser.buffer_text = True
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise SourceError(f"{path.name} is no whole XML document, it is cut off or damaged: {error}") from error
    files = reader.finish()
    if not files:
        links = " It only links to other files, which aren't followed: load those." if reader.links else ""
        raise SourceError(f"{path.name} has no placemark.{links}")
    return files


def only_links(path: Path) -> bool:
    """Return whether a KML file has links to others, and no placemark of its own."""
    found = set()
    parser = xml_parser(path, namespaces=True)
    parser.StartElementHandler = lambda tag, _attributes: found.add(tag.rpartition(" ")[2])
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError:
        return False
    return "NetworkLink" in found and "Placemark" not in found


class _Reader:
    """Gathers placemarks from the events of a parser."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self._files: dict[str, Path] = {}
        self._lines: dict[str, list[bytes]] = defaultdict(list)
        self._within: list[str] = []
        self._containers: list[str] = []
        self._text: list[str] = []
        self._chars = 0
        self._placemark: dict[str, Any] | None = None
        self._key = ""
        self._geometries: list[list[Geometry]] = []
        self._rings: list[Any] = []
        self._coordinates: list[list[float]] = []
        self.links = 0

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        self._within.append(name)
        self._text.clear()
        self._chars = 0
        if name in _CONTAINERS:
            self._containers.append("")
        elif name == "NetworkLink":
            self.links += 1
        elif name == "Placemark":
            self._placemark = {"id": attributes["id"]} if attributes.get("id") else {}
            self._geometries = [[]]
        elif name in _DATA:
            self._key = attributes.get("name", "")
        elif name == "MultiGeometry" and self._geometries:
            self._geometries.append([])
        elif name == "Polygon":
            self._rings = []
        elif name in _SIMPLE:
            self._coordinates = []

    def text(self, text: str) -> None:
        self._text.append(text)
        self._chars += len(text)
        if self._chars > _MOST_CHARS and self._within[-1] != "coordinates":
            raise SourceError(f"{self._path.name} has a text of more than {_MOST_CHARS:,} characters.")

    def end(self, _tag: str) -> None:
        name = self._within.pop()
        text = "".join(self._text).strip()
        self._text.clear()
        self._chars = 0
        if name in _CONTAINERS:
            self._containers.pop()
        elif self._placemark is None:
            if name == "name" and self._within and self._within[-1] in _CONTAINERS:
                self._containers[-1] = text
        elif name == "Placemark":
            self._keep()
        elif name in ("coordinates", "coord"):
            self._coordinates += _places(text, apart="," if name == "coordinates" else None)
        elif name in _SIMPLE or name in ("Polygon", "MultiGeometry"):
            self._shape(name)
        else:
            self._value(name, text)

    def finish(self) -> dict[str, Path]:
        """Write what is left, and return the files."""
        for table in list(self._lines):
            self._write(table)
        return self._files

    def _value(self, name: str, text: str) -> None:
        """Take a text for a property of the placemark; data of its own go before those that every one has."""
        own = (name == "value" and self._within[-1] == "Data") or name == "SimpleData"
        if text and self._placemark is not None and (own or name in _TEXTS):
            self._placemark[self._key if own and self._key else name] = text

    def _shape(self, name: str) -> None:
        """Take a geometry that ends here for a ring, or for one of the placemark or of a collection."""
        if name == "LinearRing" and "Polygon" in self._within:
            self._rings.append(self._coordinates)
            return
        if name == "MultiGeometry":
            found: Geometry = {"type": "GeometryCollection", "geometries": self._geometries.pop()}
        elif name == "Polygon":
            found = {"type": name, "coordinates": self._rings}
        else:
            places = self._coordinates
            if name == "Point" and not places:
                return
            found = {"type": _SIMPLE[name], "coordinates": places[0] if name == "Point" else places}
        self._geometries[-1].append(found)

    def _keep(self) -> None:
        """Keep the placemark that ends here."""
        shapes = self._geometries[0]
        geometry = shapes[0] if len(shapes) == 1 else {"type": "GeometryCollection", "geometries": shapes}
        feature = {"type": "Feature", "properties": self._placemark, "geometry": geometry if shapes else None}
        table = next((each for each in reversed(self._containers) if each), self._path.stem)
        self._lines[table].append(orjson.dumps(feature))
        self._placemark = None
        if len(self._lines[table]) >= _WAITING_LINES:
            self._write(table)

    def _write(self, table: str) -> None:
        file = self._files.setdefault(table, self._folder / f"{self._path.stem}.{len(self._files)}.geojsonl")
        with file.open("ab") as out:
            out.writelines(line + b"\n" for line in self._lines.pop(table))


def _places(text: str, *, apart: str | None) -> list[list[float]]:
    """Return longitudes and latitudes; what can't be read leaves none."""
    tuples = _AROUND_COMMA.sub(",", text).split() if apart else [text]
    try:
        return [[float(number) for number in each.split(apart)[:2]] for each in tuples]
    except ValueError:
        return []
