"""Whole columns of a source at a time: cleaned, as text, in another type, each different value looked at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from layers.sources.geometry.coordinates import Problems
from layers.sources.mapping.values import convert

TYPES: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int32(),
    float: pa.float64(),
    bool: pa.bool_(),
    date: pa.date32(),
    datetime: pa.timestamp("us", "UTC"),
}
"""How values of a layer's columns are held on their way, by their type."""


def cleaned(column: pa.Array) -> pa.Array:
    """Return a field without spaces around its texts; what is blank, or no number among numbers, is null."""
    kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column, kind = column.cast(pa.string()), pa.string()
    if pa.types.is_string(kind):
        trimmed = pc.utf8_trim_whitespace(column)
        return pc.if_else(pc.equal(pc.binary_length(trimmed), 0), None, trimmed)
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_nan(column), None, column)
    return column


def text(column: pa.Array) -> pa.StringArray:
    """Return values as text: whole numbers without decimals, truths as true and false, lists as JSON, bytes as hex."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return text(column.dictionary_decode())
    if pa.types.is_nested(kind):
        return each_text(column, lambda value: json.dumps(value, ensure_ascii=False, default=str))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return each_text(column, bytes.hex)
    return column.cast(pa.string())


def joined(columns: Sequence[pa.Array], between: str = "/") -> pa.StringArray:
    """Return the texts of several columns in one, null where one of them is."""
    texts = [text(each) for each in columns]
    return texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, between)


def by_value(cells: pa.StringArray, kind: type, answer: Callable[[str], Any]) -> tuple[pa.Array, Problems]:
    """Return the answers to cells, each different one asked once, and the errors by row; a null stays null.

    Parameters
    ----------
    cells
        What is asked.
    kind
        Of the answers.
    answer
        Gives the answer to a cell, or a ``ValueError``.
    """
    [found], problems = by_values(cells, (kind,), lambda cell: (answer(cell),))
    return found, problems


def by_values(
    cells: pa.StringArray, kinds: Sequence[type], answer: Callable[[str], tuple[Any, ...]]
) -> tuple[list[pa.Array], Problems]:
    """Return several answers to each cell, one of each kind; else as :func:`by_value`."""
    encoded = cells.dictionary_encode()
    answers: list[tuple[Any, ...]] = []
    errors: dict[int, str] = {}
    for code, cell in enumerate(encoded.dictionary.to_pylist()):
        try:
            answers.append(answer(cell))
        except (ValueError, OverflowError) as error:
            answers.append((None,) * len(kinds))
            errors[code] = str(error)
    columns = zip(*answers, strict=True) if answers else [()] * len(kinds)
    found = [pa.array(column, TYPES[kind]).take(encoded.indices) for column, kind in zip(columns, kinds, strict=True)]
    if not errors:
        return found, {}
    codes = encoded.indices.to_pylist()
    return found, {row: errors[code] for row, code in enumerate(codes) if code in errors}


def converted(column: pa.Array, kind: type, zone: str = "UTC") -> tuple[pa.Array, Problems]:
    """Return a column in another type; whatever its type was, it is read as people write it.

    Parameters
    ----------
    column
        As :func:`cleaned` gives it.
    kind
        The type wanted.
    zone
        The time zone of times that have none.
    """
    if kind is str:
        return text(column), {}
    quick = _quickly(column, kind, zone)
    return (quick, {}) if quick is not None else by_value(text(column), kind, lambda cell: convert(cell, kind))


def _quickly(column: pa.Array, kind: type, zone: str) -> pa.Array | None:
    """Return a whole column in another type where each value has a plain meaning in it, else ``None``."""
    try:
        if kind is datetime:
            return _times(column, zone)
        if pa.types.is_boolean(column.type) != (kind is bool):
            return None
        found = column.cast(TYPES[kind])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return None if kind is float and not pc.all(pc.is_finite(found)).as_py() else found


def _times(column: pa.Array, zone: str) -> pa.Array:
    """Return times; those without a zone are of the zone given, and days begin at midnight UTC."""
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        column = pc.assume_timezone(column.cast(pa.timestamp("us")), zone, ambiguous="earliest", nonexistent="latest")
    return column.cast(TYPES[datetime])


def each_text(column: pa.Array, write: Callable[[Any], str]) -> pa.StringArray:
    """Return what is written of each value; a null stays null."""
    return pa.array([None if value is None else write(value) for value in column.to_pylist()], pa.string())
