"""GeoJSON, as PostgreSQL writes it: one collection, or a text sequence (RFC 8142)."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from typing import Any

from layers.reading.geojson import geojson as feature_sql
from layers.streams.rows import copy_out
from layers.streams.selection import Selection

_RECORD_SEPARATOR = b"\x1e"
_HEAD = b'{"type": "FeatureCollection", "features": [\n'


def write(selection: Selection, *, following: Any = None) -> Generator[bytes]:
    """Yield a feature collection; how many features it has stands at its end.

    Parameters
    ----------
    selection
        Which features.
    following
        The link to the features behind the limit, which stands at the end where there may be some.
    """
    lead, count = _HEAD, 0
    for block in _lines(selection):
        yield lead + block[:-1].replace(b"\n", b",\n")
        lead = b",\n"
        count += block.count(b"\n")
    closing: dict[str, Any] = {"numberReturned": count}
    if following is not None and count == selection.query.limit:
        closing["links"] = [following]
    yield (b"" if count else lead) + b"\n], " + json.dumps(closing, ensure_ascii=False)[1:].encode() + b"\n"


def write_sequence(selection: Selection) -> Generator[bytes]:
    """Yield features one after the other, each on a line and after the character that separates records."""
    for block in _lines(selection):
        yield _RECORD_SEPARATOR + block[:-1].replace(b"\n", b"\n" + _RECORD_SEPARATOR) + b"\n"


def _lines(selection: Selection) -> Iterator[bytes]:
    """Yield features, each on a line of its own; of what COPY escapes, JSON has but the backslash."""
    statement = selection.matching(
        [feature_sql(selection.model, selection.table, crs=selection.crs, only=selection.names)]
    )
    for block in copy_out(selection.connection, statement, "text"):
        yield block.replace(b"\\\\", b"\\")
