"""Ids of rows: which fields tell them and, for rows that have none, what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_KEYS = ("source_id", "id", "fid")
_MOST_RUNS = 8
_DIGEST_BYTES = 8
_BETWEEN_CELLS = "\x1f"

Digests = NDArray[np.uint64]


def as_keys(key: str | Sequence[str] | None) -> list[str]:
    """Return the fields that make an id together."""
    return [key] if isinstance(key, str) else list(key or ())


def own_key(fields: Collection[str]) -> list[str]:
    """Return the field that tells ids where none is named: ``source_id``, ``id`` or ``fid``, in letters of any case."""
    return [name for key in _KEYS for name in fields if name.casefold() == key][:1]


class RowIds:
    """Gives ids to the rows of a table. It remembers eight bytes of each row."""

    def __init__(self) -> None:
        self._runs: list[Digests] = []

    def of(self, columns: Sequence[pa.StringArray]) -> pa.StringArray:
        """Return the ids of rows: sixteen digits of a digest, and a number from the second row that is equal on."""
        rows = pc.binary_join_element_wise(*columns, _BETWEEN_CELLS)
        beginnings = _beginnings(rows.cast(pa.binary()).to_pylist())
        digests = np.frombuffer(beginnings, ">u8").astype(np.uint64)
        numbers = self._earlier(digests) + _earlier_within(digests)
        self._remember(digests)
        ids = _hexadecimal(beginnings)
        if not numbers.any():
            return ids
        again = pc.binary_join_element_wise(ids, pa.array(numbers + 1).cast(pa.string()), "-")
        return pc.if_else(pa.array(numbers > 0), again, ids)

    def _earlier(self, digests: Digests) -> NDArray[np.int64]:
        """Return how often each digest came in earlier batches; looked up in their order, which is kind to caches."""
        order = np.argsort(digests)
        wanted = digests[order]
        counts = np.zeros(len(digests), np.int64)
        for run in self._runs:
            first = np.searchsorted(run, wanted)
            found = np.flatnonzero(run[np.minimum(first, len(run) - 1)] == wanted)
            counts[found] += np.searchsorted(run, wanted[found], "right") - first[found]
        found_in_order = np.empty_like(counts)
        found_in_order[order] = counts
        return found_in_order

    def _remember(self, digests: Digests) -> None:
        """Keep digests in sorted runs, which are merged when they are many."""
        if len(digests):
            self._runs.append(np.sort(digests))
        if len(self._runs) > _MOST_RUNS:
            self._runs = [np.sort(np.concatenate(self._runs), kind="stable")]


def _beginnings(rows: Sequence[bytes]) -> bytes:
    sha256 = hashlib.sha256
    return b"".join([sha256(row).digest()[:_DIGEST_BYTES] for row in rows])


def _hexadecimal(digests: bytes) -> pa.StringArray:
    count = len(digests) // _DIGEST_BYTES
    ends = np.arange(count + 1, dtype=np.int32) * 2 * _DIGEST_BYTES
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(digests.hex().encode()))


def _earlier_within(digests: Digests) -> NDArray[np.int64]:
    """Return how many of the digests before each are equal to it."""
    order = np.argsort(digests, kind="stable")
    ordered = digests[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(digests) else np.zeros(0, int)
    lengths = np.diff(np.append(starts, len(digests)))
    found = np.empty(len(digests), np.int64)
    found[order] = np.arange(len(digests)) - np.repeat(starts, lengths)
    return found
