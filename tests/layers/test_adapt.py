"""``horad adapt``: a file that nobody has seen before is rehearsed and loaded, again and again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hamlets import BOX, OSM, OUTLINE, SCHOOLS, TITLES, Hamlet, described, source

from api.cli.main import main
from geo.errors import InvalidInputError
from layers.city import City
from layers.errors import NotFoundError, SourceError
from layers.processes.runner import run
from layers.reading import store
from layers.territories.adapting import adapt
from layers.territories.packs import Territory, read_pack


def test_a_territory_is_created_with_its_sources(hamlet: Hamlet) -> None:
    done = hamlet.adapt()
    assert (done.territory, done.is_new, done.changes, done.failed) == ("hamlet", True, [], [])
    [outcome] = done.outcomes
    assert outcome.report is not None
    assert outcome.report.layers["facilities"].added == 3
    assert hamlet.counts() == {"facilities": 3}
    assert hamlet.known()["attribution"] == {"schools": "the town"}


def test_doing_it_again_changes_nothing(hamlet: Hamlet) -> None:
    hamlet.adapt()
    with hamlet.engine.connect() as connection:
        before = store.versions(connection)
    again = hamlet.adapt()
    assert (again.is_new, again.changes, again.removed) == (False, [], {})
    assert [each.note for each in again.outcomes] == ["unchanged since the last load of schools.csv"]
    with hamlet.engine.connect() as connection:
        assert store.versions(connection) == before


def test_what_changes_is_told(hamlet: Hamlet) -> None:
    hamlet.adapt()
    hamlet.put("schools.csv", SCHOOLS.replace("Second", "Other").replace("3;", "4;"))
    changed = hamlet.adapt(kind="district", view=BOX, sources=[source(attribution="us"), source(id="more", key="name")])
    assert changed.changes == [
        "kind: city → district",
        "view: nothing → [27.5, 53.88, 27.6, 53.92]",
        "source more: added",
        "source schools: described differently in attribution",
    ]
    report = changed.outcomes[0].report
    assert report is not None
    account = report.layers["facilities"]
    assert (account.added, account.changed, account.unchanged, account.gone) == (1, 1, 1, 1)


def test_a_rehearsal_tells_all_and_changes_nothing(hamlet: Hamlet) -> None:
    told = hamlet.adapt(rehearse=True)
    assert told.is_new
    assert told.outcomes[0].report is not None
    assert told.outcomes[0].report.layers["facilities"].added == 3
    assert told.outcomes[0].note == "would be loaded from schools.csv"
    with pytest.raises(NotFoundError):
        hamlet.known()
    hamlet.adapt()
    with hamlet.engine.connect() as connection:
        before = store.versions(connection)
        runs = connection.exec_driver_sql("SELECT count(*) FROM ingest_runs").scalar()
    hamlet.put("schools.csv", "nr;lon;lat;name;seats\n1;27.51;53.90;First;few\n2;27.52;53.90;Other;200\n")
    told = hamlet.adapt(rehearse=True, sources=[source(), source(id="nowhere", places=[{"file": "none.csv"}])])
    account = told.outcomes[0].report
    assert account is not None
    assert (account.layers["facilities"].changed, account.layers["facilities"].gone) == (1, 1)
    assert account.layers["facilities"].rejected == {"capacity: 'few' is no whole number": 1}
    assert told.failed == [told.outcomes[1]]
    assert told.changes == ["source nowhere: added"]
    with hamlet.engine.connect() as connection:
        assert store.versions(connection) == before
        assert connection.exec_driver_sql("SELECT count(*) FROM ingest_runs").scalar() == runs
    assert hamlet.known()["attribution"] == {"schools": "the town"}


def test_one_source_that_fails_does_not_stop_the_others(hamlet: Hamlet) -> None:
    hamlet.put("broken.csv", "nr;lon\n1;2\n")
    hamlet.put("map.osm", OSM)
    hamlet.put("cut.osm", OSM[:50])
    osm = {"id": "osm", "title": TITLES, "attribution": "OSM", "kind": "osm"}
    done = hamlet.adapt(
        sources=[
            source(id="missing", places=[{"file": "none.csv"}, {"data": "none.csv"}]),
            source(id="broken", places=[{"file": "broken.csv"}]),
            {**osm, "id": "cut", "places": [{"file": "cut.osm"}]},
            source(id="astray", crs="EPSG:3857"),
            {**osm, "places": [{"file": "map.osm"}]},
            source(),
        ]
    )
    errors = {each.source: str(each.error) for each in done.failed}
    assert set(errors) == {"missing", "broken", "cut", "astray"}
    assert "none.csv" in errors["missing"]
    assert "has no column" in errors["broken"]
    assert "cut.osm" in errors["cut"]
    assert "outside hamlet" in errors["astray"]
    assert hamlet.counts() == {"facilities": 3, "businesses": 1}


def test_what_is_no_longer_described_is_removed_and_stays_in_the_history(hamlet: Hamlet) -> None:
    hamlet.adapt(sources=[source(), source(id="more")])
    assert hamlet.counts() == {"facilities": 6}
    told = hamlet.adapt(rehearse=True)
    assert told.removed == {"more": {"facilities": 3}}
    assert told.changes == ["source more: no longer described"]
    assert hamlet.counts() == {"facilities": 6}
    assert hamlet.adapt().removed == {"more": {"facilities": 3}}
    assert hamlet.counts() == {"facilities": 3}
    assert hamlet.known()["attribution"] == {"schools": "the town"}
    with hamlet.engine.connect() as connection:
        past = "SELECT count(*) FROM history.facilities WHERE territory = 'hamlet' AND source = 'more'"
        assert connection.exec_driver_sql(past).scalar() == 3


def test_a_source_that_fills_another_layer_leaves_nothing_in_the_first(hamlet: Hamlet) -> None:
    hamlet.adapt()
    moved = hamlet.adapt(sources=[source(layer="organisations", columns={"name": {"from": "name"}})])
    assert moved.removed == {"schools": {"facilities": 3}}
    assert hamlet.counts() == {"organisations": 3}


def test_what_was_loaded_by_hand_stays(hamlet: Hamlet) -> None:
    hamlet.adapt()
    main_exit(["load", str(hamlet.put("shop.osm", OSM)), "--territory", "hamlet"])
    assert hamlet.adapt().removed == {}
    assert hamlet.counts() == {"facilities": 3, "businesses": 1}


def test_a_restricted_source_is_seen_by_members_only(hamlet: Hamlet) -> None:
    hamlet.adapt(sources=[source(restricted=True)])
    restricted = "SELECT bool_and(restricted) FROM facilities WHERE territory = 'hamlet'"
    with hamlet.engine.connect() as connection:
        assert connection.exec_driver_sql(restricted).scalar() is True
    hamlet.adapt(restricted=["facilities"])
    with hamlet.engine.connect() as connection:
        assert connection.exec_driver_sql(restricted).scalar() is False
        assert "hamlet" not in connection.exec_driver_sql("SELECT horad_open('facilities')").scalar_one()
    hamlet.adapt(restricted=["*"])
    with hamlet.engine.connect() as connection:
        assert "hamlet" not in connection.exec_driver_sql("SELECT horad_open('roads')").scalar_one()


def test_features_far_away_are_kept_where_the_file_says_so(hamlet: Hamlet) -> None:
    hamlet.put("schools.csv", SCHOOLS + "4;30.5;50.4;Kyiv;\n")
    assert hamlet.adapt().outcomes[0].report.layers["facilities"].added == 3  # type: ignore[union-attr]
    kept = hamlet.adapt(sources=[source(outside="keep")])
    assert kept.outcomes[0].report.layers["facilities"].outside == 1  # type: ignore[union-attr]
    assert hamlet.counts() == {"facilities": 4}


def test_parents_beside_the_file_are_registered_with_it(hamlet: Hamlet) -> None:
    realm = described(id="realm", kind="country", metric_crs="EPSG:3035", boundary=[20, 50, 30, 56], sources=[])
    realm["norms"] = {"school_distance_m": {"value": 500, "source": "the law"}}
    hamlet.put("realm.yml", realm)
    hamlet.put("shire.yml", described(id="shire", kind="region", parent="realm", boundary=[27, 53, 28, 54]))
    hamlet.put("clinics.csv", SCHOOLS)
    norms = {"park_distance_m": {"value": 300, "source": "the council"}}
    told = hamlet.adapt(rehearse=True, parent="shire")
    assert told.parents == ["shire", "realm"]
    with pytest.raises(NotFoundError):
        hamlet.known("shire")
    assert hamlet.adapt(parent="shire", norms=norms).parents == ["shire", "realm"]
    assert hamlet.counts("realm") == hamlet.counts("shire") == {"facilities": 3}
    adapt(hamlet.engine, read_pack(str(hamlet.folder / "shire.yml")), folder=hamlet.folder)
    assert (hamlet.counts("realm"), hamlet.counts()) == ({"facilities": 6}, {"facilities": 3})
    assert [hamlet.known(name)["metric_srid"] for name in ("realm", "shire", "hamlet")] == [3035, 32635, 32635]
    city = City("hamlet", engine=hamlet.engine)
    assert {name: norm["value"] for name, norm in city.norms.items()} == {
        "park_distance_m": 300,
        "school_distance_m": 500,
    }
    assert set(hamlet.known("realm")["norms"]) == {"school_distance_m"}


def test_territories_cant_belong_to_each_other_in_a_circle(hamlet: Hamlet) -> None:
    hamlet.put("shire.yml", described(id="shire", parent="hamlet"))
    with pytest.raises(InvalidInputError, match="can't belong to hamlet"):
        hamlet.adapt(parent="shire")
    hamlet.adapt()
    adapt(hamlet.engine, read_pack(str(hamlet.folder / "shire.yml")), folder=hamlet.folder)
    with pytest.raises(InvalidInputError, match="hamlet can't belong to shire, which belongs to hamlet already"):
        hamlet.adapt(parent="shire")
    assert hamlet.known()["parent"] is None


def test_a_boundary_is_a_box_an_outline_or_in_a_file(hamlet: Hamlet) -> None:
    area = "SELECT ST_Area(boundary) FROM territories WHERE id = 'hamlet'"

    def adapted(boundary: Any, **words: Any) -> float:
        hamlet.adapt(boundary=boundary, sources=[], **words)
        with hamlet.engine.connect() as connection:
            return float(connection.exec_driver_sql(area).scalar_one())

    assert adapted(BOX) == pytest.approx(0.004)
    assert adapted({"type": "Polygon", "coordinates": OUTLINE}) == pytest.approx(0.002)
    assert hamlet.known()["view"] == pytest.approx(BOX)
    features = [
        {"type": "Feature", "properties": {"name": name}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        for name, ring in (
            ("west", [[27.5, 53.88], [27.51, 53.88], [27.51, 53.89], [27.5, 53.89], [27.5, 53.88]]),
            ("east", [[27.6, 53.88], [27.62, 53.88], [27.62, 53.89], [27.6, 53.89], [27.6, 53.88]]),
        )
    ]
    hamlet.put("parts.geojson", json.dumps({"type": "FeatureCollection", "features": features}))
    places = [{"file": "parts.geojson"}]
    assert adapted({"places": places}) == pytest.approx(0.0003)
    assert adapted({"places": places, "where": {"name": "east"}}) == pytest.approx(0.0002)
    with pytest.raises(SourceError, match=r"parts.geojson has no feature with name = north"):
        adapted({"places": places, "where": {"name": "north"}})
    with pytest.raises(SourceError, match=r"parts.geojson has no field nom; it has name"):
        adapted({"places": places, "where": {"nom": "north"}})


def test_the_view_stands_for_a_boundary_that_cant_be_had(hamlet: Hamlet) -> None:
    missing = {"places": [{"file": "none.geojson"}]}
    with pytest.raises(SourceError, match=r"none\.geojson"):
        hamlet.adapt(boundary=missing)
    done = hamlet.adapt(boundary=missing, view=BOX)
    assert [each.source for each in done.failed] == ["boundary"]
    assert hamlet.counts() == {"facilities": 3}


def test_layers_and_analyses_can_be_switched_off(hamlet: Hamlet) -> None:
    hamlet.put("map.osm", OSM)
    osm = {"id": "osm", "title": TITLES, "attribution": "OSM", "kind": "osm", "places": [{"file": "map.osm"}]}
    hamlet.adapt(analyses={"without": ["hot-spots"]}, layers={"without": ["businesses"]}, sources=[osm, source()])
    assert hamlet.counts() == {"facilities": 3}
    assert "businesses" not in City("hamlet", engine=hamlet.engine).layers
    with pytest.raises(InvalidInputError, match="hot-spots is switched off in hamlet"):
        run(hamlet.engine, "hot-spots", {}, territory="hamlet")


def test_times_are_those_of_the_territory(hamlet: Hamlet) -> None:
    hamlet.put("fires.csv", "nr;lon;lat;at\n1;27.55;53.90;2019-07-01T12:00\n2;27.55;53.90;2019-07-01\n")
    fires = source(
        id="fires",
        layer="incidents",
        places=[{"file": "fires.csv"}],
        columns={"category": {"constant": "fire"}, "occurred_at": {"from": "at"}},
    )
    hamlet.adapt(timezone="Europe/Minsk", sources=[fires])
    with hamlet.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT source_id, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), time_precision"
            " FROM incidents WHERE territory = 'hamlet' ORDER BY 1"
        ).all()
    assert rows == [("1", "2019-07-01 09:00", "minute"), ("2", "2019-07-01 00:00", "day")]


def test_codes_may_stand_in_a_table_of_their_own(hamlet: Hamlet) -> None:
    hamlet.put("codes.csv", "code;meaning\n1;school\n2;kindergarten\n2;twice\n;none\n3;\n")
    table = {"places": [{"file": "codes.csv"}], "key": "code", "value": "meaning"}
    columns = {"kind": {"from": "nr", "lookup": "kinds"}, "name": {"from": "name"}}
    described = source(columns=columns, lookups={"kinds": table})
    report = hamlet.adapt(sources=[described]).outcomes[0].report
    assert report is not None
    assert report.layers["facilities"].rejected == {"kind: '3' of nr is not in the lookup table": 1}
    kinds = "SELECT array_agg(kind ORDER BY source_id) FROM facilities WHERE territory = 'hamlet'"
    with hamlet.engine.connect() as connection:
        assert connection.exec_driver_sql(kinds).scalar() == ["school", "kindergarten"]
    assert hamlet.adapt(sources=[described]).outcomes[0].report is None
    hamlet.put("codes.csv", "code;meaning\n1;clinic\n2;kindergarten\n3;school\n")
    changed = hamlet.adapt(sources=[described]).outcomes[0].report
    assert changed is not None
    assert (changed.layers["facilities"].changed, changed.layers["facilities"].added) == (1, 1)
    assert "no lookup table kinds" in hamlet.check(sources=[source(columns=columns)])["sources.schools"]
    wrong = {**table, "value": "means"}
    assert (
        "did you mean meaning"
        in hamlet.check(sources=[source(columns=columns, lookups={"kinds": wrong})])["sources.schools"]
    )
    gone = {**table, "places": [{"file": "none.csv"}]}
    assert "none.csv" in hamlet.check(sources=[source(columns=columns, lookups={"kinds": gone})])["sources.schools"]


def test_what_the_base_keeps_of_a_file_is_the_file(hamlet: Hamlet) -> None:
    """Whoever loads a source later reads its description from the base."""
    columns = {
        "kind": {"from": "seats", "lookup": {100: "school"}, "default": None, "empty": [0]},
        "name": {"constant": "x"},
        "capacity": {"from": ["seats", "nr"], "factor": 2},
    }
    words = {"filter": [{"column": "nr", "not_in": [7]}], "tags": "none", "key": ["nr", "name"]}
    territory = hamlet.read(sources=[source(columns=columns, **words)], timezone="Europe/Minsk", languages=["en"])
    kept = json.loads(json.dumps(territory.kept()))
    again = Territory.model_validate(kept)
    assert again == territory
    assert again.sources[0].model_dump_json() == territory.sources[0].model_dump_json()
    assert again.kept() == territory.kept()


def main_exit(arguments: list[str]) -> int:
    """Run the command; return its exit code."""
    try:
        main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_the_command_checks_rehearses_and_adapts(hamlet: Hamlet, capsys: pytest.CaptureFixture[str]) -> None:
    hamlet.put("hamlet.yml", described())
    name = str(hamlet.file)
    assert main_exit(["adapt", name, "--check"]) == 0
    assert "nothing is wrong in it" in capsys.readouterr().out
    assert main_exit(["adapt", name, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "hamlet: would be created" in out
    assert "schools: would be loaded from schools.csv" in out
    assert hamlet.counts() == {}
    assert main_exit(["adapt", name]) == 0
    assert "hamlet: created" in capsys.readouterr().out
    assert main_exit(["adapt", name]) == 0
    assert "hamlet: left as it is" in capsys.readouterr().out
    assert hamlet.counts() == {"facilities": 3}


def test_the_command_speaks_json(hamlet: Hamlet, capsys: pytest.CaptureFixture[str]) -> None:
    hamlet.put("hamlet.yml", described(sources=[source(), source(id="nowhere", places=[{"file": "none.csv"}])]))
    name = str(hamlet.file)
    assert main_exit(["adapt", name, "--check", "--json"]) == 1
    assert [each["path"] for each in json.loads(capsys.readouterr().out)["problems"]] == ["sources.nowhere"]
    assert main_exit(["adapt", name, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["territory"], told["new"], told["dry_run"]) == ("hamlet", True, False)
    assert told["sources"][0]["report"]["layers"]["facilities"]["added"] == 3
    assert "none.csv" in told["sources"][1]["error"]
    hamlet.put("hamlet.yml", described(metric_crs="EPSG:1"))
    assert main_exit(["adapt", name, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["path"] == "metric_crs"
    assert main_exit(["adapt", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "A territory of Horad"


@pytest.mark.parametrize(
    "arguments", [[], ["hamlet.yml"], ["atlantis"], ["helsinki", "--check", "--dry-run"], ["atlantis", "--check"]]
)
def test_the_command_says_what_it_needs(
    hamlet: Hamlet, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_exit(["adapt", *arguments]) == 1
    assert "Error:" in capsys.readouterr().err
