"""Files of every format: recognised, and read with all their tables, beside an independent reader."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from samples import COUNT, FILES, METRIC, SQUARE, pack, schools, shapefile, write
from sqlalchemy import Engine
from town import LAT, LON, PLACE, Town, forget

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.loads.loading import territory_for
from layers.territories.packs import Territory
from layers.territories.territory import register


@pytest.mark.filterwarnings("ignore:.*not fully supported:RuntimeWarning", "ignore:.*:UserWarning")
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_every_format_brings_the_same(town: Town, tmp_path: Path, make: Callable[[Path], Path]) -> None:
    file = make(tmp_path)
    before = sorted(each.name for each in file.parent.iterdir())
    assert territory_for(town.engine, file) == town.id
    report = town.load_one(file, "facilities")
    assert sorted(each.name for each in file.parent.iterdir()) == before
    assert (report.read, report.added, report.rejected) == (COUNT, COUNT, {})
    rows = {row["name"]: row for row in town.features("facilities").values()}
    expected = schools("EPSG:4326")
    assert set(rows) == set(expected["name"])
    for name, capacity, share, place in expected[["name", "capacity", "share", "geometry"]].itertuples(index=False):
        row = rows[name]
        assert (row["kind"], row["capacity"], float(row["tags"]["share"])) == ("school", capacity, share)
        assert shapely.from_wkt(row["wkt"]).distance(place) < 1e-6


def test_of_several_columns_of_places_one_is_taken(town: Town, tmp_path: Path) -> None:
    frame = schools()
    frame["zone"] = gpd.GeoSeries(frame.buffer(10), crs=METRIC)
    frame.to_parquet(tmp_path / "town.parquet")
    report = town.load(tmp_path / "town.parquet", "facilities")
    assert report.remarks == ["places from geometry; zone left out, which hold places too"]
    assert "zone" not in town.features("facilities")["row 1"]["tags"]


def test_all_tables_called_like_a_layer_are_loaded_at_once(town: Town, tmp_path: Path) -> None:
    file = write(schools(), tmp_path / "town.gpkg", layer="facilities")
    write(schools(category="shop"), file, layer="Businesses", append=True)
    write(schools(), file, layer="sheds", append=True)
    report = town.load(file)
    assert {name: each.added for name, each in report.layers.items()} == {"facilities": COUNT, "businesses": COUNT}
    assert "passed over: the table sheds" in report.remarks


def test_tables_are_named_for_layers_in_their_order(town: Town, tmp_path: Path) -> None:
    file = write(schools(), tmp_path / "town.gpkg", layer="huts")
    write(schools(category="shop"), file, layer="stalls", append=True)
    report = town.load(file, "businesses", "facilities", tables=("stalls", "huts"))
    assert {name: each.added for name, each in report.layers.items()} == {"facilities": COUNT, "businesses": COUNT}
    with pytest.raises(InvalidInputError, match=r"town\.gpkg has the tables huts, stalls.*name it with --layer"):
        town.load(file)
    with pytest.raises(InvalidInputError, match=r"has no table barns; it has the tables huts, stalls"):
        town.load(file, "facilities", tables=("barns",))
    with pytest.raises(InvalidInputError, match="1 layers and 2 tables are named"):
        town.load(file, "facilities", tables=("huts", "stalls"))


def test_several_shapefiles_in_an_archive_are_its_tables(town: Town, tmp_path: Path) -> None:
    shapefile(schools(), tmp_path / "parts", "facilities", encoding="UTF-8")
    shapefile(schools(category="shop"), tmp_path / "parts", "businesses", encoding="UTF-8")
    (tmp_path / "parts" / "readme.txt").write_text("What is what")
    (tmp_path / "parts" / "__MACOSX").mkdir()
    (tmp_path / "parts" / "__MACOSX" / "._facilities.shp").write_bytes(b"no Shapefile")
    report = town.load(pack(tmp_path / "town.zip", tmp_path / "parts"))
    assert {name: each.added for name, each in report.layers.items()} == {"facilities": COUNT, "businesses": COUNT}


def test_what_is_told_of_a_table_beside_it_is_no_table(town: Town, tmp_path: Path) -> None:
    (tmp_path / "town.csv").write_text(f"lon,lat,kind\n{LON},{LAT},school\n")
    (tmp_path / "readme.txt").write_text("What is what, and who made it")
    packed = pack(tmp_path / "town.zip", tmp_path / "town.csv", tmp_path / "readme.txt")
    assert town.load_one(packed, "facilities").added == 1


@pytest.mark.parametrize("encoding", ["UTF-8", "windows-1251", "cp866", "koi8-u"])
@pytest.mark.parametrize("told", ["cpg", "language", "nothing", "system"])
def test_texts_of_shapefiles_are_read_in_their_encoding(town: Town, tmp_path: Path, encoding: str, told: str) -> None:
    names = ["Школа на улице Ленина", "Поликлиника", "Библиотека имени Коласа"] * 9
    file = shapefile(schools(name=names[:COUNT]), tmp_path / "parts", encoding=encoding)
    texts = bytearray(file.with_suffix(".dbf").read_bytes())
    languages = {"windows-1251": 0xC9, "cp866": 0x65}
    texts[29] = {"language": languages.get(encoding, 0), "system": 0x57}.get(told, 0)
    file.with_suffix(".dbf").write_bytes(texts)
    if told != "cpg":
        file.with_suffix(".cpg").unlink()
    town.load(file, "facilities")
    assert {row["name"] for row in town.features("facilities").values()} == set(names)


def test_an_encoding_of_a_shapefile_can_be_stated(town: Town, tmp_path: Path) -> None:
    file = shapefile(schools(name=["Łódź"] * COUNT), tmp_path / "parts", encoding="windows-1250")
    file.with_suffix(".cpg").unlink()
    report = town.load(file, "facilities", encoding="windows-1250")
    assert {row["name"] for row in town.features("facilities").values()} == {"Łódź"}
    assert report.remarks == []
    with pytest.raises(InvalidInputError, match="tells its encoding itself"):
        town.load(write(schools(), tmp_path / "town.gpkg"), "facilities", encoding="windows-1250")


def test_shapefiles_are_read_without_some_of_their_parts(town: Town, tmp_path: Path) -> None:
    file = shapefile(schools(), tmp_path / "parts", encoding="UTF-8")
    file.with_suffix(".shx").unlink()
    assert town.load_one(file, "facilities").added == COUNT
    assert not file.with_suffix(".shx").exists()
    file.with_suffix(".prj").unlink()
    with pytest.raises(InvalidInputError, match=r"town\.shp doesn't say in which CRS its coordinates are.*--crs"):
        town.load(file, "facilities")
    assert town.load_one(file, "facilities", crs=METRIC).unchanged == COUNT
    file.with_suffix(".dbf").unlink()
    assert town.load_one(file, "buildings", crs=METRIC).rejected == {"the geometry is no polygon": COUNT}


class DosName(zipfile.ZipInfo):
    """A member whose name is in the code page of DOS, which isn't said, as packing programs of Windows write it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        return self.filename.encode("cp866"), self.flag_bits


def test_names_in_archives_are_read_as_they_were_written(town: Town, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "town.zip", "w") as packed:
        for name in ("школы.csv", "сады.csv"):
            packed.writestr(DosName(name), f"lon,lat,kind\n{LON},{LAT},school\n")
    with pytest.raises(InvalidInputError, match=r"town\.zip has the tables сады, школы: name the one"):
        town.load(tmp_path / "town.zip", "facilities")
    assert town.load_one(tmp_path / "town.zip", "facilities", tables=("сады",)).added == 1


DRAWING = """0
SECTION
2
ENTITIES
0
LINE
5
A1
8
PIPES
10
{x}
20
{y}
11
{east}
21
{y}
0
TEXT
5
A2
8
LABELS
10
{x}
20
{y}
40
2.5
1
DN 100
0
LINE
5
A3
8
O'HARE
10
{x}
20
{y}
11
{east}
21
{y}
0
CIRCLE
5
A4
8
PIPES
10
{x}
20
{y}
40
20
0
ENDSEC
0
EOF
"""


def test_drawings_fill_layers_by_shape_and_by_their_own_layers(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "town.dxf"
    file.write_text(DRAWING.format(x=536138.4, y=5972535.9, east=536238.4))
    with pytest.raises(InvalidInputError, match="--crs"):
        town.load(file, "facilities")
    report = town.load_one(file, "buildings", crs=METRIC)
    assert report.rejected == {"the geometry is no polygon": 4}
    with pytest.raises(InvalidInputError, match=r"no table WALLS; it has the tables entities, LABELS, O'HARE, PIPES"):
        town.load(file, "roads", crs=METRIC, tables=("WALLS",))
    assert town.load_one(file, "roads", crs=METRIC, tables=("PIPES",)).read == 2
    assert town.load_one(file, "roads", crs=METRIC, tables=("O'HARE",)).read == 1


def test_arcs_become_lines_within_a_hundredth_of_their_radius(town: Town, tmp_path: Path) -> None:
    """A circle of 1,000 m on the metric plane; GDAL itself writes the arcs."""
    x, y = 536138.4, 5972535.9
    circle = f"CURVEPOLYGON (CIRCULARSTRING ({x} {y}, {x + 2000} {y}, {x} {y}))"
    half = f"COMPOUNDCURVE (CIRCULARSTRING ({x} {y}, {x + 1000} {y + 1000}, {x + 2000} {y}), ({x + 2000} {y}, {x} {y}))"
    rows = [f'1,"{circle}"', f'2,"CURVEPOLYGON ({half})"', f'3,"MULTISURFACE ({circle})"']
    (tmp_path / "arcs.csv").write_text("\n".join(["id,WKT", *rows]))
    source = f"CSV:{tmp_path / 'arcs.csv'}"
    table = pyogrio.read_arrow(source, GEOM_POSSIBLE_NAMES="WKT")[1]
    geometry = table.column(table.schema.names[-1]).combine_chunks()
    pyogrio.write_arrow(
        pa.table({"id": table["id"], "geom": geometry}),
        tmp_path / "arcs.gpkg",
        driver="GPKG",
        geometry_name="geom",
        geometry_type="Unknown",
        crs=METRIC,
    )
    assert town.load_one(tmp_path / "arcs.gpkg", "buildings").added == 3
    found = gpd.GeoSeries.from_wkt([row["wkt"] for row in town.features("buildings").values()], crs=4326).to_crs(METRIC)
    areas = np.array([np.pi, np.pi / 2, np.pi]) * 1e6
    assert found.area.to_numpy() == pytest.approx(areas, rel=1e-2)
    assert (found.area.to_numpy() < areas).all()


def test_a_collection_of_one_kind_is_taken_and_others_are_told(town: Town, tmp_path: Path) -> None:
    other = shapely.box(LON + 0.02, LAT, LON + 0.03, LAT + 0.01)
    frame = gpd.GeoDataFrame(
        {"id": ["one kind", "nested", "mixed", "ring"]},
        geometry=[
            shapely.GeometryCollection([SQUARE, other]),
            shapely.GeometryCollection([shapely.GeometryCollection([SQUARE]), shapely.MultiPolygon([other])]),
            shapely.GeometryCollection([SQUARE, SQUARE.exterior]),
            SQUARE.exterior,
        ],
        crs="EPSG:4326",
    )
    report = town.load_one(write(frame, tmp_path / "town.gpkg", geometry_type="Unknown"), "buildings")
    assert report.rejected == {"the geometry is no polygon": 2}
    assert {row["wkt"][:12] for row in town.features("buildings").values()} == {"MULTIPOLYGON"}


def test_heights_and_measures_are_left_out(town: Town, tmp_path: Path) -> None:
    ends = (
        f"Z ({LON} {LAT} 100, {LON + 0.01} {LAT} 110)",
        f"M ({LON} {LAT} 0, {LON + 0.01} {LAT} 5)",
        f"ZM ({LON} {LAT} 100 0, {LON + 0.01} {LAT} 110 5)",
    )
    lines = shapely.to_wkb(shapely.from_wkt([f"LINESTRING {each}" for each in ends]), flavor="iso", output_dimension=4)
    table = pa.table({"road_class": ["path"] * 3, "geom": pa.array(lines, pa.binary())})
    file = tmp_path / "town.gpkg"
    options = {"driver": "GPKG", "geometry_name": "geom", "geometry_type": "Unknown", "crs": "EPSG:4326"}
    pyogrio.write_arrow(table, file, **options)
    assert town.load_one(file, "roads").added == 3
    assert {row["wkt"] for row in town.features("roads").values()} == {f"LINESTRING({LON} {LAT},{LON + 0.01} {LAT})"}


@pytest.fixture
def fiji(engine: Engine) -> Iterator[Town]:
    """A territory on both sides of the antimeridian."""
    described = Territory.model_validate(
        {**PLACE.model_dump(), "id": "fiji", "boundary": (-180.0, -20.0, 180.0, -10.0)}
    )
    with engine.begin() as connection:
        register(connection, described)
    yield Town(engine, "fiji")
    forget(engine, "fiji")


@pytest.mark.parametrize(
    "drawn",
    [
        "POLYGON ((179 -17, 181 -17, 181 -16, 179 -16, 179 -17))",
        "POLYGON ((179 -17, -179 -17, -179 -16, 179 -16, 179 -17))",
        "POLYGON ((-181 -17, -179 -17, -179 -16, -181 -16, -181 -17))",
        "MULTIPOLYGON (((179 -17, 180 -17, 180 -16, 179 -16, 179 -17)),"
        " ((-180 -17, -179 -17, -179 -16, -180 -16, -180 -17)))",
    ],
    ids=["beyond 180", "a jump", "beyond -180", "already cut"],
)
def test_what_crosses_the_antimeridian_is_cut_there(fiji: Town, tmp_path: Path, drawn: str) -> None:
    frame = gpd.GeoDataFrame(geometry=[shapely.from_wkt(drawn)], crs="EPSG:4326")
    assert fiji.load_one(write(frame, tmp_path / "fiji.gpkg"), "buildings").added == 1
    [row] = fiji.features("buildings").values()
    expected = shapely.union_all([shapely.box(179, -17, 180, -16), shapely.box(-180, -17, -179, -16)])
    assert shapely.from_wkt(row["wkt"]).equals(expected)


def test_lines_points_and_holes_across_the_antimeridian(fiji: Town, tmp_path: Path) -> None:
    line = gpd.GeoDataFrame(
        {"road_class": ["path"]}, geometry=[shapely.LineString([(179, -17), (-179, -15)])], crs="EPSG:4326"
    )
    fiji.load(write(line, tmp_path / "line.gpkg"), "roads")
    [road] = fiji.features("roads").values()
    assert road["wkt"] == "MULTILINESTRING((179 -17,180 -16),(-180 -16,-179 -15))"
    (tmp_path / "points.csv").write_text("lon,lat,kind\n181.5,-17,school\n-180,-17,school\n")
    fiji.load(tmp_path / "points.csv", "facilities")
    assert {row["wkt"] for row in fiji.features("facilities").values()} == {"POINT(-178.5 -17)", "POINT(-180 -17)"}
    ring = shapely.Polygon(shapely.box(175, -18, 187, -12).exterior, [shapely.box(-178, -16, -177, -15).exterior])
    fiji.load(write(gpd.GeoDataFrame(geometry=[ring], crs=4326), tmp_path / "ring.gpkg"), "buildings", source="ring")
    [area] = fiji.features("buildings").values()
    assert shapely.from_wkt(area["wkt"]).area == pytest.approx(12 * 6 - 1)


def test_files_that_lie_elsewhere_only_because_they_are_swapped_are_told(town: Town, tmp_path: Path) -> None:
    swapped = gpd.GeoDataFrame(
        {"kind": ["school"] * 3}, geometry=shapely.points([(LAT, LON), (LAT, LON + 0.01), (LAT, LON)]), crs="EPSG:4326"
    )
    file = write(swapped, tmp_path / "swapped.gpkg")
    with pytest.raises(SourceError, match="lies in no territory of the base, but would in town with latitude"):
        territory_for(town.engine, file)
    with pytest.raises(SourceError, match="--swapped"):
        town.load(file, "facilities")
    assert town.load_one(file, "facilities", swapped=True).added == 3
    assert {row["wkt"] for row in town.features("facilities").values()} >= {f"POINT({LON} {LAT})"}
    assert territory_for(town.engine, file, swapped=True) == town.id
    far = (tmp_path / "far.csv", "lon,lat,kind\n53.9,127.55,school\n")
    far[0].write_text(far[1])
    with pytest.raises(SourceError, match=r"latitudes from 127.55 to 127.55: either latitude"):
        territory_for(town.engine, far[0])


def test_parquet_without_geometries_needs_columns_of_coordinates(town: Town, tmp_path: Path) -> None:
    frame = schools("EPSG:4326")
    table = pa.table({"nr": range(COUNT), "lon": frame.geometry.x, "lat": frame.geometry.y, "kind": ["school"] * COUNT})
    pq.write_table(table, tmp_path / "town.parquet")
    report = town.load(tmp_path / "town.parquet", "facilities", key="nr")
    assert report.layers["facilities"].added == COUNT
    assert "places from lon and lat" in report.remarks
    assert set(town.features("facilities")) == {str(nth) for nth in range(COUNT)}
    pq.write_table(table.select(["nr", "kind"]), tmp_path / "nowhere.parquet")
    with pytest.raises(InvalidInputError, match=r"name them with --x and --y.*The columns are: nr, kind"):
        town.load(tmp_path / "nowhere.parquet", "facilities")


@pytest.mark.parametrize(
    "shapes",
    [
        [shapely.MultiPoint([(LON, LAT), (LON + 0.01, LAT)]), None],
        [shapely.LineString([(LON, LAT), (LON + 0.01, LAT)]), None],
        [shapely.MultiLineString([[(LON, LAT), (LON + 0.01, LAT)], [(LON, LAT), (LON, LAT + 0.01)]])],
        [
            None,
            shapely.Polygon(
                SQUARE.exterior, [shapely.box(LON + 0.002, LAT + 0.002, LON + 0.003, LAT + 0.003).exterior]
            ),
        ],
        [shapely.MultiPolygon([SQUARE, shapely.box(LON + 0.02, LAT, LON + 0.03, LAT + 0.01)]), SQUARE],
    ],
    ids=["points", "line", "lines", "polygon", "polygons"],
)
def test_every_shape_in_geoparquets_own_encoding(town: Town, tmp_path: Path, shapes: list[Any]) -> None:
    layer = {0: "facilities", 1: "roads", 2: "buildings"}[max(shapely.get_dimensions(shapes))]
    columns = {"kind": ["school"] * len(shapes), "road_class": ["path"] * len(shapes)}
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs=4326)
    frame.to_parquet(tmp_path / "town.parquet", geometry_encoding="geoarrow", index=False)
    report = town.load_one(tmp_path / "town.parquet", layer)
    assert report.rejected == {"there is no geometry that can be read": shapes.count(None)} or None not in shapes
    found = [shapely.from_wkt(row["wkt"]) for row in town.features(layer).values()]
    assert shapely.equals(sorted(found, key=str), sorted(filter(None, shapes), key=str)).all()


KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document><name>Town</name>
<Style id="s"><LineStyle><width>2</width></LineStyle></Style>
<Folder><name>buildings</name>
<Placemark id="b1"><name>Hollow &amp; high</name><styleUrl>#s</styleUrl>
<Polygon><outerBoundaryIs><LinearRing><coordinates>
{lon},{lat},5 {east},{lat},5 {east},{north},5 {lon},{north},5 {lon},{lat},5</coordinates></LinearRing></outerBoundaryIs>
<innerBoundaryIs><LinearRing><coordinates>{hole}</coordinates></LinearRing></innerBoundaryIs></Polygon></Placemark>
<Folder><name>old</name><Placemark><name>Twins</name><MultiGeometry><Polygon><outerBoundaryIs><LinearRing><coordinates>
{lon},{lat} {east},{lat} {east},{north} {lon},{lat}</coordinates></LinearRing></outerBoundaryIs></Polygon>
</MultiGeometry>
</Placemark></Folder></Folder>
<Folder><name>roads</name>
<Placemark><ExtendedData><Data name="road_class"><displayName>Class</displayName><value>path</value></Data>
<SchemaData><SimpleData name="surface">gravel</SimpleData></SchemaData></ExtendedData>
<TimeStamp><when>2024-03-01</when></TimeStamp><LineString><coordinates>{lon},{lat}
\t{east},{north}</coordinates></LineString></Placemark>
<Placemark><name>track</name><ExtendedData><Data name="road_class"><value>path</value></Data></ExtendedData>
<gx:Track><when>2024-03-01</when><gx:coord>{lon} {lat} 4</gx:coord><gx:coord>{east} {north} 4</gx:coord></gx:Track>
</Placemark>
<Placemark><name>nowhere</name></Placemark>
<Placemark><name>broken</name><LineString><coordinates>north, by north-west</coordinates></LineString></Placemark>
</Folder></Document></kml>"""


def test_folders_of_kml_are_its_tables(town: Town, tmp_path: Path) -> None:
    east, north = LON + 0.01, LAT + 0.01
    inner = shapely.box(LON + 0.002, LAT + 0.002, LON + 0.003, LAT + 0.003)
    hole = " ".join(f"{x},{y}" for x, y in inner.exterior.coords)
    (tmp_path / "town.kml").write_text(KML.format(lon=LON, lat=LAT, east=east, north=north, hole=hole))
    report = town.load(tmp_path / "town.kml")
    assert {name: each.added for name, each in report.layers.items()} == {"buildings": 1, "roads": 2}
    assert "passed over: the table old" in report.remarks
    assert report.layers["roads"].rejected == {"there is no geometry that can be read": 1, "there is no geometry": 1}
    building = town.features("buildings")["b1"]
    assert building["name"] == "Hollow & high"
    assert shapely.from_wkt(building["wkt"]).equals(shapely.difference(SQUARE, inner))
    line = f"LINESTRING({LON} {LAT},{east} {north})"
    assert {row["wkt"] for row in town.features("roads").values()} == {line}
    assert {row["surface"] or row["tags"].get("surface") for row in town.features("roads").values()} == {"gravel", None}
    assert town.load_one(tmp_path / "town.kml", "buildings", tables=("old",)).added == 1
