"""What goes into a file: which features of a layer, which of their columns, and in which CRS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import ColumnElement, Connection, FromClause, Select, func

from layers.catalog import Column, LayerTable
from layers.models.base import STORAGE_SRID
from layers.query import Query, matching, rows_at

SHARED = ("territory", "source", "source_id")
"""The columns that every layer has and files tell, before the layer's own."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Features of a layer, as they go into a file."""

    connection: Connection
    model: LayerTable
    query: Query
    srid: int = STORAGE_SRID

    @property
    def columns(self) -> tuple[Column, ...]:
        """The layer's own columns that were asked for."""
        return self.model.columns

    @cached_property
    def table(self) -> FromClause:
        """Where the rows are: the layer's table, or what it was at a moment."""
        return rows_at(self.model, self.query.as_of)

    @property
    def geometry(self) -> ColumnElement[Any]:
        """The geometry in the CRS that was asked for, longitude or easting first."""
        stored: ColumnElement[Any] = self.table.c.geom
        return stored if self.srid == STORAGE_SRID else func.ST_Transform(stored, self.srid, type_=Geometry)

    def matching(self, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
        """Return the query of the features, of which ``columns`` are selected from the table."""
        return matching(self.model, self.query, columns, self.table)
