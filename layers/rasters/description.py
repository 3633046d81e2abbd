"""The words in which a raster is described: what its bands mean, when it is of, how it is drawn."""

from __future__ import annotations

import datetime as dt
import re
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from geo.language import Text
from layers.description import text
from layers.sources.description import STRICT, KnownCrs, Titles
from layers.times import rfc3339

RasterKind = Literal["elevation", "population", "night_lights", "land_cover", "imagery", "other"]

TITLES: dict[str, Text] = {
    "elevation": text("Elevation", "Высота местности", "Вышыня мясцовасці"),
    "population": text("Population", "Население", "Насельніцтва"),
    "night_lights": text("Night lights", "Ночные огни", "Начныя агні"),
    "land_cover": text("Land cover", "Наземный покров", "Наземнае покрыва"),
    "imagery": text("Imagery", "Снимок", "Здымак"),
    "other": text("Raster", "Растр", "Растр"),
}
"""The titles of rasters whose description has none."""

RAMPS = {"elevation": "terrain", "population": "magma_r", "night_lights": "inferno", "other": "viridis"}
"""The colour ramps of rasters whose description has no scale."""

_COLOUR = re.compile(r"#[0-9a-f]{6}")
_FORMATS = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}


def read_time(value: str) -> tuple[dt.datetime, str]:
    """Return the moment at which a time begins, in UTC, and its precision: ``year``, ``month``, ``day`` or ``second``.

    Raises
    ------
    ValueError
        It is no time.
    """
    for precision, form in _FORMATS.items():
        try:
            return dt.datetime.strptime(value, form).replace(tzinfo=dt.UTC), precision
        except ValueError:
            continue
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{value!r} is no time such as 2024, 2024-05, 2024-05-17 or 2024-05-17T12:00:00Z") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC), "second"


def write_time(moment: dt.datetime, precision: str) -> str:
    """Write a moment as precisely as it is known."""
    form = _FORMATS.get(precision)
    return rfc3339(moment) if form is None else moment.astimezone(dt.UTC).strftime(form)


def _as_text(value: Any) -> Any:
    """Return a time as YAML reads it, a number or a date, as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.isoformat() if isinstance(value, dt.date) else value


def _time(value: str) -> str:
    return write_time(*read_time(value))


def _colour(value: str) -> str:
    if not _COLOUR.fullmatch(value.lower()):
        raise ValueError(f"{value!r} is no colour such as #1f77b4")
    return value.lower()


def _ramp(value: str) -> str:
    from matplotlib import colormaps

    if value not in colormaps:
        raise ValueError(f"there is no colour map {value!r}: use one of matplotlib's, such as viridis")
    return value


def _ascending(value: tuple[tuple[float, str], ...]) -> tuple[tuple[float, str], ...]:
    if any(low[0] >= high[0] for low, high in pairwise(value)):
        raise ValueError("the values must ascend")
    return value


Time = Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | int), AfterValidator(_time)]
Colour = Annotated[str, AfterValidator(_colour)]


class ClassColour(BaseModel):
    """How a class is drawn and what it is called."""

    model_config = STRICT

    value: float
    colour: Colour
    title: Titles | None = None


class ColourScale(BaseModel):
    """How values become colours: by a ramp, by stops between which colours are mixed, or class by class.

    Parameters
    ----------
    ramp
        The name of one of matplotlib's colour maps.
    low, high
        The values at the ends of the ramp; by default the least and the greatest of the raster.
    stops
        Values, ascending, and their colours.
    classes
        Values and the colours of their classes.
    """

    model_config = STRICT

    ramp: Annotated[str, AfterValidator(_ramp)] | None = None
    low: float | None = None
    high: float | None = None
    stops: Annotated[tuple[tuple[float, Colour], ...], AfterValidator(_ascending)] | None = Field(
        default=None, min_length=2
    )
    classes: tuple[ClassColour, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _is_one_scale(self) -> ColourScale:
        if sum(each is not None for each in (self.ramp, self.stops, self.classes)) != 1:
            raise ValueError("needs one of ramp, stops, classes")
        if self.ramp is None and (self.low is not None or self.high is not None):
            raise ValueError("low and high belong to a ramp")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must be less than high")
        return self


class BandWords(BaseModel):
    """What a band means, and the unit of its values; by default what the file says of it."""

    model_config = STRICT

    meaning: Titles | None = None
    unit: str | None = None


class RasterWords(BaseModel):
    """What is said of rasters of one collection.

    Parameters
    ----------
    collection
        To which they belong: rasters of one collection show the same at different times.
    content
        What they show.
    bands
        What each band means.
    nodata
        The value of pixels that say nothing, in place of the file's; ``none`` where all say something.
    crs
        Of the file, where it doesn't say or says it wrong.
    reproject_to
        The CRS to which the pixels are resampled; by default they stay as they are.
    categorical
        Whether values are classes; by default so for land cover.
    colour_scale
        How they are drawn; by default as their content is.
    """

    model_config = STRICT

    collection: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=63)
    content: RasterKind
    bands: tuple[BandWords, ...] | None = None
    nodata: float | Literal["none"] | None = None
    crs: KnownCrs | None = None
    reproject_to: KnownCrs | None = None
    categorical: bool | None = None
    colour_scale: ColourScale | None = None

    @property
    def has_classes(self) -> bool:
        """Whether values are classes, between which there is no average."""
        return self.content == "land_cover" if self.categorical is None else self.categorical


class RasterDescription(RasterWords):
    """What is said of one raster.

    Parameters
    ----------
    source
        Where it is from.
    title
        In every language.
    attribution
        What must be shown wherever it is.
    time
        When it is of: a year, a month, a day or a moment.
    restricted
        Whether only members of the territory see it.
    """

    source: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: Titles | None = None
    attribution: str = ""
    time: Time | None = None
    restricted: bool = False
