"""Rejected records: listed, exported, mended and fed again; nothing is lost and nothing told that isn't asked for."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from openstreetmap import node, way, write
from town import LAT, LON, Town, record, school, street

from geo.errors import InvalidInputError
from layers.custom.custom import drop_layer
from layers.custom.files import load_custom
from layers.errors import SourceError
from layers.loads.loading import load_territory
from layers.loads.reject_files import read_rejects, write_rejects
from layers.loads.rejects import Rejected, Which, groups, rejects, retry
from layers.territories.packs import Territory
from layers.territories.territory import register


def listed(town: Town, **choice: Any) -> dict[str, int]:
    """How many records of the town were rejected, by reason."""
    with town.engine.connect() as connection:
        return {each.reason: each.number for each in groups(connection, Which(territory=town.id, **choice))}


def rejected(town: Town, **choice: Any) -> list[Rejected]:
    with town.engine.connect() as connection:
        return list(rejects(connection, Which(territory=town.id, **choice)))


def export(town: Town, file: Path) -> int:
    with town.engine.connect() as connection:
        return write_rejects(connection, file, Which(territory=town.id))


def feed(town: Town, file: Path) -> list[Any]:
    with town.engine.connect() as connection:
        found = read_rejects(connection, file)
    return retry(town.engine, found)


def test_what_a_later_load_has_replaced_is_listed_only_by_its_number(town: Town) -> None:
    first = town.ingest(school("a"), school("b", kind=None))
    assert listed(town) == {"kind is missing": 1}
    town.ingest(street("x", (LON, LAT), (LON, LAT)), street("y", (LON, LAT), (LON + 0.1, LAT)), layers=("roads",))
    assert sum(listed(town).values()) == 2
    assert listed(town, layer="facilities") == {"kind is missing": 1}
    town.ingest(school("a"), school("b"))
    assert listed(town, layer="facilities") == {}
    assert listed(town, run=first.run) == {"kind is missing": 1}
    assert listed(town, source="another") == {}


def test_a_load_that_failed_replaces_nothing(town: Town) -> None:
    town.ingest(school("a"), school("b", kind=None))
    with pytest.raises(SourceError):
        town.ingest()
    assert listed(town) == {"kind is missing": 1}


@pytest.mark.parametrize("suffix", [".geojson", ".csv", ".json"])
def test_a_mended_export_is_fed_again_and_closes_nothing(town: Town, tmp_path: Path, suffix: str) -> None:
    town.ingest(
        school("good"),
        record("facilities", "kindless", f"POINT ({LON} {LAT})", name='Школа "№ 2"', capacity=250),
        school("far", 10, 50, name="far away"),
    )
    file = tmp_path / f"rejects{suffix}"
    assert export(town, file) == 2
    assert file.stat().st_mode & 0o077 == 0
    mend(file, "kindless", kind="school")
    [report] = feed(town, file)
    account = report.layers["facilities"]
    assert (account.read, account.added, account.gone) == (2, 1, 0)
    assert report.adds
    found = town.features("facilities")
    assert set(found) == {"good", "kindless"}
    assert (found["kindless"]["name"], found["kindless"]["capacity"]) == ('Школа "№ 2"', 250)
    assert found["kindless"]["wkt"] == f"POINT({LON} {LAT})"
    [left] = rejected(town)
    assert (left.source_id, left.run) == ("far", report.run)


def mend(file: Path, source_id: str, **values: Any) -> None:
    """Change fields of a record in an export, as its user would."""
    if file.suffix == ".csv":
        with file.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        records = rows
    else:
        rows = json.loads(file.read_text())
        records = [each["properties"] for each in rows["features"]] if file.suffix == ".geojson" else rows
    [found] = [each for each in records if each["reject_source_id"] == source_id]
    found.update(values)
    if file.suffix == ".csv":
        with file.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        file.write_text(json.dumps(rows))


def test_tags_and_odd_geometries_survive_the_way_through_a_file(town: Town, tmp_path: Path) -> None:
    bare = school("tagged", kind=None)._replace(tags={"wheelchair": "yes", "name:be": "Школа; «1»"})
    flat = record("facilities", "line", f"LINESTRING ({LON} {LAT}, {LON} {LAT})", kind="school")
    town.ingest(bare, flat, school("nan", float("nan")), school("good"))
    for suffix in (".geojson", ".csv", ".json"):
        file = tmp_path / f"rejects{suffix}"
        assert export(town, file) == 3
        with town.engine.connect() as connection:
            back = {each.source_id: each.record for each in read_rejects(connection, file)}
        assert back["tagged"]["tags"] == {"wheelchair": "yes", "name:be": "Школа; «1»"}
        assert back["line"]["geom"].startswith("LINESTRING")
        assert "nan" in back["nan"]["geom"].lower()
    mend(tmp_path / "rejects.json", "tagged", kind="school")
    feed(town, tmp_path / "rejects.json")
    assert town.features("facilities")["tagged"]["tags"]["name:be"] == "Школа; «1»"


def test_an_id_can_be_mended_too(town: Town, tmp_path: Path) -> None:
    town.ingest(school("a", name="first"), school("a", name="second"))
    file = tmp_path / "rejects.geojson"
    export(town, file)
    mend(file, "a", reject_source_id="a2")
    feed(town, file)
    assert {key: row["name"] for key, row in town.features("facilities").items()} == {"a": "first", "a2": "second"}


def test_a_retry_of_what_was_not_mended_rejects_it_again(town: Town) -> None:
    town.ingest(school("a"), school("b", kind=None))
    before = town.features("facilities")
    [report] = retry(town.engine, rejected(town))
    assert report.layers["facilities"].rejected == {"kind is missing": 1}
    assert town.features("facilities") == before
    assert [each.run for each in rejected(town)] == [report.run]


def test_a_mended_feature_outlives_a_load_of_the_source_as_it_was(town: Town) -> None:
    items = (school("a"), school("far", 10, 50))
    town.ingest(*items)
    retry(town.engine, rejected(town), outside="keep")
    assert set(town.features("facilities")) == {"a", "far"}
    account = town.ingest(*items).layers["facilities"]
    assert (account.kept, account.gone) == (1, 0)
    assert set(town.features("facilities")) == {"a", "far"}


def table_pack(town: Town, lookup: dict[str, str], **mapping: Any) -> Territory:
    source = {
        "id": "schools",
        "title": {"be": "Ш", "ru": "Ш", "en": "S"},
        "attribution": "the test",
        "kind": "table",
        "layer": "facilities",
        "key": "nr",
        "x": "east",
        "y": "north",
        "crs": "EPSG:32635",
        "places": [{"data": "schools.csv"}],
        "columns": {"kind": {"from": "art", "lookup": lookup}, "name": {"from": "title"}},
        **mapping,
    }
    with town.engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT pack FROM territories WHERE id = %s", (town.id,)).scalar_one()
    return Territory.model_validate({**row, "sources": [source]})


def test_when_the_mapping_is_mended_rejects_are_read_by_it(town: Town, data_folder: Path) -> None:
    """Coordinates of the second row are those of the town's middle in UTM."""
    (data_folder / "schools.csv").write_text(
        "nr,art,title,east,north\n1,S,One,536000,5972600\n2,G,Two,536100,5972700\n3,S,Three,,\n"
    )
    [outcome] = load_territory(town.engine, table_pack(town, {"S": "school"}))
    assert outcome.report is not None
    assert outcome.report.layers["facilities"].added == 1
    assert len(rejected(town)) == 2
    mended = table_pack(town, {"S": "school", "G": "kindergarten"})
    with town.engine.begin() as connection:
        register(connection, mended)
    [report] = retry(town.engine, rejected(town))
    assert report.layers["facilities"].added == 1
    two = town.features("facilities")["2"]
    assert (two["kind"], two["name"]) == ("kindergarten", "Two")
    assert [each.source_id for each in rejected(town)] == ["3"]


def test_coordinates_are_mended_in_the_columns_of_the_source(town: Town, data_folder: Path, tmp_path: Path) -> None:
    (data_folder / "schools.csv").write_text("nr,art,title,east,north\n1,S,One,536000,5972600\n3,S,Three,,\n")
    load_territory(town.engine, table_pack(town, {"S": "school"}))
    file = tmp_path / "rejects.csv"
    export(town, file)
    with file.open(newline="") as stream:
        rows = list(csv.reader(stream))
    rows[0] += ["east", "north"]
    rows[1] += ["536100", "5972700"]
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    feed(town, file)
    lon, lat = (float(each) for each in town.features("facilities")["3"]["wkt"][6:-1].split())
    assert (lon, lat) == (pytest.approx(LON, abs=0.01), pytest.approx(LAT, abs=0.01))


def test_an_area_of_openstreetmap_is_mended_with_its_outline(town: Town, tmp_path: Path) -> None:
    town.load(
        write(
            tmp_path / "open.osm",
            *(node(n, x, y) for n, x, y in ((1, 0, 0), (2, 1, 0), (3, 1, 1))),
            way(1, [1, 2, 3], {"building": "church", "name": "Касцёл", "building:levels": "2", "denomination": "x"}),
            way(2, [1, 2, 3, 1], {"building": "yes"}),
        ),
        "buildings",
    )
    file = tmp_path / "rejects.json"
    assert export(town, file) == 1
    mend(file, "w1", geom=f"POLYGON (({LON} {LAT}, {LON + 0.001} {LAT}, {LON} {LAT + 0.001}, {LON} {LAT}))")
    feed(town, file)
    church = town.features("buildings")["w1"]
    assert (church["name"], church["levels"], church["tags"]["denomination"]) == ("Касцёл", 2, "x")


def test_what_is_no_export_is_told(town: Town, tmp_path: Path) -> None:
    town.ingest(school("a"), school("b", kind=None))
    for name, content in {
        "a.geojson": '{"type": "FeatureCollection"}',
        "b.geojson": "[1, 2]",
        "c.json": '{"a": 1}',
        "d.json": "nonsense",
        "e.csv": 'reject,name\n"unclosed',
        "f.json": "[[1]]",
    }.items():
        file = tmp_path / name
        file.write_text(content)
        with pytest.raises((SourceError, InvalidInputError), match=name.replace(".", r"\.")):
            feed(town, file)
    for name, content in {"g.json": '[{"kind": "school"}]', "h.csv": "reject,kind\n999999999,school\n"}.items():
        file = tmp_path / name
        file.write_text(content)
        with pytest.raises(InvalidInputError, match="record 1 has no number of a reject"):
            feed(town, file)
    with pytest.raises(InvalidInputError, match=r"the suffix must be one of \.geojson, \.csv, \.json"):
        export(town, tmp_path / "rejects.xlsx")


def test_an_export_of_nothing_is_an_empty_file(town: Town, tmp_path: Path) -> None:
    for suffix in (".geojson", ".csv", ".json"):
        file = tmp_path / f"none{suffix}"
        assert export(town, file) == 0
        assert feed(town, file) == []


def test_a_file_of_which_something_was_stated_is_fed_again_by_that(town: Town, tmp_path: Path) -> None:
    table = tmp_path / "town.csv"
    table.write_text("nr;links;hoch;kind\n1;536138.43;5972535.86;school\n2;?;5972535.86;school\n")
    town.load(table, "facilities", crs="EPSG:32635", x="links", y="hoch", key="nr")
    export(town, tmp_path / "rejects.csv")
    mend(tmp_path / "rejects.csv", "2", links="536238.43")
    [report] = feed(town, tmp_path / "rejects.csv")
    assert report.layers["facilities"].added == 1


def test_a_feature_is_rejected_with_its_geometry(town: Town, tmp_path: Path) -> None:
    place = {"type": "Point", "coordinates": [LON, LAT]}
    told = [{"type": "Feature", "properties": {"kind": "school", "capacity": "many"}, "geometry": place}]
    (tmp_path / "town.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": told}))
    town.ingest(school("a"))
    town.load(tmp_path / "town.geojson", "facilities")
    export(town, tmp_path / "rejects.geojson")
    mend(tmp_path / "rejects.geojson", "0", capacity="17")
    feed(town, tmp_path / "rejects.geojson")
    mended = town.features("facilities")["0"]
    assert (mended["capacity"], mended["wkt"]) == (17, f"POINT({LON} {LAT})")


def test_a_record_of_a_custom_layer_is_fed_again(town: Town, tmp_path: Path) -> None:
    table = tmp_path / "wells.csv"
    table.write_text(f"id,lon,lat,Глубина\na,{LON},{LAT},3.5\nb,{LON},{LAT},4\n")
    load_custom(town.engine, table, name="wells", territory=town.id)
    try:
        table.write_text(table.read_text().replace(",4", ",deep"))
        load_custom(town.engine, table, name="wells", territory=town.id)
        export(town, tmp_path / "rejects.json")
        mend(tmp_path / "rejects.json", "b", Глубина="5")
        [report] = feed(town, tmp_path / "rejects.json")
        assert report.layers["custom_wells"].changed == 1
        mended = town.features("custom_wells")["b"]
        assert (mended["glubina"], mended["wkt"]) == (5.0, f"POINT({LON} {LAT})")
    finally:
        drop_layer(town.engine, "wells")
