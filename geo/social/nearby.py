"""Social services: what is within a walk of home: daily needs, green spaces, stops of public transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import ColourClass, Column, LayerInput, View, analysis, labelled
from geo.errors import InvalidInputError
from geo.inputs.demand import DEMAND, DWELLINGS, POPULATION, HomeMaxM, Who, demand_of, snap_homes, where_found
from geo.inputs.parameters import ModeName, SnapMaxM, SpeedKmh
from geo.inputs.services import STREETS, NormS, column, in_crs, travel_network
from geo.networks.matrices import nearest
from geo.networks.network import Network

if TYPE_CHECKING:
    from geo.networks.positions import Positions
    from geo.networks.routing import TravelNetwork
    from geo.networks.topology import Bools, Floats

GREEN = LayerInput(layer="green_spaces", columns=("kind", "name", "access"), optional=True)
STOPS = LayerInput(layer="stops", columns=("kind", "name", "modes", "departures_per_day"), optional=True)

NEEDS = {
    "education": ("facilities", ("kindergarten", "school")),
    "health": ("facilities", ("clinic", "doctors", "hospital", "pharmacy")),
    "culture": ("facilities", ("library", "theatre", "arts_centre", "museum", "community_centre")),
    "sport": ("facilities", ("sports_centre", "sports_hall", "stadium", "swimming_pool")),
    "food": ("businesses", ("supermarket", "convenience", "grocery", "greengrocer", "bakery", "butcher", "general")),
    "eating out": ("businesses", ("restaurant", "cafe", "fast_food", "food_court", "pub", "bar")),
    "green": ("green_spaces", ("park", "garden", "nature_reserve", "wood", "forest", "playground", "common")),
    "transport": ("stops", ()),
}
"""The daily needs: the layer, and the kinds in it that meet each; no kind for any."""

RAPID = ("train", "subway", "light_rail", "ferry", "monorail")
"""Modes of high capacity, to which people walk farther."""

CLOSED = ("private", "no")
ENTRANCE_EVERY_M = 50.0
METRES_PER_SECOND = 3.6
"""The speed in km/h at which seconds are metres."""

METRES = {"be": "м", "ru": "м", "en": "m"}
DISTANCE = {"be": "Адлегласць вуліцамі", "ru": "Расстояние по улицам", "en": "Way by street"}
SCORE_COLOURS = ("#d73027", "#fc8d59", "#fee08b", "#d9ef8b", "#91cf60", "#1a9850")


def _distance(be: str, ru: str, en: str, stated: str | None = None) -> Any:
    return labelled({"be": be, "ru": ru, "en": en}, unit="m", stated=stated, gt=0, le=10_000)


GreenM = Annotated[float, _distance("Да зеляніны не далей", "До зелени не далее", "Green within", "park_distance_m")]
BusM = Annotated[float, _distance("Да прыпынка не далей", "До остановки не далее", "Stop within", "stop_distance_m")]
RapidM = Annotated[float, _distance("Да станцыі не далей", "До станции не далее", "Station within")]
EntranceMaxM = Annotated[
    float, _distance("Ад вуліцы да зеляніны не далей", "От улицы до зелени не далее", "Street to green at most")
]
LeastAreaM2 = Annotated[
    float,
    labelled({"be": "Плошча не менш", "ru": "Площадь не менее", "en": "Area at least"}, unit="m²", ge=0, le=1e8),
]
LeastDepartures = Annotated[
    int,
    labelled(
        {"be": "Адпраўленняў за дзень не менш", "ru": "Отправлений в день не менее", "en": "Departures a day at least"},
        ge=0,
        le=10_000,
    ),
]


@analysis(
    id="fifteen-minute-city",
    title={"be": "Горад за 15 хвілін", "ru": "15-минутный город", "en": "15-minute city"},
    summary={
        "be": "Якая частка штодзённых патрэб (адукацыя, ежа, здароўе, зеляніна і іншае) ёсць за 15 хвілін пешшу.",
        "ru": "Какая часть повседневных нужд (образование, еда, здоровье, зелень и др.) есть в 15 минутах пешком.",
        "en": "Which part of daily needs (education, food, health, green and others) is within 15 minutes on foot.",
    },
    function="social",
    inputs={
        "network": STREETS,
        "population": POPULATION,
        "buildings": DWELLINGS,
        "facilities": LayerInput(layer="facilities", columns=("kind",), optional=True),
        "businesses": LayerInput(layer="businesses", columns=("kind", "category"), optional=True),
        "green_spaces": GREEN,
        "stops": STOPS,
    },
    view=View(
        geometry="polygon",
        colour_by="score",
        colours=SCORE_COLOURS,
        opacity=0.7,
        columns={
            "score": Column(
                title={"be": "Частка патрэб", "ru": "Доля нужд", "en": "Part of the needs"}, unit="%", scale=100
            ),
            "missing": Column(title={"be": "Не стае", "ru": "Не хватает", "en": "Missing"}),
            "demand": Column(title=DEMAND, decimals=1),
        },
    ),
)
def fifteen_minute_city(
    network: Network,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    facilities: gpd.GeoDataFrame | None = None,
    businesses: gpd.GeoDataFrame | None = None,
    green_spaces: gpd.GeoDataFrame | None = None,
    stops: gpd.GeoDataFrame | None = None,
    *,
    cutoff_s: NormS = 900.0,
    who: Who = "total",
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    snap_max_m: SnapMaxM = 100.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find which part of the daily needs is met within a quarter of an hour of home (15-minute city).

    Each of `NEEDS` is met where at least one place of its kinds is within the time by street. The score is the part of
    the needs that are met, of those whose layer is there. Moreno et al. 2021, Smart Cities 4(1), 93-111.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    population, buildings, who
        Where people live: see `geo.inputs.demand.demand_of`.
    facilities, businesses, green_spaces, stops
        In any CRS, with ``kind``; green spaces with ``access`` other than ``private`` and ``no``.
    cutoff_s
        The time.
    mode, speed_kmh
        How people travel: see `geo.infrastructure.service_areas.service_areas`.
    snap_max_m, home_max_m
        A place, or a home, farther than this from every street is out of reach.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a place where people live, by its index, in the CRS of the network: ``score`` (0 to 1; NaN where no
        street is near), ``missing`` (needs that are not met; null there too), a column of seconds for each need (NaN
        where none is reached within the time), ``demand``, ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is nobody to count, none of the layers of needs is there, or a parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    homes = demand_of(population, buildings, who, network.crs)
    at = snap_homes(travel, homes, max_m=home_max_m)
    layers = {"facilities": facilities, "businesses": businesses, "green_spaces": green_spaces, "stops": stops}
    times = {}
    for need, (layer, kinds) in NEEDS.items():
        frame = layers[layer]
        if frame is not None:
            places = _places(travel, _of_kinds(frame, kinds), snap_max_m)
            times[f"{need.replace(' ', '_')}_s"] = _least(travel, at, places, cutoff_s)
    if not times:
        raise InvalidInputError(f"none of the layers {', '.join(layers)} is there: nothing can be near")
    table = pd.DataFrame(times, index=homes.index)
    met = table.notna()
    needs = [str(each)[:-2].replace("_", " ") for each in table]
    missing = [", ".join(need for need, has in zip(needs, row, strict=True) if not has) for row in met.to_numpy()]
    score = np.where(at.found, met.mean(axis=1), np.nan)
    columns = {"score": score, "missing": where_found(at, missing), **table}
    return gpd.GeoDataFrame(columns | {"demand": homes.demand}, geometry=homes.geometry, crs=network.crs)


@analysis(
    id="green-access",
    title={"be": "Даступнасць зеляніны", "ru": "Доступность зелени", "en": "Access to green"},
    summary={
        "be": "Колькі метраў вуліцамі ад дома да бліжэйшай вялікай зялёнай зоны, і ці не больш за 300.",
        "ru": "Сколько метров по улицам от дома до ближайшей большой зелёной зоны, и не больше ли 300.",
        "en": "How many metres by street there are from home to the nearest large green space, and whether within 300.",
    },
    function="social",
    inputs={
        "network": STREETS,
        "green_spaces": LayerInput(layer="green_spaces", columns=GREEN.columns),
        "population": POPULATION,
        "buildings": DWELLINGS,
    },
    view=View(
        geometry="polygon",
        colour_by="distance_m",
        opacity=0.7,
        columns={
            "distance_m": Column(title=DISTANCE, unit=METRES),
            "within_norm": Column(title={"be": "У норме", "ru": "В нормативе", "en": "Within the norm"}),
            "name": Column(title={"be": "Зялёная зона", "ru": "Зелёная зона", "en": "Green space"}),
            "demand": Column(title=DEMAND, decimals=1),
        },
    ),
)
def green_access(
    network: Network,
    green_spaces: gpd.GeoDataFrame,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    *,
    norm_m: GreenM = 300.0,
    least_area_m2: LeastAreaM2 = 10_000.0,
    who: Who = "total",
    entrance_max_m: EntranceMaxM = 50.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find the way on foot from home to the nearest green space that is large enough.

    A green space is entered wherever a street on which people may walk is near its edge. 300 m is the distance of the
    European Commission and of the 3-30-300 rule (Konijnendijk 2023, J. Forestry Research 34, 821-830).

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    green_spaces
        Polygons in any CRS with ``access`` and ``name``; those with the access ``private`` or ``no`` do not count.
    population, buildings, who
        Where people live: see `geo.inputs.demand.demand_of`.
    norm_m
        The longest way.
    least_area_m2
        Smaller ones do not count; neighbours are not taken together.
    entrance_max_m, home_max_m
        A part of the edge, or a home, farther than this from every street is out of reach.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a place where people live, by its index, in the CRS of the network: ``distance_m`` (NaN where none is
        reached), ``within_norm`` (null where no street is near), ``green_space`` (label), ``name``, ``demand``,
        ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is nobody to count, or a parameter is out of range.
    """
    travel = travel_network(network, "walk", METRES_PER_SECOND)
    homes = demand_of(population, buildings, who, network.crs)
    spaces = _public(in_crs(green_spaces, network.crs, "green spaces"))
    spaces = spaces[spaces.area >= least_area_m2]
    owner, points = _edges(spaces)
    places = travel.snap(points, max_m=entrance_max_m)
    at = snap_homes(travel, homes, max_m=home_max_m)
    found = nearest(travel, at, places)
    distance_m = np.where(np.isfinite(found.cost_s[:, 0]), found.cost_s[:, 0], np.nan)
    space = np.append(owner, -1)[found.facility[:, 0]]
    columns = {
        "distance_m": distance_m,
        "within_norm": where_found(at, distance_m <= norm_m),
        "green_space": np.array([*spaces.index, None], dtype=object)[space],
        "name": np.array([*column(spaces, "name"), None], dtype=object)[space],
        "demand": homes.demand,
    }
    return gpd.GeoDataFrame(columns, geometry=homes.geometry, index=homes.index, crs=network.crs)


@analysis(
    id="stop-coverage",
    title={"be": "Ахоп прыпынкамі", "ru": "Охват остановками", "en": "Coverage by stops"},
    summary={
        "be": "Хто жыве не далей за 500 м ад прыпынка ці 1 км ад станцыі вуліцамі (паказчык ЦУР 11.2.1).",
        "ru": "Кто живёт не далее 500 м от остановки или 1 км от станции по улицам (показатель ЦУР 11.2.1).",
        "en": "Who lives within 500 m of a stop, or 1 km of a station, by street (SDG indicator 11.2.1).",
    },
    function="social",
    inputs={
        "network": STREETS,
        "stops": LayerInput(layer="stops", columns=STOPS.columns),
        "population": POPULATION,
        "buildings": DWELLINGS,
    },
    view=View(
        geometry="polygon",
        colour_by="cover",
        opacity=0.7,
        classes=(
            ColourClass(title={"be": "Станцыя", "ru": "Станция", "en": "Station"}, values=("rapid",), colour="#1a9850"),
            ColourClass(title={"be": "Прыпынак", "ru": "Остановка", "en": "Stop"}, values=("stop",), colour="#a6d96a"),
            ColourClass(title={"be": "Нічога", "ru": "Ничего", "en": "Nothing"}, values=("none",), colour="#d73027"),
        ),
        columns={
            "cover": Column(title={"be": "Што побач", "ru": "Что рядом", "en": "What is near"}),
            "stop_m": Column(title={"be": "Да прыпынка", "ru": "До остановки", "en": "To a stop"}, unit=METRES),
            "rapid_m": Column(title={"be": "Да станцыі", "ru": "До станции", "en": "To a station"}, unit=METRES),
            "demand": Column(title=DEMAND, decimals=1),
        },
    ),
)
def stop_coverage(
    network: Network,
    stops: gpd.GeoDataFrame,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    *,
    stop_m: BusM = 500.0,
    rapid_m: RapidM = 1000.0,
    least_departures: LeastDepartures = 0,
    who: Who = "total",
    snap_max_m: SnapMaxM = 100.0,
    home_max_m: HomeMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find who lives within a walk of public transport, along the streets (SDG indicator 11.2.1).

    500 m to stops, and 1 km to those of high capacity (`RAPID`), are those of the metadata of the indicator (UN-Habitat
    2021); U4SSC takes 500 m for all.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    stops
        In any CRS with ``modes`` (such as ``bus,tram``; not known is a stop) and ``departures_per_day``.
    population, buildings, who
        Where people live: see `geo.inputs.demand.demand_of`.
    stop_m, rapid_m
        The longest ways.
    least_departures
        Stops with fewer, or of which it is not known, do not count; 0 counts all.
    snap_max_m, home_max_m
        A stop, or a home, farther than this from every street is out of reach.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a place where people live, by its index, in the CRS of the network: ``cover`` (``rapid`` or ``stop``
        within the distances, the first where both are, else ``none``; null where no street is near), ``stop_m``,
        ``rapid_m`` (ways to the nearest; NaN where none is reached), ``demand``, ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is nobody to count, or a parameter is out of range.
    """
    travel = travel_network(network, "walk", METRES_PER_SECOND)
    homes = demand_of(population, buildings, who, network.crs)
    at = snap_homes(travel, homes, max_m=home_max_m)
    known = in_crs(stops, network.crs, "stops")
    if least_departures > 0:
        known = known[pd.to_numeric(column(known, "departures_per_day")).fillna(0).to_numpy() >= least_departures]
    modes = column(known, "modes").astype(object).where(column(known, "modes").notna(), "").str.split(",")
    rapid: Bools = np.array([bool(set(each) & set(RAPID)) for each in modes], dtype=bool)
    ways = [_least(travel, at, _places(travel, known[rows], snap_max_m), np.inf) for rows in (~rapid, rapid)]
    cover = np.select([ways[1] <= rapid_m, ways[0] <= stop_m], ["rapid", "stop"], "none")
    columns = {"cover": where_found(at, cover), "stop_m": ways[0], "rapid_m": ways[1], "demand": homes.demand}
    return gpd.GeoDataFrame(columns, geometry=homes.geometry, index=homes.index, crs=network.crs)


def _of_kinds(frame: gpd.GeoDataFrame, kinds: tuple[str, ...]) -> gpd.GeoDataFrame:
    public = _public(frame)
    return public[column(public, "kind").isin(kinds).to_numpy(dtype=bool)] if kinds else public


def _public(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return frame[~column(frame, "access").isin(CLOSED).to_numpy(dtype=bool)]


def _places(travel: TravelNetwork, frame: gpd.GeoDataFrame, max_m: float) -> Positions:
    """Return places on streets by which points, and the edges of areas, are entered."""
    return travel.snap(_edges(in_crs(frame, travel.network.crs, "places"))[1], max_m=max_m)


def _edges(frame: gpd.GeoDataFrame) -> tuple[Any, gpd.GeoSeries]:
    """Return points, and points along the edges of areas, with the row of each."""
    shapes = frame.geometry.to_numpy()
    areas = shapely.get_dimensions(shapes) == 2
    dense = shapely.segmentize(np.where(areas, shapely.boundary(shapes), shapes), ENTRANCE_EVERY_M)
    xy, owner = shapely.get_coordinates(dense, return_index=True)
    return owner, gpd.GeoSeries(shapely.points(xy), crs=frame.crs)


def _least(travel: TravelNetwork, homes: Positions, places: Positions, limit_s: float) -> Floats:
    found = nearest(travel, homes, places, limit_s=limit_s).cost_s[:, 0]
    return np.where(np.isfinite(found), found, np.nan)
