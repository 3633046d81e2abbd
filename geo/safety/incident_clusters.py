"""Public safety: groups of incidents, outliers among their cells, and how incidents follow one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pydantic import Field

from geo.analysis import ColourClass, Column, View, analysis, labelled
from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.safety.incidents import (
    INCIDENTS,
    INCIDENTS_COLUMN,
    P_ADJUSTED_COLUMN,
    P_COLUMN,
    VALUE_COLUMN,
    CellM,
    CellShape,
    FalseDiscovery,
    FirstDay,
    LastDay,
    OnlyCategory,
    Permutations,
    Seed,
    WeighBy,
    cells_around,
    days_of,
    incident_weights,
    located,
    times_of,
)
from geo.statistics.autocorrelation import local_moran
from geo.statistics.clusters import dbscan
from geo.statistics.grid import Grid
from geo.statistics.inference import adjusted_p, permuted_p
from geo.statistics.space_time import near_repeats
from geo.statistics.weights import distance_band, row_standardised

if TYPE_CHECKING:
    from geo.networks.topology import Floats, Geometries

SIGNIFICANT = 0.05

METRES = {"be": "м", "ru": "м", "en": "m"}
DAYS = {"be": "дзён", "ru": "дней", "en": "days"}

RadiusM = Annotated[
    float,
    labelled(
        {"be": "Суседзі ў радыусе", "ru": "Соседи в радиусе", "en": "Neighbours within"}, unit="m", ge=1, le=50_000
    ),
]
LeastIncidents = Annotated[
    int,
    labelled({"be": "Здарэнняў не менш", "ru": "Происшествий не менее", "en": "Incidents at least"}, ge=2, le=100_000),
]
WindowD = Annotated[
    float | None,
    labelled(
        {"be": "Розніца ў часе не больш", "ru": "Разница во времени не более", "en": "Apart in time at most"},
        unit="d",
        gt=0,
        le=3650,
    ),
]
DistancesM = Annotated[
    tuple[Annotated[float, Field(ge=0, le=50_000)], ...],
    labelled(
        {"be": "Межы адлегласцяў", "ru": "Границы расстояний", "en": "Limits of distance"},
        unit="m",
        min_length=2,
        max_length=12,
    ),
]
LimitsD = Annotated[
    tuple[Annotated[float, Field(ge=0, le=3650)], ...],
    labelled(
        {"be": "Межы часу", "ru": "Границы времени", "en": "Limits of time"}, unit="d", min_length=2, max_length=12
    ),
]


@analysis(
    id="local-moran",
    title={"be": "Згусткі і выключэнні", "ru": "Сгустки и исключения", "en": "Clusters and outliers"},
    summary={
        "be": "Ячэйкі, значна падобныя да суседніх колькасцю здарэнняў або значна іншыя (лакальны індэкс Морана).",
        "ru": "Ячейки, значимо похожие на соседние числом происшествий или значимо иные (локальный индекс Морана).",
        "en": "Cells that resemble their neighbours in incidents beyond chance, or differ from them (local Moran).",
    },
    function="safety",
    inputs={"incidents": INCIDENTS},
    view=View(
        geometry="polygon",
        colour_by="kind",
        classes=(
            ColourClass.of("HH", "#b2182b", be="Шмат сярод шмат", ru="Много среди многих", en="High among high"),
            ColourClass.of("HL", "#f4a582", be="Шмат сярод мала", ru="Много среди немногих", en="High among low"),
            ColourClass.of("none", "#f7f7f7", be="Не значна", ru="Не значимо", en="Not significant"),
            ColourClass.of("LH", "#92c5de", be="Мала сярод шмат", ru="Мало среди многих", en="Low among high"),
            ColourClass.of("LL", "#2166ac", be="Мала сярод мала", ru="Мало среди немногих", en="Low among low"),
        ),
        columns={
            "kind": Column(title={"be": "Клас", "ru": "Класс", "en": "Class"}),
            "incidents": INCIDENTS_COLUMN,
            "value": VALUE_COLUMN,
            "statistic": Column(title={"be": "Iᵢ", "ru": "Iᵢ", "en": "Iᵢ"}, decimals=2),
            "p": P_COLUMN,
            "p_adjusted": P_ADJUSTED_COLUMN,
        },
    ),
)
def incident_outliers(
    incidents: gpd.GeoDataFrame,
    *,
    cell_m: CellM = 250.0,
    radius_m: RadiusM = 500.0,
    cell_shape: CellShape = "hexagon",
    weigh_by: WeighBy = "count",
    permutations: Permutations = 999,
    seed: Seed = 1,
    fdr: FalseDiscovery = True,
    category: OnlyCategory = None,
    since: FirstDay = None,
    until: LastDay = None,
) -> gpd.GeoDataFrame:
    """Find clusters and outliers among the cells of a grid (local Moran, LISA).

    The cells are those of `geo.safety.hot_spots.hot_spots`; each is compared with the mean of those within `radius_m`.
    p is from conditional permutations (Anselin 1995, Geographical Analysis 27(2), 93-115): see
    `geo.statistics.inference.permuted_p`.

    Parameters
    ----------
    incidents, cell_m, cell_shape, weigh_by, category, since, until
        See `geo.safety.hot_spots.hot_spots`.
    radius_m
        Cells are neighbours whose centres are at most this far apart: at least one cell.
    permutations, seed
        How often values are put at random, and with which random numbers.
    fdr
        Class by p corrected for the number of cells, and not by p.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a cell, in the CRS of the incidents: ``incidents``, ``value``, ``statistic``, ``p`` (one-sided),
        ``p_adjusted``, ``kind`` (at 5 %: ``HH``, ``HL``, ``LH``, ``LL``: the cell and its neighbours are high or low;
        else ``none``), ``geometry``. Empty where there are no incidents.

    Raises
    ------
    InvalidInputError
        As `geo.safety.hot_spots.hot_spots`.
    """
    metric_crs(incidents.crs, "incidents")
    if radius_m < cell_m:
        raise InvalidInputError(f"radius_m must be at least one cell, {cell_m:g}, not {radius_m:g}")
    placed = located(incidents, category, since=since, until=until)
    grid = Grid(cell_m=cell_m, shape=cell_shape)
    at = grid.cells_of(shapely.get_coordinates(placed.geometry.to_numpy()))
    around = cells_around(grid, np.unique(at, axis=0), radius_m)
    cells, position = np.unique(np.concatenate([around, at]), axis=0, return_inverse=True)
    row = position[len(around) :]
    value = np.bincount(row, weights=incident_weights(placed, weigh_by), minlength=len(cells)).astype(float)
    columns: dict[str, Any] = {"incidents": np.bincount(row, minlength=len(cells)), "value": value}
    statistic, p, adjusted = np.empty(0), np.empty(0), np.empty(0)
    kind = np.empty(0, dtype=object)
    if len(cells):
        weights = row_standardised(distance_band(grid.centres(cells), radius_m=radius_m * (1 + 1e-9)))
        found = local_moran(value, weights)
        statistic, p = found.statistic, permuted_p(value, weights, permutations=permutations, seed=seed)
        adjusted = adjusted_p(p)
        kind = np.where((adjusted if fdr else p) <= SIGNIFICANT, found.quadrant, "none").astype(object)
    columns |= {"statistic": statistic, "p": p, "p_adjusted": adjusted, "kind": kind}
    return gpd.GeoDataFrame(columns, geometry=grid.polygons(cells), crs=incidents.crs)


@analysis(
    id="incident-clusters",
    title={"be": "Групы здарэнняў", "ru": "Группы происшествий", "en": "Groups of incidents"},
    summary={
        "be": "Месцы, дзе здарэнні стаяць шчыльна, а пры жаданні і блізка ў часе (DBSCAN, ST-DBSCAN).",
        "ru": "Места, где происшествия стоят плотно, а при желании и близко во времени (DBSCAN, ST-DBSCAN).",
        "en": "Where incidents stand close together, and if wanted close in time too (DBSCAN, ST-DBSCAN).",
    },
    function="safety",
    inputs={"incidents": INCIDENTS},
    view=View(
        geometry="polygon",
        colour_by="incidents",
        columns={
            "cluster": Column(title={"be": "Група", "ru": "Группа", "en": "Group"}),
            "incidents": INCIDENTS_COLUMN,
            "value": VALUE_COLUMN,
            "first": Column(title={"be": "Першае", "ru": "Первое", "en": "First"}),
            "last": Column(title={"be": "Апошняе", "ru": "Последнее", "en": "Last"}),
            "area_m2": Column(
                title={"be": "Плошча", "ru": "Площадь", "en": "Area"},
                unit={"be": "га", "ru": "га", "en": "ha"},
                scale=1e-4,
                decimals=1,
            ),
        },
    ),
)
def incident_clusters(
    incidents: gpd.GeoDataFrame,
    *,
    radius_m: RadiusM = 100.0,
    least_incidents: LeastIncidents = 10,
    window_d: WindowD = None,
    weigh_by: WeighBy = "count",
    category: OnlyCategory = None,
    since: FirstDay = None,
    until: LastDay = None,
) -> gpd.GeoDataFrame:
    """Find groups in which incidents lie close together, in space or in space and time (DBSCAN, ST-DBSCAN).

    See `geo.statistics.clusters.dbscan`: Ester et al. 1996; Birant & Kut 2007.

    Parameters
    ----------
    incidents
        Points in a projected CRS in metres; with `window_d` those without ``occurred_at`` are left out.
    radius_m
        How near neighbours are.
    least_incidents
        Neighbours, an incident itself included, that make it the core of a group.
    window_d
        How near they are in time, in days; by default time does not matter.
    weigh_by, category, since, until
        See `geo.safety.hot_spots.hot_spots`.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a group, the largest first, in the CRS of the incidents: ``cluster`` (number from 1), ``incidents``,
        ``value`` (what they weigh), ``first``, ``last`` (days, or months or years where only they are known, as text),
        ``area_m2``, ``geometry`` (what lies within half the radius of the convex hull). Empty where no group is found.

    Raises
    ------
    InvalidInputError
        If the CRS is not in metres, an incident is no point, a column is missing, neighbours are too many for memory,
        or a parameter is out of range.
    """
    metric_crs(incidents.crs, "incidents")
    placed = located(incidents, category, since=since, until=until)
    times = times_of(placed)
    if window_d is not None:
        placed, times = placed[times.notna().to_numpy()], times[times.notna()]
    xy = shapely.get_coordinates(placed.geometry.to_numpy())
    label = dbscan(
        xy,
        radius_m=radius_m,
        min_events=least_incidents,
        times=None if window_d is None else times,
        window_d=window_d,
    )
    table = pd.DataFrame(
        {"label": label, "value": incident_weights(placed, weigh_by), "day": days_of(placed).to_numpy(dtype=object)}
    ).astype({"day": "string"})
    grouped = table[table.label >= 0].groupby("label")
    found = grouped.agg(incidents=("value", "size"), value=("value", "sum"), first=("day", "min"), last=("day", "max"))
    geometry = shapely.buffer(_hulls(xy, label, len(found)), radius_m / 2)
    frame = gpd.GeoDataFrame(found, geometry=geometry, crs=incidents.crs).assign(area_m2=shapely.area(geometry))
    frame = frame.astype({"first": object, "last": object})
    frame[["first", "last"]] = frame[["first", "last"]].where(frame[["first", "last"]].notna(), None)
    frame = frame.sort_values("incidents", ascending=False, kind="stable", ignore_index=True)
    frame.insert(0, "cluster", np.arange(1, len(frame) + 1))
    return frame


@analysis(
    id="near-repeats",
    title={"be": "Паўторы паблізу", "ru": "Повторы поблизости", "en": "Near repeats"},
    summary={
        "be": "Як далёка і як доўга пасля здарэння верагоднейшае яшчэ адно (тэст Нокса па зонах).",
        "ru": "Как далеко и как долго после происшествия вероятнее ещё одно (тест Нокса по зонам).",
        "en": "How far from an incident, and for how long, another one is likelier (Knox test by bands).",
    },
    function="safety",
    inputs={"incidents": INCIDENTS},
    view=View(
        geometry="polygon",
        colour_by="ratio",
        columns={
            "from_m": Column(title={"be": "Ад", "ru": "От", "en": "From"}, unit=METRES),
            "to_m": Column(title={"be": "Да", "ru": "До", "en": "To"}, unit=METRES),
            "from_d": Column(title={"be": "Ад", "ru": "От", "en": "From"}, unit=DAYS),
            "to_d": Column(title={"be": "Да", "ru": "До", "en": "To"}, unit=DAYS),
            "observed": Column(title={"be": "Пар", "ru": "Пар", "en": "Pairs"}),
            "expected": Column(title={"be": "Чакана пар", "ru": "Ожидалось пар", "en": "Pairs expected"}, decimals=1),
            "ratio": Column(title={"be": "Разоў часцей", "ru": "Раз чаще", "en": "Times as many"}, decimals=2),
            "p": P_COLUMN,
        },
    ),
)
def near_repeat_bands(
    incidents: gpd.GeoDataFrame,
    *,
    distances_m: DistancesM = (0, 100, 200, 300, 400),
    days: LimitsD = (0, 7, 14, 21, 28),
    permutations: Permutations = 199,
    seed: Seed = 1,
    category: OnlyCategory = None,
    since: FirstDay = None,
    until: LastDay = None,
) -> gpd.GeoDataFrame:
    """Find how far and for how long an incident makes another one more likely (near-repeat pattern).

    See `geo.statistics.space_time.near_repeats`: Ratcliffe & Rengert 2008, Security Journal 21, 58-76.

    Parameters
    ----------
    incidents
        Points in a projected CRS in metres with ``occurred_at``; those without a time, or whose ``time_precision`` is
        coarser than a day, are left out.
    distances_m, days
        Limits of the bands, rising.
    permutations, seed
        How often times are put at random, and with which random numbers.
    category, since, until
        Only incidents of this category, and between these days: see `geo.safety.hot_spots.hot_spots`.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a band of distance and time: ``from_m``, ``to_m``, ``from_d``, ``to_d``, ``observed`` and ``expected``
        pairs, ``ratio``, ``p``, and as ``geometry`` the area of the incidents, the same in every row.

    Raises
    ------
    InvalidInputError
        If the CRS is not in metres, there are fewer than 2 incidents with a day, or limits do not rise.
    """
    metric_crs(incidents.crs, "incidents")
    placed = located(incidents, category, since=since, until=until)
    times = times_of(placed, precise_to="day")
    placed, times = placed[times.notna().to_numpy()], times[times.notna()]
    if len(placed) < 2:
        raise InvalidInputError(f"at least 2 incidents of which the day is known are needed, not {len(placed)}")
    xy = shapely.get_coordinates(placed.geometry.to_numpy())
    found = near_repeats(xy, times, distances_m=distances_m, days=days, permutations=permutations, seed=seed)
    return gpd.GeoDataFrame(found, geometry=[_area(xy)] * len(found), crs=incidents.crs)


def _hulls(xy: Floats, label: Any, groups: int) -> Geometries:
    order = np.argsort(label, kind="stable")
    order = order[np.searchsorted(label[order], 0) :]
    points = shapely.multipoints(shapely.points(xy[order]), indices=label[order]) if groups else np.empty(0, object)
    hulls: Geometries = shapely.convex_hull(points)
    return hulls


def _area(xy: Floats) -> shapely.Geometry:
    return shapely.convex_hull(shapely.multipoints(xy))
