"""Sources that are files: OpenStreetMap data, tables and vector files, as a territory's file describes them."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from layers.catalog import all_layers, find
from layers.sources.description import (
    KnownCrs,
    LayerName,
    Obtained,
    SourceDescription,
    Surroundings,
    check_columns,
)
from layers.sources.mapping import ColumnRule
from layers.sources.osm import OsmReader
from layers.sources.places import Place, fingerprint, locate
from layers.sources.records import Reader
from layers.sources.table import TableReader


class FileSource(SourceDescription):
    """A source that is one file.

    Parameters
    ----------
    places
        Where it may be found; the first that has it is taken.
    """

    places: tuple[Place, ...] = Field(min_length=1)

    @abstractmethod
    def read(self, file: Path, surroundings: Surroundings) -> Reader:
        """Return the reader of the file."""

    def obtain(self, surroundings: Surroundings) -> Obtained:
        """Find the file."""
        file = locate(self.places)
        mark = fingerprint(file, self.model_dump_json(), repr(surroundings))
        return Obtained(file.name, mark, lambda: self.read(file, surroundings))


class OsmSource(FileSource):
    """An OpenStreetMap file.

    Parameters
    ----------
    layers
        The layers that it fills; by default each that has a rule for it.
    """

    kind: Literal["osm"]
    layers: tuple[LayerName, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _has_a_rule_for_each(self) -> OsmSource:
        unfit = sorted(set(self.layers or ()) - set(osm_layers()))
        if unfit:
            known = ", ".join(sorted(osm_layers()))
            raise ValueError(f"OpenStreetMap data has no rule for the layer {', '.join(unfit)}; it has for {known}")
        return self

    @property
    def fills(self) -> tuple[str, ...]:
        """The layers that it fills."""
        return self.layers or osm_layers()

    def read(self, file: Path, _surroundings: Surroundings) -> Reader:
        """Return the reader of the file."""
        return OsmReader(file, {each: find(each) for each in self.fills})


class TableSource(FileSource):
    """A table with a point a row.

    Parameters
    ----------
    layer
        The layer that it fills.
    crs
        Of its coordinates.
    x, y
        The columns of easting or longitude, and of northing or latitude.
    key
        The column of ids; without one, a row is known by its content.
    columns
        How the layer's columns follow from the table's.
    """

    kind: Literal["table"]
    layer: LayerName
    crs: KnownCrs = "EPSG:4326"
    x: str
    y: str
    key: str | None = None
    columns: dict[str, ColumnRule]

    @model_validator(mode="after")
    def _names_columns_of_the_layer(self) -> TableSource:
        check_columns(self.layer, self.columns)
        return self

    @property
    def fills(self) -> tuple[str, ...]:
        """The layer that it fills."""
        return (self.layer,)

    def read(self, file: Path, _surroundings: Surroundings) -> Reader:
        """Return the reader of the file."""
        return TableReader(
            file,
            self.layer,
            find(self.layer),
            crs=self.crs,
            x=self.x,
            y=self.y,
            key=self.key,
            columns=self.columns,
        )


def osm_layers() -> tuple[str, ...]:
    """Return the layers that have a rule for OpenStreetMap data."""
    return tuple(name for name, model in all_layers().items() if model.layer.osm is not None)
