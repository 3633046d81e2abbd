"""Traffic in the peak hour, and where it goes when streets are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.errors import InvalidInputError
from geo.infrastructure.criticality import weight_at_nodes
from geo.infrastructure.what_if import Closures
from geo.inputs.demand import DWELLINGS, POPULATION, HomeMaxM, Who, demand_of, snap_homes
from geo.inputs.parameters import SnapMaxM
from geo.inputs.services import STREETS, column, in_crs, numbers
from geo.networks.assignment import Links, user_equilibrium
from geo.networks.network import Network
from geo.networks.travel import DRIVE
from geo.statistics.grid import Grid

if TYPE_CHECKING:
    from geo.networks.routing import TravelNetwork
    from geo.networks.topology import Floats, Ints

CAPACITY = {
    "motorway": 4000.0,
    "trunk": 3000.0,
    "motorway_link": 1500.0,
    "trunk_link": 1500.0,
    "primary": 1800.0,
    "primary_link": 1200.0,
    "secondary": 1200.0,
    "secondary_link": 1000.0,
    "tertiary": 900.0,
    "tertiary_link": 800.0,
    "residential": 600.0,
    "unclassified": 600.0,
    "living_street": 300.0,
    "service": 300.0,
}
"""Vehicles an hour in one direction by class of street: an assumption, to be replaced by counted ones."""

OTHER_CAPACITY = 500.0

TripsEach = Annotated[
    float,
    labelled(
        {"be": "Паездак у гадзіну на кожнага", "ru": "Поездок в час на каждого", "en": "Trips an hour from each"},
        description="By car in the peak hour from each person, or dwelling: an assumption.",
        gt=0,
        le=10,
    ),
]
MeanTrip = Annotated[
    float,
    labelled(
        {"be": "Спад з часам", "ru": "Спад со временем", "en": "Decay with time"},
        unit="s",
        description="Trips fall by a factor e for each such time on the way.",
        gt=0,
        le=14_400,
    ),
]
ZoneM = Annotated[
    float, labelled({"be": "Шырыня зоны", "ru": "Ширина зоны", "en": "Width of a zone"}, unit="m", ge=100, le=20_000)
]
MaxGap = Annotated[
    float, labelled({"be": "Адноснае разыходжанне", "ru": "Относительный разрыв", "en": "Relative gap"}, gt=0, le=0.1)
]

MOST_ZONES = 500


@analysis(
    id="traffic-assignment",
    title={"be": "Размеркаванне руху", "ru": "Распределение потоков", "en": "Traffic assignment"},
    summary={
        "be": "Колькі аўтамабіляў на кожнай вуліцы ў гадзіну пік, і куды яны паедуць, калі вуліцы закрыць.",
        "ru": "Сколько автомобилей на каждой улице в час пик, и куда они поедут, если улицы закрыть.",
        "en": "How many cars each street has in the peak hour, and where they go if streets are closed.",
    },
    function="infrastructure",
    inputs={
        "network": STREETS,
        "population": POPULATION,
        "buildings": DWELLINGS,
        "businesses": LayerInput(layer="businesses", columns=("employees",), optional=True),
    },
    view=View(
        geometry="line",
        colour_by="load",
        columns={
            "street": Column(title={"be": "Вуліца", "ru": "Улица", "en": "Street"}),
            "flow": Column(title={"be": "Аўтамабіляў за гадзіну", "ru": "Автомобилей в час", "en": "Vehicles an hour"}),
            "load": Column(title={"be": "Загрузка", "ru": "Загрузка", "en": "Load"}, unit="%", scale=100),
            "delay": Column(
                title={"be": "Час да вольнага", "ru": "Время к свободному", "en": "Time to free"}, decimals=2
            ),
            "change": Column(title={"be": "Змена", "ru": "Изменение", "en": "Change"}),
        },
    ),
)
def traffic_assignment(
    network: Network,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    businesses: gpd.GeoDataFrame | None = None,
    *,
    who: Who = "dwellings",
    trips_each: TripsEach = 0.3,
    decay_s: MeanTrip = 900.0,
    closures: Closures = None,
    zone_m: ZoneM = 500.0,
    max_gap: MaxGap = 1e-3,
    home_max_m: HomeMaxM = 300.0,
    snap_max_m: SnapMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Assign the car traffic of the peak hour to the streets (user equilibrium: see `geo.networks.assignment`).

    Everyone counted makes trips to workplaces, the fewer the longer the way takes when streets are empty (gravity
    model, Hansen 1959): Tᵢⱼ = Pᵢ Aⱼ exp(−tᵢⱼ / decay) / Σₖ Aₖ exp(−tᵢₖ / decay). Zones are cells of a hexagonal grid,
    whose traffic begins at the junction with most people and workplaces. This is a model on assumed demand and
    capacities (`CAPACITY`): calibrate it by counts before its numbers are used.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    population, buildings, who
        Who makes trips: see `geo.inputs.demand.demand_of`.
    businesses
        Where trips lead to, by ``employees``, 1 where not known; to where people live where none are given.
    trips_each
        Trips an hour from each who is counted.
    decay_s
        See above.
    closures
        Points on streets that are closed; the traffic with and without them is told.
    zone_m
        From the centre of a zone to those of the nearest others.
    max_gap
        Relative gap at which the equilibrium is close enough.
    home_max_m, snap_max_m
        Homes and businesses farther than this from every street do not count; a closure must be nearer.

    Returns
    -------
    geopandas.GeoDataFrame
        The streets open to cars, a row for each part between junctions, in the CRS of the network. Columns:
        ``feature``, ``street``, ``flow`` (vehicles an hour, both directions), ``load`` (of the busier direction, as a
        part of its capacity), ``delay`` (its time by that when empty), ``change`` (of the flow by the closures; NaN
        without them), ``length_m``, geometry.

    Raises
    ------
    InvalidInputError
        If there is nobody to count, there are no trips, more than `MOST_ZONES` zones, or a closure is far from streets.
    """
    travel = network.for_mode(DRIVE)
    homes = demand_of(population, buildings, who, network.crs)
    people = weight_at_nodes(network, snap_homes(travel, homes, max_m=home_max_m), homes.demand.to_numpy())
    work = people if businesses is None else _workplaces(travel, businesses, snap_max_m)
    zones, zone = _zones(network, people + work, zone_m)
    trips, jobs = (_by_zone(zone, each, len(zones)) for each in (people, work))
    demand = gravity_demand(travel, zones, trips * trips_each, jobs, decay_s)
    before = _assigned(travel, zones, demand, max_gap)
    shut = None if closures is None else travel.locate(closures, max_m=snap_max_m, what="closures", anywhere=True).edge
    after = before if shut is None else _assigned(travel.closed(shut), zones, demand, max_gap)
    edges = travel.open_edges
    flow, load, delay = (values[edges] for values in after)
    columns = {
        "feature": network.feature[edges],
        "street": network.streets.name[edges],
        "flow": flow,
        "load": load,
        "delay": delay,
        "change": np.nan if shut is None else flow - before[0][edges],
        "length_m": network.length_m[edges],
    }
    return gpd.GeoDataFrame(columns, geometry=network.geometry[edges], crs=network.crs)


def gravity_demand(travel: TravelNetwork, zones: Ints, trips: Floats, attraction: Floats, decay_s: float) -> Floats:
    """Return trips between zones, shared out by attraction and time on the empty network (gravity model, Hansen 1959).

    Parameters
    ----------
    travel
        ``network.for_mode(mode)``.
    zones
        Node of each zone.
    trips
        That begin in each.
    attraction
        Of each.
    decay_s
        Trips fall by a factor e for each such time.
    """
    cost_s = scipy.sparse.csgraph.dijkstra(travel.without_turns().graph("from").costs_s, indices=zones)[:, zones]
    pull = np.exp(-cost_s / decay_s) * attraction
    np.fill_diagonal(pull, 0.0)
    total = pull.sum(axis=1, keepdims=True)
    demand: Floats = trips[:, np.newaxis] * np.divide(pull, total, out=np.zeros(pull.shape), where=total > 0)
    return demand


def _workplaces(travel: TravelNetwork, businesses: gpd.GeoDataFrame, max_m: float) -> Floats:
    if businesses.crs is None:
        raise InvalidInputError("businesses must have a CRS: set it, for example with set_crs(4326)")
    places = travel.snap(in_crs(businesses, travel.network.crs, "businesses").geometry, max_m=max_m)
    return weight_at_nodes(travel.network, places, numbers(column(businesses, "employees"), 1.0))


def _zones(network: Network, weight: Floats, zone_m: float) -> tuple[Ints, Ints]:
    """Return the node of each zone, the one that weighs most, and the zone of each node; -1 where it weighs nothing."""
    some = np.flatnonzero(weight > 0)
    cells = Grid(cell_m=zone_m).cells_of(network.node_xy[some])
    _, zone = np.unique(cells, axis=0, return_inverse=True)
    order = np.lexsort((-weight[some], zone))
    first = order[np.flatnonzero(np.diff(zone[order], prepend=-1))]
    if len(first) > MOST_ZONES:
        raise InvalidInputError(
            f"there are {len(first)} zones, more than {MOST_ZONES}: make zone_m larger than {zone_m:g}"
        )
    of_node = np.full(len(weight), -1)
    of_node[some] = zone
    return some[first], of_node


def _by_zone(zone: Ints, weight: Floats, zones: int) -> Floats:
    total: Floats = np.bincount(zone[zone >= 0], weights=weight[zone >= 0], minlength=zones).astype(float)
    return total


def _assigned(travel: TravelNetwork, zones: Ints, demand: Floats, max_gap: float) -> tuple[Floats, Floats, Floats]:
    """Return the flow of each edge, and load and delay of its busier direction."""
    network, edges = travel.network, len(travel.network.start)
    free_s = np.concatenate([travel.forward_s, travel.backward_s])
    capacity = pd.Series(network.streets.road_class).map(CAPACITY).fillna(OTHER_CAPACITY).to_numpy(dtype=float)
    open_ = np.flatnonzero(np.isfinite(free_s) & (network.arcs.tail != network.arcs.head))
    links = Links(
        tail=network.arcs.tail[open_],
        head=network.arcs.head[open_],
        free_s=free_s[open_],
        capacity=np.concatenate([capacity, capacity])[open_],
    )
    found = user_equilibrium(links, zones, demand, max_gap=max_gap)
    flow, load, delay = np.zeros(2 * edges), np.zeros(2 * edges), np.ones(2 * edges)
    flow[open_] = found.flow
    load[open_] = found.flow / links.capacity
    delay[open_] = found.seconds / links.free_s
    busier_load, busier_delay = (np.maximum(each[:edges], each[edges:]) for each in (load, delay))
    return flow[:edges] + flow[edges:], busier_load, busier_delay
