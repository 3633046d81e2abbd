"""The SQL that makes the tiles of a layer."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import ClauseElement, Select, literal_column, select
from sqlalchemy.dialects.postgresql import psycopg

from layers import store
from layers.catalog import LayerTable
from layers.description import Layer, Shape
from layers.models.base import STORAGE_SRID, TILE_SRID
from layers.tile_request import BUFFER, EXTENT, TileRequest

DETAIL_ZOOM = 14
"""From here on features come whole, with all their columns; below, generalised and with what the style needs."""

_WORLD_M = 40_075_016.685578488
_DEGREE_M = _WORLD_M / 360
_MIN_POLYGON_PX = 1.0
_POINT_CELL_PX = 4.0
_TILE_PX = 256

_SIDES = ("west", "south", "east", "north")
_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]


def places(request: TileRequest) -> dict[str, float]:
    """Return the values that all layers of a tile share: its sides in its CRS, and those of its boxes in degrees."""
    bounds = request.matrices.bounds(request.z, request.row, request.col)
    values = dict(zip(("x0", "y0", "x1", "y1"), bounds, strict=True))
    for nth, box in enumerate(request.boxes):
        values |= {f"{side}{nth}": value for side, value in zip(_SIDES, box, strict=True)}
    return values


def layer_sql(request: TileRequest, model: LayerTable, nth: int = 0) -> tuple[str, dict[str, Any]]:
    """Return the statement of a layer's part of a tile, and the values that it needs beside those of `places`.

    Parameters
    ----------
    request
        The tile.
    model
        The layer.
    nth
        Its number in the tile, by which its values are told from those of other layers.
    """
    source = f'"{model.name}"'
    values: dict[str, Any] = {}
    if request.as_of is not None:
        moment: Select[Any] = select(literal_column("*")).select_from(store.rows_at(model, request.as_of))
        text, values = _compiled(moment, f"l{nth}s_")
        source = f'({text}) AS "{model.name}"'
    conditions = []
    for number, condition in enumerate(_wanted(request, model)):
        text, more = _compiled(condition, f"l{nth}c{number}_")
        conditions.append(text)
        values |= more
    columns = None if request.columns is None else tuple(request.columns)
    shape = (request.scale_zoom, request.matrices.srid, len(request.boxes), request.as_of is None)
    return _statement(model, *shape, columns, source, tuple(conditions)), values


def fields(model: LayerTable, z: int = DETAIL_ZOOM) -> list[str]:
    """Return the attributes that features have in a layer's tiles at a zoom of WebMercatorQuad."""
    names = [each.name for each in model.columns]
    style = model.layer.style
    return names if z >= DETAIL_ZOOM else [name for name in names if name in (style.column, style.label)]


def _wanted(request: TileRequest, model: LayerTable) -> list[ClauseElement]:
    conditions: list[ClauseElement] = []
    if request.territory is not None:
        conditions.append(store.within(model.table, request.territory))
    if request.time is not None and model.layer.time is not None:
        first, last = request.time
        column = model.table.c[model.layer.time]
        conditions += [] if first is None else [column >= first]
        conditions += [] if last is None else [column <= last]
    return conditions


def _compiled(clause: ClauseElement, prefix: str) -> tuple[str, dict[str, Any]]:
    """Return the text of a clause, and its values by names that begin with the prefix."""
    made = clause.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    text = re.sub(r"%\((\w+)\)s", rf"%({prefix}\1)s", str(made))
    return text, {f"{prefix}{name}": value for name, value in made.params.items()}


@lru_cache(maxsize=2048)
def _statement(
    model: LayerTable,
    z: int,
    srid: int,
    boxes: int,
    standing: bool,
    columns: tuple[str, ...] | None,
    source: str,
    wanted: tuple[str, ...],
) -> str:
    layer, described = model.name, model.layer
    envelope = f"ST_MakeEnvelope(%(x0)s, %(y0)s, %(x1)s, %(y1)s, {srid})"
    geometry = _stored(srid, standing=standing)
    conditions = [_touches(boxes), *_thinning(described, z, srid, geometry), *wanted]
    attributes = _attributes(model, [each for each in fields(model, z) if columns is None or each in columns])
    names = ", ".join(["id", *attributes])
    shape = _geometry(described, z, srid, geometry)
    rows = f"SELECT {names}, {shape} AS shape FROM {source} WHERE {' AND '.join(conditions)}"  # noqa: S608
    if described.shape is Shape.POINT and z < DETAIL_ZOOM:
        rows = _clustered(rows, z, srid)
        names += ", point_count"
    return (
        f"SELECT coalesce(ST_AsMVT(t, '{layer}', {EXTENT}, 'geom', 'id' ORDER BY t.id), '') FROM ("  # noqa: S608
        f"SELECT {_bare(names)}, ST_AsMVTGeom(shape, {envelope}, {EXTENT}, {BUFFER}, true) AS geom FROM ({rows}) AS r"
        ") AS t WHERE geom IS NOT NULL"
    )


def _touches(boxes: int) -> str:
    either = (
        "geom && ST_MakeEnvelope(" + ", ".join(f"%({side}{nth})s" for side in _SIDES) + f", {STORAGE_SRID})"
        for nth in range(boxes)
    )
    return f"({' OR '.join(either)})"


def _stored(srid: int, *, standing: bool) -> str:
    """Return the geometry in the CRS of the tile."""
    if srid == STORAGE_SRID:
        return "geom"
    return "geom_3857" if srid == TILE_SRID and standing else f"ST_Transform(geom, {srid})"


def _attributes(model: LayerTable, names: Iterable[str]) -> list[str]:
    types = {each.name: each.python_type for each in model.columns}
    return [f'"{name}"::text AS "{name}"' if types[name] in (dt.date, dt.datetime) else f'"{name}"' for name in names]


def _bare(names: str) -> str:
    return ", ".join(part.rsplit(" AS ", 1)[-1] for part in names.split(", "))


def _pixel(z: int, srid: int) -> float:
    """Return the side of a pixel in units of the CRS."""
    metres = _WORLD_M / (_TILE_PX << z)
    return metres / _DEGREE_M if srid == STORAGE_SRID else metres


def _geometry(layer: Layer, z: int, srid: int, geometry: str) -> str:
    """Return the geometry to draw: below the detail zoom, simplified to half a pixel."""
    if z >= DETAIL_ZOOM or layer.shape is Shape.POINT:
        return geometry
    return f"ST_Simplify({geometry}, {_pixel(z, srid) / 2:.9g}, true)"


def _thinning(layer: Layer, z: int, srid: int, geometry: str) -> list[str]:
    """Return what keeps a tile small: classes not drawn at the zoom, and polygons below a pixel, are left out."""
    conditions = []
    if layer.shape is Shape.POLYGON and z < DETAIL_ZOOM:
        conditions.append(f"ST_Area({geometry}) > {(_MIN_POLYGON_PX * _pixel(z, srid)) ** 2:.9g}")
    column = layer.style.column
    hidden = [symbol for symbol in layer.style.symbols if symbol.min_zoom > z]
    if column is None or not hidden:
        return conditions
    shown = [value for symbol in layer.style.symbols if symbol.min_zoom <= z for value in symbol.values]
    if any(not symbol.values for symbol in hidden):
        return [*conditions, f'"{column}" IN ({_literals(shown)})']
    gone = [value for symbol in hidden for value in symbol.values]
    return [*conditions, f'("{column}" IS NULL OR "{column}" NOT IN ({_literals(gone)}))']


def _clustered(rows: str, z: int, srid: int) -> str:
    """Keep one point a cell, and count those it stands for."""
    cell = f"ST_SnapToGrid(shape, {_POINT_CELL_PX * _pixel(z, srid):.9g})"
    return (
        f"SELECT DISTINCT ON (cell) *, count(*) OVER (PARTITION BY cell) AS point_count"  # noqa: S608
        f" FROM (SELECT *, {cell} AS cell FROM ({rows}) AS p) AS c ORDER BY cell, id"
    )


def _literals(values: Iterable[str]) -> str:
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return quoted or "NULL"
