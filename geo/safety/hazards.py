"""Public safety: who and what lies in zones of hazard."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.inputs.demand import POPULATION, share
from geo.inputs.services import column, dwellings_of, in_crs, numbers
from geo.networks.topology import Floats

NO_LEVEL = ""

PEOPLE = {"be": "Людзі", "ru": "Люди", "en": "People"}
NAMES_AT_MOST = 20

Group = Annotated[
    Literal["total", "pop_0_6", "pop_7_17", "pop_18_64", "pop_65_plus"],
    labelled({"be": "Каго лічыць", "ru": "Кого считать", "en": "Whom to count"}),
]
CriticalKinds = Annotated[
    tuple[str, ...],
    labelled(
        {"be": "Важныя аб'екты", "ru": "Критические объекты", "en": "Critical objects"},
        max_length=50,
        description="Kinds of facilities.",
    ),
]
HazardKind = Annotated[
    str | None,
    labelled(
        {"be": "Толькі від небяспекі", "ru": "Только вид опасности", "en": "Only the hazard"},
        values_of=("hazard_zones.kind",),
        max_length=100,
    ),
]
ValidOn = Annotated[
    dt.date | None,
    labelled({"be": "Дзейнічаюць на дзень", "ru": "Действуют на день", "en": "Valid on"}),
]
Merge = Annotated[
    bool,
    labelled({"be": "Усе зоны разам", "ru": "Все зоны вместе", "en": "All zones together"}),
]


@analysis(
    id="hazard-exposure",
    title={
        "be": "Людзі і аб'екты ў зонах небяспекі",
        "ru": "Люди и объекты в зонах опасности",
        "en": "Exposure to hazards",
    },
    summary={
        "be": "Колькі людзей, будынкаў і важных аб'ектаў знаходзіцца ў зонах паводак, пажараў і іншых небяспек.",
        "ru": "Сколько людей, зданий и критических объектов находится в зонах паводков, пожаров и других опасностей.",
        "en": "How many people, buildings and critical objects are in zones of floods, fires and other hazards.",
    },
    function="safety",
    inputs={
        "zones": LayerInput(layer="hazard_zones", columns=("kind", "level", "valid_from", "valid_until")),
        "population": POPULATION,
        "buildings": LayerInput(layer="buildings", columns=("dwellings",), optional=True),
        "facilities": LayerInput(layer="facilities", columns=("kind", "name"), optional=True),
    },
    view=View(
        geometry="polygon",
        colour_by="people",
        opacity=0.5,
        columns={
            "kind": Column(title={"be": "Небяспека", "ru": "Опасность", "en": "Hazard"}),
            "level": Column(title={"be": "Узровень", "ru": "Уровень", "en": "Level"}),
            "people": Column(title=PEOPLE),
            "people_share": Column(
                title={"be": "Частка ўсіх людзей", "ru": "Доля всех людей", "en": "Of all people"},
                unit="%",
                scale=100,
                decimals=2,
            ),
            "buildings": Column(title={"be": "Будынкі", "ru": "Здания", "en": "Buildings"}),
            "dwellings": Column(title={"be": "Кватэры", "ru": "Квартиры", "en": "Dwellings"}),
            "critical": Column(title={"be": "Важныя аб'екты", "ru": "Критические объекты", "en": "Critical objects"}),
            "names": Column(title={"be": "Якія", "ru": "Какие", "en": "Which"}),
            "area_m2": Column(
                title={"be": "Плошча", "ru": "Площадь", "en": "Area"},
                unit={"be": "га", "ru": "га", "en": "ha"},
                scale=1e-4,
                decimals=1,
            ),
        },
    ),
)
def hazard_exposure(
    zones: gpd.GeoDataFrame,
    population: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    facilities: gpd.GeoDataFrame | None = None,
    *,
    who: Group = "total",
    critical: CriticalKinds = (
        "hospital",
        "clinic",
        "school",
        "kindergarten",
        "nursing_home",
        "social_facility",
        "fire_station",
        "police",
        "ambulance_station",
    ),
    hazard: HazardKind = None,
    valid_on: ValidOn = None,
    merge: Merge = False,
) -> gpd.GeoDataFrame:
    """Count the people, buildings and critical objects in zones of hazard.

    Zones of the same kind and level are taken as one area, so that nobody in two of them counts twice. Of a cell, or a
    district, of the population the part counts that its area in the zone is of its whole area: people are taken as
    spread evenly within it (areal weighting; Goodchild & Lam 1980). Buildings and objects count where they touch.

    Parameters
    ----------
    zones
        Polygons in a projected CRS in metres with ``kind``, ``level``, ``valid_from``, ``valid_until``.
    population
        In any CRS, with a column `who`.
    buildings
        In any CRS, with ``dwellings`` (1 where not known).
    facilities
        In any CRS, with ``kind`` and ``name``.
    who
        Everyone, or an age group.
    critical
        Which kinds of facilities count.
    hazard
        Only zones of this kind.
    valid_on
        Only zones that are valid on a day.
    merge
        All zones as one area.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a kind and level, most people first: ``kind``, ``level`` (null where merged), ``people``,
        ``people_share`` (of all), ``buildings``, ``dwellings``, ``critical`` (objects), ``names`` (of the first 20),
        ``area_m2``, ``geometry``. What was not given is NaN, and not 0.

    Raises
    ------
    InvalidInputError
        If the CRS is not in metres, there is no zone of the hazard, a number is negative, or a parameter is out of
        range.
    """
    metric_crs(zones.crs, "hazard zones")
    chosen = _chosen(zones, hazard, valid_on)
    areas = _areas(chosen, merge=merge)
    shapes = areas.geometry.to_numpy()
    people, everyone = people_in(shapes, population, who, zones.crs)
    homes, dwellings = _buildings(shapes, buildings, zones.crs)
    objects, names = _objects(shapes, facilities, critical, zones.crs)
    areas = areas.assign(
        people=people,
        people_share=share(people, everyone),
        buildings=homes,
        dwellings=dwellings,
        critical=objects,
        names=names,
        area_m2=shapely.area(shapes),
    )
    columns = ["kind", "level", "people", "people_share", "buildings", "dwellings", "critical", "names", "area_m2"]
    return areas[[*columns, "geometry"]].sort_values("people", ascending=False, kind="stable", ignore_index=True)


def _chosen(zones: gpd.GeoDataFrame, hazard: str | None, valid_on: dt.date | None) -> gpd.GeoDataFrame:
    if hazard is not None:
        kinds = column(zones, "kind")
        if not (kinds == hazard).any():
            raise InvalidInputError(
                f"no zone is of the hazard {hazard!r}: there are {', '.join(kinds.dropna().unique())}"
            )
        zones = zones[(kinds == hazard).to_numpy(dtype=bool, na_value=False)]
    if valid_on is None:
        return zones
    day = pd.Timestamp(valid_on)
    begin, end = (pd.to_datetime(column(zones, name)) for name in ("valid_from", "valid_until"))
    return zones[((begin.isna() | (begin <= day)) & (end.isna() | (end >= day))).to_numpy()]


def _areas(zones: gpd.GeoDataFrame, *, merge: bool) -> gpd.GeoDataFrame:
    """Return one area for each kind and level."""
    kinds = column(zones, "kind").astype(object).where(column(zones, "kind").notna(), "unknown")
    levels = column(zones, "level").astype(object).where(column(zones, "level").notna(), NO_LEVEL)
    if merge:
        kinds, levels = pd.Series("all", index=zones.index), pd.Series(NO_LEVEL, index=zones.index)
    whole = gpd.GeoDataFrame(
        {"kind": kinds, "level": levels}, geometry=shapely.make_valid(zones.geometry.to_numpy()), crs=zones.crs
    )
    if whole.empty:
        return whole
    found = whole.dissolve(by=["kind", "level"], as_index=False)
    return found.assign(level=found.level.replace(NO_LEVEL, None))


def people_in(areas: Any, population: gpd.GeoDataFrame | None, who: str, crs: Any) -> tuple[Floats, float]:
    """Return the people in each area, and of all; NaN where they are not known.

    Of what lies in an area in part, that part of its people counts (areal weighting); of points all do.
    """
    if population is None:
        return np.full(len(areas), np.nan), float("nan")
    if who not in population:
        raise InvalidInputError(f"the population has no column {who!r}: count another group")
    cells = shapely.make_valid(in_crs(population, crs, "population").geometry.to_numpy())
    areas, count = shapely.make_valid(areas), numbers(population[who], 0.0)
    area, cell = shapely.STRtree(cells).query(areas, predicate="intersects")
    size = shapely.area(cells[cell])
    inside = shapely.area(shapely.intersection(areas[area], cells[cell]))
    part = np.where(size > 0, inside / np.where(size > 0, size, 1.0), 1.0)
    return np.bincount(area, weights=part * count[cell], minlength=len(areas)).astype(float), float(count.sum())


def _buildings(areas: Any, buildings: gpd.GeoDataFrame | None, crs: Any) -> tuple[Floats, Floats]:
    if buildings is None:
        unknown = np.full(len(areas), np.nan)
        return unknown, unknown
    area, row = shapely.STRtree(in_crs(buildings, crs, "buildings").geometry.to_numpy()).query(
        areas, predicate="intersects"
    )
    homes = dwellings_of(buildings)[row]
    count = np.bincount(area, minlength=len(areas)).astype(float)
    return count, np.bincount(area, weights=homes, minlength=len(areas)).astype(float)


def _objects(
    areas: Any, facilities: gpd.GeoDataFrame | None, critical: tuple[str, ...], crs: Any
) -> tuple[Floats, list[str | None]]:
    if facilities is None:
        return np.full(len(areas), np.nan), [None] * len(areas)
    chosen = facilities[column(facilities, "kind").isin(critical).to_numpy(dtype=bool)]
    chosen = in_crs(chosen, crs, "facilities")
    area, row = shapely.STRtree(chosen.geometry.to_numpy()).query(areas, predicate="intersects")
    kinds = column(chosen, "kind").astype(str)
    known = column(chosen, "name")
    names = known.where(known.notna(), kinds).to_numpy()
    listed = [sorted(names[row[area == each]])[:NAMES_AT_MOST] for each in range(len(areas))]
    return np.bincount(area, minlength=len(areas)).astype(float), [", ".join(each) or None for each in listed]
