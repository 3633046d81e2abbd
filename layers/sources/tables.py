"""The tables of a file, and which of them fills which layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from geo.errors import InvalidInputError
from layers.catalog import LayerTable, all_layers, find
from layers.errors import SourceError
from layers.sources.geometry.coordinates import Box, around
from layers.sources.records import Item, Notes, Reader

_SHOWN = 30


class Table(Protocol):
    """One table of a file."""

    @property
    def name(self) -> str:
        """What it is called."""

    def reader(self, layer: LayerTable) -> Reader:
        """Return a reader of it into a layer."""

    def bounds(self) -> Box | None:
        """Return the box around it in degrees, where that can be told."""


class Chain:
    """Reads several tables, one after the other.

    Parameters
    ----------
    readers
        Of the tables.
    keeping
        What must not be thrown away while they are read, such as a folder with what was unpacked.
    """

    def __init__(self, readers: Sequence[Reader], keeping: object = None) -> None:
        self.notes = Notes()
        self._readers = readers
        self._keeping = keeping
        self._done = 0

    @property
    def progress(self) -> float | None:
        """The share of all that has been read, as if all tables were equally long."""
        if self._done == len(self._readers):
            return 1.0
        share = self._readers[self._done].progress
        return None if share is None else (self._done + share) / len(self._readers)

    def __iter__(self) -> Iterator[Item]:
        for reader in self._readers:
            yield from reader
            self.notes.passed_over.update(reader.notes.passed_over)
            self.notes.cut.update(reader.notes.cut)
            self.notes.remarks += reader.notes.remarks
            self._done += 1


def pair(
    file_name: str, tables: Sequence[str], *, layers: Sequence[str] | None, wanted: Sequence[str]
) -> dict[str, str]:
    """Return the table for each layer that a file fills.

    Layers and tables that are both named belong together in their order. A layer alone is filled by the table of its
    name, or by the only one. Tables alone, or all of the file where nothing is named, fill the layers of their names.

    Parameters
    ----------
    file_name
        Of the file.
    tables
        Of the file.
    layers, wanted
        The layers and the tables that are named.

    Raises
    ------
    InvalidInputError
        It can't be told which table fills which layer; the text lists what there is.
    NotFoundError
        There is no such layer.
    """
    has = f"{file_name} has {_listed(tables)}"
    unknown = [each for each in wanted if each not in tables]
    if unknown:
        raise InvalidInputError(f"{file_name} has no table {', '.join(unknown)}; it has {_listed(tables)}.")
    named = {each.lower(): each for each in wanted or tables}
    if layers is None:
        found = {name: named[name] for name in all_layers() if name in named}
        if not found or (wanted and len(found) < len(wanted)):
            known = ", ".join(all_layers())
            raise InvalidInputError(f"{has}, not called like a layer: name it with --layer. The layers are: {known}.")
        return found
    for each in layers:
        find(each)
    if wanted and len(wanted) != len(layers):
        raise InvalidInputError(f"{len(layers)} layers and {len(wanted)} tables are named: name one for each.")
    if wanted or len(layers) == len(tables) == 1:
        return dict(zip(layers, wanted or tables, strict=True))
    missing = [each for each in layers if each not in named]
    if missing:
        raise InvalidInputError(f"{has}: name the one for the layer {', '.join(missing)} with --table.")
    return {each: named[each] for each in layers}


def passed_over(tables: Sequence[str], pairs: dict[str, str]) -> list[str]:
    """Return a remark about tables that aren't read, if there are any."""
    left = [each for each in tables if each not in pairs.values()]
    return [f"passed over: {_listed(left)}"] if left else []


def box_around(file_name: str, tables: Sequence[Table]) -> Box:
    """Return the box around tables, in degrees.

    Raises
    ------
    SourceError
        None tells where it lies.
    """
    found = [box for each in tables if (box := each.bounds()) is not None]
    if not found:
        raise SourceError(f"{file_name} doesn't tell where its features lie: name the territory with --territory.")
    return around(found)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    shown = ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"the table {shown}" if len(names) == 1 else f"the tables {shown}"
