"""Sources that are files: OpenStreetMap data, tables and vector files, as a territory's file describes them."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

import osmium
from pydantic import Field, model_validator

from geo.errors import InvalidInputError
from layers.catalog import find
from layers.errors import SourceError
from layers.sources import archives
from layers.sources.description import (
    KnownCrs,
    LayerName,
    Obtained,
    SourceDescription,
    Surroundings,
    check_columns,
)
from layers.sources.formats import open_tables
from layers.sources.mapping.lookups import MappingWithTables
from layers.sources.osm import SUFFIXES, osm_layers
from layers.sources.osm.reader import OsmReader
from layers.sources.places import Place, fingerprint, locate, on_this_machine
from layers.sources.records import Reader
from layers.sources.samples import sample_problems
from layers.sources.stated import Stated
from layers.sources.tables import Chain, pair


class FileSource(SourceDescription):
    """A source that is one file.

    Parameters
    ----------
    places
        Where it may be found; the first that has it is taken.
    """

    packed: ClassVar[tuple[str, ...]] = ()
    """How files of its kind are called that have to be unpacked before they are read."""

    places: tuple[Place, ...] = Field(min_length=1)

    def check(self, surroundings: Surroundings) -> list[str]:
        """Return what is wrong with it, as far as the file tells at its beginning."""
        file, misses = on_this_machine(self.places)
        if file is None:
            return misses
        try:
            return self.look(self.open(file, surroundings), surroundings)
        except (SourceError, InvalidInputError) as error:
            return [str(error)]

    def look(self, reader: Reader, surroundings: Surroundings) -> list[str]:  # noqa: ARG002
        """Return what is wrong with a file that could be opened, without reading all of it."""
        return []

    @abstractmethod
    def read(self, file: Path, surroundings: Surroundings) -> Reader:
        """Return the reader of the file."""

    def open(self, file: Path, surroundings: Surroundings) -> Reader:
        """Return the reader of the file, unpacked if need be."""
        inner = archives.alone(file, self.packed) if self.packed else None
        if inner is None:
            return self.read(file, surroundings)
        return Chain([self.read(inner[0], surroundings)], keeping=inner[1])

    def obtain(self, surroundings: Surroundings) -> Obtained:
        """Find the file."""
        file = locate(self.places)
        mark = fingerprint(file, self.model_dump_json(), repr(surroundings))
        return Obtained(file.name, mark, lambda: self.open(file, surroundings))


class OsmSource(FileSource):
    """An OpenStreetMap file.

    Parameters
    ----------
    layers
        The layers that it fills; by default each that has a rule for it.
    """

    packed: ClassVar[tuple[str, ...]] = SUFFIXES

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
        """Return the reader of the file.

        Raises
        ------
        SourceError
            It is no OpenStreetMap file.
        """
        try:
            with osmium.io.Reader(str(file), osmium.osm.osm_entity_bits.NOTHING) as opened:
                opened.header()
        except RuntimeError as error:
            raise SourceError(f"{file.name} can't be read as OpenStreetMap data: {error}") from error
        return OsmReader(file, {each: find(each) for each in self.fills})


class FeaturesSource(FileSource, MappingWithTables):
    """A file of which each row or feature becomes a feature of one layer.

    Parameters
    ----------
    layer
        The layer that it fills.
    crs
        Of its coordinates, where the file doesn't say and they aren't degrees.
    swapped
        Northing or latitude stands first.
    key
        The column of ids, or several that make one together; by default the file's own ids, or what a row holds.
    encoding
        Of its text, where that can't be found out.
    """

    layer: LayerName
    crs: KnownCrs | None = None
    swapped: bool = False
    key: str | tuple[str, ...] | None = Field(default=None, min_length=1)
    encoding: str | None = None

    @model_validator(mode="after")
    def _fits_the_layer(self) -> FeaturesSource:
        if self.place == "none" and find(self.layer).layer.located:
            raise ValueError(f"every feature of the layer {self.layer} needs a place, so place can't be none")
        if self.columns is not None:
            check_columns(self.layer, self.columns)
        return self

    @property
    def fills(self) -> tuple[str, ...]:
        """The layer that it fills."""
        return (self.layer,)

    def look(self, reader: Reader, surroundings: Surroundings) -> list[str]:
        """Return what is wrong with a file, as its first rows have it."""
        return sample_problems(reader, find(self.layer), surroundings, outside=self.outside == "keep")

    def obtain(self, surroundings: Surroundings) -> Obtained:
        """Find the file, and those of its lookup tables."""
        obtained = super().obtain(surroundings)
        return obtained._replace(fingerprint=" ".join((str(obtained.fingerprint), *self.marks())))

    @abstractmethod
    def stated(self) -> dict[str, Any]:
        """Return what is said of the file beside its mapping, in the words of `layers.sources.stated.Stated`."""

    def read(self, file: Path, surroundings: Surroundings) -> Reader:
        """Return the reader of the file."""
        common: dict[str, Any] = {"crs": self.crs, "swapped": self.swapped, "key": self.key, "encoding": self.encoding}
        stated = Stated(**common, **self.stated(), mapping=self.resolved(), timezone=surroundings.timezone)
        opened = open_tables(file, stated)
        tables = {each.name: each for each in opened.tables}
        pairs = pair(file.name, list(tables), layers=[self.layer], wanted=stated.tables)
        return Chain([tables[name].reader(find(layer)) for layer, name in pairs.items()], keeping=opened)


class TableSource(FeaturesSource):
    """A table: delimited text or a sheet of a workbook, also zipped.

    Parameters
    ----------
    x, y
        The columns of easting or longitude, and of northing or latitude; by default their names tell.
    geometry
        A column of geometries in WKT, hexadecimal WKB or GeoJSON in their place.
    delimiter
        Between the cells of delimited text, where that can't be found out.
    last_column_open
        Whether cells of delimited text beyond the header's belong to the last column: texts with unquoted delimiters.
    sheet
        Of a workbook; by default the one named like the layer, or the only one.
    """

    kind: Literal["table"]
    x: str | None = None
    y: str | None = None
    geometry: str | None = None
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    last_column_open: bool = False
    sheet: str | None = None

    @model_validator(mode="after")
    def _tells_the_place_once(self) -> TableSource:
        if (self.x is None) != (self.y is None) or (self.x is not None and self.geometry is not None):
            raise ValueError("needs both x and y, or geometry, or none of them where their names tell")
        return self

    def stated(self) -> dict[str, Any]:
        """Return what is said of the file."""
        tables = (self.sheet,) if self.sheet else ()
        places = {"x": self.x, "y": self.y, "geometry": self.geometry}
        text = {"delimiter": self.delimiter, "last_column_open": self.last_column_open}
        return places | text | {"tables": tables}


class VectorSource(FeaturesSource):
    """A vector file: GeoPackage, GeoJSON, Shapefile, FlatGeobuf, GML, KML, DXF, GeoParquet and more, also zipped.

    Parameters
    ----------
    table
        Of the file; by default the one named like the layer, or the only one.
    """

    kind: Literal["vector"]
    table: str | None = None

    def stated(self) -> dict[str, Any]:
        """Return what is said of the file."""
        return {"tables": (self.table,) if self.table else ()}
