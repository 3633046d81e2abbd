"""CSV, as PostgreSQL writes it: geometry as WKT, and no cell that a spreadsheet would run."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Numeric, String, and_, case, cast, func, literal, not_

from layers.description import Shape
from layers.models.base import STORAGE_SRID
from layers.reading.geojson import placed
from layers.streams.batches import TAGS
from layers.streams.rows import copy_out
from layers.streams.selection import Selection

_BEGINS_FORMULA = tuple(map(ord, "\t\r+-=@"))
_SIGNED_NUMBER = "^[+-][0-9 ()./-]*$"


def write(selection: Selection) -> Generator[bytes]:
    """Yield a line of names and a line a feature.

    The column WKT holds the geometry, its coordinates in the order of the CRS's axes; points have theirs in columns of
    their own too. Texts that a spreadsheet would take for a formula have an apostrophe before them, but not numbers
    with a sign, as of telephones.
    """
    yield from copy_out(selection.connection, selection.matching(_columns(selection)), "csv, header")


def _columns(selection: Selection) -> list[ColumnElement[Any]]:
    kinds = {each.name: each.python_type for each in selection.model.columns}
    cells = [_cell(selection.table.c[name], kinds.get(name, str)).label(name) for name in selection.names]
    return [selection.table.c.id, *cells, *_places(selection)]


def _cell(value: ColumnElement[Any], kind: type) -> ColumnElement[Any]:
    if value.key == TAGS:
        return cast(value, String)
    if kind is str:
        return _harmless(value)
    return cast(value, String) if kind is bool else value


def _harmless(cell: ColumnElement[str]) -> ColumnElement[str]:
    formula = and_(func.ascii(cell).in_(_BEGINS_FORMULA), not_(cell.regexp_match(_SIGNED_NUMBER)))
    return case((formula, literal("'").concat(cell)), else_=cell)


def _places(selection: Selection) -> Iterator[ColumnElement[Any]]:
    decimals = selection.crs.decimals
    if selection.model.layer.shape is Shape.POINT:
        point = case((func.GeometryType(selection.geometry) == "POINT", selection.geometry))
        names = ("lon", "lat") if selection.crs.srid == STORAGE_SRID else ("x", "y")
        for name, axis in zip(names, (func.ST_X, func.ST_Y), strict=True):
            yield func.round(cast(axis(point), Numeric), decimals).label(name)
    yield func.ST_AsText(placed(selection.table.c.geom, selection.crs), decimals).label("WKT")
