"""The elements of an OpenStreetMap file, which can be gone through again and again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import osmium
from osmium.filter import EntityFilter, KeyFilter
from osmium.osm import ALL, NODE, NOTHING, RELATION, WAY

from layers.description import Tags

FAULTS = (RuntimeError, ValueError, osmium.InvalidLocationError)
"""What the library raises for a file that can't be read."""


class Member(NamedTuple):
    """A part of a relation: a node ``n``, a way ``w`` or a relation ``r``."""

    type: str
    ref: int
    role: str


class Relation(NamedTuple):
    """A relation of elements."""

    source_id: str
    tags: dict[str, str]
    members: list[Member]


class Elements:
    """The elements of a file. Where its nodes lie is kept from the first time on.

    Its methods raise one of `FAULTS` where the file can't be read.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._pool = osmium.io.ThreadPool()
        self._places: osmium.index.LocationTable | None = None

    def have_history(self) -> bool:
        """Return whether the file holds several versions of elements."""
        with self._open(NOTHING) as reader:
            return bool(reader.header().has_multiple_object_versions)

    def relations(self, keys: Collection[str], *, wanted: Callable[[Tags], bool]) -> Iterator[Relation]:
        """Yield the relations that have one of the keys, without those that are deleted in the file.

        Parameters
        ----------
        keys
            Of tags.
        wanted
            Tells by its tags whether the members of a relation are read.
        """
        with self._open(RELATION) as reader:
            having = KeyFilter(*keys)
            found: Iterator[Any] = osmium.OsmFileIterator(reader, having)
            for each in found:
                if each.visible:
                    tags = dict(each.tags)
                    parts = each.members if wanted(tags) else ()
                    yield Relation(f"r{each.id}", tags, [Member(part.type, part.ref, part.role) for part in parts])

    def having(
        self, keys: Collection[str], *, nodes: Collection[str] = (), areas: Collection[str] = ()
    ) -> Iterator[Any]:
        """Yield the nodes, the ways and the relations that have one of the keys, each valid until the next.

        Parameters
        ----------
        keys
            Of tags.
        nodes
            Those of the keys of which a node must have one.
        areas
            Of tags too: what has one of these, and is a closed way or a multipolygon, is yielded as an area as well,
            after the way and before or after the relation.
        """
        if not keys:
            return
        having, having_area = KeyFilter(*keys), KeyFilter(*(areas or keys))
        having_node = KeyFilter(*nodes) if nodes else EntityFilter(WAY | RELATION)
        if nodes:
            having_node.enable_for(NODE)
        rounds = [ALL] if self._places is None else [NODE, WAY | RELATION]
        self._places = self._places or osmium.index.create_map("flex_mem")
        placing = osmium.NodeLocationsForWays(self._places)
        placing.ignore_errors()
        handlers: list[Any] = [placing]
        assembled = osmium.BufferIterator(having_area)
        if areas:
            assembler = osmium.area.AreaManager()
            with self._open(RELATION) as reader:
                osmium.apply(reader, having_area, assembler.first_pass_handler())
            handlers.append(assembler.second_pass_to_buffer(assembled))
        for entities in rounds:
            with self._open(entities) as reader:
                for element in osmium.OsmFileIterator(
                    reader, *([] if entities == NODE else handlers), having_node, having
                ):
                    yield element
                    if assembled:
                        yield from assembled
        if assembled:
            yield from assembled

    def _open(self, entities: osmium.osm.osm_entity_bits) -> osmium.io.Reader:
        return osmium.io.Reader(self._path, entities, thread_pool=self._pool)
