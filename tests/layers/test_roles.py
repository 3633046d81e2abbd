"""Roles: whoever asks, by whatever way, sees and changes only what they may."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from town import LAT, LON, Town, listening, record, school

from geo.errors import InvalidInputError
from layers import quality
from layers.access.roles import act_as, create_login, drop_login, grant, members, revoke
from layers.catalog import all_layers
from layers.errors import NotFoundError
from layers.export import export_layer
from layers.postgres import database
from layers.processes import runner
from layers.reading import store
from layers.tiles import tiles

SECRET = "behind closed doors"


@pytest.fixture
def closed(town: Town) -> Town:
    """The town with a school, all of it restricted."""
    town.ingest(school("a", name=SECRET), school("b"))
    town.ingest(school("a", name=SECRET), school("b", name="changed"))
    with town.engine.begin() as connection:
        connection.execute(text("UPDATE territories SET restricted = '{*}' WHERE id = :id"), {"id": town.id})
    return town


@pytest.fixture
def login(closed: Town) -> Iterator[str]:
    name = f"anna_{uuid4().hex[:8]}"
    with closed.engine.begin() as connection:
        create_login(connection, name, "a % password")
    yield name
    with closed.engine.begin() as connection:
        drop_login(connection, name)


@pytest.fixture
def direct(closed: Town, login: str, database_url: str) -> Iterator[Engine]:
    """A connection straight to the database, as someone who is nobody's friend."""
    engine = create_engine(make_url(database_url).set(username=login))
    yield engine
    engine.dispose()


def seen(engine: Engine, principal: str | None, town: Town, layer: str = "facilities") -> int:
    with engine.begin() as connection:
        act_as(connection, principal)
        return store.count(connection, layer, store.Query(territory=town.id))


def test_the_public_sees_nothing_restricted_by_any_way(closed: Town, tmp_path: Path) -> None:
    public = database.engine(public=True)
    query = store.Query(territory=closed.id)
    with public.connect() as connection:
        assert store.count(connection, "facilities", query) == 0
        assert store.read_frame(connection, "facilities", query).empty
        assert store.read_page(connection, "facilities", store.Query(limit=10_000, territory=closed.id)).features == []
        assert store.extent(connection, "facilities", closed.id) is None
        past = store.Query(territory=closed.id, as_of=store.parse_moment("2100-01-01"))
        assert store.count(connection, "facilities", past) == 0
        for number in (row["id"] for row in closed.features("facilities").values()):
            with pytest.raises(NotFoundError):
                store.read_feature(connection, "facilities", number)
        for z in range(17):
            col = int((LON + 180) / 360 * 2**z)
            row = int((1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * 2**z)
            assert SECRET.encode() not in tiles.tile(connection, ["facilities"], z=z, row=row, col=col)
        assert export_layer(connection, "facilities", tmp_path / "out.geojson", query) == 0
        assert connection.execute(text("SELECT count(*) FROM ingest_runs WHERE territory = 'town'")).scalar() == 0
    with pytest.raises(InvalidInputError, match="empty"):
        runner.run(public, "hot-spots", {}, territory=closed.id)


def test_roles_open_what_is_closed_each_as_far_as_it_goes(closed: Town) -> None:
    with closed.engine.begin() as connection:
        grant(connection, "vera", "viewer", closed.id)
        grant(connection, "emil", "editor", closed.id)
    assert [seen(closed.engine, name, closed) for name in (None, "vera", "emil", "other")] == [0, 2, 2, 0]
    rename = text("UPDATE facilities SET name = 'x' WHERE territory = :id")
    for name, changed in (("vera", 0), ("emil", 2), (None, 0)):
        with closed.engine.begin() as connection:
            act_as(connection, name)
            assert connection.execute(rename, {"id": closed.id}).rowcount == changed
    assert {row["updated_by"] for row in closed.features("facilities").values()} == {"emil"}
    with closed.engine.begin() as connection:
        revoke(connection, "vera", closed.id)
        assert [each.principal for each in members(connection, closed.id)] == ["emil"]
    assert seen(closed.engine, "vera", closed) == 0


def test_a_role_in_a_region_holds_in_its_cities_and_not_the_other_way(closed: Town) -> None:
    with closed.engine.begin() as connection:
        connection.execute(text("UPDATE territories SET restricted = '{}' WHERE id = :id"), {"id": closed.id})
        connection.execute(
            text("UPDATE facilities SET restricted = true WHERE source_id = 'a' AND territory = :id"), {"id": closed.id}
        )
        connection.execute(text("INSERT INTO territories (id, title, metric_srid) VALUES ('region', '{}', 3857)"))
        connection.execute(text("UPDATE territories SET parent = 'region' WHERE id = :id"), {"id": closed.id})
        grant(connection, "rita", "viewer", "region")
    try:
        assert [seen(closed.engine, name, closed) for name in (None, "rita")] == [1, 2]
        with closed.engine.begin() as connection:
            revoke(connection, "rita", "region")
            grant(connection, "rita", "viewer", closed.id)
            act_as(connection, "rita")
            assert connection.execute(text("SELECT horad_territories('viewer')")).scalar() == [closed.id]
    finally:
        with closed.engine.begin() as connection:
            connection.execute(text("UPDATE territories SET parent = NULL WHERE id = :id"), {"id": closed.id})
            connection.execute(text("DELETE FROM territories WHERE id = 'region'"))


def test_direct_sql_sees_no_more(closed: Town, direct: Engine, login: str) -> None:
    with direct.connect() as connection:
        for layer in all_layers():
            for table in (layer, f"history.{layer}"):
                rows = connection.execute(text(f"SELECT count(*) FROM {table} WHERE territory = 'town'"))
                assert rows.scalar() == 0, table
        connection.execute(text("SELECT set_config('horad.principal', 'horad', false)"))
        assert connection.execute(text("SELECT count(*) FROM facilities WHERE territory = 'town'")).scalar() == 0
        stats = text("SELECT count(*) FROM pg_stats WHERE tablename = 'facilities'")
        assert connection.execute(stats).scalar() == 0
    with closed.engine.begin() as connection:
        grant(connection, login, "viewer", closed.id)
    with direct.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM facilities WHERE territory = 'town'")).scalar() == 2
        assert connection.execute(text("SELECT role FROM memberships")).scalars().all() == ["viewer"]


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE horad",
        "INSERT INTO memberships (principal, territory, role) VALUES (session_user, 'town', 'admin')",
        "INSERT INTO facilities (territory, source, source_id, kind, geom)"
        " VALUES ('town', 's', '1', 'school', ST_Point(27.5, 53.9, 4326))",
        "ALTER TABLE facilities DISABLE ROW LEVEL SECURITY",
        "DELETE FROM layer_versions",
        "SELECT pack FROM territories",
        "UPDATE territories SET restricted = '{}'",
        "INSERT INTO history.facilities SELECT * FROM history.facilities",
        "CREATE FUNCTION peep(text) RETURNS boolean LANGUAGE sql RETURN true",
        "ALTER FUNCTION horad_open(text) RENAME TO shut",
        "CREATE TEMP TABLE x (id text); INSERT INTO x VALUES ('town');"
        " CREATE TRIGGER t AFTER DELETE ON x FOR EACH ROW EXECUTE FUNCTION horad_forget_history(); DELETE FROM x",
        "CREATE TEMP TABLE roads AS SELECT * FROM public.roads LIMIT 0; CREATE TRIGGER t AFTER DELETE ON pg_temp.roads"
        " REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION horad_record_change()",
        "SELECT _postgis_stats('facilities', 'geom')",
        "SELECT _postgis_index_extent('facilities', 'geom')",
        "SELECT ST_EstimatedExtent('facilities', 'geom')",
    ],
)
def test_direct_sql_cannot_help_itself(direct: Engine, statement: str) -> None:
    with direct.connect() as connection, pytest.raises(Exception) as refused:
        connection.execute(text(statement))
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)


def test_an_editor_by_direct_sql_leaves_a_trace_in_their_own_name(closed: Town, direct: Engine, login: str) -> None:
    with closed.engine.begin() as connection:
        grant(connection, login, "editor", closed.id)
    before = closed.features("facilities")["a"]
    with direct.begin() as connection:
        for name, value in (("run", "1"), ("principal", "boss")):
            connection.execute(text(f"SELECT set_config('horad.{name}', '{value}', true)"))
        stamps = "updated_by = 'boss', updated_at = '2000-01-01'"
        connection.execute(text(f"UPDATE facilities SET name = 'mine', {stamps} WHERE source_id = 'a'"))
    row = closed.features("facilities")["a"]
    assert (row["name"], row["updated_by"], row["run"]) == ("mine", login, None)
    assert row["updated_at"] > before["updated_at"]
    with direct.connect() as connection, pytest.raises(Exception, match="row-level security"):
        connection.execute(text("UPDATE facilities SET territory = 'helsinki' WHERE source_id = 'a'"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("actor", "boss"), ("moment_facilities", "2000-01-01"), ("run", "1")],
    ids=["who", "when", "load"],
)
def test_an_editor_cannot_forge_the_trace(closed: Town, direct: Engine, login: str, setting: str, value: str) -> None:
    with closed.engine.begin() as connection:
        grant(connection, login, "editor", closed.id)
    forging = f"set_config('horad.{setting}', '{value}', true)"
    with direct.connect() as connection, pytest.raises(Exception, match="not for its editor to say"):
        connection.execute(text(f"UPDATE facilities SET name = {forging} WHERE territory = 'town'"))
    with direct.begin() as connection:
        connection.execute(text(f"DELETE FROM facilities WHERE source_id = 'a' AND {forging} = '{value}'"))
    with closed.engine.connect() as connection:
        (gone,) = connection.execute(
            text(
                "SELECT ended_by, ended_run, valid_to > now() - interval '1 minute' FROM history.facilities"
                " WHERE territory = 'town' AND source_id = 'a' AND ended_how = 'removed'"
            )
        ).all()
    assert tuple(gone) == (login, None, True)


def test_where_something_restricted_has_changed_is_not_announced(closed: Town, database_url: str) -> None:
    with listening(database_url) as hear:
        closed.ingest(school("a", name=SECRET), school("b", name="changed"), school("c"))
        heard = [json.loads(each) for each in hear()]
    assert [each["boxes"] for each in heard if each["layer"] == "facilities"] == [[[-180, -90, 180, 90]]]


def test_findings_of_what_is_restricted_are_restricted(town: Town) -> None:
    town.ingest(school("a", name=SECRET), school("b", name=SECRET), restricted=True)
    quality.keep(town.engine, quality.check(town.engine, town.id, ["facilities"]))
    assert town.features("findings")
    assert seen(town.engine, None, town, "findings") == 0


def test_rejects_are_for_editors(closed: Town) -> None:
    closed.ingest(school("a"), record("facilities", "bad", "POINT (27.55 53.9)", kind=None))
    with closed.engine.begin() as connection:
        grant(connection, "vera", "viewer", closed.id)
        grant(connection, "emil", "editor", closed.id)
    for name, number in (("vera", 0), ("emil", 1), (None, 0)):
        with closed.engine.begin() as connection:
            act_as(connection, name)
            found = connection.execute(text("SELECT count(*) FROM ingest_rejects WHERE record::text LIKE '%27.55%'"))
            assert found.scalar() == number


def test_a_box_is_looked_up_by_index_also_under_the_policies(closed: Town) -> None:
    places = (
        record("facilities", str(n), f"POINT ({LON + n % 100 / 1e3} {LAT + n / 1e5})", kind="school")
        for n in range(3000)
    )
    closed.ingest(*places)
    with database.engine(public=True).connect() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN SELECT id FROM facilities WHERE geom && ST_MakeEnvelope(27.55, 53.9, 27.5505, 53.9005, 4326)"
        )
        assert "ix_facilities_geom" in "\n".join(row[0] for row in plan)


@pytest.mark.parametrize(
    "name", ["", "Anna", "pg_read_all_data", "horad_public", "a b", 'x"; DROP TABLE roads; --', "я"]
)
def test_names_that_can_do_harm_are_refused(closed: Town, name: str) -> None:
    with closed.engine.begin() as connection:
        for act in (lambda: create_login(connection, name, "x"), lambda: grant(connection, name, "viewer", closed.id)):
            with pytest.raises(InvalidInputError, match="can't be a user's name"):
                act()


def test_roles_and_territories_that_are_not_there_are_told(closed: Town, login: str) -> None:
    with closed.engine.begin() as connection:
        with pytest.raises(InvalidInputError, match="viewer, analyst, editor, admin"):
            grant(connection, "anna", "king", closed.id)
        with pytest.raises(NotFoundError, match="no territory 'nowhere'"):
            grant(connection, "anna", "viewer", "nowhere")
        with pytest.raises(NotFoundError, match="no role"):
            revoke(connection, "anna", closed.id)
        with pytest.raises(NotFoundError, match="no login"):
            drop_login(connection, "horad")
        with pytest.raises(InvalidInputError, match="already"):
            create_login(connection, login, "x")
