"""Zones of natural and technical hazards."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import KIND, NAME, OTHER
from layers.rules import InOrder

_WATER = ("flood", "flooding", "flash_flood", "dam_break", "tsunami")
_SLOPE = ("landslide", "rock_slide", "rockfall", "falling_rocks", "avalanche", "mudflow", "erosion", "subsidence")
_FIRE = ("wildfire", "fire")
_TECHNICAL = (
    "industrial",
    "chemical",
    "explosion",
    "nuclear",
    "contamination",
    "biohazard",
    "minefield",
    "unexploded_ordnance",
    "noise",
)
_KINDS = frozenset(_WATER + _SLOPE + _FIRE + _TECHNICAL)


def kind(tags: Tags) -> str | None:
    """Return the kind of hazard of an area, or ``None`` where it is no zone; signs along roads are none."""
    return tags["hazard"] if tags.get("hazard") in _KINDS and "highway" not in tags else None


class HazardZone(Feature):
    """An area in which a hazard is to be reckoned with."""

    __tablename__ = "hazard_zones"

    layer = Layer(
        title=text("Hazard zones", "Опасные зоны", "Небяспечныя зоны"),
        summary=text(
            "Flood, landslide, avalanche, fire and industrial hazards with level and return period",
            "Зоны затопления, оползней, лавин, пожаров и техногенной опасности: уровень и повторяемость",
            "Зоны затаплення, апоўзняў, лавін, пажараў і тэхнагеннай небяспекі: узровень і паўтаральнасць",
        ),
        function=CityFunction.SAFETY,
        shape=Shape.POLYGON,
        min_zoom=8,
        style=Style(
            column="kind",
            order=18,
            opacity=0.4,
            label="name",
            label_min_zoom=14,
            visible=False,
            symbols=(
                Symbol(title=OTHER, colour="#a08bb0", outline="#6d5580"),
                Symbol(
                    title=text("Industry and contamination", "Техногенные", "Тэхнагенныя"),
                    values=_TECHNICAL,
                    colour="#b06fb5",
                    outline="#7c3f82",
                ),
                Symbol(title=text("Fire", "Пожары", "Пажары"), values=_FIRE, colour="#e2603d", outline="#a83717"),
                Symbol(
                    title=text("Slopes and ground", "Склоны и грунт", "Схілы і грунт"),
                    values=_SLOPE,
                    colour="#c58a3c",
                    outline="#8a5a17",
                ),
                Symbol(
                    title=text("Flooding", "Затопление", "Затапленне"),
                    values=_WATER,
                    colour="#3f7fd0",
                    outline="#1f559b",
                ),
            ),
        ),
        osm=OsmRule(keys=("hazard",), accept=lambda tags: kind(tags) is not None, elements=frozenset({"area"})),
        rules=(InOrder(before="valid_from", after="valid_until"),),
    )

    kind: Mapped[str] = column(KIND, osm=kind)
    name: Mapped[str | None] = column(NAME, osm="name")
    level: Mapped[str | None] = column(text("Level of hazard", "Уровень опасности", "Узровень небяспекі"))
    return_period_years: Mapped[float | None] = column(
        text("Return period", "Период повторяемости", "Перыяд паўтаральнасці"), unit="years", minimum=0
    )
    depth_m: Mapped[float | None] = column(text("Depth of water", "Глубина воды", "Глыбіня вады"), unit="m", minimum=0)
    source_note: Mapped[str | None] = column(text("Basis", "Основание", "Падстава"))
    valid_from: Mapped[date | None] = column(text("Valid from", "Действует с", "Дзейнічае з"))
    valid_until: Mapped[date | None] = column(text("Valid to", "Действует по", "Дзейнічае да"))
