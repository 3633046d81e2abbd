"""What a source is made of: its fields, their types and its shape, as found by reading it once."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

import shapely
from anyascii import anyascii

from layers.catalog import find
from layers.conversions import number, whole
from layers.description import Shape
from layers.sources.mapping.values import convert, read_moment
from layers.sources.records import Batch, Complete, Item, Reader, Record, Reject

TYPES: dict[str, type] = {"whole": int, "number": float, "truth": bool, "date": date, "time": datetime, "text": str}
"""The types that a field can have, the narrowest first."""

_TRUTHS = {"true", "false", "yes", "no"}
_A_CODE = re.compile(r"[+-]?0\d|\+\d{7}")
"""How a text of digits begins that is no number: a zero before them, or a telephone's plus."""

_EXACT = 2**53
"""Up to here a number keeps all of its digits."""

_CLASSES_AT_MOST = 12
_SHAPES = {0: Shape.POINT, 1: Shape.LINE, 3: Shape.POLYGON, 4: Shape.POINT, 5: Shape.LINE, 6: Shape.POLYGON}


@dataclass
class FieldFound:
    """What is known of a field of a source.

    Parameters
    ----------
    filled
        How many records have a value.
    candidates
        The types that all of its values so far can have, the narrowest first.
    values
        Its different values, as long as they are few enough to be classes.
    """

    filled: int = 0
    candidates: list[str] = field(default_factory=lambda: list(TYPES))
    values: Counter[str] | None = field(default_factory=Counter)

    def see(self, value: str) -> None:
        """Take a value into account."""
        self.filled += 1
        self.candidates = [each for each in self.candidates if _fits(value, each)]
        if self.values is not None:
            self.values[value] += 1
            if len(self.values) > _CLASSES_AT_MOST:
                self.values = None

    @property
    def type(self) -> str:
        """The narrowest type that all values have."""
        return self.candidates[0]


@dataclass
class Found:
    """What a source is made of.

    Parameters
    ----------
    fields
        By name, in the order in which they turn up.
    shapes
        How many geometries have which shape; those of no one shape are not counted.
    count
        How many records it has.
    rejected
        How many records can't be read, by reason.
    """

    fields: dict[str, FieldFound] = field(default_factory=dict)
    shapes: Counter[Shape] = field(default_factory=Counter)
    count: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def see(self, record: Record) -> None:
        """Take a record into account: its fields are all in its tags."""
        self.count += 1
        for name, value in record.tags.items():
            self.fields.setdefault(name, FieldFound()).see(value)


def look_through(reader: Reader, *, at_most: int) -> Found:
    """Read a source whose fields all come as tags, and tell what it is made of; stop after ``at_most`` records."""
    found = Found()
    for record in records(reader):
        if isinstance(record, Reject):
            found.rejected[record.reason] += 1
            continue
        found.see(record)
        shape = _SHAPES.get(shapely.get_type_id(shapely.from_wkb(record.geometry))) if record.geometry else None
        if shape is not None:
            found.shapes[shape] += 1
        if found.count > at_most:
            break
    return found


def records(items: Iterable[Item]) -> Iterator[Record | Reject]:
    """Yield what a reader yields one by one, batches taken apart."""
    for item in items:
        if isinstance(item, Batch):
            columns = item.rows.to_pydict()
            own = [name for name in columns if name not in {"source_id", "geom", "tags"}]
            for row, source_id in enumerate(columns["source_id"]):
                geometry = columns["geom"][row]
                values = {name: columns[name][row] for name in own}
                tags = json.loads(columns["tags"][row])
                yield Record(item.layer, source_id, geometry.hex() if geometry else geometry, values, tags)
        elif not isinstance(item, Complete):
            yield item


def typed_items(items: Iterable[Record | Reject], layer: str, zone: str | None) -> Iterator[Record | Reject]:
    """Yield records of a custom layer, whose fields all come as tags, with the values of its columns.

    Parameters
    ----------
    items
        Records and rejects.
    layer
        The custom layer.
    zone
        Of times that don't tell theirs; UTC by default.
    """
    fields = {each.title["en"]: (each.name, each.python_type) for each in find(layer).columns}
    time_zone = ZoneInfo(zone or "UTC")
    for each in items:
        yield each if isinstance(each, Reject) else typed(each, fields, time_zone)


def typed(record: Record, fields: dict[str, tuple[str, type]], zone: tzinfo = UTC) -> Record | Reject:
    """Move the fields of a record, which are all among its tags, to columns of their types.

    Parameters
    ----------
    record
        As read.
    fields
        By the name of the field, the column and its type; other fields stay among the tags.
    zone
        Of times that don't tell theirs.
    """
    values, tags = {}, {}
    for name, text in record.tags.items():
        if name not in fields:
            tags[name] = text
            continue
        column, kind = fields[name]
        try:
            values[column] = read_moment(text, zone=zone).time if kind is datetime else convert(text, kind)
        except (ValueError, OverflowError) as error:
            told = {**record.tags, **({"geom": shapely.from_wkb(record.geometry).wkt} if record.geometry else {})}
            return Reject(record.layer, record.source_id, f"{name}: {error}", told)
    return record._replace(values=values, tags=tags)


def plain_name(text: str, *, taken: Sequence[str] = (), length: int = 50) -> str:
    """Return a name in small Latin letters, digits and underscores that is none of those taken."""
    plain = re.sub(r"[^a-z0-9]+", "_", anyascii(text).lower()).strip("_")[:length].strip("_") or "field"
    if plain[0].isdigit():
        plain = f"n{plain}"
    candidate, again = plain, 2
    while candidate in taken:
        candidate, again = f"{plain}_{again}", again + 1
    return candidate


def _fits(value: str, kind: str) -> bool:
    if kind == "text":
        return True
    if kind == "truth":
        return value.lower() in _TRUTHS
    if kind in {"whole", "number"}:
        if _A_CODE.match(value):
            return False
        found = whole(value) if kind == "whole" else number(value)
        return found is not None and math.isfinite(found) and not (abs(found) > _EXACT and found == int(found))
    try:
        precision = read_moment(value).precision
    except (ValueError, OverflowError):
        return False
    return precision == "day" if kind == "date" else precision in {"minute", "second"}
