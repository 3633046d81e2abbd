"""Public safety: which roads have more accidents than others of their kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.errors import InvalidInputError, named
from geo.inputs.services import STREETS, column, in_crs, numbers
from geo.networks.network import Network
from geo.networks.travel import MODES
from geo.safety.incidents import INCIDENTS, OnlyCategory, StreetMaxM, located, times_of
from geo.safety.road_safety import (
    accident_rate,
    critical_rate,
    empirical_bayes,
    equivalent_damage_only,
    section_exposure,
)
from geo.safety.safety_performance import LEAST_SITES, SafetyPerformance, fit_safety_performance

if TYPE_CHECKING:
    from geo.networks.topology import Floats

ROADS = LayerInput(layer="roads", columns=("name", "road_class", "vehicles_per_day"))

PER_YEAR = {"be": "у год", "ru": "в год", "en": "a year"}
EXPECTED = {"be": "Чакана", "ru": "Ожидается", "en": "Expected"}
OBSERVED = {"be": "Здарэнні", "ru": "Происшествия", "en": "Accidents"}
CLASS = {"be": "Клас", "ru": "Класс", "en": "Class"}
STREET = {"be": "Вуліца", "ru": "Улица", "en": "Street"}
NO_CLASS = "unknown"

Years = Annotated[
    float | None,
    labelled(
        {"be": "За колькі гадоў", "ru": "За сколько лет", "en": "Years observed"},
        unit="a",
        gt=0,
        le=100,
        description="By default from the first incident to the last.",
    ),
]
Confidence = Annotated[float, labelled({"be": "Давер", "ru": "Доверие", "en": "Confidence"}, ge=0.5, lt=1)]


@analysis(
    id="road-screening",
    title={"be": "Небяспечныя вуліцы", "ru": "Опасные улицы", "en": "Dangerous roads"},
    summary={
        "be": "Дзе аварый больш, чым на такіх самых вуліцах, з папраўкай на выпадак: крытычная доля, метад Байеса.",
        "ru": "Где аварий больше, чем на таких же улицах, с поправкой на случай: критическая доля, метод Байеса.",
        "en": "Where there are more accidents than on such roads, chance set aside: critical rate, empirical Bayes.",
    },
    function="safety",
    inputs={"network": STREETS, "roads": ROADS, "incidents": INCIDENTS},
    view=View(
        geometry="line",
        colour_by="excess",
        colours=("#2c7bb6", "#abd9e9", "#ffffbf", "#fdae61", "#d7191c"),
        columns={
            "name": Column(title=STREET),
            "road_class": Column(title=CLASS),
            "accidents": Column(title=OBSERVED),
            "epdo": Column(title={"be": "З улікам цяжкасці", "ru": "С учётом тяжести", "en": "By severity (EPDO)"}),
            "length_m": Column(
                title={"be": "Даўжыня", "ru": "Длина", "en": "Length"}, unit={"be": "м", "ru": "м", "en": "m"}
            ),
            "rate_per_km": Column(
                title={"be": "На кіламетр у год", "ru": "На километр в год", "en": "A kilometre and year"}, decimals=1
            ),
            "rate": Column(
                title={"be": "На 100 млн авт.-км", "ru": "На 100 млн авт.-км", "en": "Per 100 million vehicle-km"},
                decimals=1,
            ),
            "above_critical": Column(title={"be": "Вышэй крытычнай", "ru": "Выше критической", "en": "Above critical"}),
            "expected": Column(title=EXPECTED, unit=PER_YEAR, decimals=2),
            "excess": Column(title={"be": "Залішне", "ru": "Избыток", "en": "Excess"}, unit=PER_YEAR, decimals=2),
        },
    ),
)
def road_screening(
    network: Network,
    roads: gpd.GeoDataFrame,
    incidents: gpd.GeoDataFrame,
    *,
    years: Years = None,
    confidence: Confidence = 0.95,
    category: OnlyCategory = None,
    snap_max_m: StreetMaxM = 50.0,
) -> gpd.GeoDataFrame:
    """Find roads with more accidents than others of their kind (network screening).

    Each accident is taken to the nearest road open to cars. For each class of road a safety performance function is
    fitted (by traffic where it is known for the whole class, by length alone where not), and the accidents of each road
    are estimated from it and from those observed, so that what is chance is set aside: `geo.safety.safety_performance`,
    `geo.safety.road_safety.empirical_bayes`. The excess over the function is what a measure could save at most
    (potential for safety improvement; AASHTO, Highway Safety Manual 2010, chapter 4).

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``, of the same roads.
    roads
        With ``road_class``, ``name`` and, if known, ``vehicles_per_day``.
    incidents
        Points with ``severity``, and ``occurred_at`` where `years` are not given.
    years
        Over how many the incidents were collected.
    confidence
        Of the critical rate.
    category
        Only incidents of this category, or kind, such as ``accident``.
    snap_max_m
        An incident farther than this from every road is left out.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a road with an accident, by its index, the greatest excess first, in the CRS of the network: ``name``,
        ``road_class``, ``accidents``, ``epdo`` (weighed by severity: `geo.safety.road_safety.equivalent_damage_only`),
        ``length_m``, ``rate_per_km`` (a kilometre and year), ``rate`` (per 100 million vehicle-kilometres; NaN where
        the traffic is not known), ``critical`` and ``above_critical`` (whether the rate, by traffic or else by length,
        is above the critical one), ``predicted``, ``expected``, ``excess`` (accidents a year), ``geometry``. Empty
        where no accident is near a road. Classes with fewer than 3 roads are taken together.

    Raises
    ------
    InvalidInputError
        If incidents have no CRS or are no points, the years are not known, or a parameter is out of range.
    """
    sites, counted = road_sites(network, roads, incidents, category, snap_max_m)
    if not counted.accidents.sum():
        return _empty(network.crs)
    span = years if years is not None else _years(located(incidents, category))
    table = sites.join(counted)
    table["group"] = _groups(table)
    parts = [_screened(part, span, confidence) for _, part in table.groupby("group")]
    found = pd.concat(parts)
    found = found[found.accidents > 0].sort_values("excess", ascending=False, kind="stable")
    return gpd.GeoDataFrame(found[[*_COLUMNS, "geometry"]], geometry="geometry", crs=network.crs)


_COLUMNS = (
    "name",
    "road_class",
    "accidents",
    "epdo",
    "length_m",
    "rate_per_km",
    "rate",
    "critical",
    "above_critical",
    "predicted",
    "expected",
    "excess",
)


def road_sites(
    network: Network, roads: gpd.GeoDataFrame, incidents: gpd.GeoDataFrame, category: str | None, max_m: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the roads open to cars, and their accidents by severity."""
    travel = network.for_mode(MODES["drive"])
    edges = travel.open_edges
    labels, road = np.unique(network.feature[edges], return_inverse=True)
    order = np.argsort(road, kind="stable")
    lines = shapely.line_merge(shapely.multilinestrings(network.geometry[edges][order], indices=road[order]))
    if not roads.index.is_unique:
        raise InvalidInputError(
            f"road {named(roads.index[roads.index.duplicated()][0])} stands twice: labels must differ"
        )
    known = roads.reindex(labels)
    sites = pd.DataFrame(
        {
            "name": column(known, "name"),
            "road_class": column(known, "road_class").fillna(NO_CLASS),
            "vehicles_per_day": numbers(column(known, "vehicles_per_day"), np.nan),
            "length_m": shapely.length(lines),
            "geometry": lines,
        }
    )
    placed = in_crs(located(incidents, category), network.crs, "incidents")
    at = travel.snap(placed.geometry, max_m=max_m, anywhere=True)
    label = network.feature[at.edge[at.found]]
    severity = column(placed, "severity").to_numpy(dtype=object)[at.found]
    counts = pd.DataFrame({"accidents": 1, "fatal": severity == "fatal", "injury": severity == "injury"}, index=label)
    return sites, counts.groupby(level=0).sum().reindex(sites.index, fill_value=0).astype(np.int64)


def _groups(table: pd.DataFrame) -> pd.Series[Any]:
    """Return the class of each road; those too few, or without an accident, are taken together."""
    by_class = table.groupby("road_class").accidents
    small = (by_class.transform("size") < LEAST_SITES) | (by_class.transform("sum") == 0)
    return table.road_class.mask(small, "")


def fit_class(roads: pd.DataFrame, accidents: Any, years: float, *, by_traffic: bool) -> SafetyPerformance:
    """Return the safety performance function of roads of a class."""
    traffic = roads.vehicles_per_day if by_traffic else None
    return fit_safety_performance(accidents, length_km=roads.length_m / 1000, years=years, vehicles_per_day=traffic)


def predict_class(roads: pd.DataFrame, fitted: SafetyPerformance, years: float, *, by_traffic: bool) -> Floats:
    """Return the accidents that a function predicts for roads of the class."""
    traffic = roads.vehicles_per_day if by_traffic else 1.0
    return fitted.predict(length_km=roads.length_m / 1000, years=years, vehicles_per_day=traffic)


def traffic_is_known(roads: pd.DataFrame) -> bool:
    """Tell whether of every road it is known how many vehicles use it a day."""
    return bool((roads.vehicles_per_day > 0).all())


def _screened(part: pd.DataFrame, years: float, confidence: float) -> pd.DataFrame:
    """Return roads of a class with their rates and estimates."""
    count, length_km = part.accidents.to_numpy(), part.length_m.to_numpy() / 1000
    if len(part) < LEAST_SITES or not count.sum():
        predicted = np.full(len(part), count.sum() / length_km.sum()) * length_km
        phi = np.ones(len(part))
    else:
        by_traffic = traffic_is_known(part)
        fitted = fit_class(part, count, years, by_traffic=by_traffic)
        predicted = predict_class(part, fitted, years, by_traffic=by_traffic)
        phi = fitted.dispersion_per_km * length_km
    estimate = empirical_bayes(count, predicted, dispersion=phi)
    driven = section_exposure(part.vehicles_per_day.fillna(0), length_km=length_km, years=years)
    exposure = driven if (driven > 0).all() else length_km * years
    critical = critical_rate(count.sum() / exposure.sum(), exposure, confidence=confidence)
    return part.assign(
        epdo=equivalent_damage_only(part.fatal, part.injury, count - part.fatal - part.injury),
        rate_per_km=accident_rate(count, length_km * years),
        rate=accident_rate(count, driven),
        critical=critical,
        above_critical=accident_rate(count, exposure) > critical,
        predicted=predicted / years,
        expected=estimate.expected / years,
        excess=estimate.excess / years,
    )


def _years(incidents: gpd.GeoDataFrame) -> float:
    times = times_of(incidents).dropna()
    if times.empty:
        raise InvalidInputError("of no incident occurred_at is known: give the years over which they were collected")
    if (column(incidents, "time_precision") == "year").any():
        return float(times.max().year - times.min().year + 1)
    return max(float((times.max() - times.min()).days) / 365.25, 1 / 12)


def _empty(crs: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({name: [] for name in _COLUMNS}, geometry=[], crs=crs)
