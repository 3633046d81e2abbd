"""Types of parameters that analyses share: their limits, units and titles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from geo.analysis import labelled
from geo.errors import InvalidInputError
from geo.inputs.points import Points

if TYPE_CHECKING:
    from geo.networks.topology import Floats

Origins = Annotated[Points, labelled({"be": "Пункты", "ru": "Пункты", "en": "Origins"})]

CutoffsS = Annotated[
    tuple[Annotated[float, Field(gt=0, le=14_400)], ...],
    labelled({"be": "Час у дарозе", "ru": "Время в пути", "en": "Travel times"}, unit="s", min_length=1, max_length=10),
]

ModeName = Annotated[
    Literal["walk", "cycle", "drive"],
    labelled({"be": "Спосаб руху", "ru": "Способ передвижения", "en": "Mode of travel"}),
]

SpeedKmh = Annotated[
    float | None,
    labelled({"be": "Сталая хуткасць", "ru": "Постоянная скорость", "en": "Constant speed"}, unit="km/h", gt=0, le=200),
]

DirectionOfTravel = Annotated[
    Literal["from", "to"],
    labelled({"be": "Ад пунктаў ці да іх", "ru": "От пунктов или к ним", "en": "From the origins or to them"}),
]

Merge = Annotated[
    bool,
    labelled({"be": "Аб'яднаць зоны пунктаў", "ru": "Объединить зоны пунктов", "en": "Merge the areas of the origins"}),
]

DelaysS = Annotated[
    tuple[Annotated[float, Field(ge=0, le=14_400)], ...],
    labelled(
        {"be": "Затрымка перад выездам", "ru": "Задержка перед выездом", "en": "Delay before leaving"},
        unit="s",
        description="One for all points, or one for each in their order; it counts as time.",
        max_length=10_000,
    ),
]

OwnCutoffsS = Annotated[
    tuple[Annotated[float, Field(gt=0, le=14_400)], ...],
    labelled(
        {"be": "Уласны час кожнага пункта", "ru": "Своё время каждого пункта", "en": "Time of each origin"},
        unit="s",
        description="In place of the common times, one for each point in their order.",
        max_length=5_000,
    ),
]

TurnsS = Annotated[
    tuple[Annotated[float, Field(ge=0, le=3600)], ...],
    labelled(
        {"be": "Павароты", "ru": "Повороты", "en": "Turns"},
        unit="s",
        description="What turning left, turning right and turning back take at junctions: three times, or none.",
        max_length=3,
    ),
]

BannedTurns = Annotated[
    tuple[Annotated[str, Field(pattern="^[^>]+>[^>]+$")], ...],
    labelled(
        {"be": "Забароненыя павароты", "ru": "Запрещённые повороты", "en": "Forbidden turns"},
        description="From a street into another, by their ids: 12>34.",
        max_length=10_000,
    ),
]

Slopes = Annotated[
    bool,
    labelled(
        {"be": "Улічваць схілы", "ru": "Учитывать уклоны", "en": "Count slopes"},
        description="Walking and cycling are slower uphill, by the elevation raster of the territory.",
    ),
]

BufferM = Annotated[
    float,
    labelled(
        {"be": "Шырыня паласы ўздоўж вуліц", "ru": "Ширина полосы вдоль улиц", "en": "Distance around streets"},
        unit="m",
        ge=1,
        le=500,
    ),
]

SnapMaxM = Annotated[
    float,
    labelled(
        {"be": "Ад пункта да вуліцы не далей", "ru": "От пункта до улицы не далее", "en": "Origin to street at most"},
        unit="m",
        gt=0,
        le=5000,
    ),
]

BuildingMaxM = Annotated[
    float,
    labelled(
        {
            "be": "Ад будынка да вуліцы не далей",
            "ru": "От здания до улицы не далее",
            "en": "Building to street at most",
        },
        unit="m",
        gt=0,
        le=1000,
    ),
]


def delays_of(delays_s: tuple[float, ...], origins: int) -> Floats:
    """Return the delay of each origin, of none, one for all, or one for each.

    Raises
    ------
    InvalidInputError
        If there are neither one nor as many as origins.
    """
    if len(delays_s) not in (0, 1, origins):
        raise InvalidInputError(f"delays_s: give one delay, or one for each of {origins} points, not {len(delays_s)}")
    return np.broadcast_to(np.array(delays_s or (0.0,)), origins)
