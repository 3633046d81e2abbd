"""What the analyses of social services share: their layers, parameters, and which facilities and homes they take."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pandas as pd

from geo.analysis import LayerInput, labelled
from geo.errors import InvalidInputError
from geo.networks.slopes import cycling, on_slopes, tobler
from geo.networks.travel import MODES
from geo.networks.turns import TurnCosts

if TYPE_CHECKING:
    import geopandas as gpd

    from geo.networks.network import Network
    from geo.networks.routing import TravelNetwork
    from geo.networks.slopes import Heights
    from geo.networks.topology import Floats, Ints

STREETS = LayerInput(
    layer="roads", as_network=True, columns=("road_class", "max_speed_kmh", "one_way", "foot", "motor_vehicle")
)
RELIEF = LayerInput(layer="elevation", as_heights=True, optional=True)
FACILITIES = LayerInput(layer="facilities", columns=("kind", "name", "capacity"))
HOMES = LayerInput(layer="buildings", columns=("use", "dwellings"))

Kind = Annotated[
    str,
    labelled(
        {"be": "Від установы", "ru": "Вид учреждения", "en": "Kind of facility"},
        values_of=("facilities.kind",),
        min_length=1,
        max_length=100,
    ),
]

ExistingKind = Annotated[
    str | None,
    labelled(
        {"be": "Від установаў, што ўжо ёсць", "ru": "Вид существующих учреждений", "en": "Kind of existing facilities"},
        values_of=("facilities.kind",),
        min_length=1,
        max_length=100,
    ),
]

Use = Annotated[
    str,
    labelled(
        {"be": "Прызначэнне будынкаў", "ru": "Назначение зданий", "en": "Use of buildings"},
        values_of=("buildings.use",),
        min_length=1,
        max_length=100,
    ),
]

NormS = Annotated[
    float, labelled({"be": "Норма часу", "ru": "Норматив времени", "en": "Norm of time"}, unit="s", gt=0, le=14_400)
]

Capacity = Annotated[
    float,
    labelled(
        {"be": "Месцаў, калі невядома", "ru": "Мест, если неизвестно", "en": "Places where not known"}, gt=0, le=1e6
    ),
]

Catchment = Annotated[
    Literal["2sfca", "e2sfca", "gaussian", "m2sfca", "3sfca"],
    labelled({"be": "Спад з адлегласцю", "ru": "Спад с расстоянием", "en": "Decay with distance"}),
]

NewSites = Annotated[
    int, labelled({"be": "Новых установаў", "ru": "Новых учреждений", "en": "New facilities"}, ge=1, le=20)
]

SitingModel = Annotated[
    Literal["p-median", "mclp"],
    labelled({"be": "Мадэль размяшчэння", "ru": "Модель размещения", "en": "Model of location"}),
]

MostCandidates = Annotated[
    int,
    labelled(
        {"be": "Магчымых месцаў не больш", "ru": "Возможных мест не более", "en": "Candidates at most"}, ge=1, le=1000
    ),
]


def travel_network(
    network: Network,
    mode: str,
    speed_kmh: float | None,
    *,
    turns_s: tuple[float, ...] = (),
    banned_turns: tuple[str, ...] = (),
    slopes: bool = False,
    relief: Heights | None = None,
) -> TravelNetwork:
    """Return a network as a mode of travel uses it.

    Parameters
    ----------
    network, mode
        The streets, and a name in `geo.networks.travel.MODES`.
    speed_kmh
        One speed on all streets, if given.
    turns_s
        Seconds that turning left, right and back take, or none of them: see `geo.networks.turns.TurnCosts`.
    banned_turns
        Turns that are forbidden, ``12>34`` from the street of label 12 into that of 34.
    slopes
        Whether slopes count, on foot by `geo.networks.slopes.tobler`, by bicycle by `geo.networks.slopes.cycling`.
    relief
        Heights, for slopes.

    Raises
    ------
    InvalidInputError
        If there are neither none nor three times of turns, a street of a turn is not there, slopes are to count for
        cars, or no heights are known.
    """
    travel = network.for_mode(MODES[mode] if speed_kmh is None else MODES[mode].at(speed_kmh))
    if slopes:
        travel = _sloping(travel, mode, relief)
    if not turns_s and not banned_turns:
        return travel
    if len(turns_s) not in (0, 3):
        raise InvalidInputError(f"turns_s: give three times, of turning left, right and back, not {len(turns_s)}")
    turns = travel.turns or TurnCosts()
    if turns_s:
        left_s, right_s, u_turn_s = turns_s
        turns = TurnCosts(left_s=left_s, right_s=right_s, u_turn_s=u_turn_s)
    return travel.with_turns(replace(turns, banned=_label_pairs(network, banned_turns)))


def _sloping(travel: TravelNetwork, mode: str, relief: Heights | None) -> TravelNetwork:
    if mode == "drive":
        raise InvalidInputError("slopes: they count for walking and cycling, not for cars")
    if relief is None:
        raise InvalidInputError("slopes: no heights are known: add an elevation raster, or leave slopes out")
    return on_slopes(travel, relief, speed=tobler if mode == "walk" else cycling)


def _label_pairs(network: Network, turns: tuple[str, ...]) -> list[tuple[Any, Any]]:
    """Return the labels of streets between which turns are forbidden."""
    if not turns:
        return []
    labels = {str(label): label for label in pd.unique(pd.Series(network.feature))}
    pairs = [tuple(part.strip() for part in turn.split(">")) for turn in turns]
    unknown = [name for pair in pairs for name in pair if name not in labels]
    if unknown:
        raise InvalidInputError(f"banned_turns: there is no street {unknown[0]!r}")
    return [(labels[one], labels[other]) for one, other in pairs]


def of_kind(facilities: gpd.GeoDataFrame, kind: str, network: Network) -> gpd.GeoDataFrame:
    """Return the facilities of a kind, in the CRS of the network; that there is none is an error."""
    kinds = column(facilities, "kind")
    if not (kinds == kind).any():
        raise InvalidInputError(f"no facility is of kind {kind!r}: there are {different(kinds)}")
    return in_crs(facilities[(kinds == kind).to_numpy(dtype=bool, na_value=False)], network.crs, "facilities")


def of_use(buildings: gpd.GeoDataFrame, use: str, network: Network) -> gpd.GeoDataFrame:
    """Return the buildings of a use, or ``all``, in the CRS of the network; that there is none is an error."""
    if buildings.empty:
        raise InvalidInputError("there is no building")
    uses = column(buildings, "use")
    taken = buildings if use == "all" else buildings[(uses == use).to_numpy(dtype=bool, na_value=False)]
    if taken.empty:
        raise InvalidInputError(f"no building has the use {use!r}: there are {different(uses)}; all takes every one")
    return in_crs(taken, network.crs, "buildings")


def in_crs(frame: gpd.GeoDataFrame, crs: Any, what: str) -> gpd.GeoDataFrame:
    """Return a frame in a CRS; that it has none is an error, of which `what` tells the subject."""
    if frame.crs is None:
        raise InvalidInputError(f"{what} must have a CRS: set it, for example with set_crs(4326)")
    return frame.to_crs(crs)


def column(frame: gpd.GeoDataFrame, name: str) -> pd.Series[Any]:
    """Return a column, of nulls where the frame has none of the name."""
    return frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object)


def different(values: pd.Series[Any]) -> str:
    """Return the different values of a column, for error messages."""
    return ", ".join(sorted(map(str, values.dropna().unique()))) or "none known"


def dwellings_of(homes: gpd.GeoDataFrame) -> Floats:
    """Return the dwellings of each building, 1 where they are not known."""
    return numbers(column(homes, "dwellings"), 1.0)


def numbers(values: pd.Series[Any], default: float) -> Floats:
    """Return numbers of 0 or more, and a default where they are null."""
    given: Floats = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
    if (given < 0).any() or np.isinf(given).any():
        raise InvalidInputError(f"{values.name} must be finite and 0 or more, or null where not known")
    return np.where(np.isnan(given), default, given)


def spread_over(rows: Ints, homes: gpd.GeoDataFrame, most: int) -> Ints:
    """Return at most so many of the rows, evenly along a curve that fills the plane and keeps neighbours together."""
    if not len(rows):
        return rows
    along = rows[np.argsort(homes.geometry.iloc[rows].hilbert_distance().to_numpy(), kind="stable")]
    evenly = np.linspace(0, len(along) - 1, min(most, len(along))).round().astype(np.int64)
    return np.sort(along[evenly])
