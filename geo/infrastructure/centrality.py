"""Centrality: which streets carry the ways of a city, and which places are near to all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import geopandas as gpd
import numpy as np

from geo.analysis import Column, View, analysis, labelled
from geo.errors import InvalidInputError
from geo.inputs.parameters import ModeName, SpeedKmh
from geo.inputs.services import STREETS, travel_network
from geo.networks.flows import shortest_path_loads
from geo.networks.network import Network

if TYPE_CHECKING:
    from geo.networks.routing import TravelNetwork
    from geo.networks.topology import Floats, Ints

MINUTES = {"be": "хв", "ru": "мин", "en": "min"}

RadiusS = Annotated[
    float | None,
    labelled(
        {"be": "Не далей, чым", "ru": "Не дальше, чем", "en": "No farther than"},
        unit="s",
        description="Count only ways up to this time (local centrality); all ways where not given.",
        gt=0,
        le=14_400,
    ),
]

MostOrigins = Annotated[
    int,
    labelled(
        {"be": "Пачаткаў шляху не больш", "ru": "Начал пути не более", "en": "Origins at most"},
        description="Where the network has more junctions, so many are drawn at random and the error is told.",
        ge=2,
        le=100_000,
    ),
]

Seed = Annotated[int, labelled({"be": "Пачатак выпадковых", "ru": "Начало случайных", "en": "Seed"}, ge=0)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Centrality:
    """Centrality of the edges and the nodes of a network.

    Parameters
    ----------
    edge
        Betweenness of each edge: which part of all ordered pairs of nodes have their fastest way along it; a pair with
        several equally fast ways counts in parts.
    edge_error
        Standard error of it; 0 where every node was an origin.
    node
        Betweenness of each node: the part of the ordered pairs of other nodes whose fastest way leads through it.
    mean_s
        Mean time to each node from those origins that get there; NaN where none does.
    closeness
        The part of the other nodes from which one gets to each, divided by `mean_s`; 0 where there is none.
    origins
        From how many nodes ways were counted.
    """

    edge: Floats
    edge_error: Floats
    node: Floats
    mean_s: Floats
    closeness: Floats
    origins: int


def centrality(
    travel: TravelNetwork, *, radius_s: float = np.inf, max_origins: int | None = None, seed: int = 0
) -> Centrality:
    """Return betweenness (Freeman 1977, by Brandes 2001) and closeness (Wasserman & Faust 1994) by travel time.

    Betweenness of an edge e is Σ σ(s, t | e) / σ(s, t) / (n (n - 1)) over the ordered pairs of the n nodes, σ being
    the numbers of fastest ways; closeness of a node is r / (n - 1) · r / Σ d(s, v) over the r nodes s that get to it.
    From k origins drawn without replacement both are estimated by the means over them (Brandes & Pich 2007), with
    standard error √((1 - k/n) s² / k); of streets that hardly any way uses it is told too small.

    Parameters
    ----------
    travel
        ``network.for_mode(mode)``. Turns are not counted.
    radius_s
        Only ways up to this time count (local centrality).
    max_origins
        Draw so many origins where there are more nodes; by default all nodes are origins.
    seed
        Of the draw.

    Raises
    ------
    InvalidInputError
        If the radius is not positive, or `max_origins` below 2.
    """
    if not radius_s > 0:
        raise InvalidInputError(f"radius_s must be positive, not {radius_s}")
    if max_origins is not None and max_origins < 2:
        raise InvalidInputError(f"max_origins must be at least 2, not {max_origins}")
    nodes, edges = len(travel.network.node_xy), len(travel.network.start)
    origins = np.arange(nodes)
    if max_origins is not None and max_origins < nodes:
        origins = np.sort(np.random.default_rng(seed).choice(nodes, max_origins, replace=False))
    graph = travel.without_turns().graph("from")
    load, square, through = np.zeros(edges), np.zeros(edges), np.zeros(nodes)
    total_s, reached = np.zeros(nodes), np.zeros(nodes)
    for loads in shortest_path_loads(graph.costs_s, origins, limit=radius_s):
        edge = graph.arc[loads.entry] % edges
        load += np.bincount(edge, weights=loads.load, minlength=edges)
        square += _squares(loads.source, edge, loads.load, edges)
        through += loads.through.sum(axis=0)
        total_s += np.where(np.isfinite(loads.cost), loads.cost, 0.0).sum(axis=0)
        reached += np.isfinite(loads.cost).sum(axis=0)
    count = len(origins)
    others = np.full(nodes, count, dtype=float)
    others[origins] -= 1
    reached[origins] -= 1
    mean_s = np.divide(total_s, reached, out=np.full(nodes, np.nan), where=reached > 0)
    share = np.divide(reached, others, out=np.zeros(nodes), where=others > 0)
    return Centrality(
        edge=load / count / max(nodes - 1, 1),
        edge_error=_standard_error(load, square, count, nodes) / max(nodes - 1, 1),
        node=through / count / max((nodes - 1) * (nodes - 2) / nodes, 1),
        mean_s=mean_s,
        closeness=np.divide(share, mean_s, out=np.zeros(nodes), where=reached > 0),
        origins=count,
    )


def _squares(source: Ints, edge: Ints, load: Floats, edges: int) -> Floats:
    """Return the sum over the sources of the square of what each sends along each edge."""
    cell, which = np.unique(source * edges + edge, return_inverse=True)
    each = np.bincount(which, weights=load, minlength=len(cell))
    squares: Floats = np.bincount(cell % edges, weights=each**2, minlength=edges).astype(float)
    return squares


def _standard_error(total: Floats, square: Floats, count: int, population: int) -> Floats:
    """Return the standard error of the mean of a sample drawn without replacement."""
    if count == population:
        return np.zeros(len(total))
    variance = np.maximum(square - total**2 / count, 0.0) / (count - 1)
    error: Floats = np.sqrt((1 - count / population) * variance / count)
    return error


@analysis(
    id="street-centrality",
    title={"be": "Цэнтральнасць вуліц", "ru": "Центральность улиц", "en": "Centrality of streets"},
    summary={
        "be": "Якія вуліцы ляжаць на найбольшай частцы найхутчэйшых шляхоў і якія бліжэй за ўсё да астатніх.",
        "ru": "Какие улицы лежат на наибольшей части быстрейших путей и какие ближе всего к остальным.",
        "en": "Which streets lie on most of the fastest ways, and which are nearest to all others.",
    },
    function="infrastructure",
    inputs={"network": STREETS},
    view=View(
        geometry="line",
        colour_by="betweenness",
        columns={
            "street": Column(title={"be": "Вуліца", "ru": "Улица", "en": "Street"}),
            "betweenness": Column(
                title={"be": "Доля шляхоў", "ru": "Доля путей", "en": "Part of the ways"},
                unit="%",
                scale=100,
                decimals=2,
            ),
            "error": Column(
                title={"be": "Стандартная памылка", "ru": "Стандартная ошибка", "en": "Standard error"},
                unit="%",
                scale=100,
                decimals=2,
            ),
            "mean_s": Column(
                title={"be": "Сярэдні час сюды", "ru": "Среднее время сюда", "en": "Mean time to here"},
                unit=MINUTES,
                scale=1 / 60,
                decimals=1,
            ),
        },
    ),
)
def street_centrality(
    network: Network,
    *,
    radius_s: RadiusS = None,
    mode: ModeName = "drive",
    speed_kmh: SpeedKmh = None,
    max_origins: MostOrigins = 500,
    seed: Seed = 0,
) -> gpd.GeoDataFrame:
    """Find the betweenness and the closeness of streets by travel time: see `centrality` for the formulas.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    radius_s
        Only ways up to this time count; all where not given.
    mode, speed_kmh
        How one travels: see `geo.infrastructure.service_areas.service_areas`.
    max_origins
        Of networks with more junctions so many are drawn as origins.
    seed
        Of the draw.

    Returns
    -------
    geopandas.GeoDataFrame
        The streets open to the mode, a row for each part between junctions, in the CRS of the network. Columns:
        ``feature`` (label of the line), ``street`` (its name; empty where it has none), ``betweenness`` (part of the
        ways, 0 to 1), ``error`` (its standard error; 0 where all junctions were origins), ``closeness`` (1/s) and
        ``mean_s`` (means of the two ends), ``length_m``, geometry.

    Raises
    ------
    InvalidInputError
        If no street is open to the mode, or a parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    found = centrality(travel, radius_s=np.inf if radius_s is None else radius_s, max_origins=max_origins, seed=seed)
    edges = travel.open_edges
    ends = np.stack([network.start[edges], network.end[edges]])
    columns = {
        "feature": network.feature[edges],
        "street": network.streets.name[edges],
        "betweenness": found.edge[edges],
        "error": found.edge_error[edges],
        "closeness": found.closeness[ends].mean(axis=0),
        "mean_s": found.mean_s[ends].mean(axis=0),
        "length_m": network.length_m[edges],
    }
    return gpd.GeoDataFrame(columns, geometry=network.geometry[edges], crs=network.crs)
