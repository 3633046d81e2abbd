"""Public safety: circles, and circles and times, that hold more incidents than people or chance explain."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import ColourClass, Column, View, analysis, labelled
from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.inputs.demand import POPULATION, demand_of
from geo.safety.incidents import (
    INCIDENTS,
    INCIDENTS_COLUMN,
    CellM,
    OnlyCategory,
    Permutations,
    Seed,
    Step,
    located,
    precision_of,
    steps_of,
    times_of,
)
from geo.statistics.grid import Grid
from geo.statistics.scan import ScanCluster, scan_space, scan_space_time

SIGNIFICANT = 0.05

METRES = {"be": "м", "ru": "м", "en": "m"}

Model = Annotated[
    Literal["population", "permutation"],
    labelled(
        {"be": "З чым параўнаць", "ru": "С чем сравнить", "en": "Compared with"},
        description="population: where more happens than people explain; permutation: where and when more happens than "
        "usual there and then.",
    ),
]
CircleM = Annotated[
    float,
    labelled({"be": "Радыус не больш", "ru": "Радиус не более", "en": "Radius at most"}, unit="m", ge=50, le=100_000),
]
LongestSteps = Annotated[
    int, labelled({"be": "Крокаў не больш", "ru": "Шагов не более", "en": "Steps at most"}, ge=1, le=200)
]
OnlyLast = Annotated[
    bool,
    labelled({"be": "Толькі тое, што цягнецца", "ru": "Только то, что длится", "en": "Only what goes on"}),
]
MostClusters = Annotated[
    int, labelled({"be": "Згусткаў не больш", "ru": "Скоплений не более", "en": "Clusters at most"}, ge=1, le=50)
]


@analysis(
    id="scan-clusters",
    title={"be": "Скапленні паводле сканавання", "ru": "Скопления по сканированию", "en": "Clusters by scanning"},
    summary={
        "be": "Кругі, дзе здарэнняў больш, чым тлумачыць насельніцтва, ці больш, чым звычайна там і тады (Кульдорф).",
        "ru": "Круги, где происшествий больше, чем объясняет население, или чем обычно там и тогда (Кульдорф).",
        "en": "Circles with more incidents than people explain, or than is usual there and then (Kulldorff scan).",
    },
    function="safety",
    inputs={"incidents": INCIDENTS, "population": POPULATION},
    view=View(
        geometry="polygon",
        colour_by="significance",
        classes=(
            ColourClass(
                title={"be": "Значнае", "ru": "Значимое", "en": "Significant"},
                colour="#b2182b",
                values=("significant",),
            ),
            ColourClass(
                title={"be": "Можа быць выпадковым", "ru": "Может быть случайным", "en": "May be chance"},
                colour="#fddbc7",
                values=("chance",),
            ),
        ),
        columns={
            "cluster": Column(title={"be": "Скапленне", "ru": "Скопление", "en": "Cluster"}),
            "significance": Column(title={"be": "Значнасць", "ru": "Значимость", "en": "Significance"}),
            "observed": INCIDENTS_COLUMN,
            "expected": Column(title={"be": "Чакана", "ru": "Ожидалось", "en": "Expected"}, decimals=1),
            "relative_risk": Column(
                title={"be": "Адносная рызыка", "ru": "Относительный риск", "en": "Relative risk"}, decimals=2
            ),
            "p": Column(title={"be": "p", "ru": "p", "en": "p"}, decimals=3),
            "radius_m": Column(title={"be": "Радыус", "ru": "Радиус", "en": "Radius"}, unit=METRES),
            "first": Column(title={"be": "З", "ru": "С", "en": "From"}),
            "last": Column(title={"be": "Па", "ru": "По", "en": "To"}),
        },
    ),
)
def scan_clusters(
    incidents: gpd.GeoDataFrame,
    population: gpd.GeoDataFrame | None = None,
    *,
    model: Model = "permutation",
    cell_m: CellM = 250.0,
    radius_m: CircleM = 1000.0,
    step: Step = "week",
    longest_steps: LongestSteps = 8,
    only_last: OnlyLast = False,
    permutations: Permutations = 199,
    seed: Seed = 1,
    most_clusters: MostClusters = 10,
    category: OnlyCategory = None,
) -> gpd.GeoDataFrame:
    """Find circles that hold more incidents than expected, and, if asked, when (Kulldorff's scan statistics).

    Incidents are counted in the squares of a grid, and circles drawn around their centres. ``population`` compares with
    the people who live there (Kulldorff 1997), ``permutation`` with what is usual in the same place and in the same
    time (Kulldorff et al. 2005), for which no population is needed: see `geo.statistics.scan`.

    Parameters
    ----------
    incidents
        Points in a projected CRS in metres; for ``permutation`` with ``occurred_at``, and those without a time are left
        out.
    population
        With ``total``, in any CRS; incidents in squares where nobody lives are left out.
    model
        See above.
    cell_m
        Width of a square.
    radius_m
        No circle is larger; nor does one hold more than half of the people, or of the incidents.
    step
        Of time; incidents whose ``time_precision`` is coarser are left out.
    longest_steps
        Most steps of a cluster.
    only_last
        Only clusters that reach the last step.
    permutations, seed
        How often incidents are put at random, and with which random numbers.
    most_clusters
        At most so many clusters, no two of which overlap.
    category
        Only incidents of this category.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a cluster, the least likely first, in the CRS of the incidents: ``cluster`` (number from 1),
        ``significance`` (``significant`` where p is at most 0.05, else ``chance``), ``observed``, ``expected``,
        ``relative_risk``, ``statistic``, ``p``, ``radius_m``, ``first``, ``last`` (its days, as text; null for
        ``population``), ``geometry`` (a circle around the squares).

    Raises
    ------
    InvalidInputError
        If the CRS is not in metres, the population is needed and not known, windows are too many, or a parameter is out
        of range.
    """
    metric_crs(incidents.crs, "incidents")
    placed = located(incidents, category)
    grid = Grid(cell_m=cell_m, shape="square")
    start: pd.Period | None = None
    options: dict[str, Any] = {
        "radius_m": radius_m,
        "permutations": permutations,
        "seed": seed,
        "clusters": most_clusters,
    }
    if model == "population":
        people = demand_of(population, None, "total", incidents.crs)
        homes = grid.cells_of(people.geometry.centroid.get_coordinates().to_numpy())
        cells, position = np.unique(homes, axis=0, return_inverse=True)
        counts = _counted(cells, grid.cells_of(_xy(placed)))
        weight = np.bincount(position, weights=people.demand, minlength=len(cells))
        found = scan_space(grid.centres(cells), counts, weight, **options)
    else:
        times = times_of(placed, precise_to=precision_of(step))
        placed, times = placed[times.notna().to_numpy()], times[times.notna()]
        cells, place = np.unique(grid.cells_of(_xy(placed)), axis=0, return_inverse=True)
        start, when = steps_of(times, step)
        if len(when) and when.max() < 1:
            raise InvalidInputError(f"all incidents are in one {step}: take shorter steps")
        found = scan_space_time(
            grid.centres(cells), when, place, longest=longest_steps, until_last=only_last, **options
        )
    return _frame(found, grid, cells, start).set_crs(incidents.crs)


def _xy(placed: gpd.GeoDataFrame) -> np.typing.NDArray[np.float64]:
    xy: np.typing.NDArray[np.float64] = shapely.get_coordinates(placed.geometry.to_numpy())
    return xy


def _counted(cells: np.typing.NDArray[np.int64], at: np.typing.NDArray[np.int64]) -> np.typing.NDArray[np.int64]:
    """Return how many of some cells are each of others."""
    both, position = np.unique(np.concatenate([cells, at]), axis=0, return_inverse=True)
    counts = np.bincount(position[len(cells) :], minlength=len(both))
    return counts[position[: len(cells)]].astype(np.int64)


def _frame(
    found: list[ScanCluster],
    grid: Grid,
    cells: np.typing.NDArray[np.int64],
    start: pd.Period | None,
) -> gpd.GeoDataFrame:
    centres = grid.centres(cells)[[each.centre for each in found]]
    reach_m = np.array([each.radius_m for each in found]) + grid.cell_m / 2
    columns = {
        "cluster": np.arange(1, len(found) + 1),
        "significance": ["significant" if each.p <= SIGNIFICANT else "chance" for each in found],
        "observed": [each.observed for each in found],
        "expected": [each.expected for each in found],
        "relative_risk": [each.relative_risk for each in found],
        "statistic": [each.statistic for each in found],
        "p": [each.p for each in found],
        "radius_m": reach_m,
        "first": [f"{(start + each.first).start_time:%Y-%m-%d}" if start is not None else None for each in found],
        "last": [f"{(start + each.last).end_time:%Y-%m-%d}" if start is not None else None for each in found],
    }
    return gpd.GeoDataFrame(columns, geometry=shapely.buffer(shapely.points(centres), reach_m))
