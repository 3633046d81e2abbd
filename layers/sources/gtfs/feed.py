"""The tables of a GTFS feed, row by row: from a zip file or a folder, with what is broken in them."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import IO, NamedTuple

from layers.errors import SourceError
from layers.sources.archives import members

STOPS, ROUTES = "stops", "transit_routes"
LAYERS = (STOPS, ROUTES)
"""Those that a feed fills."""

REQUIRED = ("stops", "routes", "trips", "stop_times")

_MOST_BROKEN = 10_000
_LARGEST_RANK = 2**31 - 1
_UNREADABLE = (OSError, EOFError, RuntimeError, UnicodeDecodeError, csv.Error, zipfile.BadZipFile, zlib.error)


class BrokenRow(NamedTuple):
    """A row that says nothing that can be used: where it stands, why, and its cells."""

    table: str
    line: int
    reason: str
    cells: dict[str, str]


def is_feed(path: Path) -> bool:
    """Tell whether a zip file, or a folder, holds a timetable in GTFS."""
    if path.is_dir():
        names = {each.name for each in path.iterdir()}
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = {name.rsplit("/", 1)[-1] for name in archive.namelist()}
    else:
        return False
    return {"stops.txt", "routes.txt"} <= names


class Feed:
    """A GTFS feed whose tables can be read, each as often as is wanted.

    Parameters
    ----------
    path
        A zip file, its tables at the top or in one folder of it, or a folder.

    Raises
    ------
    SourceError
        It can't be read, or lacks a table that every feed has.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.broken: list[BrokenRow] = []
        self._path = path
        self._members = self._find_tables()
        missing = [f"{name}.txt" for name in REQUIRED if name not in self._members]
        if not self._members.keys() & {"calendar", "calendar_dates"}:
            missing.append("calendar.txt or calendar_dates.txt")
        if missing:
            raise SourceError(f"{self.name} is no whole GTFS feed: it has no {', no '.join(missing)}.")

    def has(self, table: str) -> bool:
        """Tell whether the feed has a table."""
        return table in self._members

    def records(self, table: str) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the number of the line and all cells of each row."""
        header = self.header(table)
        for line, cells in self.rows(table, header):
            yield line, dict(zip(header, cells, strict=True))

    def header(self, table: str) -> list[str]:
        """Return the names of a table's columns."""
        with self._reading(table) as file:
            return _header(csv.reader(file))

    def rows(
        self, table: str, columns: Sequence[str], optional: Sequence[str] = ()
    ) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield the number of the line and the cells of the columns, without spaces around them.

        Rows with more cells than the table has columns are kept as broken.

        Parameters
        ----------
        table
            Its name, without ``.txt``; a table that the feed doesn't have has no rows.
        columns
            Those wanted.
        optional
            More of them, whose cells are empty where the table doesn't have them.

        Raises
        ------
        SourceError
            The table can't be read to its end, or lacks a column.
        """
        if table not in self._members:
            return
        with self._reading(table) as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            header = _header(reader)
            missing = [name for name in columns if name not in header]
            if missing:
                raise SourceError(f"{table}.txt of {self.name} has no column {', '.join(missing)}.")
            width = len(header)
            places = [header.index(name) if name in header else width for name in (*columns, *optional)]
            pick = itemgetter(*places, width)
            for cells in reader:
                if len(cells) != width and not self._fit(table, reader.line_num, header, cells):
                    continue
                cells.append("")
                yield reader.line_num, tuple(map(str.strip, pick(cells)[:-1]))

    def reject(self, table: str, line: int, reason: str, cells: dict[str, str]) -> None:
        """Keep a row as broken.

        Raises
        ------
        SourceError
            There have been so many that the feed as a whole is broken.
        """
        self.broken.append(BrokenRow(table, line, reason, cells))
        if len(self.broken) > _MOST_BROKEN:
            raise SourceError(
                f"{self.name} has more than {_MOST_BROKEN:,} rows that can't be read, the last in line {line} of"
                f" {table}.txt: {reason}."
            )

    def _fit(self, table: str, line: int, header: list[str], cells: list[str]) -> bool:
        """Bring a row to the width of its table, or keep it as broken; empty lines are no rows."""
        if not any(cells):
            return False
        if any(cells[len(header) :]):
            self.reject(table, line, f"the row of {table}.txt has more cells than the table has columns", _named(cells))
            return False
        del cells[len(header) :]
        cells.extend([""] * (len(header) - len(cells)))
        return True

    def _find_tables(self) -> dict[str, str]:
        """Return where each table is, the table at the highest place where there are several of its name."""
        try:
            if self._path.is_dir():
                names = [each.name for each in self._path.iterdir() if each.is_file()]
            else:
                members(self._path)
                with zipfile.ZipFile(self._path) as archive:
                    names = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
        except _UNREADABLE as error:
            raise SourceError(f"{self.name} can't be read as a GTFS feed: {error}") from error
        deepest_first = sorted((name for name in names if name.endswith(".txt")), key=lambda each: -each.count("/"))
        return {name.rsplit("/", 1)[-1].removesuffix(".txt"): name for name in deepest_first}

    @contextmanager
    def _reading(self, table: str) -> Iterator[IO[str]]:
        try:
            if self._path.is_dir():
                with (self._path / self._members[table]).open(encoding="utf-8-sig", newline="") as file:
                    yield file
                return
            with (
                zipfile.ZipFile(self._path) as archive,
                archive.open(self._members[table]) as raw,
                io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file,
            ):
                yield file
        except _UNREADABLE as error:
            raise SourceError(f"{table}.txt of {self.name} can't be read: {error}") from error


def rank(text: str) -> int:
    """Return the number of a row among those that belong together.

    Raises
    ------
    ValueError
        It is none, or larger than any feed needs.
    """
    found = int(text)
    if abs(found) > _LARGEST_RANK:
        raise ValueError(f"{text} is too large")
    return found


def _header(reader: Iterator[list[str]]) -> list[str]:
    return [name.strip() for name in next(reader, [])]


def _named(cells: list[str]) -> dict[str, str]:
    return {str(number): cell for number, cell in enumerate(cells, start=1)}
