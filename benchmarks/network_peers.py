"""How fast networks are built and searched beside networkit, on a square grid of 90,000 nodes, and beside pandana.

pandana makes contraction hierarchies first, which takes minutes on a square grid of 3,600 nodes, where all ways are
equally long, and does not end on one of 90,000: it is compared on the streets of Helsinki's centre.

Neither is a package of the project (pandana is AGPL). Put them in a folder and name it in PYTHONPATH:
``uv pip install --target peers --no-deps pandana networkit``; what is not there is not measured.
Each measure is the median of rounds in which ours and the peer take turns, in seconds of the processor: the time of
day depends on what else the machine does.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from network import CUTOFF_S, every_node, grid, helsinki, random_nodes
from rich.console import Console
from rich.table import Table

from geo.infrastructure.service_areas import service_areas
from geo.networks.matrices import cost_matrix, nearest
from geo.networks.network import Network
from geo.networks.routing import TravelNetwork
from geo.networks.travel import DRIVE, WALK, TravelMode
from geo.siting.accessibility import gaussian, two_step

ROUNDS = 3


def median_s(*calls: Callable[[], Any]) -> list[float]:
    """Return the median processor seconds of each call, taking turns."""
    spent: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for each, call in zip(spent, calls, strict=True):
            begun = time.process_time()
            call()
            each.append(time.process_time() - begun)
    return [statistics.median(each) for each in spent]


def beside_pandana(table: Table) -> None:
    """Measure node sets on foot in Helsinki's centre, and count the nodes that only one of both has."""
    travel = Network.from_roads(helsinki()).for_mode(WALK)
    nodes = random_nodes(travel, 100)
    places = every_node(travel)[nodes]

    def ours() -> list[Any]:
        return [
            np.flatnonzero(row <= CUTOFF_S) for each in travel.times(places, limit_s=CUTOFF_S) for row in each.vertex_s
        ]

    name = "100 service areas of 10 minutes, as nodes, Helsinki's centre"
    made, made_s = with_pandana(travel)
    if made is None:
        add(table, name, median_s(ours))
        return
    theirs = made.nodes_in_range(nodes, CUTOFF_S).groupby("source")["destination"].agg(set)
    apart = [each for node, mine in zip(nodes, ours(), strict=True) for each in theirs[node].symmetric_difference(mine)]
    told = f"pandana, made ready in {made_s:.1f} s; {len(apart)} of {theirs.map(len).sum():,} nodes differ"
    add(table, name, median_s(ours, lambda: made.nodes_in_range(nodes, CUTOFF_S)), told)


def with_pandana(travel: TravelNetwork) -> Any:
    """Return the network in pandana, and the seconds that took; ``None`` where it is not installed."""
    try:
        import pandana
    except ImportError:
        return None, 0.0
    network, edges = travel.network, travel.open_edges
    begun = time.process_time()
    made = pandana.Network(
        pd.Series(network.node_xy[:, 0]), pd.Series(network.node_xy[:, 1]),
        pd.Series(network.start[edges]), pd.Series(network.end[edges]),
        pd.DataFrame({"seconds": travel.forward_s[edges]}),
    )  # fmt: skip
    return made, time.process_time() - begun


def with_networkit(travel: TravelNetwork) -> Any:
    """Return the network in networkit; ``None`` where it is not installed."""
    try:
        import networkit
    except ImportError:
        return None
    networkit.setNumberOfThreads(1)
    network = travel.network
    graph = networkit.Graph(len(network.node_xy), weighted=True)
    for one, other, cost_s in zip(network.start.tolist(), network.end.tolist(), travel.forward_s.tolist(), strict=True):
        graph.addEdge(one, other, cost_s)
    return graph


def searches(table: Table, travel: TravelNetwork) -> None:
    """Measure node sets, the nearest facility and the cost matrix."""
    nodes, everywhere = random_nodes(travel, 1000), every_node(travel)
    hundred, thousand = everywhere[nodes[:100]], everywhere[nodes]
    reached = median_s(lambda: [np.isfinite(each.vertex_s).sum() for each in travel.times(hundred, limit_s=CUTOFF_S)])
    add(table, "100 service areas of 10 minutes, as nodes", reached)
    add(table, "nearest of 100 facilities for 90,000 nodes", median_s(lambda: nearest(travel, everywhere, hundred)))
    graph = with_networkit(travel)
    calls = [lambda: cost_matrix(travel, thousand, thousand)]
    if graph:
        import networkit

        calls.append(lambda: networkit.distance.SPSP(graph, nodes.tolist()).run())
    add(table, "cost matrix 1,000 x 1,000", median_s(*calls), "networkit, one thread, from the same nodes to all")


def areas(table: Table, roads: gpd.GeoDataFrame) -> None:
    """Measure building, polygons for the first time and again, and shared supply."""
    more = pd.concat([roads, roads.iloc[: 200_000 - len(roads)].translate(xoff=1e6).to_frame("geometry")])
    add(table, f"build of {len(more):,} segments", median_s(lambda: Network.from_roads(more)))
    for mode in (WALK, DRIVE):
        polygons(table, roads, mode)
    travel = Network.from_roads(roads).for_mode(WALK)
    everywhere, rng = every_node(travel), np.random.default_rng(1)
    demand, supply = (everywhere[rng.choice(len(everywhere), count, replace=False)] for count in (50_000, 500))
    decay = gaussian(1800)
    both = median_s(
        lambda: two_step(cost_matrix(travel, demand, supply, limit_s=1800), np.ones(50_000), np.ones(500), decay)
    )
    add(table, "2SFCA 50,000 x 500 within 30 minutes, with its matrix", both)


def polygons(table: Table, roads: gpd.GeoDataFrame, mode: TravelMode) -> None:
    """Measure 100 areas on a network that has made none yet, and again."""
    network = Network.from_roads(roads)
    travel = network.for_mode(mode)
    travel.graph("from")
    points = gpd.GeoSeries(shapely.points(network.node_xy[random_nodes(travel, 100)]), crs=network.crs)

    def areas() -> gpd.GeoDataFrame:
        return service_areas(network, points, mode=mode.name, cutoffs_s=(600,))

    add(table, f"100 polygons, {mode.name} 10 min, first time", rounds_of_one(areas))
    add(table, f"100 polygons, {mode.name} 10 min, again", median_s(areas))


def rounds_of_one(call: Callable[[], Any]) -> list[float]:
    begun = time.process_time()
    call()
    return [time.process_time() - begun]


def add(table: Table, name: str, seconds: list[float], peer: str = "") -> None:
    ours, *theirs = seconds
    beside = (f"{theirs[0]:.2f}", f"{ours / theirs[0]:.2f}", peer) if theirs else ("", "", "")
    table.add_row(name, f"{ours:.3f}", *beside)


def main() -> None:
    roads = grid()
    table = Table("", "Horad, s", "peer, s", "ratio", "peer", title=f"Processor seconds, medians of {ROUNDS}")
    beside_pandana(table)
    searches(table, Network.from_roads(roads).for_mode(WALK))
    areas(table, roads)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
