"""Loads that come round: what is due, the queue, and workers that take from it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from openstreetmap import node, write
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from town import PLACE, Town

from layers.access.roles import act_as
from layers.loads import jobs
from layers.loads.jobs import due, load_jobs, run_worker
from layers.sources.description import last_due
from layers.territories.packs import Territory
from layers.territories.territory import register

NIGHTLY = "0 3 * * *"
YEARLY = "0 0 1 1 *"
"""Comes due in no test that runs by today's clock, but for one at New Year."""


@pytest.fixture
def queue(engine: Engine) -> Iterator[Engine]:
    """The queue, empty before and after the test."""
    _empty(engine)
    yield engine
    _empty(engine)


def _empty(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path TO jobs")
        connection.exec_driver_sql("DELETE FROM procrastinate_periodic_defers")
        connection.exec_driver_sql("DELETE FROM procrastinate_jobs")


def describe(town: Town, schedule: str | None, **words: Any) -> None:
    """Register the town with a source that a worker loads."""
    source = {
        "id": "osm",
        "title": dict.fromkeys(("be", "ru", "en"), "O"),
        "attribution": "the test",
        "kind": "osm",
        "schedule": schedule,
        "places": [{"data": "town.osm"}],
    }
    pack = Territory.model_validate({**PLACE.model_dump(mode="json"), "sources": [source], **words})
    with town.engine.begin() as connection:
        register(connection, pack)


def added(town: Town, moment: datetime) -> None:
    change(town.engine, "UPDATE territories SET added_at = :at WHERE id = :id", at=moment, id=town.id)


def change(engine: Engine, statement: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path TO jobs, public")
        connection.execute(text(statement), values)


def is_due(town: Town, moment: datetime) -> list[tuple[str, datetime]]:
    with town.engine.connect() as connection:
        return [(each.source, each.since) for each in due(connection, moment) if each.territory == town.id]


def listed(engine: Engine) -> list[tuple[str, str, str | None]]:
    with engine.connect() as connection:
        return [(each.source, each.state, each.told) for each in load_jobs(connection)]


def days_ago(number: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=number)


@pytest.mark.parametrize(
    ("schedule", "now", "last"),
    [
        (NIGHTLY, "2024-05-17T02:59", "2024-05-16T03:00"),
        (NIGHTLY, "2024-05-17T03:00", "2024-05-17T03:00"),
        (NIGHTLY, "2024-05-17T03:01", "2024-05-17T03:00"),
        ("*/15 * * * *", "2024-05-17T03:14", "2024-05-17T03:00"),
        ("30 6 1 * mon", "2024-05-17T03:14", "2024-05-13T06:30"),
    ],
)
def test_a_schedule_was_due_last(schedule: str, now: str, last: str) -> None:
    found = last_due(schedule, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(last).replace(tzinfo=UTC)


def test_a_source_is_due_when_its_time_has_passed_since_the_last_load(town: Town, data_folder: Path) -> None:
    describe(town, NIGHTLY)
    added(town, datetime(2024, 5, 16, 12, tzinfo=UTC))
    assert is_due(town, datetime(2024, 5, 16, 13, tzinfo=UTC)) == []
    assert is_due(town, datetime(2024, 5, 17, 2, 59, tzinfo=UTC)) == []
    night = datetime(2024, 5, 17, 3, tzinfo=UTC)
    assert is_due(town, night) == [("osm", night)]
    assert is_due(town, night + timedelta(hours=20)) == [("osm", night)]
    write(data_folder / "town.osm", node(1, 0, 0, {"shop": "bakery"}))
    town.load(data_folder / "town.osm", source="osm")
    assert is_due(town, night + timedelta(hours=20)) == []


def test_nights_are_those_of_the_territory(town: Town) -> None:
    describe(town, NIGHTLY, timezone="Europe/Minsk")
    added(town, datetime(2024, 5, 16, 12, tzinfo=UTC))
    [(_, since)] = is_due(town, datetime(2024, 5, 17, 12, tzinfo=UTC))
    assert since == datetime(2024, 5, 17, 0, tzinfo=UTC)


def test_a_source_without_a_schedule_is_never_due(town: Town) -> None:
    describe(town, None)
    added(town, datetime(2020, 1, 1, tzinfo=UTC))
    assert is_due(town, datetime.now(UTC)) == []


@pytest.fixture
def yearly(town: Town, queue: Engine, data_folder: Path) -> Town:
    """The town with a source that is due, though its file isn't there yet."""
    describe(town, YEARLY)
    added(town, days_ago(800))
    return town


def bakery(folder: Path) -> None:
    write(folder / "town.osm", node(1, 0, 0, {"shop": "bakery"}))


def make_ready(queue: Engine) -> None:
    change(queue, "UPDATE procrastinate_jobs SET scheduled_at = now()")


def test_a_worker_loads_what_is_due_once(yearly: Town, queue: Engine, data_folder: Path) -> None:
    bakery(data_folder)
    run_worker(wait=False)
    assert list(yearly.features("businesses")) == ["n1"]
    assert listed(queue) == [("osm", "done", "loaded from town.osm")]
    run_worker(wait=False)
    change(queue, "UPDATE ingest_runs SET finished_at = :at WHERE territory = :id", at=days_ago(400), id=yearly.id)
    run_worker(wait=False)
    assert len(listed(queue)) == 1


def test_what_cant_be_had_is_tried_again_later(yearly: Town, queue: Engine, data_folder: Path) -> None:
    run_worker(wait=False)
    with queue.connect() as connection:
        [job] = load_jobs(connection)
    assert (job.state, job.attempts) == ("waiting", 1)
    assert job.next_at is not None
    assert timedelta(seconds=30) < job.next_at - datetime.now(UTC) < timedelta(minutes=2)
    assert job.told == f"none of its places has it: town.osm in {data_folder}"
    run_worker(wait=False)
    assert len(listed(queue)) == 1
    bakery(data_folder)
    make_ready(queue)
    run_worker(wait=False)
    assert listed(queue) == [("osm", "done", "loaded from town.osm")]


def test_after_the_fourth_attempt_it_has_failed(yearly: Town, queue: Engine) -> None:
    for _ in range(4):
        run_worker(wait=False)
        make_ready(queue)
    with queue.connect() as connection:
        [job] = load_jobs(connection, territory=yearly.id)
        assert (job.state, job.attempts) == ("failed", 4)
        assert load_jobs(connection, territory="atlantis") == []


def test_a_source_that_is_no_more_is_not_tried_again(yearly: Town, queue: Engine) -> None:
    run_worker(wait=False)
    with queue.begin() as connection:
        register(connection, PLACE)
    make_ready(queue)
    run_worker(wait=False)
    assert listed(queue) == [("osm", "failed", f"The territory {yearly.id} has no source osm any more.")]


def test_a_description_that_isnt_understood_any_more_is_told(yearly: Town, queue: Engine, data_folder: Path) -> None:
    bakery(data_folder)
    change(queue, """UPDATE territories SET pack = pack || '{"metric_crs": "EPSG:0"}' WHERE id = :id""", id=yearly.id)
    run_worker(wait=False)
    [(_, state, told)] = listed(queue)
    assert state == "failed"
    assert told is not None
    assert f"The description of {yearly.id} in the base can't be read any more (metric_crs:" in told


def test_a_load_whose_worker_died_is_taken_up(yearly: Town, queue: Engine, data_folder: Path) -> None:
    run_worker(wait=False)
    change(queue, "UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL")
    bakery(data_folder)
    run_worker(wait=False)
    assert listed(queue) == [("osm", "done", "loaded from town.osm")]


def test_a_load_that_kills_its_workers_is_given_up(yearly: Town, queue: Engine, data_folder: Path) -> None:
    run_worker(wait=False)
    change(queue, "UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL, attempts = 3")
    bakery(data_folder)
    run_worker(wait=False)
    assert [state for _, state, _ in listed(queue)] == ["failed"]
    assert yearly.features("businesses") == {}


def test_a_look_whose_worker_died_doesnt_hinder_the_next(yearly: Town, queue: Engine, data_folder: Path) -> None:
    bakery(data_folder)
    change(
        queue,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, status)"
        " VALUES ('default', 'put_due_in_queue', 'put_due_in_queue', '{}', 'doing')",
    )
    run_worker(wait=False)
    assert listed(queue) == [("osm", "done", "loaded from town.osm")]


def test_workers_at_once_load_once(yearly: Town, queue: Engine, data_folder: Path) -> None:
    bakery(data_folder)
    with ThreadPoolExecutor() as pool:
        for each in [pool.submit(run_worker, wait=False) for _ in range(3)]:
            each.result(60)
    assert listed(queue) == [("osm", "done", "loaded from town.osm")]


def test_the_queue_forgets(yearly: Town, queue: Engine, data_folder: Path) -> None:
    bakery(data_folder)
    for _ in range(3):
        run_worker(wait=False)
    with queue.connect() as connection:
        tasks = connection.execute(text("SELECT task_name, count(*) FROM jobs.procrastinate_jobs GROUP BY 1")).all()
    assert dict(tasks)["put_due_in_queue"] <= 2
    change(queue, "UPDATE procrastinate_events SET at = :at", at=days_ago(31))
    run_worker(wait=False)
    assert listed(queue) == []


def test_the_public_sees_nothing_of_the_queue(queue: Engine) -> None:
    with queue.connect() as connection:
        act_as(connection, None)
        with pytest.raises(ProgrammingError, match="permission denied for schema jobs"):
            load_jobs(connection)


def test_the_queue_is_of_the_version_that_its_library_wants() -> None:
    """Where this fails, a migration of ours must bring the queue to what the library has become."""
    shipped = sorted(each.name for each in (files("procrastinate.sql") / "migrations").iterdir())
    assert [name for name in shipped if name.endswith(".sql")][-1] == jobs.QUEUE_VERSION
