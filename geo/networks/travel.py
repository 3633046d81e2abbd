"""How people move: who may use which street, in which direction, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from geo.errors import InvalidInputError, named
from geo.networks.topology import Floats, Ints

if TYPE_CHECKING:
    import geopandas as gpd

Bytes = npt.NDArray[np.int8]

_DIRECTIONS = {"both": 0, "forward": 1, "backward": -1}


@dataclass(frozen=True, eq=False, kw_only=True)
class StreetAttributes:
    """What the modes of travel need to know of each street; arrays of the same length.

    Parameters
    ----------
    road_class
        OpenStreetMap's ``highway`` value; empty where not known.
    max_speed_kmh
        Speed limit; NaN where not known.
    one_way
        1 where traffic may only follow the line, -1 where only go against it, 0 where both.
    foot, bicycle, motor_vehicle
        1 where explicitly allowed, -1 where forbidden, 0 where the class decides.
    surface
        OpenStreetMap's ``surface`` value; empty where not known.
    bridge, tunnel
        1 where the street leads over or through something, and not along the ground.
    name
        Of the street; empty where it has none.
    """

    road_class: npt.NDArray[np.object_]
    max_speed_kmh: Floats
    one_way: Bytes
    foot: Bytes
    bicycle: Bytes
    motor_vehicle: Bytes
    surface: npt.NDArray[np.object_]
    bridge: Bytes
    tunnel: Bytes
    name: npt.NDArray[np.object_]

    @classmethod
    def read(cls, roads: gpd.GeoDataFrame) -> StreetAttributes:
        """Read them from the columns of the same names; those that are missing are taken as not known."""
        missing = pd.Series(np.nan, index=roads.index)
        column = {name: roads.get(name, missing) for name in cls.__dataclass_fields__}
        return cls(
            road_class=_texts(column["road_class"]),
            max_speed_kmh=_speeds(column["max_speed_kmh"]),
            one_way=_one_way(column["one_way"]),
            foot=_access(column["foot"]),
            bicycle=_access(column["bicycle"]),
            motor_vehicle=_access(column["motor_vehicle"]),
            surface=_texts(column["surface"]),
            bridge=_access(column["bridge"]),
            tunnel=_access(column["tunnel"]),
            name=_texts(column["name"]),
        )

    def take(self, rows: Ints) -> StreetAttributes:
        """Return those of some rows, read-only."""
        return _read_only({name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    def followed_by(self, others: StreetAttributes) -> StreetAttributes:
        """Return these and then those of other streets, read-only."""
        both = {name: (getattr(self, name), getattr(others, name)) for name in self.__dataclass_fields__}
        return _read_only({name: np.concatenate(values) for name, values in both.items()})


def _read_only(columns: dict[str, Any]) -> StreetAttributes:
    for values in columns.values():
        values.setflags(write=False)
    return StreetAttributes(**columns)


def _texts(values: Any) -> npt.NDArray[np.object_]:
    texts: npt.NDArray[np.object_] = values.astype(object).where(values.notna(), "").to_numpy()
    return texts


def _speeds(values: Any) -> Floats:
    try:
        speeds = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"roads: max_speed_kmh must be numbers ({error})") from error
    return np.where(np.isfinite(speeds) & (speeds > 0), speeds, np.nan)


def _one_way(values: Any) -> Bytes:
    known = values[values.notna()]
    wrong = known[~known.isin(list(_DIRECTIONS))]
    if len(wrong):
        allowed = ", ".join(_DIRECTIONS)
        raise InvalidInputError(
            f"roads: one_way of {named(wrong.index[0])} is {named(wrong.iloc[0])}, not {allowed} or null"
        )
    codes: Bytes = values.map(_DIRECTIONS).fillna(0).to_numpy(dtype=np.int8)
    return codes


def _access(values: Any) -> Bytes:
    try:
        allowed = values.astype("boolean")
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"roads: {values.name} must be true, false or null ({error})") from error
    codes: Bytes = np.select([allowed.isna(), allowed.fillna(value=False)], [0, 1], -1).astype(np.int8)
    return codes


@dataclass(frozen=True, kw_only=True)
class TravelMode:
    """A way to travel along streets.

    Parameters
    ----------
    name
        What it is called.
    permission
        The column of a street that opens or closes it, whatever its class.
    closed_classes
        Classes of streets that are closed unless the permission opens them.
    speed_kmh
        Speed where nothing else says it.
    class_speeds_kmh
        Speed by class of street.
    surface_speeds_kmh
        The highest speed by surface, whatever else says.
    follows_limits
        Whether a known speed limit replaces the speed.
    follows_one_way
        Whether one-way streets bind it.
    """

    name: str
    permission: Literal["foot", "bicycle", "motor_vehicle"]
    closed_classes: frozenset[str] = frozenset()
    speed_kmh: float
    class_speeds_kmh: Mapping[str, float] = field(default_factory=dict, hash=False)
    surface_speeds_kmh: Mapping[str, float] = field(default_factory=dict, hash=False)
    follows_limits: bool = False
    follows_one_way: bool = False

    def __post_init__(self) -> None:
        for speed in (self.speed_kmh, *self.class_speeds_kmh.values(), *self.surface_speeds_kmh.values()):
            if not 0 < speed < np.inf:
                raise InvalidInputError(f"{self.name}: a speed must be positive and finite, not {speed} km/h")

    def at(self, speed_kmh: float) -> TravelMode:
        """Return the mode with one speed on every street."""
        return replace(self, speed_kmh=speed_kmh, class_speeds_kmh={}, surface_speeds_kmh={}, follows_limits=False)

    def costs_s(self, streets: StreetAttributes, length_m: Floats) -> tuple[Floats, Floats]:
        """Return the seconds along each street and against it; infinite where it may not be travelled.

        Time is length / speed; waiting at junctions is not counted.
        """
        seconds = length_m / (self._speeds_kmh(streets) / 3.6)
        permission: Bytes = getattr(streets, self.permission)
        closed = (permission < 0) | (
            (permission == 0) & pd.Series(streets.road_class).isin(self.closed_classes).to_numpy()
        )
        seconds = np.where(closed, np.inf, seconds)
        if not self.follows_one_way:
            return seconds, seconds
        return np.where(streets.one_way < 0, np.inf, seconds), np.where(streets.one_way > 0, np.inf, seconds)

    def _speeds_kmh(self, streets: StreetAttributes) -> Floats:
        by_class = pd.Series(streets.road_class).map(dict(self.class_speeds_kmh)).to_numpy(dtype=float)
        speeds = np.where(np.isnan(by_class), self.speed_kmh, by_class)
        if self.follows_limits:
            speeds = np.where(np.isnan(streets.max_speed_kmh), speeds, streets.max_speed_kmh)
        if self.surface_speeds_kmh:
            highest = pd.Series(streets.surface).map(dict(self.surface_speeds_kmh)).to_numpy(dtype=float)
            speeds = np.fmin(speeds, highest)
        return speeds


_NOT_BUILT = frozenset({"construction", "proposed", "abandoned", "razed"})

WALK = TravelMode(
    name="walk",
    permission="foot",
    closed_classes=_NOT_BUILT
    | {"motorway", "motorway_link", "trunk", "trunk_link", "raceway", "bus_guideway", "busway"},
    speed_kmh=5.0,
)
"""On foot: 5 km/h, about 1.39 m/s, on every street but motorways and trunk roads, whatever its direction."""

CYCLE = TravelMode(
    name="cycle",
    permission="bicycle",
    closed_classes=_NOT_BUILT
    | {"motorway", "motorway_link", "trunk", "trunk_link", "raceway", "bus_guideway", "busway"}
    | {"footway", "steps", "corridor", "platform", "elevator", "bridleway"},
    speed_kmh=16.0,
    class_speeds_kmh={"pedestrian": 8.0, "path": 12.0, "track": 12.0},
    surface_speeds_kmh=dict.fromkeys(("sett", "compacted", "fine_gravel", "unpaved"), 12.0)
    | dict.fromkeys(("gravel", "pebblestone", "cobblestone", "unhewn_cobblestone", "ground", "dirt", "earth"), 9.0)
    | dict.fromkeys(("grass", "sand", "mud"), 6.0),
    follows_one_way=True,
)
"""By bicycle: 16 km/h, slower on paths and on surfaces that are not smooth; one-way streets are followed."""

DRIVE = TravelMode(
    name="drive",
    permission="motor_vehicle",
    closed_classes=_NOT_BUILT
    | {"footway", "steps", "path", "cycleway", "pedestrian", "bridleway", "corridor", "platform", "elevator"}
    | {"track", "raceway", "bus_guideway", "busway"},
    speed_kmh=30.0,
    class_speeds_kmh={
        "motorway": 100.0,
        "motorway_link": 60.0,
        "trunk": 80.0,
        "trunk_link": 50.0,
        "primary": 60.0,
        "primary_link": 40.0,
        "secondary": 50.0,
        "secondary_link": 40.0,
        "tertiary": 50.0,
        "tertiary_link": 40.0,
        "unclassified": 40.0,
        "residential": 30.0,
        "living_street": 20.0,
        "service": 20.0,
        "track": 20.0,
    },
    surface_speeds_kmh=dict.fromkeys(("compacted", "sett"), 50.0)
    | dict.fromkeys(("unpaved", "gravel", "fine_gravel", "pebblestone", "cobblestone", "unhewn_cobblestone"), 40.0)
    | dict.fromkeys(("ground", "dirt", "earth", "grass"), 25.0)
    | dict.fromkeys(("sand", "mud"), 15.0),
    follows_limits=True,
    follows_one_way=True,
)
"""By car in free flow: the speed limit where it is known, else a speed by class, less on a surface that is not smooth;
one-way streets are followed."""

MODES = {mode.name: mode for mode in (WALK, CYCLE, DRIVE)}
