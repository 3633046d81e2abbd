"""Tables of points: CSV and TSV files in any delimiter and coordinate reference system."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import shapely

from layers.catalog import LayerTable
from layers.errors import SourceError
from layers.sources.coordinates import to_degrees
from layers.sources.mapping import ColumnRule, convert
from layers.sources.records import Item, Notes, Record, Reject

SUFFIXES = (".csv", ".tsv", ".txt")

_BATCH_ROWS = 5_000
_SAMPLE_CHARS = 64 * 1024
_DELIMITERS = ";,\t|"

Row = dict[str, str]


class TableReader:
    """Reads a point a row from a delimited text file in UTF-8.

    Parameters
    ----------
    path
        The file.
    layer, model
        The layer that it fills.
    crs
        Of the coordinates.
    x, y
        The columns of easting or longitude, and of northing or latitude.
    columns
        How the layer's columns follow from the table's.
    key
        The column of ids. Without one, a row is known by its content, and equal rows are numbered.

    Raises
    ------
    SourceError
        The file is missing, is no such table, or lacks a column (when it is read).
    InvalidInputError
        The coordinate reference system is unknown.
    """

    def __init__(
        self,
        path: Path,
        layer: str,
        model: LayerTable,
        *,
        crs: str,
        x: str,
        y: str,
        columns: Mapping[str, ColumnRule],
        key: str | None = None,
    ) -> None:
        self.notes = Notes()
        self._path = path
        self._layer = layer
        self._x, self._y, self._key = x, y, key
        self._rules = [(name, rule, model.table.columns[name].type.python_type) for name, rule in columns.items()]
        self._mapped = {x, y} | {rule.source_column for rule in columns.values() if rule.source_column}
        self._seen: Counter[str] = Counter()
        self._bytes_read = 0
        self._crs = crs
        self._transformer = to_degrees(crs)

    @property
    def progress(self) -> float | None:
        """The share of the file's bytes that has been read."""
        size = self._path.stat().st_size
        return self._bytes_read / size if size else 1.0

    def __iter__(self) -> Iterator[Item]:
        try:
            with self._path.open("rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
                rows = csv.DictReader(file, delimiter=self._delimiter(file), restkey="", strict=True)
                self._check_header(rows.fieldnames or [])
                while batch := list(islice(rows, _BATCH_ROWS)):
                    self._bytes_read = raw.tell()
                    yield from self._items(batch)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SourceError(f"{self._path.name} can't be read as a table in UTF-8: {error}") from error

    def _delimiter(self, file: IO[str]) -> str:
        header = file.readline(_SAMPLE_CHARS)
        file.seek(0)
        return max(_DELIMITERS, key=header.count)

    def _check_header(self, header: list[str] | Any) -> None:
        wanted = self._mapped | ({self._key} if self._key else set())
        missing = sorted(wanted - set(header))
        if missing:
            raise SourceError(f"{self._path.name} has no column {', '.join(missing)}; it has {', '.join(header)}")

    def _items(self, rows: list[Row]) -> Iterator[Item]:
        points = self._points(rows)
        for row, point in zip(rows, points, strict=True):
            source_id = self._source_id(row)
            if not source_id:
                yield Reject(self._layer, "", f"the id, {self._key}, is empty", row)
                continue
            if point is None:
                yield Reject(self._layer, source_id, self._why_nowhere(row), row)
                continue
            yield self._item(source_id, row, point)

    def _item(self, source_id: str, row: Row, point: str) -> Item:
        values: dict[str, Any] = {}
        for name, rule, kind in self._rules:
            try:
                values[name] = convert(rule.value(row), kind)
            except ValueError as error:
                return Reject(self._layer, source_id, f"{name}: {error}", row)
        rest = {name: cell for name, cell in row.items() if name and name not in self._mapped and cell}
        return Record(self._layer, source_id, point, values, rest)

    def _points(self, rows: list[Row]) -> list[str | None]:
        """Return hexadecimal WKB in longitude and latitude, or ``None`` where a row's coordinates give no place."""
        coordinates = np.array([(_coordinate(row[self._x]), _coordinate(row[self._y])) for row in rows])
        lon, lat = self._transformer.transform(coordinates[:, 0], coordinates[:, 1])
        finite = np.isfinite(coordinates).all(axis=1) & np.isfinite(lon) & np.isfinite(lat)
        points = shapely.points(np.where(finite, lon, 0), np.where(finite, lat, 0))
        wkb = shapely.to_wkb(points, hex=True)
        return [each if known else None for each, known in zip(wkb, finite, strict=True)]

    def _why_nowhere(self, row: Row) -> str:
        known = all(math.isfinite(_coordinate(row[name])) for name in (self._x, self._y))
        return f"the coordinates lie outside {self._crs}" if known else "no coordinates"

    def _source_id(self, row: Row) -> str:
        if self._key:
            return (row[self._key] or "").strip()
        digest = hashlib.sha256("\x1f".join(str(cell) for cell in row.values()).encode()).hexdigest()[:16]
        self._seen[digest] += 1
        number = self._seen[digest]
        return digest if number == 1 else f"{digest}-{number}"


def _coordinate(cell: str | None) -> float:
    try:
        return float((cell or "nan").replace(",", "."))
    except ValueError:
        return float("nan")
