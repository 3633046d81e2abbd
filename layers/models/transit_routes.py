"""Routes of public transport."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import NAME, NETWORK, OPERATOR, OTHER

_MODES = {
    "train": "train",
    "light_rail": "light_rail",
    "subway": "subway",
    "monorail": "monorail",
    "tram": "tram",
    "trolleybus": "trolleybus",
    "bus": "bus",
    "coach": "coach",
    "minibus": "share_taxi",
    "share_taxi": "share_taxi",
    "ferry": "ferry",
    "funicular": "funicular",
    "aerialway": "aerialway",
}
"""The modes by the values of ``route``."""


def _is_transit(tags: Tags) -> bool:
    return tags.get("type") == "route" and tags.get("route") in _MODES


class TransitRoute(Feature):
    """The way that a route of public transport takes."""

    __tablename__ = "transit_routes"

    layer = Layer(
        title=text("Public transport routes", "Маршруты общественного транспорта", "Маршруты грамадскага транспарту"),
        summary=text(
            "Routes by mode, with trips a day, intervals and hours of service",
            "Маршруты по видам транспорта: рейсы в день, интервалы и часы работы",
            "Маршруты паводле відаў транспарту: рэйсы за дзень, інтэрвалы і гадзіны працы",
        ),
        function=CityFunction.INFRASTRUCTURE,
        shape=Shape.LINE,
        min_zoom=9,
        style=Style(
            column="mode",
            order=36,
            label="ref",
            label_min_zoom=14,
            visible=False,
            opacity=0.8,
            symbols=(
                Symbol(title=OTHER, colour="#7d7a75", width_px=3),
                Symbol(title=text("Bus", "Автобус", "Аўтобус"), values=("bus", "coach"), colour="#2f78b7", width_px=3),
                Symbol(
                    title=text("Trolleybus", "Троллейбус", "Тралейбус"),
                    values=("trolleybus",),
                    colour="#2c8a6b",
                    width_px=3,
                ),
                Symbol(
                    title=text("Water and cable", "Паромы и канатные дороги", "Паромы і канатныя дарогі"),
                    values=("ferry", "aerialway", "funicular"),
                    colour="#5aa3b8",
                    width_px=3,
                    dash=(2, 1),
                ),
                Symbol(title=text("Tram", "Трамвай", "Трамвай"), values=("tram",), colour="#b5453a", width_px=4),
                Symbol(
                    title=text("Train and metro", "Поезд и метро", "Цягнік і метро"),
                    values=("train", "subway", "light_rail", "monorail"),
                    colour="#5c4b8a",
                    width_px=5,
                ),
            ),
        ),
        osm=OsmRule(keys=("route",), accept=_is_transit, elements=frozenset({"route"})),
    )

    ref: Mapped[str | None] = column(text("Route number", "Номер маршрута", "Нумар маршруту"), osm="ref")
    name: Mapped[str | None] = column(NAME, osm="name")
    mode: Mapped[str] = column(
        text("Mode of transport", "Вид транспорта", "Від транспарту"), osm=lambda tags: _MODES[tags["route"]]
    )
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
    colour: Mapped[str | None] = column(text("Colour of the route", "Цвет маршрута", "Колер маршруту"), osm="colour")
    trips_per_day: Mapped[int | None] = column(text("Trips a day", "Рейсов в день", "Рэйсаў за дзень"), minimum=0)
    headway_min: Mapped[float | None] = column(
        text("Interval between departures", "Интервал движения", "Інтэрвал руху"), unit="min", minimum=0
    )
    first_departure: Mapped[str | None] = column(text("First departure", "Первое отправление", "Першае адпраўленне"))
    last_departure: Mapped[str | None] = column(text("Last departure", "Последнее отправление", "Апошняе адпраўленне"))
    geometry_from: Mapped[str | None] = column(
        text("Where the line is from", "Откуда взята линия", "Адкуль узята лінія"), osm=lambda _: "ways"
    )
    network: Mapped[str | None] = column(NETWORK, osm="network")
