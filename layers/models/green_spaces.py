"""Parks, gardens, playgrounds, woods and other green spaces."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import AREA, KIND, NAME, OPERATOR, OTHER

_PARKS = ("park", "garden", "common", "recreation_ground", "village_green", "dog_park")
_PLAY = ("playground",)
_WOODS = ("forest", "wood", "nature_reserve")
_GRASS = ("grass", "meadow", "flowerbed")
_TENDED = ("cemetery", "allotments")
_KINDS = frozenset(_PARKS + _PLAY + _WOODS + _GRASS + _TENDED)
_KEYS = ("leisure", "landuse", "natural")


def kind(tags: Tags) -> str | None:
    """Return the kind of green space by an area's tags, or ``None`` where it is none."""
    return next((tags[key] for key in _KEYS if tags.get(key) in _KINDS), None)


class GreenSpace(Feature):
    """A green place that people use or the city tends; what covers the ground elsewhere is in the layer of land use."""

    __tablename__ = "green_spaces"

    layer = Layer(
        title=text("Green spaces", "Зелёные зоны", "Зялёныя зоны"),
        summary=text(
            "Parks, gardens, playgrounds, woods and lawns with area and access",
            "Парки, сады, детские площадки, леса и газоны: площадь и доступ",
            "Паркі, сады, дзіцячыя пляцоўкі, лясы і газоны: плошча і доступ",
        ),
        function=CityFunction.SOCIAL,
        shape=Shape.POLYGON,
        min_zoom=9,
        style=Style(
            column="kind",
            order=4,
            label="name",
            label_min_zoom=15,
            opacity=0.7,
            visible=False,
            symbols=(
                Symbol(title=OTHER, colour="#b7cfa0", outline="#8aa66f"),
                Symbol(title=text("Lawns", "Газоны", "Газоны"), values=_GRASS, colour="#c4e08f", min_zoom=13),
                Symbol(
                    title=text("Cemeteries and allotments", "Кладбища и огороды", "Могілкі і агароды"),
                    values=_TENDED,
                    colour="#a9b98a",
                    outline="#7f9060",
                ),
                Symbol(title=text("Woods", "Леса", "Лясы"), values=_WOODS, colour="#6fa866"),
                Symbol(
                    title=text("Parks and gardens", "Парки и сады", "Паркі і сады"),
                    values=_PARKS,
                    colour="#7ecb5f",
                    outline="#4e9a31",
                ),
                Symbol(
                    title=text("Playgrounds", "Детские площадки", "Дзіцячыя пляцоўкі"),
                    values=_PLAY,
                    colour="#f0b45a",
                    outline="#b57a1d",
                    min_zoom=13,
                ),
            ),
        ),
        osm=OsmRule(keys=_KEYS, accept=lambda tags: kind(tags) is not None, elements=frozenset({"area"})),
    )

    kind: Mapped[str] = column(KIND, osm=kind)
    name: Mapped[str | None] = column(NAME, osm="name")
    access: Mapped[str | None] = column(text("Access", "Доступ", "Доступ"), osm="access")
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
    area_m2: Mapped[float | None] = column(AREA, computed="st_area(geom::geography)", unit="m²")
