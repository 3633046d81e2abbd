"""The words that all sources of a territory's YAML file share."""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple

from croniter import croniter
from croniter.croniter import CroniterError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from geo.errors import InvalidInputError
from geo.language import LANGUAGES
from layers.catalog import find
from layers.errors import NotFoundError
from layers.sources.geometry.coordinates import to_degrees
from layers.sources.mapping.answers import Answer
from layers.sources.mapping.words import ColumnRule
from layers.sources.records import Reader

STRICT = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

_CRON_FIELDS = 5
_CRON_FIELD = re.compile(r"(\d|[*/,-]|[A-Za-z]{3})+")


def _every_language(value: dict[str, str]) -> dict[str, str]:
    if set(value) != set(LANGUAGES):
        raise ValueError(f"needs a text in each of the languages {', '.join(LANGUAGES)}")
    return value


def _box(value: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = value
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ValueError("must be [west, south, east, north] in degrees")
    return value


def _known_crs(value: str) -> str:
    try:
        to_degrees(value)
    except InvalidInputError as error:
        raise ValueError(str(error)) from error
    return value


def _layer(value: str) -> str:
    try:
        find(value)
    except NotFoundError as error:
        raise ValueError(str(error)) from error
    return value


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != _CRON_FIELDS or not all(_CRON_FIELD.fullmatch(each) for each in fields):
        raise ValueError("must be five cron fields: minute, hour, day of the month, month, day of the week")
    try:
        last_due(value, datetime.now(UTC))
    except CroniterError as error:
        raise ValueError(f"is no time that ever comes: {error}") from error
    return value


Titles = Annotated[
    dict[str, str],
    AfterValidator(_every_language),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {language: {"type": "string"} for language in LANGUAGES},
            "required": list(LANGUAGES),
            "additionalProperties": False,
        }
    ),
]
Box = Annotated[tuple[float, float, float, float], AfterValidator(_box)]
KnownCrs = Annotated[str, AfterValidator(_known_crs)]
LayerName = Annotated[str, AfterValidator(_layer)]
Schedule = Annotated[str, AfterValidator(_cron)]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a source may need to know of its territory.

    Parameters
    ----------
    territory
        Its id.
    metric_crs
        Of its measurements.
    timezone
        The IANA name of its time zone, where it is stated.
    box
        Around it: west, south, east, north, in degrees, where it is known.
    base
        By what the base is known to others, so that it doesn't take itself for another.
    """

    territory: str
    metric_crs: str
    timezone: str | None = None
    box: tuple[float, float, float, float] | None = None
    base: str | None = field(default=None, repr=False)


class Obtained(NamedTuple):
    """A source that is there.

    Parameters
    ----------
    file_name
        What it is called in the account of the load.
    fingerprint
        What tells this content, read in this way, from another; ``None`` where only reading tells.
    open
        Gives the reader.
    """

    file_name: str
    fingerprint: str | None
    open: Callable[[], Reader]


class SourceDescription(BaseModel, ABC):
    """What is said of every source; each kind adds which layers it fills and how it is had.

    Parameters
    ----------
    id
        Under which the source is known.
    title
        In every language.
    attribution
        What must be shown wherever its features are.
    restricted
        Whether only members of the territory see its features.
    outside
        What becomes of features far outside the territory: they are rejected, or kept and counted.
    may_be_empty
        Whether it may hold nothing, and all that it has brought is closed then; by default that is an error.
    schedule
        When a worker loads it again: a cron expression of five fields, in the time zone of the territory, or UTC where
        that isn't stated. Without one it is loaded with the territory only.
    """

    model_config = STRICT

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=63)
    title: Titles
    attribution: str
    restricted: bool = False
    outside: Literal["reject", "keep"] = "reject"
    may_be_empty: bool = False
    schedule: Schedule | None = None

    @property
    @abstractmethod
    def fills(self) -> tuple[str, ...]:
        """The layers that it fills."""

    @abstractmethod
    def obtain(self, surroundings: Surroundings) -> Obtained:
        """Find the source.

        Raises
        ------
        SourceError
            It can't be had; the text tells where it was looked for.
        """

    def check(self, surroundings: Surroundings) -> list[str]:  # noqa: ARG002
        """Return what is wrong with it, as far as can be told on this machine and without loading."""
        return []


def last_due(schedule: str, moment: datetime) -> datetime:
    """Return when a schedule was due last, at a moment or before it."""
    due: datetime = croniter(schedule, moment).get_prev(datetime)
    return moment if croniter.match(schedule, moment) and moment.second == 0 else due


def check_columns(layer: str, columns: Mapping[str, ColumnRule]) -> None:
    """Make sure that a mapping gives a layer values that it can hold.

    Raises
    ------
    ValidationError
        It names columns that the layer doesn't have, leaves out some that every feature needs, or has rules that don't
        fit; each is told at its place.
    """
    model = find(layer)
    writable = sorted(each.name for each in model.columns if not each.computed)
    problems: list[tuple[tuple[str, ...], str]] = []
    for name, rule in columns.items():
        column = model.column(name)
        if column is None or column.computed:
            close = difflib.get_close_matches(name, writable, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            text = f"the layer {layer} has no column {name} to fill{hint}; it has {', '.join(writable)}"
            problems.append((("columns", name), text))
            continue
        try:
            Answer(rule, column)
        except InvalidInputError as error:
            problems.append((("columns", name), f"{error} (the layer {layer})"))
    missing = [
        each.name
        for each in model.columns
        if each.required and each.name not in columns and model.table.columns[each.name].server_default is None
    ]
    if missing:
        problems.append((("columns",), f"every feature of the layer {layer} needs {', '.join(missing)}"))
    if problems:
        raise ValidationError.from_exception_data(
            "columns",
            [
                InitErrorDetails(type=PydanticCustomError("columns", "{text}", {"text": text}), loc=place, input=None)
                for place, text in problems
            ],
        )
