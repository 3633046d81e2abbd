"""Social services: who reaches them, how much of them there is for everyone, and where the next should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.accessibility import gaussian, two_step, within
from geo.analysis import ColourClass, Column, LayerInput, View, analysis
from geo.errors import InvalidInputError
from geo.matrices import cost_matrix, dense, nearest
from geo.network import Network
from geo.parameters import BuildingMaxM, ModeName, SnapMaxM, SpeedKmh
from geo.services import (
    FACILITIES,
    HOMES,
    STREETS,
    Capacity,
    Catchment,
    ExistingKind,
    Kind,
    MostCandidates,
    NewSites,
    NormS,
    SitingModel,
    Use,
    column,
    dwellings_of,
    numbers,
    of_kind,
    of_use,
    travel_network,
)
from geo.siting import Siting, mclp, p_median

if TYPE_CHECKING:
    from geo.positions import Positions
    from geo.routing import TravelNetwork
    from geo.topology import Floats, Ints

MINUTES = {"be": "хв", "ru": "мин", "en": "min"}
TIME = {"be": "Час у дарозе", "ru": "Время в пути", "en": "Travel time"}
DWELLINGS = {"be": "Кватэры", "ru": "Квартиры", "en": "Dwellings"}
LONGEST_S = 3600.0
"""In the choice of sites a longer way, or none at all, counts as this long."""


@analysis(
    id="facility-access",
    title={"be": "Даступнасць устаноў", "ru": "Доступность учреждений", "en": "Access to facilities"},
    summary={
        "be": "Час ад кожнага будынка вуліцамі да бліжэйшай установы зададзенага віду, і ці ў межах нормы.",
        "ru": "Время от каждого здания по улицам до ближайшего учреждения заданного вида, и в пределах ли норматива.",
        "en": "The time from each building by street to the nearest facility of a kind, and whether within the norm.",
    },
    function="social",
    inputs={"network": STREETS, "facilities": FACILITIES, "buildings": HOMES},
    view=View(
        geometry="polygon",
        colour_by="travel_s",
        opacity=0.8,
        columns={
            "travel_s": Column(title=TIME, unit=MINUTES, scale=1 / 60, decimals=1),
            "within_norm": Column(title={"be": "У норме", "ru": "В нормативе", "en": "Within the norm"}),
            "name": Column(title={"be": "Установа", "ru": "Учреждение", "en": "Facility"}),
            "dwellings": Column(title=DWELLINGS),
        },
    ),
)
def facility_access(
    network: Network,
    facilities: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    kind: Kind,
    *,
    norm_s: NormS = 900.0,
    use: Use = "all",
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    snap_max_m: SnapMaxM = 300.0,
    building_max_m: BuildingMaxM = 100.0,
) -> gpd.GeoDataFrame:
    """Find the time from each building to the nearest facility of a kind (closest facility).

    Buildings and facilities are taken to the nearest place on a street open to the mode of travel; the time counts from
    the building to the facility, by Dijkstra's algorithm (1959). The way to the street takes no time. `share_within`
    gives the part of the dwellings that norms are kept for.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    facilities
        Points or polygons in any CRS, with ``kind`` and, if known, ``name``.
    buildings
        In any CRS; of the columns ``use`` and ``dwellings`` either may be missing.
    kind
        Which facilities count, such as ``school``.
    norm_s
        The longest time that the territory's norm allows.
    use
        Buildings of which ``use`` are taken, such as ``residential``; ``all`` for every one, known or not.
    mode, speed_kmh
        How people travel: see `geo.infrastructure.service_areas`.
    snap_max_m, building_max_m
        A facility, or building, farther than this from every street reaches nothing.

    Returns
    -------
    geopandas.GeoDataFrame
        The buildings taken, by their index and in the CRS of the network. Columns: ``facility`` (its label in the index
        of `facilities`; null where none can be reached), ``name``, ``travel_s`` (NaN where none), ``within_norm``,
        ``dwellings`` (1 where not known), ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is no facility of the kind or no building of the use, or a parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    served, homes = of_kind(facilities, kind, network), of_use(buildings, use, network)
    found = nearest(
        travel, travel.snap(homes.geometry, max_m=building_max_m), travel.snap(served.geometry, max_m=snap_max_m)
    )
    travel_s = np.where(np.isfinite(found.cost_s[:, 0]), found.cost_s[:, 0], np.nan)
    columns = {
        "facility": _labels(served.index, found.facility[:, 0]),
        "name": _labels(column(served, "name"), found.facility[:, 0]),
        "travel_s": travel_s,
        "within_norm": travel_s <= norm_s,
        "dwellings": dwellings_of(homes),
    }
    return gpd.GeoDataFrame(columns, geometry=homes.geometry, index=homes.index, crs=network.crs)


def share_within(access: gpd.GeoDataFrame, norms_s: tuple[float, ...]) -> pd.Series[float]:
    """Return which part of the dwellings has a facility within each of some times.

    Parameters
    ----------
    access
        The result of `facility_access`.
    norms_s
        Times, in seconds.

    Returns
    -------
    pandas.Series
        Parts from 0 to 1, by time; NaN where there are no dwellings.
    """
    total = access.dwellings.sum()
    parts = [access.dwellings[access.travel_s <= norm_s].sum() / total if total else np.nan for norm_s in norms_s]
    return pd.Series(parts, index=pd.Index(norms_s, name="norm_s"), name="share")


@analysis(
    id="two-step-access",
    title={"be": "Забяспечанасць установамі", "ru": "Обеспеченность учреждениями", "en": "Supply within reach"},
    summary={
        "be": "Колькі месцаў ва ўстановах даводзіцца на 1000 кватэр з улікам тых, хто дзеліць іх (2SFCA).",
        "ru": "Сколько мест в учреждениях приходится на 1000 квартир с учётом тех, кто делит их (2SFCA).",
        "en": "How many places in facilities there are for 1,000 dwellings, given who else shares them (2SFCA).",
    },
    function="social",
    inputs={"network": STREETS, "facilities": FACILITIES, "buildings": HOMES},
    view=View(
        geometry="polygon",
        colour_by="places_per_1000",
        opacity=0.8,
        columns={
            "places_per_1000": Column(
                title={"be": "Месцаў на 1000 кватэр", "ru": "Мест на 1000 квартир", "en": "Places per 1,000 dwellings"},
                decimals=2,
            ),
            "facilities": Column(title={"be": "Установы побач", "ru": "Учреждения рядом", "en": "Facilities in reach"}),
            "dwellings": Column(title=DWELLINGS),
        },
    ),
)
def two_step_access(
    network: Network,
    facilities: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    kind: Kind,
    *,
    catchment_s: NormS = 900.0,
    decay: Catchment = "2sfca",
    default_capacity: Capacity = 1.0,
    use: Use = "all",
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    snap_max_m: SnapMaxM = 300.0,
    building_max_m: BuildingMaxM = 100.0,
) -> gpd.GeoDataFrame:
    """Find the places in facilities per dwelling, shared with all who reach them (two-step floating catchment areas).

    First the places of each facility are divided by the dwellings of its catchment, then each building adds up the
    facilities in its reach: Rⱼ = Sⱼ / Σᵢ Pᵢ f(dᵢⱼ), Aᵢ = Σⱼ Rⱼ f(dᵢⱼ) (Luo & Wang 2003; with decay, Dai 2010). So the
    places of all facilities in anyone's reach are shared out, no more and no less. Times count from building to
    facility.

    Parameters
    ----------
    network, facilities, buildings, kind, use, mode, speed_kmh, snap_max_m, building_max_m
        See `facility_access`. A facility has ``capacity`` places. A building counts by its ``dwellings``, as 1 where
        they are not known.
    catchment_s
        The longest time that anyone goes.
    decay
        ``2sfca``: all within the catchment count the same; ``gaussian``: the nearer the more, 0 at its edge (E2SFCA).
    default_capacity
        Places of a facility of which the capacity is not known: with 1, where none is known, the result is in
        facilities and not in places.

    Returns
    -------
    geopandas.GeoDataFrame
        The buildings taken, by their index and in the CRS of the network. Columns: ``places_per_1000`` (per 1,000
        dwellings; 0 where none is in reach, NaN where no street is near the building), ``facilities`` (in reach),
        ``dwellings``, ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is no facility of the kind or no building of the use, a capacity is negative, or a parameter is out
        of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    served, homes = of_kind(facilities, kind, network), of_use(buildings, use, network)
    places = travel.snap(homes.geometry, max_m=building_max_m)
    cost = cost_matrix(travel, places, travel.snap(served.geometry, max_m=snap_max_m), limit_s=catchment_s)
    capacity = numbers(column(served, "capacity"), default_capacity)
    dwellings = dwellings_of(homes)
    weight = within(catchment_s) if decay == "2sfca" else gaussian(catchment_s)
    access = two_step(cost, dwellings, capacity, weight)
    columns = {
        "places_per_1000": np.where(places.found, access * 1000, np.nan),
        "facilities": np.diff(cost.indptr),
        "dwellings": dwellings,
    }
    return gpd.GeoDataFrame(columns, geometry=homes.geometry, index=homes.index, crs=network.crs)


@analysis(
    id="best-sites",
    title={"be": "Найлепшыя месцы", "ru": "Лучшие места", "en": "Best sites"},
    summary={
        "be": "Дзе паставіць новыя ўстановы, каб шлях быў найкарацейшы або норма трымалася для найбольшай часткі.",
        "ru": "Где поставить новые учреждения, чтобы путь был кратчайшим или норматив соблюдался для большинства.",
        "en": "Where to place new facilities so that ways are shortest, or the norm is kept for the most dwellings.",
    },
    function="social",
    inputs={
        "network": STREETS,
        "buildings": HOMES,
        "facilities": LayerInput(layer="facilities", columns=("kind", "name"), optional=True),
    },
    view=View(
        geometry="point",
        colour_by="status",
        opacity=0.9,
        classes=(
            ColourClass(title={"be": "Новыя", "ru": "Новые", "en": "New"}, colour="#d1495b", values=("new",)),
            ColourClass(
                title={"be": "Існыя", "ru": "Существующие", "en": "Existing"}, colour="#30638e", values=("existing",)
            ),
        ),
        columns={
            "status": Column(title={"be": "Стан", "ru": "Состояние", "en": "State"}),
            "name": Column(title={"be": "Назва", "ru": "Название", "en": "Name"}),
            "dwellings": Column(title=DWELLINGS),
            "mean_s": Column(title=TIME, unit=MINUTES, scale=1 / 60, decimals=1),
            "gap": Column(
                title={"be": "Да найлепшага", "ru": "До лучшего", "en": "From the best"},
                unit="%",
                scale=100,
                decimals=2,
            ),
        },
    ),
)
def best_sites(
    network: Network,
    buildings: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame | None = None,
    *,
    kind: ExistingKind = None,
    new_sites: NewSites = 1,
    model: SitingModel = "p-median",
    norm_s: NormS = 900.0,
    max_candidates: MostCandidates = 150,
    use: Use = "all",
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    snap_max_m: SnapMaxM = 300.0,
    building_max_m: BuildingMaxM = 100.0,
) -> gpd.GeoDataFrame:
    """Choose places for new facilities, beside those that exist.

    ``p-median`` makes the mean time from dwellings to the nearest facility least (Hakimi 1964), ``mclp`` covers the
    most dwellings within the norm (Church & ReVelle 1974): see `geo.siting`. A way of more than an hour, or none at
    all, counts as an hour in the p-median.

    Parameters
    ----------
    network, buildings, use, mode, speed_kmh, snap_max_m, building_max_m
        See `facility_access`. A building counts by its ``dwellings``, as 1 where they are not known.
    facilities, kind
        Those of the kind exist already; with no kind none does.
    new_sites
        How many are to be placed.
    model
        See above.
    norm_s
        The time within which dwellings are covered.
    max_candidates
        The new may be at any building, or where there are more than this, at so many spread over all of them.

    Returns
    -------
    geopandas.GeoDataFrame
        Points in the CRS of the network, the new first. Columns: ``site`` (label of the building, or facility),
        ``status`` (``new``, ``existing``), ``name``, ``dwellings`` (to which it is the nearest, within an hour or the
        norm), ``mean_s`` (of those; NaN where none), ``gap`` (how far the choice is from the best at most, as a part
        of the objective; 0 is proved best), ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is no facility of the kind or no building of the use, fewer candidates near streets than new sites,
        or a parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    homes = of_use(buildings, use, network)
    demand = travel.snap(homes.geometry, max_m=building_max_m)
    existing, places = _existing(travel, facilities, kind, snap_max_m)
    spots = _spread(np.flatnonzero(demand.found), homes, max_candidates)
    limit_s = norm_s if model == "mclp" else LONGEST_S
    now = nearest(travel, demand, places, limit_s=limit_s)
    cost_s = np.hstack([now.cost_s, dense(cost_matrix(travel, demand, demand[spots], limit_s=limit_s))])
    dwellings = np.where(demand.found, dwellings_of(homes), 0.0)
    siting = _choose(cost_s, dwellings, new_sites, model, limit_s)
    opened = siting.sites[siting.sites > 0] - 1
    served_s, by = cost_s[:, siting.sites].min(axis=1), siting.sites[cost_s[:, siting.sites].argmin(axis=1)]
    row_of_new = np.searchsorted(opened, by - 1)
    row = np.where(by > 0, row_of_new, len(opened) + now.facility[:, 0])
    reached = np.isfinite(served_s)
    rows = len(opened) + len(existing)
    total = np.bincount(row[reached], weights=dwellings[reached], minlength=rows)
    spent_s = np.bincount(row[reached], weights=(dwellings * served_s)[reached], minlength=rows)
    new = homes.iloc[spots[opened]]
    columns = {
        "site": [*new.index, *existing.index],
        "status": ["new"] * len(new) + ["existing"] * len(existing),
        "name": [*[None] * len(new), *column(existing, "name")],
        "dwellings": total,
        "mean_s": np.divide(spent_s, total, out=np.full(rows, np.nan), where=total > 0),
        "gap": siting.gap,
    }
    points = pd.concat([new.geometry, existing.geometry]).centroid.to_numpy()
    return gpd.GeoDataFrame(columns, geometry=points, crs=network.crs)


def _choose(cost_s: Floats, dwellings: Floats, new_sites: int, model: str, limit_s: float) -> Siting:
    """Choose columns, of which the first stands for all facilities that exist."""
    candidates = cost_s.shape[1] - 1
    if candidates < new_sites:
        raise InvalidInputError(f"new_sites is {new_sites}, but only {candidates} buildings near streets can be sites")
    if model == "mclp":
        return mclp(cost_s, dwellings, radius=limit_s, p=new_sites + 1, existing=[0])
    return p_median(np.minimum(cost_s, limit_s), dwellings, p=new_sites + 1, existing=[0])


def _existing(
    travel: TravelNetwork, facilities: gpd.GeoDataFrame | None, kind: str | None, max_m: float
) -> tuple[gpd.GeoDataFrame, Positions]:
    """Return the facilities of a kind, none for no kind, and their places."""
    if kind is None:
        some = gpd.GeoDataFrame({"name": []}, geometry=[], crs=travel.network.crs)
    elif facilities is None:
        raise InvalidInputError(f"no facility is known, of kind {kind!r} or any other: give none as the kind")
    else:
        some = of_kind(facilities, kind, travel.network)
    return some, travel.snap(some.geometry, max_m=max_m)


def _labels(values: Any, number: Ints) -> Any:
    """Return the values at some positions, null where the position is -1."""
    return np.array([*values, None], dtype=object)[number]


def _spread(rows: Ints, homes: gpd.GeoDataFrame, most: int) -> Ints:
    """Return at most so many of the rows, evenly along a curve that fills the plane and keeps neighbours together."""
    along = rows[np.argsort(homes.geometry.iloc[rows].hilbert_distance().to_numpy(), kind="stable")]
    evenly = np.linspace(0, len(along) - 1, min(most, len(along))).round().astype(np.int64)
    return np.sort(along[evenly])
