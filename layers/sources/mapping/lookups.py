"""Lookup tables in files of their own, such as lists of codes."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, model_validator

from layers.errors import SourceError
from layers.sources.description import STRICT
from layers.sources.mapping.columns import cleaned
from layers.sources.mapping.words import RowMapping
from layers.sources.places import Place, fingerprint, locate
from layers.sources.tabular.reader import open_rows


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


class MappingWithTables(RowMapping):
    """How features follow from the rows of a source, with lookup tables in files of their own.

    Parameters
    ----------
    lookups
        The tables, by the names under which columns use them.
    """

    lookups: dict[str, LookupTable] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_the_lookups(self) -> MappingWithTables:
        missing = sorted(self._used - set(self.lookups))
        if missing:
            known = ", ".join(self.lookups) or "none"
            raise ValueError(f"there is no lookup table {', '.join(missing)} in lookups, which has {known}")
        return self

    @property
    def _used(self) -> set[str]:
        return {rule.lookup for rule in (self.columns or {}).values() if isinstance(rule.lookup, str)}

    def marks(self) -> list[str]:
        """Return what tells one content of the tables from another."""
        return [fingerprint(self.lookups[name].file()) for name in sorted(self._used)]

    def resolved(self) -> RowMapping:
        """Return the mapping with the lookups that stand in tables read.

        Raises
        ------
        SourceError
            A table can't be had or read.
        """
        read = {name: self.lookups[name].read() for name in self._used}
        columns = {
            name: rule.model_copy(update={"lookup": read[rule.lookup]}) if isinstance(rule.lookup, str) else rule
            for name, rule in (self.columns or {}).items()
        }
        return self.model_copy(update={"columns": columns}) if read else self
