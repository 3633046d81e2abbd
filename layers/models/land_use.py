"""What the ground is used for."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import KIND, NAME

_GREEN = ("park", "garden", "grass", "village_green", "recreation_ground", "cemetery", "golf_course", "playground")
_FOREST = ("forest", "wood", "scrub", "nature_reserve")
_FARM = ("farmland", "meadow", "orchard", "vineyard", "allotments", "grassland", "farmyard", "heath")
_HOUSES = ("residential",)
_TRADE = ("commercial", "retail", "civil", "education", "institutional")
_INDUSTRY = ("industrial", "railway", "quarry", "landfill", "construction", "brownfield")
_SPORT = ("pitch", "stadium", "sports_centre", "track")
_BARE = ("bare_rock", "scree", "sand", "beach", "fell", "glacier", "wetland")
_KINDS = frozenset(_GREEN + _FOREST + _FARM + _HOUSES + _TRADE + _INDUSTRY + _SPORT + _BARE)
_KEYS = ("landuse", "leisure", "natural")


def kind(tags: Tags) -> str | None:
    """Return the use of the ground by an area's tags, or ``None`` where it is not one we keep."""
    return next((tags[key] for key in _KEYS if tags.get(key) in _KINDS), None)


class LandUse(Feature):
    """A piece of ground of one use."""

    __tablename__ = "land_use"

    layer = Layer(
        title=text("Land use", "Использование земель", "Выкарыстанне зямель"),
        summary=text(
            "Parks, woods, fields, residential, commercial and industrial ground",
            "Парки, леса, поля, жилые, торговые и промышленные территории",
            "Паркі, лясы, палі, жылыя, гандлёвыя і прамысловыя тэрыторыі",
        ),
        function=CityFunction.COMMON,
        shape=Shape.POLYGON,
        min_zoom=8,
        style=Style(
            column="kind",
            order=0,
            symbols=(
                Symbol(title=text("Bare ground", "Открытый грунт", "Адкрыты грунт"), colour="#ece8df"),
                Symbol(title=text("Fields", "Поля", "Палі"), values=_FARM, colour="#eef0d8"),
                Symbol(
                    title=text("Residential", "Жилая застройка", "Жылая забудова"), values=_HOUSES, colour="#f0ece6"
                ),
                Symbol(
                    title=text("Commercial", "Торговля и учреждения", "Гандаль і ўстановы"),
                    values=_TRADE,
                    colour="#f3e9ee",
                ),
                Symbol(
                    title=text("Industrial", "Промышленность и транспорт", "Прамысловасць і транспарт"),
                    values=_INDUSTRY,
                    colour="#e8e6ee",
                ),
                Symbol(title=text("Woods", "Леса", "Лясы"), values=_FOREST, colour="#cfe3c4"),
                Symbol(
                    title=text("Parks and grass", "Парки и газоны", "Паркі і газоны"), values=_GREEN, colour="#dcecc9"
                ),
                Symbol(title=text("Sport", "Спорт", "Спорт"), values=_SPORT, colour="#c9e6cf"),
            ),
        ),
        osm=OsmRule(keys=_KEYS, accept=lambda tags: kind(tags) is not None, elements=frozenset({"area"})),
    )

    kind: Mapped[str] = column(KIND, osm=kind)
    name: Mapped[str | None] = column(NAME, osm="name")
