"""Workbooks of Excel (.xlsx, .xlsm, .xlsb, .xls) and OpenDocument (.ods): the rows of a sheet."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import python_calamine

from layers.errors import SourceError
from layers.sources.archives import is_zip, members
from layers.sources.tabular.cells import Chunk, chunk, unique

WORKBOOKS = (".xlsx", ".xlsm", ".ods", ".xls", ".xlsb")
"""How their files are called."""

_STREAMED = (".xlsx", ".xlsm")
_OPEN_DOCUMENT = ".ods"
_BETWEEN_ELEMENTS = re.compile(rb">\s+<")
_CHUNK_ROWS = 5_000
_HELD_AT_ONCE_BYTES = 256 * 1024 * 1024
"""Up to this size, unpacked, a workbook is held in memory, which is much faster."""

_FAULTS = (
    python_calamine.CalamineError,
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    KeyError,
    ValueError,
    OSError,
    EOFError,
)


def sheets(path: Path) -> list[str]:
    """Return the names of a workbook's sheets that hold something.

    Raises
    ------
    SourceError
        It can't be read.
    """
    book = _Book(path)
    return [name for name in book.names() if any(book.rows(name))]


class Sheet:
    """A sheet of a workbook; its first row that isn't blank is the header.

    Parameters
    ----------
    path
        The workbook.
    name
        Of the sheet.

    Raises
    ------
    SourceError
        It can't be read, or is empty.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._book = _Book(path)
        self._name = name
        self._total = self._book.height(name)
        self._read = 0
        self.remarks: list[str] = []
        _, header = next(self._rows(), (0, []))
        if not header:
            raise SourceError(f"The sheet {name} of {path.name} is empty: it has no header.")
        self.header = unique(header)

    @property
    def progress(self) -> float | None:
        """The share of the rows that has been read, where the sheet tells how many it has."""
        return min(self._read / self._total, 1.0) if self._total else None

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the rows below the header, some thousands at a time; blank ones are left out."""
        rows = self._rows()
        next(rows)
        width = len(self.header)
        while part := list(islice(rows, _CHUNK_ROWS)):
            yield chunk([(line, cells + [""] * (width - len(cells))) for line, cells in part], width, [])

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        for number, cells in enumerate(self._book.rows(self._name), start=1):
            self._read = number
            if cells:
                yield number, cells


class _Book:
    """An open workbook: held in memory or, where that is too much, streamed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            size = _unpacked_bytes(path)
            self._held = size <= _HELD_AT_ONCE_BYTES
            if not self._held and not path.name.lower().endswith(_STREAMED):
                raise SourceError(f"{path.name} has over {_HELD_AT_ONCE_BYTES:,} bytes unpacked: save it as .xlsx.")
            self._book: Any = _held(path) if self._held else _streamed(path)
            self._sheets: dict[str, Any] = {}
        except _FAULTS as error:
            raise self._broken(error) from error

    def names(self) -> list[str]:
        if not self._held:
            return [sheet.title for sheet in self._book.worksheets]
        kinds = python_calamine.SheetTypeEnum
        return [each.name for each in self._book.sheets_metadata if each.typ == kinds.WorkSheet]

    def height(self, name: str) -> int:
        try:
            sheet = self._sheet(name)
        except _FAULTS as error:
            raise self._broken(error) from error
        return int(sheet.total_height if self._held else sheet.max_row or 0)

    def rows(self, name: str) -> Iterator[list[str]]:
        """Yield each row's cells as text, without the blank ones at its end."""
        try:
            for row in self._values(name):
                cells = [_text(value) for value in row]
                while cells and not cells[-1]:
                    cells.pop()
                yield cells
        except _FAULTS as error:
            raise self._broken(error) from error

    def _values(self, name: str) -> Any:
        sheet = self._sheet(name)
        if self._held:
            return sheet.iter_rows()
        sheet.reset_dimensions()
        return sheet.iter_rows(values_only=True)

    def _sheet(self, name: str) -> Any:
        if name not in self._sheets:
            self._sheets[name] = self._book.get_sheet_by_name(name) if self._held else self._book[name]
        return self._sheets[name]

    def _broken(self, error: Exception) -> SourceError:
        return SourceError(f"{self._path.name} can't be read as a workbook: {error}")


def _unpacked_bytes(path: Path) -> int:
    """Return how large what is read of a workbook is, without pictures and the like."""
    if not is_zip(path):
        return path.stat().st_size
    members(path)
    with zipfile.ZipFile(path) as archive:
        return sum(each.file_size for each in archive.infolist() if each.filename.endswith((".xml", ".bin")))


def _held(path: Path) -> Any:
    try:
        return python_calamine.load_workbook(path)
    except python_calamine.CalamineError:
        if not path.name.lower().endswith(_OPEN_DOCUMENT):
            raise
        return python_calamine.load_workbook(_on_one_line(path))


def _on_one_line(path: Path) -> io.BytesIO:
    """Return a workbook without blanks between its elements, as some programs write them and the library takes none."""
    copy = io.BytesIO()
    with zipfile.ZipFile(path) as found, zipfile.ZipFile(copy, "w") as written:
        for name in found.namelist():
            written.writestr(name, _BETWEEN_ELEMENTS.sub(b"><", found.read(name)))
    copy.seek(0)
    return copy


def _streamed(path: Path) -> Any:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return openpyxl.load_workbook(path, read_only=True, data_only=True)
        except openpyxl.utils.exceptions.InvalidFileException as error:
            raise ValueError(str(error)) from error


def _text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)
