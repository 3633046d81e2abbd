"""Places where waste is left and collected."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Tags, column, first_tag, text
from layers.models.base import Feature
from layers.models.shared import ADDRESS, KIND, NAME, OPERATOR, OTHER, REF, address, dot

_CENTRE, _CONTAINER, _DISPOSAL, _BASKET = "recycling_centre", "recycling", "waste_disposal", "waste_basket"
_AMENITIES = frozenset((_CONTAINER, _DISPOSAL, _BASKET, "waste_transfer_station", "sanitary_dump_station"))
_MARK = "recycling:"


def _kind(tags: Tags) -> str:
    return _CENTRE if tags.get("recycling_type") == "centre" else tags["amenity"]


def _fractions(tags: Tags) -> str | None:
    stated = sorted(key.removeprefix(_MARK) for key, value in tags.items() if key.startswith(_MARK) and value == "yes")
    return ",".join(stated) or tags.get("waste")


class WastePoint(Feature):
    """A recycling centre, a container or a bin."""

    __tablename__ = "waste_points"

    layer = Layer(
        title=text("Waste collection", "Сбор отходов", "Збор адходаў"),
        summary=text(
            "Recycling centres, containers and bins with the fractions they take",
            "Пункты приёма, контейнеры и урны: какие отходы принимают",
            "Пункты прыёму, кантэйнеры і сметніцы: якія адходы прымаюць",
        ),
        function=CityFunction.HOUSING,
        shape=Shape.POINT,
        min_zoom=12,
        style=Style(
            column="kind",
            order=62,
            visible=False,
            symbols=(
                dot(OTHER, (), "#7a7468", icon="waste", width_px=7, min_zoom=13),
                dot(text("Bins", "Урны", "Сметніцы"), (_BASKET,), "#a59a86", icon="waste", width_px=5, min_zoom=16),
                dot(
                    text("Waste containers", "Контейнеры для отходов", "Кантэйнеры для адходаў"),
                    (_DISPOSAL,),
                    "#6d5c48",
                    icon="waste",
                    width_px=7,
                    min_zoom=14,
                ),
                dot(
                    text("Recycling containers", "Раздельный сбор", "Раздзельны збор"),
                    (_CONTAINER,),
                    "#4d9d45",
                    icon="recycling",
                    min_zoom=13,
                ),
                dot(
                    text("Recycling centres", "Пункты приёма отходов", "Пункты прыёму адходаў"),
                    (_CENTRE,),
                    "#1f6b2c",
                    icon="recycling",
                    width_px=11,
                ),
            ),
        ),
        osm=OsmRule(
            keys=("amenity",),
            accept=lambda tags: tags["amenity"] in _AMENITIES,
            elements=frozenset({"node", "area"}),
        ),
    )

    kind: Mapped[str] = column(KIND, osm=_kind)
    fractions: Mapped[str | None] = column(text("Fractions", "Виды отходов", "Віды адходаў"), osm=_fractions)
    name: Mapped[str | None] = column(NAME, osm="name")
    ref: Mapped[str | None] = column(REF, osm="ref")
    capacity_l: Mapped[float | None] = column(text("Capacity", "Объём", "Аб'ём"), unit="l", minimum=0)
    collections_per_week: Mapped[float | None] = column(
        text("Collections a week", "Вывозов в неделю", "Вывазаў за тыдзень"), minimum=0
    )
    opening_hours: Mapped[str | None] = column(
        text("Opening hours", "Часы работы", "Гадзіны працы"), osm=first_tag("opening_hours", "collection_times")
    )
    address: Mapped[str | None] = column(ADDRESS, osm=address)
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
