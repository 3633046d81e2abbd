"""What a record must be to become a feature: checked in SQL, all records of a layer at once."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from layers.catalog import Column
from layers.description import Shape
from layers.loads.ground import Astray, Ground
from layers.loads.staging import Staging, names
from layers.models.base import STORAGE_SRID
from layers.sources.geometry.coordinates import SEEM_SWAPPED

NO_GEOMETRY = "there is no geometry"
NO_NUMBER = "a coordinate is no number"
NO_DEGREES = "the coordinates are not longitude and latitude in degrees"
NOTHING_LEFT = "the geometry is invalid, and nothing of it is left when it is mended"
SECOND = "the id stands in the source for the second time"

_ID_BYTES = 500
INDEXED_BYTES = 1_000
TEXT_BYTES = 100_000
TAGS_BYTES = 1_000_000
_TO_REPAIR = ""

Rule = tuple[sql.Composable, str]
"""What is wrong with a row, as a condition, and the reason that is told."""


def check(staging: Staging, ground: Ground) -> tuple[int, Astray]:
    """Take out of the staged records what can't become a feature, and mend invalid geometries.

    Parameters
    ----------
    staging
        The records; those taken out go into its quarantine.
    ground
        Where they may lie.

    Returns
    -------
    tuple of int and Astray
        How many geometries were mended, and how many lie where they shouldn't.
    """
    if not staging.filled:
        return 0, Astray()
    if not staging.model.layer.located:
        staging.execute("UPDATE {0} SET geom = NULL WHERE ST_IsEmpty(geom)")
    faults = staging.quarantine.faults
    found = staging.execute(
        "INSERT INTO {1} SELECT _nth, _reason FROM"
        " (SELECT _nth, coalesce({2}, {3}, {4}, {5}) AS _reason FROM {0}) AS c WHERE _reason IS NOT NULL",
        faults,
        _misplaced(staging, ground),
        _first([(_wrong_shape(staging.model.layer.shape), _shapeless(staging.model.layer.shape))]),
        _first(list(_values(staging))),
        _invalid(),
    )
    repaired = _repair(staging, faults) if found.rowcount else 0
    if not _find_seconds(staging, faults) + found.rowcount - repaired:
        return repaired, Astray(_located(staging))
    astray = _astray(staging, faults, ground)
    told = names([name for name in staging.columns if name not in ("source_id", "geom")], of="s")
    rows = sql.SQL("{} AS s JOIN {} USING (_nth)").format(staging.table, faults)
    staging.quarantine.add_staged(staging.layer, rows, told)
    staging.take_out(faults)
    staging.execute("TRUNCATE {1}", faults)
    return repaired, astray


def _shapeless(shape: Shape) -> str:
    return "the geometry is a mixture" if shape is Shape.MIXED else f"the geometry is no {shape}"


def outside(staging: Staging, ground: Ground) -> int:
    """Return how many of the records that were taken lie outside the territory."""
    if ground.box is None or not staging.filled:
        return 0
    found = staging.execute("SELECT count(*) FROM {0} WHERE NOT geom && {1}", _box(ground))
    return int(found.fetchall()[0][0])


def _misplaced(staging: Staging, ground: Ground) -> sql.Composed:
    """Return the reason of what has no place on the globe, or none in the territory.

    Nearly all lie in the box as a whole, which is quickly told; the rest is looked at more closely.
    """
    coordinates = "(ST_XMin(geom) / 4 + ST_XMax(geom) / 4 + ST_YMin(geom) / 4 + ST_YMax(geom) / 4)"
    no_degrees = (
        "NOT (ST_XMin(geom) >= -180 AND ST_XMax(geom) <= 180 AND ST_YMin(geom) >= -89.9 AND ST_YMax(geom) <= 89.9)"
    )
    away = sql.SQL("NOT geom && {}").format(_box(ground))
    swapped = sql.SQL("{} AND ST_FlipCoordinates(geom) && {}").format(away, _box(ground))
    rules: list[Rule] = [(sql.SQL(f"{coordinates} IN ('NaN', 'Infinity', '-Infinity')"), NO_NUMBER)]
    if ground.tells_swapped:
        rules.append((swapped, SEEM_SWAPPED))
    rules.append((sql.SQL(no_degrees), NO_DEGREES))
    if not ground.keep:
        rules.append((away, ground.outside))
    nothing = sql.SQL("geom IS NULL OR ST_IsEmpty(geom)")
    missing = sql.Literal(NO_GEOMETRY) if staging.model.layer.located else sql.SQL("NULL")
    return sql.SQL(
        "CASE WHEN {nothing} THEN {missing} WHEN NOT (geom @ {box} AND geom && {box}) THEN {closer} END"
    ).format(nothing=nothing, missing=missing, box=_box(ground), closer=_first(rules))


def _wrong_shape(shape: Shape) -> sql.Composed:
    types = [each.upper() for each in shape.geometry_types]
    return sql.SQL("GeometryType(geom) <> ALL ({})").format(sql.Literal(types))


def _invalid() -> sql.SQL:
    """Return the mark of what has to be mended, or the reason why it can't be.

    A line is in order if it has a length and no point twice in a row, which is told faster than its validity.
    """
    return sql.SQL(
        "CASE WHEN GeometryType(geom) = 'POINT' THEN NULL"
        " WHEN GeometryType(geom) = 'LINESTRING' AND ST_Length(geom) > 0 AND ST_Length(geom) < 'Infinity'"
        f" THEN CASE WHEN ST_NPoints(ST_RemoveRepeatedPoints(geom)) < ST_NPoints(geom) THEN '{_TO_REPAIR}' END"
        " WHEN ST_IsValid(geom) THEN NULL"
        f" WHEN ST_IsValidReason(geom) LIKE 'Invalid Coordinate%' THEN '{NO_NUMBER}' ELSE '{_TO_REPAIR}' END"
    )


def _values(staging: Staging) -> Iterator[Rule]:
    """Yield what is wrong with values."""
    yield sql.SQL("coalesce(source_id, '') = ''"), "there is no id"
    yield _longer("source_id", _ID_BYTES), f"the id is longer than {_ID_BYTES} bytes"
    yield sql.SQL("jsonb_typeof(tags) <> 'object'"), "the tags are no object"
    yield sql.SQL(f"pg_column_size(tags) > {TAGS_BYTES}"), f"the tags are longer than {TAGS_BYTES:,} bytes"
    table = staging.model.table
    indexed = {column.name for index in table.indexes for column in index.columns}
    for column in staging.model.columns:
        if column.name not in staging.columns:
            continue
        if column.required and column.name not in staging.defaults:
            yield sql.SQL("{} IS NULL").format(sql.Identifier(column.name)), f"{column.name} is missing"
        yield from _limits(column, INDEXED_BYTES if column.name in indexed else TEXT_BYTES)


def _limits(column: Column, longest: int) -> Iterator[Rule]:
    name = sql.Identifier(column.name)
    if column.python_type is str:
        yield _longer(column.name, longest), f"{column.name} is longer than {longest:,} bytes"
    if column.python_type is float:
        yield sql.SQL("{} IN ('NaN', 'Infinity', '-Infinity')").format(name), f"{column.name} is no number"
    if column.choices:
        known = ", ".join(column.choices)
        yield (
            sql.SQL("{} <> ALL ({})").format(name, sql.Literal(list(column.choices))),
            f"{column.name} is none of {known}",
        )
    if column.minimum is not None:
        yield (
            sql.SQL("{} < {}").format(name, sql.Literal(column.minimum)),
            f"{column.name} is less than {column.minimum:g}",
        )
    if column.maximum is not None:
        yield (
            sql.SQL("{} > {}").format(name, sql.Literal(column.maximum)),
            f"{column.name} is more than {column.maximum:g}",
        )


def _longer(column: str, size: int) -> sql.Composed:
    return sql.SQL("octet_length({}) > {}").format(sql.Identifier(column), sql.Literal(size))


def _repair(staging: Staging, faults: sql.Identifier) -> int:
    """Mend invalid geometries, and return how many; those of which nothing remains stay among the faults."""
    mark = sql.Literal(_TO_REPAIR)
    mended = staging.execute(
        "UPDATE {0} SET geom = ST_CollectionExtract(ST_MakeValid(CASE WHEN ST_Dimension(geom) = 1"
        " THEN ST_RemoveRepeatedPoints(geom) ELSE geom END), ST_Dimension(geom) + 1)"
        " FROM {1} AS f WHERE {0}._nth = f._nth AND f._reason = {2}",
        faults,
        mark,
    ).rowcount
    if not mended:
        return 0
    lost = staging.execute(
        "UPDATE {1} AS f SET _reason = {3} FROM {0} AS s"
        " WHERE s._nth = f._nth AND f._reason = {2} AND ST_IsEmpty(s.geom)",
        faults,
        mark,
        sql.Literal(NOTHING_LEFT),
    ).rowcount
    staging.execute("DELETE FROM {1} WHERE _reason = {2}", faults, mark)
    return mended - lost


def _find_seconds(staging: Staging, faults: sql.Identifier) -> int:
    """Put among the faults what has the id of a good record before it, and return how many there are."""
    return staging.execute(
        "INSERT INTO {1} SELECT _nth, {2} FROM"
        " (SELECT _nth, row_number() OVER (PARTITION BY source_id ORDER BY _nth) AS rank"
        " FROM {0} WHERE source_id IN (SELECT source_id FROM {0} GROUP BY source_id HAVING count(*) > 1)"
        " AND _nth NOT IN (SELECT _nth FROM {1})) AS r WHERE rank > 1",
        faults,
        sql.Literal(SECOND),
    ).rowcount


def _located(staging: Staging) -> int:
    """Return how many records have a geometry, where each may be taken."""
    if staging.model.layer.located:
        return staging.rows
    return int(staging.execute("SELECT count(geom) FROM {0}").fetchall()[0][0])


def _astray(staging: Staging, faults: sql.Identifier, ground: Ground) -> Astray:
    """Return how many records lie where they shouldn't."""
    located, swapped, away, elsewhere, x, y = staging.execute(
        "SELECT (SELECT count(geom) FROM {0}), count(*) FILTER (WHERE _reason = {2}),"
        " count(*) FILTER (WHERE _reason = {3}), count(*) FILTER (WHERE _reason = {4}),"
        " percentile_disc(0.5) WITHIN GROUP (ORDER BY ST_XMin(geom)) FILTER (WHERE _reason IN ({3}, {4})),"
        " percentile_disc(0.5) WITHIN GROUP (ORDER BY ST_YMin(geom)) FILTER (WHERE _reason IN ({3}, {4}))"
        " FROM {0} JOIN {1} USING (_nth)",
        faults,
        sql.Literal(SEEM_SWAPPED),
        sql.Literal(ground.outside),
        sql.Literal(NO_DEGREES),
    ).fetchall()[0]
    return Astray(located, swapped, away, elsewhere, None if x is None else (x, y))


def _first(rules: list[Rule]) -> sql.Composable:
    """Return the reason of the first rule that a row breaks."""
    branches = [sql.SQL("WHEN {} THEN {}").format(condition, sql.Literal(reason)) for condition, reason in rules]
    return sql.SQL("CASE {} END").format(sql.SQL(" ").join(branches))


def _box(ground: Ground) -> sql.Composed:
    sides = sql.SQL(", ").join(sql.Literal(each) for each in ground.reach)
    return sql.SQL("ST_MakeEnvelope({}, {})").format(sides, sql.Literal(STORAGE_SRID))
