"""How a column of a layer follows from a column of a source: the words of the territory's YAML file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from layers.conversions import number, whole


class ColumnRule(BaseModel):
    """One column of a layer: a column of the source, or a constant.

    Parameters
    ----------
    source_column
        ``from`` in the file.
    constant
        The same value for every row.
    lookup
        The layer's value for each of the source's; another value is an error of the row.
    format
        Of a time, in the codes of ``strptime``; times without a zone are UTC.
    factor
        Multiplies a number, to convert its unit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source_column: str | None = Field(default=None, alias="from")
    constant: str | int | float | bool | None = None
    lookup: dict[str, str] | None = None
    format: str | None = None
    factor: float | None = None

    @model_validator(mode="after")
    def _has_one_origin(self) -> ColumnRule:
        if (self.source_column is None) == (self.constant is None):
            raise ValueError("needs either from or constant")
        return self

    def value(self, row: dict[str, str]) -> Any:
        """Return the layer's value for a row of the source; an empty cell gives ``None``.

        Raises
        ------
        ValueError
            The cell holds something the rule has no answer for.
        """
        if self.source_column is None:
            return self.constant
        cell = (row[self.source_column] or "").strip()
        if not cell:
            return None
        if self.lookup is not None:
            if cell not in self.lookup:
                raise ValueError(f"{cell!r} of {self.source_column} is not in the lookup table")
            return self.lookup[cell]
        if self.format is not None:
            found = datetime.strptime(cell, self.format)  # noqa: DTZ007
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        if self.factor is not None:
            return _number(cell) * self.factor
        return cell


def convert(value: Any, kind: type) -> Any:
    """Return the value in the type of a column; whatever its type was, it is read as people write it.

    Raises
    ------
    ValueError
        It can't be read as that type; the error says so.
    """
    return None if value is None else _READERS[kind](str(value))


def _number(text: str) -> float:
    found = number(text)
    if found is None:
        raise ValueError(f"{text!r} is no number")
    return found


def _integer(text: str) -> int:
    found = whole(text)
    if found is None:
        raise ValueError(f"{text!r} is no whole number")
    return found


def _truth(text: str) -> bool:
    answer = _TRUTHS.get(text.lower())
    if answer is None:
        raise ValueError(f"{text!r} is neither yes nor no")
    return answer


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _date(text: str) -> date:
    return _time(text).date()


_TRUTHS = {"1": True, "true": True, "yes": True, "t": True, "0": False, "false": False, "no": False, "f": False}
_READERS: dict[type, Callable[[str], Any]] = {
    str: str,
    int: _integer,
    float: _number,
    bool: _truth,
    date: _date,
    datetime: _time,
}
