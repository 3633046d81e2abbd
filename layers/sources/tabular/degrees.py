"""Degrees as people write them: 53°54'08"N, N 53 54.13, 27:33:41 E, 53°54′ с. ш."""

from __future__ import annotations

import re

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_SIDES = {
    "n": 1,
    "s": -1,
    "e": 1,
    "w": -1,
    "с": 1,
    "ю": -1,
    "в": 1,
    "з": -1,
    "пн": 1,
    "пд": -1,
    "у": 1,
}
"""The sign of each side of the world, in English, Russian and Belarusian."""
_SIDE = rf"(?P<{{}}>{'|'.join(sorted(_SIDES, key=len, reverse=True))})"
_WRITTEN = re.compile(
    rf"(?:{_SIDE.format('before')}\.?\s*)?(?P<minus>[-−])?\s*{_NUMBER}\s*(?P<mark>[°º˚:]|\s)?\s*"
    rf"(?:{_NUMBER}\s*(?:['′’ʹ:]|\s)?\s*)?(?:{_NUMBER}\s*(?:[\"″”ʺ]|''|′′|’’)?\s*)?"
    rf"(?:{_SIDE.format('after')}\.?\s*(?:[шд]\.?)?)?",
    re.IGNORECASE,
)
_MOST_PARTS = 60


def degrees(text: str) -> float:
    """Return degrees that are written in degrees, minutes and seconds, or with a side of the world; else NaN.

    Without a side of the world, marks must tell that they are degrees: 53 54 is not taken for 53.9.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        return float("nan")
    side = found["before"] or found["after"]
    if side is None and (found["mark"] or " ").isspace():
        return float("nan")
    whole, *parts = (float(each.replace(",", ".")) if each else 0.0 for each in found.group(3, 5, 6))
    if max(parts) >= _MOST_PARTS or (found["before"] and found["after"]):
        return float("nan")
    sign = _SIDES[side.casefold()] if side else 1
    return (-sign if found["minus"] else sign) * (whole + parts[0] / 60 + parts[1] / 3600)
