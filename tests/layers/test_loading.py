"""Where a territory's sources are found, and when they are read again."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from openstreetmap import node, way, write, xml
from town import LAT, LON, PLACE, Town
from web import Asked, Reply, web

from geo.errors import InvalidInputError
from layers.custom.custom import drop_layer
from layers.custom.files import load_custom
from layers.errors import NotFoundError, SourceError
from layers.loads.loading import Outcome, load_file, load_territory
from layers.settings import get_settings
from layers.territories.packs import Territory
from layers.territories.territory import register

SHOP = xml(node(1, 0, 0, {"shop": "bakery"})).encode()


def pack(*places: dict[str, str], attribution: str = "the test") -> Territory:
    """The town, with an OpenStreetMap file as its source."""
    source = {
        "id": "osm",
        "title": {"be": "О", "ru": "О", "en": "O"},
        "attribution": attribution,
        "kind": "osm",
        "places": places,
    }
    return Territory.model_validate({**PLACE.model_dump(), "sources": [source]})


def load(town: Town, *places: dict[str, str], **options: Any) -> Outcome:
    [outcome] = load_territory(town.engine, pack(*places, **options))
    return outcome


def test_a_source_is_read_again_only_when_it_or_its_description_changes(town: Town, data_folder: Path) -> None:
    place = {"data": "town.osm"}
    write(data_folder / "town.osm", node(1, 0, 0, {"shop": "bakery"}))
    assert load(town, place).report is not None
    again = load(town, place)
    assert (again.report, again.note) == (None, "unchanged since the last load of town.osm")
    assert load(town, place, attribution="somebody else").report is not None
    write(data_folder / "town.osm", node(1, 0, 0, {"shop": "butcher"}))
    changed = load(town, place, attribution="somebody else").report
    assert changed is not None
    assert changed.layers["businesses"].changed == 1


def test_a_source_of_which_nothing_is_taken_is_told_and_read_again(town: Town, data_folder: Path) -> None:
    write(data_folder / "town.osm", node(1), node(2, 1, 1), way(3, [1, 2], {"building": "yes"}))
    for _ in range(2):
        outcome = load(town, {"data": "town.osm"})
        assert outcome.note == "nothing was taken from town.osm: its only record was rejected"
        assert outcome.error is not None
        assert outcome.report is not None
        assert outcome.report.layers["buildings"].rejected


def test_a_source_that_is_nowhere_is_told_with_its_places(town: Town, data_folder: Path) -> None:
    outcome = load(
        town,
        {"data": "town.osm"},
        {"package": "pyrosm", "path": "data/Atlantis.osm.pbf"},
        {"package": "no_such_package", "path": "a.osm"},
        {"url": "http://127.0.0.1:9/town.osm"},
    )
    assert outcome.report is None
    for what in ("town.osm in", "data/Atlantis.osm.pbf of the package pyrosm", "no_such_package", "http://127.0.0.1:9"):
        assert what in outcome.note
    assert town.features("businesses") == {}


def test_what_is_on_this_machine_goes_before_the_web(town: Town, data_folder: Path, private_addresses: object) -> None:
    write(data_folder / "town.osm", node(1, 0, 0, {"shop": "bakery"}))
    with web(lambda _: Reply(SHOP)) as served:
        assert load(town, {"url": f"{served.url}/town.osm"}, {"data": "town.osm"}).report is not None
    assert served.asked == []


def test_a_file_from_the_web_is_loaded_again_only_when_it_has_changed(town: Town, private_addresses: object) -> None:
    files = {"1": SHOP, "2": xml(node(1, 0, 0, {"shop": "butcher"})).encode()}
    there = "1"

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == there:
            return Reply(status=304, length=None)
        return Reply(files[there], headers={"ETag": there})

    with web(answer) as served:
        place = {"url": f"{served.url}/town.osm"}
        assert load(town, place).report is not None
        assert load(town, place).note == "unchanged since the last load of town.osm"
        there = "2"
        changed = load(town, place).report
    assert changed is not None
    assert changed.layers["businesses"].changed == 1
    assert served.paths == ["/town.osm"] * 3


def test_a_download_that_is_cut_off_is_not_taken_for_the_file(town: Town, private_addresses: object) -> None:
    with web(lambda _: Reply(SHOP[:60], length=len(SHOP))) as served:
        outcome = load(town, {"url": f"{served.url}/cut.osm"})
    assert outcome.report is None
    assert "cut.osm" in outcome.note
    assert not list((get_settings().home / "downloads").rglob("cut.osm*"))


def test_a_place_on_this_machine_is_not_asked_through_the_web(town: Town) -> None:
    with web(lambda _: Reply(SHOP)) as served:
        outcome = load(town, {"url": f"{served.url}/town.osm"})
    assert "HORAD_ALLOW_PRIVATE_ADDRESSES" in outcome.note
    assert served.asked == []


def test_what_cant_be_loaded_is_told(town: Town, tmp_path: Path) -> None:
    text = tmp_path / "points.docx"
    text.write_bytes(b"PK is no archive")
    map_file = write(tmp_path / "town.osm", node(1))
    with pytest.raises(SourceError, match=r"points.docx is of a kind that can't be loaded.*\.gpkg"):
        town.load(text, "facilities")
    with pytest.raises(InvalidInputError, match="no rule for the layer incidents"):
        town.load(map_file, "roads", "incidents")
    with pytest.raises(NotFoundError, match="no layer 'streets'"):
        town.load(map_file, "streets")
    with pytest.raises(SourceError, match="is a folder"):
        town.load(tmp_path)


def test_times_without_a_zone_are_of_the_territory(town: Town, tmp_path: Path) -> None:
    zoned = Territory.model_validate({**PLACE.model_dump(), "timezone": "Europe/Minsk"})
    with town.engine.begin() as connection:
        register(connection, zoned)
    table = tmp_path / "town.csv"
    table.write_text(f"id,lon,lat,category,occurred_at\n1,{LON},{LAT},fire,2024-05-01T10:20\n")
    load_file(town.engine, table, territory=town.id, source="fires", layers=["incidents"])
    load_custom(town.engine, table, name="fires", territory=town.id)
    try:
        moments = {town.features(each)["1"]["occurred_at"] for each in ("incidents", "custom_fires")}
    finally:
        drop_layer(town.engine, "fires")
    assert moments == {dt.datetime(2024, 5, 1, 7, 20, tzinfo=dt.UTC)}
