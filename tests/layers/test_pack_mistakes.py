"""Mistakes in a territory's file are told at their places, and files that are none."""

from __future__ import annotations

from typing import Any

import pytest
from hamlets import TITLES, Hamlet, described, source

from layers.sources.places import Place
from layers.territories.adapting import adapt
from layers.territories.packs import read_pack

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
    "points for a layer of polygons": (
        {"sources": [source(layer="population", columns={"total": {"from": "seats"}})]},
        {"sources.schools": "the layer population is made of polygons, and its first features of Point"},
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
