"""What a load withstands: failures, kills, and other loads at the same time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Barrier

import pytest
from patience import PATIENCE_S, wait_until
from sqlalchemy import Engine
from town import LAT, LON, Given, Town, forget, listening, record, school, street, unswept

from layers.errors import DatabaseError, NotFoundError, SourceError
from layers.loads.ingest import ingest
from layers.reading import store
from layers.sources.records import Item
from layers.territories.packs import around
from layers.territories.territory import find_territory

KILLED_WHILE_WRITING = """
from layers.postgres import database
from town import Town, school, street

town = Town(database.engine(), "town")
schools = [school(f"new {n}") for n in range(6000)]
bad = school("bad", kind=None)
town.ingest(*schools, bad, street("main", (27, 53), (28, 54)), layers=("facilities", "roads"))
"""


class Failing(Given):
    """A source that breaks after its items."""

    def __init__(self, error: Exception, *items: Item) -> None:
        super().__init__(*items)
        self._error = error

    def __iter__(self) -> Iterator[Item]:
        yield from self._items
        raise self._error


class Meeting(Given):
    """A source that ends only when the other loads have come as far."""

    def __init__(self, barrier: Barrier, *items: Item) -> None:
        super().__init__(*items)
        self._barrier = barrier

    def __iter__(self) -> Iterator[Item]:
        yield from self._items
        self._barrier.wait(PATIENCE_S)


@contextmanager
def nobody_writes(engine: Engine, layer: str) -> Iterator[None]:
    """Whoever writes to the layer waits meanwhile."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"LOCK TABLE {layer} IN SHARE MODE")
        yield
        connection.rollback()


def waiting(engine: Engine) -> list[int]:
    """The connections that wait for a table, and are not this process's own business."""
    with engine.connect() as connection:
        return list(
            connection.exec_driver_sql("SELECT pid FROM pg_locks WHERE NOT granted AND locktype = 'relation'").scalars()
        )


def alive(engine: Engine, pid: int) -> bool:
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (pid,))
        return bool(found.scalar_one())


@pytest.mark.parametrize(
    "reader",
    [
        Failing(SourceError("the file ends in the middle"), *(school(f"{nth}") for nth in range(6000))),
        Failing(ValueError("a fault of the reader"), school("new")),
    ],
    ids=["cut off", "fault"],
)
def test_a_load_that_fails_changes_nothing(town: Town, reader: Given) -> None:
    town.ingest(school("old"))
    before = town.everything()
    with pytest.raises((SourceError, ValueError)):
        town.read(reader)
    assert town.everything() == before


def test_a_new_territory_comes_with_its_first_load_or_not_at_all(engine: Engine) -> None:
    place = around("village", (27.5, 53.88, 27.6, 53.92))
    load = partial(ingest, engine, territory=place, source="s", file_name="f", fingerprint="", layers=["facilities"])
    with pytest.raises(SourceError, match="cut off"):
        load(Failing(SourceError("cut off"), school("new")))
    with engine.connect() as connection, pytest.raises(NotFoundError, match="no territory 'village'"):
        find_territory(connection, "village")
    try:
        assert load(Given(school("new"))).layers["facilities"].added == 1
        with engine.connect() as connection:
            assert find_territory(connection, "village")["metric_srid"] == 32635
    finally:
        forget(engine, "village")


@pytest.mark.parametrize("before", ["ingest_runs", "roads", "ingest_rejects"])
def test_a_load_that_is_killed_changes_nothing(town: Town, before: str) -> None:
    """It is killed when all is staged, when one layer is written, and just before the commit."""
    town.ingest(school("old"), street("main", (LON, LAT), (LON + 1, LAT)), layers=("facilities", "roads"))
    as_it_was = town.everything()
    with nobody_writes(town.engine, before):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        load = subprocess.Popen([sys.executable, "-c", KILLED_WHILE_WRITING], env=environment)
        wait_until(lambda: waiting(town.engine) or load.poll() is not None)
        [server_process] = waiting(town.engine)
        load.send_signal(signal.SIGKILL)
        load.wait()
        wait_until(lambda: not alive(town.engine, server_process))
    assert town.everything() == as_it_was
    assert town.ingest(school("old"), school("new")).layers["facilities"].added == 1


def test_a_load_whose_server_process_ends_changes_nothing_and_says_so(town: Town) -> None:
    town.ingest(school("old"))
    as_it_was = town.everything()
    with ThreadPoolExecutor() as pool, nobody_writes(town.engine, "facilities"):
        load = pool.submit(town.ingest, school("new"))
        wait_until(lambda: waiting(town.engine))
        [server_process] = waiting(town.engine)
        with town.engine.connect() as connection:
            connection.exec_driver_sql("SELECT pg_terminate_backend(%s)", (server_process,))
        with pytest.raises(DatabaseError, match=r"connection to the database was lost while given\.dat"):
            load.result(PATIENCE_S)
    assert town.everything() == as_it_was
    assert town.ingest(school("old"), school("new")).layers["facilities"].added == 1


def test_two_loads_of_a_source_at_once_give_one_copy(town: Town) -> None:
    schools = [school(f"{nth}") for nth in range(500)]
    with ThreadPoolExecutor() as pool:
        loads = [pool.submit(town.ingest, *schools) for _ in range(2)]
        reports = [load.result(PATIENCE_S).layers["facilities"] for load in loads]
    assert sorted((each.added, each.unchanged) for each in reports) == [(0, 500), (500, 0)]
    assert len(town.features("facilities")) == 500


def test_of_two_loads_of_a_source_at_once_one_is_the_last(town: Town) -> None:
    """The base then holds what that one holds, and not something of both."""
    versions = [[school(f"{name} {nth}") for nth in range(500)] for name in ("old", "new")]
    with ThreadPoolExecutor() as pool:
        for load in [pool.submit(town.ingest, *schools) for schools in versions]:
            load.result(PATIENCE_S)
    assert set(town.features("facilities")) in [{each.source_id for each in schools} for schools in versions]


def test_loads_of_two_sources_do_not_block_each_other(town: Town) -> None:
    """They name their layers in opposite order, and both are ready to write at the same moment."""
    items = [
        item for nth in range(1000) for item in (school(f"{nth}"), street(f"{nth}", (LON, LAT), (LON + 1, LAT + 1)))
    ]
    layers = ("facilities", "roads")
    barrier = Barrier(2)
    with ThreadPoolExecutor() as pool:
        loads = [
            pool.submit(town.read, Meeting(barrier, *items), layers=layers, source="one"),
            pool.submit(town.read, Meeting(barrier, *items), layers=layers[::-1], source="two"),
        ]
        for load in loads:
            assert load.result(PATIENCE_S).layers["roads"].added == 1000


def test_a_change_is_announced_when_it_is_there_for_all(town: Town, database_url: str) -> None:
    first = town.ingest(school("old", 27.51, 53.89))
    assert first.layers["facilities"].added == 1
    with town.engine.connect() as connection:
        version = store.versions(connection)["facilities"]
    with listening(database_url) as hear, ThreadPoolExecutor() as pool:
        with nobody_writes(town.engine, "roads"):
            load = pool.submit(
                town.ingest,
                school("new", 27.58, 53.91),
                street("main", (27.55, 53.90), (27.56, 53.91)),
                layers=("facilities", "roads"),
            )
            wait_until(lambda: waiting(town.engine))
            assert hear() == []
        load.result(PATIENCE_S)
        told = [json.loads(each) for each in hear()]
    of_facilities = [each for each in told if each["layer"] == "facilities"]
    assert [each["version"] for each in of_facilities] == [version + 1, version + 2]
    boxes = sorted(box for each in of_facilities for box in each["boxes"])
    assert boxes == [[27.51, 53.89] * 2, [27.58, 53.91] * 2]
    assert [each["boxes"] for each in told if each["layer"] == "roads"] == [[[27.55, 53.90, 27.56, 53.91]]]
    with town.engine.connect() as connection:
        assert store.versions(connection)["facilities"] == version + 2


def test_of_what_moves_both_places_are_announced(town: Town, database_url: str) -> None:
    town.ingest(school("moving", 27.51, 53.89))
    with listening(database_url) as hear:
        town.ingest(school("moving", 27.58, 53.91))
        (told,) = (json.loads(each)["boxes"] for each in hear())
        assert sorted(told) == [[27.51, 53.89] * 2, [27.58, 53.91] * 2]


def test_a_failed_load_announces_nothing(town: Town, database_url: str) -> None:
    town.ingest(school("old"))
    with listening(database_url) as hear:
        with pytest.raises(SourceError):
            town.read(Failing(SourceError("cut off"), school("new")))
        town.ingest(school("old"))
        assert hear() == []


def test_rows_that_are_dead_do_not_slow_a_load_down(town: Town) -> None:
    """However often the source has changed since the layer was last swept; one by one they take hours."""
    rows, took = 4_000, []
    with unswept(town.engine, "outages"):
        for version in range(6):
            begun = time.perf_counter()
            changed = [record("outages", f"{nth}", f"POINT ({LON} {LAT})", status=f"{version}") for nth in range(rows)]
            town.ingest(*changed, layers=("outages",))
            took.append(time.perf_counter() - begun)
    assert min(took[2:]) < 10 * took[0], "with dead rows each load is slower, not one for which the machine had no time"
