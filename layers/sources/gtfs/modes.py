"""The modes of public transport behind the numbers of GTFS, with the names that OpenStreetMap has for them."""

from __future__ import annotations

OTHER = "other"

_BASIC = {
    0: "tram",
    1: "subway",
    2: "train",
    3: "bus",
    4: "ferry",
    5: "tram",
    6: "aerialway",
    7: "funicular",
    11: "trolleybus",
    12: "monorail",
}
_EXTENDED = {
    100: "train",
    200: "coach",
    300: "train",
    400: "subway",
    500: "subway",
    600: "subway",
    700: "bus",
    800: "trolleybus",
    900: "tram",
    1000: "ferry",
    1100: "plane",
    1200: "ferry",
    1300: "aerialway",
    1400: "funicular",
    1500: "taxi",
}
_SINGLE = {405: "monorail", 1501: "share_taxi"}


def mode_of(route_type: str) -> str:
    """Return the mode of a ``route_type``, basic or extended; ``other`` for one that isn't known."""
    if not (route_type.isascii() and route_type.isdigit()):
        return OTHER
    number = int(route_type)
    return _BASIC.get(number) or _SINGLE.get(number) or _EXTENDED.get(number // 100 * 100) or OTHER
