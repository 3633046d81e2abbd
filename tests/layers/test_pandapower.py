"""Power networks in pandapower's JSON.

``networks/pandapower_2.json`` and ``networks/pandapower_3.json`` are one made-up network of seven buses, as versions
2.14 and 3.5 of pandapower write it; tables without rows were left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from town import Town, accounted

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.loads.loading import load_territory
from layers.settings import get_settings
from layers.sources.networks.pandapower_json import PandapowerReader
from layers.sources.records import Record, Reject
from layers.territories.packs import Territory

NETWORKS = Path(__file__).parent / "networks"
OLD, NEW = NETWORKS / "pandapower_2.json", NETWORKS / "pandapower_3.json"


def read(file: Path, crs: str | None = "EPSG:4326") -> tuple[dict[str, Record], dict[str, str]]:
    """The records, and the reasons of rejects, by their ids."""
    items = list(PandapowerReader(file, crs=crs))
    records = {each.source_id: each for each in items if isinstance(each, Record)}
    return records, {each.source_id: each.reason for each in items if isinstance(each, Reject)}


def place(record: Record) -> shapely.Geometry:
    return shapely.from_wkb(record.geometry)


def ends(record: Record) -> tuple[str, str]:
    return record.values["from_node"], record.values["to_node"]


def network(**tables: list[dict[str, Any]]) -> dict[str, Any]:
    """A network file's content, its tables given row by row, each row with its ``index``."""
    frames = {}
    for name, rows in tables.items():
        columns = list(dict.fromkeys(key for row in rows for key in row if key != "index"))
        split = {
            "columns": columns,
            "index": [row["index"] for row in rows],
            "data": [[row.get(name) for name in columns] for row in rows],
        }
        frames[name] = {
            "_module": "pandas.core.frame",
            "_class": "DataFrame",
            "_object": json.dumps(split),
            "orient": "split",
        }
    return {"_module": "pandapower.auxiliary", "_class": "pandapowerNet", "_object": frames}


def write(folder: Path, content: Any, name: str = "net.json") -> Path:
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def bus(index: int, lon: float | None = None, lat: float = 53.9, **values: Any) -> dict[str, Any]:
    geo = None if lon is None else json.dumps({"type": "Point", "coordinates": [lon, lat]})
    return {"index": index, "vn_kv": 20.0, "name": f"Bus {index}", "in_service": True, "geo": geo, **values}


def test_both_versions_of_the_format_say_the_same() -> None:
    (old, old_rejects), (new, new_rejects) = read(OLD), read(NEW)
    assert old_rejects == new_rejects
    assert {key: (each.layer, each.values) for key, each in old.items()} == {
        key: (each.layer, each.values) for key, each in new.items()
    }
    for key, record in old.items():
        assert place(record).equals_exact(place(new[key]), 1e-9)


def test_elements_become_features() -> None:
    records, rejects = read(NEW)
    kinds = {key: each.values["kind"] for key, each in records.items()}
    assert kinds == {
        **dict.fromkeys(["bus/0", "bus/1", "bus/2", "bus/3", "bus/4", "bus/5"], "bus"),
        **dict.fromkeys(["trafo/0", "trafo/1"], "transformer"),
        **dict.fromkeys(["switch/0", "switch/1", "switch/2", "switch/3"], "switch"),
        "line/0": "cable",
        "line/1": "line",
        "line/2": "line",
        "load/0": "load",
        "sgen/0": "generator",
        "ext_grid/0": "external_grid",
    }
    assert rejects == {
        "bus/6": "no bus with coordinates",
        "load/1": "no bus with coordinates",
        "line/3": "neither it nor both its buses have coordinates",
    }
    assert {each.values["network"] for each in records.values()} == {"power"}


def test_units_are_converted() -> None:
    records, _ = read(NEW)
    line, transformer, load = (records[key].values for key in ("line/0", "trafo/0", "load/0"))
    assert (line["length_m"], line["voltage_v"], line["max_current_a"]) == (1250.0, 20_000, 362.0)
    assert (transformer["rating_kva"], transformer["voltage_v"]) == (25_000.0, 110_000)
    assert (load["demand_kw"], load["rating_kva"], load["voltage_v"], load["node"]) == (40.0, 60.0, 400, "4")
    assert records["line/0"].tags["std_type"] == "NA2XS2Y 1x185 RM/25 12/20 kV"


def test_lines_run_as_drawn_or_straight() -> None:
    records, _ = read(NEW)
    assert place(records["line/0"]) == shapely.LineString([(27.51, 53.9), (27.515, 53.905), (27.52, 53.91)])
    assert place(records["line/1"]) == shapely.LineString([(27.52, 53.91), (27.53, 53.9)])
    assert place(records["trafo/0"]).equals_exact(shapely.Point(27.505, 53.9), 1e-9)


def test_a_switch_stands_between_its_bus_and_what_it_switches() -> None:
    """The cable ends at a node of the switch, so that nothing reaches it but through the switch."""
    records, _ = read(NEW)
    assert ends(records["switch/0"]) == ("1", "switch/0")
    assert ends(records["line/0"]) == ("switch/0", "2")
    assert ends(records["switch/1"]) == ("3", "switch/1")
    assert ends(records["line/1"]) == ("2", "switch/1")
    assert ends(records["trafo/0"]) == ("0", "switch/2")
    assert ends(records["trafo/1"]) == ("2", "4")
    assert ends(records["switch/3"]) == ("1", "5")
    states = {key: each.values["state"] for key, each in records.items() if "state" in each.values}
    assert states == {
        "switch/0": "closed",
        "switch/1": "open",
        "switch/2": "closed",
        "switch/3": "open",
        "line/0": "closed",
        "line/1": "closed",
        "line/2": "open",
        "trafo/0": "closed",
        "trafo/1": "closed",
    }


def test_several_switches_at_one_end_stand_in_a_row(tmp_path: Path) -> None:
    content = network(
        bus=[bus(0, 27.5), bus(1, 27.6)],
        line=[{"index": 7, "from_bus": 0, "to_bus": 1, "length_km": 1.0}],
        switch=[{"index": index, "bus": 0, "element": 7, "et": "l", "closed": True} for index in (3, 4)],
    )
    records, _ = read(write(tmp_path, content))
    assert [ends(records[key]) for key in ("switch/3", "switch/4", "line/7")] == [
        ("0", "switch/3"),
        ("switch/3", "switch/4"),
        ("switch/4", "1"),
    ]


def test_a_transformer_of_three_windings_is_two(tmp_path: Path) -> None:
    windings = {"hv_bus": 0, "mv_bus": 1, "lv_bus": 2, "vn_hv_kv": 110.0, "sn_mv_mva": 25.0, "sn_lv_mva": 10.0}
    content = network(bus=[bus(0, 27.5), bus(1, 27.6), bus(2, 27.7)], trafo3w=[{"index": 0, **windings}])
    records, _ = read(write(tmp_path, content))
    medium, low = records["trafo3w/0/mv"], records["trafo3w/0/lv"]
    assert (ends(medium), medium.values["rating_kva"]) == (("0", "1"), 25_000.0)
    assert (ends(low), low.values["rating_kva"]) == (("0", "2"), 10_000.0)


def test_what_leads_nowhere_is_rejected_and_what_has_no_layer_is_told(tmp_path: Path) -> None:
    content = network(
        bus=[bus(0, 27.5), bus(1, 27.6), bus(2, 27.7, geo="nowhere")],
        line=[{"index": 0, "from_bus": 0, "to_bus": 9}, {"index": 1, "from_bus": 0, "to_bus": 1, "geo": "{broken"}],
        switch=[{"index": 0, "bus": 0, "element": 5, "et": "l"}, {"index": 1, "bus": 0, "element": 1, "et": "x"}],
        vsc=[{"index": 0, "bus": 0, "bus_dc": 0}],
        res_line=[{"index": 0, "p_from_mw": 1.0}],
    )
    file = write(tmp_path, content)
    records, rejects = read(file)
    assert rejects == {
        "bus/2": "no bus with coordinates",
        "line/0": "a bus at its end isn't in the file",
        "switch/0": "what it switches isn't in the file",
        "switch/1": "what it switches isn't in the file",
    }
    assert place(records["line/1"]) == shapely.LineString([(27.5, 53.9), (27.6, 53.9)])
    assert PandapowerReader(file, crs="EPSG:4326").notes.passed_over == {("utility_points", "vsc"): 1}


def test_coordinates_need_a_crs_or_an_anchor() -> None:
    """Even a version that writes GeoJSON keeps made-up coordinates in it."""
    with pytest.raises(
        InvalidInputError, match=r"pandapower_3\.json doesn't say where on Earth it lies.*could be degrees"
    ):
        PandapowerReader(NEW)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "can't be read as JSON"),
        (NEW.read_text()[:3000], "can't be read as JSON"),
        ("[" * 100_000, "can't be read as JSON"),
        ("{}", "no pandapower network but none of pandapower's files"),
        ("[1]", "no pandapower network but none of"),
        ({"_class": "pandapipesNet"}, "no pandapower network but a pandapipesNet"),
        (network(), "without a bus"),
        (network(bus=[]), "without a bus"),
        ({**network(), "_object": "garbage"}, "a table that can't be read"),
        ({"_class": "pandapowerNet", "_object": {"bus": {"_class": "DataFrame", "_object": "{"}}}, "can't be read"),
        ({"_class": "pandapowerNet", "_object": {"bus": {"_class": "DataFrame", "_object": {"columns": []}}}}, "index"),
    ],
)  # fmt: skip
def test_files_that_are_no_network_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        PandapowerReader(write(tmp_path, content), crs="EPSG:4326")


def test_a_network_is_loaded(town: Town) -> None:
    """The file is known as one by what it begins with, beside other JSON files."""
    report = town.load(NEW, crs="EPSG:4326")
    assert {name: each.added for name, each in report.layers.items()} == {"utilities": 3, "utility_points": 15}
    assert all(accounted(each) for each in report.layers.values())
    switch, line = town.features("utility_points")["switch/0"], town.features("utilities")["line/0"]
    assert (switch["state"], switch["from_node"], switch["to_node"]) == ("closed", "1", "switch/0")
    assert (line["length_m"], line["max_current_a"], line["from_node"]) == (1250.0, 362.0, "switch/0")
    again = town.load(NEW, crs="EPSG:4326")
    assert {name: each.unchanged for name, each in again.layers.items()} == {"utilities": 3, "utility_points": 15}


def test_a_network_is_a_source_of_a_territory(town: Town, data_folder: Path) -> None:
    (data_folder / "net.json").write_text(NEW.read_text())
    title = {"be": "С", "ru": "С", "en": "P"}
    source = {
        "id": "power", "title": title, "attribution": "x", "kind": "pandapower",
        "places": [{"data": "net.json"}], "crs": "EPSG:4326",
    }  # fmt: skip
    described = {"id": town.id, "title": title, "metric_crs": "EPSG:32635", "boundary": [27.5, 53.88, 27.6, 53.92]}
    [outcome] = load_territory(town.engine, Territory.model_validate({**described, "sources": [source]}))
    assert outcome.report is not None, outcome.note
    assert outcome.report.layers["utilities"].added == 3


def test_the_network_of_a_real_town_keeps_its_place(tmp_path: Path) -> None:
    """Schutterwald's tables, of which the data folder has GeoJSON, written as pandapower writes them."""
    folder = get_settings().data / "schutterwald_utilities"
    if not folder.is_dir():
        pytest.skip("the data folder has no schutterwald_utilities")
    tables, shapes = {}, {}
    for table in ("bus", "line", "load", "trafo"):
        frame = gpd.read_file(folder / f"power_{table}.geojson").set_index(f"{table}_id")
        shapes |= {f"{table}/{index}": geometry for index, geometry in frame.geometry.items()}
        rows = json.loads(frame.drop(columns="geometry").to_json(orient="table"))["data"]
        tables[table] = [{"index": row.pop(f"{table}_id"), **row} for row in rows]
        if table in {"bus", "line"}:
            for row, geometry in zip(tables[table], frame.geometry, strict=True):
                row["geo"] = shapely.to_geojson(geometry)
    records, rejects = read(write(tmp_path, network(**tables)))
    assert rejects == {}
    assert len(records) == len(shapes)
    for key, geometry in shapes.items():
        if not key.startswith("trafo"):
            assert shapely.hausdorff_distance(place(records[key]), geometry) < 1e-9
