"""Administrative districts."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import count, tag, whole
from layers.description import CityFunction, Layer, Link, OsmRule, Shape, Style, Symbol, column, first_tag, text
from layers.models.base import Feature
from layers.models.shared import CODE, NAME, POPULATION
from layers.rules import Disjoint


class District(Feature):
    """An administrative unit with its boundary."""

    __tablename__ = "districts"

    layer = Layer(
        title=text("Districts", "Районы", "Раёны"),
        summary=text(
            "Administrative units with their level and population",
            "Административные единицы: уровень и население",
            "Адміністрацыйныя адзінкі: узровень і насельніцтва",
        ),
        function=CityFunction.COMMON,
        shape=Shape.POLYGON,
        min_zoom=4,
        style=Style(
            order=50,
            opacity=0.0,
            symbols=(Symbol(title=text("Boundary", "Граница", "Мяжа"), colour="#9d86ab", width_px=1.2),),
        ),
        osm=OsmRule(
            keys=("boundary",),
            accept=lambda tags: tags["boundary"] == "administrative",
            elements=frozenset({"relation"}),
        ),
        rules=(Disjoint(min_area_m2=1000, apart_by="admin_level"),),
    )

    name: Mapped[str | None] = column(NAME, osm="name")
    admin_level: Mapped[int | None] = column(
        text("Administrative level", "Административный уровень", "Адміністрацыйны ўзровень"),
        osm=tag("admin_level", whole),
    )
    level: Mapped[str | None] = column(text("Kind of unit", "Вид единицы", "Від адзінкі"))
    code: Mapped[str | None] = column(CODE, osm=first_tag("ref", "ISO3166-2"))
    parent: Mapped[str | None] = column(text("Part of", "Входит в", "Уваходзіць у"), link=Link(layer="districts"))
    population: Mapped[int | None] = column(POPULATION, osm=tag("population", count), minimum=0)
