"""From the ways people write values to the types and units of the columns."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from layers.description import Tags

T = TypeVar("T")

_QUANTITY = re.compile(r"^\s*([+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?)\s*([^\d\s]*.*?)\s*$")
_BETWEEN_THOUSANDS = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f](?=\d{3}(?!\d))")
_DAY = re.compile(r"^\s*\d{4}-\d{2}-\d{2}\s*$")
_MPH_IN_KMH = 1.609344
_KNOT_IN_KMH = 1.852
_FOOT_IN_M = 0.3048
_INCH_IN_M = 0.0254
_FEET_AND_INCHES = re.compile(r"^\s*(\d+)'\s*(?:(\d+(?:\.\d+)?)\")?\s*$")
_WALKING_PACE_KMH = 7.0
_LENGTHS_IN_M = {"": 1.0, "m": 1.0, "km": 1000.0, "cm": 0.01, "mm": 0.001, "ft": _FOOT_IN_M, "in": _INCH_IN_M}
_FLOWS_IN_LPS = {
    "l/s": 1.0,
    "l/min": 1 / 60,
    "lpm": 1 / 60,
    "m3/h": 1 / 3.6,
    "m³/h": 1 / 3.6,
    "usgpm": 0.0630901964,
    "gpm": 0.0630901964,
}
_POWERS_IN_W = {"": 1.0, "w": 1.0, "kw": 1e3, "mw": 1e6}
_MASSES_IN_T = {"": 1.0, "t": 1.0, "kg": 0.001, "st": 0.90718474, "lbs": 0.00045359237}
_SPEEDS_IN_KMH = {"": 1.0, "km/h": 1.0, "kmh": 1.0, "kph": 1.0, "mph": _MPH_IN_KMH, "knots": _KNOT_IN_KMH}


def tag(key: str, convert: Callable[[str], T | None]) -> Callable[[Tags], T | None]:
    """Return a function that reads a tag and converts it; a missing or unreadable value gives ``None``."""

    def read(tags: Tags) -> T | None:
        value = tags.get(key)
        return None if value is None else convert(value)

    return read


def number(value: str) -> float | None:
    """Return the number written with a decimal point or comma, and maybe spaces before thousands, without a unit."""
    found, unit = _quantity(value)
    if unit[:1].isdecimal():
        found, unit = _quantity(_BETWEEN_THOUSANDS.sub("", value))
    return None if unit else found


def whole(value: str) -> int | None:
    """Return the whole number, or ``None`` for anything else."""
    found = number(value)
    return int(found) if found is not None and abs(found) < 2**31 and found == int(found) else None


def count(value: str) -> int | None:
    """Return the whole number of zero or more."""
    found = whole(value)
    return found if found is not None and found >= 0 else None


def metres(value: str) -> float | None:
    """Return a length in metres from ``3``, ``3.5 m``, ``12 ft`` or ``7'6"``; negative ones are no lengths."""
    feet = _FEET_AND_INCHES.match(value)
    if feet:
        return int(feet[1]) * _FOOT_IN_M + float(feet[2] or 0) * _INCH_IN_M
    return _measure(value, _LENGTHS_IN_M)


def millimetres(value: str) -> float | None:
    """Return a diameter in millimetres: a bare number is in millimetres, as OpenStreetMap writes it."""
    bare = number(value)
    if bare is not None:
        return bare if bare > 0 else None
    length_m = metres(value)
    return None if length_m is None else length_m * 1000


def speed_kmh(value: str) -> float | None:
    """Return a speed in km/h from ``50``, ``30 mph`` or ``walk``; ``none`` and ``RU:urban`` have no number."""
    if value.strip() == "walk":
        return _WALKING_PACE_KMH
    found = _measure(value, _SPEEDS_IN_KMH)
    return found if found is None or found > 0 else None


def litres_per_second(value: str) -> float | None:
    """Return a flow in litres a second from ``1500 l/min``, ``20 l/s`` or ``90 m3/h``; a bare number could be any."""
    return _measure(value, _FLOWS_IN_LPS)


def watts(value: str) -> float | None:
    """Return a power in watts from ``70``, ``70 W`` or ``0.4 kW``."""
    return _measure(value, _POWERS_IN_W)


def tonnes(value: str) -> float | None:
    """Return a mass in tonnes from ``7.5``, ``7.5 t`` or ``3500 kg``."""
    return _measure(value, _MASSES_IN_T)


def volts(value: str) -> int | None:
    """Return the highest of the voltages in ``110000;20000``."""
    found = [whole(part) for part in value.split(";")]
    known = [each for each in found if each is not None and each > 0]
    return max(known, default=None)


def year(value: str) -> int | None:
    """Return the year of ``1936``, ``1936-05`` or ``1936-05-17``."""
    match = re.match(r"^(\d{4})(-\d{2}){0,2}$", value.strip())
    return int(match[1]) if match else None


def day(value: str) -> date | None:
    """Return the day of ``1936-05-17``; a year or a month alone is no day."""
    try:
        return date.fromisoformat(value.strip()) if _DAY.match(value) else None
    except ValueError:
        return None


def present(value: str) -> bool:
    """Return whether a thing is there: any value but ``no``."""
    return value != "no"


def _quantity(value: str) -> tuple[float | None, str]:
    """Return the number and the unit, or no number where the text begins with none or with one beyond all bounds."""
    match = _QUANTITY.match(value)
    if match is None:
        return None, ""
    found = float(match[1].replace(",", "."))
    return (found, match[2].lower()) if math.isfinite(found) else (None, "")


def _measure(value: str, units: dict[str, float]) -> float | None:
    found, unit = _quantity(value)
    factor = units.get(unit)
    return None if found is None or found < 0 or factor is None else found * factor
