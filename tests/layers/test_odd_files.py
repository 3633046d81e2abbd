"""Files as people hand them over: odd, but clear enough to be read, or to be told what is wrong with them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
from samples import schools
from town import LAT, LON, Town

from geo.errors import HoradError
from layers.sources.tabular.places import numbers


def feature(x: Any = LON, y: Any = LAT) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [x, y]}
    return {"type": "Feature", "geometry": point, "properties": {"kind": "school"}}


def collection(*features: dict[str, Any]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


def kml(coordinates: str) -> str:
    return f"<kml><Placemark><name>A</name><Point><coordinates>{coordinates}</coordinates></Point></Placemark></kml>"


def test_json_texts_of_a_sequence_may_have_many_lines(town: Town, tmp_path: Path) -> None:
    texts = [f"\x1e{json.dumps(feature(LON + nth / 1000), indent=1)}\n" for nth in range(3)]
    (tmp_path / "town.geojsons").write_text("".join(texts))
    assert town.load_one(tmp_path / "town.geojsons", "facilities").added == 3
    (tmp_path / "town.geojsons").write_text("".join(texts)[:-9])
    with pytest.raises(HoradError, match=f"cut off or damaged in line {texts[0].count(chr(10)) * 2 + 1}"):
        town.load(tmp_path / "town.geojsons", "facilities")


def test_blanks_around_the_commas_of_a_map_are_no_matter(town: Town, tmp_path: Path) -> None:
    (tmp_path / "town.kml").write_text(kml(f"\n {LON:.6f} , {LAT:.6f},0\n"))
    assert town.load_one(tmp_path / "town.kml", "organisations").added == 1
    (tmp_path / "town.kml").write_text(kml("somewhere"))
    assert town.load(tmp_path / "town.kml", "facilities").remarks == []


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("25,496,000.5", 25_496_000.5),
        ("25.496.000,5", 25_496_000.5),
        ("25,496.5", 25_496.5),
        ("1,5", 1.5),
        ("−1.5", -1.5),
    ],
)
def test_thousands_may_be_set_apart(written: str, taken: float) -> None:
    assert numbers(pa.array([written, "here"])).tolist()[0] == taken


def test_what_is_no_coordinate_is_named(town: Town, tmp_path: Path) -> None:
    rows = [f"{LON},{LAT},school", f"27d33m,{LAT},school", f",{LAT},school", f"NULL,{LAT},school"]
    (tmp_path / "town.csv").write_text("\n".join(["lon,lat,kind", *rows]))
    report = town.load_one(tmp_path / "town.csv", "facilities")
    assert (report.added, report.rejected) == (1, {"no coordinates": 2, "'27d33m' is no coordinate": 1})


def test_one_column_is_not_both_coordinates(town: Town, tmp_path: Path) -> None:
    (tmp_path / "town.csv").write_text(f"lon lat kind\n{LON} {LAT} school\n")
    with pytest.raises(HoradError, match="Which columns hold the coordinates can't be told"):
        town.load(tmp_path / "town.csv", "facilities")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (b"{broken", "can't be read: Invalid JSON"),
        (b"[]", "can't be read"),
        (b'{"columns": {"geometry": "WKB"}}', r"can't be read: columns\.geometry"),
        (b'{"primary_column": "geometry", "columns": {"geometry": {"bbox": [null]}}}', r"columns\.geometry\.bbox"),
        (b'{"primary_column": "geometry", "columns": {"geometry": {"encoding": "point"}}}', "aren't encoded as point"),
    ],
)
def test_what_a_parquet_file_says_of_its_geometries_may_be_wrong(
    town: Town, tmp_path: Path, told: bytes, why: str
) -> None:
    file = tmp_path / "town.parquet"
    schools("EPSG:4326").to_parquet(file)
    pq.write_table(pq.read_table(file).replace_schema_metadata({b"geo": told}), file)
    with pytest.raises(HoradError, match=why):
        town.load(file, "facilities")


def test_a_crs_without_a_place_on_earth_is_none(town: Town, tmp_path: Path) -> None:
    pyogrio.write_dataframe(schools(), tmp_path / "town.gpkg", layer="facilities")
    with sqlite3.connect(tmp_path / "town.gpkg") as database:
        database.execute("UPDATE gpkg_geometry_columns SET srs_id = -1")
        database.execute("UPDATE gpkg_contents SET srs_id = -1")
    database.close()
    with pytest.raises(HoradError, match=r"town\.gpkg doesn't say in which CRS its coordinates are"):
        town.load(tmp_path / "town.gpkg", "facilities")
    assert town.load_one(tmp_path / "town.gpkg", "facilities", crs="EPSG:32635").added


def test_what_gdal_thinks_of_single_features_is_told_with_their_rejection(
    town: Town, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "town.geojson"
    file.write_text(collection(feature(), feature(str(LON)), feature([]), feature()))
    assert town.load_one(file, "facilities").rejected == {"there is no geometry that can be read": 2}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("town.geojson", "[]", r"town\.geojson is a list, and GeoJSON an object"),
        ("town.csv", "<!DOCTYPE html><p>404", r"town\.csv is no table of text, though it is called so"),
        ("town.txt", '{"type": "FeatureCollection"}', r"town\.txt is no table of text, though it is called so"),
        ("town.zip", "lon,lat", r"town\.zip isn't packed, though it is called so"),
        (
            "town.geojson",
            '{"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "EPSG:999999"}}}',
            r"town\.geojson names a CRS that isn't known, 'EPSG:999999'",
        ),
        ("town.osc", "<osmChange/>", r"town\.osc holds changes of OpenStreetMap.*osmium apply-changes"),
        ("town.osc.gz", "", r"town\.osc\.gz holds changes of OpenStreetMap"),
    ],
)
def test_what_a_file_is_instead_is_told(town: Town, tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(HoradError, match=told):
        town.load(tmp_path / name, "facilities")
