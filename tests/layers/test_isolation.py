"""Broken pipes of two real networks shut off: held against the files themselves by networkx, WNTR and EPANET."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
import wntr
from test_epanet import ANCHOR, real

from geo.housing import isolation_trace
from geo.networks.pipes import read_pipes
from geo.networks.trace import segments
from layers.sources.networks.epanet import EpanetReader
from layers.sources.records import Record

pytestmark = pytest.mark.filterwarnings("ignore")

NETWORKS = [("water_ltown/L-TOWN.inp", {"anchor": ANCHOR}), ("water_ky4/ky4.inp", {"crs": "EPSG:3547"})]


def frames(path: str, options: dict[str, Any]) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Lines and points as analyses get them, labelled by source ids."""
    rows: dict[str, list[dict[str, Any]]] = {"utilities": [], "utility_points": []}
    for record in EpanetReader(real(path), **options):
        assert isinstance(record, Record)
        shape = shapely.from_wkb(record.geometry)
        rows[record.layer].append({**record.values, "label": record.source_id, "geometry": shape})
    lines, points = (
        gpd.GeoDataFrame(pd.DataFrame(found).set_index("label"), geometry="geometry", crs=4326).to_crs(32635)
        for found in rows.values()
    )
    return lines, points


def _just_behind(lines: gpd.GeoDataFrame, points: gpd.GeoDataFrame, link: str, node: str) -> shapely.Point:
    """Return where a valve lies on a link: near its node, and not at it, since other pipes may join the same nodes."""
    place = points.geometry[node]
    if link not in lines.index:
        return place
    line = lines.geometry[link]
    return line.interpolate(0.05 if line.project(place) < line.length / 2 else 0.95, normalized=True)


def with_valves(
    lines: gpd.GeoDataFrame, points: gpd.GeoDataFrame, model: Any, seed: int
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Add a valve at two of three ends of pipes at every junction, as WNTR places them, and return where they are."""
    placed = wntr.network.generate_valve_layer(model, "strategic", 1, seed=seed)
    ends = {name: (link.start_node_name, link.end_node_name) for name, link in model.links()}
    added = pd.DataFrame(
        {
            "kind": "valve",
            "node": placed["node"],
            "from_node": [ends[link][0] for link in placed["link"]],
            "to_node": [ends[link][1] for link in placed["link"]],
        }
    ).set_index("valve " + placed["link"] + " at " + placed["node"])
    places = [_just_behind(lines, points, f"link/{link}", f"node/{node}") for link, node in placed.to_numpy()]
    return pd.concat([points, gpd.GeoDataFrame(added, geometry=places, crs=points.crs)]), placed


def parts_of(model: Any, placed: pd.DataFrame, closed: set[str] | None = None) -> nx.Graph:
    """Nodes and links, joined where they meet and no valve, or no closed one, stands between."""
    valves = {(row.link, row.node): f"valve {row.link} at {row.node}" for row in placed.itertuples()}
    valves |= {(name, link.start_node_name): f"link/{name}" for name, link in model.valves()}
    graph = nx.Graph()
    for name, link in model.links():
        for node in (link.start_node_name, link.end_node_name):
            graph.add_nodes_from([f"link/{name}", f"node/{node}"])
            valve = valves.get((name, node))
            if valve is None or (closed is not None and valve not in closed):
                graph.add_edge(f"link/{name}", f"node/{node}")
    return graph


def fed(graph: nx.Graph, model: Any, but: set[str]) -> set[str]:
    """What a source feeds that isn't shut off itself."""
    sources = {f"node/{name}" for name in (*model.reservoir_name_list, *model.tank_name_list)} - but
    return {each for source in sources for each in nx.node_connected_component(graph, source)}


@pytest.mark.parametrize(("path", "options"), NETWORKS)
def test_closing_the_valves_named_shuts_the_pipe_off_and_no_fewer_do(path: str, options: dict[str, Any]) -> None:
    lines, points = frames(path, options)
    model = wntr.network.WaterNetworkModel(str(real(path)))
    equipment, placed = with_valves(lines, points, model, seed=3)
    parted, open_now = parts_of(model, placed), parts_of(model, placed, set())
    had = fed(open_now, model, set())
    rng = np.random.default_rng(5)
    for pipe in rng.choice(lines.index, 12, replace=False):
        at = gpd.GeoSeries([lines.geometry[pipe].interpolate(0.5, normalized=True)], crs=lines.crs)
        found = isolation_trace(lines, at, equipment)
        status = found[found.what == "pipe"].set_index("feature").status
        valves = set(found[found.what == "valve"].feature)
        shut = nx.node_connected_component(parted, pipe)
        now = parts_of(model, placed, valves)
        assert nx.node_connected_component(now, pipe) == shut
        assert set(status.index[status == "isolated"]) == shut & set(lines.index)
        lost = (had - fed(now, model, shut)) - shut
        assert set(status.index[status == "cut off"]) == lost & set(lines.index)
        for valve in valves:
            assert nx.node_connected_component(parts_of(model, placed, valves - {valve}), pipe) > shut


@pytest.mark.parametrize(("path", "options"), NETWORKS)
def test_segments_are_those_of_wntr(path: str, options: dict[str, Any]) -> None:
    lines, points = frames(path, options)
    model = wntr.network.WaterNetworkModel(str(real(path)))
    for link, _ in list(model.valves()):
        points = points[points.index != f"link/{link}"]
        model.remove_link(link)
    equipment, placed = with_valves(lines, points, model, seed=4)
    _, _, sizes = wntr.metrics.topographic.valve_segments(model.to_graph(), placed)
    equipment.loc[equipment.kind == "pump", "state"] = "open"
    network = read_pipes(lines, equipment, snap_m=1).network
    assert len(network.valve_link) == len(placed)
    ours = np.bincount(segments(network))
    assert sorted(ours[ours > 0]) == sorted(sizes.sum(axis=1))


def without_flow(model: Any, folder: Path) -> set[str]:
    """The pipes in which EPANET finds nothing flowing."""
    found = wntr.sim.EpanetSimulator(model).run_sim(file_prefix=str(folder / "run"))
    return {f"link/{pipe}" for pipe, rate in found.link["flowrate"].iloc[0].abs().items() if rate < 1e-5}


def test_the_valves_of_l_town_part_four_zones_and_epanet_agrees(tmp_path: Path) -> None:
    """L-TOWN's only valves reduce pressure: two behind its reservoirs, and one before its area B of 32 pipes."""
    path, options = NETWORKS[0]
    lines, points = frames(path, options)
    model = wntr.network.WaterNetworkModel(str(real(path)))
    counts = (model.num_pipes, model.num_valves, model.num_junctions)
    assert (len(lines), (points.kind == "valve").sum(), (points.kind == "junction").sum()) == counts == (905, 3, 782)
    zones: dict[tuple[str, ...], set[str]] = {}
    for pipe in lines.index:
        if any(pipe in zone for zone in zones.values()):
            continue
        at = gpd.GeoSeries([lines.geometry[pipe].interpolate(0.5, normalized=True)], crs=lines.crs)
        found = isolation_trace(lines, at, points)
        valves = tuple(sorted(found[found.what == "valve"].feature.str.removeprefix("link/")))
        zones[valves] = set(found[(found.what == "pipe") & (found.status == "isolated")].feature)
    assert {valves: len(zone) for valves, zone in zones.items()} == {
        ("PRV-1", "PRV-2", "PRV-3"): 871,
        ("PRV-3",): 32,
        ("PRV-1",): 1,
        ("PRV-2",): 1,
    }
    model.options.time.duration = 0
    model.options.hydraulic.demand_model = "PDD"
    model.get_link("PRV-3").initial_status = "Closed"
    assert zones["PRV-3",] <= without_flow(model, tmp_path)
    model.get_link("PRV-3").initial_status = "Active"
    assert len(zones["PRV-3",] & without_flow(model, tmp_path)) < 3
