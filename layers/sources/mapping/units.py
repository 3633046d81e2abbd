"""Units of measurement that sources use, and how one follows from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from geo.errors import InvalidInputError


@dataclass(frozen=True)
class Unit:
    """A unit: its quantity, and ``base = factor * value + offset`` in the base unit of the quantity."""

    quantity: str
    factor: float
    offset: float = 0.0


_FOOT_M = 0.3048
_MILE_M = 1609.344
_GALLON_M3 = 0.003785411784
_POUND_KG = 0.45359237
_WATER_COLUMN_PA = 9806.65
_PSI_PA = 6894.757293168
_GIGACALORIE_J = 4.1868e9
_HOUR_S = 3600.0
_DAY_S = 86400.0

_TABLE: dict[str, dict[str, float]] = {
    "length": {
        "mm": 1e-3,
        "cm": 1e-2,
        "dm": 1e-1,
        "m": 1.0,
        "km": 1e3,
        "in": 0.0254,
        "ft": _FOOT_M,
        "ftUS": 1200 / 3937,
        "yd": 0.9144,
        "mi": _MILE_M,
        "nmi": 1852.0,
    },
    "area": {
        "mm2": 1e-6,
        "cm2": 1e-4,
        "m2": 1.0,
        "are": 100.0,
        "ha": 1e4,
        "km2": 1e6,
        "ft2": _FOOT_M**2,
        "acre": 43560 * _FOOT_M**2,
        "mi2": _MILE_M**2,
    },
    "volume": {
        "ml": 1e-6,
        "l": 1e-3,
        "m3": 1.0,
        "ft3": _FOOT_M**3,
        "gal": _GALLON_M3,
        "galUK": 0.00454609,
    },
    "flow": {
        "l/s": 1e-3,
        "l/min": 1e-3 / 60,
        "l/h": 1e-3 / _HOUR_S,
        "m3/s": 1.0,
        "m3/min": 1 / 60,
        "m3/h": 1 / _HOUR_S,
        "m3/d": 1 / _DAY_S,
        "ft3/s": _FOOT_M**3,
        "gal/min": _GALLON_M3 / 60,
        "Mgal/d": 1e6 * _GALLON_M3 / _DAY_S,
    },
    "pressure": {
        "Pa": 1.0,
        "kPa": 1e3,
        "MPa": 1e6,
        "mbar": 1e2,
        "bar": 1e5,
        "atm": 101325.0,
        "psi": _PSI_PA,
        "mH2O": _WATER_COLUMN_PA,
    },
    "power": {
        "W": 1.0,
        "kW": 1e3,
        "MW": 1e6,
        "GW": 1e9,
        "hp": 745.6998715822702,
        "Gcal/h": _GIGACALORIE_J / _HOUR_S,
    },
    "apparent power": {"VA": 1.0, "kVA": 1e3, "MVA": 1e6},
    "energy": {
        "J": 1.0,
        "kJ": 1e3,
        "MJ": 1e6,
        "GJ": 1e9,
        "Wh": _HOUR_S,
        "kWh": 1e3 * _HOUR_S,
        "MWh": 1e6 * _HOUR_S,
        "GWh": 1e9 * _HOUR_S,
        "Gcal": _GIGACALORIE_J,
    },
    "voltage": {"V": 1.0, "kV": 1e3},
    "current": {"mA": 1e-3, "A": 1.0, "kA": 1e3},
    "speed": {"m/s": 1.0, "km/h": 1 / 3.6, "mph": _MILE_M / _HOUR_S, "kn": 1852 / _HOUR_S},
    "mass": {"g": 1e-3, "kg": 1.0, "t": 1e3, "lb": _POUND_KG},
    "time": {"s": 1.0, "min": 60.0, "h": _HOUR_S, "d": _DAY_S},
    "angle": {"deg": 1.0, "rad": 57.29577951308232, "gon": 0.9},
    "share": {"1": 1.0, "%": 1e-2, "‰": 1e-3},
}

UNITS = MappingProxyType(
    {name: Unit(quantity, factor) for quantity, units in _TABLE.items() for name, factor in units.items()}
    | {
        "K": Unit("temperature", 1.0),
        "°C": Unit("temperature", 1.0, 273.15),
        "°F": Unit("temperature", 5 / 9, 273.15 - 32 * 5 / 9),
    }
)
"""Every unit, by name. Feet are international ones, gallons American ones; ``ftUS`` are survey feet, ``galUK`` imperial
gallons; calories are those of the steam table (4.1868 J)."""

_OTHER_NAMES = {
    "feet": "ft",
    "foot": "ft",
    "inch": "in",
    "metre": "m",
    "metres": "m",
    "meter": "m",
    "meters": "m",
    "mile": "mi",
    "miles": "mi",
    "litre": "l",
    "L": "l",
    "L/s": "l/s",
    "lps": "l/s",
    "lpm": "l/min",
    "cms": "m3/s",
    "cmh": "m3/h",
    "cfs": "ft3/s",
    "gpm": "gal/min",
    "mgd": "Mgal/d",
    "m3/day": "m3/d",
    "kph": "km/h",
    "kmh": "km/h",
    "knot": "kn",
    "knots": "kn",
    "tonne": "t",
    "C": "°C",
    "degC": "°C",
    "F": "°F",
    "degF": "°F",
    "°": "deg",
    "percent": "%",
    "acres": "acre",
    "hectare": "ha",
    "day": "d",
    "days": "d",
    "hour": "h",
    "hours": "h",
    "minutes": "min",
    "seconds": "s",
}
_PLAIN = str.maketrans({"²": "2", "³": "3", "·": " "})


def find_unit(name: str) -> Unit:
    """Return a unit by its name.

    Raises
    ------
    InvalidInputError
        There is none; the text lists those there are.
    """
    plain = name.strip().translate(_PLAIN)
    found = UNITS.get(_OTHER_NAMES.get(plain, plain))
    if found is None:
        raise InvalidInputError(f"there is no unit {name!r}; the units are {', '.join(UNITS)}")
    return found


def conversion(given: str, wanted: str) -> Callable[[float], float]:
    """Return the function that turns values in one unit into another.

    Raises
    ------
    InvalidInputError
        A unit is unknown, or they are of different quantities.
    """
    source, target = find_unit(given), find_unit(wanted)
    if source.quantity != target.quantity:
        raise InvalidInputError(f"{given} is a unit of {source.quantity}, and {wanted} one of {target.quantity}")
    factor = source.factor / target.factor
    offset = (source.offset - target.offset) / target.factor
    return lambda value: value * factor + offset
