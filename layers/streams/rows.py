"""Rows of a query as PostgreSQL's COPY writes them, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import psycopg
from sqlalchemy import Connection, Select
from sqlalchemy.exc import DBAPIError

from layers.loads.ahead import ahead

_BLOCK_BYTES = 1 << 19
_BLOCKS_AHEAD = 2
_CANCEL_TIMEOUT_S = 10.0
_LONGEST_S = 3_600


def copy_out(
    connection: Connection, statement: Select[Any], options: Literal["csv", "csv, header", "text"]
) -> Iterator[bytes]:
    """Yield the rows of a query in blocks of whole rows, while the next ones are on their way.

    Parameters
    ----------
    connection
        To the database; nothing else may use it until the last block. Whoever stops earlier closes the iterator,
        which cancels the query.
    statement
        The query.
    options
        Of COPY.

    Raises
    ------
    sqlalchemy.exc.DBAPIError
        The database failed, or the query was cancelled.
    """
    raw = _raw(connection)
    command, parameters = _compiled(connection, statement)
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{_LONGEST_S}s'")
    blocks = ahead(
        _blocks(raw, f"COPY ({command}) TO STDOUT (FORMAT {options})", parameters), held=_BLOCKS_AHEAD, wait=True
    )
    with _errors_of_sqlalchemy(connection):
        try:
            yield from blocks
        except GeneratorExit:
            _cancel(raw)
            raise
        finally:
            blocks.close()


def cancel(connection: Connection) -> None:
    """Cancel what the database does for a connection, from any thread; whoever waits for it gets an error."""
    _cancel(_raw(connection))


def _blocks(raw: psycopg.Connection[Any], command: str, parameters: dict[str, Any]) -> Iterator[bytes]:
    rows: list[bytes] = []
    size = 0
    with raw.cursor() as cursor, cursor.copy(command.encode(), parameters) as copy:
        for row in copy:
            rows.append(bytes(row))
            size += len(row)
            if size >= _BLOCK_BYTES:
                yield b"".join(rows)
                rows, size = [], 0
    if rows:
        yield b"".join(rows)


def _compiled(connection: Connection, statement: Select[Any]) -> tuple[str, dict[str, Any]]:
    """Return a query and its parameters, as the driver takes them; it writes the values into COPY, quoted."""
    dialect = connection.dialect
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    values = dict(compiled.params)
    for bound, name in compiled.bind_names.items():
        process = bound.type.dialect_impl(dialect).bind_processor(dialect)
        if process is not None and name in values:
            values[name] = process(values[name])
    return str(compiled), values


def _cancel(raw: psycopg.Connection[Any]) -> None:
    if not raw.closed:
        raw.cancel_safe(timeout=_CANCEL_TIMEOUT_S)


def _raw(connection: Connection) -> psycopg.Connection[Any]:
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)  # noqa: S101
    return raw


@contextmanager
def _errors_of_sqlalchemy(connection: Connection) -> Iterator[None]:
    """Raise the driver's errors as SQLAlchemy raises them, so that everybody knows them by one name."""
    try:
        yield
    except psycopg.Error as error:
        if _raw(connection).closed:
            connection.invalidate()
        raise DBAPIError.instance(None, None, error, psycopg.Error, dialect=connection.dialect) from error
