"""Sources that are files: OpenStreetMap data, tables and vector files, as a territory's file describes them."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from geo.errors import InvalidInputError
from layers.catalog import all_layers, find
from layers.errors import SourceError
from layers.sources.description import (
    KnownCrs,
    LayerName,
    Obtained,
    SourceDescription,
    Surroundings,
    check_columns,
)
from layers.sources.mapping import RowMapping
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

    def check(self, surroundings: Surroundings) -> list[str]:
        """Return what is wrong with it, as far as the file tells at its beginning."""
        file = next(filter(None, (place.local_file() for place in self.places)), None)
        if file is None:
            on_the_web = any(place.url is not None for place in self.places)
            return [] if on_the_web else [f"none of its places has it: {'; '.join(map(str, self.places))}"]
        try:
            self.read(file, surroundings)
        except (SourceError, InvalidInputError) as error:
            return [str(error)]
        return []

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


class MappedSource(FileSource, RowMapping):
    """A file of which each row becomes a feature of one layer.

    Parameters
    ----------
    layer
        The layer that it fills.
    crs
        Of its coordinates; by default as the file states, or degrees where all of them can be.
    key
        The column of ids, or several that make one together; by default the file's own, or what a row holds.
    encoding
        Of its text; by default it is found out.
    """

    layer: LayerName
    crs: KnownCrs | None = None
    key: str | tuple[str, ...] | None = Field(default=None, min_length=1)
    encoding: str | None = None

    @model_validator(mode="after")
    def _fits_the_layer(self) -> MappedSource:
        if self.columns is not None:
            check_columns(self.layer, self.columns)
        return self

    @property
    def fills(self) -> tuple[str, ...]:
        """The layer that it fills."""
        return (self.layer,)


class TableSource(MappedSource):
    """A table with a feature a row: delimited text or a sheet of a workbook.

    Parameters
    ----------
    x, y
        The columns of easting or longitude, and of northing or latitude; by default their names tell.
    geometry
        A column of geometries in WKT, hexadecimal WKB or GeoJSON in their place.
    swapped
        Northing or latitude stands in ``x``, or first in the geometries.
    delimiter
        Between the cells of delimited text; by default it is found out.
    sheet
        Of a workbook; by default the one named like the layer, or the only one.
    """

    kind: Literal["table"]
    x: str | None = None
    y: str | None = None
    geometry: str | None = None
    swapped: bool = False
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    sheet: str | None = None

    @model_validator(mode="after")
    def _tells_the_place_once(self) -> TableSource:
        if (self.x is None) != (self.y is None) or (self.x is not None and self.geometry is not None):
            raise ValueError("needs both x and y, or geometry, or none of them where their names tell")
        return self

    def read(self, file: Path, surroundings: Surroundings) -> Reader:
        """Return the reader of the file."""
        return TableReader(
            file,
            self.layer,
            find(self.layer),
            crs=self.crs,
            x=self.x,
            y=self.y,
            geometry=self.geometry,
            swapped=self.swapped,
            key=self.key,
            encoding=self.encoding,
            delimiter=self.delimiter,
            sheet=self.sheet,
            mapping=self,
            timezone=surroundings.timezone,
        )


def osm_layers() -> tuple[str, ...]:
    """Return the layers that have a rule for OpenStreetMap data."""
    return tuple(name for name, model in all_layers().items() if model.layer.osm is not None)
