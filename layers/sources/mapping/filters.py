"""Conditions on the rows of a source: the words of a territory's file, and which rows fulfil them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from layers.sources.mapping.values import as_text, read_number

Scalar: TypeAlias = bool | int | float | str
Truths: TypeAlias = NDArray[np.bool_]

_TESTS = ("equals", "is_in", "not_in", "matches", "minimum", "maximum", "exists")
_GROUPS = ("every", "some", "none")


def _list_as_every(value: Any) -> Any:
    return {"all": value} if isinstance(value, (list, tuple)) else value


class Filter(BaseModel):
    """A condition on one column of a source, or a combination of conditions; a list of conditions asks for all of them.

    A condition with several tests asks for all of them. An empty cell fulfils only ``exists: false`` and ``not_in``.

    Parameters
    ----------
    column
        The column tested.
    equals
        The value that it must have.
    is_in, not_in
        ``in`` and ``not_in`` in the file: the values of which it must, or must not, have one.
    matches
        A regular expression that must be found in it.
    minimum, maximum
        ``min`` and ``max`` in the file: the least and the greatest value. Numbers are compared as numbers, texts by
        their letters, which fits dates that begin with the year.
    exists
        Whether it must hold something, or nothing.
    every, some, none
        ``all``, ``any`` and ``not`` in the file: conditions that must all be fulfilled, of which one must be, and one
        that must not be.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    column: str | None = None
    equals: Scalar | None = None
    is_in: tuple[Scalar, ...] | None = Field(default=None, alias="in", min_length=1)
    not_in: tuple[Scalar, ...] | None = Field(default=None, min_length=1)
    matches: str | None = None
    minimum: int | float | str | None = Field(default=None, alias="min")
    maximum: int | float | str | None = Field(default=None, alias="max")
    exists: bool | None = None
    every: tuple[Conditions, ...] | None = Field(default=None, alias="all", min_length=1)
    some: tuple[Conditions, ...] | None = Field(default=None, alias="any", min_length=1)
    none: Conditions | None = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _says_one_thing(self) -> Filter:
        tests = [name for name in _TESTS if getattr(self, name) is not None]
        groups = [name for name in _GROUPS if getattr(self, name) is not None]
        if len(groups) + (self.column is not None) != 1 or bool(tests) != (self.column is not None):
            raise ValueError(
                "must be a column with equals, in, not_in, matches, min, max or exists, or one of all, any and not"
            )
        if self.matches is not None:
            try:
                re.compile(self.matches)
            except re.error as error:
                raise ValueError(f"matches: {self.matches!r} is no regular expression: {error}") from error
        return self

    @property
    def columns(self) -> set[str]:
        """The columns that are tested."""
        parts = (*(self.every or ()), *(self.some or ()), *((self.none,) if self.none else ()))
        return set().union({self.column} if self.column else (), *(each.columns for each in parts))

    def fulfilled(self, texts: Mapping[str, pa.StringArray]) -> Truths:
        """Return which rows fulfil it.

        Parameters
        ----------
        texts
            The cells of the columns that are tested, null where they are empty.
        """
        if self.every is not None:
            return np.asarray(np.all([each.fulfilled(texts) for each in self.every], axis=0))
        if self.some is not None:
            return np.asarray(np.any([each.fulfilled(texts) for each in self.some], axis=0))
        if self.none is not None:
            return ~self.none.fulfilled(texts)
        encoded = texts[str(self.column)].dictionary_encode()
        answers = np.array([self._holds(text) for text in (*encoded.dictionary.to_pylist(), None)], bool)
        codes: NDArray[np.int32] = encoded.indices.fill_null(len(answers) - 1).to_numpy(zero_copy_only=False)
        return answers[codes]

    def _holds(self, text: str | None) -> bool:
        if self.exists is not None and self.exists != (text is not None):
            return False
        if text is None:
            return all(getattr(self, name) is None for name in _TESTS if name not in ("exists", "not_in"))
        tests: dict[str, Callable[[Any], bool]] = {
            "equals": lambda wanted: _same(text, wanted),
            "is_in": lambda wanted: any(_same(text, each) for each in wanted),
            "not_in": lambda unwanted: not any(_same(text, each) for each in unwanted),
            "matches": lambda pattern: re.search(pattern, text) is not None,
            "minimum": lambda least: _order(text, least) >= 0,
            "maximum": lambda most: _order(text, most) <= 0,
        }
        return all(test(wanted) for name, test in tests.items() if (wanted := getattr(self, name)) is not None)


Conditions: TypeAlias = Annotated[Filter, BeforeValidator(_list_as_every, json_schema_input_type=Filter | list[Filter])]
"""A filter, or a list of filters that must all be fulfilled."""
Filter.model_rebuild()


def _same(text: str, wanted: Scalar) -> bool:
    if text == as_text(wanted):
        return True
    return isinstance(wanted, (int, float)) and not isinstance(wanted, bool) and _order(text, wanted) == 0


def _order(text: str, other: float | str) -> float:
    """Return a number below, at or above zero, as the text comes before, with or after the other; nan where neither."""
    if isinstance(other, str):
        return (text > other) - (text < other)
    try:
        return read_number(text) - other
    except ValueError:
        return float("nan")
