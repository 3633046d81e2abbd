"""OpenStreetMap XML as editors save it: with elements that are to be deleted, and new ones with negative numbers."""

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

from layers.errors import SourceError
from layers.sources.archives import Workplace
from layers.sources.whole import xml_parser

_CHUNK_BYTES = 1024 * 1024
_OVERLAP_BYTES = 64
_OPENERS: dict[str, Callable[..., Any]] = {".osm": open, ".gz": gzip.open, ".bz2": bz2.open}
_OF_EDITORS = re.compile(rb"""\s(action\s*=\s*["']delete|(id|ref)\s*=\s*["']-)""")
_NUMBERS = ("id", "ref")
_NEW = 10**12
"""Above all numbers that OpenStreetMap has given."""


@contextmanager
def settled(path: Path) -> Iterator[Path]:
    """Give a file without what is to be deleted, in which all numbers are positive: the file itself, or a copy.

    Raises
    ------
    SourceError
        It is no whole XML document.
    """
    if not _is_of_an_editor(path):
        yield path
        return
    place = Workplace()
    try:
        yield _settle(path, place.folder / "settled.osm")
    finally:
        place.close()


def as_saved(source_id: str) -> str:
    """Return the id of an element as its editor saved it."""
    number = int(source_id[1:])
    return f"{source_id[0]}{_NEW - number}" if number > _NEW else source_id


def _is_of_an_editor(path: Path) -> bool:
    opens = _OPENERS.get(path.suffix.lower())
    if opens is None:
        return False
    before = b""
    try:
        with opens(path, "rb") as stream:
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


def _positive(key: str, value: str) -> str:
    return str(_NEW - int(value)) if key in _NUMBERS and value.startswith("-") and value[1:].isdecimal() else value
