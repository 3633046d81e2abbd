"""Light and dark maps: which colours are drawn where the layers say theirs."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

LIGHT, DARK = "light", "dark"

_Lightness: TypeAlias = Callable[[float], float]


@dataclass(frozen=True, kw_only=True)
class Theme:
    """The colours of a map.

    Parameters
    ----------
    name
        ``light`` or ``dark``.
    background, text, halo, icon
        Of the ground, the labels, their edge and the pictures in points, as ``#rrggbb``.
    changes
        By what is drawn (``area``, ``edge``, ``line``, ``casing`` or ``point``), the lightness that replaces that of a
        colour, 0 to 1, and how much of its saturation is left; without any, colours stay as they are.
    """

    name: str
    background: str
    text: str
    halo: str
    icon: str
    changes: Mapping[str, tuple[_Lightness, float]]

    def colour(self, colour: str, drawn: str) -> str:
        """Return the colour in which to draw what has a colour on the light map.

        Parameters
        ----------
        colour
            As ``#rrggbb``.
        drawn
            ``area``, ``edge``, ``line``, ``casing`` or ``point``.
        """
        if drawn not in self.changes:
            return colour
        changed, left = self.changes[drawn]
        hue, lightness, saturation = colorsys.rgb_to_hls(*(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)))
        dimmed = colorsys.hls_to_rgb(hue, changed(lightness), saturation * left)
        return "#" + "".join(f"{round(255 * part):02x}" for part in dimmed)


THEMES = {
    LIGHT: Theme(name=LIGHT, background="#f3f1ec", text="#4a4640", halo="#ffffff", icon="#ffffff", changes={}),
    DARK: Theme(
        name=DARK,
        background="#1a1c20",
        text="#d9d6cf",
        halo="#17181b",
        icon="#17181b",
        changes={
            "area": (lambda light: 0.17 + 0.3 * max(0.95 - light, 0), 0.35),
            "edge": (lambda light: 0.24 + 0.3 * max(0.95 - light, 0), 0.35),
            "line": (lambda light: 0.6 - 0.26 * light, 0.4),
            "casing": (lambda _: 0.09, 0.3),
            "point": (lambda light: min(max(light, 0.55), 0.75), 0.8),
        },
    ),
}
