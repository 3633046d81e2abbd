"""What goes into a file: which features of a layer, which of their properties, and in which CRS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import ColumnElement, Connection, FromClause, Select, func

from layers.catalog import LayerTable
from layers.crs import CRS84, Crs
from layers.models.base import STORAGE_SRID
from layers.reading.geojson import properties_of
from layers.reading.query import Query, matching, rows_at


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Features of a layer, as they go into a file.

    Parameters
    ----------
    connection
        To the database; nothing else may use it while the file is written.
    model
        The layer.
    query
        Which features.
    crs
        In which their coordinates are wanted.
    only
        The properties wanted; by default all.
    """

    connection: Connection
    model: LayerTable
    query: Query
    crs: Crs = CRS84
    only: Sequence[str] | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The properties that were asked for, in their order."""
        return tuple(properties_of(self.model) if self.only is None else self.only)

    @cached_property
    def table(self) -> FromClause:
        """Where the rows are: the layer's table, or what it was at a moment."""
        return rows_at(self.model, self.query.as_of)

    @property
    def geometry(self) -> ColumnElement[Any]:
        """The geometry in the CRS that was asked for, longitude or easting first."""
        stored: ColumnElement[Any] = self.table.c.geom
        return stored if self.crs.srid == STORAGE_SRID else func.ST_Transform(stored, self.crs.srid, type_=Geometry)

    def matching(self, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
        """Return the query of the features, of which ``columns`` are selected from the table."""
        return matching(self.model, self.query, columns, self.table)
