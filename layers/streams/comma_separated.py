"""CSV, as PostgreSQL writes it: geometry as WKT, and no cell that a spreadsheet would run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Numeric, String, and_, case, cast, func, literal, not_

from layers.description import Shape
from layers.models.base import STORAGE_SRID
from layers.streams.batches import TAGS
from layers.streams.rows import copy_out
from layers.streams.selection import SHARED, Selection

_DEGREE_DECIMALS = 7
_METRE_DECIMALS = 3
_BEGINS_FORMULA = tuple(map(ord, "\t\r+-=@"))
_SIGNED_NUMBER = "^[+-][0-9 ()./-]*$"


def write(selection: Selection) -> Iterator[bytes]:
    """Yield a line of names and a line a feature.

    The column WKT holds the geometry; points have their coordinates in columns of their own too. Texts that a
    spreadsheet would take for a formula have an apostrophe before them, but not numbers with a sign, as of telephones.
    """
    yield from copy_out(selection.connection, selection.matching(_columns(selection)), "csv, header")


def _columns(selection: Selection) -> list[ColumnElement[Any]]:
    table = selection.table
    shared = [_harmless(table.c[name]).label(name) for name in SHARED]
    own = [_cell(table.c[each.name], each.python_type).label(each.name) for each in selection.columns]
    return [table.c.id, *shared, *own, cast(table.c[TAGS], String).label(TAGS), *_places(selection)]


def _cell(value: ColumnElement[Any], kind: type) -> ColumnElement[Any]:
    if kind is str:
        return _harmless(value)
    return cast(value, String) if kind is bool else value


def _harmless(cell: ColumnElement[str]) -> ColumnElement[str]:
    formula = and_(func.ascii(cell).in_(_BEGINS_FORMULA), not_(cell.regexp_match(_SIGNED_NUMBER)))
    return case((formula, literal("'").concat(cell)), else_=cell)


def _places(selection: Selection) -> Iterator[ColumnElement[Any]]:
    in_degrees = selection.srid == STORAGE_SRID
    decimals = _DEGREE_DECIMALS if in_degrees else _METRE_DECIMALS
    geometry = selection.geometry
    if selection.model.layer.shape is Shape.POINT:
        point = case((func.GeometryType(geometry) == "POINT", geometry))
        for name, axis in zip(("lon", "lat") if in_degrees else ("x", "y"), (func.ST_X, func.ST_Y), strict=True):
            yield func.round(cast(axis(point), Numeric), decimals).label(name)
    yield func.ST_AsText(geometry, decimals).label("WKT")
