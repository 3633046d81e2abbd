"""Formats of transport and utilities, which know by themselves which layers they fill: GTFS, EPANET, pandapower."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol, runtime_checkable

from geo.errors import InvalidInputError
from layers.sources.gtfs import feed
from layers.sources.networks import network
from layers.sources.networks.epanet import EpanetReader
from layers.sources.networks.pandapower_json import PandapowerReader
from layers.sources.networks.pandapower_tables import is_network
from layers.sources.records import Reader
from layers.sources.stated import Stated

_OF_THE_TERRITORY = "timezone"


@runtime_checkable
class PlacedReader(Reader, Protocol):
    """A reader that knows where its features lie."""

    def bounds(self) -> tuple[float, float, float, float]:
        """Return the box around them: west, south, east, north, in degrees."""


@dataclass(frozen=True, kw_only=True)
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
    reads
        Gives the reader of a file, with what is said of it.
    takes
        What can be said of a file.
    """

    title: str
    layers: tuple[str, ...]
    fits: Callable[[Path], bool]
    reads: Callable[..., PlacedReader]
    takes: tuple[str, ...] = ()

    def open(self, file: Path, stated: Stated) -> PlacedReader:
        """Return the reader of a file.

        Raises
        ------
        SourceError
            The file can't be read.
        InvalidInputError
            Something is said of it that files of this format say themselves, or don't have.
        """
        left = {*self.takes, _OF_THE_TERRITORY}
        unfit = [each.name for each in fields(stated) if each.name not in left and getattr(stated, each.name)]
        if unfit:
            raise InvalidInputError(f"{file.name} is a file of {self.title}: leave out {', '.join(unfit)}")
        return self.reads(file, **stated.only(*self.takes))


def read_gtfs(file: Path) -> PlacedReader:
    """Return the reader of a GTFS feed."""
    from layers.sources.gtfs.reader import GtfsReader

    return GtfsReader(file)


FORMATS = (
    DomainFormat(title="GTFS", layers=feed.LAYERS, fits=feed.is_feed, reads=read_gtfs),
    DomainFormat(
        title="EPANET",
        layers=network.LAYERS,
        fits=lambda file: file.name.lower().endswith(".inp"),
        reads=EpanetReader,
        takes=("crs", "anchor", "encoding"),
    ),
    DomainFormat(
        title="pandapower",
        layers=network.LAYERS,
        fits=is_network,
        reads=PandapowerReader,
        takes=("crs", "anchor"),
    ),
)


def format_of(file: Path) -> DomainFormat | None:
    """Return the format of a file, if it is one of these."""
    return next((each for each in FORMATS if each.fits(file)), None)
