"""Rows of delimited text are the same whether a block is split at once or, for something broken in it, one by one."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from layers.sources.tabular.cells import Rows
from layers.sources.tabular.delimited import Delimited

HEADER = "x,y\n"
BROKEN = '"z"z,z\n'


def told(rows: Rows) -> list[tuple[int, ...]]:
    return [
        (line, *cells)
        for chunk in rows
        for line, *cells in zip(chunk.lines, *(column.to_pylist() for column in chunk.columns), strict=True)
    ]


def test_quotes_mean_the_same_in_both_ways_of_reading(tmp_path: Path) -> None:
    file = tmp_path / "quotes.csv"
    read_at_once = 0
    for letters in product('a",\n', repeat=5):
        text = "".join(letters) + "\n"
        file.write_text(HEADER + text, newline="")
        at_once = told(Delimited(file, encoding="utf-8", delimiter=","))
        file.write_text(HEADER + BROKEN + text, newline="")
        one_by_one = told(Delimited(file, encoding="utf-8", delimiter=","))
        assert at_once == [(line - 1, *cells) for line, *cells in one_by_one], text
        read_at_once += len(at_once) > 0
    assert read_at_once > 50
