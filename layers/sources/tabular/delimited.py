"""Delimited text: its encoding, its delimiter, its rows, and the rows that are broken."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from layers.errors import SourceError
from layers.sources.tabular.cells import BrokenRow, Chunk, chunk, unique
from layers.sources.tabular.encodings import checked, detect

LONGEST_ROW_CHARS = 32 * 1024 * 1024

_DELIMITERS = ";\t,|"
_SAMPLE_CHARS = 64 * 1024
_SAMPLE_ROWS = 50
_BLOCK_CHARS = 1024 * 1024
_DELIMITER_HINT = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_QUOTE = '"'
_QUOTES = "a quote is not closed, or stands where none should"


class Delimited:
    """A delimited text file, quoted as RFC 4180 says. It is read block by block, in little memory.

    Parameters
    ----------
    path
        The file.
    encoding
        Of its text; without one it is found out.
    delimiter
        Between cells; without one it is found out.
    last_column_open
        Whether cells beyond the header's belong to the last column: texts with unquoted delimiters.

    Raises
    ------
    SourceError
        It can't be read as text, or is empty.
    """

    def __init__(
        self,
        path: Path,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        last_column_open: bool = False,
    ) -> None:
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST_ROW_CHARS))
        self._path = path
        self.encoding = checked(encoding) if encoding else detect(path)
        self.remarks = [] if encoding or self.encoding.startswith("utf-8") else [f"text in {self.encoding}"]
        self._read = 0
        sample = next(self._text(), "")[:_SAMPLE_CHARS]
        self._line_end = "\r" if "\r" in sample and "\n" not in sample else "\n"
        self._hint = _DELIMITER_HINT.match(sample)
        self._delimiter = delimiter or (self._hint[1] if self._hint else _guess_delimiter(sample))
        self._rest = self._delimiter if last_column_open else None
        self.header = unique(self._header(self._lines()))

    @property
    def progress(self) -> float:
        """The share of the file's bytes that has been read."""
        return self._read / max(self._path.stat().st_size, 1)

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the rows below the header, a block at a time; blank lines are left out."""
        lines = self._lines()
        self._header(lines)
        while block := lines.block():
            found = self._quickly(block, lines.number + 1)
            if found is None:
                yield self._carefully(block, lines)
            else:
                lines.number += len(found.lines)
                yield found

    def _lines(self) -> _Lines:
        """Return the lines from the header on."""
        lines = _Lines(self._blocks())
        if self._hint:
            next(lines)
        return lines

    def _header(self, lines: _Lines) -> list[str]:
        broken: list[BrokenRow] = []
        _, header = next(self._rows(lines, broken), (0, []))
        if broken:
            raise SourceError(f"The header of {self._path.name} can't be read: {broken[0].problem}.")
        if not header:
            raise SourceError(f"{self._path.name} is empty: it has no header with the names of its columns.")
        return header

    def _quickly(self, block: str, first: int) -> Chunk | None:
        """Return the rows of a block in which each line is a row without faults, else ``None``."""
        count = block.count(self._line_end) + (not block.endswith(self._line_end))
        try:
            text = block.encode()
            columns = self._split(text) if _is_well_quoted(text, self._delimiter) else None
        except (pa.ArrowInvalid, UnicodeEncodeError):
            return None
        if columns is None or len(columns[0]) != count or _has_blank(columns):
            return None
        return Chunk(columns, range(first, first + count), [])

    def _split(self, block: bytes) -> list[pa.StringArray]:
        found = pa.csv.read_csv(
            pa.BufferReader(block),
            pa.csv.ReadOptions(column_names=self.header, use_threads=False, block_size=len(block) + 1),
            pa.csv.ParseOptions(delimiter=self._delimiter, ignore_empty_lines=True),
            pa.csv.ConvertOptions(column_types=dict.fromkeys(self.header, pa.string()), null_values=[]),
        )
        return [column.combine_chunks() for column in found.columns]

    def _carefully(self, block: str, lines: _Lines) -> Chunk:
        """Return the rows that begin in a block, one by one."""
        broken: list[BrokenRow] = []
        end = lines.number + lines.give(block)
        return chunk(list(self._rows(lines, broken, end)), len(self.header), broken, rest=self._rest)

    def _rows(self, lines: _Lines, broken: list[BrokenRow], end: float = math.inf) -> Iterator[tuple[int, list[str]]]:
        """Yield rows that begin up to a line, each with its line, and add those that can't be read to ``broken``."""
        while lines.number < end:
            lines.begin()
            reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                line = lines.first
                broken.append(BrokenRow(line, [_readable(lines.give_back())], f"{_QUOTES}: {error}"))
                continue
            if not any(cells):
                continue
            if _has_strays("".join(cells)):
                problem = f"it holds bytes that are no {self.encoding}"
                broken.append(BrokenRow(lines.first, [_readable(cell) for cell in cells], problem))
                continue
            yield lines.first, cells

    def _blocks(self) -> Iterator[str]:
        """Yield the file's text in blocks of whole lines."""
        rest: list[str] = []
        length = 0
        for text in self._text():
            whole, end, begun = text.rpartition(self._line_end)
            if end:
                yield "".join([*rest, whole, end])
                rest, length = [], 0
            rest.append(begun)
            length += len(begun)
            if length > LONGEST_ROW_CHARS:
                raise SourceError(
                    f"{self._path.name} has a line of more than {LONGEST_ROW_CHARS:,} characters: it is no table."
                )
        if last := "".join(rest):
            yield last

    def _text(self) -> Iterator[str]:
        """Yield the file's text; bytes that aren't of its encoding come as surrogates."""
        self._read = 0
        with self._path.open("rb") as raw:
            text = io.TextIOWrapper(raw, self.encoding, errors="surrogateescape", newline="")
            try:
                while part := text.read(_BLOCK_CHARS):
                    self._read = raw.tell()
                    yield part
            except UnicodeError as error:
                raise SourceError(f"{self._path.name} can't be read as {self.encoding}: {error}") from error


class _Lines:
    """The lines of a text, which remembers those of the row that is being read, to give them back.

    Parameters
    ----------
    blocks
        The text, in blocks of whole lines.
    """

    def __init__(self, blocks: Iterator[str]) -> None:
        self._blocks = blocks
        self._waiting: list[str] = []
        self._row: list[str] = []
        self._chars = 0
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self._waiting:
            self.give(next(self._blocks))
        line = self._waiting.pop()
        self.number += 1
        self._row.append(line)
        self._chars += len(line)
        if self._chars > LONGEST_ROW_CHARS:
            raise csv.Error(f"the row goes on for more than {LONGEST_ROW_CHARS:,} characters")
        return line

    @property
    def first(self) -> int:
        """The number of the line in which the row begins."""
        return self.number - len(self._row) + 1

    def begin(self) -> None:
        """Begin a row."""
        self._row.clear()
        self._chars = 0

    def block(self) -> str:
        """Return the lines that wait, or else the next block of them; none at the end."""
        waiting = "".join(reversed(self._waiting))
        self._waiting.clear()
        return waiting or next(self._blocks, "")

    def give(self, block: str) -> int:
        """Let a block's lines wait to be read, and return how many there are."""
        self._waiting = list(io.StringIO(block, newline=""))[::-1]
        return len(self._waiting)

    def give_back(self) -> str:
        """Give back all lines of the row but the first, and return that."""
        first, *others = self._row
        self._waiting.extend(reversed(others))
        self.number -= len(others)
        return first.strip()


def _guess_delimiter(sample: str) -> str:
    """Return the delimiter that cuts the first rows into the most cells, as many in each."""
    return max(_DELIMITERS, key=lambda delimiter: _fit(sample, delimiter))


def _fit(sample: str, delimiter: str) -> tuple[float, int]:
    lines = sample.splitlines()[: _SAMPLE_ROWS + 1]
    rows = [row for row in csv.reader(lines[:-1] or lines, delimiter=delimiter) if row]
    width = len(rows[0]) if rows else 0
    return (sum(len(row) == width for row in rows) / len(rows), width) if width > 1 else (0.0, 0)


def _has_strays(text: str) -> bool:
    """Return whether a text has bytes that aren't of its encoding."""
    if text.isascii():
        return False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _has_blank(columns: list[pa.StringArray]) -> bool:
    """Return whether a row has nothing in any cell."""
    blank = pa.scalar(True)
    for column in columns:
        blank = pc.and_(pc.equal(column, ""), blank)
        if not pc.any(blank).as_py():
            return False
    return True


def _is_well_quoted(text: bytes, delimiter: str) -> bool:
    """Return whether quotes open where a cell begins, and close where it ends; two in a row are one in a cell."""
    octets = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(octets == ord(_QUOTE))
    if len(quotes) == 0:
        return True
    outside = np.frombuffer(f'{delimiter}\r\n"'.encode(), np.uint8)
    before, after = quotes[::2] - 1, quotes[1::2] + 1
    opened = np.isin(octets[before[before >= 0]], outside)
    closed = np.isin(octets[after[after < len(octets)]], outside)
    return len(quotes) % 2 == 0 and bool(opened.all() and closed.all())


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
