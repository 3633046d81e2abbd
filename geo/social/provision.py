"""Social services: who finds a place within the norms, where places are missing or spare, and catchments of schools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy

from geo.analysis import ColourClass, Column, View, analysis, labelled
from geo.errors import InvalidInputError, named
from geo.inputs.demand import DEMAND, DWELLINGS, POPULATION, HomeMaxM, Who, demand_of, share, snap_homes, where_found
from geo.inputs.parameters import SnapMaxM
from geo.inputs.services import FACILITIES, STREETS, Kind, column, numbers, of_kind, travel_network
from geo.networks.areas import areas_around
from geo.networks.matrices import cost_matrix
from geo.networks.network import Network
from geo.siting.accessibility import nearest_supply
from geo.siting.transport import assign

if TYPE_CHECKING:
    from geo.networks.positions import Positions
    from geo.networks.topology import Floats

METRES_PER_SECOND = 3.6
"""The speed in km/h at which seconds are metres."""

THIESSEN_M = 250.0
METRES = {"be": "м", "ru": "м", "en": "m"}
NAME = {"be": "Установа", "ru": "Учреждение", "en": "Facility"}
PLACES = {"be": "Месцы", "ru": "Места", "en": "Places"}
WAY = {"be": "Шлях у сярэднім", "ru": "Путь в среднем", "en": "Mean way"}
SHORT_BY = 1e-6
"""Parts of a place that are rounding."""

NormM = Annotated[
    float,
    labelled(
        {"be": "Норма адлегласці", "ru": "Норматив расстояния", "en": "Norm of distance"},
        unit="m",
        stated="{kind}_distance_m",
        gt=0,
        le=50_000,
    ),
]
PlacesPer1000 = Annotated[
    float | None,
    labelled(
        {"be": "Месцаў на 1000 чалавек", "ru": "Мест на 1000 человек", "en": "Places per 1,000 people"},
        stated="{kind}_places_per_1000",
        stated_if={"who": "total"},
        gt=0,
        le=1000,
        description="Of those who are counted: with an age group, per 1,000 of that group.",
    ),
]
DefaultCapacity = Annotated[
    float | None,
    labelled(
        {"be": "Месцаў, калі невядома", "ru": "Мест, если неизвестно", "en": "Places where not known"}, gt=0, le=1e6
    ),
]
ReachM = Annotated[
    float,
    labelled({"be": "Шлях не даўжэйшы за", "ru": "Путь не длиннее", "en": "Way at most"}, unit="m", gt=0, le=50_000),
]
Limited = Annotated[
    bool,
    labelled({"be": "З улікам месцаў", "ru": "С учётом мест", "en": "As many as there are places"}),
]


@analysis(
    id="provision",
    title={"be": "Забеспячэнне паводле норм", "ru": "Обеспеченность по нормативам", "en": "Provision by norms"},
    summary={
        "be": "Каму хапае месцаў ва ўстановах у межах норм, каму не, і дзе месцы вольныя.",
        "ru": "Кому хватает мест в учреждениях в пределах нормативов, кому нет, и где места свободны.",
        "en": "Who finds a place in facilities within the norms, who does not, and where places are spare.",
    },
    function="social",
    inputs={"network": STREETS, "facilities": FACILITIES, "population": POPULATION, "buildings": DWELLINGS},
    view=View(
        geometry="mixed",
        colour_by="state",
        opacity=0.7,
        classes=(
            ColourClass.of("provided", "#a6d96a", be="Хапае", ru="Хватает", en="Provided"),
            ColourClass.of("short", "#d73027", be="Не хапае", ru="Не хватает", en="Short"),
            ColourClass.of("spare", "#1f78b4", be="Ёсць вольныя", ru="Есть свободные", en="Spare places"),
            ColourClass.of("full", "#6a3d9a", be="Поўная", ru="Заполнено", en="Full"),
        ),
        columns={
            "what": Column(title={"be": "Што", "ru": "Что", "en": "What"}),
            "state": Column(title={"be": "Стан", "ru": "Состояние", "en": "State"}),
            "name": Column(title=NAME),
            "needed": Column(title={"be": "Трэба месцаў", "ru": "Нужно мест", "en": "Places needed"}, decimals=1),
            "places": Column(title=PLACES),
            "assigned": Column(title={"be": "Занята", "ru": "Занято", "en": "Assigned"}, decimals=1),
            "balance": Column(title={"be": "Лішак", "ru": "Избыток", "en": "Surplus"}, decimals=1),
            "way_m": Column(title=WAY, unit=METRES),
        },
    ),
)
def provision(
    network: Network,
    facilities: gpd.GeoDataFrame,
    kind: Kind,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    *,
    places_per_1000: PlacesPer1000 = None,
    norm_m: NormM = 1000.0,
    default_capacity: DefaultCapacity = None,
    who: Who = "total",
    snap_max_m: SnapMaxM = 300.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find where places in facilities are missing or spare, by the norms of places and of distance.

    Homes need places in proportion to their people; each facility gives its places to homes within the norm of
    distance, on foot by street. As many places as possible are given, on the shortest ways in all:
    `geo.siting.transport`.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    facilities
        In any CRS, with ``kind``, ``capacity`` and ``name``.
    kind
        Which facilities count, such as ``kindergarten``.
    population, buildings, who
        Who needs them: see `geo.inputs.demand.demand_of`.
    places_per_1000
        Places needed for 1,000 of those who are counted; for everyone the norm of the territory is taken where it
        states one.
    norm_m
        The longest way; the norm of the territory where it states one.
    default_capacity
        Places of a facility where they are not known.
    snap_max_m, home_max_m
        A facility, or a home, farther than this from every street is out of reach.

    Returns
    -------
    geopandas.GeoDataFrame
        In the CRS of the network, first the homes, then the facilities: ``what`` (``home``, ``facility``), ``state``
        (homes: ``provided``, ``short``, null where no street is near; facilities: ``full``, ``spare``), ``feature``
        (its label), ``name``, ``needed`` (homes), ``places`` (facilities), ``assigned`` (places), ``balance`` (spare
        places, or less the missing ones), ``way_m`` (mean way of those assigned; NaN where none), ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is no facility of the kind, nobody to count, no norm of places, a capacity is not known and no default
        is given, too many pairs are within the norm, or a parameter is out of range.
    """
    served = of_kind(facilities, kind, network)
    homes = demand_of(population, buildings, who, network.crs)
    cost, at = _ways(network, homes, served, norm_m, snap_max_m, home_max_m)
    needed = homes.demand.to_numpy() * _norm(kind, places_per_1000) / 1000
    places = _capacity(served, default_capacity)
    found = assign(cost, needed, places)
    walks = _walks(found.flow, cost)
    at_home = {
        "what": "home",
        "state": where_found(at, np.where(found.unserved > SHORT_BY, "short", "provided")),
        "feature": homes.index.to_numpy(dtype=object),
        "name": None,
        "needed": needed,
        "places": np.nan,
        "assigned": needed - found.unserved,
        "balance": np.where(at.found, -found.unserved, np.nan),
        "way_m": _mean_way(walks, "home", len(homes)),
    }
    at_facility = {
        "what": "facility",
        "state": np.where(found.spare > SHORT_BY, "spare", "full"),
        "feature": served.index.to_numpy(dtype=object),
        "name": column(served, "name").to_numpy(dtype=object),
        "needed": np.nan,
        "places": places,
        "assigned": places - found.spare,
        "balance": found.spare,
        "way_m": _mean_way(walks, "facility", len(served)),
    }
    parts = [
        gpd.GeoDataFrame(columns, geometry=frame.geometry.to_numpy(), crs=network.crs).astype({"name": object})
        for columns, frame in ((at_home, homes), (at_facility, served))
    ]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=network.crs)


@analysis(
    id="catchments",
    title={"be": "Мікрараёны школ", "ru": "Микрорайоны школ", "en": "School catchments"},
    summary={
        "be": "Якія дамы аднесці да якой школы, каб шлях быў найкарацейшы, а месцаў хапіла.",
        "ru": "Какие дома отнести к какой школе, чтобы путь был кратчайшим, а мест хватило.",
        "en": "Which homes to assign to which school so that ways are shortest and places suffice.",
    },
    function="social",
    inputs={"network": STREETS, "facilities": FACILITIES, "population": POPULATION, "buildings": DWELLINGS},
    view=View(
        geometry="polygon",
        colour_by="load",
        colours=("#1a9850", "#91cf60", "#d9ef8b", "#fee08b", "#fc8d59", "#d73027"),
        columns={
            "name": Column(title=NAME),
            "places": Column(title=PLACES),
            "assigned": Column(title={"be": "Прыпісана", "ru": "Прикреплено", "en": "Assigned"}, decimals=1),
            "load": Column(title={"be": "Загрузка", "ru": "Загрузка", "en": "Load"}, unit="%", scale=100),
            "homes": Column(title=DEMAND, decimals=1),
            "way_m": Column(title=WAY, unit=METRES),
            "longest_m": Column(
                title={"be": "Найдаўжэйшы шлях", "ru": "Самый длинный путь", "en": "Longest way"}, unit=METRES
            ),
        },
    ),
)
def catchments(
    network: Network,
    facilities: gpd.GeoDataFrame,
    kind: Kind,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    *,
    places_per_1000: PlacesPer1000 = 1000.0,
    limited: Limited = True,
    reach_m: ReachM = 3000.0,
    default_capacity: DefaultCapacity = None,
    who: Who = "total",
    snap_max_m: SnapMaxM = 300.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Assign homes to facilities on the shortest ways, within their capacity, and draw the catchments (districting).

    With `limited` it is the transport problem of `geo.siting.transport.assign`: no facility gets more than its places,
    and some homes go to the second nearest, or nowhere; otherwise each goes to the nearest. A catchment is around the
    homes of which the facility serves the greatest part.

    Parameters
    ----------
    places_per_1000
        How many of those who are counted need a place.
    limited
        Whether places limit what a facility takes.
    reach_m
        The longest way on foot by street.
    network, facilities, kind, population, buildings, who, default_capacity, snap_max_m, home_max_m
        See `provision`.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a facility, by its index, in the CRS of the network: ``name``, ``places``, ``assigned`` (places that are
        needed in it), ``load`` (assigned to places), ``homes`` (people or dwellings in the catchment), ``way_m`` and
        ``longest_m`` (mean and longest way of those assigned), ``geometry`` (empty where it serves nobody).

    Raises
    ------
    InvalidInputError
        As `provision`; without `limited` capacities may be unknown, and ``places`` and ``load`` are NaN then.
    """
    served = of_kind(facilities, kind, network)
    homes = demand_of(population, buildings, who, network.crs)
    needed = homes.demand.to_numpy() * _norm(kind, places_per_1000) / 1000
    cost, _ = _ways(network, homes, served, reach_m, snap_max_m, home_max_m)
    if limited:
        places = _capacity(served, default_capacity)
        flow = assign(cost, needed, places).flow
    else:
        places = numbers(column(served, "capacity"), np.nan if default_capacity is None else default_capacity)
        flow = _all_to_nearest(cost, needed)
    walks = _walks(flow, cost)
    assigned = np.bincount(walks.facility, weights=walks.amount, minlength=len(served))
    greatest = walks.sort_values("amount", kind="stable").drop_duplicates("home", keep="last")
    main = np.full(len(homes), -1)
    main[greatest.home] = greatest.facility
    columns = {
        "name": column(served, "name"),
        "places": places,
        "assigned": assigned,
        "load": share(assigned, places),
        "homes": np.bincount(main[main >= 0], weights=homes.demand[main >= 0], minlength=len(served)),
        "way_m": _mean_way(walks, "facility", len(served)),
        "longest_m": walks.groupby("facility").way_m.max().reindex(range(len(served))).to_numpy(),
    }
    xy = homes.geometry.centroid.get_coordinates().to_numpy()
    areas = areas_around(xy, main, groups=len(served), reach_m=THIESSEN_M)
    return gpd.GeoDataFrame(columns, geometry=areas, index=served.index, crs=network.crs)


def _norm(kind: str, places_per_1000: float | None) -> float:
    if places_per_1000 is None:
        raise InvalidInputError(f"no norm of places of the kind {kind!r} is stated: give places_per_1000")
    return places_per_1000


def _ways(
    network: Network,
    homes: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    limit_m: float,
    snap_max_m: float,
    home_max_m: float,
) -> tuple[scipy.sparse.csr_array, Positions]:
    """Return the ways on foot from homes to facilities, in metres, and the places of the homes on streets."""
    travel = travel_network(network, "walk", METRES_PER_SECOND)
    places = travel.snap(facilities.geometry.centroid, max_m=snap_max_m)
    at = snap_homes(travel, homes, max_m=home_max_m)
    return cost_matrix(travel, at, places, limit_s=limit_m), at


def _capacity(facilities: gpd.GeoDataFrame, default: float | None) -> Floats:
    places = numbers(column(facilities, "capacity"), np.nan if default is None else default)
    unknown = np.isnan(places)
    if unknown.any():
        raise InvalidInputError(
            f"of {unknown.sum()} of the {len(places)} facilities the capacity is not known, such as of "
            f"{named(facilities.index[unknown][0])}: give default_capacity"
        )
    return places


def _all_to_nearest(cost: scipy.sparse.csr_array, needed: Floats) -> scipy.sparse.csr_array:
    """Return the flow of all demand to the nearest supply."""
    nearest = nearest_supply(cost)
    row = np.flatnonzero((nearest >= 0) & (needed > 0))
    return scipy.sparse.csr_array((needed[row], (row, nearest[row])), shape=cost.shape)


def _walks(flow: scipy.sparse.csr_array, cost: scipy.sparse.csr_array) -> pd.DataFrame:
    """Return who walks where: positions of homes and facilities, the amount, and the way in metres."""
    sent = flow.tocoo()
    width = flow.shape[1]
    row = np.repeat(np.arange(cost.shape[0]), np.diff(cost.indptr))
    known = row * width + cost.indices
    order = np.argsort(known, kind="stable")
    at = order[np.searchsorted(known[order], sent.row.astype(np.int64) * width + sent.col)]
    return pd.DataFrame({"home": sent.row, "facility": sent.col, "amount": sent.data, "way_m": cost.data[at]})


def _mean_way(walks: pd.DataFrame, by: str, count: int) -> Floats:
    """Return the mean way of each home, or facility; NaN where nobody walks."""
    total = np.bincount(walks[by], weights=walks.amount, minlength=count)
    way: Floats = share(np.bincount(walks[by], weights=walks.amount * walks.way_m, minlength=count), total)
    return way
