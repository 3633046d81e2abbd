"""What a user says of a file because the file doesn't say it itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from layers.sources.mapping.words import RowMapping
from layers.sources.networks.placement import Anchor

WORDS_OF_PLACES = ("x", "y", "geometry", "crs", "swapped")
"""What may be said of where the features of a file lie."""


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What is said of a file; what isn't said is found out, or asked for where it can't be.

    Parameters
    ----------
    tables
        The tables of the file that fill the layers, in their order: of a GeoPackage, sheets of a workbook, layers of a
        drawing.
    crs
        Of the coordinates.
    swapped
        Northing or latitude stands first.
    x, y
        The columns of easting or longitude, and of northing or latitude, of a table.
    geometry
        The column of geometries of a table, in WKT, hexadecimal WKB or GeoJSON.
    key
        The column or field of ids, or several that make one together.
    encoding
        Of texts.
    delimiter
        Between the cells of a delimited text file.
    last_column_open
        Whether cells of delimited text beyond the header's belong to the last column.
    anchor
        Where one point of a network in local coordinates lies.
    mapping
        How the layer's columns follow from the file's; by default from those of the same name.
    timezone
        Of times that don't tell theirs, where the mapping doesn't say.
    """

    tables: tuple[str, ...] = ()
    crs: str | None = None
    swapped: bool = False
    x: str | None = None
    y: str | None = None
    geometry: str | None = None
    key: str | tuple[str, ...] | None = None
    encoding: str | None = None
    delimiter: str | None = None
    last_column_open: bool = False
    anchor: Anchor | None = None
    mapping: RowMapping | None = None
    timezone: str | None = None

    @property
    def of_places(self) -> dict[str, Any]:
        """What is said of places, by name."""
        return {name: value for name in WORDS_OF_PLACES if (value := getattr(self, name))}

    def only(self, *names: str) -> dict[str, Any]:
        """Return some of what is said, by name."""
        return {name: getattr(self, name) for name in names}
