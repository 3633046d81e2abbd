"""The words in which a territory's file says how features follow from the rows of a source."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from layers.errors import SourceError
from layers.sources.mapping.filters import Conditions, Scalar
from layers.sources.mapping.values import as_text

_WORDS = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _keys_as_text(value: Any) -> Any:
    return {as_text(key): each for key, each in value.items()} if isinstance(value, dict) else value


def _items_as_text(value: Any) -> Any:
    return tuple(as_text(each) for each in value) if isinstance(value, (list, tuple)) else value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error
    return value


def _template(value: str) -> str:
    if value.count("{}") != 1:
        raise ValueError(f"{value!r} must have {{}} once, where the text of the source goes")
    return value


def _time_format(value: str) -> str:
    try:
        datetime.strptime(datetime(2024, 5, 17, 8, 30, tzinfo=UTC).strftime(value), value)  # noqa: DTZ007
    except ValueError as error:
        raise ValueError(f"{value!r} is no format of a time, such as %d.%m.%Y %H:%M: {error}") from error
    return value


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"there is no time zone {value}: write its IANA name, such as Europe/Minsk")
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]
TimeFormat = Annotated[str, AfterValidator(_time_format)]
TimeZone = Annotated[str, AfterValidator(_zone)]
"""The IANA name of a time zone."""
Texts = Annotated[tuple[str, ...], BeforeValidator(_items_as_text, json_schema_input_type=list[str | int | float])]
"""Texts; numbers are taken as they are written."""


class Units(BaseModel):
    """From one unit to another.

    Parameters
    ----------
    source
        ``from`` in the file: the unit of the source.
    target
        ``to`` in the file: the unit of the layer's column; by default the one that the column states.
    """

    model_config = _WORDS

    source: str = Field(alias="from")
    target: str | None = Field(default=None, alias="to")


class Split(BaseModel):
    """One part of a text.

    Parameters
    ----------
    by
        What stands between the parts.
    part
        Which one, counted from 1; from the end with -1.
    """

    model_config = _WORDS

    by: str = Field(min_length=1)
    part: int = 1

    @model_validator(mode="after")
    def _counts_from_one(self) -> Split:
        if self.part == 0:
            raise ValueError("part counts from 1, and from the end with -1")
        return self

    def of(self, text: str) -> str:
        """Return the part; where there are fewer parts, it is empty."""
        parts = text.split(self.by)
        number = self.part - 1 if self.part > 0 else self.part
        return parts[number].strip() if -len(parts) <= number < len(parts) else ""


class ColumnRule(BaseModel):
    """One column of a layer: columns of the source, or a constant.

    What stands in the source goes through the steps in this order: ``empty``, ``split``, ``pattern``, ``case``,
    ``template``, then ``lookup``, or ``format`` for a time, or ``decimal``, ``unit``, ``factor`` and ``offset`` for a
    number. What the file itself states, in ``constant``, ``lookup`` and ``default``, is the layer's value as it is.

    Parameters
    ----------
    source_column
        ``from`` in the file: a column of the source, or several, of which the first that isn't empty is taken.
    join
        What is put between several columns, all of which are taken then.
    constant
        The same value for every row.
    empty
        What stands for nothing, beside an empty cell.
    split
        Takes one part of the text.
    pattern
        A regular expression: of what it finds, the group named ``value`` is taken, else the first group, else all. A
        text in which it finds nothing is an error of the row.
    case
        Changes the case of letters.
    template
        A text in which ``{}`` stands for what was found.
    lookup
        The layer's value for each of the source's, or the name of a lookup table of the source; another value is an
        error of the row.
    default
        The value where the source has none, or one that the pattern doesn't find or the lookup doesn't have.
    format
        Of a time, in the codes of ``strptime``, or several, of which the first that fits is taken. Without one, times
        are read by ISO 8601.
    timezone
        Of times that don't tell theirs; by default the source's, else the territory's, else UTC. Days, months and
        years have none.
    decimal
        What stands before decimals, ``.`` or ``,``; the other one, spaces and apostrophes then part thousands.
        Without it both stand before decimals.
    unit
        In which the source has its numbers; they are turned into the unit of the layer's column.
    factor, offset
        What a number is multiplied by, and what is added then.
    """

    model_config = _WORDS

    source_column: str | tuple[str, ...] | None = Field(default=None, alias="from", min_length=1)
    join: str | None = None
    constant: Scalar | None = None
    empty: Texts = ()
    split: Split | None = None
    pattern: Pattern | None = None
    case: Literal["lower", "upper", "title", "sentence"] | None = None
    template: Annotated[str, AfterValidator(_template)] | None = None
    lookup: Annotated[dict[str, Scalar | None] | str, BeforeValidator(_keys_as_text)] | None = None
    default: Scalar | None = None
    format: TimeFormat | tuple[TimeFormat, ...] | None = Field(default=None, min_length=1)
    timezone: TimeZone | None = None
    decimal: Literal[".", ","] | None = None
    unit: str | Units | None = None
    factor: float | None = Field(default=None, allow_inf_nan=False)
    offset: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _has_one_origin(self) -> ColumnRule:
        if (self.source_column is None) == (self.constant is None):
            raise ValueError("needs either from or constant")
        beside = sorted(self.model_fields_set - {"source_column", "constant"})
        if self.constant is not None and beside:
            raise ValueError(f"a constant is what it is: {', '.join(beside)} can't stand beside it")
        if self.join is not None and len(self.sources) == 1:
            raise ValueError("join needs several columns in from")
        if self.format is not None and self.is_numeric:
            raise ValueError("format is for times, and decimal, unit, factor and offset are for numbers")
        if self.lookup is not None and (self.format is not None or self.is_numeric):
            raise ValueError("a lookup gives the layer's values: write them there as the layer has them")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the source that it needs."""
        if self.source_column is None:
            return ()
        return (self.source_column,) if isinstance(self.source_column, str) else self.source_column

    @property
    def is_copy(self) -> bool:
        """Whether it only takes what a column of the source holds."""
        return self.model_fields_set == {"source_column"} and len(self.sources) == 1

    @property
    def is_numeric(self) -> bool:
        """Whether it reads or converts numbers."""
        return any(each is not None for each in (self.decimal, self.unit, self.factor, self.offset))

    @property
    def default_is_stated(self) -> bool:
        """Whether there is a default, if only the default of no value."""
        return "default" in self.model_fields_set

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of a time."""
        if self.format is None:
            return ()
        return (self.format,) if isinstance(self.format, str) else self.format


class Tags(BaseModel):
    """Which columns of the source are kept beside the layer's own: only those named, or all but those named.

    Without either these are all that aren't mapped. Columns that are named are kept even where they are mapped.
    """

    model_config = _WORDS

    only: Texts | None = None
    without: Texts = ()

    @model_validator(mode="after")
    def _says_one_thing(self) -> Tags:
        if self.only is not None and self.without:
            raise ValueError("needs either only or without")
        return self


class Unpivot(BaseModel):
    """Makes a row of each of several columns, such as those of the years.

    Parameters
    ----------
    columns
        The columns.
    name
        The column of the rows made that holds the name of the column each is from.
    value
        The column that holds what stood in it.
    """

    model_config = _WORDS

    columns: Texts = Field(min_length=1)
    name: str
    value: str


_ShortTags: TypeAlias = Literal["all", "none"] | list[str]


def _tags(value: Any) -> Any:
    """Read the short forms: ``all``, ``none`` and a list of names."""
    short: dict[str, Any] = {"all": {}, "none": {"only": []}}
    if isinstance(value, str) and value in short:
        return short[value]
    return {"only": value} if isinstance(value, (list, tuple)) else value


class RowMapping(BaseModel):
    """How features follow from the rows of a source.

    Parameters
    ----------
    columns
        Of the layer, each with its rule; by default those of the same name as the source's.
    filter
        Which rows are taken; the others are counted as passed over.
    unpivot
        Makes several rows of each.
    place
        What becomes of geometries: they are taken as they are, an inner point of each stands for it, or they are left
        out, for layers whose features need no place.
    tags
        Which other columns are kept: ``all``, ``none``, a list, or a mapping with ``without``; of people's reports none
        but those named here. What isn't kept doesn't appear in the account of rejected rows either.
    empty
        What stands for nothing in every column, beside an empty cell.
    timezone
        Of times that don't tell theirs; by default the territory's.
    """

    model_config = _WORDS

    columns: dict[str, ColumnRule] | None = None
    filter: Conditions | None = None
    unpivot: Unpivot | None = None
    place: Literal["geometry", "inner point", "none"] = "geometry"
    tags: Annotated[Tags, BeforeValidator(_tags, json_schema_input_type=_ShortTags | Tags)] = Tags()
    empty: Texts = ()
    timezone: TimeZone | None = None

    @property
    def needed(self) -> set[str]:
        """The columns that the source must have."""
        rules = (self.columns or {}).values()
        made = {self.unpivot.name, self.unpivot.value} if self.unpivot else set()
        mapped = {name for rule in rules for name in rule.sources} - made
        unpivoted = set(self.unpivot.columns) if self.unpivot else set()
        return mapped | unpivoted | (self.filter.columns if self.filter else set())

    def check_header(self, header: Sequence[str], name: str, *others: str | None) -> None:
        """Make sure that a source has the columns that are named.

        Parameters
        ----------
        header
            Those that it has.
        name
            Of the source, for the error.
        others
            Those that are named beside the mapping.

        Raises
        ------
        SourceError
            Some are missing; the text lists those there are.
        """
        missing = sorted((self.needed | {each for each in others if each}).difference(header))
        if missing:
            close = difflib.get_close_matches(missing[0], header, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise SourceError(f"{name} has no column {', '.join(missing)}{hint}; it has {', '.join(header)}")
