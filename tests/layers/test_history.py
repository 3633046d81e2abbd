"""History: nothing that was known is lost, the past can be read, compared and brought back."""

from __future__ import annotations

import datetime as dt

import pytest
import shapely
from sqlalchemy import text
from town import LAT, LON, Town, forget, record, school, street

from geo.errors import InvalidInputError
from layers.errors import NotFoundError
from layers.history.changes import changes, versions_of_source
from layers.history.history import acting, restore, timeline, undo, undo_run
from layers.reading import store


def now(town: Town) -> dt.datetime:
    with town.engine.connect() as connection:
        moment: dt.datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment


def read(town: Town, layer: str = "facilities", as_of: dt.datetime | None = None) -> dict[int, dict[str, object]]:
    """What the layer holds at a moment, as a copy that can be kept aside."""
    with town.engine.connect() as connection:
        frame = store.read_frame(connection, layer, store.Query(territory=town.id, as_of=as_of))
    rows = frame.drop(columns="geometry").astype(object).where(frame.notna(), None).to_dict("index")
    return {key: row | {"wkt": frame.geometry[key].wkt} for key, row in rows.items()}


def ids(town: Town, layer: str = "facilities") -> dict[str, int]:
    return {source_id: row["id"] for source_id, row in town.features(layer).items()}


def test_the_past_reads_as_a_copy_kept_aside(town: Town) -> None:
    versions = [
        (school("a", name="One"), school("b"), school("c")),
        (school("a", name="Two"), school("b"), school("d")),
        (school("b", lon=LON + 0.01), school("c", name="back")),
    ]
    kept = [(now(town), read(town))]
    for items in versions:
        town.ingest(*items)
        kept.append((now(town), read(town)))
    with town.engine.begin() as connection:
        connection.execute(text("UPDATE facilities SET name = 'by hand' WHERE source_id = 'b'"))
        connection.execute(text("DELETE FROM facilities WHERE source_id = 'c'"))
    kept.append((now(town), read(town)))
    assert [len(rows) for _, rows in kept] == [0, 3, 3, 2, 1]
    for moment, rows in kept:
        assert read(town, as_of=moment) == rows


def test_counts_pages_boxes_and_single_features_read_the_past(town: Town) -> None:
    town.ingest(school("a", name="Old"))
    moment, number = now(town), ids(town)["a"]
    town.ingest(school("a", lon=LON + 0.02, name="New"), school("b"))
    there = (LON - 0.001, LAT - 0.001, LON + 0.001, LAT + 0.001)
    with town.engine.connect() as connection:
        then = store.Query(territory=town.id, as_of=moment, bbox=there, limit=10)
        assert store.count(connection, "facilities", then) == store.count_up_to(connection, "facilities", then) == 1
        page = store.read_page(connection, "facilities", then)
        assert page.features == [store.read_feature(connection, "facilities", number, as_of=moment).encode()]
        assert b'"Old"' in page.features[0]
        assert '"New"' in store.read_feature(connection, "facilities", number)
        with pytest.raises(NotFoundError):
            store.read_feature(connection, "facilities", number, as_of=moment - dt.timedelta(days=1))


def test_a_timeline_tells_who_when_what_and_from_which_load(town: Town) -> None:
    town.ingest(school("a", name="One"))
    number = ids(town)["a"]
    town.ingest(school("a", name="Two"), school("b"))
    with town.engine.begin() as connection, acting(connection, "anna"):
        connection.execute(text("UPDATE facilities SET capacity = 5 WHERE id = :id"), {"id": number})
    town.ingest(school("b"))
    with town.engine.connect() as connection:
        states = timeline(connection, "facilities", number)
    assert [state.changed for state in states[1:]] == [["name"], ["capacity"]]
    assert [state.values["name"] for state in states] == ["One", "Two", "Two"]
    first, second, third = states
    assert (first.until, second.until) == (second.since, third.since)
    assert (third.by, third.run) == ("anna", None)
    runs = sorted(row["id"] for row in town.everything()["runs"])
    assert [first.run, second.run, third.ended_run] == runs
    assert (first.ended_how, second.ended_by, third.ended_how) == ("changed", "anna", "removed")
    assert third.until is not None
    with town.engine.connect() as connection, pytest.raises(NotFoundError, match="no feature 987654321"):
        timeline(connection, "facilities", 987654321)


def test_several_changes_in_one_transaction_are_one(town: Town) -> None:
    town.ingest(school("a", name="One"))
    number = ids(town)["a"]
    with town.engine.begin() as connection:
        for name in ("Two", "Three"):
            connection.execute(text("UPDATE facilities SET name = :name WHERE id = :id"), {"name": name, "id": number})
    with town.engine.connect() as connection:
        names = [state.values["name"] for state in timeline(connection, "facilities", number)]
    assert names == ["One", "Three"]


def test_undo_takes_back_a_change_and_an_addition(town: Town) -> None:
    town.ingest(school("a", name="One"))
    number, before = ids(town)["a"], read(town)
    town.ingest(school("a", name="Two"))
    with town.engine.begin() as connection:
        assert undo(connection, "facilities", number) == "changed"
    assert read(town) == before
    town.ingest(school("a", name="One"), school("b"))
    with town.engine.begin() as connection:
        assert undo(connection, "facilities", ids(town)["b"]) == "removed"
    assert read(town) == before


def test_a_removed_feature_comes_back_with_its_id(town: Town) -> None:
    town.ingest(school("a", name="One"))
    number, before = ids(town)["a"], read(town)
    with town.engine.begin() as connection:
        connection.execute(text("DELETE FROM facilities WHERE id = :id"), {"id": number})
    assert read(town) == {}
    with town.engine.begin() as connection:
        assert undo(connection, "facilities", number) == "restored"
    assert read(town) == before


def test_a_feature_goes_back_to_any_moment(town: Town) -> None:
    town.ingest(school("a", name="One"))
    number, moment, before = ids(town)["a"], now(town), read(town)
    for name in ("Two", "Three"):
        town.ingest(school("a", name=name))
    with town.engine.begin() as connection:
        restore(connection, "facilities", number, as_of=moment)
    assert read(town) == before
    with town.engine.begin() as connection, pytest.raises(NotFoundError, match="had no feature"):
        restore(connection, "facilities", number, as_of=moment - dt.timedelta(days=1))


def test_a_load_is_taken_back_whole(town: Town) -> None:
    town.ingest(school("a", name="One"), school("b"), school("c"))
    before = read(town)
    town.ingest(school("a", name="Two"), school("c"), school("d"))
    run = max(row["id"] for row in town.everything()["runs"])
    with town.engine.begin() as connection:
        assert undo_run(connection, run) == {"facilities": {"removed": 1, "restored": 1, "changed": 1}}
    assert read(town) == before
    with town.engine.begin() as connection, pytest.raises(InvalidInputError, match="changed again"):
        undo_run(connection, run)
    with town.engine.begin() as connection, pytest.raises(NotFoundError, match="no load number 0"):
        undo_run(connection, 0)


def test_a_load_with_later_changes_is_not_taken_back(town: Town) -> None:
    town.ingest(school("a", name="One"))
    town.ingest(school("a", name="Two"))
    run = max(row["id"] for row in town.everything()["runs"])
    town.ingest(school("a", name="Three"))
    before = town.everything()
    with town.engine.begin() as connection, pytest.raises(InvalidInputError, match="1 features of facilities"):
        undo_run(connection, run)
    assert town.everything() == before


def test_a_change_report_adds_up(town: Town) -> None:
    short, long = ((LON, LAT), (LON + 0.01, LAT)), ((LON, LAT), (LON + 0.02, LAT))
    town.ingest(
        street("gone", *short),
        street("same", *short),
        street("moved", *short),
        street("renamed", *short),
        layers=("roads",),
    )
    since = now(town)
    town.ingest(
        street("same", *short),
        street("moved", *long, name="Longer"),
        street("renamed", *short, name="New", road_class="primary"),
        street("new", *long),
        layers=("roads",),
    )
    with town.engine.connect() as connection:
        report = changes(connection, "roads", since=since, territory=town.id)
    by_id = {source_id: row["id"] for source_id, row in town.features("roads").items()}
    rows = report.features
    kinds = {source_id: rows["change"].get(number) for source_id, number in by_id.items()}
    assert kinds == {"same": None, "moved": "geometry", "renamed": "attributes", "new": "added"}
    assert (rows["change"] == "removed").sum() == 1
    renamed = rows.loc[by_id["renamed"]]
    assert renamed["changed"] == ["road_class", "name"]
    assert renamed["before"] == {"road_class": "residential", "name": None}
    totals = report.totals.loc["all"]
    assert totals["features_before"] + totals["added"] - totals["removed"] == totals["features_after"] == 4
    metres = shapely.length(shapely.LineString(short)) / 0.01 * 656.6
    assert totals["length_m_before"] == pytest.approx(4 * metres, rel=0.01)
    assert totals["length_m_after"] == pytest.approx(6 * metres, rel=0.01)
    assert report.totals.loc["primary", "features_after"] == 1
    drawn = report.map(lang="be").get_root().render()
    assert "Дададзена" in drawn


def test_two_versions_of_a_source_are_compared_by_their_loads(town: Town) -> None:
    for names, source in (("ab", "given"), ("xyz", "other"), ("bc", "given")):
        town.ingest(*(school(name) for name in names), source=source)
    first, other, second = sorted(row["id"] for row in town.everything()["runs"])
    with town.engine.connect() as connection:
        report = changes(connection, "facilities", **versions_of_source(connection, first, second)._asdict())
        assert sorted(report.features["change"]) == ["added", "removed"]
        assert report.totals.loc["all", ["features_before", "features_after"]].tolist() == [2, 2]
        with pytest.raises(NotFoundError):
            versions_of_source(connection, first, 0)
        with pytest.raises(InvalidInputError, match="no versions of one source: given of town, other of town"):
            versions_of_source(connection, first, other)


def test_nothing_changed_is_an_empty_report(town: Town) -> None:
    town.ingest(school("a"))
    moment = now(town)
    town.ingest(school("a"))
    with town.engine.connect() as connection:
        report = changes(connection, "facilities", since=moment, territory=town.id)
        assert report.features.empty
        assert "nothing to show" in report.map().get_root().render()
        with pytest.raises(InvalidInputError, match="time zone"):
            changes(connection, "facilities", since=dt.datetime(2024, 1, 1))  # noqa: DTZ001
        with pytest.raises(InvalidInputError, match="must lie before"):
            changes(connection, "facilities", since=moment, until=moment)


def test_the_present_is_read_as_if_there_were_no_history(town: Town) -> None:
    town.ingest(*(record("facilities", str(n), shapely.Point(LON + n / 1e4, LAT), kind="school") for n in range(200)))
    with town.engine.connect() as connection:
        plan = "\n".join(
            row[0]
            for row in connection.exec_driver_sql(
                "EXPLAIN SELECT * FROM facilities WHERE geom && ST_MakeEnvelope(27.55, 53.89, 27.56, 53.91, 4326)"
            )
        )
    assert "history" not in plan


def test_with_a_territory_its_history_is_forgotten(town: Town) -> None:
    town.ingest(school("a"))
    town.ingest(school("b"))
    forget(town.engine, town.id)
    with town.engine.connect() as connection:
        kept = connection.execute(text("SELECT count(*) FROM history.facilities WHERE territory = 'town'"))
        assert kept.scalar() == 0


def test_history_cannot_be_cut_short(town: Town) -> None:
    town.ingest(school("a"))
    with pytest.raises(Exception, match="would leave no history"), town.engine.begin() as connection:
        connection.execute(text("TRUNCATE facilities CASCADE"))
