"""``horad adapt``: a file that nobody has seen before is checked, rehearsed and loaded, and its mistakes are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine
from town import forget

from api.cli import main
from geo.errors import InvalidInputError
from layers import store
from layers.adapting import Adaptation, adapt, check_pack
from layers.catalog import all_layers
from layers.city import City
from layers.errors import NotFoundError, SourceError
from layers.packs import Territory, read_pack
from layers.runner import run
from layers.sources.places import Place
from layers.territory import find_territory

TITLES = {"be": "Паселішча", "ru": "Посёлок", "en": "Hamlet"}
BOX = [27.50, 53.88, 27.60, 53.92]
SCHOOLS = "nr;lon;lat;name;seats\n1;27.51;53.90;First;100\n2;27.52;53.90;Second;200\n3;27.53;53.91;Third;\n"
OSM = """<osm version="0.6"><node id="1" lat="53.9" lon="27.55"><tag k="shop" v="bakery"/></node></osm>"""
OUTLINE = [[[27.5, 53.88], [27.6, 53.88], [27.6, 53.92], [27.5, 53.88]]]


def source(**words: Any) -> dict[str, Any]:
    """A table of schools beside the territory's file."""
    return {
        "id": "schools",
        "title": TITLES,
        "attribution": "the town",
        "kind": "table",
        "layer": "facilities",
        "places": [{"file": "schools.csv"}],
        "key": "nr",
        "columns": {
            "kind": {"constant": "school"},
            "name": {"from": "name"},
            "capacity": {"from": "seats"},
        },
        **words,
    }


def described(**words: Any) -> dict[str, Any]:
    return {
        "id": "hamlet",
        "title": TITLES,
        "metric_crs": "EPSG:32635",
        "boundary": BOX,
        "sources": [source()],
        **words,
    }


class Hamlet:
    """A folder with the file of a territory and the files of its sources."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.file = folder / "hamlet.yml"
        self.put("schools.csv", SCHOOLS)

    def put(self, name: str, content: str | dict[str, Any]) -> Path:
        file = self.folder / name
        text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        file.write_text(text, encoding="utf-8")
        return file

    def read(self, **words: Any) -> Territory:
        return read_pack(str(self.put("hamlet.yml", described(**words))))

    def adapt(self, *, rehearse: bool = False, **words: Any) -> Adaptation:
        return adapt(self.engine, self.read(**words), folder=self.folder, rehearse=rehearse)

    def check(self, content: str | dict[str, Any] | None = None, **words: Any) -> dict[str, str]:
        """What is wrong in a file, by its place."""
        self.put("hamlet.yml", content if content is not None else described(**words))
        return {each.path: f"line {each.line}: {each.text}" for each in check_pack(str(self.file), {"belarus"})}

    def counts(self, territory: str = "hamlet") -> dict[str, int]:
        with self.engine.connect() as connection:
            counted = {name: store.count(connection, name, store.Query(territory=territory)) for name in all_layers()}
        return {name: number for name, number in counted.items() if number}

    def known(self, territory: str = "hamlet") -> dict[str, Any]:
        with self.engine.connect() as connection:
            return find_territory(connection, territory)


@pytest.fixture
def hamlet(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hamlet]:
    monkeypatch.setenv("COLUMNS", "200")
    yield Hamlet(engine, tmp_path)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE territories SET parent = NULL WHERE id IN ('hamlet', 'shire')")
    for name in ("hamlet", "shire", "realm"):
        forget(engine, name)


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


MISTAKES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "nothing": ({}, {}),
    "a setting misspelt": ({"tittle": TITLES}, {"tittle": "there is no such setting; did you mean title?"}),
    "a setting of a source misspelt": (
        {"sources": [source(colums={})]},
        {"sources.schools.colums": "did you mean columns?"},
    ),
    "no such kind": ({"sources": [source(kind="csv")]}, {"sources.schools": "kind must be one of"}),
    "no title": ({"sources": [{**source(), "title": {"en": "A"}}]}, {"sources.schools.title": "needs a text in each"}),
    "a parent that nobody knows": ({"parent": "atlantis"}, {"parent": "there is no territory atlantis"}),
    "its own parent": ({"parent": "hamlet"}, {"": "can't be its own parent"}),
    "latitude before longitude": (
        {"boundary": [53.88, 27.50, 53.92, 27.60]},
        {"metric_crs": "EPSG:32639 would do there"},
    ),
    "a CRS of elsewhere": ({"metric_crs": "EPSG:2056"}, {"metric_crs": "EPSG:32635 would do there"}),
    "Web Mercator": ({"metric_crs": "EPSG:3857"}, {"metric_crs": "off by 7"}),
    "a CRS in degrees": ({"metric_crs": "EPSG:4326"}, {"metric_crs": "must be a projected EPSG system in metres"}),
    "no such zone": ({"timezone": "Minsk"}, {"timezone": "write its IANA name"}),
    "a language of elsewhere": ({"languages": ["de"]}, {"languages": "be, ru, en"}),
    "an unknown norm": (
        {"norms": {"schools": {"value": 1, "source": "x"}}},
        {"norms": "there is no norm schools; the norms are"},
    ),
    "a norm without a source": (
        {"norms": {"school_distance_m": {"value": 1}}},
        {"norms.school_distance_m.source": "is missing"},
    ),
    "an unknown layer switched off": ({"layers": {"without": ["streets"]}}, {"layers": "there is no layer streets"}),
    "an unknown analysis": ({"analyses": {"only": ["magic"]}}, {"analyses": "there is no analysis magic"}),
    "a layer filled and switched off": (
        {"layers": {"without": ["facilities"]}},
        {"sources.schools": "it fills the layer facilities, which is switched off"},
    ),
    "restricted of nothing": ({"restricted": ["streets"]}, {"restricted": "there is no layer streets"}),
    "an outline that crosses itself": (
        {"boundary": {"type": "Polygon", "coordinates": [[[27, 53], [28, 54], [28, 53], [27, 54], [27, 53]]]}},
        {"boundary": "Self-intersection"},
    ),
    "an outline of nothing": ({"boundary": {"type": "Polygon", "coordinates": [[1]]}}, {"boundary": "make no Polygon"}),
    "a file outside of the data folder": (
        {"sources": [source(places=[{"data": "../../etc/passwd"}])]},
        {"sources.schools.places.0": "within the data folder"},
    ),
    "a file that is nowhere": (
        {"sources": [source(places=[{"file": "schools.xlsx"}])]},
        {"sources.schools": "none of its places has it"},
    ),
    "a column that the file doesn't have": (
        {"sources": [source(key="number")]},
        {"sources.schools": "it has nr, lon, lat, name, seats"},
    ),
    "a column that is written differently": (
        {"sources": [source(columns={"kind": {"from": "Name"}})]},
        {"sources.schools": "has no column Name; did you mean name?"},
    ),
    "a column that the layer doesn't have": (
        {"sources": [source(columns={"kind": {"constant": "school"}, "seats": {"from": "seats"}})]},
        {"sources.schools.columns.seats": "the layer facilities has no column seats to fill"},
    ),
    "a column that every feature needs": (
        {"sources": [source(columns={"name": {"from": "name"}})]},
        {"sources.schools.columns": "every feature of the layer facilities needs kind"},
    ),
    "nothing that fits by its name": (
        {"sources": [{name: each for name, each in source().items() if name != "columns"}]},
        {"sources.schools": "needs kind, which nothing in it fills"},
    ),
    "one coordinate": ({"sources": [source(x="lon")]}, {"sources.schools": "needs both x and y"}),
    "coordinates that are none in a CRS": (
        {"sources": [source(crs="EPSG:3879")]},
        {"sources.schools": "3 since the coordinates lie outside EPSG:3879"},
    ),
    "coordinates of another CRS": (
        {"sources": [source(crs="EPSG:3857")]},
        {"sources.schools": "all of its first 3 features lie elsewhere"},
    ),
    "a lookup that knows none": (
        {"sources": [source(columns={"kind": {"from": "name", "lookup": {"A": "school"}}})]},
        {"sources.schools": "none of its first 3 rows can be taken"},
    ),
    "a filter that leaves nothing": (
        {"sources": [source(filter={"column": "seats", "equals": 1})]},
        {"sources.schools": "no row of it is taken: 3 left out by the filter"},
    ),
    "two sources of one id": ({"sources": [source(), source()]}, {"sources": "more than one has schools"}),
}  # fmt: skip


@pytest.mark.parametrize(("change", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_at_its_place(hamlet: Hamlet, change: dict[str, Any], told: dict[str, str]) -> None:
    found = hamlet.check(**change)
    assert set(found) == set(told)
    for place, words in told.items():
        assert words in found[place]
        assert place == "" or found[place].startswith("line ")


def test_all_mistakes_are_told_at_once_with_their_lines(hamlet: Hamlet) -> None:
    found = hamlet.check(
        """\
id: hamlet
title: {en: Hamlet, ru: Посёлок, be: Паселішча}
metric_crs: EPSG:99999
boundary: [27.50, 53.88, 27.60]
timezone: Minsk
sources:
  - id: schools
    title: {en: S, ru: Ш, be: Ш}
    attribution: the town
    kind: table
    layer: facilites
    places: [{file: schools.csv}]
    columns:
      kind: {constant: school}
      capacity: {from: seats, factr: 2}
  - kind: osm
    places: []
"""
    )
    lines = {place: text.partition(":")[0] for place, text in found.items()}
    assert lines == {
        "metric_crs": "line 3",
        "boundary.3": "line 4",
        "timezone": "line 5",
        "sources.schools.layer": "line 11",
        "sources.schools.columns.capacity.factr": "line 15",
        "sources.1.id": "line 16",
        "sources.1.title": "line 16",
        "sources.1.attribution": "line 16",
        "sources.1.places": "line 17",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: [", "is no YAML"),
        ("id: a\nid: b\n", "id stands twice, first in line 1"),
        ("id: a\n\ttitle: b\n", "is no YAML"),
        ("", "must be a valid dictionary"),
        ("- a\n", "must be a valid dictionary"),
        ("a: &a [*a]\n", "a"),
        ("title: !!python/object/apply:os.system ['true']\n", "is no YAML"),
    ],
)
def test_a_file_that_is_none_is_told(hamlet: Hamlet, text: str, said: str) -> None:
    found = hamlet.check(text)
    assert found
    assert said in " ".join(f"{place} {words}" for place, words in found.items())


def test_words_that_other_readers_of_yaml_take_for_something_else(hamlet: Hamlet) -> None:
    """By YAML 1.1 no is false, 12:30 is 750, and 010 is eight."""
    hamlet.put("schools.csv", "nr;lon;lat;name;seats\n1;27.51;53.90;no;010\n2;27.51;53.90;12:30;010\n")
    hamlet.put(
        "hamlet.yml",
        """\
id: hamlet
title: {en: Hamlet, ru: Посёлок, be: Паселішча}
metric_crs: EPSG:32635
boundary: [27.50, 53.88, 27.60, 53.92]
sources:
  - id: schools
    title: {en: S, ru: Ш, be: Ш}
    attribution: the town
    kind: table
    layer: facilities
    places: [{file: schools.csv}]
    columns:
      kind: {from: name, lookup: {no: closed, 12:30: open}}
      name: {from: seats, lookup: {010: ten}}
""",
    )
    adapt(hamlet.engine, read_pack(str(hamlet.file)))
    with hamlet.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT kind, name FROM facilities WHERE territory = 'hamlet' ORDER BY 1"
        ).all()
    assert rows == [("closed", "ten"), ("open", "ten")]


def test_a_file_beside_the_territorys_is_found_from_anywhere(hamlet: Hamlet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hamlet.folder)
    hamlet.put("hamlet.yml", described())
    assert read_pack("hamlet.yml").sources[0].places[0].local_file() == hamlet.folder / "schools.csv"  # type: ignore[union-attr]
    assert Place.model_validate({"file": "a.csv"}).local_file() is None


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
