"""Where the rejects of a load wait until its end: a temporary table, gone with the transaction."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from psycopg import sql

from layers.loads.accounts import by_reason
from layers.sources.records import Reject

_AT_ONCE = 1_000


class Quarantine:
    """The rejects of one load.

    Parameters
    ----------
    connection
        In the transaction of the load.

    Attributes
    ----------
    faults
        A table of the staged records of one layer that can't be taken: the number ``_nth`` of each, and the
        ``_reason``; no layer has columns of such names.
    """

    faults = sql.Identifier("faults")

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._waiting: list[Reject] = []
        connection.execute(
            "CREATE TEMP TABLE rejected (layer text, source_id text, reason text, mapped boolean, record jsonb)"
            " ON COMMIT DROP; CREATE TEMP TABLE faults (_nth bigint, _reason text) ON COMMIT DROP"
        )

    def add(self, reject: Reject) -> None:
        """Keep a record as the source has it."""
        self._waiting.append(reject)
        if len(self._waiting) >= _AT_ONCE:
            self.flush()

    def add_staged(self, layer: str, source: sql.Composable, columns: sql.Composable) -> None:
        """Keep rows of a staging table, told in columns of the layer.

        Parameters
        ----------
        layer
            Its name.
        source
            The rows, as ``s``, with the ``_reason`` of each.
        columns
            Those that are told, beside the id and the geometry.
        """
        statement = sql.SQL(
            "INSERT INTO rejected SELECT {layer}, s.source_id, _reason, true,"
            " (SELECT to_jsonb(v) FROM (SELECT {columns}) AS v) || jsonb_build_object('geom', ST_AsText(s.geom))"
            " FROM {source}"
        )
        self._connection.execute(statement.format(layer=sql.Literal(layer), columns=columns, source=source))

    def flush(self) -> None:
        """Copy what is waiting into the table."""
        command = "COPY rejected (layer, source_id, reason, mapped, record) FROM STDIN"
        with self._connection.cursor().copy(command) as copy:
            for each in self._waiting:
                copy.write_row([each.layer, _sound(each.source_id), _sound(each.reason), False, _as_json(each.record)])
        self._waiting.clear()

    def by_reason(self, layer: str) -> dict[str, int]:
        """Return how many records of a layer were rejected, by reason."""
        found = self._connection.execute(
            "SELECT reason, count(*) FROM rejected WHERE layer = %s GROUP BY reason ORDER BY 2 DESC, 1", [layer]
        )
        return by_reason(found.fetchall())

    def keep(self, run: int) -> None:
        """Write the rejects down under the number of the load."""
        self._connection.execute(
            "INSERT INTO ingest_rejects (run, layer, source_id, reason, mapped, record)"
            " SELECT %s, layer, source_id, reason, mapped, record FROM rejected",
            [run],
        )


def _as_json(record: dict[str, Any]) -> str:
    return json.dumps(_plain(record), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return a value as JSON and PostgreSQL can have it."""
    if isinstance(value, dict):
        return {_sound(str(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    return _sound(str(value))


def _sound(text: str) -> str:
    """Return a text without what PostgreSQL can't keep: the character NUL, and halves of characters."""
    return text.replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()
