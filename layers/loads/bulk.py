"""Adding many features at once: what would be done for each row is done for all, where that comes to the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable

from layers.models.base import HISTORY

_AFTER_ANOTHER = sql.SQL("; ")
_ENOUGH = 2_000
_FEW = 200

_INDEXES = """
SELECT i.relname, coalesce(c.conname, ''), coalesce(pg_get_constraintdef(c.oid), pg_get_indexdef(i.oid))
FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid
LEFT JOIN pg_constraint AS c ON c.conindid = i.oid AND c.conrelid = x.indrelid
WHERE x.indrelid = %s::regclass
  AND NOT EXISTS (SELECT FROM pg_constraint AS f WHERE f.contype = 'f' AND f.conindid = i.oid)
ORDER BY 1
"""


_ONLY_THE_TERRITORY_IS_CHECKED = """
SELECT has_parameter_privilege('session_replication_role', 'SET') AND NOT EXISTS (
  SELECT FROM pg_trigger AS g LEFT JOIN pg_constraint AS c ON c.oid = g.tgconstraint
  WHERE g.tgrelid = %s::regclass AND g.tgtype & 4 <> 0 AND g.tgenabled NOT IN ('A', 'D')
    AND c.confrelid IS DISTINCT FROM 'territories'::regclass)
"""
"""Whether an INSERT has only the look-up of the territory to lose: the other triggers always fire, or never."""


@contextmanager
def one_territory(connection: psycopg.Connection[Any], layer: str, rows: int) -> Iterator[None]:
    """Spare an INSERT of features of one territory the look-up of it for each row.

    The territory must be there, and held by this transaction, as it is by the line of a load in ``ingest_runs``. Where
    that isn't in the power of the connection's user, each row is looked up.

    Parameters
    ----------
    connection
        In the transaction that adds to the layer.
    layer
        Its name.
    rows
        How many are added at most; a few are looked up.
    """
    name = sql.Identifier(layer).as_string(connection)
    spared = rows > _FEW and connection.execute(_ONLY_THE_TERRITORY_IS_CHECKED, [name]).fetchall()[0][0]
    if spared:
        connection.execute("SET LOCAL session_replication_role = replica")
    yield
    if spared:
        connection.execute("SET LOCAL session_replication_role = origin")


_TELL = """
SELECT horad_announce({name}, CASE
    WHEN closed THEN ARRAY[ARRAY[-180, -90, 180, 90]]
    WHEN box IS NULL THEN '{{}}'
    ELSE ARRAY[ARRAY[ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box)]]
END)
FROM (
    SELECT ST_Extent(geom) AS box,
        bool_or(restricted OR territory <> ALL ((SELECT horad_open({name}))::text[])) AS closed
    FROM {table}
) AS filled
WHERE closed IS NOT NULL
"""
"""What the trigger tells of a change, in one box: nothing was where now something is."""

_FOR_EACH_ROW = ("stamp", "version_insert")
"""Triggers that look at each row, or keep it to look at it later."""


@contextmanager
def indexed_at_once(connection: psycopg.Connection[Any], layer: str, rows: int) -> Iterator[None]:
    """Take away the indexes of an empty layer that is about to be filled, and build them when it is.

    Its rows must bear their stamp already: nobody looks at each of them for that, and where they lie is told as a
    whole. From then until the end of the transaction nobody else can read the layer. So it is done only where nobody
    has put anything into it yet and nobody reads it at this moment; otherwise the indexes stay.

    Parameters
    ----------
    connection
        In the transaction that fills the layer.
    layer
        Its name.
    rows
        How many there will be; for a few it isn't worth it.
    """
    table = sql.Identifier(layer)
    if rows < _ENOUGH or not _taken(connection, layer):
        yield
        return
    indexes = connection.execute(_INDEXES, [table.as_string(connection)]).fetchall()
    drop = [
        _composed("ALTER TABLE {} DROP CONSTRAINT {}" if constraint else "DROP INDEX {1}", table, sql.Identifier(index))
        for index, constraint, _ in indexes
    ]
    build = [
        _composed("ALTER TABLE {} ADD CONSTRAINT {} {}", table, sql.Identifier(constraint), sql.SQL(definition))
        if constraint
        else sql.SQL(definition)
        for _, constraint, definition in indexes
    ]
    triggers = [sql.Identifier(each) for each in _FOR_EACH_ROW]
    disable = [_composed("ALTER TABLE {} DISABLE TRIGGER {}", table, each) for each in triggers]
    enable = [_composed("ALTER TABLE {} ENABLE ALWAYS TRIGGER {}", table, each) for each in triggers]
    tell = _composed(_TELL, name=sql.Literal(layer), table=table)
    connection.execute(_AFTER_ANOTHER.join(drop + disable))
    yield
    connection.execute(_AFTER_ANOTHER.join([*enable, tell, *build]))


def _taken(connection: psycopg.Connection[Any], layer: str) -> bool:
    """Lock a layer for oneself if that is possible at once and it is empty, and return whether that was so."""
    if not _are_empty(connection, layer):
        return False
    try:
        with connection.transaction() as attempt:
            _execute(connection, "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE NOWAIT", sql.Identifier(layer))
            if not _are_empty(connection, layer):
                raise psycopg.Rollback(attempt)
            return True
    except LockNotAvailable:
        pass
    return False


def holds_nothing(connection: psycopg.Connection[Any]) -> bool:
    """Return whether no layer holds anything; each has a table of its history."""
    layers = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [HISTORY]).fetchall()
    return _are_empty(connection, *(name for (name,) in layers))


def _are_empty(connection: psycopg.Connection[Any], *layers: str) -> bool:
    held = [_composed("EXISTS (SELECT FROM {})", sql.Identifier(each)) for each in layers]
    return not _execute(connection, "SELECT {}", sql.SQL(" OR ").join(held)).fetchall()[0][0]


def _execute(connection: psycopg.Connection[Any], statement: Any, *parts: sql.Composable) -> psycopg.Cursor[Any]:
    return connection.execute(_composed(statement, *parts))


def _composed(statement: Any, *parts: sql.Composable, **named: sql.Composable) -> sql.Composed:
    return sql.SQL(statement).format(*parts, **named)
