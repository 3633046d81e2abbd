"""Railway and tram tracks."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import present, speed_kmh, tag
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, column, text
from layers.models.base import Feature
from layers.models.shared import KIND, NAME, OPERATOR, OTHER, REF
from layers.rules import Connected

_TRAIN = ("rail", "narrow_gauge", "preserved")
_CITY = ("tram", "light_rail", "subway", "monorail")
_MOUNTAIN = ("funicular", "rack")
_TRACKS = frozenset(_TRAIN + _CITY + _MOUNTAIN)


class Railway(Feature):
    """A stretch of track."""

    __tablename__ = "railways"

    layer = Layer(
        title=text("Railways", "Железные дороги и трамвай", "Чыгунка і трамвай"),
        summary=text(
            "Railway, metro and tram tracks",
            "Пути железной дороги, метро и трамвая",
            "Шляхі чыгункі, метро і трамвая",
        ),
        function=CityFunction.INFRASTRUCTURE,
        shape=Shape.LINE,
        min_zoom=8,
        style=Style(
            column="kind",
            order=32,
            symbols=(
                Symbol(title=OTHER, colour="#a9a39a", width_px=1.5, min_zoom=13),
                Symbol(
                    title=text("Tram and metro", "Трамвай и метро", "Трамвай і метро"),
                    values=_CITY,
                    colour="#9a8fa6",
                    width_px=1.5,
                    min_zoom=12,
                ),
                Symbol(
                    title=text("Railway", "Железная дорога", "Чыгунка"), values=_TRAIN, colour="#8d8983", width_px=2.5
                ),
            ),
        ),
        osm=OsmRule(keys=("railway",), accept=lambda tags: tags["railway"] in _TRACKS, elements=frozenset({"way"})),
        rules=(Connected(),),
    )

    kind: Mapped[str] = column(KIND, osm="railway")
    name: Mapped[str | None] = column(NAME, osm="name")
    ref: Mapped[str | None] = column(REF, osm="ref")
    usage: Mapped[str | None] = column(text("Usage", "Использование", "Выкарыстанне"), osm="usage")
    service: Mapped[str | None] = column(text("Service track", "Служебный путь", "Службовы шлях"), osm="service")
    electrified: Mapped[bool | None] = column(
        text("Electrified", "Электрифицирована", "Электрыфікавана"), osm=tag("electrified", present)
    )
    max_speed_kmh: Mapped[float | None] = column(
        text("Maximum speed", "Максимальная скорость", "Максімальная хуткасць"),
        unit="km/h",
        osm=tag("maxspeed", speed_kmh),
        minimum=0,
    )
    bridge: Mapped[bool] = column(
        text("Bridge", "Мост", "Мост"), osm=lambda tags: present(tags.get("bridge", "no")), server_default="false"
    )
    tunnel: Mapped[bool] = column(
        text("Tunnel", "Туннель", "Тунэль"), osm=lambda tags: present(tags.get("tunnel", "no")), server_default="false"
    )
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
