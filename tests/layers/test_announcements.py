"""What a process knows of the base without asking: versions, and which of them touched a place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import PATIENCE_S, soon
from sqlalchemy import Engine, text
from town import Town, school

from layers.custom import custom
from layers.custom.files import load_custom
from layers.history.announcements import Announcements
from layers.history.change_log import ChangeLog
from layers.postgres import database
from layers.reading import store

HERE = (27.50, 53.88, 27.52, 53.90)
THERE = (27.57, 53.90, 27.59, 53.92)
FAR = (10.0, 10.0, 11.0, 11.0)


@pytest.fixture
def heard(engine: Engine) -> Iterator[Announcements]:
    found = Announcements()
    found.start()
    assert found.wait(PATIENCE_S)
    yield found
    found.stop()


def version_in_the_base(engine: Engine, layer: str) -> int:
    with engine.connect() as connection:
        return store.versions(connection).get(layer, 0)


def test_it_knows_the_versions_of_the_base(heard: Announcements, town: Town) -> None:
    town.ingest(school("a"))
    assert soon(lambda: heard.touched("facilities") == version_in_the_base(town.engine, "facilities"))
    assert heard.touched("no_such_layer") == 0


def test_only_the_places_that_a_change_touched_have_its_version(heard: Announcements, town: Town) -> None:
    town.ingest(school("a", 27.51, 53.89), school("b", 27.58, 53.91))
    assert soon(lambda: heard.touched("facilities") == version_in_the_base(town.engine, "facilities"))
    between = (27.54, 53.895, 27.55, 53.905)
    before = {place: heard.touched("facilities", place) for place in (HERE, THERE, FAR, between)}
    told: list[str] = []
    unsubscribe = heard.subscribe(told.append)
    town.ingest(school("a", 27.511, 53.89), school("b", 27.58, 53.91))
    assert soon(lambda: heard.touched("facilities", HERE) > before[HERE])
    assert {place: heard.touched("facilities", place) for place in (THERE, FAR, between)} == {
        place: before[place] for place in (THERE, FAR, between)
    }
    assert "facilities" in told
    unsubscribe()


def test_what_others_announce_is_no_change(heard: Announcements, town: Town) -> None:
    town.ingest(school("a", 27.51, 53.89))
    before = version_in_the_base(town.engine, "facilities")
    assert soon(lambda: heard.touched("facilities") == before)
    forged = f'{{"layer": "facilities", "version": {before + 1}, "boxes": []}}'
    with town.engine.begin() as connection:
        for payload in ("garbage", "[]", '{"layer": 1}', '{"layer": "none", "version": 9}', forged):
            connection.execute(text("SELECT pg_notify('horad_layers', :payload)"), {"payload": payload})
    town.ingest(school("a", 27.511, 53.89))
    assert soon(lambda: heard.touched("facilities", HERE) == before + 1)
    assert heard.current


def test_changes_far_apart_in_one_statement_leave_what_lies_between(heard: Announcements, town: Town) -> None:
    town.ingest(school("a", 27.51, 53.89), school("b", 27.58, 53.91))
    between = (27.54, 53.895, 27.55, 53.905)
    assert soon(lambda: heard.touched("facilities") == version_in_the_base(town.engine, "facilities"))
    before = heard.touched("facilities", between)
    with town.engine.begin() as connection:
        connection.execute(text("UPDATE facilities SET name = 'both' WHERE territory = 'town'"))
    assert soon(lambda: heard.touched("facilities", HERE) == version_in_the_base(town.engine, "facilities"))
    assert heard.touched("facilities", THERE) == heard.touched("facilities", HERE)
    assert heard.touched("facilities", between) == before


def test_two_processes_tell_the_same_whenever_they_were_started(heard: Announcements, town: Town) -> None:
    for nth in range(5):
        town.ingest(school("a", 27.51 + nth / 50, 53.89))
    assert soon(lambda: heard.touched("facilities") == version_in_the_base(town.engine, "facilities"))
    late = Announcements()
    late.start()
    assert late.wait(PATIENCE_S)
    places = [HERE, THERE, FAR, (27.54, 53.88, 27.56, 53.90), None]
    assert [late.touched("facilities", each) for each in places] == [
        heard.touched("facilities", each) for each in places
    ]
    late.stop()


def test_old_changes_are_forgotten_at_the_same_version_everywhere(heard: Announcements, town: Town) -> None:
    town.ingest(school("a", 27.51, 53.89))
    with town.engine.begin() as connection:
        connection.execute(text("UPDATE layer_versions SET version = 6140 WHERE layer = 'facilities'"))
        earlier = "INSERT INTO layer_changes SELECT 'facilities', nth, '{}' FROM generate_series(1, 6140) AS nth"
        connection.execute(text(f"{earlier} ON CONFLICT DO NOTHING"))
    for nth in range(8):
        town.ingest(school("a", 27.51 + nth / 10_000, 53.89))
    assert soon(lambda: heard.touched("facilities") == version_in_the_base(town.engine, "facilities"))
    assert heard.touched("facilities", FAR) == 4096
    late = Announcements()
    late.start()
    assert late.wait(PATIENCE_S)
    assert late.touched("facilities", FAR) == 4096
    assert late.touched("facilities", HERE) == heard.touched("facilities", HERE) > 6140
    late.stop()


def test_who_may_see_what_has_a_version_and_titles_have_not(town: Town, heard: Announcements) -> None:
    before, serial = heard.touched("territories"), heard.serial
    with town.engine.begin() as connection:
        connection.execute(text("UPDATE territories SET title = '{}' WHERE id = 'town'"))
    assert soon(lambda: heard.serial > serial)
    assert heard.touched("territories", HERE) == before
    with town.engine.begin() as connection:
        connection.execute(text("UPDATE territories SET restricted = '{facilities}' WHERE id = 'town'"))
    assert soon(lambda: heard.touched("territories") > before)
    assert heard.touched("territories", FAR) > before
    before = heard.touched("memberships")
    with town.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO memberships (principal, territory, role) VALUES ('anna', 'town', 'viewer')")
        )
    assert soon(lambda: heard.touched("memberships") > before)


def test_custom_layers_are_known_while_they_are_there(heard: Announcements, town: Town, tmp_path: Path) -> None:
    file = tmp_path / "benches.csv"
    file.write_text("lon,lat,seats\n27.51,53.89,3\n")
    load_custom(town.engine, file, name="benches", territory="town")
    assert soon(lambda: "custom_benches" in custom.public_layers())
    custom.drop_layer(town.engine, "benches")
    assert soon(lambda: "custom_benches" not in custom.public_layers())
    assert soon(lambda: heard.touched("custom_benches") == 0)


def test_after_the_base_was_away_it_knows_what_happened_meanwhile(engine: Engine) -> None:
    found = Announcements()
    found.start()
    assert found.wait(PATIENCE_S)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO territories (id, title, metric_srid) VALUES ('lone', '{}', 3857)"))
    serial = found.serial
    with psycopg.connect(_plain_url(), autocommit=True) as other:
        listeners = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT 1' OR query LIKE 'LISTEN%'"
        )
        other.execute(listeners)
        other.execute(
            "INSERT INTO facilities (territory, source, source_id, kind, geom)"
            " VALUES ('lone', 's', '1', 'school', ST_SetSRID(ST_Point(27.51, 53.89), 4326))"
        )
    try:
        assert soon(
            lambda: found.current and found.touched("facilities", HERE) == version_in_the_base(engine, "facilities")
        )
        assert found.serial > serial
    finally:
        found.stop()
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM territories WHERE id = 'lone'"))


def _plain_url() -> str:
    return database.ensure_running().replace("postgresql+psycopg", "postgresql")


Boxes = st.tuples(*[st.floats(0, 10)] * 4).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


@given(changes=st.lists(st.lists(Boxes, max_size=3), max_size=90), asked=Boxes)
def test_the_last_change_that_touches_is_found(changes: list[list[Any]], asked: Any) -> None:
    log = ChangeLog(floor=7)
    for version, boxes in enumerate(changes, start=8):
        log.add(version, boxes)
    west, south, east, north = asked

    def is_near(box: Any) -> bool:
        """To the east and west, and to the north and south, there is hardly any room between them."""
        beside = box[0] <= east + 3e-5 and box[2] >= west - 3e-5
        return beside and box[1] <= north + 3e-5 and box[3] >= south - 3e-5

    near = [7, *(version for version, boxes in enumerate(changes, start=8) if any(map(is_near, boxes)))]
    assert log.touched(asked) == max(near)
    assert log.touched(None) == 7 + len(changes)
