"""The waiting room of a layer: records are copied in, to be checked before they become features."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, LiteralString

import numpy as np
import orjson
import psycopg
import pyarrow as pa
import shapely
from psycopg import sql
from sqlalchemy import DefaultClause
from sqlalchemy.dialects import postgresql

from layers.catalog import find
from layers.errors import SourceError
from layers.loads.copying import as_binary, as_csv
from layers.loads.quarantine import Quarantine
from layers.sources.mapping.values import convert
from layers.sources.packing import pack
from layers.sources.records import Batch, Record, Reject

_BATCH_ROWS = 5_000
_NEVER_STAGED = {"id", "territory", "source", "restricted", "updated_at", "updated_by", "run"}
_NUL = "\x00"
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_LARGEST_INTEGER = 2**31 - 1


class Staging:
    """A temporary table of one layer, gone with the transaction.

    Parameters
    ----------
    connection
        In a transaction, the one that will change the layer.
    layer
        Its name.
    quarantine
        Where records go that the table can't even hold.

    Attributes
    ----------
    rows
        How many records are staged.
    """

    def __init__(self, connection: psycopg.Connection[Any], layer: str, quarantine: Quarantine) -> None:
        self.model = find(layer)
        self.layer = layer
        self.connection = connection
        self.quarantine = quarantine
        staged = [each for each in self.model.table.columns if each.name not in _NEVER_STAGED and each.computed is None]
        self.columns = [each.name for each in staged]
        self._declared = {each.name: each.type.compile(dialect=_DIALECT) for each in staged}
        self.defaults = {
            each.name: str(each.server_default.arg) for each in staged if isinstance(each.server_default, DefaultClause)
        }
        self._kinds = {each.name: each.python_type for each in self.model.columns}
        self._waiting: list[Record] = []
        self.table = sql.Identifier(f"staging_{layer}")
        self.target = sql.Identifier(layer)
        self.filled = False
        self.rows = self._numbered = 0

    def add(self, record: Record) -> None:
        """Take a record in."""
        self._waiting.append(record)
        if len(self._waiting) >= _BATCH_ROWS:
            self.flush()

    def add_batch(self, batch: Batch) -> None:
        """Take a batch in, after the records that came before it."""
        self.flush()
        if not self._copied(batch):
            self._copy_carefully(_records(batch))

    def flush(self) -> None:
        """Copy what is waiting into the table."""
        waiting, self._waiting = self._waiting, []
        if waiting and not self._copied(_batch(waiting, self.columns)):
            self._copy_carefully(waiting)

    def take_out(self, rows: sql.Composable) -> None:
        """Remove the records with the numbers ``_nth`` of another table."""
        self.rows -= self.execute("DELETE FROM {0} USING {1} WHERE {0}._nth = {1}._nth", rows).rowcount

    def make(self) -> None:
        """Make the table, if it isn't there yet."""
        if not self.filled:
            self.filled = True
            declared = sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(type_)) for name, type_ in self._declared.items()
            )
            self.execute("CREATE TEMP TABLE {} (_nth bigint, {}) ON COMMIT DROP", declared)

    def execute(self, statement: LiteralString, *parts: sql.Composable) -> psycopg.Cursor[Any]:
        """Run a statement in which ``{0}`` is the table and the parts follow."""
        return self.connection.execute(sql.SQL(statement).format(self.table, *parts))

    def _copied(self, batch: Batch | None) -> bool:
        """Copy a batch into the table; return whether it could take all of it, else it takes nothing."""
        if batch is None:
            return False
        self.make()
        rows = batch.rows.select([name for name in self.columns if name in batch.rows.schema.names])
        rows = rows.append_column("_nth", pa.array(np.arange(self._numbered, self._numbered + rows.num_rows)))
        filled = rows.schema.names
        written, format_ = as_binary(rows, [self._declared.get(name, "BIGINT") for name in filled]), "binary"
        if written is None:
            written, format_ = as_csv(rows), "csv"
        command = "COPY {} ({}) FROM STDIN (FORMAT {})"
        parts = self.table, names(filled), sql.SQL(format_)
        try:
            with self.connection.transaction(), self.connection.cursor().copy(sql.SQL(command).format(*parts)) as copy:
                copy.write(written)
        except (psycopg.DataError, psycopg.InternalError):
            return False
        self.rows += batch.rows.num_rows
        self._numbered += batch.rows.num_rows
        return True

    def _copy_carefully(self, records: Sequence[Record]) -> None:
        """Copy records of which some can't be held; those go into quarantine."""
        good = []
        for record in records:
            item = self._mended(record)
            if isinstance(item, Reject):
                self.quarantine.add(item)
            else:
                good.append(item)
        if good and not self._copied(_batch(good, self.columns)):
            raise SourceError(f"A record for {self.layer} holds a value that the database can't keep.")

    def _mended(self, record: Record) -> Record | Reject:
        """Return a record with its values in their types and its geometry flat, or why that can't be."""
        values = {}
        try:
            for name, value in {"the id": record.source_id, **record.values, **record.tags}.items():
                _check_text(name, value)
            for name, value in record.values.items():
                values[name] = _converted(name, value, self._kinds.get(name))
            geometry = record.geometry and _flat(record.geometry)
        except ValueError as error:
            told = {**record.values, "tags": record.tags, "geom": record.geometry}
            return Reject(self.layer, record.source_id, str(error), told)
        return record._replace(values=values, geometry=geometry)


def names(columns: Sequence[str], of: str | None = None) -> sql.Composed:
    """Return the names of columns for a statement, with commas between them."""
    return sql.SQL(", ").join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in columns)


def _batch(records: Sequence[Record], columns: Sequence[str]) -> Batch | None:
    """Return records as a batch, or ``None`` where some text is none."""
    filled = sorted({name for record in records for name in record.values} & set(columns))
    try:
        return pack(
            records[0].layer,
            [each.source_id for each in records],
            [each.geometry for each in records],
            [orjson.dumps(each.tags, default=str, option=orjson.OPT_NON_STR_KEYS) for each in records],
            {name: [each.values.get(name) for each in records] for name in filled},
        )
    except (UnicodeEncodeError, TypeError):
        return None


def _records(batch: Batch) -> list[Record]:
    """Take a batch apart."""
    own = [name for name in batch.rows.schema.names if name not in {"source_id", "geom", "tags"}]
    found = []
    for row in batch.rows.to_pylist():
        geometry = row["geom"].hex() if isinstance(row["geom"], bytes) else row["geom"]
        values = {name: row[name] for name in own}
        found.append(Record(batch.layer, row["source_id"], geometry, values, json.loads(row["tags"])))
    return found


def _check_text(name: str, value: Any) -> None:
    if isinstance(value, str):
        if _NUL in value:
            raise ValueError(f"{name} holds the character NUL")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{name} holds half a character") from error


def _converted(name: str, value: Any, kind: type | None) -> Any:
    try:
        found = value if kind is None else convert(value, kind)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name}: {error}") from error
    if isinstance(found, int) and abs(found) > _LARGEST_INTEGER:
        raise ValueError(f"{name}: {found} is beyond the largest whole number, {_LARGEST_INTEGER}")
    return found


def _flat(geometry: str) -> str:
    try:
        return str(shapely.to_wkb(shapely.from_wkb(geometry), hex=True, output_dimension=2))
    except (shapely.errors.GEOSException, ValueError) as error:
        raise ValueError("the geometry can't be read") from error
