"""State and development of infrastructure: who is reached by it, and how well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import Column, LayerInput, View, analysis
from geo.errors import InvalidInputError
from geo.inputs.parameters import (
    BannedTurns,
    BufferM,
    BuildingMaxM,
    CutoffsS,
    DelaysS,
    DirectionOfTravel,
    Merge,
    ModeName,
    Origins,
    OwnCutoffsS,
    Slopes,
    SnapMaxM,
    SpeedKmh,
    TurnsS,
    delays_of,
)
from geo.inputs.services import RELIEF, STREETS, in_crs, travel_network
from geo.networks.network import Network
from geo.networks.slopes import Heights

if TYPE_CHECKING:
    from geo.networks.buffering import StreetBuffer
    from geo.networks.reach import ReachedStreets, TravelTimes
    from geo.networks.topology import Floats

MINUTES = {"be": "хв", "ru": "мин", "en": "min"}
KILOMETRES = {"be": "км", "ru": "км", "en": "km"}
MOST_AREAS = 5_000

SQUARE_KILOMETRES = {"be": "км²", "ru": "км²", "en": "km²"}


@analysis(
    id="service-areas",
    title={"be": "Зоны абслугоўвання", "ru": "Зоны обслуживания", "en": "Service areas"},
    summary={
        "be": "Куды можна дабрацца вуліцамі ад кожнага пункта за зададзены час: зона, даўжыня вуліц, будынкі.",
        "ru": "Куда можно добраться по улицам от каждого пункта за заданное время: зона, длина улиц, здания.",
        "en": "Where the streets lead from each point within a time: the area, the length of streets, the buildings.",
    },
    function="infrastructure",
    inputs={
        "network": STREETS,
        "buildings": LayerInput(layer="buildings", optional=True),
        "relief": RELIEF,
    },
    view=View(
        geometry="polygon",
        colour_by="cutoff_s",
        draw_first="high",
        columns={
            "origin": Column(title={"be": "Пункт", "ru": "Пункт", "en": "Origin"}),
            "cutoff_s": Column(
                title={"be": "Час", "ru": "Время", "en": "Time"}, unit=MINUTES, scale=1 / 60, decimals=1
            ),
            "street_length_m": Column(
                title={"be": "Даўжыня вуліц", "ru": "Длина улиц", "en": "Length of streets"},
                unit=KILOMETRES,
                scale=1e-3,
                decimals=1,
            ),
            "buildings": Column(title={"be": "Будынкі", "ru": "Здания", "en": "Buildings"}),
            "area_m2": Column(
                title={"be": "Плошча", "ru": "Площадь", "en": "Area"}, unit=SQUARE_KILOMETRES, scale=1e-6, decimals=2
            ),
        },
    ),
)
def service_areas(
    network: Network,
    origins: Origins,
    *,
    buildings: gpd.GeoDataFrame | None = None,
    relief: Heights | None = None,
    cutoffs_s: CutoffsS = (300, 600, 900),
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    direction: DirectionOfTravel = "from",
    merge: Merge = False,
    delays_s: DelaysS = (),
    own_cutoffs_s: OwnCutoffsS = (),
    turns_s: TurnsS = (),
    banned_turns: BannedTurns = (),
    slopes: Slopes = False,
    buffer_m: BufferM = 30.0,
    snap_max_m: SnapMaxM = 300.0,
    building_max_m: BuildingMaxM = 100.0,
) -> gpd.GeoDataFrame:
    """Find what is reached along the streets from each origin within given times (isochrones).

    Each origin and building is taken to the nearest place on a street open to the mode of travel; times are counted
    along the streets between those places by Dijkstra's algorithm (1959), and streets are cut exactly where the time
    runs out. The way from a point to its street takes no time.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    origins
        Points in any CRS: a GeoSeries or GeoDataFrame, ``[[lon, lat], ...]``, or GeoJSON.
    buildings
        Buildings to count, in any CRS. One counts where the time to its street place is within the cutoff.
    relief
        Heights, such as `geo.networks.slopes.heights_of_grid` gives, needed only for slopes.
    cutoffs_s
        Times, in seconds; at most 10, each up to 4 hours.
    mode
        ``walk``: 5 km/h, one-way streets ignored; ``cycle``: 16 km/h, and ``drive``: speed limits or the speeds of
        the class of street, both slower on rough surfaces and along one-way streets only. See `geo.networks.travel`.
    speed_kmh
        One speed on all streets, in place of those of the mode.
    direction
        ``from`` the origins or ``to`` them: they differ where there are one-way streets.
    merge
        One area a cutoff, reached from any of the origins, and not one for each origin.
    delays_s
        Time that passes before an origin is left, as the turnout of a fire brigade: one for all, or one for each in
        their order. It counts as time.
    own_cutoffs_s
        In place of `cutoffs_s`, the time of each origin, in their order.
    turns_s
        Seconds that turning left, turning right and turning back take at junctions; none where not given.
    banned_turns
        Turns that are forbidden, such as ``12>34`` from the street of label 12 into that of 34.
    slopes
        On foot by Tobler's function (1993), by bicycle at the same power: see `geo.networks.slopes`. Bridges and
        tunnels are flat.
    buffer_m
        The area is what lies within this distance of the reached parts of streets.
    snap_max_m
        An origin farther than this from every street is an error.
    building_max_m
        A building farther than this from every street is not counted.

    Returns
    -------
    geopandas.GeoDataFrame
        In the CRS of the network; longest cutoff first, so that shorter ones are drawn on top, then in the order of
        the origins. Columns: ``origin`` (its label in the index of `origins`; null where merged), ``cutoff_s``,
        ``street_length_m`` (each street counted once), ``buildings`` (null where none were given), ``area_m2``,
        and ``geometry`` (polygons with holes where no reached street is near).

    Raises
    ------
    InvalidInputError
        If a parameter is out of range, an origin is far from every street, no street is open to the mode, slopes are
        to count without relief, or more than `MOST_AREAS` areas are asked for.
    """
    travel = travel_network(
        network, mode, speed_kmh, turns_s=turns_s, banned_turns=banned_turns, slopes=slopes, relief=relief
    )
    surroundings = travel_network(network, mode, speed_kmh).buffer(buffer_m)
    places = travel.locate(origins, max_m=snap_max_m, what="origins")
    cutoffs = _cutoffs(cutoffs_s, own_cutoffs_s, len(places), merge=merge)
    if buildings is not None:
        buildings = in_crs(buildings, network.crs, "buildings").geometry
    areas = []
    done = 0
    delay_s = delays_of(delays_s, len(places))
    for times in travel.times(places, limit_s=cutoffs.max(), direction=direction, together=merge, delay_s=delay_s):
        some = slice(done, done + len(times))
        labels = np.array([None]) if merge else origins.index.to_numpy()[some]
        done += len(times)
        reached = [times.reached(cutoff_s) for cutoff_s in cutoffs[:, some]]
        counts = _count_buildings(times, reached[0], buildings, cutoffs[:, some], building_max_m)
        areas += [
            _frame(labels, cutoff_s, streets, count, surroundings)
            for cutoff_s, streets, count in zip(cutoffs[:, some], reached, counts, strict=True)
        ]
    every = pd.concat(areas, ignore_index=True)
    return every.sort_values("cutoff_s", ascending=False, kind="stable", ignore_index=True)


def _cutoffs(common_s: tuple[float, ...], own_s: tuple[float, ...], origins: int, *, merge: bool) -> Floats:
    """Return the times of each area, shape (times, origins), the longest first; of one row where merged."""
    if own_s and (merge or len(own_s) != origins):
        wanted = "none, since areas are merged" if merge else f"one for each of {origins} origins"
        raise InvalidInputError(f"own_cutoffs_s: give {wanted}, not {len(own_s)}")
    if own_s:
        return np.array([own_s])
    times_s = np.array(sorted(set(common_s), reverse=True))
    cutoffs = np.repeat(times_s[:, np.newaxis], 1 if merge else origins, axis=1)
    if cutoffs.size > MOST_AREAS:
        raise InvalidInputError(f"{cutoffs.size:,} areas are asked for, more than {MOST_AREAS:,}: take fewer origins")
    return cutoffs


def _count_buildings(
    times: TravelTimes, farthest: ReachedStreets, buildings: gpd.GeoSeries | None, cutoffs: Floats, max_m: float
) -> list[Any]:
    """Return how many buildings each row reaches, for each cutoff; nulls where none were given."""
    rows = len(times)
    if buildings is None:
        return [pd.array([pd.NA] * rows, dtype="Int64") for _ in cutoffs]
    streets = np.concatenate([farthest.edge, times.origins.edge])
    west, south, east, north = shapely.total_bounds(farthest.network.geometry[streets])
    around = shapely.box(west - max_m, south - max_m, east + max_m, north + max_m)
    near = buildings[buildings.intersects(around)]
    seconds = times.at(times.travel.snap(near, max_m=max_m))
    return [pd.array((seconds <= cutoff_s[:, np.newaxis]).sum(axis=1), dtype="Int64") for cutoff_s in cutoffs]


def _frame(
    labels: Any, cutoff_s: Floats, streets: ReachedStreets, buildings: Any, surroundings: StreetBuffer
) -> gpd.GeoDataFrame:
    geometry = surroundings.around(streets, rows=len(labels))
    columns = {
        "origin": labels,
        "cutoff_s": cutoff_s,
        "street_length_m": streets.length_m(len(labels)),
        "buildings": buildings,
        "area_m2": shapely.area(geometry),
    }
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=streets.network.crs)
