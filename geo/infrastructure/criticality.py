"""Criticality: streets without a way round, and what closing a street costs those who travel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import geopandas as gpd
import numpy as np
import scipy

from geo.analysis import Column, View, analysis, labelled
from geo.errors import InvalidInputError
from geo.infrastructure.centrality import MostOrigins, Seed
from geo.inputs.demand import DWELLINGS, POPULATION, HomeMaxM, Who, demand_of, snap_homes
from geo.inputs.parameters import ModeName, SpeedKmh
from geo.inputs.services import STREETS, travel_network
from geo.networks.bridges import weak_spots
from geo.networks.flows import shortest_path_loads
from geo.networks.network import Network

if TYPE_CHECKING:
    from geo.networks.positions import Positions
    from geo.networks.routing import TravelNetwork
    from geo.networks.topology import Floats, Ints

STREET = {"be": "Вуліца", "ru": "Улица", "en": "Street"}

MostLinks = Annotated[
    int,
    labelled(
        {"be": "Вуліц не больш", "ru": "Улиц не более", "en": "Streets at most"},
        description="Only the streets that carry most of the ways are closed, one by one.",
        ge=1,
        le=5000,
    ),
]


@analysis(
    id="cut-links",
    title={"be": "Вуліцы без аб'езду", "ru": "Улицы без объезда", "en": "Streets without a way round"},
    summary={
        "be": "Вуліцы, закрыццё якіх адрэзала б людзей ад горада, і колькі людзей яно адрэзала б.",
        "ru": "Улицы, закрытие которых отрезало бы людей от города, и сколько людей оно отрезало бы.",
        "en": "The streets whose closure would cut people off from the city, and how many it would cut off.",
    },
    function="infrastructure",
    inputs={"network": STREETS, "population": POPULATION, "buildings": DWELLINGS},
    view=View(
        geometry="line",
        colour_by="beyond",
        columns={
            "street": Column(title=STREET),
            "beyond": Column(title={"be": "Адрэзана", "ru": "Отрезано", "en": "Cut off beyond it"}),
            "on_it": Column(title={"be": "На самой вуліцы", "ru": "На самой улице", "en": "Living on it"}),
            "length_m": Column(
                title={"be": "Даўжыня", "ru": "Длина", "en": "Length"}, unit={"be": "м", "ru": "м", "en": "m"}
            ),
        },
    ),
)
def cut_links(
    network: Network,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    *,
    who: Who = "dwellings",
    mode: ModeName = "drive",
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find the bridges of the network of streets (Tarjan 1974), and how many people each would cut off when closed.

    Directions of traffic are not regarded: a street counts as a way round where it may be used at all. Who is on the
    side with fewer people is cut off.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    population, buildings, who
        Whom to count: see `geo.inputs.demand.demand_of`.
    mode
        Which streets are open: see `geo.infrastructure.service_areas.service_areas`.
    home_max_m
        Who lives farther than this from every street is not counted.

    Returns
    -------
    geopandas.GeoDataFrame
        The bridges that cut anyone off, those that cut off most first, in the CRS of the network. Columns: ``feature``
        (label of the line), ``street`` (its name; empty where it has none), ``beyond`` (people, or dwellings, beyond
        it), ``on_it`` (living on it), ``length_m``, geometry.

    Raises
    ------
    InvalidInputError
        If there is nobody to count, no street is open to the mode, or a parameter is out of range.
    """
    travel = travel_network(network, mode, None)
    homes = demand_of(population, buildings, who, network.crs)
    at = snap_homes(travel, homes, max_m=home_max_m)
    people = homes.demand.to_numpy()[at.found]
    on_it = np.bincount(at.edge[at.found], weights=people, minlength=len(network.start)).astype(float)
    edges = travel.open_edges
    spots = weak_spots(network.start[edges], network.end[edges], np.zeros(len(network.node_xy)), on_it[edges])
    cutting = edges[spots.bridge & (spots.beyond > 0)]
    columns = {
        "feature": network.feature[cutting],
        "street": network.streets.name[cutting],
        "beyond": spots.beyond[spots.bridge & (spots.beyond > 0)],
        "on_it": on_it[cutting],
        "length_m": network.length_m[cutting],
    }
    result = gpd.GeoDataFrame(columns, geometry=network.geometry[cutting], crs=network.crs)
    return result.sort_values("beyond", ascending=False, kind="stable", ignore_index=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class ClosingCosts:
    """What closing each of some edges costs; arrays of the same length.

    Parameters
    ----------
    edge
        Position of the edge in the network.
    trips
        Which part of all trips uses it.
    delay_s
        How much longer a trip becomes, on the mean of all trips that are still possible.
    lost
        Which part of all trips becomes impossible.
    """

    edge: Ints
    trips: Floats
    delay_s: Floats
    lost: Floats


def closing_costs(
    travel: TravelNetwork, node_weight: Floats, *, max_links: int, max_origins: int, seed: int = 0
) -> ClosingCosts:
    """Close the busiest edges one by one, and return what that costs (Network Robustness Index, Scott et al. 2006).

    The trips from i to j are in proportion to wᵢ wⱼ, as far as j can be reached. For each edge a the index is
    cₐ = Σ xᵢⱼ (tᵢⱼ without a − tᵢⱼ), told here for one trip on the mean, and beside it the unsatisfied demand (Jenelius
    et al. 2006). Congestion is not regarded. From a draw of origins, the more likely the more they weigh, all is
    estimated.

    Parameters
    ----------
    travel
        ``network.for_mode(mode)``. Turns are not counted.
    node_weight
        Weight of each node, such as the people that live at it; 0 or more.
    max_links
        How many edges are closed: those that carry most trips.
    max_origins
        Draw so many origins where more nodes weigh anything.
    seed
        Of the draw.

    Raises
    ------
    InvalidInputError
        If no two nodes weigh anything.
    """
    weighing = np.flatnonzero(node_weight > 0)
    if len(weighing) < 2:
        raise InvalidInputError("there are no trips: at least two places must have anyone")
    origins, share = _drawn(weighing, node_weight, max_origins, seed)
    graph, edges = travel.without_turns().graph("from"), len(travel.network.start)
    demand = np.broadcast_to(node_weight, (len(origins), len(node_weight)))
    using = np.zeros((len(origins), edges), dtype=np.float32)
    before: list[Floats] = []
    for loads in shortest_path_loads(graph.costs_s, origins, demand):
        rows = len(before) + loads.source
        np.add.at(using, (rows, graph.arc[loads.entry] % edges), loads.load)
        before += list(loads.cost)
    before_s = np.array(before)
    weight = share[:, np.newaxis] * np.where(np.isfinite(before_s), node_weight, 0.0)
    weight[np.arange(len(origins)), origins] = 0.0
    total = weight.sum()
    if total == 0:
        raise InvalidInputError("there are no trips: no place with anyone can be reached from another")
    trips = share @ using / total
    busiest = np.argsort(-trips, kind="stable")[:max_links]
    busiest = busiest[trips[busiest] > 0]
    costs_s, entries = graph.costs_s.copy(), graph.arc % edges
    delay_s, lost = np.zeros(len(busiest)), np.zeros(len(busiest))
    for position, edge in enumerate(busiest):
        rows = np.flatnonzero(using[:, edge] > 0)
        closed = np.flatnonzero(entries == edge)
        costs_s.data[closed] = np.inf
        after_s = scipy.sparse.csgraph.dijkstra(costs_s, indices=origins[rows])
        costs_s.data[closed] = graph.costs_s.data[closed]
        possible = np.isfinite(after_s)
        change_s = np.subtract(after_s, before_s[rows], out=np.zeros(after_s.shape), where=possible)
        kept = total - (weight[rows] * ~possible).sum()
        delay_s[position] = (weight[rows] * change_s).sum() / kept if kept else np.nan
        lost[position] = 1 - kept / total
    return ClosingCosts(edge=busiest, trips=trips[busiest], delay_s=delay_s, lost=lost)


def _drawn(weighing: Ints, node_weight: Floats, most: int, seed: int) -> tuple[Ints, Floats]:
    """Return origins and what each stands for: all with their weight, or a draw with how often each was drawn."""
    if len(weighing) <= most:
        return weighing, node_weight[weighing]
    chance = node_weight[weighing] / node_weight[weighing].sum()
    origins, times = np.unique(np.random.default_rng(seed).choice(weighing, most, p=chance), return_counts=True)
    return origins, times.astype(float)


@analysis(
    id="closing-costs",
    title={"be": "Цана закрыцця вуліц", "ru": "Цена закрытия улиц", "en": "Cost of closing streets"},
    summary={
        "be": "Наколькі даўжэйшымі сталі б паездкі, калі б закрылі кожную з самых загружаных вуліц.",
        "ru": "Насколько дольше стали бы поездки, если бы закрыли каждую из самых загруженных улиц.",
        "en": "How much longer trips would become if each of the busiest streets were closed.",
    },
    function="infrastructure",
    inputs={"network": STREETS, "population": POPULATION, "buildings": DWELLINGS},
    view=View(
        geometry="line",
        colour_by="delay_s",
        columns={
            "street": Column(title=STREET),
            "delay_s": Column(
                title={"be": "Страта на паездку", "ru": "Потеря на поездку", "en": "Delay a trip"},
                unit={"be": "с", "ru": "с", "en": "s"},
                decimals=1,
            ),
            "trips": Column(
                title={"be": "Доля паездак", "ru": "Доля поездок", "en": "Part of the trips"},
                unit="%",
                scale=100,
                decimals=1,
            ),
            "lost": Column(
                title={"be": "Немагчымыя паездкі", "ru": "Невозможные поездки", "en": "Trips made impossible"},
                unit="%",
                scale=100,
                decimals=1,
            ),
        },
    ),
)
def closing_costs_of_streets(
    network: Network,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    *,
    who: Who = "dwellings",
    mode: ModeName = "drive",
    speed_kmh: SpeedKmh = None,
    max_links: MostLinks = 100,
    max_origins: MostOrigins = 100,
    seed: Seed = 0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find what closing each of the busiest streets costs: see `closing_costs` for the formula.

    Trips are between all who are counted, as many from everyone to everyone else, and begin and end at the junction
    nearest to them along their street.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    population, buildings, who
        Whom to count: see `geo.inputs.demand.demand_of`.
    mode, speed_kmh
        How one travels: see `geo.infrastructure.service_areas.service_areas`.
    max_links, max_origins, seed
        See `closing_costs`.
    home_max_m
        Who lives farther than this from every street is not counted.

    Returns
    -------
    geopandas.GeoDataFrame
        The streets closed, the costliest first, in the CRS of the network. Columns: ``feature`` (label of the line),
        ``street`` (its name; empty where it has none), ``delay_s`` (how much longer a trip becomes, on the mean of all
        that are still possible), ``trips`` and ``lost`` (which part of all trips uses it, and becomes impossible),
        ``length_m``, geometry.

    Raises
    ------
    InvalidInputError
        If there is nobody to count, no trip is possible, no street is open to the mode, or a parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    homes = demand_of(population, buildings, who, network.crs)
    weight = weight_at_nodes(network, snap_homes(travel, homes, max_m=home_max_m), homes.demand.to_numpy())
    found = closing_costs(travel, weight, max_links=max_links, max_origins=max_origins, seed=seed)
    order = np.lexsort((-found.delay_s, -found.lost))
    edge = found.edge[order]
    columns = {
        "feature": network.feature[edge],
        "street": network.streets.name[edge],
        "delay_s": found.delay_s[order],
        "trips": found.trips[order],
        "lost": found.lost[order],
        "length_m": network.length_m[edge],
    }
    return gpd.GeoDataFrame(columns, geometry=network.geometry[edge], crs=network.crs)


def weight_at_nodes(network: Network, places: Positions, weight: Floats) -> Floats:
    """Return the weight at each node: that of the places on its edges that are nearest to it."""
    known = places[places.found]
    node = np.where(known.fraction < 0.5, network.start[known.edge], network.end[known.edge])
    total: Floats = np.bincount(node, weights=weight[places.found], minlength=len(network.node_xy)).astype(float)
    return total
