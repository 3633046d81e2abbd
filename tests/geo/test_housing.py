"""The isolation trace as an analyst calls it, on a drawn network and on a real one."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import networkx as nx
import pandas as pd
import pytest
import shapely
from street_map import CRS, StreetMap, draw

from geo.errors import InvalidInputError
from geo.housing import isolation_trace
from geo.maps import frame_map
from layers.settings import get_settings

KY4 = get_settings().data / "water_ky4"


@pytest.fixture
def town() -> StreetMap:
    """A source at A, a main A-B-C-D, and a branch B-E."""
    return draw(
        """
A---------B---------C---------D
          |
          |
          E
"""
    )


@pytest.fixture
def mains(town: StreetMap) -> gpd.GeoDataFrame:
    lines = town.roads[["geometry"]].assign(network="water", name=lambda frame: "main " + frame.index)
    return lines.assign(from_node=lines.index.str[0], to_node=lines.index.str[1])


def equipment(town: StreetMap, *rows: dict[str, Any]) -> gpd.GeoDataFrame:
    """Return points: their place in the drawing, and what is known of them."""
    places = town.points(*(row["at"] for row in rows))
    table = pd.DataFrame(rows, columns=["at", "kind", "node", "from_node", "to_node", "state"], dtype=object)
    return gpd.GeoDataFrame(table.drop(columns="at"), geometry=places.to_numpy(), crs=CRS)


def houses(town: StreetMap, *places: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"dwellings": [10 * (n + 1) for n in range(len(places))], "address": list(places)},
        geometry=town.points(*places).translate(yoff=-8).buffer(2).to_numpy(),
        crs=CRS,
    )


SOURCE = {"at": "A", "kind": "reservoir", "node": "A"}


def affected(found: gpd.GeoDataFrame, what: str) -> dict[Any, str]:
    rows = found[found.what == what]
    return dict(zip(rows.feature, rows.status, strict=True))


@pytest.mark.parametrize("named", [True, False])
def test_valves_to_close_and_who_is_without_water(town: StreetMap, mains: gpd.GeoDataFrame, named: bool) -> None:
    valves = [
        {"at": "BC:5", "kind": "valve", "node": "B", "from_node": "B", "to_node": "C"},
        {"at": "BC:95", "kind": "valve", "node": "C", "from_node": "B", "to_node": "C", "state": "open"},
        {"at": "BE:5", "kind": "valve", "node": "B", "from_node": "E", "to_node": "B"},
    ]
    points = equipment(town, SOURCE, *valves)
    if not named:
        mains, points = mains.drop(columns=["from_node", "to_node"]), points.drop(columns=["node"])
    before = mains.copy()
    buildings = houses(town, "AB:50", "BC:50", "CD:50")
    found = isolation_trace(mains, town.points("BC:40"), points, buildings)
    assert affected(found, "valve") == {1: "to close", 2: "to close"}
    assert affected(found, "pipe") == {"BC": "isolated", "CD": "cut off"}
    assert affected(found, "building") == {1: "isolated", 2: "cut off"}
    assert found.dwellings.sum() == 20 + 30
    assert found.length_m.sum() == pytest.approx(200)
    assert set(found[found.what == "building"].name) == {"BC:50", "CD:50"}
    assert mains.equals(before)
    assert "Without supply" in frame_map(found, isolation_trace.analysis.view).get_root().render()


def test_a_stuck_valve_widens_what_is_shut_off(town: StreetMap, mains: gpd.GeoDataFrame) -> None:
    valves = [
        {"at": "BC:5", "kind": "valve", "node": "B", "from_node": "B", "to_node": "C"},
        {"at": "AB:95", "kind": "valve", "node": "B", "from_node": "A", "to_node": "B"},
    ]
    points = equipment(town, SOURCE, *valves)
    found = isolation_trace(mains, town.points("CD:40"), points, stuck=(1,))
    assert affected(found, "valve") == {2: "to close"}
    assert affected(found, "pipe") == dict.fromkeys(["BC", "BE", "CD"], "isolated")


def test_valves_pumps_and_sources_are_read_in_every_form(town: StreetMap, mains: gpd.GeoDataFrame) -> None:
    """A valve and a pump that are links, a valve on a node, a closed line."""
    lines = mains.drop("CD").assign(state=[None, "open", None])
    links = [
        {"at": "C", "kind": "valve", "from_node": "C", "to_node": "X"},
        {"at": "D", "kind": "pump", "from_node": "X", "to_node": "D"},
        {"at": "B", "kind": "valve", "node": "B"},
        {"at": "E", "kind": "pump", "from_node": "A", "to_node": "E", "state": "closed"},
    ]
    every = pd.concat([lines, mains.loc[["CD"]].set_axis(["DF"]).assign(from_node="D", to_node="F", state="open")])
    points = equipment(town, SOURCE, *links)
    found = isolation_trace(every, town.points("BC:50"), points)
    assert affected(found, "valve") == {1: "to close", 3: "to close"}
    assert affected(found, "pipe") == {"BC": "isolated", "DF": "cut off"}
    open_pump = points.assign(state=None)
    fed = isolation_trace(every, town.points("AB:50"), open_pump.iloc[[0, 3, 4]])
    assert affected(fed, "pipe") == {"AB": "isolated", "BE": "isolated", "BC": "cut off"}
    shut = every.assign(state=[None, "closed", None, None])
    assert affected(isolation_trace(shut, town.points("AB:5"), points), "pipe") == {"AB": "isolated", "BE": "cut off"}


def test_valves_may_be_assumed_at_every_end(town: StreetMap, mains: gpd.GeoDataFrame) -> None:
    points = equipment(town, SOURCE)
    everything = isolation_trace(mains, town.points("BC:50"), points)
    assert set(affected(everything, "pipe").values()) == {"isolated"}
    assert len(everything) == 4
    found = isolation_trace(mains, town.points("BC:50"), points, valves="every-end")
    assert affected(found, "pipe") == {"BC": "isolated", "CD": "cut off"}
    closed = found[found.what == "valve"]
    assert closed.feature.isna().all()
    assert closed.geometry.geom_equals(town.points("B", "C").set_axis(closed.index)).all()


def test_pipes_in_parts_are_pipes_too(town: StreetMap, mains: gpd.GeoDataFrame) -> None:
    parts = mains.set_geometry([shapely.multilinestrings([each]) for each in mains.geometry]).set_crs(CRS)
    points = equipment(town, SOURCE, {"at": "BC:90", "kind": "valve"})
    found = isolation_trace(parts, town.points("BC:50"), points, valves="every-end")
    assert affected(found, "pipe") == {"BC": "isolated", "CD": "cut off"}
    at_b = found[(found.what == "valve") & found.feature.isna()].geometry
    assert at_b.distance(town.places["B"]).tolist() == [0]


def test_without_points_and_sources_only_what_is_shut_off_is_told(mains: gpd.GeoDataFrame, town: StreetMap) -> None:
    found = isolation_trace(mains, town.points("BC:50"), valves="every-end")
    assert affected(found, "pipe") == {"BC": "isolated"}
    abandoned = mains.assign(status=["in use", "abandoned", None, "disused"])
    assert set(affected(isolation_trace(abandoned, town.points("AB:50")), "pipe")) == {"AB"}


@pytest.mark.skipif(not KY4.is_dir(), reason="the water network is in the data folder, which isn't there")
def test_a_real_network() -> None:
    """KY4 has no recorded valves: a break shuts off all of it; with valves assumed, what lies behind a bridge too."""
    pipes = gpd.read_file(KY4 / "ky4_pipes.geojson").to_crs(32616)
    pipes = pipes.rename(columns={"start_node_name": "from_node", "end_node_name": "to_node"}).assign(network="water")
    sources = [gpd.read_file(KY4 / f"ky4_{kind}s.geojson").assign(kind=kind) for kind in ("reservoir", "tank")]
    pumps = gpd.read_file(KY4 / "ky4_pumps.geojson").assign(
        kind="pump", state=lambda frame: frame.initial_status.str.lower()
    )
    points = pd.concat([*(each.assign(node=each["name"]) for each in sources), pumps]).to_crs(32616)
    points = points.rename(columns={"start_node_name": "from_node", "end_node_name": "to_node"})
    points = points.reset_index(drop=True)
    middle = pipes.geometry[[7]].interpolate(0.5, normalized=True)
    assert len(isolation_trace(pipes, middle, points).query("what == 'pipe'")) == len(pipes)
    found = isolation_trace(pipes, middle, points, valves="every-end")
    graph = nx.Graph()
    graph.add_edges_from(pipes.drop(7)[["from_node", "to_node"]].itertuples(index=False, name=None))
    fed = set().union(*(nx.node_connected_component(graph, name) for name in points.node.dropna() if name in graph))
    dry = [7, *(n for n, row in pipes.drop(7).iterrows() if row.from_node not in fed)]
    assert sorted(affected(found, "pipe")) == sorted(dry)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda t, m: isolation_trace(m, t.points("E").translate(yoff=-90).set_axis([1])), "within 50 m of 1$"),
        (lambda t, m: isolation_trace(m, t.points("E"), network="gas"), "no line of the network 'gas'"),
        (lambda t, m: isolation_trace(m[:0], t.points("E")), "no line"),
        (lambda t, m: isolation_trace(m.to_crs(4326), t.points("E")), "metres"),
        (lambda t, m: isolation_trace(m.assign(state="ajar"), t.points("E")), "'ajar', not open, closed"),
        (lambda t, m: isolation_trace(m, t.points("E"), equipment(t, SOURCE), stuck=(0,)), "0 is no valve"),
        (lambda t, m: isolation_trace(m, []), "at: no point given"),
    ],
)
def test_what_is_wrong_is_named(town: StreetMap, mains: gpd.GeoDataFrame, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(town, mains)
