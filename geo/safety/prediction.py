"""Public safety: whether the hot spots of the past hold the incidents that follow."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import Column, View, analysis, labelled
from geo.checks import amounts, as_numbers
from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.inputs.demand import share
from geo.networks.topology import Floats, Ints
from geo.safety.incidents import INCIDENTS, CellM, CellShape, OnlyCategory, located, times_of
from geo.statistics.density import plane_density
from geo.statistics.grid import Grid

RankBy = Annotated[
    Literal["count", "density"],
    labelled(
        {"be": "Паводле чаго выбіраць", "ru": "По чему выбирать", "en": "Chosen by"},
        description="How many incidents a cell had, or their density around it.",
    ),
]
BandwidthM = Annotated[
    float,
    labelled({"be": "Шырыня згладжвання", "ru": "Ширина сглаживания", "en": "Bandwidth"}, unit="m", ge=10, le=10_000),
]
Since = Annotated[
    dt.date,
    labelled(
        {"be": "Праверыць з дня", "ru": "Проверить со дня", "en": "Tested since"},
        description="Incidents before this day choose the cells, those from it on test them.",
    ),
]
AreaShare = Annotated[
    float,
    labelled({"be": "Частка плошчы", "ru": "Доля площади", "en": "Share of the area"}, gt=0, le=1),
]


@dataclass(frozen=True, eq=False)
class PredictionCurve:
    """How much places hold when they are taken one after another; arrays in the order of taking.

    Parameters
    ----------
    taken
        Positions of the places, the highest score first; of equal ones the first.
    area_share
        Part of the whole area taken until then.
    hit_rate
        Part of all later incidents in it.
    accuracy_index
        ``hit_rate / area_share``: 1 is as good as chance; NaN where there are no later incidents.
    """

    taken: Ints
    area_share: Floats
    hit_rate: Floats
    accuracy_index: Floats


def prediction_accuracy(score: Any, area: Any, later: Any) -> PredictionCurve:
    """Tell how well scores of places foretell where incidents follow (prediction accuracy index).

    ``PAI = (n / N) / (a / A)``: the part of all later incidents that the taken places hold, to their part of the area.
    Chainey, Tompson & Uhlig 2008, Security Journal 21, 4-28.

    Parameters
    ----------
    score
        Of each place: those with the highest are taken first.
    area
        Of each place, in any unit.
    later
        Incidents at each place in the later time.

    Raises
    ------
    InvalidInputError
        If lengths differ, a score is not finite, or an area or a number is negative.
    """
    ranked = as_numbers("scores", score)
    if ranked.ndim != 1 or not np.isfinite(ranked).all():
        raise InvalidInputError("scores must be finite numbers, one for each place")
    size = amounts("areas", area, count=len(ranked), positive=True)
    hits = amounts("later incidents", later, count=len(ranked))
    taken = np.argsort(-ranked, kind="stable")
    covered = np.cumsum(size[taken]) / size.sum() if len(size) else size
    rate = share(np.cumsum(hits[taken]), hits.sum())
    return PredictionCurve(taken, covered, rate, rate / covered)


@analysis(
    id="hot-spot-forecast",
    title={"be": "Дакладнасць прагнозу", "ru": "Точность прогноза", "en": "Accuracy of hot spots"},
    summary={
        "be": "Ці трапляюць новыя здарэнні ў гарачыя кропкі мінулага: частка трапленняў і індэкс дакладнасці (PAI).",
        "ru": "Попадают ли новые происшествия в горячие точки прошлого: доля попаданий и индекс точности (PAI).",
        "en": "Whether later incidents fall into the hot spots of the past: hit rate and accuracy index (PAI).",
    },
    function="safety",
    inputs={"incidents": INCIDENTS},
    view=View(
        geometry="polygon",
        colour_by="later",
        columns={
            "rank": Column(title={"be": "Месца", "ru": "Место", "en": "Rank"}),
            "earlier": Column(title={"be": "Раней", "ru": "Раньше", "en": "Earlier"}),
            "later": Column(title={"be": "Пазней", "ru": "Позже", "en": "Later"}),
            "hit_rate": Column(
                title={
                    "be": "Трапленні да гэтага месца",
                    "ru": "Попадания до этого места",
                    "en": "Hit rate to this rank",
                },
                unit="%",
                scale=100,
                decimals=1,
            ),
            "area_share": Column(
                title={"be": "Плошча да гэтага месца", "ru": "Площадь до этого места", "en": "Area to this rank"},
                unit="%",
                scale=100,
                decimals=2,
            ),
            "accuracy_index": Column(
                title={"be": "Індэкс дакладнасці", "ru": "Индекс точности", "en": "Accuracy index (PAI)"}, decimals=1
            ),
        },
    ),
)
def hot_spot_forecast(
    incidents: gpd.GeoDataFrame,
    since: Since,
    *,
    rank_by: RankBy = "density",
    area_share: AreaShare = 0.05,
    cell_m: CellM = 250.0,
    bandwidth_m: BandwidthM = 500.0,
    cell_shape: CellShape = "square",
    category: OnlyCategory = None,
) -> gpd.GeoDataFrame:
    """Find the cells that earlier incidents point to, and how many of the later ones they hold.

    The cells are those with an incident at any time, which make the whole area; they are taken in the order of the
    count, or of the kernel density (`geo.statistics.density.plane_density`), of the earlier incidents, up to a share of
    the area: see `prediction_accuracy`.

    Parameters
    ----------
    incidents
        Points in a projected CRS in metres with ``occurred_at``; those without a time are left out. Those of which only
        the year is known count as of its first day.
    since
        The first day of the later time.
    rank_by
        ``count`` or ``density``.
    area_share
        How much of the area is taken, at most; but at least one cell.
    cell_m, cell_shape, category
        See `geo.safety.hot_spots.hot_spots`.
    bandwidth_m
        Of the density.

    Returns
    -------
    geopandas.GeoDataFrame
        The taken cells in order, in the CRS of the incidents: ``rank`` (from 1), ``earlier`` and ``later`` (incidents),
        ``score``, ``hit_rate``, ``area_share`` and ``accuracy_index`` (of all cells up to this rank), ``geometry``.
        Empty where there are no incidents.

    Raises
    ------
    InvalidInputError
        If the CRS is not in metres, there are incidents but none earlier or none later, or a parameter is out of range.
    """
    metric_crs(incidents.crs, "incidents")
    placed = located(incidents, category)
    times = times_of(placed)
    placed, times = placed[times.notna().to_numpy()], times[times.notna()]
    later = (times >= pd.Timestamp(since, tz="UTC")).to_numpy()
    if len(later) and (later.all() or not later.any()):
        raise InvalidInputError(f"there must be incidents both before {since} and since then")
    xy = shapely.get_coordinates(placed.geometry.to_numpy())
    grid = Grid(cell_m=cell_m, shape=cell_shape)
    cells, row = np.unique(grid.cells_of(xy), axis=0, return_inverse=True)
    before = np.bincount(row[~later], minlength=len(cells))
    after = np.bincount(row[later], minlength=len(cells))
    score = before.astype(float)
    if rank_by == "density":
        score = plane_density(xy[~later], grid.centres(cells), bandwidth_m=bandwidth_m)
    curve = prediction_accuracy(score, np.ones(len(cells)), after)
    kept = (curve.area_share <= area_share * (1 + 1e-12)) | (np.arange(len(cells)) == 0)
    taken = curve.taken[kept]
    columns = {
        "rank": np.arange(1, len(taken) + 1),
        "earlier": before[taken],
        "later": after[taken],
        "score": score[taken],
        "hit_rate": curve.hit_rate[kept],
        "area_share": curve.area_share[kept],
        "accuracy_index": curve.accuracy_index[kept],
    }
    return gpd.GeoDataFrame(columns, geometry=grid.polygons(cells[taken]), crs=incidents.crs)
