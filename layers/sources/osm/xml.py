"""OpenStreetMap XML as editors and query services write it: in any order, with elements to be deleted and new ones."""

from __future__ import annotations

import bz2
import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import osmium

from layers.errors import SourceError
from layers.sources.archives import Workplace
from layers.sources.osm.elements import FAULTS
from layers.sources.whole import xml_parser

_CHUNK_BYTES = 1024 * 1024
_OVERLAP_BYTES = 64
_OPENERS: dict[str, Callable[..., Any]] = {".osm": open, ".gz": gzip.open, ".bz2": bz2.open}
_OF_EDITORS = re.compile(rb"""\s(action\s*=\s*["']delete|(id|ref)\s*=\s*["']-)""")
_KINDS = "nwr"
_NUMBERS = ("id", "ref")
_NEW = 10**12
"""Above all numbers that OpenStreetMap has given."""


@contextmanager
def settled(path: Path) -> Iterator[Path]:
    """Give a file whose elements are in order, all with positive numbers and none to be deleted: itself, or a copy.

    Editors mark what is to be deleted, and give what is new negative numbers; Overpass writes ways before nodes.

    Raises
    ------
    SourceError
        It is no whole XML document.
    """
    if path.suffix.lower() not in _OPENERS:
        yield path
        return
    place = Workplace()
    try:
        file = _settle(path, place.folder / "settled.osm") if _is_of_an_editor(path) else path
        yield file if _is_in_order(path, file) else _put_in_order(file, place.folder / "ordered.osm.pbf")
    finally:
        place.close()


def as_saved(source_id: str) -> str:
    """Return the id of an element as its editor saved it."""
    number = int(source_id[1:])
    return f"{source_id[0]}{_NEW - number}" if number > _NEW else source_id


def _is_of_an_editor(path: Path) -> bool:
    before = b""
    try:
        with _OPENERS[path.suffix.lower()](path, "rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                if _OF_EDITORS.search(before + chunk):
                    return True
                before = chunk[-_OVERLAP_BYTES:]
    except (OSError, EOFError) as error:
        raise SourceError(f"{path.name} can't be read as OpenStreetMap data: it is cut off or damaged.") from error
    return False


def _settle(path: Path, target: Path) -> Path:
    try:
        with _OPENERS[path.suffix.lower()](path, "rb") as stream, target.open("w", encoding="utf-8") as out:
            copy, parser = _Copy(out), xml_parser(path)
            parser.StartElementHandler, parser.EndElementHandler = copy.begin, copy.end
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise SourceError(f"{path.name} can't be read as OpenStreetMap data: {error}") from error
    return target


class _Copy:
    """Writes the elements of a document anew."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._within_deleted = 0

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if self._within_deleted or attributes.get("action") == "delete":
            self._within_deleted += 1
            return
        written = (f" {key}={quoteattr(_positive(key, value))}" for key, value in attributes.items())
        self._out.write(f"<{name}{''.join(written)}>")

    def end(self, name: str) -> None:
        if self._within_deleted:
            self._within_deleted -= 1
        else:
            self._out.write(f"</{name}>")


def _is_in_order(path: Path, file: Path) -> bool:
    before = (-1, 0)
    try:
        for element in osmium.FileProcessor(str(file)):
            now = (_KINDS.find(element.type_str()), element.id)
            if now <= before:
                return False
            before = now
    except FAULTS as error:
        raise SourceError(f"{path.name} can't be read as OpenStreetMap data: {error}") from error
    return True


def _put_in_order(file: Path, target: Path) -> Path:
    elements = osmium.MergeInputReader()
    elements.add_file(str(file))
    with osmium.SimpleWriter(str(target)) as writer:
        elements.apply(writer)
    return target


def _positive(key: str, value: str) -> str:
    return str(_NEW - int(value)) if key in _NUMBERS and value.startswith("-") and value[1:].isdecimal() else value
