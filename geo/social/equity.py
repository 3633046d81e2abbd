"""Social services: how many places of a kind are in reach, and how evenly access is spread over people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.errors import InvalidInputError
from geo.inputs.demand import DEMAND, DWELLINGS, POPULATION, HomeMaxM, Who, demand_of, share, snap_homes
from geo.inputs.parameters import ModeName, SnapMaxM, SpeedKmh
from geo.inputs.services import (
    FACILITIES,
    STREETS,
    Capacity,
    Kind,
    NormS,
    column,
    different,
    in_crs,
    numbers,
    of_kind,
    travel_network,
)
from geo.networks.matrices import cost_matrix, nearest
from geo.networks.network import Network
from geo.siting.accessibility import Decay, exponential, gaussian, gravity, power, two_step, within
from geo.statistics.equity import gini, palma, weighted_quantile

if TYPE_CHECKING:
    from geo.networks.topology import Bools, Floats

GROUPS = ("total", "pop_0_6", "pop_7_17", "pop_18_64", "pop_65_plus")

Opportunity = Annotated[
    Literal["facilities", "businesses"],
    labelled({"be": "Чаго", "ru": "Чего", "en": "Of what"}),
]
Weighing = Annotated[
    Literal["count", "capacity", "employees", "floor_area_m2"],
    labelled(
        {"be": "Што лічыць", "ru": "Что считать", "en": "What to count"},
        description="Places themselves, or the places, jobs or floor area in them, where known.",
    ),
]
DecayName = Annotated[
    Literal["within", "gaussian", "exponential", "power"],
    labelled(
        {"be": "Спад з адлегласцю", "ru": "Спад с расстоянием", "en": "Decay with distance"},
        description="within: all in reach count the same (cumulative); the others: the nearer the more (gravity).",
    ),
]
AnyKind = Annotated[
    str | None,
    labelled(
        {"be": "Від", "ru": "Вид", "en": "Kind"},
        values_of=("facilities.kind", "businesses.kind", "businesses.category"),
        min_length=1,
        max_length=100,
    ),
]
Measure = Annotated[
    Literal["time", "supply"],
    labelled(
        {"be": "Што параўнаць", "ru": "Что сравнить", "en": "What is compared"},
        description="The time to the nearest, or the places per 1,000 people that are shared within reach (2SFCA).",
    ),
]
By = Annotated[
    Literal["group", "district"],
    labelled({"be": "Параўнаць", "ru": "Сравнить", "en": "Compare"}),
]


@analysis(
    id="opportunities",
    title={"be": "Магчымасці ў межах шляху", "ru": "Возможности в пределах пути", "en": "Opportunities in reach"},
    summary={
        "be": "Колькі ўстаноў, месцаў ці працоўных месцаў у дасягальнасці ад дома (кумулятыўна ці гравітацыйна).",
        "ru": "Сколько учреждений, мест или рабочих мест в досягаемости от дома (кумулятивно или гравитационно).",
        "en": "How many facilities, places or jobs are in reach of home (cumulative or gravity accessibility).",
    },
    function="social",
    inputs={
        "network": STREETS,
        "population": POPULATION,
        "buildings": DWELLINGS,
        "facilities": LayerInput(layer="facilities", columns=("kind", "capacity"), optional=True),
        "businesses": LayerInput(
            layer="businesses", columns=("kind", "category", "employees", "floor_area_m2"), optional=True
        ),
    },
    view=View(
        geometry="polygon",
        colour_by="opportunities",
        opacity=0.7,
        columns={
            "opportunities": Column(title={"be": "Магчымасці", "ru": "Возможности", "en": "Opportunities"}, decimals=2),
            "part": Column(
                title={"be": "Частка ўсіх", "ru": "Доля всех", "en": "Of all"}, unit="%", scale=100, decimals=1
            ),
            "demand": Column(title=DEMAND, decimals=1),
        },
    ),
)
def opportunities(
    network: Network,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    facilities: gpd.GeoDataFrame | None = None,
    businesses: gpd.GeoDataFrame | None = None,
    *,
    of: Opportunity = "facilities",
    kind: AnyKind = None,
    count: Weighing = "count",
    cutoff_s: NormS = 1800.0,
    decay: DecayName = "within",
    who: Who = "total",
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    snap_max_m: SnapMaxM = 300.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find how much is within reach of home (cumulative opportunities, gravity accessibility).

    Aᵢ = Σⱼ Sⱼ f(dᵢⱼ) over what is within the time: see `geo.siting.accessibility.gravity` (Hansen 1959), with f = 1 for
    ``within`` (Wachs & Kumagai 1973), e^(−2 d / cutoff) for ``exponential``, 1 / d for ``power`` (in minutes, less than
    one counting as one), and that of Dai (2010) for ``gaussian``.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    population, buildings, who
        Where people live: see `geo.inputs.demand.demand_of`.
    facilities, businesses
        In any CRS, with ``kind`` (of businesses also ``category``) and what is counted.
    of, kind
        Which of them count; of every kind by default.
    count
        Each as 1, or by a column; where that is not known as 0.
    cutoff_s
        The longest time.
    decay
        See above.
    mode, speed_kmh
        How people travel: see `geo.infrastructure.service_areas.service_areas`.
    snap_max_m, home_max_m
        A place, or a home, farther than this from every street is out of reach.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a place where people live, by its index, in the CRS of the network: ``opportunities`` (NaN where no
        street is near), ``part`` (of all there are), ``demand``, ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is nobody to count, the layer or the kind is not there, nothing is known of what is counted, or a
        parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    homes = demand_of(population, buildings, who, network.crs)
    places = _opportunities(facilities if of == "facilities" else businesses, of, kind)
    places = in_crs(places, network.crs, of)
    supply = _supply(places, count)
    at = snap_homes(travel, homes, max_m=home_max_m)
    cost = cost_matrix(travel, at, travel.snap(places.geometry.centroid, max_m=snap_max_m), limit_s=cutoff_s)
    reached = gravity(cost, supply, _decay(decay, cutoff_s))
    columns = {
        "opportunities": np.where(at.found, reached, np.nan),
        "part": np.where(at.found, share(reached, supply.sum()), np.nan),
        "demand": homes.demand,
    }
    return gpd.GeoDataFrame(columns, geometry=homes.geometry, index=homes.index, crs=network.crs)


@analysis(
    id="access-equity",
    title={"be": "Роўнасць доступу", "ru": "Равенство доступа", "en": "Equity of access"},
    summary={
        "be": "Наколькі роўны доступ да ўстаноў у розных узроставых груп ці раёнаў (Джыні, Пальма).",
        "ru": "Насколько равен доступ к учреждениям у разных возрастных групп или районов (Джини, Пальма).",
        "en": "How even the access to facilities is among age groups or in districts (Gini, Palma).",
    },
    function="social",
    inputs={
        "network": STREETS,
        "facilities": FACILITIES,
        "population": LayerInput(layer="population"),
        "districts": LayerInput(layer="districts", columns=("name",), optional=True),
    },
    view=View(
        geometry="polygon",
        colour_by="gini",
        columns={
            "name": Column(title={"be": "Хто", "ru": "Кто", "en": "Who"}),
            "people": Column(title={"be": "Людзі", "ru": "Люди", "en": "People"}),
            "mean": Column(title={"be": "Сярэдняе", "ru": "Среднее", "en": "Mean"}, decimals=1),
            "median": Column(title={"be": "Медыяна", "ru": "Медиана", "en": "Median"}, decimals=1),
            "within_norm": Column(
                title={"be": "У норме", "ru": "В нормативе", "en": "Within the norm"}, unit="%", scale=100, decimals=1
            ),
            "gini": Column(title={"be": "Джыні", "ru": "Джини", "en": "Gini"}, decimals=3),
            "palma": Column(title={"be": "Пальма", "ru": "Пальма", "en": "Palma"}, decimals=2),
        },
    ),
)
def access_equity(
    network: Network,
    facilities: gpd.GeoDataFrame,
    population: gpd.GeoDataFrame,
    kind: Kind,
    districts: gpd.GeoDataFrame | None = None,
    *,
    measure: Measure = "time",
    by: By = "group",
    norm_s: NormS = 900.0,
    default_capacity: Capacity = 1.0,
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    snap_max_m: SnapMaxM = 300.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Compare the access of age groups or of districts, and how evenly it is spread within each.

    The access of a person is that of the place where they live: the minutes to the nearest facility, or the places per
    1,000 people that everyone in reach shares (`geo.siting.accessibility.two_step`). Gini and Palma are those of
    `geo.statistics.equity`.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    facilities
        In any CRS, with ``kind`` and ``capacity``.
    population
        Cells, areas or points in any CRS, with ``total`` and columns of age groups.
    kind
        Which facilities count, such as ``clinic``.
    districts
        Polygons with ``name``, needed only to compare them; a place lies where its centre does.
    measure
        ``time`` or ``supply``.
    by
        ``group``: everyone and each age group that the population has; ``district``: everyone in each district.
    norm_s
        The longest time the territory's norm allows, and the catchment of ``supply``.
    default_capacity
        Places of a facility where they are not known.
    mode, speed_kmh
        How people travel: see `geo.infrastructure.service_areas.service_areas`.
    snap_max_m, home_max_m
        A facility, or a home, farther than this from every street is out of reach, and such a home does not count.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a group, or a district where anyone lives, in the CRS of the network: ``name``, ``people``, ``mean`` and
        ``median`` (minutes of those who reach any, or places per 1,000 of all), ``within_norm`` (part of the people
        with a facility within the norm), ``gini``, ``palma`` (of those who reach any, or of all; NaN where there is
        nothing to share), ``geometry`` (of the district, or the hull of all homes).

    Raises
    ------
    InvalidInputError
        If there is no facility of the kind, nobody lives anywhere, districts are asked for and not there, or a
        parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    served = of_kind(facilities, kind, network)
    population = population.reset_index(drop=True)
    homes = demand_of(population, None, "total", network.crs)
    at = snap_homes(travel, homes, max_m=home_max_m)
    places = travel.snap(served.geometry.centroid, max_m=snap_max_m)
    time_s = nearest(travel, at, places).cost_s[:, 0]
    value, known = time_s / 60, np.isfinite(time_s)
    if measure == "supply":
        cost = cost_matrix(travel, at, places, limit_s=norm_s)
        capacity = numbers(column(served, "capacity"), default_capacity)
        value, known = 1000 * two_step(cost, homes.demand, capacity, within(norm_s)), at.found
    rows = []
    for name, geometry, living in _groups(homes, population, districts, by):
        people = np.where(at.found, living, 0.0)
        if people.any():
            rows.append({"name": name, **_spread(value, known, time_s <= norm_s, people), "geometry": geometry})
    columns = ["name", "people", "mean", "median", "within_norm", "gini", "palma", "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs=network.crs)


def _decay(name: str, cutoff_s: float) -> Decay:
    if name == "within":
        return within(cutoff_s)
    if name == "gaussian":
        return gaussian(cutoff_s)
    if name == "exponential":
        return exponential(cutoff_s / 2)
    by_minutes = power(1.0, least=1.0)
    return lambda cost: by_minutes(cost / 60)


def _opportunities(frame: gpd.GeoDataFrame | None, layer: str, kind: str | None) -> gpd.GeoDataFrame:
    if frame is None:
        raise InvalidInputError(f"the layer {layer} is not there: load it")
    if kind is None:
        return frame
    kinds, branches = column(frame, "kind"), column(frame, "category")
    chosen = ((kinds == kind) | (branches == kind)).to_numpy(dtype=bool, na_value=False)
    if not chosen.any():
        raise InvalidInputError(f"nothing in {layer} is of the kind {kind!r}: there are {different(kinds):.300}")
    return frame[chosen]


def _supply(places: gpd.GeoDataFrame, count: str) -> Floats:
    if count == "count":
        return np.ones(len(places))
    known = numbers(column(places, count), np.nan)
    if np.isnan(known).all():
        raise InvalidInputError(f"of none of them {count} is known: count them instead")
    return np.nan_to_num(known)


def _groups(homes: gpd.GeoDataFrame, population: gpd.GeoDataFrame, districts: gpd.GeoDataFrame | None, by: str) -> Any:
    """Yield the name, the geometry and the people at each home of each group."""
    if by == "group":
        hull = shapely.convex_hull(shapely.union_all(homes.geometry.to_numpy()))
        for name in GROUPS:
            if name in population:
                yield name, hull, numbers(population.loc[homes.index, name], 0.0)
        return
    if districts is None:
        raise InvalidInputError("the layer districts is not there: load it, or compare groups")
    areas = in_crs(districts, homes.crs, "districts")
    area, home = homes.geometry.centroid.sindex.query(areas.geometry.to_numpy(), predicate="intersects")
    for number, place in enumerate(areas.geometry):
        people = np.zeros(len(homes))
        inside = home[area == number]
        people[inside] = homes.demand.to_numpy()[inside]
        name = column(areas, "name").iloc[number]
        yield str(areas.index[number]) if pd.isna(name) else name, place, people


def _spread(value: Floats, known: Bools, in_norm: Bools, people: Floats) -> dict[str, float]:
    """Return the statistics of what people have."""
    number, some = float(people.sum()), known & (people > 0)
    measured = dict.fromkeys(("mean", "median", "gini", "palma"), float("nan"))
    if some.any():
        given, weights = value[some], people[some]
        measured["mean"] = float(np.average(given, weights=weights))
        measured["median"] = weighted_quantile(given, weights, 0.5)
        if measured["mean"] > 0:
            measured["gini"], measured["palma"] = gini(given, weights), palma(given, weights)
    return {"people": number, "within_norm": float(share(people[in_norm].sum(), number)), **measured}
