"""Vector tiles: one SQL statement a layer, as fast as PostGIS makes them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection

from geo.errors import InvalidInputError
from layers.catalog import LayerTable, find
from layers.description import Layer, Shape
from layers.errors import NotFoundError
from layers.models.base import STORAGE_SRID

ENCODING = 1
"""Part of every tile's ETag: raised when the same features make other tiles."""

MAX_ZOOM = 22
EXTENT = 4096
BUFFER = 64

_DETAIL_ZOOM = 14
"""From here on features come whole, with all their columns; below, generalised and with what the style needs."""

_WORLD_M = 40_075_016.685578488
_MIN_POLYGON_PX = 1.0
_POINT_CELL_PX = 4.0
_TILE_PX = 256


def tile(connection: Connection, layers: Iterable[str], *, z: int, row: int, col: int) -> bytes:
    """Make a vector tile of one or several layers, in the tile matrix set WebMercatorQuad.

    Parameters
    ----------
    connection
        To the database.
    layers
        Their names; those not drawn at this zoom are left out.
    z, row, col
        The tile: zoom, row from the north, column from the west.

    Returns
    -------
    bytes
        A Mapbox vector tile; empty where there is nothing.

    Raises
    ------
    InvalidInputError
        There is no such row or column at that zoom.
    NotFoundError
        There is no such layer or zoom.
    """
    _check(z, row, col)
    drawn = [name for name in layers if find(name).layer.min_zoom <= z]
    if not drawn:
        return b""
    statement = " || ".join(f"({tile_sql(name, z)})" for name in drawn)
    west, south, east, north = _surroundings(z, row, col)
    values = {"z": z, "x": col, "y": row, "west": west, "south": south, "east": east, "north": north}
    return bytes(connection.exec_driver_sql(f"SELECT {statement}", values).scalar_one())


def tile_sql(layer: str, z: int) -> str:
    """Return the statement of a layer's tile at a zoom.

    Its parameters are ``z``, ``x`` and ``y``, and the sides of the tile with its buffer, in degrees: ``west``,
    ``south``, ``east`` and ``north``.
    """
    return _tile_sql(find(layer), z)


@lru_cache(maxsize=1024)
def _tile_sql(model: LayerTable, z: int) -> str:
    layer, described = model.name, model.layer
    envelope = "ST_TileEnvelope(%(z)s, %(x)s, %(y)s)"
    surroundings = f"ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, {STORAGE_SRID})"
    conditions = [f"geom && {surroundings}", *_thinning(described, z)]
    names = ", ".join(["id", *_attributes(model, z)])
    rows = f'SELECT {names}, {_geometry(described, z)} AS shape FROM "{layer}" WHERE {" AND ".join(conditions)}'  # noqa: S608
    if described.shape is Shape.POINT and z < _DETAIL_ZOOM:
        rows = _clustered(rows, z)
        names += ", point_count"
    return (
        f"SELECT coalesce(ST_AsMVT(t, '{layer}', {EXTENT}, 'geom', 'id' ORDER BY t.id), '') FROM ("  # noqa: S608
        f"SELECT {_bare(names)}, ST_AsMVTGeom(shape, {envelope}, {EXTENT}, {BUFFER}, true) AS geom FROM ({rows}) AS r"
        ") AS t WHERE geom IS NOT NULL"
    )


def fields(model: LayerTable, z: int = _DETAIL_ZOOM) -> list[str]:
    """Return the attributes that features have in a layer's tiles at a zoom."""
    names = [each.name for each in model.columns]
    style = model.layer.style
    return names if z >= _DETAIL_ZOOM else [name for name in names if name in (style.column, style.label)]


def _check(z: int, row: int, col: int) -> None:
    if not 0 <= z <= MAX_ZOOM:
        raise NotFoundError(f"There is no tile matrix {z}: zooms go from 0 to {MAX_ZOOM}.")
    size = 2**z
    if not (0 <= row < size and 0 <= col < size):
        raise InvalidInputError(
            f"There is no tile {z}/{row}/{col}: at zoom {z} rows and columns go from 0 to {size - 1}."
        )


def _surroundings(z: int, row: int, col: int) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a tile with its buffer, in degrees.

    A box of Web Mercator is a box of degrees too, so that the index of the stored geometries finds what lies in it.
    """
    size, room = 2**z, BUFFER / EXTENT
    west, east = ((x / size) * 360 - 180 for x in (col - room, col + 1 + room))
    south, north = (
        math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / size)))) for y in (row + 1 + room, row - room)
    )
    return west, south, east, north


def _attributes(model: LayerTable, z: int) -> list[str]:
    types = {each.name: each.python_type for each in model.columns}
    return [
        f'"{name}"::text AS "{name}"' if types[name] in (dt.date, dt.datetime) else f'"{name}"'
        for name in fields(model, z)
    ]


def _bare(names: str) -> str:
    return ", ".join(part.rsplit(" AS ", 1)[-1] for part in names.split(", "))


def _pixel_m(z: int) -> float:
    return _WORLD_M / (_TILE_PX << z)


def _geometry(layer: Layer, z: int) -> str:
    """Return the geometry to draw: below the detail zoom, simplified to half a pixel."""
    if z >= _DETAIL_ZOOM or layer.shape is Shape.POINT:
        return "geom_3857"
    return f"ST_Simplify(geom_3857, {_pixel_m(z) / 2:.3f}, true)"


def _thinning(layer: Layer, z: int) -> list[str]:
    """Return what keeps a tile small: classes not drawn at the zoom, and polygons below a pixel, are left out."""
    conditions = []
    if layer.shape is Shape.POLYGON and z < _DETAIL_ZOOM:
        conditions.append(f"ST_Area(geom_3857) > {(_MIN_POLYGON_PX * _pixel_m(z)) ** 2:.3f}")
    column = layer.style.column
    hidden = [symbol for symbol in layer.style.symbols if symbol.min_zoom > z]
    if column is None or not hidden:
        return conditions
    shown = [value for symbol in layer.style.symbols if symbol.min_zoom <= z for value in symbol.values]
    if any(not symbol.values for symbol in hidden):
        return [*conditions, f'"{column}" IN ({_literals(shown)})']
    gone = [value for symbol in hidden for value in symbol.values]
    return [*conditions, f'("{column}" IS NULL OR "{column}" NOT IN ({_literals(gone)}))']


def _clustered(rows: str, z: int) -> str:
    """Keep one point a cell, and count those it stands for."""
    cell = f"ST_SnapToGrid(shape, {_POINT_CELL_PX * _pixel_m(z):.3f})"
    return (
        f"SELECT DISTINCT ON (cell) *, count(*) OVER (PARTITION BY cell) AS point_count"  # noqa: S608
        f" FROM (SELECT *, {cell} AS cell FROM ({rows}) AS p) AS c ORDER BY cell, id"
    )


def _literals(values: Iterable[str]) -> str:
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return quoted or "NULL"
