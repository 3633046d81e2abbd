"""Lakes, ponds, rivers and other water."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import KIND, NAME

_WATERWAYS = ("riverbank", "dock")
_LANDUSE = ("reservoir", "basin", "pond")


def kind(tags: Tags) -> str | None:
    """Return the kind of water by an area's tags, or ``None`` where it is none."""
    if tags.get("natural") in ("water", "bay"):
        return tags.get("water", tags["natural"])
    if tags.get("waterway") in _WATERWAYS:
        return tags["waterway"]
    return tags["landuse"] if tags.get("landuse") in _LANDUSE else None


class Water(Feature):
    """A body of water."""

    __tablename__ = "water"

    layer = Layer(
        title=text("Water", "Вода", "Вада"),
        summary=text("Lakes, ponds and rivers", "Озёра, пруды и реки", "Азёры, сажалкі і рэкі"),
        function=CityFunction.COMMON,
        shape=Shape.POLYGON,
        min_zoom=4,
        style=Style(
            order=10,
            label="name",
            label_min_zoom=13,
            symbols=(Symbol(title=text("Water", "Вода", "Вада"), colour="#a9cfe4", outline="#8bb9d2"),),
        ),
        osm=OsmRule(
            keys=("natural", "waterway", "landuse"),
            accept=lambda tags: kind(tags) is not None,
            elements=frozenset({"area"}),
        ),
    )

    kind: Mapped[str] = column(KIND, osm=kind)
    name: Mapped[str | None] = column(NAME, osm="name")
