"""Excel workbooks (.xlsx): the rows of a sheet."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from layers.errors import SourceError
from layers.sources.archives import members
from layers.sources.cells import Chunk, chunk, unique

_CHUNK_ROWS = 5_000
_STRINGS = "xl/sharedStrings.xml"
_MOST_STRINGS_BYTES = 256 * 1024 * 1024
_FAULTS = (InvalidFileException, zipfile.BadZipFile, ParseError, KeyError, ValueError, OSError, EOFError)


def sheets(path: Path) -> list[str]:
    """Return the names of a workbook's sheets that hold something.

    Raises
    ------
    SourceError
        It can't be read.
    """
    book = _open(path)
    try:
        return [sheet.title for sheet in book.worksheets if any(_cells(path, sheet))]
    finally:
        book.close()


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
        self._path = path
        self._name = name
        self._read = self._total = 0
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
        book = _open(self._path)
        try:
            sheet = book[self._name]
            self._total = sheet.max_row or 0
            for number, cells in enumerate(_cells(self._path, sheet), start=1):
                self._read = number
                if any(cells):
                    yield number, cells
        finally:
            book.close()


def _open(path: Path) -> Any:
    if _STRINGS in members(path):
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(_STRINGS).file_size > _MOST_STRINGS_BYTES:
                raise SourceError(f"{path.name} holds too many different texts for a workbook: save it as CSV.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except _FAULTS as error:
        raise SourceError(f"{path.name} can't be read as a workbook: {error}") from error


def _cells(path: Path, sheet: Any) -> Iterator[list[str]]:
    """Yield each row's cells as text, without the blank ones at its end."""
    try:
        sheet.reset_dimensions()
        for row in sheet.iter_rows(values_only=True):
            cells = [_text(value) for value in row]
            while cells and not cells[-1]:
                cells.pop()
            yield cells
    except _FAULTS as error:
        raise SourceError(f"{path.name} can't be read as a workbook: {error}") from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)
