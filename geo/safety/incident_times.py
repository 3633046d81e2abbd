"""Public safety: at which hours and on which days incidents happen, and where their hot spots come and go."""

from __future__ import annotations

import zoneinfo
from typing import Annotated, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import ColourClass, Column, View, analysis, labelled
from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.safety.incidents import (
    INCIDENTS,
    INCIDENTS_COLUMN,
    PAIRS_AT_MOST,
    VALUE_COLUMN,
    CellM,
    CellShape,
    FirstDay,
    LastDay,
    OnlyCategory,
    Step,
    WeighBy,
    incident_weights,
    located,
    precision_of,
    steps_of,
    times_of,
)
from geo.statistics.emerging import PATTERNS, emerging_patterns, space_time_gi
from geo.statistics.grid import Grid

DAYS_OF_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


TimeZone = Annotated[
    str,
    labelled(
        {"be": "Часавы пояс", "ru": "Часовой пояс", "en": "Time zone"},
        stated="time_zone",
        max_length=50,
        description="In which hours are counted, such as Europe/Minsk.",
    ),
]
NeighbourM = Annotated[
    float,
    labelled(
        {"be": "Суседзі ў радыусе", "ru": "Соседи в радиусе", "en": "Neighbours within"}, unit="m", ge=10, le=50_000
    ),
]
BackSteps = Annotated[
    int,
    labelled({"be": "Крокаў назад", "ru": "Шагов назад", "en": "Steps back"}, ge=0, le=12),
]

STEPS_AT_MOST = 400


@analysis(
    id="incident-profile",
    title={"be": "Гадзіны і дні здарэнняў", "ru": "Часы и дни происшествий", "en": "Hours and days of incidents"},
    summary={
        "be": "У якія гадзіны і дні тыдня здарэнняў больш і дзе іх сярэдзіна.",
        "ru": "В какие часы и дни недели происшествий больше и где их середина.",
        "en": "At which hours and on which days of the week incidents happen, and where their middle is.",
    },
    function="safety",
    inputs={"incidents": INCIDENTS},
    view=View(
        geometry="point",
        colour_by="times_mean",
        columns={
            "day": Column(title={"be": "Дзень тыдня", "ru": "День недели", "en": "Day of the week"}),
            "hour": Column(title={"be": "Гадзіна", "ru": "Час", "en": "Hour"}),
            "incidents": INCIDENTS_COLUMN,
            "value": VALUE_COLUMN,
            "times_mean": Column(
                title={"be": "Разоў да сярэдняга", "ru": "Раз к среднему", "en": "Times the mean"}, decimals=2
            ),
        },
    ),
)
def incident_profile(
    incidents: gpd.GeoDataFrame,
    *,
    time_zone: TimeZone = "UTC",
    weigh_by: WeighBy = "count",
    category: OnlyCategory = None,
    since: FirstDay = None,
    until: LastDay = None,
) -> gpd.GeoDataFrame:
    """Count incidents by hour and by day of the week.

    Parameters
    ----------
    incidents
        Points in a projected CRS in metres with ``occurred_at``. Left out are those without a time; where
        ``time_precision`` is a day, they count for their day but for no hour; where it is coarser, not at all.
    time_zone
        In which days and hours are counted: a name of the IANA data base.
    weigh_by, category, since, until
        See `geo.safety.hot_spots.hot_spots`.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a day of the week and hour that has incidents, and one a day for those of unknown hour, in order:
        ``day`` (``monday`` to ``sunday``), ``hour`` (0 to 23; null where not known), ``incidents``, ``value`` (what
        they weigh), ``times_mean`` (the value to the mean of the 168 hours; for unknown hours to the mean of the 7
        days), ``geometry`` (their mean place). Empty where there are none.

    Raises
    ------
    InvalidInputError
        If the CRS is not in metres, an incident is no point, a column is wrong, or there is no such time zone.
    """
    metric_crs(incidents.crs, "incidents")
    if time_zone not in zoneinfo.available_timezones():
        raise InvalidInputError(f"there is no time zone {time_zone!r}: write one such as Europe/Minsk")
    placed = located(incidents, category, since=since, until=until)
    times = times_of(placed, precise_to="day")
    to_the_hour = times_of(placed, precise_to="hour").notna()
    local = times.dt.tz_convert(time_zone).where(to_the_hour, times)
    table = pd.DataFrame(
        {
            "day": local.dt.day_of_week,
            "hour": local.dt.hour.where(to_the_hour).astype("Int64"),
            "value": incident_weights(placed, weigh_by),
            "x": placed.geometry.x,
            "y": placed.geometry.y,
        }
    )[times.notna().to_numpy()]
    grouped = table.groupby(["day", "hour"], dropna=False)
    found = grouped.agg(incidents=("value", "size"), value=("value", "sum"), x=("x", "mean"), y=("y", "mean"))
    found = found.reset_index().sort_values(["day", "hour"], ignore_index=True)
    hourly = found.hour.notna()
    mean = np.where(hourly, found.value[hourly].sum() / 168, found.value[~hourly].sum() / 7)
    columns = {
        "day": [DAYS_OF_WEEK[int(day)] for day in found.day],
        "hour": found.hour,
        "incidents": found.incidents,
        "value": found.value,
        "times_mean": np.divide(found.value, mean, out=np.full(len(found), np.nan), where=mean > 0),
    }
    return gpd.GeoDataFrame(columns, geometry=shapely.points(found[["x", "y"]].to_numpy()), crs=incidents.crs)


Compare = Annotated[
    Literal["cube", "step"],
    labelled({"be": "З чым параўноўваць", "ru": "С чем сравнивать", "en": "Compare with"}),
]

_PATTERN_TITLES = {
    "new": ("Новая", "Новая", "New"),
    "consecutive": ("Паслядоўная", "Последовательная", "Consecutive"),
    "intensifying": ("Узмацняецца", "Усиливается", "Intensifying"),
    "persistent": ("Устойлівая", "Устойчивая", "Persistent"),
    "diminishing": ("Слабее", "Слабеет", "Diminishing"),
    "sporadic": ("Спарадычная", "Спорадическая", "Sporadic"),
    "oscillating": ("Хісткая", "Колеблющаяся", "Oscillating"),
    "historical": ("Былая", "Бывшая", "Historical"),
}
_KINDS = {"hot": ("гарачая", "горячая", "hot"), "cold": ("халодная", "холодная", "cold")}
_COLOURS = {
    "hot": ("#fc9272", "#fb6a4a", "#67000d", "#a50f15", "#de7065", "#fcbba1", "#f7b6d2", "#c9a08f"),
    "cold": ("#9ecae1", "#6baed6", "#08306b", "#08519c", "#7b9fd0", "#c6dbef", "#c5b0d5", "#8fa3b8"),
}


def _classes() -> tuple[ColourClass, ...]:
    classes = []
    for kind, (be, ru, en) in _KINDS.items():
        for colour, (name, titles) in zip(_COLOURS[kind], _PATTERN_TITLES.items(), strict=True):
            title = {"be": f"{titles[0]} {be}", "ru": f"{titles[1]} {ru}", "en": f"{titles[2]} {en}"}
            classes.append(ColourClass(title=title, values=(f"{name} {kind}",), colour=colour))
    none = ColourClass(
        title={"be": "Без заканамернасці", "ru": "Без закономерности", "en": "No pattern"},
        values=(PATTERNS[0],),
        colour="#f7f7f7",
    )
    return (*classes, none)


@analysis(
    id="emerging-hot-spots",
    title={"be": "Развіццё гарачых кропак", "ru": "Развитие горячих точек", "en": "Emerging hot spots"},
    summary={
        "be": "Дзе гарачыя і халодныя кропкі здарэнняў з'явіліся, трымаюцца, узмацняюцца ці знікаюць.",
        "ru": "Где горячие и холодные точки происшествий появились, держатся, усиливаются или исчезают.",
        "en": "Where hot and cold spots of incidents are new, persist, intensify or fade.",
    },
    function="safety",
    inputs={"incidents": INCIDENTS},
    view=View(
        geometry="polygon",
        colour_by="pattern",
        classes=_classes(),
        columns={
            "pattern": Column(title={"be": "Развіццё", "ru": "Развитие", "en": "Pattern"}),
            "incidents": INCIDENTS_COLUMN,
            "value": VALUE_COLUMN,
            "hot_steps": Column(title={"be": "Гарачых крокаў", "ru": "Горячих шагов", "en": "Hot steps"}),
            "cold_steps": Column(title={"be": "Халодных крокаў", "ru": "Холодных шагов", "en": "Cold steps"}),
            "trend_z": Column(title={"be": "Тэндэнцыя, z", "ru": "Тенденция, z", "en": "Trend, z"}, decimals=2),
            "trend_p": Column(title={"be": "Тэндэнцыя, p", "ru": "Тенденция, p", "en": "Trend, p"}, decimals=4),
        },
    ),
)
def emerging_hot_spots(
    incidents: gpd.GeoDataFrame,
    *,
    cell_m: CellM = 500.0,
    radius_m: NeighbourM = 1000.0,
    step: Step = "month",
    steps_back: BackSteps = 1,
    compare: Compare = "cube",
    cell_shape: CellShape = "hexagon",
    weigh_by: WeighBy = "count",
    category: OnlyCategory = None,
) -> gpd.GeoDataFrame:
    """Find where hot and cold spots are new, persist, intensify or fade (emerging hot spot analysis).

    Incidents are counted in cells and steps of time (a space-time cube); Gi* compares each with the cells within
    `radius_m` in the same step and the `steps_back` before it; the Mann-Kendall test tells whether a cell's Gi* rises
    or falls; then cells are classed by `geo.statistics.emerging.emerging_patterns`.

    Parameters
    ----------
    incidents
        Points in a projected CRS in metres with ``occurred_at``; those without a time, or whose ``time_precision`` is
        coarser than `step`, are left out.
    cell_m, cell_shape, weigh_by, category
        See `geo.safety.hot_spots.hot_spots`. Compared are the cells with an incident at any time.
    radius_m
        Cells are neighbours whose centres are at most this far apart: at least one cell.
    step
        From the first incident to the last, the whole of each; the first and the last may be incomplete.
    steps_back
        How many earlier steps count as neighbours in time.
    compare
        ``cube``: a cell is hot if it has more than all cells have in all steps, so that nothing is hot when the last
        steps are quiet everywhere; ``step``: if it has more than the others of the same step.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a cell, in the CRS of the incidents: ``pattern`` (one of `geo.statistics.emerging.PATTERNS`),
        ``incidents``, ``value``, ``hot_steps``, ``cold_steps`` (in which it is significant at 5 %, corrected for the
        number of cells and steps), ``trend_z``, ``trend_p``, ``geometry``. Empty where there are no incidents with a
        time.

    Raises
    ------
    InvalidInputError
        If the CRS is not in metres, there are fewer than 3 steps, or more than 400, cells are too many to compare,
        every count is the same, or a parameter is out of range.
    """
    metric_crs(incidents.crs, "incidents")
    if radius_m < cell_m:
        raise InvalidInputError(f"radius_m must be at least one cell, {cell_m:g}, not {radius_m:g}")
    placed = located(incidents, category)
    times = times_of(placed, precise_to=precision_of(step))
    placed, times = placed[times.notna().to_numpy()], times[times.notna()]
    grid = Grid(cell_m=cell_m, shape=cell_shape)
    at = grid.cells_of(shapely.get_coordinates(placed.geometry.to_numpy()))
    cells, row = np.unique(at, axis=0, return_inverse=True)
    _, when = steps_of(times, step)
    steps = int(when.max(initial=-1)) + 1
    if len(placed) and not 3 <= steps <= STEPS_AT_MOST:
        raise InvalidInputError(f"there are {steps} steps of a {step}: there must be from 3 to {STEPS_AT_MOST}")
    bins, near = len(cells) * steps, len(grid.around(radius_m=radius_m)) * (steps_back + 1)
    if bins * near > PAIRS_AT_MOST:
        raise InvalidInputError(
            f"{bins:,} cells and steps with {near:,} neighbours each are too many: take larger ones"
        )
    value = np.bincount(row * steps + when, incident_weights(placed, weigh_by), bins)
    cube = value.astype(float).reshape(len(cells), steps)
    gi = space_time_gi(cube, grid.centres(cells), radius_m=radius_m, steps_back=steps_back, each_step=compare == "step")
    found = emerging_patterns(gi)
    columns = {
        "pattern": found.pattern,
        "incidents": np.bincount(row, minlength=len(cells)),
        "value": cube.sum(axis=1),
        "hot_steps": found.hot_steps,
        "cold_steps": found.cold_steps,
        "trend_z": found.trend.z,
        "trend_p": found.trend.p,
    }
    return gpd.GeoDataFrame(columns, geometry=grid.polygons(cells), crs=incidents.crs)
