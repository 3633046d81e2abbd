"""The waiting room of a layer: records are copied in, checked, and only then become features."""

from __future__ import annotations

import json
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import DefaultClause

from layers.catalog import find
from layers.description import Shape
from layers.models.base import STORAGE_SRID
from layers.sources.records import Record, Reject

_BATCH_ROWS = 5_000
_NEVER_STAGED = {"id", "territory", "source", "restricted", "updated_at", "updated_by", "run", "geom_3857"}
_POLYGON_DIMENSION = 3

_INVALID_COORDINATE: LiteralString = "NOT ST_IsValid(geom) AND ST_IsValidReason(geom) LIKE 'Invalid Coordinate%'"
_OUTSIDE_THE_WORLD: LiteralString = (
    "NOT (ST_XMin(geom) >= -180 AND ST_XMax(geom) <= 180 AND ST_YMin(geom) >= -89.9 AND ST_YMax(geom) <= 89.9)"
)
_SECOND_OF_ITS_ID: LiteralString = (
    "ctid IN (SELECT ctid FROM (SELECT ctid, row_number() OVER (PARTITION BY source_id ORDER BY ctid) AS nth"
    " FROM {}) AS t WHERE nth > 1)"
)


class Staging:
    """A temporary table of one layer, gone with the transaction.

    Parameters
    ----------
    connection
        In a transaction, the one that will change the layer.
    layer
        Its name.
    """

    def __init__(self, connection: psycopg.Connection[Any], layer: str) -> None:
        model = find(layer)
        self.layer = layer
        self._connection = connection
        self._shape = model.layer.shape
        self._located = model.layer.located
        staged = [each for each in model.table.columns if each.name not in _NEVER_STAGED and each.computed is None]
        self._columns = [each.name for each in staged]
        self._required = [each.name for each in staged if not each.nullable and each.name != "geom"]
        self._defaults = {
            each.name: str(each.server_default.arg) for each in staged if isinstance(each.server_default, DefaultClause)
        }
        self._waiting: list[Record] = []
        self._table = sql.Identifier(f"staging_{layer}")
        self._target = sql.Identifier(layer)
        self._execute(
            "CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA", self._names(), self._target
        )
        self._execute("ALTER TABLE {} ALTER COLUMN geom TYPE geometry")

    def add(self, record: Record) -> None:
        """Take a record in."""
        self._waiting.append(record)
        if len(self._waiting) >= _BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Copy what is waiting into the table."""
        command = sql.SQL("COPY {} ({}) FROM STDIN").format(self._table, self._names())
        with self._connection.cursor().copy(command) as copy:
            for record in self._waiting:
                copy.write_row([_cell(record, column) for column in self._columns])
        self._waiting.clear()

    def count(self) -> int:
        """Return how many records are staged."""
        return self._number("SELECT count(*) FROM {}")

    def normalise(self) -> None:
        """Give geometries their CRS, two dimensions and the simple type where one part is all, and fill defaults."""
        flat = "ST_SetSRID(ST_Force2D(geom), {})"
        changes = [
            sql.SQL(f"geom = CASE WHEN ST_NumGeometries(geom) = 1 THEN ST_GeometryN({flat}, 1) ELSE {flat} END").format(
                sql.Literal(STORAGE_SRID), sql.Literal(STORAGE_SRID)
            )
        ]
        for name, default in self._defaults.items():
            changes.append(sql.SQL("{0} = coalesce({0}, {1})").format(sql.Identifier(name), sql.Literal(default)))
        self._execute("UPDATE {} SET {}", sql.SQL(", ").join(changes))

    def repair(self) -> int:
        """Make invalid polygons valid and return how many there were."""
        if self._shape not in (Shape.POLYGON, Shape.MIXED):
            return 0
        return self._execute(
            "UPDATE {} SET geom = ST_CollectionExtract(ST_MakeValid(geom), {})"
            " WHERE ST_Dimension(geom) = 2 AND NOT ST_IsValid(geom)",
            sql.Literal(_POLYGON_DIMENSION),
        ).rowcount

    def reject_misplaced(self) -> list[Reject]:
        """Take out, and return, what has no place on the globe."""
        return [
            *(self._reject("there is no geometry", "geom IS NULL OR ST_IsEmpty(geom)") if self._located else ()),
            *self._reject("a coordinate is no number", _INVALID_COORDINATE),
            *self._reject("the coordinates are not longitude and latitude in degrees", _OUTSIDE_THE_WORLD),
        ]

    def reject_unfit(self) -> list[Reject]:
        """Take out, and return, what the layer can't hold: wrong shape, a missing value, an id for the second time."""
        types = [each.upper() for each in self._shape.geometry_types]
        wrong_shape = sql.SQL("ST_IsEmpty(geom) OR GeometryType(geom) <> ALL ({})").format(sql.Literal(types))
        rejects = self._reject(f"the geometry is no {self._shape}", wrong_shape)
        for name in self._required:
            rejects += self._reject(f"{name} is missing", sql.SQL("{} IS NULL").format(sql.Identifier(name)))
        again = sql.SQL(_SECOND_OF_ITS_ID).format(self._table)
        return rejects + self._reject("the id stands in the source for the second time", again)

    def standing(self, territory: str, source: str) -> int:
        """Return how many features of the source the layer holds."""
        statement: LiteralString = "SELECT count(*) FROM {1} WHERE territory = {2} AND source = {3}"
        found = self._execute(statement, self._target, sql.Literal(territory), sql.Literal(source))
        return int(found.fetchall()[0][0])

    def remove_gone(self, territory: str, source: str) -> int:
        """Remove the source's features that are not staged, and return how many there were."""
        return self._execute(
            "DELETE FROM {1} AS f WHERE f.territory = {2} AND f.source = {3}"
            " AND NOT EXISTS (SELECT FROM {0} AS s WHERE s.source_id = f.source_id)",
            self._target,
            sql.Literal(territory),
            sql.Literal(source),
        ).rowcount

    def upsert(self, territory: str, source: str) -> tuple[int, int]:
        """Bring the layer to what is staged; return how many features were added, and how many changed."""
        names = [name for name in self._columns if name != "source_id"]
        statement = sql.SQL(
            "WITH touched AS ("
            " INSERT INTO {target} AS f (territory, source, {columns}) SELECT {territory}, {source}, {columns}"
            " FROM {table} ORDER BY geom"
            " ON CONFLICT (territory, source, source_id) DO UPDATE SET ({names}) = ROW({new})"
            " WHERE ({old}) IS DISTINCT FROM ({new}) RETURNING xmax = 0 AS is_new)"
            " SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM touched"
        ).format(
            target=self._target,
            table=self._table,
            columns=self._names(),
            names=_join(names),
            new=_join(names, of="excluded"),
            old=_join(names, of="f"),
            territory=sql.Literal(territory),
            source=sql.Literal(source),
        )
        added, changed = self._connection.execute(statement).fetchall()[0]
        return added, changed

    def analyse(self) -> None:
        """Let the planner know the layer as it now is."""
        self._connection.execute(sql.SQL("ANALYZE {}").format(self._target))

    def _names(self) -> sql.Composed:
        return _join(self._columns)

    def _execute(self, statement: LiteralString, *parts: sql.Composable) -> psycopg.Cursor[Any]:
        return self._connection.execute(sql.SQL(statement).format(self._table, *parts))

    def _number(self, statement: LiteralString) -> int:
        return int(self._execute(statement).fetchall()[0][0])

    def _reject(self, reason: str, condition: LiteralString | sql.Composable) -> list[Reject]:
        where = condition if isinstance(condition, sql.Composable) else sql.SQL(condition)
        values = _join([name for name in self._columns if name != "geom"])
        rows = self._execute(
            "DELETE FROM {} WHERE {} RETURNING source_id, (SELECT to_jsonb(v) FROM (SELECT {}) AS v), ST_AsText(geom)",
            where,
            values,
        )
        return [Reject(self.layer, source_id, reason, {**record, "geom": wkt}) for source_id, record, wkt in rows]


def _cell(record: Record, column: str) -> Any:
    if column == "source_id":
        return record.source_id
    if column == "geom":
        return record.geometry
    if column == "tags":
        return json.dumps(record.tags, ensure_ascii=False)
    return record.values.get(column)


def _join(names: list[str], of: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)
