"""Relations of OpenStreetMap that are made of others: read before these, so that they can be kept when they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import osmium
from osmium.filter import KeyFilter


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


def read_relations(path: Path, keys: Iterable[str]) -> Iterator[Relation]:
    """Yield the relations of a file that have one of the keys, without those that are deleted in it.

    Raises
    ------
    RuntimeError
        The file can't be read.
    """
    found: Any = osmium.FileProcessor(str(path), osmium.osm.RELATION).with_filter(KeyFilter(*keys))
    for each in found:
        if not each.visible:
            continue
        members = [Member(part.type, part.ref, part.role) for part in each.members]
        yield Relation(f"r{each.id}", dict(each.tags), members)
