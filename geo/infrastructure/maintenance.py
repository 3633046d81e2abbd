"""Pavements of a city: how long each will last, and which to repair first with the money there is."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.infrastructure.budgets import Treatment, plan
from geo.infrastructure.centrality import MostOrigins, Seed, centrality
from geo.infrastructure.deterioration import BEST, family_curve, steady_fall
from geo.inputs.services import STREETS, column, in_crs, numbers
from geo.networks.network import Network
from geo.networks.travel import DRIVE

if TYPE_CHECKING:
    from geo.infrastructure.deterioration import FamilyCurve
    from geo.networks.topology import Floats, Ints

LANE_M = 3.5
LANES = 2
"""The width of a road of which neither width nor lanes are known: so many lanes of `LANE_M`."""

PRESERVE_FROM, OVERLAY_FROM = 70.0, 40.0
PRESERVED = 92.0
"""Pavements from the first index on are preserved, from the second on get an overlay, below it are rebuilt."""

FEWEST_OF_FAMILY = 10
"""A class of roads with fewer observations ages as all roads do."""

DAYS_A_YEAR = 365.25

STREET = {"be": "Вуліца", "ru": "Улица", "en": "Street"}
YEARS_UNIT = {"be": "гадоў", "ru": "лет", "en": "years"}
INDEX = {"be": "Індэкс стану", "ru": "Индекс состояния", "en": "Condition index"}

PAVEMENTS = (
    "name",
    "road_class",
    "condition_index",
    "resurfaced_on",
    "vehicles_per_day",
    "width_m",
    "lanes",
)

AssessedOn = Annotated[
    date | None,
    labelled(
        {"be": "Дата ацэнкі стану", "ru": "Дата оценки состояния", "en": "Date of the condition"},
        description="With it and the dates of resurfacing, the ageing is learnt from the roads themselves.",
    ),
]
FallPerYear = Annotated[
    float,
    labelled(
        {"be": "Страта стану за год", "ru": "Потеря состояния за год", "en": "Fall of the index a year"},
        description="Assumed where the ageing can't be learnt from the roads.",
        gt=0,
        le=50,
    ),
]
Threshold = Annotated[
    float, labelled({"be": "Гранічны індэкс", "ru": "Предельный индекс", "en": "Lowest index allowed"}, ge=0, lt=BEST)
]
Money = Annotated[float, labelled({"be": "Бюджэт на год", "ru": "Бюджет на год", "en": "Budget a year"}, ge=0, le=1e15)]
Years = Annotated[int, labelled({"be": "Гадоў", "ru": "Лет", "en": "Years"}, ge=1, le=20)]
PreserveCost = Annotated[
    float,
    labelled({"be": "Утрыманне, за м²", "ru": "Содержание, за м²", "en": "Preservation, a m²"}, gt=0, le=1e9),
]
OverlayCost = Annotated[
    float,
    labelled({"be": "Новы слой, за м²", "ru": "Новый слой, за м²", "en": "Overlay, a m²"}, gt=0, le=1e9),
]
RebuildCost = Annotated[
    float,
    labelled({"be": "Перабудова, за м²", "ru": "Перестройка, за м²", "en": "Rebuilding, a m²"}, gt=0, le=1e9),
]


@analysis(
    id="pavement-life",
    title={"be": "Рэшта тэрміну дарог", "ru": "Остаточный срок дорог", "en": "Remaining life of pavements"},
    summary={
        "be": "Праз колькі гадоў стан кожнай дарогі ўпадзе да гранічнага індэкса.",
        "ru": "Через сколько лет состояние каждой дороги упадёт до предельного индекса.",
        "en": "In how many years the condition of each road will fall to the lowest index allowed.",
    },
    function="infrastructure",
    inputs={"roads": LayerInput(layer="roads", columns=PAVEMENTS)},
    view=View(
        geometry="line",
        colour_by="years_left",
        columns={
            "name": Column(title=STREET),
            "condition_index": Column(title=INDEX),
            "years_left": Column(
                title={"be": "Засталося", "ru": "Осталось", "en": "Years left"}, unit=YEARS_UNIT, decimals=1
            ),
            "age_years": Column(title={"be": "Узрост", "ru": "Возраст", "en": "Age"}, unit=YEARS_UNIT, decimals=1),
        },
    ),
)
def pavement_life(
    roads: gpd.GeoDataFrame,
    *,
    assessed_on: AssessedOn = None,
    fall_per_year: FallPerYear = 3.0,
    lowest: Threshold = 55.0,
) -> gpd.GeoDataFrame:
    """Find how long the pavement of each road will last (family curves, PAVER: Shahin 2005).

    Roads of one class age alike: a curve is fitted to their condition by age, and each road follows it from where the
    curve has its condition. See `geo.infrastructure.deterioration`.

    Parameters
    ----------
    roads
        Lines with ``condition_index`` (0 to 100); ``resurfaced_on``, ``road_class`` and ``name`` may be missing.
    assessed_on
        The date to which the condition applies; ages count to it. Without it no curve can be fitted.
    fall_per_year
        Points a year by which condition falls where no curve can be fitted: without dates, or with fewer than two ages.
    lowest
        The life ends at this index.

    Returns
    -------
    geopandas.GeoDataFrame
        The roads whose condition is known, by their index. Columns: ``name``, ``road_class``, ``condition_index``,
        ``age_years`` (NaN where not known), ``years_left`` (NaN where the family does not age), ``learnt`` (whether
        from the roads themselves), geometry.

    Raises
    ------
    InvalidInputError
        If no road has a condition, one is not between 0 and 100, or a parameter is out of range.
    """
    rated = _rated(roads)
    age = _ages(rated, assessed_on)
    family, curves = _families(rated, age, fall_per_year)
    left = np.empty(len(rated))
    condition = rated.condition_index.to_numpy(dtype=float)
    for number, curve in enumerate(curves):
        left[family == number] = curve.years_to(condition[family == number], lowest)
    columns = {
        "name": column(rated, "name"),
        "road_class": column(rated, "road_class"),
        "condition_index": condition,
        "age_years": age,
        "years_left": np.where(np.isfinite(left), left, np.nan),
        "learnt": np.array([curve.observed > 0 for curve in curves])[family],
    }
    return gpd.GeoDataFrame(columns, geometry=rated.geometry, index=rated.index, crs=rated.crs)


@analysis(
    id="maintenance-programme",
    title={"be": "Праграма рамонту дарог", "ru": "Программа ремонта дорог", "en": "Programme of road repairs"},
    summary={
        "be": "Якія дарогі, калі і як рамантаваць, каб за гадавы бюджэт стан быў найлепшы там, дзе ён важнейшы.",
        "ru": "Какие дороги, когда и как ремонтировать, чтобы за годовой бюджет состояние было лучшим там, где важнее.",
        "en": "Which roads to repair, when and how, for the best condition where it matters within a yearly budget.",
    },
    function="infrastructure",
    inputs={"network": STREETS, "roads": LayerInput(layer="roads", columns=PAVEMENTS)},
    view=View(
        geometry="line",
        colour_by="year",
        columns={
            "name": Column(title=STREET),
            "year": Column(title={"be": "Год рамонту", "ru": "Год ремонта", "en": "Year of the works"}),
            "treatment": Column(title={"be": "Работы", "ru": "Работы", "en": "Works"}),
            "cost": Column(title={"be": "Кошт", "ru": "Стоимость", "en": "Cost"}),
            "condition_index": Column(title=INDEX),
            "condition_then": Column(
                title={"be": "Стан у канцы", "ru": "Состояние в конце", "en": "Condition at the end"}
            ),
            "neglected": Column(title={"be": "Без рамонту", "ru": "Без ремонта", "en": "Without works"}),
        },
    ),
)
def maintenance_programme(
    network: Network,
    roads: gpd.GeoDataFrame,
    budget_per_year: Money,
    preserve_cost_m2: PreserveCost,
    overlay_cost_m2: OverlayCost,
    rebuild_cost_m2: RebuildCost,
    *,
    years: Years = 5,
    assessed_on: AssessedOn = None,
    fall_per_year: FallPerYear = 3.0,
    max_origins: MostOrigins = 200,
    seed: Seed = 0,
) -> gpd.GeoDataFrame:
    """Plan the repair of roads under a budget, by condition, criticality and exposure (`geo.infrastructure.budgets`).

    A road counts by its area, its vehicles a day, and 1 + its betweenness as a part of the highest: see `sections`.
    `geo.infrastructure.budgets.cost_curve` with those sections tells what condition each budget leads to.

    Parameters
    ----------
    network
        ``Network.from_roads(roads)``.
    roads
        The same lines, by the labels of `network.feature`, with ``condition_index`` (0 to 100); ``resurfaced_on``,
        ``road_class``, ``vehicles_per_day``, ``width_m``, ``lanes`` and ``name`` may be missing.
    budget_per_year
        In any currency, the same as the costs.
    preserve_cost_m2, overlay_cost_m2, rebuild_cost_m2
        What a square metre costs. Pavements are preserved from an index of `PRESERVE_FROM` on (and then have
        `PRESERVED`), get an overlay from `OVERLAY_FROM` on and are rebuilt below it (and then have 100).
    years
        For how many years.
    assessed_on, fall_per_year
        How pavements age: see `pavement_life`.
    max_origins, seed
        For the betweenness: see `geo.infrastructure.centrality.centrality`.

    Returns
    -------
    geopandas.GeoDataFrame
        The roads whose condition is known, by their index, in the CRS of the network. Columns: ``name``, ``year`` (of
        the first works, from 1; null where there are none), ``treatment`` (``preserve``, ``overlay``, ``rebuild``; null
        where there is none), ``cost`` (of all works), ``condition_index`` (now), ``condition_then`` (after the last
        year), ``neglected`` (then, if nothing were done), ``area_m2``, ``weight``, geometry.

    Raises
    ------
    InvalidInputError
        If no road has a condition, a value is out of range, or no street is open to cars.
    """
    rated = _rated(in_crs(roads, network.crs, "roads"))
    area_m2, weight = sections(network, rated, max_origins=max_origins, seed=seed)
    family, curves = _families(rated, _ages(rated, assessed_on), fall_per_year)
    treatments = standard_treatments(preserve_cost_m2, overlay_cost_m2, rebuild_cost_m2)
    condition = rated.condition_index.to_numpy(dtype=float)
    found = plan(condition, area_m2, weight, family, curves, treatments, budget_per_year=budget_per_year, years=years)
    done = found.treatment >= 0
    first = done.argmax(axis=0)
    which = np.where(done.any(axis=0), found.treatment[first, np.arange(len(rated))], -1)
    columns = {
        "name": column(rated, "name"),
        "year": pd.array(np.where(which >= 0, first + 1, 0), dtype="Int64"),
        "treatment": np.array([*(each.name for each in treatments), None], dtype=object)[which],
        "cost": found.cost.sum(axis=0),
        "condition_index": condition,
        "condition_then": found.condition[-1],
        "neglected": found.neglected[-1],
        "area_m2": area_m2,
        "weight": weight,
    }
    result = gpd.GeoDataFrame(columns, geometry=rated.geometry, index=rated.index, crs=network.crs)
    result.loc[which < 0, "year"] = pd.NA
    return result


def standard_treatments(preserve_cost_m2: float, overlay_cost_m2: float, rebuild_cost_m2: float) -> list[Treatment]:
    """Return preservation, overlay and rebuilding with their costs a square metre."""
    return [
        Treatment(
            name="preserve", at_least=PRESERVE_FROM, below=PRESERVED, after=PRESERVED, cost_per_m2=preserve_cost_m2
        ),
        Treatment(name="overlay", at_least=OVERLAY_FROM, below=PRESERVE_FROM, after=BEST, cost_per_m2=overlay_cost_m2),
        Treatment(name="rebuild", at_least=0, below=OVERLAY_FROM, after=BEST, cost_per_m2=rebuild_cost_m2),
    ]


def sections(
    network: Network, roads: gpd.GeoDataFrame, *, max_origins: int | None = None, seed: int = 0
) -> tuple[Floats, Floats]:
    """Return the area of each road, and how much its condition matters.

    Parameters
    ----------
    network
        The network of all roads.
    roads
        Lines in its CRS, by the labels of `network.feature`. The area is the length by ``width_m``, or by ``lanes`` of
        `LANE_M`, or by `LANES` lanes. The weight is exposure by criticality: ``vehicles_per_day`` (the median of the
        road's class, or of all, where not known; 1 where none is) by 1 + betweenness as a part of the highest.
    max_origins, seed
        See `geo.infrastructure.centrality.centrality`.
    """
    lanes = numbers(column(roads, "lanes"), 0.0)
    width_m = numbers(column(roads, "width_m"), 0.0)
    width_m = np.where(width_m > 0, width_m, np.where(lanes > 0, lanes, LANES) * LANE_M)
    vehicles = pd.Series(numbers(column(roads, "vehicles_per_day"), np.nan), index=roads.index)
    by_class = vehicles.groupby(column(roads, "road_class").fillna("").to_numpy()).transform("median")
    exposure = vehicles.fillna(by_class).fillna(vehicles.median()).fillna(1.0).to_numpy()
    share = centrality(network.for_mode(DRIVE), max_origins=max_origins, seed=seed).edge
    between = pd.Series(share).groupby(network.feature).max().reindex(roads.index).fillna(0.0).to_numpy()
    highest = between.max(initial=0.0)
    criticality = 1 + (between / highest if highest else between)
    return roads.length.to_numpy() * width_m, exposure * criticality


def _rated(roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    metric_crs(roads.crs, "roads")
    known = column(roads, "condition_index").notna() & (roads.length > 0)
    if not known.any():
        raise InvalidInputError("no road has a condition_index: load inspections or a source that fills it first")
    rated = roads[known]
    if not pd.to_numeric(rated.condition_index).between(0, BEST).all():
        raise InvalidInputError("condition_index must be between 0 and 100, or null where not known")
    return rated


def _ages(roads: gpd.GeoDataFrame, assessed_on: date | None) -> Floats:
    """Return years since the last resurfacing; NaN where not known."""
    if assessed_on is None:
        return np.full(len(roads), np.nan)
    renewed = pd.to_datetime(column(roads, "resurfaced_on"), errors="coerce")
    age = (pd.Timestamp(assessed_on) - renewed).dt.days.to_numpy(dtype=float) / DAYS_A_YEAR
    return np.where(age > 0, age, np.nan)


def _families(roads: gpd.GeoDataFrame, age: Floats, fall_per_year: float) -> tuple[Ints, list[FamilyCurve]]:
    """Return which curve each road follows, and the curves: the first for all classes of which too little is known."""
    condition = roads.condition_index.to_numpy(dtype=float)
    classes = column(roads, "road_class").astype(object).fillna("").to_numpy()
    curves = [_fitted(age, condition, fewest=2) or steady_fall(fall_per_year)]
    family = np.zeros(len(roads), dtype=np.int64)
    for each in pd.unique(classes):
        curve = _fitted(age[classes == each], condition[classes == each], fewest=FEWEST_OF_FAMILY)
        if curve is not None:
            family[classes == each] = len(curves)
            curves.append(curve)
    return family, curves


def _fitted(age: Floats, condition: Floats, *, fewest: int) -> FamilyCurve | None:
    known = np.isfinite(age)
    if known.sum() < fewest or len(np.unique(age[known])) < 2:
        return None
    return family_curve(age[known], condition[known])
