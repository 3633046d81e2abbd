"""Water networks in EPANET's input format."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
import wntr
from samples import pack
from town import LAT, LON, Town

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.loads.loading import load_file, load_territory, territory_for
from layers.settings import get_settings
from layers.sources.networks.epanet import EpanetReader
from layers.sources.networks.placement import Anchor, parse_anchor
from layers.sources.records import Record, Reject
from layers.territories.packs import Territory

NETWORK = """
[TITLE]
A town, drawn by hand

[JUNCTIONS]
;ID  Elev  Demand  Pattern
 J1  200   1.5     ; the market
 J2  190.5
 J3  180   2
[RESERVOIRS]
 R1  250
[TANKS]
 T1  220  3  1  5  10  0
[PIPES]
;ID  Node1 Node2 Length Diameter Roughness MinorLoss Status
 P1  R1    J1    1000   300      130       0         Open
 P2  J1    J2    500    200      120       0         Closed
 P3  J2    T1    400.5  150      110       0         CV   ;the hill
 P4  J1    J3    250    100      100
[PUMPS]
 1   J1    J2    HEAD C1
[VALVES]
 V1  J2    J3    150  PRV  40  0
[STATUS]
 P4  Closed
 1   0
[TAGS]
 NODE J1 centre
 LINK P1 main
[DEMANDS]
 J3  1
 J3  2.5
[OPTIONS]
 Units LPS
 Headloss H-W
[COORDINATES]
 J1  0    0
 J2  100  0
 J3  0    -50
 R1  -200 0
 T1  100  100
[VERTICES]
 P1  -150 20
 P1  -50  20
[END]
"""

ANCHOR = Anchor(x=0, y=0, lon=LON, lat=LAT)


def read(file: Path, **options: Any) -> tuple[dict[str, Record], dict[str, str]]:
    """The records, and the reasons of rejects, by their ids."""
    items = list(EpanetReader(file, **(options or {"anchor": ANCHOR})))
    records = {each.source_id: each for each in items if isinstance(each, Record)}
    return records, {each.source_id: each.reason for each in items if isinstance(each, Reject)}


def write(folder: Path, content: str = NETWORK, name: str = "town.inp") -> Path:
    file = folder / name
    file.write_text(content)
    return file


def facts(record: Record) -> dict[str, str]:
    """All that is said of a feature, columns and tags alike, as text."""
    values = {name: str(value) for name, value in record.values.items() if value is not None}
    return record.tags | values


def real(path: str) -> Path:
    file = get_settings().data / path
    if not file.is_file():
        pytest.skip(f"the data folder has no {path}")
    return file


def test_nodes_and_links_become_features(tmp_path: Path) -> None:
    records, rejects = read(write(tmp_path))
    assert rejects == {}
    kinds = {source_id: (each.layer, each.values["kind"]) for source_id, each in records.items()}
    assert kinds == {
        "node/J1": ("utility_points", "junction"),
        "node/J2": ("utility_points", "junction"),
        "node/J3": ("utility_points", "junction"),
        "node/R1": ("utility_points", "reservoir"),
        "node/T1": ("utility_points", "tank"),
        "link/P1": ("utilities", "pipe"),
        "link/P2": ("utilities", "pipe"),
        "link/P3": ("utilities", "pipe"),
        "link/P4": ("utilities", "pipe"),
        "link/1": ("utility_points", "pump"),
        "link/V1": ("utility_points", "valve"),
    }
    assert {each.values["network"] for each in records.values()} == {"water"}
    pipe, junction = facts(records["link/P1"]), facts(records["node/J1"])
    assert (pipe["from_node"], pipe["to_node"], pipe["length_m"], pipe["diameter_mm"]) == (
        "R1",
        "J1",
        "1000.0",
        "300.0",
    )
    assert (pipe["roughness"], pipe["tag"]) == ("130", "main")
    assert (junction["node"], junction["elevation_m"], junction["demand_lps"]) == ("J1", "200.0", "1.5")
    assert (junction["description"], junction["tag"]) == ("the market", "centre")
    assert facts(records["node/R1"])["elevation_m"] == "250.0"
    assert facts(records["node/T1"])["max_level_m"] == "5"


def test_demands_of_their_own_section_go_before_those_of_junctions(tmp_path: Path) -> None:
    records, _ = read(write(tmp_path))
    assert facts(records["node/J3"])["demand_lps"] == "3.5"
    assert facts(records["node/J2"])["demand_lps"] == "0.0"


def test_states_are_those_at_the_start(tmp_path: Path) -> None:
    """A status goes before what the pipe says; a pump that stands still is closed."""
    records, _ = read(write(tmp_path))
    states = {name: facts(records[f"link/{name}"])["state"] for name in ("P1", "P2", "P3", "P4", "1", "V1")}
    assert states == {"P1": "open", "P2": "closed", "P3": "open", "P4": "closed", "1": "closed", "V1": "open"}
    assert facts(records["link/P3"])["check_valve"] == "yes"


def test_pumps_and_valves_stand_half_way_and_know_their_ends(tmp_path: Path) -> None:
    records, _ = read(write(tmp_path))
    valve = records["link/V1"]
    ends = [shapely.from_wkb(records[f"node/{name}"].geometry) for name in ("J2", "J3")]
    assert shapely.from_wkb(valve.geometry).distance(shapely.LineString(ends).centroid) < 1e-7
    assert [facts(valve)[name] for name in ("from_node", "to_node", "valve_type", "setting", "diameter_mm")] == [
        "J2", "J3", "PRV", "40", "150.0",
    ]  # fmt: skip
    assert facts(records["link/1"])["parameters"] == "HEAD C1"


@pytest.mark.parametrize(
    ("units", "length_m", "diameter_mm", "demand_lps"),
    [
        ("LPS", 1000, 300, 1.5),
        ("CMH", 1000, 300, 1.5 / 3.6),
        ("MLD", 1000, 300, 1.5e6 / 86400),
        ("GPM", 304.8, 7620, 1.5 * 3.785411784 / 60),
        ("CFS", 304.8, 7620, 1.5 * 28.316846592),
        ("AFD", 304.8, 7620, 1.5 * 1233.48183754752e3 / 86400),
        ("IMGD", 304.8, 7620, 1.5 * 4.54609e6 / 86400),
        (None, 304.8, 7620, 1.5 * 3.785411784 / 60),
    ],
)
def test_units_are_converted(
    tmp_path: Path, units: str | None, length_m: float, diameter_mm: float, demand_lps: float
) -> None:
    """Without units, EPANET's own default is US gallons a minute, and so feet and inches."""
    records, _ = read(write(tmp_path, NETWORK.replace(" Units LPS\n", f" Units {units}\n" if units else "")))
    pipe, junction = facts(records["link/P1"]), facts(records["node/J1"])
    assert float(pipe["length_m"]) == pytest.approx(length_m)
    assert float(pipe["diameter_mm"]) == pytest.approx(diameter_mm)
    assert float(junction["demand_lps"]) == pytest.approx(demand_lps, abs=1e-6)
    assert float(junction["elevation_m"]) == pytest.approx(200 if length_m == 1000 else 60.96)


def test_local_coordinates_need_to_be_placed(tmp_path: Path) -> None:
    file = write(tmp_path)
    with pytest.raises(
        InvalidInputError, match=r"town\.inp doesn't say where .* from -200\.00 to 100\.00 in x .*--anchor"
    ):
        EpanetReader(file)
    with pytest.raises(InvalidInputError, match="don't lie where EPSG:3547 is used"):
        EpanetReader(file, crs="EPSG:3547")
    with pytest.raises(InvalidInputError, match="give one of them"):
        EpanetReader(file, crs="EPSG:4326", anchor=ANCHOR)
    with pytest.raises(InvalidInputError, match="no coordinate reference system"):
        EpanetReader(file, crs="EPSG:0")


def test_degrees_are_not_guessed(tmp_path: Path) -> None:
    small = NETWORK.replace(" J1  0    0\n", " J1  27.5 53.9\n").replace("-200 0", "27.4 53.8")
    for old, new in (
        ("100  0", "27.6 53.9"),
        ("0    -50", "27.5 53.8"),
        ("100  100", "27.6 54"),
        ("-150 20", "27.45 53.85"),
        ("-50  20", "27.48 53.88"),
    ):
        small = small.replace(old, new)
    with pytest.raises(InvalidInputError, match="They could be degrees"):
        EpanetReader(write(tmp_path, small))
    records, _ = read(write(tmp_path, small), crs="EPSG:4326")
    assert shapely.from_wkb(records["node/J1"].geometry) == shapely.Point(27.5, 53.9)


def test_an_anchor_places_turns_and_scales(tmp_path: Path) -> None:
    """T1 lies 100 m east and 100 m north of J1; with y turned to the east by 90° it lies to the south-east of it."""
    geodesic = shapely.Point(LON, LAT)
    file = write(tmp_path)
    for options, east_m, north_m in (
        ({}, 100, 100),
        ({"rotation_deg": 90}, 100, -100),
        ({"units": "ft"}, 30.48, 30.48),
        ({"x": 100, "y": 0}, 0, 100),
    ):
        records, _ = read(file, anchor=ANCHOR.model_copy(update=options))
        place = shapely.from_wkb(records["node/T1"].geometry)
        metres_east = (place.x - geodesic.x) * 111_320 * math.cos(math.radians(LAT))
        metres_north = (place.y - geodesic.y) * 111_270
        assert (metres_east, metres_north) == pytest.approx((east_m, north_m), abs=0.5)


def test_anchors_are_written_in_one_line() -> None:
    assert parse_anchor("1, 2,27.5,53.9") == Anchor(x=1, y=2, lon=27.5, lat=53.9)
    assert parse_anchor("0,0,27.5,53.9,-15,ft") == Anchor(x=0, y=0, lon=27.5, lat=53.9, rotation_deg=-15, units="ft")
    for text in ("", "1,2,3", "0,0,200,10", "0,0,27,95", "a,b,c,d", "0,0,27,53,0,km", "0,0,27,53,0,m,7", "0,0,nan,53"):
        with pytest.raises(InvalidInputError, match="is no anchor: write x,y,lon,lat"):
            parse_anchor(text)
    with pytest.raises(InvalidInputError, match="too far for a plane"):
        Anchor(x=4_900_000, y=0, lon=27, lat=53).to_degrees(shapely.get_coordinates(shapely.Point(0, 0)))


def test_what_has_no_place_or_no_sense_is_rejected(tmp_path: Path) -> None:
    broken = NETWORK
    for old, new in (
        (
            "[PIPES]\n",
            "[PIPES]\n A J1 J9 1 1 1\n B J1 LOST 1 1 1\n C J1 J1 1 1 1\n D J1\n E J1 J2 long 1 1\n F J1 J2 9 0 1\n",
        ),
        ("[RESERVOIRS]\n", " LOST 1\n HIGH up\n[RESERVOIRS]\n DRY\n"),
        (" J1  0    0\n", " J1  0    0\n HIGH 1 1\n DRY 1 1\n LOST x y\n"),
    ):
        broken = broken.replace(old, new, 1)
    records, rejects = read(write(tmp_path, broken))
    assert rejects == {
        "link/A": "a node at its end isn't in the file",
        "link/B": "a node at its end has no coordinates",
        "link/C": "both its ends are one node",
        "link/D": "the nodes at its ends are missing",
        "link/E": "length 'long' is no number",
        "link/F": "diameter 0 isn't above 0",
        "node/LOST": "no coordinates",
        "node/HIGH": "elevation 'up' is no number",
        "node/DRY": "head is missing",
    }
    assert len(records) == 11


def test_files_in_other_encodings_say_so(tmp_path: Path) -> None:
    """In comments anything may stand; ids that can't be read are refused, until their encoding is named."""
    file = tmp_path / "town.inp"
    file.write_bytes(NETWORK.replace("the market", "рынок").encode("cp1251"))
    assert len(read(file)[0]) == 11
    file.write_bytes(NETWORK.replace("J1", "К1").encode("cp1251"))
    with pytest.raises(SourceError, match=r"Line 7 of town\.inp isn't in UTF-8: name the encoding"):
        EpanetReader(file, anchor=ANCHOR)
    assert "node/К1" in read(file, anchor=ANCHOR, encoding="cp1251")[0]
    file.write_bytes(NETWORK.replace("\n", "\r\n").encode("utf-8-sig"))
    assert len(read(file)[0]) == 11


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no EPANET network"),
        ("Hello", "is no EPANET network"),
        (NETWORK[: len(NETWORK) // 2], "seems to be cut off"),
        (NETWORK.replace("[END]", ""), r"has no \[END\], so it seems to be cut off"),
        (NETWORK.replace("[PIPES]", "[CONDUITS]"), "but a SWMM model"),
        (NETWORK.replace("LPS", "BUCKETS"), "states the units BUCKETS; EPANET knows CFS, GPM"),
        (NETWORK[: NETWORK.index("[COORDINATES]")] + "[END]", r"has no \[COORDINATES\]"),
        (NETWORK.replace(" J3  1\n", " J3  much\n"), "Line 31 of town.inp: demand 'much' is no number"),
    ],
)
def test_files_that_are_no_whole_network_are_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        EpanetReader(write(tmp_path, content), anchor=ANCHOR)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("water_ky4/ky4.inp", {"crs": "EPSG:3547"}),
        ("water_ltown/L-TOWN.inp", {"anchor": ANCHOR}),
        ("water_ltown/Net3.inp", {"anchor": ANCHOR}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_real_networks_are_read_as_wntr_reads_them(path: str, options: dict[str, Any]) -> None:
    """The Water Network Tool for Resilience has a parser of its own, in SI units."""
    file = real(path)
    records, rejects = read(file, **options)
    model = wntr.network.WaterNetworkModel(str(file))
    assert rejects == {}
    expected = {f"node/{name}" for name, _ in model.nodes()} | {f"link/{name}" for name, _ in model.links()}
    assert set(records) == expected
    for name, node in model.nodes():
        found = facts(records[f"node/{name}"])
        assert found["kind"] == node.node_type.lower()
        height = node.base_head if node.node_type == "Reservoir" else node.elevation
        assert float(found["elevation_m"]) == pytest.approx(height, abs=1e-5)
        if node.node_type == "Junction":
            demand = sum(each.base_value for each in node.demand_timeseries_list)
            assert float(found["demand_lps"]) == pytest.approx(demand * 1000, rel=1e-6, abs=1e-6)
    for name, link in model.links():
        found = facts(records[f"link/{name}"])
        assert (found["kind"], found["from_node"], found["to_node"]) == (
            link.link_type.lower(), link.start_node_name, link.end_node_name,
        )  # fmt: skip
        assert found["state"] == ("closed" if str(link.initial_status) == "Closed" else "open")
        if link.link_type == "Pipe":
            assert float(found["length_m"]) == pytest.approx(link.length)
            assert float(found["diameter_mm"]) == pytest.approx(link.diameter * 1000)


def test_a_network_in_a_crs_lies_where_others_put_it() -> None:
    """The pipes of KY4 lie where the GeoJSON beside the input file has them, in the same CRS."""
    beside = gpd.read_file(real("water_ky4/ky4_pipes.geojson")).set_crs("EPSG:3547", allow_override=True)
    records, _ = read(real("water_ky4/ky4.inp"), crs="EPSG:3547")
    column = next(name for name in beside.columns if set(beside[name].astype(str)) & {"P-1"})
    expected = beside.set_index(column).to_crs("EPSG:4326").geometry
    pipes = {key.removeprefix("link/"): each for key, each in records.items() if each.layer == "utilities"}
    assert set(pipes) == set(expected.index)
    for name, pipe in pipes.items():
        assert shapely.hausdorff_distance(shapely.from_wkb(pipe.geometry), expected[name]) < 1e-7


def test_a_network_is_loaded(town: Town, tmp_path: Path) -> None:
    file = write(tmp_path)
    report = load_file(town.engine, file, territory=town.id, source="water", anchor=ANCHOR)
    assert {name: each.added for name, each in report.layers.items()} == {"utilities": 4, "utility_points": 7}
    pipe, tank = town.features("utilities")["link/P1"], town.features("utility_points")["node/T1"]
    assert (pipe["ref"], pipe["from_node"], pipe["to_node"], pipe["length_m"], pipe["state"]) == (
        "P1", "R1", "J1", 1000.0, "open",
    )  # fmt: skip
    assert (tank["node"], tank["elevation_m"]) == ("T1", 220.0)
    assert tank["volume_m3"] == pytest.approx(math.pi / 4 * 100 * 5, abs=1e-3)
    packed = pack(tmp_path / "town.zip", file)
    again = load_file(town.engine, packed, territory=town.id, source="water", anchor=ANCHOR)
    assert {name: each.unchanged for name, each in again.layers.items()} == {"utilities": 4, "utility_points": 7}
    with pytest.raises(InvalidInputError, match="EPANET fills utilities, utility_points, not roads"):
        load_file(town.engine, file, territory=town.id, source="water", anchor=ANCHOR, layers=["roads"])
    with pytest.raises(InvalidInputError, match="--anchor"):
        load_file(town.engine, file, territory=town.id, source="water")


def test_what_is_said_of_a_file_reaches_its_reader(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "town.inp"
    file.write_bytes(NETWORK.replace("J1", "К1").encode("cp1251"))
    load_file(town.engine, file, territory=town.id, source="water", anchor=ANCHOR, encoding="cp1251")
    assert "node/К1" in town.features("utility_points")
    with pytest.raises(InvalidInputError, match=r"town\.inp is a file of EPANET: leave out x, y"):
        load_file(town.engine, file, territory=town.id, source="water", anchor=ANCHOR, x="lon", y="lat")


def test_a_network_finds_its_territory(town: Town, tmp_path: Path) -> None:
    assert territory_for(town.engine, write(tmp_path), anchor=ANCHOR) == town.id


def test_a_network_is_a_source_of_a_territory(town: Town, data_folder: Path) -> None:
    pack(data_folder / "town.zip", write(data_folder))
    source = {
        "id": "water",
        "title": {"be": "В", "ru": "В", "en": "W"},
        "attribution": "the test",
        "kind": "epanet",
        "places": [{"data": "town.zip"}],
        "anchor": {"x": 0, "y": 0, "lon": LON, "lat": LAT},
    }
    described = {
        "id": town.id,
        "title": source["title"],
        "metric_crs": "EPSG:32635",
        "boundary": [27.5, 53.88, 27.6, 53.92],
    }
    [outcome] = load_territory(town.engine, Territory.model_validate({**described, "sources": [source]}))
    assert outcome.report is not None, outcome.note
    assert Counter({name: each.added for name, each in outcome.report.layers.items()}).total() == 11
    del source["anchor"]
    with pytest.raises(ValueError, match="needs either crs or anchor"):
        Territory.model_validate({**described, "sources": [source]})
