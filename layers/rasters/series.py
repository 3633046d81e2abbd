"""Rasters of one collection as a series in time, and how their values become colours."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import Connection

from layers.errors import NotFoundError
from layers.rasters.catalogue import Raster, list_rasters

Interval: TypeAlias = tuple[dt.datetime | None, dt.datetime | None]
Colour: TypeAlias = tuple[int, int, int, int]
Colours: TypeAlias = dict[int, Colour] | list[tuple[tuple[float, float], Colour]]

_SEPARATOR = "."
_SHADES = 256
_LEGEND_STEPS = 6
_MEANS_SHOWN = 5
_STEP_S = {"day": dt.timedelta(days=1), "second": dt.timedelta(seconds=1)}


@dataclass(frozen=True)
class Shade:
    """An entry of a legend: a value, its colour and, of a class, what it is called."""

    value: float
    colour: str
    title: Mapping[str, str] | None


@dataclass(frozen=True)
class Series:
    """The rasters of one collection of a territory, in the order of their times.

    Parameters
    ----------
    id
        The territory and the collection, joined by a dot.
    rasters
        At least one.
    """

    id: str
    rasters: tuple[Raster, ...]

    @property
    def latest(self) -> Raster:
        """The raster that stands for all where no time is asked for."""
        return self.rasters[-1]

    def at(self, time: Interval) -> Raster:
        """Return the latest raster of a time.

        A raster of a year is one of any moment of that year; one without time is one of every time.

        Raises
        ------
        NotFoundError
            There is none; the text lists the times there are.
        """
        found = [each for each in self.rasters if _overlaps(each, time)]
        if not found:
            times = ", ".join(each.time_text or "no time" for each in self.rasters)
            raise NotFoundError(f"{self.id} has no raster of that time; it has {times}.")
        return found[-1]

    @cached_property
    def value_range(self) -> tuple[float, float] | None:
        """The values at the ends of the colour scale: the same for all times, so that times can be compared.

        Where few values are far above the others, the scale ends below the greatest, so that the others can be told
        apart.
        """
        scale = self.latest.colour_scale or {}
        if "stops" in scale:
            return float(scale["stops"][0][0]), float(scale["stops"][-1][0])
        bands = [band for each in self.rasters for band in each.bands if band["min"] is not None]
        if not bands:
            return None
        low = scale.get("low", min(band["min"] for band in bands))
        high = scale.get("high", self._usual_end(low))
        return (float(low), float(high)) if low < high else (float(low), float(low) + 1)

    def _usual_end(self, low: float) -> float:
        bands = [band for each in self.rasters for band in each.bands if band["min"] is not None]
        greatest, mean = (max(band[name] for band in bands) for name in ("max", "mean"))
        return float(min(greatest, low + _MEANS_SHOWN * (mean - low)))

    @property
    def colours(self) -> Colours | None:
        """The colours of values within the range, or of classes; ``None`` where bands are colours themselves."""
        scale = self.latest.colour_scale
        if scale is None:
            return None
        if "classes" in scale:
            return _classes(scale["classes"])
        return _shades(scale.get("ramp"), tuple(tuple(each) for each in scale.get("stops", ())))

    @property
    def legend(self) -> list[Shade]:
        """Values and their colours: of classes all, of a scale some from its least to its greatest."""
        scale, colours, limits = self.latest.colour_scale, self.colours, self.value_range
        if scale is not None and "classes" in scale:
            return [Shade(each["value"], each["colour"], each.get("title")) for each in scale["classes"]]
        if not isinstance(colours, dict) or limits is None:
            return []
        low, high = limits
        found = []
        for step in range(_LEGEND_STEPS):
            share = step / (_LEGEND_STEPS - 1)
            red, green, blue, _ = colours[round(share * (_SHADES - 1))]
            found.append(Shade(low + share * (high - low), f"#{red:02x}{green:02x}{blue:02x}", None))
        return found

    @property
    def has_classes(self) -> bool:
        """Whether values are classes."""
        return "classes" in (self.latest.colour_scale or {})


def all_series(connection: Connection, territories: Sequence[str] | None = None) -> list[Series]:
    """Return the collections of rasters that the connection may see, of these territories or of all."""
    found: dict[str, list[Raster]] = {}
    for raster in list_rasters(connection):
        if territories is None or raster.territory in territories:
            found.setdefault(f"{raster.territory}{_SEPARATOR}{raster.collection}", []).append(raster)
    return [Series(name, tuple(rasters)) for name, rasters in found.items()]


def find_series(connection: Connection, name: str) -> Series:
    """Return a collection of rasters by its id.

    Raises
    ------
    NotFoundError
        There is none that the connection may see; the text lists those there are.
    """
    territory, _, collection = name.partition(_SEPARATOR)
    rasters = list_rasters(connection, territory=territory, collection=collection)
    if not rasters:
        there = ", ".join(each.id for each in all_series(connection)) or "none yet"
        raise NotFoundError(f"There is no raster {name!r}. The rasters are: {there}.")
    return Series(name, tuple(rasters))


def period(raster: Raster) -> Interval:
    """Return from when until when a raster is of: its year, month, day or second."""
    if raster.time is None or raster.time_precision is None:
        return None, None
    start = raster.time
    if raster.time_precision == "year":
        return start, start.replace(year=start.year + 1) - dt.timedelta(microseconds=1)
    if raster.time_precision == "month":
        days = calendar.monthrange(start.year, start.month)[1]
        return start, start + dt.timedelta(days=days) - dt.timedelta(microseconds=1)
    return start, start + _STEP_S[raster.time_precision] - dt.timedelta(microseconds=1)


def _overlaps(raster: Raster, time: Interval) -> bool:
    (start, end), (since, until) = period(raster), time
    begins_late = start is not None and until is not None and start > until
    ends_early = end is not None and since is not None and end < since
    return not (begins_late or ends_early)


@lru_cache(maxsize=64)
def _shades(ramp: str | None, stops: tuple[tuple[float, str], ...]) -> dict[int, Colour]:
    import matplotlib as mpl

    if ramp is not None:
        colormap: Any = mpl.colormaps[ramp]
    else:
        low, high = stops[0][0], stops[-1][0]
        places = [((value - low) / (high - low), colour) for value, colour in stops]
        colormap = mpl.colors.LinearSegmentedColormap.from_list("stops", places, N=_SHADES)
    return {index: _rgba(colormap(share)) for index, share in enumerate(np.linspace(0, 1, _SHADES))}


def _classes(classes: Sequence[dict[str, Any]]) -> Colours:
    if all(float(each["value"]).is_integer() for each in classes):
        return {int(each["value"]): _opaque(each["colour"]) for each in classes}
    return [((each["value"], float(np.nextafter(each["value"], np.inf))), _opaque(each["colour"])) for each in classes]


def _opaque(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue, 255


def _rgba(colour: Sequence[float]) -> Colour:
    red, green, blue, alpha = (round(255 * part) for part in colour)
    return red, green, blue, alpha
