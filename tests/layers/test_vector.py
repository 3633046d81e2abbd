"""Vector files: made by another writer, in another CRS, with the flaws such files have."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pytest
import shapely
from town import LAT, LON, Town, accounted

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.sources.geometry import wkb
from layers.sources.geometry.coordinates import Placer

METRIC = "EPSG:3879"


def points(count: int, *, crs: str | None = "EPSG:4326", **columns: Any) -> gpd.GeoDataFrame:
    places = [shapely.Point(LON + nth % 40 / 1000, LAT + nth // 40 / 10000) for nth in range(count)]
    return gpd.GeoDataFrame({"kind": ["school"] * count, **columns}, geometry=places, crs=crs)


def write(frame: pd.DataFrame, file: Path, **options: Any) -> Path:
    pyogrio.write_dataframe(frame, file, **options)
    return file


def geojson(file: Path, *features: tuple[dict[str, Any] | None, dict[str, Any]]) -> Path:
    listed = [{"type": "Feature", "geometry": geometry, "properties": properties} for geometry, properties in features]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": listed}))
    return file


def point(x: float = LON, y: float = LAT) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


def zipped_shapefile(frame: gpd.GeoDataFrame, folder: Path) -> Path:
    (folder / "parts").mkdir()
    write(frame, folder / "parts" / "town.shp", encoding="UTF-8")
    packed = folder / "town.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for part in (folder / "parts").iterdir():
            archive.write(part, part.name)
    return packed


@pytest.mark.parametrize("kind", ["gpkg", "geojson", "fgb", "zip"])
def test_features_come_in_from_a_metric_crs(town: Town, tmp_path: Path, kind: str) -> None:
    frame = points(3, name=["Школа", "School", None], capacity=[600, None, 40], ward=["a", "b", "c"]).to_crs(METRIC)
    file = zipped_shapefile(frame, tmp_path) if kind == "zip" else write(frame, tmp_path / f"town.{kind}")
    report = town.load_one(file, "facilities")
    assert (report.read, report.added) == (3, 3)
    rows = sorted(town.features("facilities").values(), key=lambda row: row["wkt"])
    assert [(row["name"], row["capacity"], row["tags"]["ward"]) for row in rows] == [
        ("Школа", 600, "a"),
        ("School", None, "b"),
        (None, 40, "c"),
    ]
    for row, expected in zip(rows, points(3).geometry, strict=True):
        assert shapely.from_wkt(row["wkt"]).distance(expected) < 1e-8
    before = town.features("facilities")
    assert town.load_one(file, "facilities").unchanged == 3
    assert town.features("facilities") == before


@pytest.mark.parametrize("suffix", ["geojson", "geojsonl"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_in_other_encodings_of_unicode(town: Town, tmp_path: Path, suffix: str, encoding: str) -> None:
    utf8 = write(points(2, name=["Школа", "Ясли"]), tmp_path / f"utf8.{suffix}")
    file = tmp_path / f"town.{suffix}"
    file.write_bytes(utf8.read_text(encoding="utf-8").encode(encoding))
    report = town.load(file, "facilities")
    assert {row["name"] for row in town.features("facilities").values()} == {"Школа", "Ясли"}
    told = [] if encoding == "utf-8-sig" else [f"{file.name} is written in {encoding.upper()}"]
    assert report.remarks == told
    if told:
        file.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(SourceError, match=rf"town\.{suffix} is cut off or damaged: it begins as {encoding}"):
            town.load(file, "facilities")


def test_a_file_without_crs_needs_one_named(town: Town, tmp_path: Path) -> None:
    frame = points(1).to_crs(METRIC).set_crs(None, allow_override=True)
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        file = write(frame, tmp_path / "town.gpkg")
    with pytest.raises(InvalidInputError, match=r"town.gpkg doesn't say in which CRS .* --crs"):
        town.load(file, "facilities")
    with pytest.raises(InvalidInputError, match="EPSG:99999 is no coordinate reference system"):
        town.load(file, "facilities", crs="EPSG:99999")
    assert town.load_one(file, "facilities", crs=METRIC).added == 1
    [row] = town.features("facilities").values()
    assert shapely.from_wkt(row["wkt"]).distance(shapely.Point(LON, LAT)) < 1e-8


def test_a_wrong_crs_is_no_place_on_the_globe(town: Town, tmp_path: Path) -> None:
    frame = points(2).to_crs(METRIC).set_crs("EPSG:4326", allow_override=True)
    with pytest.raises(SourceError, match="not longitude and latitude in degrees"):
        town.load(write(frame, tmp_path / "town.gpkg"), "facilities")


def test_mixed_geometries_are_told_apart(town: Town, tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[LON, LAT], [LON + 0.01, LAT]]}
    square = [[LON, LAT], [LON + 0.01, LAT], [LON + 0.01, LAT + 0.01], [LON, LAT]]
    many = {"type": "MultiPoint", "coordinates": [[LON, LAT], [LON + 0.01, LAT]]}
    file = geojson(
        tmp_path / "town.geojson",
        (point(), {"kind": "school"}),
        (many, {"kind": "school"}),
        (line, {"kind": "school"}),
        ({"type": "Polygon", "coordinates": [square]}, {"kind": "school"}),
        (None, {"kind": "school"}),
        ({"type": "Point", "coordinates": [LON, LAT, 140]}, {"kind": "school"}),
    )
    report = town.load_one(file, "facilities")
    assert accounted(report)
    assert report.added == 3
    assert report.rejected == {"the geometry is no point": 2, "there is no geometry that can be read": 1}
    shapes = {source_id: shapely.from_wkt(row["wkt"]) for source_id, row in town.features("facilities").items()}
    assert {source_id: each.geom_type for source_id, each in shapes.items()} == {
        "0": "Point",
        "1": "MultiPoint",
        "5": "Point",
    }
    assert not shapes["5"].has_z


def test_values_take_the_types_of_the_columns(town: Town, tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {
            "network": ["water", "gas"],
            "diameter_mm": [1e-5, 2.5e16],
            "voltage_v": ["0", "110000"],
            "installed_on": pd.to_datetime(["1998-05-01", None]),
            "material": [7, 8],
        },
        geometry=[shapely.LineString([(LON, LAT), (LON + 0.01, LAT)])] * 2,
        crs="EPSG:4326",
    )
    report = town.load_one(write(frame, tmp_path / "pipes.gpkg"), "utilities")
    assert report.rejected == {}
    first, second = town.features("utilities").values()
    assert (first["diameter_mm"], second["diameter_mm"]) == (1e-5, 2.5e16)
    assert (first["voltage_v"], second["voltage_v"]) == (0, 110000)
    assert (first["installed_on"], second["installed_on"]) == (date(1998, 5, 1), None)
    assert first["material"] == "7"


def test_dates_and_times_of_geojson_are_read(town: Town, tmp_path: Path) -> None:
    file = geojson(
        tmp_path / "incidents.geojson",
        (point(), {"category": "fire", "occurred_at": "2024-03-01T10:20:30+03:00", "casualties": 2.0}),
        (point(), {"category": "fire", "occurred_at": "2024-03-01T10:20:30Z"}),
    )
    assert town.load_one(file, "incidents").added == 2
    first, second = town.features("incidents").values()
    assert first["occurred_at"] == datetime(2024, 3, 1, 7, 20, 30, tzinfo=UTC)
    assert second["occurred_at"] == datetime(2024, 3, 1, 10, 20, 30, tzinfo=UTC)
    assert first["casualties"] == 2


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (True, "capacity: 'true' is no whole number"),
        ("many", "capacity: 'many' is no whole number"),
        (1.5, "capacity: '1.5' is no whole number"),
        (2**40, f"capacity: '{2**40}' is no whole number"),
    ],
)
def test_values_that_fit_no_column_reject_the_record(town: Town, tmp_path: Path, value: object, reason: str) -> None:
    file = geojson(tmp_path / "town.geojson", (point(), {"kind": "school", "capacity": value}))
    assert town.load_one(file, "facilities").rejected == {reason: 1}
    assert town.rejects()[0]["record"]["capacity"] == str(value).replace("True", "true")


def test_ids_of_the_file_are_kept(town: Town, tmp_path: Path) -> None:
    """A gap among whole numbers must not turn them into 1.0 and 2.0, nor the row with the gap into another's."""
    whole = write(points(3, id=[2, 1, 7]), tmp_path / "whole.gpkg")
    gaps = write(points(3, id=[2, 1, None]), tmp_path / "gaps.gpkg")
    town.load(whole, "facilities")
    before = town.features("facilities")
    assert set(before) == {"1", "2", "7"}
    report = town.load_one(gaps, "facilities")
    assert (report.unchanged, report.added, report.gone, report.rejected) == (2, 1, 1, {})
    assert {"1", "2"} < set(town.features("facilities"))


def test_the_source_id_of_a_file_goes_before_its_other_ids(town: Town, tmp_path: Path) -> None:
    town.load(write(points(2, id=[1, 2], source_id=["w5", "w6"]), tmp_path / "town.gpkg"), "facilities")
    assert set(town.features("facilities")) == {"w5", "w6"}


def test_of_several_tables_the_one_named_like_the_layer_is_read(town: Town, tmp_path: Path) -> None:
    file = write(points(1, name=["wrong"]), tmp_path / "town.gpkg", layer="sheds")
    write(points(1, name=["wrong"]), file, layer="huts", append=True)
    with pytest.raises(InvalidInputError, match=r"town.gpkg has the tables sheds, huts: .* facilities with --table"):
        town.load(file, "facilities")
    write(points(1, name=["right"]), file, layer="facilities", append=True)
    town.load(file, "facilities")
    assert [row["name"] for row in town.features("facilities").values()] == ["right"]


def test_more_features_than_one_batch_come_in(town: Town, tmp_path: Path) -> None:
    assert town.load_one(write(points(10_001), tmp_path / "town.fgb"), "facilities").added == 10_001


def test_a_file_that_cant_be_read_changes_nothing(town: Town, tmp_path: Path) -> None:
    good = write(points(2), tmp_path / "good.gpkg")
    town.load(good, "facilities")
    before = town.everything()
    whole = good.read_bytes()
    broken = {
        "cut.gpkg": whole[: len(whole) // 2],
        "empty.gpkg": b"",
        "empty.geojson": b"",
        "cut.geojson": b'{"type": "FeatureCollection", "features": [{"type": "Feature", "geome',
        "list.json": b"[1, 2]",
        "text.fgb": b"This is no map.",
        "empty.zip": b"",
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=name):
            town.load(tmp_path / name, "facilities")
    table = write(pd.DataFrame({"kind": ["school"]}), tmp_path / "table.gpkg")
    with pytest.raises(SourceError, match=r"table.gpkg has no table with a geometry"):
        town.load(table, "facilities")
    assert town.everything() == before


def test_features_of_geojson_that_share_a_number_are_told(town: Town, tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [LON, LAT]}
    features = [
        {"type": "Feature", "id": number, "properties": {"kind": "school", "nr": nth}, "geometry": point}
        for nth, number in enumerate((1, 1, 2))
    ]
    file = tmp_path / "town.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    with pytest.raises(SourceError, match=r"Several features of town\.geojson have the id 1.*--key"):
        town.load(file, "facilities")
    town.load(file, "facilities", key="nr")
    assert set(town.features("facilities")) == {"0", "1", "2"}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features[1:]}))
    town.load(file, "facilities")
    assert set(town.features("facilities")) == {"1", "2"}


_SQUARE = shapely.box(27, 53, 28, 54)
_UNCLOSED = shapely.to_wkb(_SQUARE)[:9] + b"\x04\0\0\0" + shapely.to_wkb(_SQUARE)[13:-16]
_AS_THEY_STAND = (_SQUARE, shapely.LineString([(27, 53), (28, 54)]), shapely.MultiPoint([(27, 53), (28, 54)]))
_OTHERWISE = {
    "of the other order of bytes": shapely.to_wkb(_SQUARE, byte_order=0),
    "with heights": shapely.to_wkb(shapely.LineString([(27, 53, 1), (28, 54, 2)])),
    "with a number of its CRS": shapely.to_wkb(shapely.set_srid(_SQUARE, 4326), include_srid=True),
    "a collection of one kind": shapely.to_wkb(shapely.GeometryCollection([_SQUARE])),
    "an open ring": _UNCLOSED,
    "across the antimeridian": shapely.to_wkb(shapely.box(179, 53, 181, 54)),
    "without a number": shapely.to_wkb(shapely.LineString([(27, 53), (28, 54)]))[:-8] + np.float64("nan").tobytes(),
    "cut off": shapely.to_wkb(_SQUARE)[:-8],
    "nothing": None,
    "empty": shapely.to_wkb(shapely.Polygon()),
}


@pytest.mark.parametrize("last", [None, *_OTHERWISE], ids=str)
def test_geometries_are_written_anew_only_where_that_changes_them(last: str | None) -> None:
    given = [*map(shapely.to_wkb, _AS_THEY_STAND), *([_OTHERWISE[last]] if last else [])]
    values = pa.array([b"before", *given], pa.binary())[1:]
    placer = Placer("EPSG:4326")
    found, anew = placer.well_known(values), placer.geometries(wkb.read(values))
    assert found.wkb.to_pylist() == anew.wkb.to_pylist()
    assert found.problems == anew.problems
    assert (found.wkb is values) is (last in (None, "empty"))
