"""Rows as PostgreSQL's COPY takes them: in its binary format, which it needn't parse, or as CSV."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = struct.pack(">h", -1)
_NULL = struct.pack(">i", -1)
_JSONB_VERSION = b"\x01"
_EPOCH_DAYS = 10_957
_EPOCH_US = _EPOCH_DAYS * 86_400_000_000
"""PostgreSQL counts from the beginning of 2000."""

_TEXTS = {"TEXT", "JSONB"}

Pieces = list[pa.Array | pa.Scalar]
"""What stands one after the other in each row, none of it null."""


class _UnwritableError(Exception):
    """A column isn't in the type of the table."""


def as_binary(rows: pa.RecordBatch, declared: Sequence[str]) -> bytes | None:
    """Return rows as ``COPY ... FROM STDIN (FORMAT binary)`` takes them.

    Parameters
    ----------
    rows
        Values in the types of the table; geometries as WKB.
    declared
        The types of the table's columns, in SQL, in the order of the rows' columns.

    Returns
    -------
    bytes or None
        ``None`` where a column is of another type, or told as text: that is PostgreSQL's to read.
    """
    pieces: Pieces = [pa.scalar(struct.pack(">h", len(declared)))]
    try:
        for column, type_ in zip(rows.columns, declared, strict=True):
            pieces += _field(column, type_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, _UnwritableError):
        return None
    return b"".join([_SIGNATURE, _data(pc.binary_join_element_wise(*pieces, b"")), _END])


def as_csv(rows: pa.RecordBatch) -> bytes:
    """Return rows as ``COPY ... FROM STDIN (FORMAT csv)`` takes them; geometries become hexadecimal."""
    columns = [_hexadecimal(each) if pa.types.is_binary(each.type) else each for each in rows.columns]
    sink = io.BytesIO()
    written = pa.table(columns, rows.schema.names)
    pa.csv.write_csv(written, sink, pa.csv.WriteOptions(include_header=False))
    return sink.getvalue()


def _field(column: pa.Array, type_: str) -> Pieces:
    if type_ in _FIXED:
        return [_fixed(column, *_FIXED[type_])]
    if type_.startswith("geometry") and pa.types.is_binary(column.type):
        return _variable(column)
    if type_ not in _TEXTS or not pa.types.is_string(column.type):
        raise _UnwritableError
    return _variable(column.cast(pa.binary()), _JSONB_VERSION if type_ == "JSONB" else b"")


def _variable(values: pa.BinaryArray, before: bytes = b"") -> Pieces:
    """Return the lengths of values, and the values, with something before each."""
    if before:
        values = pc.binary_join_element_wise(pa.scalar(before), values, b"")
    lengths = pc.fill_null(pc.binary_length(values), -1).to_numpy(zero_copy_only=False)
    return [_fixed_bytes(lengths.astype(">i4")), pc.fill_null(values, b"")]


def _fixed(column: pa.Array, type_: pa.DataType, layout: str, since: int) -> pa.Array:
    """Return numbers, with the length of each before it."""
    if pa.types.is_string(column.type):
        raise _UnwritableError
    numbers = column.cast(type_)
    if pa.types.is_temporal(type_):
        numbers = numbers.cast(pa.int32() if type_ == pa.date32() else pa.int64())
    given = pc.fill_null(numbers.cast(pa.uint8()) if type_ == pa.bool_() else numbers, 0)
    found = np.empty(len(column), [("length", ">i4"), ("value", layout)])
    found["length"] = found.dtype["value"].itemsize
    found["value"] = given.to_numpy(zero_copy_only=False) - since
    written = _fixed_bytes(found)
    return pc.if_else(pc.is_valid(numbers), written, pa.scalar(_NULL)) if numbers.null_count else written


_FIXED: dict[str, tuple[pa.DataType, str, int]] = {
    "INTEGER": (pa.int32(), ">i4", 0),
    "BIGINT": (pa.int64(), ">i8", 0),
    "DOUBLE PRECISION": (pa.float64(), ">f8", 0),
    "BOOLEAN": (pa.bool_(), "u1", 0),
    "DATE": (pa.date32(), ">i4", _EPOCH_DAYS),
    "TIMESTAMP WITH TIME ZONE": (pa.timestamp("us", "UTC"), ">i8", _EPOCH_US),
}


def _fixed_bytes(values: NDArray[np.void] | NDArray[np.int32]) -> pa.BinaryArray:
    """Return the bytes of each value."""
    kind = pa.binary(values.dtype.itemsize)
    fixed = pa.FixedSizeBinaryArray.from_buffers(kind, len(values), [None, pa.py_buffer(values.tobytes())])
    return fixed.cast(pa.binary())


def _data(values: pa.BinaryArray) -> pa.Buffer:
    _, ends, data = values.buffers()
    offsets = np.frombuffer(ends, np.int32)[values.offset :][: len(values) + 1]
    return (data or pa.py_buffer(b"")).slice(int(offsets[0]), int(offsets[-1] - offsets[0]))


_HEX_PAIRS = np.array([np.frombuffer(f"{byte:02x}".encode(), np.uint16)[0] for byte in range(256)])


def _hexadecimal(array: pa.BinaryArray) -> pa.StringArray:
    """Return binary values as hexadecimal text, nulls as nulls."""
    compact = pa.concat_arrays([array, array[:0]])
    validity, ends, data = compact.buffers()
    offsets = np.frombuffer(ends, np.int32, len(array) + 1)
    pairs = _HEX_PAIRS[np.frombuffer(data or b"", np.uint8, offsets[-1])]
    return pa.StringArray.from_buffers(len(array), pa.py_buffer(offsets * 2), pa.py_buffer(pairs), validity)
