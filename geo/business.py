"""Business environment: where customers buy, and what a store more takes from whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.analysis import ColourClass, Column, LayerInput, View, analysis, labelled
from geo.errors import InvalidInputError, named
from geo.inputs.demand import DEMAND, DWELLINGS, POPULATION, HomeMaxM, Who, demand_of, share, snap_homes
from geo.inputs.parameters import ModeName, Origins, SnapMaxM, SpeedKmh
from geo.inputs.services import STREETS, column, different, in_crs, numbers, travel_network
from geo.networks.areas import areas_around
from geo.networks.matrices import cost_matrix
from geo.networks.network import Network
from geo.siting.huff import expected_customers, huff_shares, market_change

if TYPE_CHECKING:
    from geo.networks.topology import Floats

BUSINESSES = LayerInput(layer="businesses", columns=("category", "kind", "name", "brand", "employees", "floor_area_m2"))

CUSTOMERS = {"be": "Чаканыя пакупнікі", "ru": "Ожидаемые покупатели", "en": "Expected customers"}
LEAST_S = 60.0
"""Nobody prefers one store to another for being less than this nearer."""

THIESSEN_M = 250.0
"""How far a market area reaches from the homes it is made of."""

StoreKind = Annotated[
    str,
    labelled(
        {"be": "Від ці галіна крам", "ru": "Вид или отрасль магазинов", "en": "Kind or branch of stores"},
        values_of=("businesses.kind", "businesses.category"),
        min_length=1,
        max_length=100,
        description="A kind, such as supermarket, or a branch, such as food, of the businesses that compete.",
    ),
]
Attraction = Annotated[
    Literal["equal", "employees", "floor_area_m2"],
    labelled({"be": "Што вабіць", "ru": "Что привлекает", "en": "What attracts"}),
]
Exponent = Annotated[
    float,
    labelled({"be": "Ступень адлегласці", "ru": "Степень расстояния", "en": "Exponent of distance"}, ge=0.1, le=10),
]
ReachS = Annotated[
    float,
    labelled({"be": "Шлях не даўжэйшы за", "ru": "Путь не дольше", "en": "Way at most"}, unit="s", gt=0, le=14_400),
]
Chain = Annotated[
    str | None,
    labelled(
        {"be": "Свая сетка", "ru": "Своя сеть", "en": "Own chain"},
        values_of=("businesses.brand",),
        min_length=1,
        max_length=100,
    ),
]
NewSize = Annotated[
    float,
    labelled(
        {"be": "Памер новай крамы", "ru": "Размер нового магазина", "en": "Size of the new store"},
        gt=0,
        le=1000,
        description="How much it attracts, in stores of the mean size.",
    ),
]


@analysis(
    id="market-areas",
    title={"be": "Зоны гандлю", "ru": "Торговые зоны", "en": "Market areas"},
    summary={
        "be": "Адкуль пакупнікі хутчэй за ўсё пойдуць у кожную краму і колькі іх будзе (мадэль Хафа).",
        "ru": "Откуда покупатели вероятнее всего пойдут в каждый магазин и сколько их будет (модель Хаффа).",
        "en": "From where customers most likely go to each store, and how many it can expect (Huff model).",
    },
    function="business",
    inputs={"network": STREETS, "businesses": BUSINESSES, "population": POPULATION, "buildings": DWELLINGS},
    view=View(
        geometry="polygon",
        colour_by="customers",
        opacity=0.6,
        columns={
            "name": Column(title={"be": "Крама", "ru": "Магазин", "en": "Store"}),
            "brand": Column(title={"be": "Сетка", "ru": "Сеть", "en": "Chain"}),
            "customers": Column(title=CUSTOMERS),
            "market_share": Column(
                title={"be": "Доля рынку", "ru": "Доля рынка", "en": "Market share"}, unit="%", scale=100, decimals=1
            ),
            "homes": Column(title=DEMAND),
        },
    ),
)
def market_areas(
    network: Network,
    businesses: gpd.GeoDataFrame,
    kind: StoreKind,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    *,
    attraction: Attraction = "equal",
    exponent: Exponent = 2.0,
    reach_s: ReachS = 1800.0,
    who: Who = "total",
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    snap_max_m: SnapMaxM = 300.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find the market area of each store, and the customers it can expect (Huff model).

    Customers choose among the stores in reach with probabilities that grow with what attracts and fall with the time on
    the way, less than a minute counting as one: see `geo.siting.huff.huff_shares`. The area of a store is around the
    homes for which it is the likeliest; its customers come from all homes in reach, in parts.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    businesses
        In any CRS, with ``kind`` or ``category``; ``name``, ``brand``, ``employees``, ``floor_area_m2`` if known.
    kind
        Which businesses compete: those of which either the ``kind`` or the ``category`` is this.
    population, buildings, who
        The customers: see `geo.inputs.demand.demand_of`.
    attraction
        ``equal``, or ``employees`` or ``floor_area_m2``, for stores where that is not known the mean of the others.
    exponent
        How much the way deters.
    reach_s
        Stores farther than this are not visited.
    mode, speed_kmh
        How customers travel: see `geo.infrastructure.service_areas.service_areas`.
    snap_max_m, home_max_m
        A store, or a home, farther than this from every street is out of reach.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a store, by its index, in the CRS of the network: ``name``, ``brand``, ``customers`` (expected),
        ``market_share`` (of all customers with a store in reach), ``homes`` (customers for whom it is the likeliest),
        ``geometry`` (empty where it is the likeliest for none).

    Raises
    ------
    InvalidInputError
        If there is no store of the kind, nobody to count, no known size of any store, or a parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    stores = _stores(businesses, kind, network)
    homes = demand_of(population, buildings, who, network.crs)
    places = travel.snap(stores.geometry.centroid, max_m=snap_max_m)
    cost = cost_matrix(travel, snap_homes(travel, homes, max_m=home_max_m), places, limit_s=reach_s)
    shares = huff_shares(cost, _attraction(stores, attraction), exponent=exponent, least=LEAST_S)
    people = homes.demand.to_numpy()
    customers = expected_customers(shares, people)
    likeliest = np.where(np.diff(shares.indptr) > 0, shares.argmax(axis=1), -1) if len(stores) else np.empty(0, int)
    columns = {
        "name": column(stores, "name"),
        "brand": column(stores, "brand"),
        "customers": customers,
        "market_share": share(customers, customers.sum()),
        "homes": np.bincount(likeliest[likeliest >= 0], weights=people[likeliest >= 0], minlength=len(stores)),
    }
    xy = homes.geometry.centroid.get_coordinates().to_numpy()
    areas = areas_around(xy, likeliest, groups=len(stores), reach_m=THIESSEN_M)
    return gpd.GeoDataFrame(columns, geometry=areas, index=stores.index, crs=network.crs)


@analysis(
    id="store-impact",
    title={"be": "Уплыў новай крамы", "ru": "Влияние нового магазина", "en": "Impact of a new store"},
    summary={
        "be": "Колькі пакупнікоў возьме новая крама, у канкурэнтаў і ў сваёй жа сеткі (канібалізацыя).",
        "ru": "Сколько покупателей возьмёт новый магазин у конкурентов и у своей же сети (каннибализация).",
        "en": "How many customers a new store takes, from rivals and from its own chain (cannibalisation).",
    },
    function="business",
    inputs={"network": STREETS, "businesses": BUSINESSES, "population": POPULATION, "buildings": DWELLINGS},
    view=View(
        geometry="point",
        colour_by="relation",
        opacity=0.9,
        classes=(
            ColourClass(title={"be": "Новая", "ru": "Новый", "en": "New"}, colour="#2a9d5c", values=("new",)),
            ColourClass(
                title={"be": "Свая сетка", "ru": "Своя сеть", "en": "Own chain"}, colour="#d1495b", values=("own",)
            ),
            ColourClass(
                title={"be": "Канкурэнт", "ru": "Конкурент", "en": "Rival"}, colour="#30638e", values=("rival",)
            ),
        ),
        columns={
            "name": Column(title={"be": "Крама", "ru": "Магазин", "en": "Store"}),
            "relation": Column(title={"be": "Чыя", "ru": "Чей", "en": "Whose"}),
            "before": Column(title={"be": "Пакупнікі да", "ru": "Покупатели до", "en": "Customers before"}),
            "after": Column(title={"be": "Пакупнікі пасля", "ru": "Покупатели после", "en": "Customers after"}),
            "change": Column(title={"be": "Змена", "ru": "Изменение", "en": "Change"}),
            "cannibalised": Column(
                title={"be": "Узята ў сваіх", "ru": "Взято у своих", "en": "Taken from its own chain"},
                unit="%",
                scale=100,
                decimals=1,
            ),
        },
    ),
)
def store_impact(
    network: Network,
    businesses: gpd.GeoDataFrame,
    kind: StoreKind,
    sites: Origins,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    *,
    chain: Chain = None,
    new_size: NewSize = 1.0,
    attraction: Attraction = "equal",
    exponent: Exponent = 2.0,
    reach_s: ReachS = 1800.0,
    who: Who = "total",
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    snap_max_m: SnapMaxM = 300.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find what new stores take from those there are, and how much of it from their own chain (cannibalisation).

    The market of `market_areas` is reckoned without and with the new stores; who had no store in reach before is won
    without anyone's loss.

    Parameters
    ----------
    sites
        Where the new stores open: see `geo.inputs.points.read_points`.
    chain
        The ``brand`` to which they belong; stores of the same brand are their own. None where they are independent.
    new_size
        What each new store attracts, in stores of the mean size.
    network, businesses, kind, population, buildings, attraction, exponent, reach_s, who, mode, speed_kmh, snap_max_m,
    home_max_m
        See `market_areas`.

    Returns
    -------
    geopandas.GeoDataFrame
        Points in the CRS of the network, the new first, then the stores that change or keep customers: ``store`` (its
        label, or that of the site), ``name``, ``relation`` (``new``, ``own``, ``rival``), ``before``, ``after``,
        ``change`` (customers), ``cannibalised`` (for the new: what the chain's other stores lose in all, as a part of
        what all new stores win; null for others), ``geometry``.

    Raises
    ------
    InvalidInputError
        As `market_areas`, or if a site is far from every street, or no store is of the chain.
    """
    travel = travel_network(network, mode, speed_kmh)
    stores = _stores(businesses, kind, network)
    own = (column(stores, "brand") == chain).to_numpy(dtype=bool, na_value=False)
    if chain is not None and not own.any():
        raise InvalidInputError(f"no store is of the chain {chain!r}: there are {different(column(stores, 'brand'))}")
    points = pd.concat([sites.to_crs(network.crs), stores.geometry.centroid])
    places = travel.snap(points, max_m=snap_max_m)
    new = np.arange(len(points)) < len(sites)
    if not places.found[new].all():
        lost = sites.index[~places.found[new]][0]
        raise InvalidInputError(f"site {named(lost)} is farther than {snap_max_m:g} m from every street")
    homes = demand_of(population, buildings, who, network.crs)
    cost = cost_matrix(travel, snap_homes(travel, homes, max_m=home_max_m), places, limit_s=reach_s)
    size = _attraction(stores, attraction)
    drawn = np.concatenate([np.full(len(sites), new_size * size.mean()), size])
    market = market_change(cost, homes.demand, drawn, new, exponent=exponent, least=LEAST_S)
    is_own = np.concatenate([np.zeros(len(sites), dtype=bool), own])
    lost_by_own = -market.change[is_own].sum()
    columns = {
        "store": [*sites.index, *stores.index],
        "name": [*[None] * len(sites), *column(stores, "name")],
        "relation": np.select([new, is_own], ["new", "own"], "rival"),
        "before": market.before,
        "after": market.after,
        "change": market.change,
        "cannibalised": np.where(new, share(lost_by_own, market.change[new].sum()), np.nan),
    }
    return gpd.GeoDataFrame(columns, geometry=points.to_numpy(), crs=network.crs)


def _stores(businesses: gpd.GeoDataFrame, kind: str, network: Network) -> gpd.GeoDataFrame:
    """Return the businesses that compete, in the CRS of the network; that there is none is an error."""
    kinds, branches = column(businesses, "kind"), column(businesses, "category")
    taken = ((kinds == kind) | (branches == kind)).to_numpy(dtype=bool, na_value=False)
    if not taken.any():
        raise InvalidInputError(
            f"no business is of the kind or branch {kind!r}: branches are {different(branches)}, "
            f"kinds are {different(kinds):.200}"
        )
    return in_crs(businesses[taken], network.crs, "businesses")


def _attraction(stores: gpd.GeoDataFrame, by: str) -> Floats:
    if by == "equal":
        return np.ones(len(stores))
    known = numbers(column(stores, by), np.nan)
    if np.isnan(known).all() or np.nansum(known) == 0:
        raise InvalidInputError(f"of no store {by} is known: take attraction equal")
    filled: Floats = np.where(np.isnan(known), np.nanmean(known), known)
    return filled
