"""Formats of transport and utilities, which know by themselves which layers they fill: GTFS, EPANET, pandapower."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from pydantic import model_validator

from geo.errors import InvalidInputError
from layers.sources import gtfs, network
from layers.sources.description import KnownCrs, Surroundings
from layers.sources.epanet import EpanetReader
from layers.sources.files import FileSource
from layers.sources.gtfs import GtfsReader
from layers.sources.gtfs_feed import is_feed
from layers.sources.pandapower_json import PandapowerReader
from layers.sources.pandapower_tables import is_network
from layers.sources.placement import Anchor
from layers.sources.records import Reader


@runtime_checkable
class PlacedReader(Reader, Protocol):
    """A reader that knows where its features lie."""

    def bounds(self) -> tuple[float, float, float, float]:
        """Return the box around them: west, south, east, north, in degrees."""


@dataclass(frozen=True)
class DomainFormat:
    """A format of transport or utilities.

    Parameters
    ----------
    title
        What it is called.
    layers
        Those that it fills.
    fits
        Tells whether a file is of it.
    open
        Gives the reader of a file, with the CRS or the anchor of its coordinates.
    """

    title: str
    layers: tuple[str, ...]
    fits: Callable[[Path], bool]
    open: Callable[[Path, str | None, Anchor | None], PlacedReader]


def _open_feed(file: Path, crs: str | None, anchor: Anchor | None) -> GtfsReader:
    if crs is not None or anchor is not None:
        raise InvalidInputError(f"{file.name} is a GTFS feed, whose coordinates are degrees: leave CRS and anchor out")
    return GtfsReader(file)


FORMATS = (
    DomainFormat("GTFS", gtfs.LAYERS, is_feed, _open_feed),
    DomainFormat(
        "EPANET",
        network.LAYERS,
        lambda file: file.name.lower().endswith(".inp"),
        lambda file, crs, anchor: EpanetReader(file, crs=crs, anchor=anchor),
    ),
    DomainFormat(
        "pandapower",
        network.LAYERS,
        is_network,
        lambda file, crs, anchor: PandapowerReader(file, crs=crs, anchor=anchor),
    ),
)


def format_of(file: Path) -> DomainFormat | None:
    """Return the format of a file, if it is one of these."""
    return next((each for each in FORMATS if each.fits(file)), None)


class GtfsSource(FileSource):
    """A timetable of public transport in GTFS."""

    kind: Literal["gtfs"]

    @property
    def fills(self) -> tuple[str, ...]:
        """The layers that it fills."""
        return gtfs.LAYERS

    def read(self, file: Path, surroundings: Surroundings) -> Reader:  # noqa: ARG002
        """Return the reader of the file."""
        return GtfsReader(file)


class _NetworkSource(FileSource):
    """A utility network with coordinates of its own.

    Parameters
    ----------
    crs, anchor
        Where they lie: one of the two.
    """

    crs: KnownCrs | None = None
    anchor: Anchor | None = None

    @model_validator(mode="after")
    def _is_placed_once(self) -> _NetworkSource:
        if (self.crs is None) == (self.anchor is None):
            raise ValueError("needs either crs or anchor, to say where its coordinates lie")
        return self

    @property
    def fills(self) -> tuple[str, ...]:
        """The layers that it fills."""
        return network.LAYERS


class EpanetSource(_NetworkSource):
    """A water network in EPANET's input format.

    Parameters
    ----------
    encoding
        Of its text, where that isn't UTF-8.
    """

    kind: Literal["epanet"]
    encoding: str | None = None

    def read(self, file: Path, surroundings: Surroundings) -> Reader:  # noqa: ARG002
        """Return the reader of the file."""
        return EpanetReader(file, crs=self.crs, anchor=self.anchor, encoding=self.encoding)


class PandapowerSource(_NetworkSource):
    """A power network in pandapower's JSON."""

    kind: Literal["pandapower"]

    def read(self, file: Path, surroundings: Surroundings) -> Reader:  # noqa: ARG002
        """Return the reader of the file."""
        return PandapowerReader(file, crs=self.crs, anchor=self.anchor)
