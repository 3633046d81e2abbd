"""Filling a layer that is empty: the indexes are built once, and nobody notices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from town import LAT, LON, Town, record, unswept

from layers.sources.records import Record

MANY = 2_500


@pytest.fixture
def empty(engine: Engine) -> Iterator[Engine]:
    """The base, in which the layer of outages holds nothing, and nobody is busy with it."""
    with unswept(engine, "outages"):
        with engine.connect() as connection:
            assert not connection.exec_driver_sql("SELECT count(*) FROM outages").scalar_one()
        yield engine


def outages(first: int = 0) -> list[Record]:
    return [
        record("outages", f"{nth}", f"POINT ({LON + nth / 1e5} {LAT - nth / 1e5})", network="power")
        for nth in range(first, first + MANY)
    ]


def indexes(engine: Engine) -> dict[str, tuple[int, str]]:
    """The indexes of the layer by name: their number, and how they are made."""
    statement = "SELECT indexrelid::regclass, indexrelid, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s"
    with engine.connect() as connection:
        relation = connection.exec_driver_sql("SELECT 'outages'::regclass::oid").scalar_one()
        return {name: (number, made) for name, number, made in connection.exec_driver_sql(statement, (relation,))}


def test_an_empty_layer_is_indexed_when_it_is_filled(empty: Engine, town: Town) -> None:
    before = indexes(empty)
    report = town.ingest(*outages(), layers=("outages",)).layers["outages"]
    after = indexes(empty)
    assert report.added == MANY
    assert {name: made for name, (_, made) in after.items()} == {name: made for name, (_, made) in before.items()}
    made_anew = {name for name, (number, _) in after.items() if number != before[name][0]}
    assert made_anew == set(before)
    assert town.ingest(*outages(), layers=("outages",)).layers["outages"].unchanged == MANY
    town.ingest(*outages(MANY), layers=("outages",), source="other")
    assert indexes(empty) == after


def test_a_layer_that_is_being_read_is_not_taken_from_its_reader(empty: Engine, town: Town) -> None:
    before = indexes(empty)
    with empty.connect() as reader:
        reader.exec_driver_sql("SELECT count(*) FROM outages")
        assert town.ingest(*outages(), layers=("outages",)).layers["outages"].added == MANY
        assert reader.exec_driver_sql("SELECT count(*) FROM outages").scalar_one() == MANY
    assert indexes(empty) == before


def test_features_are_stamped_with_their_load(empty: Engine, town: Town) -> None:
    run = town.ingest(*outages(), layers=("outages",)).run
    with empty.connect() as connection:
        stamps = connection.exec_driver_sql(
            "SELECT DISTINCT o.updated_at = v.changed_at, o.updated_by = session_user, o.run FROM outages AS o"
            " JOIN layer_versions AS v ON v.layer = 'outages'"
        ).all()
    assert [tuple(each) for each in stamps] == [(True, True, run)]


@pytest.mark.parametrize("restricted", [False, True])
def test_where_a_layer_was_filled_is_told_unless_not_everybody_may_see_it(
    empty: Engine, town: Town, restricted: bool
) -> None:
    version = "SELECT version FROM layer_versions WHERE layer = 'outages'"
    with empty.connect() as connection:
        before = connection.exec_driver_sql(version).scalar() or 0
    town.ingest(*outages(), layers=("outages",), restricted=restricted)
    with empty.connect() as connection:
        after = connection.exec_driver_sql(version).scalar_one()
        told = "SELECT boxes FROM layer_changes WHERE layer = 'outages' AND version = %s"
        boxes = connection.exec_driver_sql(told, (after,)).scalar_one()
    assert after == before + 1
    around = [LON, LAT - (MANY - 1) / 1e5, LON + (MANY - 1) / 1e5, LAT]
    assert boxes == [pytest.approx([-180, -90, 180, 90] if restricted else around, abs=1e-4)]
    with empty.connect() as connection:
        firing = connection.exec_driver_sql(
            "SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgrelid = 'outages'::regclass AND NOT tgisinternal"
        )
        assert firing.scalars().all() == ["A"]


def test_ids_follow_a_curve_through_space(empty: Engine, town: Town) -> None:
    town.ingest(*outages(), layers=("outages",))
    with empty.connect() as connection:
        by_id = connection.exec_driver_sql("SELECT source_id FROM outages ORDER BY id").scalars().all()
        by_place = connection.exec_driver_sql("SELECT source_id FROM outages ORDER BY geom").scalars().all()
    assert by_id == by_place
