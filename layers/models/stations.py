"""Fire, police, ambulance and rescue stations."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import count, tag
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Tags, column, first_tag, text
from layers.models.base import Feature
from layers.models.shared import ADDRESS, KIND, NAME, OPERATOR, PHONE, REF, address, dot
from layers.rules import Filled

_FIRE, _POLICE, _AMBULANCE, _RESCUE = "fire", "police", "ambulance", "rescue"
_KINDS = {
    ("amenity", "fire_station"): _FIRE,
    ("amenity", "police"): _POLICE,
    ("amenity", "ambulance_station"): _AMBULANCE,
    ("amenity", "rescue_station"): _RESCUE,
    ("emergency", "fire_station"): _FIRE,
    ("emergency", "ambulance_station"): _AMBULANCE,
    ("emergency", "mountain_rescue"): _RESCUE,
    ("emergency", "water_rescue"): _RESCUE,
    ("emergency", "rescue_station"): _RESCUE,
}


def kind(tags: Tags) -> str | None:
    """Return whose station it is by an element's tags, or ``None`` where it is none."""
    return next((found for (key, value), found in _KINDS.items() if tags.get(key) == value), None)


class Station(Feature):
    """A place from which the emergency services set out."""

    __tablename__ = "stations"

    layer = Layer(
        title=text("Emergency stations", "Экстренные службы", "Экстранныя службы"),
        summary=text(
            "Fire, police, ambulance and rescue stations with their vehicles and staff",
            "Пожарные части, милиция, скорая помощь и спасатели: техника и состав",
            "Пажарныя часткі, міліцыя, хуткая дапамога і ратавальнікі: тэхніка і склад",
        ),
        function=CityFunction.SAFETY,
        shape=Shape.POINT,
        min_zoom=9,
        style=Style(
            column="kind",
            order=92,
            label="name",
            label_min_zoom=15,
            visible=False,
            symbols=(
                dot(text("Rescue", "Спасатели", "Ратавальнікі"), (_RESCUE,), "#d97b16", icon="rescue", width_px=11),
                dot(
                    text("Ambulance", "Скорая помощь", "Хуткая дапамога"),
                    (_AMBULANCE,),
                    "#159a8c",
                    icon="ambulance",
                    width_px=11,
                ),
                dot(text("Police", "Милиция", "Міліцыя"), (_POLICE,), "#1d3f8f", icon="police", width_px=11),
                dot(text("Fire", "Пожарная охрана", "Пажарная ахова"), (_FIRE,), "#c21f2e", icon="fire", width_px=11),
            ),
        ),
        osm=OsmRule(
            keys=("amenity", "emergency"),
            accept=lambda tags: kind(tags) is not None,
            elements=frozenset({"node", "area"}),
        ),
        rules=(Filled(columns=("vehicles",)),),
    )

    kind: Mapped[str] = column(KIND, osm=kind, choices=(_FIRE, _POLICE, _AMBULANCE, _RESCUE))
    name: Mapped[str | None] = column(NAME, osm="name")
    ref: Mapped[str | None] = column(REF, osm="ref")
    vehicles: Mapped[int | None] = column(
        text("Vehicles", "Единиц техники", "Адзінак тэхнікі"), osm=tag("vehicles", count), minimum=0
    )
    staff: Mapped[int | None] = column(text("Staff", "Личный состав", "Асабовы склад"), minimum=0)
    turnout_s: Mapped[float | None] = column(
        text("Time to set out", "Время сбора и выезда", "Час збору і выезду"), unit="s", minimum=0
    )
    phone: Mapped[str | None] = column(PHONE, osm=first_tag("phone", "contact:phone"))
    address: Mapped[str | None] = column(ADDRESS, osm=address)
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
