"""The SQL that makes a layer's part of a tile."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ClauseElement, Select, literal_column, select
from sqlalchemy.dialects.postgresql import psycopg

from layers.catalog import LayerTable
from layers.description import Shape
from layers.models.base import STORAGE_SRID, TILE_SRID
from layers.reading import store
from layers.reading.query import at_time
from layers.tiles.request import BUFFER, CELL_PX, DETAIL_ZOOM, EXTENT, TILE_PX, TileRequest

MERGED_BELOW_ZOOM = 12
"""Below, lines that look alike are one, so that what is simplified is the whole and not each piece."""

_WORLD_M = 40_075_016.685578488
_MIN_POLYGON_PX = 1.0
_TOLERANCE_PX = 0.5
_MERGED_TOLERANCE = EXTENT / TILE_PX / 4
_SHORTEST = EXTENT / TILE_PX / 2

_SIDES = ("west", "south", "east", "north")
_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]


def places(request: TileRequest, layer: str) -> dict[str, float]:
    """Return the values that tell the statement of a layer where the tile is.

    They are the sides of the tile in its CRS and, of each box in degrees on which it depends, the sides and by how much
    its features have to be moved to lie at the tile.
    """
    bounds = request.matrices.bounds(request.z, request.row, request.col)
    values: dict[str, float] = dict(zip(("x0", "y0", "x1", "y1"), bounds, strict=True))
    mark = _mark(request, layer)
    for nth, (box, moved) in enumerate(request.around(layer)):
        values |= {f"{side}{nth}{mark}": value for side, value in zip(_SIDES, box, strict=True)}
        values[f"moved{nth}{mark}"] = moved
    return values


def layer_sql(
    request: TileRequest, model: LayerTable, nth: int = 0, *, thinned: bool = False
) -> tuple[str, dict[str, Any]]:
    """Return the statement of a layer's part of a tile, and its values.

    Parameters
    ----------
    request
        The tile.
    model
        The layer.
    nth
        Its number in the tile, by which its values are told from those of other layers.
    thinned
        Whether only the most important features are wanted: the value ``share``, 0 to 1, is to tell how many of them.
    """
    source = f'"{model.name}"'
    values: dict[str, Any] = places(request, model.name)
    table = store.rows_at(model, request.as_of)
    if request.as_of is not None:
        moment: Select[Any] = select(literal_column("*")).select_from(table)
        text, more = _compiled(moment, f"l{nth}s_")
        source = f'({text}) AS "{model.name}"'
        values |= more
    conditions = []
    for number, condition in enumerate(_wanted(request, model, table)):
        text, more = _compiled(condition, f"l{nth}c{number}_")
        conditions.append(f"({text})")
        values |= more
    statement = _Statement(
        model=model,
        zoom=request.scale_zoom,
        pixel=request.pixel,
        srid=request.matrices.srid,
        boxes=len(request.around(model.name)),
        mark=_mark(request, model.name),
        stored=request.as_of is None,
        columns=request.columns,
        source=source,
        wanted=tuple(conditions),
        thinned=thinned,
    )
    return _text(statement), values


def fields(model: LayerTable, zoom: int = DETAIL_ZOOM) -> list[str]:
    """Return the attributes that features have in a layer's tiles at a zoom of WebMercatorQuad."""
    names = [each.name for each in model.columns]
    if zoom >= DETAIL_ZOOM:
        return names
    style = model.layer.style
    needed = {style.column, style.label if zoom >= style.label_min_zoom else None}
    return [name for name in names if name in needed]


def _wanted(request: TileRequest, model: LayerTable, table: Any) -> list[ClauseElement]:
    conditions: list[ClauseElement] = []
    if request.territory is not None:
        conditions.append(store.within(table, request.territory))
    if request.time is not None and model.layer.time is not None:
        conditions.append(at_time(model, table, request.time))
    if request.filter is not None:
        conditions.append(request.filter.condition(model, table))
    return conditions


def _compiled(clause: ClauseElement, prefix: str) -> tuple[str, dict[str, Any]]:
    """Return the text of a clause, and its values by names that begin with the prefix."""
    made = clause.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    text = re.sub(r"%\((\w+)\)s", rf"%({prefix}\1)s", str(made))
    return text, {f"{prefix}{name}": value for name, value in made.params.items()}


def _mark(request: TileRequest, layer: str) -> str:
    """Return what tells the boxes of clustered layers from those of others."""
    return "c" if request.clusters(layer) else ""


@dataclass(frozen=True, kw_only=True)
class _Statement:
    """All that the text of a statement depends on."""

    model: LayerTable
    zoom: int
    pixel: float
    srid: int
    boxes: int
    mark: str
    stored: bool
    columns: tuple[str, ...] | None
    source: str
    wanted: tuple[str, ...]
    thinned: bool

    def text(self) -> str:
        """Return the statement.

        No row's geometry is asked whether it is null: PostgreSQL would work it out twice, and ST_AsMVT passes over it.
        """
        rows = self._clusters() if self.mark else self._rows()
        if self.thinned:
            rows = self._most_important(rows)
        drawn = f"SELECT {self._names('id')}, {self._in_tile()} AS geom FROM ({rows}) AS r"  # noqa: S608
        ordered = self._merged(drawn) if self._merges else f"SELECT r AS t FROM ({drawn}) AS r ORDER BY r.id"  # noqa: S608
        return f"SELECT ST_AsMVT(t, '{self.model.name}', {EXTENT}, 'geom', 'id') FROM ({ordered}) AS t"  # noqa: S608

    @property
    def _shape(self) -> Shape:
        return self.model.layer.shape

    @property
    def _merges(self) -> bool:
        return self._shape is Shape.LINE and self.zoom < MERGED_BELOW_ZOOM

    @property
    def _attributes(self) -> list[str]:
        return [each for each in fields(self.model, self.zoom) if self.columns is None or each in self.columns]

    def _names(self, *others: str) -> str:
        counted = ["point_count"] if self.mark else []
        return ", ".join([*others, *(f'"{name}"' for name in self._attributes), *counted])

    def _rows(self) -> str:
        """Return the features of the tile with their attributes and geometry."""
        types = {each.name: each.python_type for each in self.model.columns}
        attributes = [
            f'"{name}"::text AS "{name}"' if types[name] in (dt.date, dt.datetime) else f'"{name}"'
            for name in self._attributes
        ]
        columns = ", ".join(["id", *attributes, *self._ranking(), f"{self._drawn()} AS shape"])
        touching = " OR ".join(f"geom && {self._box(nth)}" for nth in range(self.boxes))
        conditions = [f"({touching})", *self._worth_drawing(), *self.wanted]
        return f"SELECT {columns} FROM {self.source} WHERE {' AND '.join(conditions)}"  # noqa: S608

    def _clusters(self) -> str:
        """Return one point a cell, and how many it stands for."""
        cells = ", ".join(f"floor(ST_{axis}Min(shape) / {CELL_PX * self.pixel:.12g})" for axis in "XY")
        return (
            f"WITH p AS MATERIALIZED ({self._rows()}) SELECT p.*, c.point_count FROM"  # noqa: S608
            f" (SELECT min(id) AS id, count(*) AS point_count FROM p GROUP BY {cells}) AS c JOIN p USING (id)"
        )

    def _merged(self, drawn: str) -> str:
        """Return one feature of all lines that look alike, without what is too short to be seen of the whole.

        It has an id only where it is a single feature of the layer.
        """
        group = f" GROUP BY {self._names()}" if self._names() else ""
        line = f"ST_Simplify(ST_LineMerge(ST_Collect(geom)), {_MERGED_TOLERANCE})"
        merged = (
            f"SELECT {self._names('CASE WHEN count(*) = 1 THEN min(id) END AS id')}, {line} AS geom"  # noqa: S608
            f" FROM ({drawn}) AS m{group} ORDER BY min(m.id)"
        )
        seen = f"SELECT ST_Collect(p.geom) FROM ST_Dump(w.geom) AS p WHERE ST_Length(p.geom) >= {_SHORTEST}"  # noqa: S608
        return f"SELECT {self._names('id')}, ({seen}) AS geom FROM ({merged}) AS w"  # noqa: S608

    def _most_important(self, rows: str) -> str:
        """Return a share of the rows: those of the classes drawn last, which lie on top, and the largest of each."""
        size = {Shape.POLYGON: "ST_Area(shape)", Shape.LINE: "ST_Length(shape)"}.get(self._shape, "0")
        counted = "point_count DESC, " if self.mark else ""
        ranks = f"row_number() OVER (ORDER BY rank DESC, {counted}{size} DESC, id) AS place, count(*) OVER () AS total"
        return (
            f"SELECT * FROM (SELECT *, {ranks} FROM ({rows}) AS i) AS k"  # noqa: S608
            " WHERE place <= floor(total * %(share)s)"
        )

    def _ranking(self) -> list[str]:
        """Return how important the class of a feature is, where that is asked."""
        style = self.model.layer.style
        if not self.thinned:
            return []
        cases = [
            f'WHEN "{style.column}" IN ({_literals(symbol.values)}) THEN {rank}'
            for rank, symbol in enumerate(style.symbols)
            if symbol.values
        ]
        return [f"CASE {' '.join(cases)} ELSE 0 END AS rank" if cases else "0 AS rank"]

    def _box(self, nth: int) -> str:
        sides = ", ".join(f"%({side}{nth}{self.mark})s" for side in _SIDES)
        return f"ST_MakeEnvelope({sides}, {STORAGE_SRID})"

    def _in_tile(self) -> str:
        """Return the geometry as the tile holds it; the box of the tile is a subquery, so that it is made once."""
        box = f"(SELECT ST_MakeEnvelope(%(x0)s, %(y0)s, %(x1)s, %(y1)s, {self.srid})::box2d)"
        return f"ST_AsMVTGeom(shape, {box}, {EXTENT}, {BUFFER}, true)"

    def _drawn(self) -> str:
        """Return the geometry to draw, in the CRS of the tile; below the detail zoom, simplified to half a pixel."""
        geometry = self._stored()
        if self.zoom < DETAIL_ZOOM and self._shape is not Shape.POINT:
            geometry = f"ST_Simplify({geometry}, {_TOLERANCE_PX * self.pixel:.12g}, true)"
        if self.boxes == 1:
            return geometry
        parts = ", ".join(
            f"CASE WHEN geom && {self._box(nth)} THEN ST_Translate({geometry}, %(moved{nth}{self.mark})s, 0) END"
            for nth in range(self.boxes)
        )
        return f"ST_CollectionHomogenize(ST_Collect(ARRAY[{parts}]))"

    def _stored(self) -> str:
        """Return the geometry in the CRS of the tile; only what lies near the tile is brought into a national one."""
        if self.srid == STORAGE_SRID:
            return "geom"
        if self.srid == TILE_SRID:
            return self._mercator()
        box = self._box(0)
        near = f"ST_Expand({box}, (%(east0{self.mark})s - %(west0{self.mark})s) / 8)"
        return f"ST_Transform(CASE WHEN geom @ {near} THEN geom ELSE ST_ClipByBox2D(geom, {near}) END, {self.srid})"

    def _mercator(self) -> str:
        return "geom_3857" if self.stored else f"ST_Transform(geom, {TILE_SRID})"

    def _worth_drawing(self) -> list[str]:
        """Return what keeps a tile small: classes not drawn at the zoom, and areas below a pixel, are left out."""
        conditions = []
        if self._shape is Shape.POLYGON and self.zoom < DETAIL_ZOOM:
            pixel_m = _WORLD_M / (TILE_PX << self.zoom)
            conditions.append(f"ST_Area({self._mercator()}) > {(_MIN_POLYGON_PX * pixel_m) ** 2:.12g}")
        style = self.model.layer.style
        hidden = [symbol for symbol in style.symbols if symbol.min_zoom > self.zoom]
        if style.column is None or not hidden:
            return conditions
        shown = [value for symbol in style.symbols if symbol.min_zoom <= self.zoom for value in symbol.values]
        if any(not symbol.values for symbol in hidden):
            return [*conditions, f'"{style.column}" IN ({_literals(shown)})']
        gone = [value for symbol in hidden for value in symbol.values]
        return [*conditions, f'("{style.column}" IS NULL OR "{style.column}" NOT IN ({_literals(gone)}))']


@lru_cache(maxsize=2048)
def _text(statement: _Statement) -> str:
    return statement.text()


def _literals(values: Iterable[str]) -> str:
    """Return values as SQL writes them, in a statement in which a per cent sign stands for a value to come."""
    quoted = ", ".join("'" + value.replace("'", "''").replace("%", "%%") + "'" for value in values)
    return quoted or "NULL"
