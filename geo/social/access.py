"""Social services: who reaches them, and how much of them there is for everyone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.analysis import Column, View, analysis
from geo.inputs.parameters import BannedTurns, BuildingMaxM, ModeName, Slopes, SnapMaxM, SpeedKmh, TurnsS
from geo.inputs.services import (
    FACILITIES,
    HOMES,
    RELIEF,
    STREETS,
    Capacity,
    Catchment,
    Kind,
    NormS,
    Use,
    column,
    dwellings_of,
    numbers,
    of_kind,
    of_use,
    travel_network,
)
from geo.networks.matrices import cost_matrix, nearest
from geo.networks.network import Network
from geo.networks.slopes import Heights
from geo.siting.accessibility import Decay, gaussian, modified_two_step, steps, three_step, two_step, within

if TYPE_CHECKING:
    from geo.networks.topology import Ints

MINUTES = {"be": "хв", "ru": "мин", "en": "min"}
TIME = {"be": "Час у дарозе", "ru": "Время в пути", "en": "Travel time"}
DWELLINGS = {"be": "Кватэры", "ru": "Квартиры", "en": "Dwellings"}


@analysis(
    id="facility-access",
    title={"be": "Даступнасць устаноў", "ru": "Доступность учреждений", "en": "Access to facilities"},
    summary={
        "be": "Час ад кожнага будынка вуліцамі да бліжэйшай установы зададзенага віду, і ці ў межах нормы.",
        "ru": "Время от каждого здания по улицам до ближайшего учреждения заданного вида, и в пределах ли норматива.",
        "en": "The time from each building by street to the nearest facility of a kind, and whether within the norm.",
    },
    function="social",
    inputs={"network": STREETS, "facilities": FACILITIES, "buildings": HOMES, "relief": RELIEF},
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
    relief: Heights | None = None,
    norm_s: NormS = 900.0,
    use: Use = "all",
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    turns_s: TurnsS = (),
    banned_turns: BannedTurns = (),
    slopes: Slopes = False,
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
    relief, mode, speed_kmh, turns_s, banned_turns, slopes
        How people travel: see `geo.infrastructure.service_areas.service_areas`.
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
    travel = travel_network(
        network, mode, speed_kmh, turns_s=turns_s, banned_turns=banned_turns, slopes=slopes, relief=relief
    )
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
    facilities in its reach: Rⱼ = Sⱼ / Σᵢ Pᵢ f(dᵢⱼ), Aᵢ = Σⱼ Rⱼ f(dᵢⱼ) (Luo & Wang 2003). So the places of all
    facilities in anyone's reach are shared out, no more and no less (but by ``m2sfca``). Times count from building to
    facility.

    Parameters
    ----------
    network, facilities, buildings, kind, use, mode, speed_kmh, snap_max_m, building_max_m
        See `facility_access`. A facility has ``capacity`` places. A building counts by its ``dwellings``, as 1 where
        they are not known.
    catchment_s
        The longest time that anyone goes.
    decay
        ``2sfca``: all within the catchment count the same; ``e2sfca``: in three zones of a third of it each, with the
        weights 1, 0.68 and 0.22 (Luo & Qi 2009); ``gaussian``: the nearer the more, 0 at its edge (Dai 2010);
        ``m2sfca``: as gaussian, but what is far is lost and not shared out (Delamater 2013); ``3sfca``: as gaussian,
        but people choose among the facilities in reach (Wan et al. 2012).
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
    access = _METHODS[decay](cost, dwellings, capacity, _decay(decay, catchment_s))
    columns = {
        "places_per_1000": np.where(places.found, access * 1000, np.nan),
        "facilities": np.diff(cost.indptr),
        "dwellings": dwellings,
    }
    return gpd.GeoDataFrame(columns, geometry=homes.geometry, index=homes.index, crs=network.crs)


E2SFCA_WEIGHTS = (1.0, 0.68, 0.22)
_METHODS = {
    "2sfca": two_step,
    "e2sfca": two_step,
    "gaussian": two_step,
    "m2sfca": modified_two_step,
    "3sfca": three_step,
}


def _decay(name: str, catchment_s: float) -> Decay:
    if name == "2sfca":
        return within(catchment_s)
    if name == "e2sfca":
        return steps([catchment_s / 3, catchment_s * 2 / 3, catchment_s], E2SFCA_WEIGHTS)
    return gaussian(catchment_s)


def _labels(values: Any, number: Ints) -> Any:
    """Return the values at some positions, null where the position is -1."""
    return np.array([*values, None], dtype=object)[number]
