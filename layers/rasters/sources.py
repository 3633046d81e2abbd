"""Sources that are rasters, as a territory's file describes them: one, or a series of one collection through time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from layers.rasters.description import RasterDescription, RasterWords, Time
from layers.sources.description import Obtained, SourceDescription, Surroundings
from layers.sources.places import Place, locate, on_this_machine
from layers.sources.records import Item, Notes

_TIME = "{time}"
_PARTS_OF_PLACES = ("path", "data", "file", "url")


class RasterSource(RasterWords, SourceDescription):
    """A raster, or a series of rasters: it goes into the catalogue of rasters and fills no layer.

    Parameters
    ----------
    places
        Where the file may be found; the first that has it is taken. In those of a series, ``{time}`` stands for the
        time.
    time
        When a single raster is of.
    times
        When those of a series are of.
    """

    kind: Literal["raster"]
    places: tuple[Place, ...] = Field(min_length=1)
    time: Time | None = None
    times: tuple[Time, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _is_one_or_a_series(self) -> RasterSource:
        if self.time is not None and self.times is not None:
            raise ValueError("needs time for one raster, or times for a series, not both")
        if len(set(self.times or ())) != len(self.times or ()):
            raise ValueError("each of the times must differ from the others")
        if (self.times is None) == any(_TIME in str(place) for place in self.places):
            raise ValueError(f"a series needs {_TIME} in its places, and a single raster can't have it")
        return self

    @property
    def fills(self) -> tuple[str, ...]:
        """No layer."""
        return ()

    def obtain(self, surroundings: Surroundings) -> Obtained:  # noqa: ARG002
        """Find the files."""
        names = [locate(self.places_of(time)).name for time in self.times or (None,)]
        return Obtained(", ".join(names), None, _NoFeatures)

    def check(self, surroundings: Surroundings) -> list[str]:  # noqa: ARG002
        """Return which of its files are missing."""
        return [told for time in self.times or (None,) for told in on_this_machine(self.places_of(time))[1]]

    def places_of(self, time: str | None) -> tuple[Place, ...]:
        """Return where the raster of a time may be found."""
        return self.places if time is None else tuple(_at(place, time) for place in self.places)

    def description(self, time: str | None) -> RasterDescription:
        """Return what is said of the raster of a time."""
        words = {name: getattr(self, name) for name in RasterWords.model_fields}
        return RasterDescription(
            **words,
            source=self.id,
            title=self.title,
            attribution=self.attribution,
            time=time or self.time,
            restricted=self.restricted,
        )


class _NoFeatures:
    """A reader without features."""

    progress = None

    def __init__(self) -> None:
        self.notes = Notes()

    def __iter__(self) -> Iterator[Item]:
        yield from ()


def _at(place: Place, time: str) -> Place:
    parts: dict[str, Any] = {name: getattr(place, name) for name in _PARTS_OF_PLACES}
    return place.model_copy(
        update={name: part.replace(_TIME, time) for name, part in parts.items() if part is not None}
    )
