"""Public safety: where incidents gather, over the city and along its streets."""

from __future__ import annotations

from typing import Annotated, Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from geo.analysis import ColourClass, Column, View, analysis, labelled
from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.inputs.parameters import ModeName
from geo.inputs.services import STREETS, in_crs
from geo.networks.network import Network
from geo.networks.topology import Floats
from geo.networks.travel import MODES
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
    StreetMaxM,
    WeighBy,
    cells_around,
    incident_weights,
    located,
)
from geo.statistics.autocorrelation import getis_ord
from geo.statistics.density import lixels, network_density
from geo.statistics.grid import Grid
from geo.statistics.inference import adjusted_p
from geo.statistics.weights import distance_band

LEVELS = {99: 0.01, 95: 0.05, 90: 0.10}
"""The largest p of each level of confidence, in percent."""

BAND_IN_CELLS = 20

RadiusM = Annotated[
    float,
    labelled(
        {"be": "Суседзі ў радыусе", "ru": "Соседи в радиусе", "en": "Neighbours within"}, unit="m", ge=10, le=50_000
    ),
]

BandwidthM = Annotated[
    float,
    labelled({"be": "Шырыня згладжвання", "ru": "Ширина сглаживания", "en": "Bandwidth"}, unit="m", ge=10, le=2000),
]
LixelM = Annotated[
    float,
    labelled(
        {"be": "Даўжыня кавалка вуліцы", "ru": "Длина куска улицы", "en": "Piece of street"}, unit="m", ge=5, le=500
    ),
]
EqualSplit = Annotated[
    Literal["continuous", "discontinuous"],
    labelled({"be": "Падзел на скрыжаваннях", "ru": "Деление на перекрёстках", "en": "Split at junctions"}),
]

HEAT = ("#ffffb2", "#fed976", "#feb24c", "#fd8d3c", "#f03b20", "#bd0026")


def _level(kind: str, level: int, colour: str) -> ColourClass:
    names = {
        "hot": {"be": "Гарачая кропка", "ru": "Горячая точка", "en": "Hot spot"},
        "cold": {"be": "Халодная кропка", "ru": "Холодная точка", "en": "Cold spot"},
    }
    title = {lang: f"{name}, {level} %" for lang, name in names[kind].items()}
    return ColourClass(title=title, values=(f"{kind} {level}",), colour=colour)


@analysis(
    id="hot-spots",
    title={"be": "Гарачыя кропкі", "ru": "Горячие точки", "en": "Hot spots"},
    summary={
        "be": "Дзе здарэнняў значна больш ці менш, чым выпадае пры роўным раскладзе: ячэйкі са статыстыкай Gi*.",
        "ru": "Где происшествий значимо больше или меньше, чем выпадает случайно: ячейки со статистикой Gi*.",
        "en": "Where there are significantly more or fewer incidents than chance gives: cells with the Gi* statistic.",
    },
    function="safety",
    inputs={"incidents": INCIDENTS},
    view=View(
        geometry="polygon",
        colour_by="hot_spot",
        classes=(
            _level("hot", 99, "#b2182b"),
            _level("hot", 95, "#ef8a62"),
            _level("hot", 90, "#fddbc7"),
            ColourClass(
                title={"be": "Не значна", "ru": "Не значимо", "en": "Not significant"},
                values=("none",),
                colour="#f7f7f7",
            ),
            _level("cold", 90, "#d1e5f0"),
            _level("cold", 95, "#67a9cf"),
            _level("cold", 99, "#2166ac"),
        ),
        columns={
            "hot_spot": Column(title={"be": "Клас", "ru": "Класс", "en": "Class"}),
            "incidents": INCIDENTS_COLUMN,
            "value": VALUE_COLUMN,
            "z": Column(title={"be": "Gi*, z", "ru": "Gi*, z", "en": "Gi*, z"}, decimals=2),
            "p": P_COLUMN,
            "p_adjusted": P_ADJUSTED_COLUMN,
        },
    ),
)
def hot_spots(
    incidents: gpd.GeoDataFrame,
    *,
    cell_m: CellM = 250.0,
    radius_m: RadiusM = 500.0,
    cell_shape: CellShape = "hexagon",
    weigh_by: WeighBy = "count",
    fdr: FalseDiscovery = True,
    category: OnlyCategory = None,
    since: FirstDay = None,
    until: LastDay = None,
) -> gpd.GeoDataFrame:
    """Find where incidents gather, and where they are missing, beyond chance (Getis-Ord Gi* of cells of a grid).

    Incidents are counted in the cells of a grid; the cells compared are those within `radius_m` of a cell with an
    incident. Gi* of a cell is the standard score of the sum over the cells within `radius_m`, itself included: Ord &
    Getis 1995, Geographical Analysis 27(4), 286-306. As there are many cells, p is corrected to keep the share of
    false finds among the finds (false discovery rate): Caldas de Castro & Singer 2006, Geographical Analysis 38(2).

    Parameters
    ----------
    incidents
        Points in a projected CRS in metres; those without a geometry are left out. ``severity`` (``fatal``,
        ``injury``, others) and ``casualties`` are needed only where they are counted.
    cell_m
        Width of a cell.
    radius_m
        Cells are neighbours whose centres are at most this far apart: from 1 to 20 cells.
    cell_shape
        ``hexagon`` or ``square``.
    weigh_by
        ``count``: each incident is 1; ``severity``: fatal 542, injury 11, others 1 (equivalent property damage only);
        ``casualties``: people, unknown as none.
    fdr
        Class by the corrected p, and not by p.
    category
        Only incidents of this category.
    since, until
        Only incidents from the one day to the other, in UTC; where only the month or the year is known, its first day
        counts.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a cell, in the CRS of the incidents: ``incidents``, ``value`` (what was counted), ``z``, ``p`` (two-
        sided), ``p_adjusted``, ``hot_spot`` (``hot 99``, ``hot 95``, ``hot 90``, ``none``, ``cold 90``, ``cold 95``,
        ``cold 99``), ``geometry``. Empty where there are no incidents.

    Raises
    ------
    InvalidInputError
        If the CRS is not in metres, an incident is no point, a column is missing or wrong, cells are too many,
        every cell has the same value, or a parameter is out of range.
    """
    metric_crs(incidents.crs, "incidents")
    if not cell_m <= radius_m <= BAND_IN_CELLS * cell_m:
        raise InvalidInputError(
            f"radius_m must be from 1 to {BAND_IN_CELLS} cells, {cell_m:g} to {BAND_IN_CELLS * cell_m:g}, "
            f"not {radius_m:g}"
        )
    placed = located(incidents, category, since=since, until=until)
    grid = Grid(cell_m=cell_m, shape=cell_shape)
    at = grid.cells_of(shapely.get_coordinates(placed.geometry.to_numpy()))
    cells = cells_around(grid, np.unique(at, axis=0), radius_m)
    every, position = np.unique(np.concatenate([cells, at]), axis=0, return_inverse=True)
    row = position[len(cells) :]
    value = np.bincount(row, weights=incident_weights(placed, weigh_by), minlength=len(every)).astype(float)
    columns = {"incidents": np.bincount(row, minlength=len(every)), "value": value}
    columns |= _tested(value, grid.centres(every), radius_m, fdr=fdr)
    return gpd.GeoDataFrame(columns, geometry=grid.polygons(every), crs=incidents.crs)


@analysis(
    id="incident-density",
    title={
        "be": "Шчыльнасць здарэнняў на вуліцах",
        "ru": "Плотность происшествий на улицах",
        "en": "Density of incidents along streets",
    },
    summary={
        "be": "Колькі здарэнняў прыпадае на кіламетр вуліцы, згладжана ўздоўж вуліц, а не праз кварталы.",
        "ru": "Сколько происшествий приходится на километр улицы, сглажено вдоль улиц, а не сквозь кварталы.",
        "en": "How many incidents a kilometre of street has, smoothed along the streets and not across blocks.",
    },
    function="safety",
    inputs={
        "network": STREETS,
        "incidents": INCIDENTS,
    },
    view=View(
        geometry="line",
        colour_by="density",
        colours=HEAT,
        columns={
            "density": Column(
                title={"be": "Здарэнні на кіламетр", "ru": "Происшествия на километр", "en": "Incidents per kilometre"},
                scale=1000,
                decimals=1,
            ),
            "road": Column(title={"be": "Вуліца", "ru": "Улица", "en": "Street"}),
            "length_m": Column(
                title={"be": "Даўжыня", "ru": "Длина", "en": "Length"},
                unit={"be": "м", "ru": "м", "en": "m"},
            ),
        },
    ),
)
def incident_density(
    network: Network,
    incidents: gpd.GeoDataFrame,
    *,
    bandwidth_m: BandwidthM = 300.0,
    lixel_m: LixelM = 50.0,
    method: EqualSplit = "continuous",
    mode: ModeName = "drive",
    weigh_by: WeighBy = "count",
    snap_max_m: StreetMaxM = 50.0,
    category: OnlyCategory = None,
    since: FirstDay = None,
    until: LastDay = None,
) -> gpd.GeoDataFrame:
    """Estimate how dense incidents are along the streets (network kernel density).

    Each incident is taken to the nearest place on a street open to the mode, and spread along the streets up to the
    bandwidth with the quartic kernel and an equal split at junctions: Okabe, Satoh & Sugihara 2009, Int. J.
    Geographical Information Science 23(1), 7-32. See `geo.statistics.density.network_density`.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    incidents
        Points in any CRS; those without a geometry are left out. ``severity`` and ``casualties`` are needed only where
        they are counted.
    bandwidth_m
        Distance along the streets at which an incident no longer counts.
    lixel_m
        Longest piece of street; the density is that of its middle.
    method
        ``continuous``: without jumps at junctions, and every incident counts fully; ``discontinuous``: what reaches a
        dead end is lost.
    mode
        ``drive`` or ``walk``: which streets count.
    weigh_by
        What is spread; see `hot_spots`.
    snap_max_m
        An incident farther than this from every street is left out.
    category, since, until
        Only incidents of this category, and between these days: see `hot_spots`.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a piece of street near an incident, in the CRS of the network: ``road`` (its label in the frame of
        which the network was made), ``length_m``, ``density`` (incidents, or what is weighed by, per metre) and
        ``geometry``. Empty where no incident is near a street.

    Raises
    ------
    InvalidInputError
        If incidents have no CRS or are no points, a column is missing or wrong, no street is open to the mode, or a
        parameter is out of range.
    """
    travel = network.for_mode(MODES[mode])
    placed = in_crs(located(incidents, category, since=since, until=until), network.crs, "incidents")
    at = travel.snap(placed.geometry, max_m=snap_max_m, anywhere=True)
    weights = incident_weights(placed, weigh_by)[at.found]
    pieces = lixels(travel, length_m=lixel_m)
    density = network_density(
        travel, at[at.found], pieces.centres(), bandwidth_m=bandwidth_m, method=method, weights=weights
    )
    near = np.flatnonzero(density > 0)
    columns = {
        "road": network.feature[pieces.edge[near]],
        "length_m": pieces.length_m[near],
        "density": density[near],
    }
    return gpd.GeoDataFrame(columns, geometry=pieces[near].lines(), crs=network.crs)


def _tested(value: Floats, centres: Floats, radius_m: float, *, fdr: bool) -> dict[str, npt.NDArray[np.generic]]:
    if not len(value):
        nothing = np.empty(0)
        return {"z": nothing, "p": nothing, "p_adjusted": nothing, "hot_spot": np.empty(0, dtype=object)}
    found = getis_ord(value, distance_band(centres, radius_m=radius_m * (1 + 1e-9), include_self=True), star=True)
    adjusted = adjusted_p(found.p)
    chosen = adjusted if fdr else found.p
    reached = [chosen <= limit for limit in LEVELS.values()]
    level = np.select(reached, [str(level) for level in LEVELS], default="")
    kind = np.where(found.z > 0, "hot ", "cold ")
    hot_spot = np.where(level == "", "none", np.char.add(kind, level)).astype(object)
    return {"z": found.z, "p": found.p, "p_adjusted": adjusted, "hot_spot": hot_spot}
