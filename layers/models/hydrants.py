"""Hydrants and other places where the fire service takes water."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Mapped

from layers.conversions import day, litres_per_second, millimetres, number, tag
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Tags, column, first_tag, text
from layers.models.base import Feature
from layers.models.shared import DIAMETER, KIND, OPERATOR, OTHER, REF, dot

_IN_SERVICE, _OUT_OF_SERVICE = "in service", "out of service"
_OPEN_WATER = ("water_tank", "suction_point", "fire_water_pond")
_KINDS = frozenset(("fire_hydrant", *_OPEN_WATER))
_DEAD = ("disused", "abandoned", "out_of_order")


def _kind(tags: Tags) -> str | None:
    return tags.get("fire_hydrant:type") if tags["emergency"] == "fire_hydrant" else tags["emergency"]


def _flow_lps(tags: Tags) -> float | None:
    stated = tags.get("flow_rate") or tags.get("fire_hydrant:flow_rate")
    return litres_per_second(stated) if stated else None


def _pressure_bar(tags: Tags) -> float | None:
    stated = tags.get("pressure") or tags.get("fire_hydrant:pressure")
    found = number(stated.removesuffix("bar")) if stated else None
    return found if found is not None and found >= 0 else None


def _state(tags: Tags) -> str:
    broken = tags.get("operational_status") in ("broken", "out_of_order", "closed")
    return _OUT_OF_SERVICE if broken or any(tags.get(each) == "yes" for each in _DEAD) else _IN_SERVICE


class Hydrant(Feature):
    """A hydrant, tank or pond with water for the fire service."""

    __tablename__ = "hydrants"

    layer = Layer(
        title=text("Hydrants and fire water", "Гидранты и пожарное водоснабжение", "Гідранты і пажарная вада"),
        summary=text(
            "Hydrants, tanks and suction points with diameter, flow and state",
            "Гидранты, резервуары и водозаборы: диаметр, расход, исправность",
            "Гідранты, рэзервуары і водазаборы: дыяметр, расход, спраўнасць",
        ),
        function=CityFunction.SAFETY,
        shape=Shape.POINT,
        min_zoom=13,
        style=Style(
            column="kind",
            order=64,
            visible=False,
            icon="hydrant",
            symbols=(
                dot(OTHER, (), "#d05a5a", width_px=7),
                dot(text("Pillar", "Надземные", "Надземныя"), ("pillar", "dry_barrel"), "#b8182b", width_px=7),
                dot(text("Underground", "Подземные", "Падземныя"), ("underground",), "#8a3a2a", width_px=7),
                dot(
                    text("Tanks and open water", "Резервуары и водоёмы", "Рэзервуары і вадаёмы"), _OPEN_WATER, "#2a6f97"
                ),
            ),
        ),
        osm=OsmRule(
            keys=("emergency",), accept=lambda tags: tags["emergency"] in _KINDS, elements=frozenset({"node", "area"})
        ),
    )

    kind: Mapped[str | None] = column(KIND, osm=_kind)
    ref: Mapped[str | None] = column(REF, osm="ref")
    diameter_mm: Mapped[float | None] = column(
        DIAMETER, unit="mm", osm=tag("fire_hydrant:diameter", millimetres), minimum=0
    )
    flow_lps: Mapped[float | None] = column(text("Flow", "Расход", "Расход"), unit="l/s", osm=_flow_lps, minimum=0)
    pressure_bar: Mapped[float | None] = column(
        text("Pressure", "Давление", "Ціск"), unit="bar", osm=_pressure_bar, minimum=0
    )
    state: Mapped[str | None] = column(
        text("State", "Исправность", "Спраўнасць"), osm=_state, choices=(_IN_SERVICE, _OUT_OF_SERVICE)
    )
    water_source: Mapped[str | None] = column(
        text("Water from", "Источник воды", "Крыніца вады"), osm=first_tag("water_source", "fire_hydrant:water_source")
    )
    position: Mapped[str | None] = column(
        text("Position", "Где стоит", "Дзе стаіць"), osm=first_tag("fire_hydrant:position", "position")
    )
    checked_on: Mapped[date | None] = column(
        text("Last checked", "Последняя проверка", "Апошняя праверка"), osm=tag("survey:date", day)
    )
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
