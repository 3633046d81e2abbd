"""Development between two years: what was built, and how the land it takes grows against the population."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np
import shapely

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.checks import as_numbers, same_length
from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.infrastructure.inventory import Areas, CellM
from geo.inputs.demand import share
from geo.inputs.services import column, in_crs, numbers
from geo.statistics.grid import Grid

if TYPE_CHECKING:
    import numpy.typing as npt

    from geo.networks.topology import Bools, Floats, Geometries

MITRE = 2.0
"""Corners stay sharp, up to this many times the distance, so that buildings come out of the closing as they were."""

Year = Annotated[int, labelled({"be": "Год", "ru": "Год", "en": "Year"}, ge=1000, le=3000)]
GapM = Annotated[
    float,
    labelled(
        {"be": "Прамежак між будынкамі", "ru": "Промежуток между зданиями", "en": "Gap between buildings"},
        unit="m",
        description="Ground between buildings nearer than this is built-up too.",
        ge=0,
        le=500,
    ),
]
People = Annotated[float | None, labelled({"be": "Жыхароў", "ru": "Жителей", "en": "Inhabitants"}, gt=0, le=1e10)]


def land_consumption_rate(before: npt.ArrayLike, after: npt.ArrayLike, *, years: float) -> Floats:
    """Return the land consumption rate a year, (V₂ − V₁) / V₁ / years (UN-Habitat, metadata of SDG 11.3.1, 2021).

    Parameters
    ----------
    before, after
        Built-up area at the two dates, in one unit. The rate is NaN where nothing was built up before.
    years
        Between them.
    """
    _check_years(years)
    one, other = same_length(before=as_numbers("before", before), after=as_numbers("after", after))
    rate: Floats = share(other - one, one) / years
    return rate


def population_growth_rate(before: npt.ArrayLike, after: npt.ArrayLike, *, years: float) -> Floats:
    """Return the population growth rate a year, ln(P₂ / P₁) / years (UN-Habitat, metadata of SDG 11.3.1, 2021).

    Parameters
    ----------
    before, after
        Inhabitants at the two dates. The rate is NaN where there were none at one of them.
    years
        Between them.
    """
    _check_years(years)
    one, other = same_length(before=as_numbers("before", before), after=as_numbers("after", after))
    ratio = share(other, one)
    rate: Floats = np.log(np.where(ratio > 0, ratio, np.nan)) / years
    return rate


def land_per_growth(
    area_before: npt.ArrayLike,
    area_after: npt.ArrayLike,
    people_before: npt.ArrayLike,
    people_after: npt.ArrayLike,
    *,
    years: float,
) -> Floats:
    """Return the ratio of land consumption to population growth, LCRPGR (SDG 11.3.1).

    Above 1 the city takes land faster than it gains people. NaN where the population stood still, or a rate is NaN.
    See `land_consumption_rate` and `population_growth_rate` for the parameters.
    """
    rate, growth = same_length(
        land=land_consumption_rate(area_before, area_after, years=years),
        people=population_growth_rate(people_before, people_after, years=years),
    )
    still = np.abs(growth) < 1e-12
    ratio: Floats = np.divide(rate, growth, out=np.full(rate.shape, np.nan), where=~still)
    return ratio


def built_up(buildings: Geometries, *, gap_m: float) -> Any:
    """Return the ground that buildings and the gaps between them take: their closing by half the gap, as one area."""
    shapes = shapely.make_valid(buildings[~(shapely.is_missing(buildings) | shapely.is_empty(buildings))])
    if not len(shapes):
        return shapely.Polygon()
    if gap_m == 0:
        return shapely.union_all(shapes)
    grown = shapely.union_all(shapely.buffer(shapes, gap_m / 2, join_style="mitre", mitre_limit=MITRE))
    return shapely.buffer(grown, -gap_m / 2, join_style="mitre", mitre_limit=MITRE)


@analysis(
    id="development",
    title={"be": "Развіццё забудовы", "ru": "Развитие застройки", "en": "Development"},
    summary={
        "be": "Дзе і колькі пабудавана паміж двума гадамі, і ці расце забудова хутчэй за насельніцтва (ЦУР 11.3.1).",
        "ru": "Где и сколько построено между двумя годами, и растёт ли застройка быстрее населения (ЦУР 11.3.1).",
        "en": "What was built where between two years, and whether land goes faster than people come (SDG 11.3.1).",
    },
    function="infrastructure",
    inputs={
        "buildings": LayerInput(layer="buildings", columns=("year_built", "levels", "dwellings")),
        "districts": LayerInput(layer="districts", columns=("name",), optional=True),
    },
    view=View(
        geometry="polygon",
        colour_by="land_consumption_rate",
        opacity=0.7,
        columns={
            "name": Column(title={"be": "Раён", "ru": "Район", "en": "District"}),
            "new_buildings": Column(title={"be": "Новыя будынкі", "ru": "Новые здания", "en": "New buildings"}),
            "new_dwellings": Column(title={"be": "Новыя кватэры", "ru": "Новые квартиры", "en": "New dwellings"}),
            "new_floor_m2": Column(
                title={"be": "Новая плошча паверхаў", "ru": "Новая площадь этажей", "en": "New floor area"},
                unit={"be": "м²", "ru": "м²", "en": "m²"},
            ),
            "land_consumption_rate": Column(
                title={"be": "Рост забудаванай плошчы за год", "ru": "Рост застройки в год", "en": "Land taken a year"},
                unit="%",
                scale=100,
                decimals=2,
            ),
            "land_per_growth": Column(
                title={"be": "Да росту насельніцтва", "ru": "К росту населения", "en": "To population growth"},
                decimals=2,
            ),
            "dated": Column(
                title={"be": "Доля з вядомым годам", "ru": "Доля с известным годом", "en": "Part with a known year"},
                unit="%",
                scale=100,
            ),
        },
    ),
)
def development(
    buildings: gpd.GeoDataFrame,
    districts: gpd.GeoDataFrame | None = None,
    *,
    from_year: Year,
    to_year: Year,
    areas: Areas = "cells",
    cell_m: CellM = 500.0,
    gap_m: GapM = 50.0,
    people_before: People = None,
    people_after: People = None,
) -> gpd.GeoDataFrame:
    """Find what was built between two years, and the indicators of SDG 11.3.1.

    Built-up is the ground of buildings and of the gaps between them. A building whose year is not known is taken to
    have stood before; what was demolished is not in the layer.

    Parameters
    ----------
    buildings
        Polygons in a projected CRS in metres: ``year_built``, ``levels`` (1 where not known), ``dwellings`` (0 where
        not known).
    districts
        Polygons in any CRS, and ``name``.
    from_year, to_year
        What was built after the first and up to the second is new.
    areas, cell_m
        By districts, by hexagonal cells that hold the centre of a building, or for the whole.
    gap_m
        Ground between buildings nearer than this is built-up too.
    people_before, people_after
        Inhabitants of the whole in the two years, for ``land_per_growth``; it is told for the whole only.

    Returns
    -------
    geopandas.GeoDataFrame
        The areas, in the CRS of the buildings. Columns: ``name``, ``new_buildings``, ``new_dwellings``,
        ``new_floor_m2`` (ground by levels), ``built_before_m2``, ``built_after_m2`` (built-up area),
        ``land_consumption_rate`` (a year; NaN where nothing was built up before), ``land_per_growth`` (LCRPGR of
        SDG 11.3.1), ``dated`` (which part of the buildings has a known year), geometry.

    Raises
    ------
    InvalidInputError
        If the years are not in order, districts are wanted and there are none, or there is no building.
    """
    crs = metric_crs(buildings.crs, "buildings")
    if not from_year < to_year:
        raise InvalidInputError(f"to_year must be after from_year, not {to_year} after {from_year}")
    standing = buildings[~(buildings.geometry.isna() | buildings.geometry.is_empty)]
    year = numbers(column(standing, "year_built"), np.nan)
    shapes = standing.geometry.to_numpy()
    there = np.isnan(year) | (year <= to_year)
    new = (year > from_year) & (year <= to_year)
    if not there.any():
        raise InvalidInputError(f"there is no building of {to_year} or before")
    frame = _areas(shapes[there], districts, areas, cell_m, crs)
    cells = frame.geometry.to_numpy()
    before, after = (built_up(shapes[some], gap_m=gap_m) for some in (there & ~new, there))
    before_m2, after_m2 = (_area_within(each, cells) for each in (before, after))
    floor_m2 = shapely.area(shapes) * np.maximum(numbers(column(standing, "levels"), 1.0), 1.0)
    counts = _sums(shapes, cells, new, there, np.isfinite(year), floor_m2, numbers(column(standing, "dwellings"), 0.0))
    years = float(to_year - from_year)
    ratio = np.full(len(cells), np.nan)
    if areas == "whole" and people_before is not None and people_after is not None:
        ratio = land_per_growth(before_m2, after_m2, people_before, people_after, years=years)
    columns = {
        "name": column(frame, "name").astype(object).where(column(frame, "name").notna(), None),
        **counts,
        "built_before_m2": before_m2,
        "built_after_m2": after_m2,
        "land_consumption_rate": land_consumption_rate(before_m2, after_m2, years=years),
        "land_per_growth": ratio,
    }
    return gpd.GeoDataFrame(columns, geometry=cells, index=frame.index, crs=crs)


def _areas(
    shapes: Geometries, districts: gpd.GeoDataFrame | None, areas: str, cell_m: float, crs: Any
) -> gpd.GeoDataFrame:
    if areas == "districts":
        if districts is None or districts.empty:
            raise InvalidInputError("there are no districts: choose cells, or the whole")
        return in_crs(districts, crs, "districts")
    if areas == "whole":
        return gpd.GeoDataFrame(geometry=[shapely.box(*shapely.total_bounds(shapes)).buffer(cell_m)], crs=crs)
    grid = Grid(cell_m=cell_m)
    passed = np.unique(grid.cells_of(shapely.get_coordinates(shapely.centroid(shapes))), axis=0)
    return gpd.GeoDataFrame(geometry=grid.polygons(passed), crs=crs)


def _area_within(ground: Any, cells: Geometries) -> Floats:
    """Return the area of a ground within each cell."""
    parts = shapely.get_parts(ground)
    parts = parts[~shapely.is_empty(parts)]
    cell, part = shapely.STRtree(parts).query(cells, predicate="intersects")
    area = shapely.area(shapely.intersection(parts[part], cells[cell]))
    total: Floats = np.bincount(cell, weights=area, minlength=len(cells)).astype(float)
    return total


def _sums(
    shapes: Geometries, cells: Geometries, new: Bools, there: Bools, dated: Bools, floor_m2: Floats, dwellings: Floats
) -> dict[str, Any]:
    """Return what was built in each cell; a building counts where its centre lies."""
    cell, building = shapely.STRtree(shapely.centroid(shapes)).query(cells, predicate="intersects")
    count = len(cells)
    total = np.bincount(cell, weights=there[building], minlength=count)
    return {
        "new_buildings": np.bincount(cell, weights=new[building], minlength=count).astype(np.int64),
        "new_dwellings": np.bincount(cell, weights=(new * dwellings)[building], minlength=count),
        "new_floor_m2": np.bincount(cell, weights=(new * floor_m2)[building], minlength=count),
        "dated": share(np.bincount(cell, weights=(there & dated)[building], minlength=count), total),
    }


def _check_years(years: float) -> None:
    if not 0 < years < np.inf:
        raise InvalidInputError(f"years must be positive, not {years}")
