"""From lists of values to batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from layers.sources.mapping.values import as_text
from layers.sources.records import Batch


def pack(
    layer: str,
    ids: Sequence[str],
    geometries: Sequence[str | None],
    tags: Sequence[bytes],
    values: Mapping[str, Sequence[Any]],
) -> Batch:
    """Return features as a batch, all values in it as text.

    Parameters
    ----------
    layer
        To which they go.
    ids, geometries, tags
        A value a feature; geometries are hexadecimal WKB, tags JSON objects.
    values
        By column, a value a feature; those without any are left out.

    Raises
    ------
    UnicodeEncodeError
        A text is none, since it holds half a character.
    """
    columns = {"source_id": _texts(ids), "geom": _texts(geometries), "tags": _texts(tags)}
    for name, column in values.items():
        if column.count(None) == len(column):
            continue
        try:
            columns[name] = _texts(column)
        except TypeError:
            columns[name] = _texts([each if each is None or type(each) is str else as_text(each) for each in column])
    return Batch(layer, pa.RecordBatch.from_pydict(columns))


def _texts(values: Sequence[str | bytes | None]) -> pa.StringArray:
    """Return texts as a column; made of a list otherwise, it would bring pandas with it, which is long to import."""
    builder = pa.lib.StringBuilder()
    builder.append_values(values)
    return builder.finish()
