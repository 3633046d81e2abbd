"""Light and dark maps: which colours are drawn where the layers say theirs."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

LIGHT, DARK = "light", "dark"

_Lightness = Callable[[float], float]


@dataclass(frozen=True, kw_only=True)
class Theme:
    """The colours of a map.

    Parameters
    ----------
    name
        ``light`` or ``dark``.
    background, text, halo, icon
        Of the ground, the labels, their edge and the pictures in points, as ``#rrggbb``.
    _lightness
        By what is drawn (``area``, ``edge``, ``line``, ``casing`` or ``point``), the lightness that replaces that of a
        colour, 0 to 1; without any, colours stay as they are.
    _saturation
        By how much colours are dulled.
    """

    name: str
    background: str
    text: str
    halo: str
    icon: str
    _lightness: dict[str, _Lightness]
    _saturation: float = 1.0

    def colour(self, colour: str, drawn: str) -> str:
        """Return the colour in which to draw what has a colour on the light map.

        Parameters
        ----------
        colour
            As ``#rrggbb``.
        drawn
            ``area``, ``edge``, ``line``, ``casing`` or ``point``.
        """
        if drawn not in self._lightness:
            return colour
        hue, lightness, saturation = colorsys.rgb_to_hls(*(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)))
        dimmed = colorsys.hls_to_rgb(hue, self._lightness[drawn](lightness), saturation * self._saturation)
        return "#" + "".join(f"{round(255 * part):02x}" for part in dimmed)


THEMES = {
    LIGHT: Theme(
        name=LIGHT, background="#f3f1ec", text="#4a4640", halo="#ffffff", icon="#ffffff", _lightness={}
    ),
    DARK: Theme(
        name=DARK,
        background="#1a1c20",
        text="#d9d6cf",
        halo="#17181b",
        icon="#17181b",
        _lightness={
            "area": lambda light: 0.17 + 0.3 * max(0.95 - light, 0),
            "edge": lambda light: 0.24 + 0.3 * max(0.95 - light, 0),
            "line": lambda light: 0.62 - 0.26 * light,
            "casing": lambda _: 0.09,
            "point": lambda light: min(max(light, 0.55), 0.75),
        },
        _saturation=0.7,
    ),
}
