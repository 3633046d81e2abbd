"""Lookup tables in files of their own, such as lists of codes."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field

from layers.errors import SourceError
from layers.sources.columns import cleaned
from layers.sources.description import STRICT
from layers.sources.mapping import RowMapping
from layers.sources.places import Place, locate
from layers.sources.table import open_rows


class LookupTable(BaseModel):
    """A table of codes and what they mean.

    Parameters
    ----------
    places
        Where its file, delimited text or a workbook, may be found; the first that has it is taken.
    key
        The column of codes.
    value
        The column of what they mean.
    encoding, delimiter, sheet
        As of a table source.
    """

    model_config = STRICT

    places: tuple[Place, ...] = Field(min_length=1)
    key: str
    value: str
    encoding: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    sheet: str | None = None

    def file(self) -> Path:
        """Return its file.

        Raises
        ------
        SourceError
            It can't be had.
        """
        return locate(self.places)

    def read(self) -> dict[str, str]:
        """Return the meanings by code; where a code stands twice, the first holds.

        Raises
        ------
        SourceError
            The file can't be had or read, or has no such columns.
        """
        file = self.file()
        rows = open_rows(file, encoding=self.encoding, delimiter=self.delimiter, sheet=self.sheet)
        RowMapping().check_header(rows.header, file.name, self.key, self.value)
        key, value = (rows.header.index(name) for name in (self.key, self.value))
        found: dict[str, str] = {}
        for chunk in rows:
            codes, meanings = (cleaned(chunk.columns[number]).to_pylist() for number in (key, value))
            for code, meaning in zip(codes, meanings, strict=True):
                if code is not None and meaning is not None:
                    found.setdefault(code, meaning)
        if not found:
            raise SourceError(f"{file.name} holds no codes.")
        return found


def with_lookups(mapping: RowMapping, tables: dict[str, LookupTable]) -> RowMapping:
    """Return a mapping in which the lookups that stand in tables are read.

    Raises
    ------
    SourceError
        A table can't be had or read.
    """
    rules = mapping.columns or {}
    wanted = {each.lookup for each in rules.values() if isinstance(each.lookup, str)}
    if not wanted:
        return mapping
    read = {name: tables[name].read() for name in wanted}
    columns = {
        name: rule.model_copy(update={"lookup": read[rule.lookup]}) if isinstance(rule.lookup, str) else rule
        for name, rule in rules.items()
    }
    return mapping.model_copy(update={"columns": columns})
