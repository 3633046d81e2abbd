"""Zones of responsibility: which station reaches what first, without overlaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.inputs.parameters import (
    BannedTurns,
    BufferM,
    BuildingMaxM,
    DelaysS,
    DirectionOfTravel,
    ModeName,
    Origins,
    Slopes,
    SnapMaxM,
    SpeedKmh,
    TurnsS,
    delays_of,
)
from geo.inputs.services import RELIEF, STREETS, in_crs, travel_network
from geo.networks.areas import areas_around
from geo.networks.matrices import nearest
from geo.networks.network import Network
from geo.networks.slopes import Heights
from geo.networks.zones import street_zones

if TYPE_CHECKING:
    from geo.networks.reach import ReachedStreets
    from geo.networks.topology import Floats, Ints

LimitS = Annotated[
    float,
    labelled({"be": "Не далей, чым", "ru": "Не дальше, чем", "en": "No farther than"}, unit="s", gt=0, le=14_400),
]


@analysis(
    id="responsibility-zones",
    title={"be": "Зоны адказнасці", "ru": "Зоны ответственности", "en": "Zones of responsibility"},
    summary={
        "be": "Якая частка горада бліжэй за ўсё да кожнага пункта па вуліцах: зоны без накладанняў.",
        "ru": "Какая часть города ближе всего к каждому пункту по улицам: зоны без наложений.",
        "en": "Which part of the city is nearest to each point along the streets: zones without overlaps.",
    },
    function="infrastructure",
    inputs={"network": STREETS, "buildings": LayerInput(layer="buildings", optional=True), "relief": RELIEF},
    view=View(
        geometry="polygon",
        colour_by="buildings",
        columns={
            "origin": Column(title={"be": "Пункт", "ru": "Пункт", "en": "Origin"}),
            "street_length_m": Column(
                title={"be": "Даўжыня вуліц", "ru": "Длина улиц", "en": "Length of streets"},
                unit={"be": "км", "ru": "км", "en": "km"},
                scale=1e-3,
                decimals=1,
            ),
            "buildings": Column(title={"be": "Будынкі", "ru": "Здания", "en": "Buildings"}),
            "mean_s": Column(
                title={
                    "be": "Сярэдні час да будынка",
                    "ru": "Среднее время до здания",
                    "en": "Mean time to a building",
                },
                unit={"be": "хв", "ru": "мин", "en": "min"},
                scale=1 / 60,
                decimals=1,
            ),
        },
    ),
)
def responsibility_zones(
    network: Network,
    origins: Origins,
    *,
    buildings: gpd.GeoDataFrame | None = None,
    relief: Heights | None = None,
    limit_s: LimitS = 900.0,
    mode: ModeName = "drive",
    speed_kmh: SpeedKmh = None,
    direction: DirectionOfTravel = "from",
    delays_s: DelaysS = (),
    turns_s: TurnsS = (),
    banned_turns: BannedTurns = (),
    slopes: Slopes = False,
    buffer_m: BufferM = 50.0,
    snap_max_m: SnapMaxM = 300.0,
    building_max_m: BuildingMaxM = 100.0,
) -> gpd.GeoDataFrame:
    """Share a city out among points: every street to the one that reaches it first (network Voronoi diagram).

    Streets are cut where two points arrive at the same time. The ground of a zone is what lies nearer to its streets
    than to others', up to a distance.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    origins
        Points in any CRS, such as fire stations: see `geo.inputs.points.read_points`.
    buildings
        Buildings to count, in any CRS.
    limit_s
        What takes longer is in no zone.
    relief, mode, speed_kmh, direction, delays_s, turns_s, banned_turns, slopes
        How one travels: see `geo.infrastructure.service_areas.service_areas`.
    buffer_m
        The ground of a zone reaches so far from its streets.
    snap_max_m
        An origin farther than this from every street is an error.
    building_max_m
        A building farther than this from every street is not counted.

    Returns
    -------
    geopandas.GeoDataFrame
        A row for each origin, in their order, in the CRS of the network. Columns: ``origin`` (its label),
        ``street_length_m``, ``buildings`` and ``mean_s`` (of those reached; null where none were given), ``area_m2``,
        geometry (polygons that do not overlap; empty where another is always sooner).

    Raises
    ------
    InvalidInputError
        If a parameter is out of range, an origin is far from every street, or no street is open to the mode.
    """
    travel = travel_network(
        network, mode, speed_kmh, turns_s=turns_s, banned_turns=banned_turns, slopes=slopes, relief=relief
    )
    places = travel.locate(origins, max_m=snap_max_m, what="origins")
    delay_s = delays_of(delays_s, len(places))
    zones = street_zones(travel, places, limit_s=limit_s, direction=direction, delay_s=delay_s)
    xy, group = _stops(zones, buffer_m / 2)
    geometry = areas_around(xy, group, groups=len(places), reach_m=buffer_m)
    counts, mean_s = pd.array([pd.NA] * len(places), dtype="Int64"), np.full(len(places), np.nan)
    if buildings is not None:
        homes = travel.snap(in_crs(buildings, network.crs, "buildings").geometry, max_m=building_max_m)
        first = nearest(travel, homes, places, limit_s=limit_s, direction=direction, delay_s=delay_s)
        label, seconds = first.facility[:, 0], first.cost_s[:, 0]
        number = np.bincount(label[label >= 0], minlength=len(places))
        total_s = np.bincount(label[label >= 0], weights=seconds[label >= 0], minlength=len(places))
        counts = pd.array(number, dtype="Int64")
        mean_s = np.divide(total_s, number, out=mean_s, where=number > 0)
    columns = {
        "origin": origins.index.to_numpy(),
        "street_length_m": zones.length_m(len(places)),
        "buildings": counts,
        "mean_s": mean_s,
        "area_m2": shapely.area(geometry),
    }
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=network.crs)


def _stops(zones: ReachedStreets, step_m: float) -> tuple[Floats, Ints]:
    """Return places along the streets of zones, no farther apart than a step, and the zone of each."""
    lines = zones.lines()
    pieces = np.maximum(np.ceil(shapely.length(lines) / step_m), 1).astype(np.int64)
    owner = np.repeat(np.arange(len(lines)), pieces)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    middles = shapely.line_interpolate_point(lines[owner], (step + 0.5) / pieces[owner], normalized=True)
    return shapely.get_coordinates(middles), zones.row[owner]
