"""Sources in formats of transport and utilities: GTFS, EPANET, pandapower."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import model_validator

from layers.sources.description import KnownCrs, Surroundings
from layers.sources.domain_formats import read_gtfs
from layers.sources.files import FileSource
from layers.sources.gtfs import feed
from layers.sources.networks import network
from layers.sources.networks.epanet import EpanetReader
from layers.sources.networks.pandapower_json import PandapowerReader
from layers.sources.networks.placement import Anchor
from layers.sources.records import Reader


class GtfsSource(FileSource):
    """A timetable of public transport in GTFS."""

    kind: Literal["gtfs"]

    @property
    def fills(self) -> tuple[str, ...]:
        """The layers that it fills."""
        return feed.LAYERS

    def read(self, file: Path, surroundings: Surroundings) -> Reader:  # noqa: ARG002
        """Return the reader of the file."""
        return read_gtfs(file)


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

    packed: ClassVar[tuple[str, ...]] = (".inp",)

    kind: Literal["epanet"]
    encoding: str | None = None

    def read(self, file: Path, surroundings: Surroundings) -> Reader:  # noqa: ARG002
        """Return the reader of the file."""
        return EpanetReader(file, crs=self.crs, anchor=self.anchor, encoding=self.encoding)


class PandapowerSource(_NetworkSource):
    """A power network in pandapower's JSON."""

    packed: ClassVar[tuple[str, ...]] = (".json",)

    kind: Literal["pandapower"]

    def read(self, file: Path, surroundings: Surroundings) -> Reader:  # noqa: ARG002
        """Return the reader of the file."""
        return PandapowerReader(file, crs=self.crs, anchor=self.anchor)
