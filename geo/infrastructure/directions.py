"""The fastest way from place to place, told street by street."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import Column, View, analysis, labelled
from geo.errors import InvalidInputError
from geo.inputs.parameters import BannedTurns, ModeName, Slopes, SnapMaxM, SpeedKmh, TurnsS
from geo.inputs.points import Points
from geo.inputs.services import RELIEF, STREETS, travel_network
from geo.networks.network import Network
from geo.networks.paths import shortest_paths
from geo.networks.slopes import Heights

if TYPE_CHECKING:
    from geo.networks.paths import Path
    from geo.networks.topology import Floats, Geometries, Ints

STRAIGHT_DEG, SHARP_DEG, BACK_DEG = 30.0, 120.0, 170.0
"""Changes of direction up to which one goes straight on, turns, and turns sharply; beyond the last one turns back."""

_TURNS = {
    "depart": {"be": "Пачніце рух", "ru": "Начните движение", "en": "Start"},
    "straight": {"be": "Прама", "ru": "Прямо", "en": "Go on"},
    "left": {"be": "Налева", "ru": "Налево", "en": "Turn left"},
    "right": {"be": "Направа", "ru": "Направо", "en": "Turn right"},
    "sharp left": {"be": "Крута налева", "ru": "Резко налево", "en": "Turn sharp left"},
    "sharp right": {"be": "Крута направа", "ru": "Резко направо", "en": "Turn sharp right"},
    "back": {"be": "Разварот", "ru": "Разворот", "en": "Turn back"},
}

Stops = Annotated[
    Points,
    labelled(
        {"be": "Пункты ў парадку наведвання", "ru": "Пункты в порядке посещения", "en": "Places in the order of visit"}
    ),
]

Language = Annotated[
    Literal["be", "ru", "en"],
    labelled({"be": "Мова ўказанняў", "ru": "Язык указаний", "en": "Language of the directions"}),
]


@analysis(
    id="route",
    title={"be": "Найхутчэйшы шлях", "ru": "Быстрейший путь", "en": "Fastest way"},
    summary={
        "be": "Найхутчэйшы шлях вуліцамі праз пункты ў зададзеным парадку, з указаннямі па вуліцах.",
        "ru": "Быстрейший путь по улицам через пункты в заданном порядке, с указаниями по улицам.",
        "en": "The fastest way along the streets through places in their order, with directions street by street.",
    },
    function="infrastructure",
    inputs={"network": STREETS, "relief": RELIEF},
    view=View(
        geometry="line",
        columns={
            "step": Column(title={"be": "Крок", "ru": "Шаг", "en": "Step"}),
            "instruction": Column(title={"be": "Указанне", "ru": "Указание", "en": "Direction"}),
            "length_m": Column(
                title={"be": "Даўжыня", "ru": "Длина", "en": "Length"}, unit={"be": "м", "ru": "м", "en": "m"}
            ),
            "travel_s": Column(
                title={"be": "Час", "ru": "Время", "en": "Time"},
                unit={"be": "хв", "ru": "мин", "en": "min"},
                scale=1 / 60,
                decimals=1,
            ),
        },
        colours=("#7b2d8b",),
    ),
)
def route(
    network: Network,
    stops: Stops,
    *,
    relief: Heights | None = None,
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    language: Language = "en",
    turns_s: TurnsS = (),
    banned_turns: BannedTurns = (),
    slopes: Slopes = False,
    snap_max_m: SnapMaxM = 300.0,
) -> gpd.GeoDataFrame:
    """Find the fastest way from place to place along the streets (Dijkstra 1959), and tell it street by street.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    stops
        Two points or more, in the order in which they are visited, in any CRS: see `geo.inputs.points.read_points`.
    mode, speed_kmh
        How one travels: see `geo.infrastructure.service_areas.service_areas`.
    language
        Of the directions.
    relief, turns_s, banned_turns, slopes
        See `geo.infrastructure.service_areas.service_areas`. The time of a turn is that of the stretch that it leads
        into.
    snap_max_m
        A point farther than this from every street is an error.

    Returns
    -------
    geopandas.GeoDataFrame
        A row for each stretch of one street, in the order of the way, in the CRS of the network. Columns: ``leg`` (from
        which stop to the next, from 1), ``step`` (from 1), ``turn`` (how it begins: ``depart``, ``left``, ``straight``
        and so on), ``street`` (its name; empty where it has none), ``instruction`` (the two in words), ``length_m``,
        ``travel_s``, geometry. A leg between stops at one place has no rows.

    Raises
    ------
    InvalidInputError
        If there are fewer than two stops, one is far from every street, or no way leads from one to the next.
    """
    if len(stops) < 2:
        raise InvalidInputError(f"a way leads through at least 2 stops, and {len(stops)} is given")
    travel = travel_network(
        network, mode, speed_kmh, turns_s=turns_s, banned_turns=banned_turns, slopes=slopes, relief=relief
    )
    places = travel.locate(stops, max_m=snap_max_m, what="stops")
    legs = []
    for leg, path in enumerate(shortest_paths(travel, places[:-1], places[1:]), start=1):
        if path is None:
            one, other = stops.index[leg - 1], stops.index[leg]
            raise InvalidInputError(f"no way leads from stop {one!r} to stop {other!r} for mode {mode!r}")
        legs.append(_steps(path, language).assign(leg=leg))
    every = pd.concat(legs, ignore_index=True)
    every["step"] = np.arange(1, len(every) + 1)
    columns = ["leg", "step", "turn", "street", "instruction", "length_m", "travel_s", "geometry"]
    return gpd.GeoDataFrame(every[columns], crs=network.crs)


def _steps(path: Path, language: str) -> gpd.GeoDataFrame:
    """Return the stretches of a path that run along one street."""
    lines = path.lines()
    name = path.network.streets.name[path.edge]
    angle = _angles_deg(lines)
    begins = np.ones(len(lines), dtype=bool)
    begins[1:] = (name[1:] != name[:-1]) | (np.abs(angle[1:]) > SHARP_DEG)
    begins[1:] |= (name[1:] == "") & (np.abs(angle[1:]) > STRAIGHT_DEG)
    step = np.cumsum(begins) - 1
    turns = ["depart" if row == 0 else _turn(angle[row]) for row in np.flatnonzero(begins)]
    streets = name[begins].tolist()
    columns = {
        "turn": turns,
        "street": streets,
        "instruction": [_words(turn, street, language) for turn, street in zip(turns, streets, strict=True)],
        "length_m": np.bincount(step, weights=path.length_m, minlength=len(turns)),
        "travel_s": np.bincount(step, weights=path.seconds + path.turning_s, minlength=len(turns)),
    }
    return gpd.GeoDataFrame(columns, geometry=_joined(lines, step), crs=path.network.crs)


def _angles_deg(lines: Geometries) -> Floats:
    """Return by how much the direction changes where each line begins, left positive; nothing at the first."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    first = np.searchsorted(line, np.arange(len(lines)))
    last = np.append(first[1:], len(xy))[: len(lines)] - 1
    leaves, arrives = xy[first + 1] - xy[first], xy[last] - xy[last - 1]
    leaves_deg, arrives_deg = (np.degrees(np.arctan2(way[:, 1], way[:, 0])) for way in (leaves, arrives))
    angle = np.zeros(len(lines))
    angle[1:] = (leaves_deg[1:] - arrives_deg[:-1] + 180.0) % 360.0 - 180.0
    return angle


def _turn(angle_deg: float) -> str:
    size = abs(angle_deg)
    if size <= STRAIGHT_DEG:
        return "straight"
    if size > BACK_DEG:
        return "back"
    side = "left" if angle_deg > 0 else "right"
    return f"sharp {side}" if size > SHARP_DEG else side


def _words(turn: str, street: str, language: str) -> str:
    return f"{_TURNS[turn][language]}: {street}" if street else _TURNS[turn][language]


def _joined(lines: Geometries, step: Ints) -> Geometries:
    """Return the lines of each step as one, without repeated vertices."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    owner = step[line]
    moves = np.ones(len(xy), dtype=bool)
    moves[1:] = (xy[1:] != xy[:-1]).any(axis=1) | (owner[1:] != owner[:-1])
    joined: Geometries = shapely.linestrings(xy[moves], indices=owner[moves])
    return joined
