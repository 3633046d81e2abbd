"""From the waiting room into the layer: what is new is added, what differs changed, what is gone closed."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from layers.loads.accounts import LayerReport
from layers.loads.bulk import indexed_at_once, one_territory
from layers.loads.staging import Staging, names
from layers.migrations.history import stamps
from layers.models.base import HISTORY

_WORTH_ANALYSING = 0.1
_FEW = 500
_SELDOM_ASKED = ("tags", "geom_3857")
_SAMPLE = 10
"""The statistics target: 300 times as many rows are looked at. PostgreSQL looks closer by itself later."""


_PARTS: dict[str, LiteralString] = {
    "of_source": "f.territory = {territory} AND f.source = {source}",
    "staged": "EXISTS (SELECT FROM {table} AS s WHERE s.source_id = f.source_id)",
    "rejected": "EXISTS (SELECT FROM rejected AS r WHERE r.layer = {layer} AND r.source_id = f.source_id)",
    "is_there": "EXISTS (SELECT FROM {target} AS f WHERE {of_source} AND f.source_id = s.source_id)",
}

_HOLDS_ANY = "SELECT EXISTS (SELECT FROM {target} AS f WHERE {of_source})"

_HELD = "SELECT count(*) FROM {target} AS f WHERE {of_source}"

_KEPT = "SELECT count(*) FROM {target} AS f WHERE {of_source} AND {rejected} AND NOT {staged}"

_CLOSE = "DELETE FROM {target} AS f WHERE {of_source} AND NOT {staged} AND NOT {rejected}"

_CHANGE = """
UPDATE {target} AS f SET ({compared}) = ROW({s_compared}) FROM {ready} AS s
WHERE {of_source} AND f.source_id = s.source_id AND ({f_compared}) IS DISTINCT FROM ({s_compared})
"""

_CLOSED_ANY = "SELECT EXISTS (SELECT FROM {history} AS f WHERE {of_source} AND f.ended_how = 'removed')"

_BRING_BACK = """
INSERT INTO {target} (id, territory, source, source_id, {all}, {stamps})
SELECT DISTINCT ON (s.source_id) f.id, {territory}, {source}, s.source_id, {s_all}, {stamp}
FROM {ready} AS s JOIN {history} AS f USING (source_id)
WHERE {of_source} AND f.ended_how = 'removed' AND NOT {is_there}
AND NOT EXISTS (SELECT FROM {target} AS t WHERE t.id = f.id)
ORDER BY s.source_id, f.valid_to DESC
"""

_ADD = """
INSERT INTO {target} (territory, source, source_id, {all}, {stamps})
SELECT {territory}, {source}, s.source_id, {s_all}, {stamp} FROM {ready} AS s WHERE {lacking} ORDER BY s.geom
"""

_PLAIN_GEOMETRY = (
    "CASE WHEN GeometryType(geom) LIKE 'MULTI%' AND ST_NumGeometries(geom) = 1 THEN ST_GeometryN(geom, 1)"
    " ELSE geom END AS geom"
)

_MUCH_HAS_CHANGED = (
    "SELECT {changes} >= {few} + {share} * greatest(reltuples, 0) FROM pg_class WHERE oid = {name}::regclass"
)


class Merging:
    """Brings a layer to what is staged for a source.

    Parameters
    ----------
    staging
        The records, checked.
    territory, source
        Whose they are: the features that are compared with them.
    restricted
        Whether features are to be restricted; ``None`` leaves those there are as they are, and opens new ones.
    """

    def __init__(self, staging: Staging, territory: str, source: str, *, restricted: bool | None = None) -> None:
        self.layer = staging.layer
        self._staging = staging
        own = [name for name in staging.columns if name != "source_id"]
        everything = [*own, "restricted"]
        compared = own if restricted is None else everything
        stamp = stamps(staging.layer)
        self._parts: dict[str, sql.Composable] = {
            "target": staging.target,
            "table": staging.table,
            "history": sql.Identifier(HISTORY, staging.layer),
            "layer": sql.Literal(staging.layer),
            "territory": sql.Literal(territory),
            "source": sql.Literal(source),
            "all": names(everything),
            "asked": names([each.name for each in staging.model.table.columns if each.name not in _SELDOM_ASKED]),
            "s_all": names(everything, of="s"),
            "compared": names(compared),
            "f_compared": names(compared, of="f"),
            "s_compared": names(compared, of="s"),
            "ready": _ready(staging, restricted=bool(restricted)),
            "stamps": names(list(stamp)),
            "stamp": sql.SQL(", ").join(sql.SQL(f"(SELECT {value})") for value in stamp.values()),
        }
        for name, condition in _PARTS.items():
            self._parts[name] = sql.SQL(condition).format(**self._parts)

    def holds_any(self) -> bool:
        """Return whether the layer holds anything of the source."""
        return self._truth(_HOLDS_ANY)

    def merge(self, report: LayerReport, *, close: bool) -> None:
        """Bring the layer to what is staged, and count what that took.

        Parameters
        ----------
        report
            Of the layer.
        close
            Whether features that are not staged are gone; those whose record was rejected stay.
        """
        holds_any = self.holds_any()
        if not self._staging.filled and not holds_any:
            return
        self._staging.make()
        staged = lacking = self._staging.rows
        if holds_any:
            report.kept = self._number(_KEPT) if report.rejected else 0
            report.gone = self._execute(_CLOSE).rowcount if close else 0
            report.changed = self._execute(_CHANGE).rowcount
            if close:
                lacking = staged + report.kept - self._number(_HELD)
        if lacking and self._truth(_CLOSED_ANY):
            report.reappeared = self._execute(_BRING_BACK).rowcount
        if lacking:
            report.added = report.reappeared + self._add(among_others=holds_any or report.reappeared > 0)
        report.unchanged = staged - report.added - report.changed
        self._analyse(report.added + report.changed + report.gone)

    def _add(self, *, among_others: bool) -> int:
        """Add what the layer doesn't have of the source, in the order of a space-filling curve; return how much."""
        lacking = sql.SQL("NOT {}").format(self._parts["is_there"]) if among_others else sql.SQL("true")
        where = self._staging.connection, self._staging.layer, self._staging.rows
        with indexed_at_once(*where), one_territory(*where):
            return self._execute(_ADD, lacking=lacking).rowcount

    def _analyse(self, changes: int) -> None:
        """Let the planner know the layer as it now is, where much of it has changed."""
        if changes < _FEW:
            return
        measures = {
            "changes": changes,
            "few": _FEW,
            "share": _WORTH_ANALYSING,
            "name": self._staging.target.as_string(),
        }
        if self._truth(_MUCH_HAS_CHANGED, **{name: sql.Literal(value) for name, value in measures.items()}):
            self._execute("SET LOCAL default_statistics_target = {sample}", sample=sql.Literal(_SAMPLE))
            self._execute("ANALYZE {target} ({asked})")

    def _execute(self, statement: LiteralString, **others: sql.Composable) -> psycopg.Cursor[Any]:
        return self._staging.connection.execute(sql.SQL(statement).format(**self._parts, **others))

    def _number(self, statement: LiteralString) -> int:
        return int(self._execute(statement).fetchall()[0][0])

    def _truth(self, statement: LiteralString, **others: sql.Composable) -> bool:
        return bool(self._execute(statement, **others).fetchall()[0][0])


def _ready(staging: Staging, *, restricted: bool) -> sql.Composed:
    """Return the staged rows as features: single geometries where one part is all, and defaults filled in."""
    columns: list[sql.Composable] = []
    for name in staging.columns:
        column = sql.Identifier(name)
        if name == "geom":
            columns.append(sql.SQL(_PLAIN_GEOMETRY))
        elif name in staging.defaults:
            columns.append(sql.SQL("coalesce({0}, {1}) AS {0}").format(column, sql.Literal(staging.defaults[name])))
        else:
            columns.append(column)
    columns.append(sql.SQL("{} AS restricted").format(sql.Literal(restricted)))
    return sql.SQL("(SELECT {} FROM {})").format(sql.SQL(", ").join(columns), staging.table)
