"""What tables are made of, in whatever file they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import pyarrow as pa


class BrokenRow(NamedTuple):
    """A row that can't be read.

    Parameters
    ----------
    line
        The number of the line in the file where it begins, counted from one.
    cells
        Its texts, as far as they can be told.
    problem
        Why it can't be read.
    """

    line: int
    cells: list[str]
    problem: str


class Chunk(NamedTuple):
    """Some rows of a table, one after the other.

    Parameters
    ----------
    columns
        Their cells, column by column, as in the file.
    lines
        The numbers of the lines in the file where they begin.
    broken
        The rows among them that can't be read.
    """

    columns: list[pa.StringArray]
    lines: Sequence[int]
    broken: list[BrokenRow]


class Rows(Protocol):
    """The rows of a table. They can be read more than once."""

    header: list[str]
    remarks: list[str]

    @property
    def progress(self) -> float | None:
        """The share that has been read, where known."""

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the rows below the header, some thousands at a time; blank ones are left out."""


def chunk(
    rows: Sequence[tuple[int, list[str]]], width: int, broken: list[BrokenRow], *, rest: str | None = None
) -> Chunk:
    """Return rows, each with its line, as a chunk; those of another width than the header's are broken.

    Blank cells beyond the header's width are left out. Where ``rest`` is given, what stands beyond it belongs to the
    last column, with ``rest`` between the cells.
    """
    fit: list[list[str]] = []
    lines: list[int] = []
    for line, found in rows:
        cells = found
        if rest is not None and len(found) > width:
            cells = [*found[: width - 1], rest.join(found[width - 1 :])]
        if len(cells) < width or any(cells[width:]):
            broken.append(BrokenRow(line, cells, f"the row has {len(cells)} cells, the header {width}"))
        else:
            fit.append(cells[:width])
            lines.append(line)
    columns = zip(*fit, strict=True) if fit else [[]] * width
    return Chunk([pa.array(column, pa.string()) for column in columns], lines, broken)


def unique(names: Sequence[str]) -> list[str]:
    """Return names of columns: those without one are numbered, and those that stand twice tell which they are."""
    found: list[str] = []
    for number, name in enumerate(names, start=1):
        plain = candidate = name.strip().replace("\x00", "") or f"column {number}"
        again = 2
        while candidate in found:
            candidate, again = f"{plain} ({again})", again + 1
        found.append(candidate)
    return found
