"""What every source yields, whatever it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

import pyarrow as pa


class Record(NamedTuple):
    """A feature as a source has it.

    Parameters
    ----------
    layer
        The layer to which it goes.
    source_id
        Its id in the source.
    geometry
        Hexadecimal WKB in EPSG:4326, longitude before latitude.
    values
        The typed columns it fills, by name.
    tags
        All it has beside them.
    """

    layer: str
    source_id: str
    geometry: str
    values: dict[str, Any]
    tags: dict[str, str]


class Reject(NamedTuple):
    """A record that can't become a feature: why, and the record as it came."""

    layer: str
    source_id: str
    reason: str
    record: dict[str, Any]


class Batch(NamedTuple):
    """Features by the thousand, column by column: what a reader of large files yields in place of records.

    Parameters
    ----------
    layer
        The layer to which they go.
    rows
        A row a feature. ``source_id`` (text, never null), ``geom`` (binary: flat WKB in EPSG:4326, longitude before
        latitude) and ``tags`` (text: a JSON object) are always there; beside them the typed columns that the source
        fills, by name, as text or in the types of the layer: whole numbers, floats, truths, dates, times with a zone.
    """

    layer: str
    rows: pa.RecordBatch


class Complete(NamedTuple):
    """Nothing more comes for a layer; a source that can't tell says it of none."""

    layer: str


@dataclass
class Notes:
    """What a reader noticed that is no rejection.

    Parameters
    ----------
    passed_over
        How many elements had a key of a layer but belong to none, by layer and by what they are.
    cut
        How many lines of a layer are only partly in the file: the known parts were taken.
    remarks
        What the reader has found out by itself, such as an encoding, that its user may want to check.
    """

    passed_over: Counter[tuple[str, str]] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)


Item: TypeAlias = Record | Batch | Reject | Complete


class Reader(Protocol):
    """A source, opened. It can be read once.

    ``progress`` is the share of the source that has been read, 0 to 1, where the reader can tell.
    """

    notes: Notes

    @property
    def progress(self) -> float | None:
        """The share of the source that has been read."""

    def __iter__(self) -> Iterator[Item]:
        """Yield what the source holds, in its order."""
