"""Towns, villages and parts of towns."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import count, tag
from layers.description import CityFunction, Layer, Link, OsmRule, Shape, Style, column, text
from layers.models.base import Feature
from layers.models.shared import CODE, KIND, NAME, POPULATION, dot

_CITIES = ("city",)
_TOWNS = ("town",)
_VILLAGES = ("village",)
_PARTS = ("borough", "suburb", "quarter", "neighbourhood")
_SMALL = ("hamlet", "isolated_dwelling")
_KINDS = frozenset(_CITIES + _TOWNS + _VILLAGES + _PARTS + _SMALL)


class Place(Feature):
    """A settlement or a part of one."""

    __tablename__ = "places"

    layer = Layer(
        title=text("Settlements", "Населённые пункты", "Населеныя пункты"),
        summary=text(
            "Cities, towns, villages and parts of towns with their population",
            "Города, посёлки, деревни и части городов с населением",
            "Гарады, пасёлкі, вёскі і часткі гарадоў з насельніцтвам",
        ),
        function=CityFunction.COMMON,
        shape=Shape.POINT,
        min_zoom=4,
        style=Style(
            column="kind",
            order=95,
            label="name",
            label_min_zoom=6,
            symbols=(
                dot(text("Hamlets", "Хутора", "Хутары"), (), "#a8a39b", width_px=3, min_zoom=13),
                dot(
                    text("Parts of towns", "Части городов", "Часткі гарадоў"),
                    _PARTS,
                    "#8f8a82",
                    width_px=3,
                    min_zoom=13,
                ),
                dot(text("Villages", "Деревни", "Вёскі"), _VILLAGES, "#7d7870", width_px=4, min_zoom=10),
                dot(text("Towns", "Малые города и посёлки", "Малыя гарады і пасёлкі"), _TOWNS, "#5e5a54", width_px=5),
                dot(text("Cities", "Города", "Гарады"), _CITIES, "#3f3b36", width_px=6),
            ),
        ),
        osm=OsmRule(keys=("place",), accept=lambda tags: tags["place"] in _KINDS, elements=frozenset({"node"})),
    )

    kind: Mapped[str] = column(KIND, osm="place")
    name: Mapped[str | None] = column(NAME, osm="name")
    population: Mapped[int | None] = column(POPULATION, osm=tag("population", count), minimum=0)
    code: Mapped[str | None] = column(CODE)
    district: Mapped[str | None] = column(text("District", "Район", "Раён"), link=Link(layer="districts"))
