"""Restrictions of turns: from OpenStreetMap into the layer, and from there into analyses."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pytest
import shapely
from openstreetmap import Tags, node, restriction, way, write
from town import LAT, LON, Town, accounted

from geo.networks.network import Network
from geo.networks.restrictions import TurnRestrictions, forbidden_paths
from geo.networks.travel import DRIVE
from layers.catalog import find
from layers.processes import runner
from layers.settings import get_settings
from layers.sources.osm.reader import OsmReader
from layers.sources.records import Batch, Reject

NO_LEFT: Tags = {"restriction": "no_left_turn"}
VIA_NODE = [("way", 1, "from"), ("node", 2, "via"), ("way", 3, "to")]

CORNERS = [node(1, 0, 0), node(2, 1, 0), node(3, 2, 0), node(4, 1, 1), node(5, 1, -1), node(6, 2, -1), node(7, 3, 0)]
STREETS = [
    way(1, [1, 2], {"highway": "residential", "name": "West"}),
    way(2, [2, 3], {"highway": "residential", "name": "East"}),
    way(3, [2, 4], {"highway": "residential", "name": "North"}),
    way(4, [2, 5], {"highway": "residential", "name": "South"}),
    way(5, [5, 6, 3], {"highway": "residential", "name": "Around"}),
    way(6, [3, 7], {"highway": "residential", "name": "Far"}),
]


def place(x: float, y: float) -> list[float]:
    return [LON + x / 1000, LAT + y / 1000]


def load(town: Town, file: Path, *restrictions: str) -> Any:
    return town.load(write(file, *CORNERS, *STREETS, *restrictions), "roads", "turn_restrictions")


def test_a_restriction_is_the_line_of_its_turn(town: Town, tmp_path: Path) -> None:
    over_a_street = [("way", 1, "from"), ("way", 2, "via"), ("way", 5, "to")]
    report = load(
        town,
        tmp_path / "turns.osm",
        restriction(10, VIA_NODE, NO_LEFT | {"except": "bicycle;bus", "day_on": "Mo", "day_off": "Fr"}),
        restriction(11, over_a_street, {"restriction": "no_right_turn"}),
        restriction(12, [("way", 2, "from"), ("node", 3, "via"), ("way", 2, "to")], {"restriction": "no_u_turn"}),
        restriction(
            13,
            [("way", 1, "from"), ("way", 3, "from"), ("node", 2, "via"), ("way", 4, "to")],
            {"restriction": "no_entry"},
        ),
        restriction(14, VIA_NODE[:2], NO_LEFT),
        restriction(15, [("way", 1, "from"), ("node", 2, "via"), ("way", 99, "to")], NO_LEFT),
        restriction(16, [("way", 1, "from"), ("node", 3, "via"), ("way", 6, "to")], NO_LEFT),
        restriction(17, [("way", 5, "from"), ("node", 6, "via"), ("way", 5, "to")], NO_LEFT),
        restriction(18, VIA_NODE, {"restriction": "give_way"}),
    ).layers["turn_restrictions"]
    assert accounted(report)
    assert report.passed_over == {"restriction=give_way": 1}
    assert {each["source_id"]: each["reason"] for each in town.rejects()} == {
        "r14": "the relation lacks a street from, a junction via, or a street to",
        "r15": "a street of the turn, or its end at the junction, is not in the file",
        "r16": "the streets of the turn don't meet",
        "r17": "the turn is in the middle of a street, so that its direction isn't clear",
    }
    rows = town.features("turn_restrictions")
    lines = {
        "r10": [[place(0, 0), place(1, 0), place(1, 1)]],
        "r11": [[place(0, 0), place(1, 0), place(2, 0), place(2, -1)]],
        "r12": [[place(1, 0), place(2, 0), place(1, 0)]],
        "r13": [[place(0, 0), place(1, 0), place(1, -1)], [place(1, 1), place(1, 0), place(1, -1)]],
    }
    for source_id, expected in lines.items():
        drawn = [shapely.LineString(line) for line in expected]
        found = shapely.get_parts(shapely.from_wkt(rows[source_id]["wkt"]))
        assert all(one.equals_exact(other, 1e-9) for one, other in zip(found, drawn, strict=True)), source_id
    said = {name: rows["r10"][name] for name in ("kind", "from_road", "via", "to_road", "exempt", "condition")}
    assert said == {
        "kind": "no_left_turn",
        "from_road": "w1",
        "via": "n2",
        "to_road": "w3",
        "exempt": "bicycle;bus",
        "condition": "Mo-Fr",
    }
    assert (rows["r13"]["from_road"], rows["r11"]["via"]) == ("w1;w3", "w2")


WHOM_AND_WHEN: list[tuple[Tags, bool, bool, str | None]] = [
    (NO_LEFT, True, True, None),
    (NO_LEFT | {"except": "bicycle"}, True, False, None),
    (NO_LEFT | {"except": "psv; motorcar"}, False, True, None),
    ({"restriction:hgv": "no_left_turn"}, False, False, None),
    ({"restriction:bicycle": "no_left_turn"}, False, True, None),
    ({"restriction:motorcar": "no_left_turn"}, True, False, None),
    (NO_LEFT | {"type": "restriction:bus"}, False, False, None),
    ({"restriction:conditional": "no_left_turn @ (Mo-Fr 07:00-09:00)"}, True, True, "(Mo-Fr 07:00-09:00)"),
    (NO_LEFT | {"hour_on": "7", "hour_off": "9"}, True, True, "7-9"),
]


def test_whom_and_when_a_restriction_is_for(town: Town, tmp_path: Path) -> None:
    given = [restriction(rank, VIA_NODE, tags) for rank, (tags, *_) in enumerate(WHOM_AND_WHEN)]
    load(town, tmp_path / "turns.osm", *given)
    rows = town.features("turn_restrictions")
    for rank, (_, motor_vehicle, bicycle, condition) in enumerate(WHOM_AND_WHEN):
        row = rows[f"r{rank}"]
        assert (row["motor_vehicle"], row["bicycle"], row["condition"]) == (motor_vehicle, bicycle, condition)


def test_cars_are_led_around_what_is_forbidden(town: Town, tmp_path: Path) -> None:
    ends = {"stops": [place(0.2, 0), place(1, 0.8)], "turns_s": (0, 5, 600)}

    def streets(moment: dt.datetime | None = None, **more: Any) -> list[str]:
        found: gpd.GeoDataFrame = runner.run(town.engine, "route", ends | more, territory=town.id, as_of=moment)
        return [street for street in found["street"] if street]

    load(town, tmp_path / "free.osm")
    assert streets(mode="drive") == ["West", "North"]
    before_the_signs = dt.datetime.now(dt.UTC)
    load(town, tmp_path / "signs.osm", restriction(10, VIA_NODE, NO_LEFT | {"except": "bicycle"}))
    assert streets(mode="drive") == ["West", "East", "Around", "South", "North"]
    assert streets(mode="cycle") == streets(mode="walk") == ["West", "North"]
    assert streets(before_the_signs, mode="drive") == ["West", "North"]
    area = {"origins": [place(0.2, 0)], "mode": "drive", "cutoffs_s": [15]}
    reached = [
        runner.run(town.engine, "service-areas", area, territory=town.id, as_of=moment).street_length_m[0]
        for moment in (before_the_signs, None)
    ]
    assert reached[0] > reached[1] + 50
    before = runner.network(town.engine, town.id, "roads")
    assert before is runner.network(town.engine, town.id, "roads")
    load(town, tmp_path / "free.osm")
    assert streets(mode="drive") == ["West", "North"]


def stated_in(file: Path) -> dict[str, tuple[str, dict[str, str]]]:
    """Restrictions by another reader: their kind, and their members by role."""
    found = {}
    for relation in osmium.FileProcessor(str(file), osmium.osm.RELATION):
        if relation.tags.get("type") == "restriction":
            members = {each.role: f"{each.type}{each.ref}" for each in relation.members}
            found[f"r{relation.id}"] = (relation.tags["restriction"], members)
    return found


def read(file: Path) -> tuple[dict[str, gpd.GeoDataFrame], set[str]]:
    """Return the frames of roads and restrictions, labelled by source ids, and the restrictions that were refused."""
    rows: dict[str, list[dict[str, Any]]] = {"roads": [], "turn_restrictions": []}
    refused = set()
    for item in OsmReader(file, {name: find(name) for name in rows}):
        if isinstance(item, Batch):
            rows[item.layer] += item.rows.to_pylist()
        elif isinstance(item, Reject) and item.layer == "turn_restrictions":
            refused.add(item.source_id)
    frames = {}
    for name, found in rows.items():
        frame = pd.DataFrame(found).set_index("source_id")
        for truth in frame.columns.intersection(["bridge", "tunnel", "foot", "bicycle", "motor_vehicle"]):
            frame[truth] = frame[truth].map({"true": True, "false": False}).astype("boolean")
        lines = shapely.from_wkb(frame["geom"].to_numpy())
        frames[name] = gpd.GeoDataFrame(frame, geometry=lines, crs=4326).to_crs(3067)
    return frames, refused


@pytest.mark.parametrize(
    ("path", "stated", "drawn", "of_cars"),
    [
        ("helsinki/Helsinki.osm.pbf", 45, 44, 38),
        ("liechtenstein/liechtenstein-latest.osm.pbf", 79, 77, 76),
        ("andorra/andorra-latest.osm.pbf", 65, 63, 63),
    ],
)
def test_every_restriction_of_real_files_is_followed_or_refused(
    path: str, stated: int, drawn: int, of_cars: int
) -> None:
    """Those that cars don't have are along streets that are closed to them."""
    file = get_settings().data / path
    if not file.exists():
        pytest.skip(f"{path} is in the data folder, which isn't there")
    expected = stated_in(file)
    frames, refused = read(file)
    signs = frames["turn_restrictions"]
    assert (len(expected), len(signs)) == (stated, drawn)
    assert {*signs.index, *refused} == set(expected)
    assert signs["kind"].to_dict() == {each: expected[each][0] for each in signs.index}
    network = Network.from_roads(frames["roads"])
    open_to_cars = np.isfinite(np.concatenate(DRIVE.costs_s(network.streets, network.length_m)))
    followed = 0
    for source_id, kind in signs["kind"].items():
        one = TurnRestrictions.read(signs.loc[[source_id]].assign(condition=None), network.crs)
        signed = replace(network, restrictions=one)
        followed += bool(forbidden_paths(signed, "motor_vehicle", open_to_cars))
        paths = forbidden_paths(signed, "motor_vehicle", np.ones_like(open_to_cars))
        assert paths
        _, members = expected[str(source_id)]
        for first, *_, last in paths:
            labels = [network.feature[arc % len(network.start)] for arc in (first, last)]
            assert labels[0] == members["from"]
            assert kind.startswith("only_") or labels[1] == members["to"]
    assert followed == of_cars
