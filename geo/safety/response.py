"""Public safety: how soon help arrives, who is covered once, twice or not, and where the next stations should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.analysis import ColourClass, Column, LayerInput, View, analysis, labelled
from geo.errors import InvalidInputError
from geo.inputs.candidates import NEW_AND_EXISTING, PARCELS, STATUS, GivenSites, LeastParcelM2, SiteKind, possible_sites
from geo.inputs.demand import DEMAND, DWELLINGS, POPULATION, HomeMaxM, Who, demand_of, share, snap_homes, where_found
from geo.inputs.parameters import BannedTurns, ModeName, SnapMaxM, SpeedKmh, TurnsS
from geo.inputs.services import (
    STREETS,
    MostCandidates,
    NewSites,
    column,
    different,
    in_crs,
    numbers,
    travel_network,
)
from geo.networks.matrices import cost_matrix, dense
from geo.networks.network import Network
from geo.siting.accessibility import cumulative, nearest_cost, nearest_supply
from geo.siting.models import Siting, backup_coverage, mclp, p_median

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from geo.networks.positions import Positions
    from geo.networks.routing import TravelNetwork
    from geo.networks.topology import Floats

STATIONS = LayerInput(layer="stations", columns=("kind", "name", "vehicles", "turnout_s"))
LONGEST_S = 7200.0
"""Who is farther than this from every station is reached by none; in the choice of stations it counts as this."""

MINUTES = {"be": "хв", "ru": "мин", "en": "min"}
STATION = {"be": "Станцыя", "ru": "Станция", "en": "Station"}

ServiceKind = Annotated[
    str,
    labelled(
        {"be": "Служба", "ru": "Служба", "en": "Service"}, values_of=("stations.kind",), min_length=1, max_length=100
    ),
]
ResponseS = Annotated[
    float,
    labelled(
        {"be": "Норма прыбыцця", "ru": "Норматив прибытия", "en": "Norm of arrival"},
        unit="s",
        stated="{kind}_response_min",
        stated_scale=60,
        gt=0,
        le=LONGEST_S,
        description="From the call to the arrival: time to set out and travel.",
    ),
]
TurnoutS = Annotated[
    float,
    labelled(
        {
            "be": "Збор і выезд, калі невядома",
            "ru": "Сбор и выезд, если неизвестно",
            "en": "Setting out, where not known",
        },
        unit="s",
        ge=0,
        le=3600,
    ),
]
StationModel = Annotated[
    Literal["mclp", "p-median", "backup"],
    labelled(
        {"be": "Мадэль размяшчэння", "ru": "Модель размещения", "en": "Model of location"},
        description="mclp: most covered; p-median: soonest on average; backup: all covered, and most of them twice.",
    ),
]


@analysis(
    id="response-coverage",
    title={"be": "Прыбыццё экстранных службаў", "ru": "Прибытие экстренных служб", "en": "Emergency response"},
    summary={
        "be": "За які час прыбудзе дапамога, дзе яна прыбывае з дзвюх станцый у норму, а дзе не паспявае.",
        "ru": "За какое время прибудет помощь, где она успевает с двух станций, а где не успевает.",
        "en": "How soon help arrives, where from two stations within the norm, and where it comes too late.",
    },
    function="safety",
    inputs={"network": STREETS, "stations": STATIONS, "population": POPULATION, "buildings": DWELLINGS},
    view=View(
        geometry="polygon",
        colour_by="cover",
        opacity=0.7,
        classes=(
            ColourClass(
                title={"be": "З дзвюх станцый", "ru": "С двух станций", "en": "From two stations"},
                values=("double",),
                colour="#1a9850",
            ),
            ColourClass(
                title={"be": "З адной станцыі", "ru": "С одной станции", "en": "From one station"},
                values=("single",),
                colour="#fee08b",
            ),
            ColourClass(
                title={"be": "Не паспявае", "ru": "Не успевает", "en": "Too late"}, values=("none",), colour="#d73027"
            ),
        ),
        columns={
            "cover": Column(title={"be": "Ахоп", "ru": "Охват", "en": "Cover"}),
            "response_s": Column(
                title={"be": "Прыбыццё", "ru": "Прибытие", "en": "Arrival"}, unit=MINUTES, scale=1 / 60, decimals=1
            ),
            "name": Column(title=STATION),
            "stations": Column(title={"be": "Станцый у норме", "ru": "Станций в нормативе", "en": "Stations in time"}),
            "vehicles": Column(title={"be": "Машын у норме", "ru": "Машин в нормативе", "en": "Vehicles in time"}),
            "demand": Column(title=DEMAND, decimals=1),
        },
    ),
)
def response_coverage(
    network: Network,
    stations: gpd.GeoDataFrame,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    *,
    kind: ServiceKind = "fire",
    norm_s: ResponseS = 600.0,
    turnout_s: TurnoutS = 80.0,
    who: Who = "total",
    mode: ModeName = "drive",
    speed_kmh: SpeedKmh = None,
    turns_s: TurnsS = (),
    banned_turns: BannedTurns = (),
    snap_max_m: SnapMaxM = 300.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find how soon help arrives, and where it does so from one, two or no stations within the norm (coverage).

    The response is the time to set out (turnout) and the time on the way from the station, by Dijkstra's algorithm
    (1959). Double cover is that of two stations: what is left when one is out (Hogan & ReVelle 1986). NFPA 1710 allows
    80 s and 240 s for the first engine.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    stations
        Points or polygons in any CRS with ``kind``; ``name``, ``vehicles`` (1 where not known) and ``turnout_s``.
    population, buildings, who
        Whom help must reach: see `geo.inputs.demand.demand_of`.
    kind
        Which stations count, such as ``fire``.
    norm_s
        The longest response.
    turnout_s
        Of stations where it is not known.
    mode, speed_kmh, turns_s, banned_turns
        How help travels: see `geo.infrastructure.service_areas.service_areas`.
    snap_max_m, home_max_m
        A station, or a home, farther than this from every street is out of reach.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a place where people live, by its index, in the CRS of the network: ``cover`` (``double``, ``single``,
        ``none``; null where no street is near), ``response_s`` (NaN where nobody comes within 2 hours), ``station``
        (label), ``name``, ``stations`` and ``vehicles`` (within the norm), ``demand``, ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is no station of the kind, nobody to count, a number is negative, or a parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh, turns_s=turns_s, banned_turns=banned_turns)
    served, homes = _of_service(stations, kind, network), demand_of(population, buildings, who, network.crs)
    at = snap_homes(travel, homes, max_m=home_max_m)
    cost = _response(travel, served, at, turnout_s, snap_max_m)
    soonest, station = nearest_cost(cost), nearest_supply(cost)
    within = cumulative(cost, np.ones(len(served)), limit=norm_s)
    columns = {
        "cover": where_found(at, np.select([within > 1, within > 0], ["double", "single"], "none")),
        "response_s": np.where(np.isfinite(soonest), soonest, np.nan),
        "station": np.array([*served.index, None], dtype=object)[station],
        "name": np.array([*column(served, "name"), None], dtype=object)[station],
        "stations": within.astype(np.int64),
        "vehicles": cumulative(cost, numbers(column(served, "vehicles"), 1.0), limit=norm_s),
        "demand": homes.demand,
    }
    return gpd.GeoDataFrame(columns, geometry=homes.geometry, index=homes.index, crs=network.crs)


def cover_shares(covered: gpd.GeoDataFrame) -> pd.Series[float]:
    """Return which part of the demand near streets has double, single and no cover.

    Parameters
    ----------
    covered
        The result of `response_coverage`.
    """
    parts = covered.groupby("cover").demand.sum().reindex(["double", "single", "none"], fill_value=0.0)
    return pd.Series(share(parts, parts.sum()), index=parts.index, name="share")


@analysis(
    id="best-stations",
    title={"be": "Месцы новых станцый", "ru": "Места новых станций", "en": "Sites of new stations"},
    summary={
        "be": "Дзе паставіць новыя станцыі экстранных службаў, каб дапамога паспявала да найбольшай часткі людзей.",
        "ru": "Где поставить новые станции экстренных служб, чтобы помощь успевала к наибольшей части людей.",
        "en": "Where to place new emergency stations so that help comes in time to the most people.",
    },
    function="safety",
    inputs={
        "network": STREETS,
        "stations": LayerInput(layer="stations", columns=STATIONS.columns, optional=True),
        "population": POPULATION,
        "buildings": DWELLINGS,
        "parcels": PARCELS,
    },
    view=View(
        geometry="point",
        colour_by="status",
        opacity=0.9,
        classes=NEW_AND_EXISTING,
        columns={
            "status": STATUS,
            "name": Column(title=STATION),
            "demand": Column(title=DEMAND, decimals=1),
            "in_time": Column(
                title={"be": "З іх у норме", "ru": "Из них в нормативе", "en": "Of them in time"}, decimals=1
            ),
            "mean_s": Column(
                title={"be": "Прыбыццё", "ru": "Прибытие", "en": "Arrival"}, unit=MINUTES, scale=1 / 60, decimals=1
            ),
            "gap": Column(
                title={"be": "Да найлепшага", "ru": "До лучшего", "en": "From the best"},
                unit="%",
                scale=100,
                decimals=2,
            ),
        },
    ),
)
def best_stations(
    network: Network,
    stations: gpd.GeoDataFrame | None = None,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    parcels: gpd.GeoDataFrame | None = None,
    *,
    kind: ServiceKind = "fire",
    new_sites: NewSites = 1,
    model: StationModel = "mclp",
    norm_s: ResponseS = 600.0,
    turnout_s: TurnoutS = 80.0,
    candidates: GivenSites = None,
    site_kind: SiteKind = "homes",
    least_parcel_m2: LeastParcelM2 = 0.0,
    max_candidates: MostCandidates = 150,
    who: Who = "total",
    mode: ModeName = "drive",
    speed_kmh: SpeedKmh = None,
    snap_max_m: SnapMaxM = 300.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Choose places for new stations, beside those that exist.

    ``mclp`` covers the most people within the norm (Church & ReVelle 1974), ``p-median`` makes the mean response least
    (Hakimi 1964), ``backup`` covers all, and the most of them twice (Hogan & ReVelle 1986): see `geo.siting.models`.
    Responses are those of `response_coverage`, at most 2 hours.

    Parameters
    ----------
    stations, kind
        Those of the kind exist already.
    new_sites
        How many are to be placed.
    parcels, candidates, site_kind, least_parcel_m2, max_candidates
        Where the new may be: see `geo.social.sites.best_sites`.
    network, population, buildings, norm_s, turnout_s, who, mode, speed_kmh, snap_max_m, home_max_m
        See `response_coverage`; new stations set out in `turnout_s`.

    Returns
    -------
    geopandas.GeoDataFrame
        Points in the CRS of the network, the new first: ``site`` (label of the place, or station), ``status`` (``new``,
        ``existing``), ``name``, ``demand`` (to which it is the soonest), ``in_time`` (of that, within the norm),
        ``mean_s`` (response to it; NaN where none), ``gap`` (from the best choice at most, as a part of the objective),
        ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is nobody to count, there are fewer candidates near streets than new stations, no choice covers all
        for ``backup``, or a parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    homes = demand_of(population, buildings, who, network.crs)
    at = snap_homes(travel, homes, max_m=home_max_m)
    possible, spots = possible_sites(
        travel,
        homes,
        at,
        given=candidates,
        parcels=parcels,
        kind=site_kind,
        least_parcel_m2=least_parcel_m2,
        most=max_candidates,
        wanted=new_sites,
        max_m=snap_max_m,
    )
    known = stations is not None and (column(stations, "kind") == kind).any()
    existing = _of_service(stations, kind, network) if stations is not None and known else homes.iloc[:0]
    old = _response(travel, existing, at, turnout_s, snap_max_m)
    new_s = dense(cost_matrix(travel, spots, at, limit_s=LONGEST_S)).T + turnout_s
    cost_s = np.hstack([dense(old), new_s]).astype(float)
    people = np.where(at.found, homes.demand, 0.0)
    siting = _chosen(cost_s[at.found], people[at.found], len(existing), new_sites, model, norm_s)
    opened = siting.sites[siting.sites >= len(existing)]
    order = np.concatenate([opened, np.arange(len(existing))])
    soonest = cost_s[:, order].argmin(axis=1)
    response_s = cost_s[np.arange(len(homes)), order[soonest]]
    reached = np.isfinite(response_s)
    rows = len(order)
    total = np.bincount(soonest[reached], weights=people[reached], minlength=rows)
    spent_s = np.bincount(soonest[reached], weights=people[reached] * response_s[reached], minlength=rows)
    in_time = response_s <= norm_s
    new = possible.iloc[opened - len(existing)]
    columns = {
        "site": [*new.index, *existing.index],
        "status": ["new"] * len(new) + ["existing"] * len(existing),
        "name": [*[None] * len(new), *column(existing, "name")],
        "demand": total,
        "in_time": np.bincount(soonest[in_time], weights=people[in_time], minlength=rows),
        "mean_s": share(spent_s, total),
        "gap": siting.gap,
    }
    points = pd.concat([new.geometry, existing.geometry]).centroid.to_numpy()
    return gpd.GeoDataFrame(columns, geometry=points, crs=network.crs)


def _of_service(stations: gpd.GeoDataFrame, kind: str, network: Network) -> gpd.GeoDataFrame:
    kinds = column(stations, "kind")
    chosen = (kinds == kind).to_numpy(dtype=bool, na_value=False)
    if not chosen.any():
        raise InvalidInputError(f"no station is of the kind {kind!r}: there are {different(kinds)}")
    return in_crs(stations[chosen], network.crs, "stations")


def _response(
    travel: TravelNetwork,
    stations: gpd.GeoDataFrame,
    homes: Positions,
    turnout_s: float,
    snap_max_m: float,
) -> csr_array:
    """Return the response to each home (rows) from each station, setting out and travel."""
    places = travel.snap(stations.geometry.centroid, max_m=snap_max_m)
    cost = cost_matrix(travel, places, homes, limit_s=LONGEST_S).T.tocsr()
    cost.data = cost.data + numbers(column(stations, "turnout_s"), turnout_s)[cost.indices]
    return cost


def _chosen(cost_s: Floats, people: Floats, existing: int, new_sites: int, model: str, norm_s: float) -> Siting:
    fixed = np.arange(existing)
    if model == "mclp":
        return mclp(cost_s, people, radius=norm_s, p=existing + new_sites, existing=fixed)
    if model == "backup":
        return backup_coverage(cost_s, people, radius=norm_s, p=existing + new_sites, existing=fixed)
    return p_median(np.minimum(cost_s, LONGEST_S), people, p=existing + new_sites, existing=fixed)
