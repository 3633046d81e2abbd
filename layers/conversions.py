"""From the ways people write values to the types and units of the columns."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TypeVar

from layers.description import Tags

T = TypeVar("T")

_QUANTITY = re.compile(r"^\s*([+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?)\s*([^\d\s]*.*?)\s*$")
_MPH_IN_KMH = 1.609344
_KNOT_IN_KMH = 1.852
_FOOT_IN_M = 0.3048
_INCH_IN_M = 0.0254
_FEET_AND_INCHES = re.compile(r"^\s*(\d+)'\s*(?:(\d+(?:\.\d+)?)\")?\s*$")
_WALKING_PACE_KMH = 7.0
_LENGTHS_IN_M = {"": 1.0, "m": 1.0, "km": 1000.0, "cm": 0.01, "mm": 0.001, "ft": _FOOT_IN_M, "in": _INCH_IN_M}
_SPEEDS_IN_KMH = {"": 1.0, "km/h": 1.0, "kmh": 1.0, "kph": 1.0, "mph": _MPH_IN_KMH, "knots": _KNOT_IN_KMH}


def tag(key: str, convert: Callable[[str], T | None]) -> Callable[[Tags], T | None]:
    """Return a function that reads a tag and converts it; a missing or unreadable value gives ``None``."""

    def read(tags: Tags) -> T | None:
        value = tags.get(key)
        return None if value is None else convert(value)

    return read


def number(value: str) -> float | None:
    """Return the number written with a decimal point or comma, without a unit."""
    found, unit = _quantity(value)
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


def volts(value: str) -> int | None:
    """Return the highest of the voltages in ``110000;20000``."""
    found = [whole(part) for part in value.split(";")]
    known = [each for each in found if each is not None and each > 0]
    return max(known, default=None)


def year(value: str) -> int | None:
    """Return the year of ``1936``, ``1936-05`` or ``1936-05-17``."""
    match = re.match(r"^(\d{4})(-\d{2}){0,2}$", value.strip())
    return int(match[1]) if match else None


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
