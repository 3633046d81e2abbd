"""What PostgreSQL gets by COPY is the same in its binary format and as text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
import shapely
from sqlalchemy import Engine

from layers.loads.copying import as_binary, as_csv

COLUMNS: dict[str, tuple[str, pa.DataType, list[Any]]] = {
    "words": ("TEXT", pa.string(), ['a "quoted", b\n\\N\t', "", "Ў№ 1", None]),
    "whole": ("INTEGER", pa.int32(), [-(2**31), 2**31 - 1, 0, None]),
    "large": ("BIGINT", pa.int64(), [-(2**63), 2**63 - 1, 7, None]),
    "length_m": ("DOUBLE PRECISION", pa.float64(), [-0.1, 1e300, float("inf"), None]),
    "open": ("BOOLEAN", pa.bool_(), [True, False, True, None]),
    "built": ("DATE", pa.date32(), [date(1799, 12, 31), date(2000, 1, 1), date(9999, 12, 31), None]),
    "seen": (
        "TIMESTAMP WITH TIME ZONE",
        pa.timestamp("us", "UTC"),
        [
            datetime(1969, 7, 20, 20, 17, 40, 1, UTC),
            datetime(2000, 1, 1, tzinfo=UTC),
            datetime(9999, 1, 1, tzinfo=UTC),
            None,
        ],
    ),
    "tags": ("JSONB", pa.string(), ['{"a": "\\"б"}', "{}", '{"b": 1}', None]),
    "geom": (
        "geometry(GEOMETRY,4326)",
        pa.binary(),
        [shapely.Point(27.5, 53.9).wkb, shapely.LineString([(1, 2), (3, 4)]).wkb, shapely.Point(-180, 90).wkb, None],
    ),
}


@pytest.fixture
def rows() -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({name: pa.array(values, type_) for name, (_, type_, values) in COLUMNS.items()})


def test_both_formats_bring_the_same(engine: Engine, rows: pa.RecordBatch) -> None:
    declared = [each for each, _, _ in COLUMNS.values()]
    table = ", ".join(f"{name} {each}" for name, each in zip(COLUMNS, declared, strict=True))
    found = []
    for format_, written in (("binary", as_binary(rows, declared)), ("csv", as_csv(rows))):
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"CREATE TEMP TABLE copied ({table}) ON COMMIT DROP")
            with driver.cursor().copy(f"COPY copied FROM STDIN (FORMAT {format_})") as copy:
                copy.write(written)
            found.append(driver.execute("SELECT copied::text, ST_AsEWKT(geom) FROM copied").fetchall())
            connection.rollback()
    assert found[0] == found[1]
    assert len(found[0]) == len(rows)
    assert found[0][0][1] == "SRID=4326;POINT(27.5 53.9)"


def test_parts_of_a_batch_are_written_like_whole_ones(rows: pa.RecordBatch) -> None:
    declared = [each for each, _, _ in COLUMNS.values()]
    part = pa.RecordBatch.from_pylist(rows.slice(1, 2).to_pylist(), rows.schema)
    assert as_binary(rows.slice(1, 2), declared) == as_binary(part, declared)
    assert as_csv(rows.slice(1, 2)) == as_csv(part)


@pytest.mark.parametrize("declared", ["INTEGER", "DATE", "geometry(GEOMETRY,4326)", "UUID"])
def test_what_has_to_be_read_is_left_to_postgresql(declared: str) -> None:
    assert as_binary(pa.RecordBatch.from_pydict({"a": pa.array(["1"])}), [declared]) is None
