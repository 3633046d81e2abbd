"""Stops and stations of public transport."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import present, tag
from layers.description import CityFunction, Layer, Link, OsmRule, Shape, Style, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import KIND, MODES, NAME, OPERATOR, OTHER, WHEELCHAIR, WHEELCHAIR_ACCESS, dot, wheelchair
from layers.rules import Filled

_STOP, _STATION, _ENTRANCE = "stop", "station", "entrance"
_STATED_MODES = (
    "bus",
    "coach",
    "ferry",
    "funicular",
    "light_rail",
    "monorail",
    "share_taxi",
    "subway",
    "train",
    "tram",
    "trolleybus",
)
_IMPLIED_MODES = {
    ("highway", "bus_stop"): "bus",
    ("amenity", "bus_station"): "bus",
    ("amenity", "ferry_terminal"): "ferry",
    ("railway", "tram_stop"): "tram",
    ("railway", "subway_entrance"): "subway",
    ("station", "subway"): "subway",
    ("station", "light_rail"): "light_rail",
    ("station", "funicular"): "funicular",
    ("railway", "station"): "train",
    ("railway", "halt"): "train",
    ("aerialway", "station"): "aerialway",
}
_KINDS = {
    ("highway", "bus_stop"): _STOP,
    ("railway", "tram_stop"): _STOP,
    ("railway", "station"): _STATION,
    ("railway", "halt"): _STATION,
    ("amenity", "bus_station"): _STATION,
    ("amenity", "ferry_terminal"): _STATION,
    ("public_transport", "station"): _STATION,
    ("railway", "subway_entrance"): _ENTRANCE,
    ("railway", "train_station_entrance"): _ENTRANCE,
}


def kind(tags: Tags) -> str | None:
    """Return the kind of stop by an element's tags, or ``None`` where it is none."""
    return next((found for (key, value), found in _KINDS.items() if tags.get(key) == value), None)


def modes(tags: Tags) -> str | None:
    """Return the modes of transport that halt there, as ``bus,tram``: those stated, else the one that is implied."""
    stated = [each for each in _STATED_MODES if tags.get(each) == "yes"]
    implied = (mode for (key, value), mode in _IMPLIED_MODES.items() if tags.get(key) == value)
    return ",".join(stated) or next(implied, None)


class Stop(Feature):
    """A place where public transport is boarded, or the way to one."""

    __tablename__ = "stops"

    layer = Layer(
        title=text("Public transport stops", "Остановки общественного транспорта", "Прыпынкі грамадскага транспарту"),
        summary=text(
            "Stops, stations and entrances with their modes, departures and wheelchair access",
            "Остановки, станции и входы: виды транспорта, число отправлений, доступность",
            "Прыпынкі, станцыі і ўваходы: віды транспарту, колькасць адпраўленняў, даступнасць",
        ),
        function=CityFunction.INFRASTRUCTURE,
        shape=Shape.POINT,
        min_zoom=12,
        style=Style(
            column="kind",
            order=66,
            label="name",
            label_min_zoom=16,
            visible=False,
            symbols=(
                dot(OTHER, (), "#8fb3cc", width_px=5, min_zoom=15),
                dot(
                    text("Entrances", "Входы", "Уваходы"),
                    (_ENTRANCE,),
                    "#5c8fb3",
                    icon="entrance",
                    width_px=6,
                    min_zoom=15,
                ),
                dot(text("Stops", "Остановки", "Прыпынкі"), (_STOP,), "#1f6fb2", icon="stop", width_px=8),
                dot(
                    text("Stations", "Станции и вокзалы", "Станцыі і вакзалы"),
                    (_STATION,),
                    "#0f3d68",
                    icon="station",
                    width_px=12,
                ),
            ),
        ),
        osm=OsmRule(
            keys=("highway", "railway", "amenity", "public_transport"),
            accept=lambda tags: kind(tags) is not None,
            elements=frozenset({"node", "area"}),
        ),
        rules=(Filled(columns=("name",)),),
    )

    kind: Mapped[str] = column(KIND, osm=kind, choices=(_STOP, _STATION, _ENTRANCE, "node", "boarding_area"))
    name: Mapped[str | None] = column(NAME, osm="name")
    code: Mapped[str | None] = column(text("Number of the stop", "Номер остановки", "Нумар прыпынку"), osm="ref")
    modes: Mapped[str | None] = column(MODES, osm=modes)
    wheelchair: Mapped[str | None] = column(WHEELCHAIR, osm=wheelchair, choices=WHEELCHAIR_ACCESS)
    departures_per_day: Mapped[int | None] = column(
        text("Departures a day", "Отправлений в день", "Адпраўленняў за дзень"), minimum=0
    )
    headway_min: Mapped[float | None] = column(
        text("Interval between departures", "Интервал движения", "Інтэрвал руху"), unit="min", minimum=0
    )
    parent: Mapped[str | None] = column(text("Part of", "Входит в", "Уваходзіць у"), link=Link(layer="stops"))
    shelter: Mapped[bool | None] = column(text("Shelter", "Павильон", "Павільён"), osm=tag("shelter", present))
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
