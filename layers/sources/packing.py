"""From lists of values to batches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from layers.sources.records import Batch


def pack(
    layer: str,
    ids: Sequence[str],
    geometries: Sequence[str | None],
    tags: Sequence[bytes],
    values: Mapping[str, Sequence[Any]],
) -> Batch:
    """Return features as a batch.

    Parameters
    ----------
    layer
        To which they go.
    ids, geometries, tags
        A value a feature; geometries are hexadecimal WKB, tags JSON objects.
    values
        By column, a value a feature.

    Raises
    ------
    UnicodeEncodeError
        A text is none, since it holds half a character.
    """
    columns = {
        "source_id": pa.array(ids, pa.string()),
        "geom": pa.array(geometries, pa.string()),
        "tags": pa.array(tags, pa.string()),
    }
    columns |= {name: _array(each) for name, each in values.items()}
    return Batch(layer, pa.RecordBatch.from_pydict(columns))


def _array(values: Sequence[Any]) -> pa.Array:
    """Return values as a column; those of different types, and those unknown to CSV, as text."""
    if dt.datetime in set(map(type, values)):
        values = [value.isoformat() if isinstance(value, dt.datetime) else value for value in values]
    try:
        found = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return _texts(values)
    return _texts(values) if pa.types.is_nested(found.type) or pa.types.is_binary(found.type) else found


def _texts(values: Sequence[Any]) -> pa.StringArray:
    return pa.array([None if value is None else str(value) for value in values], pa.string())
