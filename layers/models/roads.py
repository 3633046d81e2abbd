"""Roads, streets and paths."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped

from layers.conversions import count, metres, present, speed_kmh, tag
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import NAME, OPERATOR, OTHER, REF, WIDTH
from layers.rules import Connected, Filled, Met, NoDeadEnd, Plausible

MAJOR = ("motorway", "trunk", "motorway_link", "trunk_link")
MAIN = ("primary", "primary_link", "secondary", "secondary_link")
COLLECTOR = ("tertiary", "tertiary_link", "unclassified", "road")
LOCAL = ("residential", "living_street", "busway", "bus_guideway")
SERVICE = ("service",)
RURAL = ("track",)
FOOT = ("footway", "pedestrian", "steps", "path", "corridor", "bridleway", "trail")
CYCLE = ("cycleway",)
CLASSES = frozenset(MAJOR + MAIN + COLLECTOR + LOCAL + SERVICE + RURAL + FOOT + CYCLE)

_FAR = ", ".join(f"'{each}'" for each in MAJOR + MAIN + COLLECTOR + LOCAL)
_drawn_far = sql(f"road_class IN ({_FAR})")

_ALWAYS_ONE_WAY = ("motorway", "motorway_link")
_DENIED = ("no", "private")


def one_way(tags: Tags) -> str:
    """Return the direction of traffic along the line: ``both``, ``forward`` or ``backward``."""
    stated = tags.get("oneway")
    if stated in ("yes", "true", "1"):
        return "forward"
    if stated in ("-1", "reverse"):
        return "backward"
    if stated in ("no", "false", "0"):
        return "both"
    implied = tags.get("junction") in ("roundabout", "circular") or tags.get("highway") in _ALWAYS_ONE_WAY
    return "forward" if implied else "both"


def access(*keys: str) -> Callable[[Tags], bool | None]:
    """Return a function that reads access from the most to the least specific tag; ``None`` where none says."""

    def read(tags: Tags) -> bool | None:
        stated = next((tags[key] for key in keys if key in tags), None)
        return None if stated is None else stated not in _DENIED

    return read


class Road(Feature):
    """A stretch of road, street or path."""

    __tablename__ = "roads"

    more_indexes = (Index("ix_roads_geom_far", "geom", postgresql_using="gist", postgresql_where=_drawn_far),)

    layer = Layer(
        title=text("Roads", "Дороги", "Дарогі"),
        summary=text(
            "Roads, streets and paths with class, surface, speed and direction",
            "Дороги, улицы и пешеходные пути: класс, покрытие, скорость и направление движения",
            "Дарогі, вуліцы і пешаходныя шляхі: клас, пакрыццё, хуткасць і напрамак руху",
        ),
        function=CityFunction.INFRASTRUCTURE,
        shape=Shape.LINE,
        min_zoom=5,
        style=Style(
            column="road_class",
            order=30,
            label="name",
            label_min_zoom=14,
            symbols=(
                Symbol(
                    title=OTHER,
                    colour="#f4f1ea",
                    outline="#cfc8ba",
                    width_px=3,
                    min_zoom=13,
                ),
                Symbol(
                    title=text("Footways and paths", "Пешеходные пути", "Пешаходныя шляхі"),
                    values=FOOT,
                    colour="#c9a58b",
                    width_px=1.5,
                    dash=(2, 1.5),
                    min_zoom=14,
                ),
                Symbol(
                    title=text("Cycleways", "Велодорожки", "Веладарожкі"),
                    values=CYCLE,
                    colour="#7fa7c4",
                    width_px=1.5,
                    dash=(3, 1.5),
                    min_zoom=13,
                ),
                Symbol(
                    title=text("Tracks", "Полевые и лесные дороги", "Палявыя і лясныя дарогі"),
                    values=RURAL,
                    colour="#c8b68f",
                    width_px=1.5,
                    dash=(4, 2),
                    min_zoom=13,
                ),
                Symbol(
                    title=text("Driveways and service roads", "Проезды", "Праезды"),
                    values=SERVICE,
                    colour="#ffffff",
                    outline="#cfc8ba",
                    width_px=3,
                    min_zoom=13,
                ),
                Symbol(
                    title=text("Local streets", "Местные улицы", "Мясцовыя вуліцы"),
                    values=LOCAL,
                    colour="#ffffff",
                    outline="#c4beb2",
                    width_px=5,
                    min_zoom=12,
                ),
                Symbol(
                    title=text("Collector streets", "Улицы районного значения", "Вуліцы раённага значэння"),
                    values=COLLECTOR,
                    colour="#fffdf2",
                    outline="#b9b1a0",
                    width_px=7,
                    min_zoom=11,
                ),
                Symbol(
                    title=text("Main streets", "Главные улицы", "Галоўныя вуліцы"),
                    values=MAIN,
                    colour="#f7dfa0",
                    outline="#c2a355",
                    width_px=9,
                    min_zoom=8,
                ),
                Symbol(
                    title=text("Motorways and trunk roads", "Автомагистрали", "Аўтамагістралі"),
                    values=MAJOR,
                    colour="#eeb184",
                    outline="#b87a48",
                    width_px=10,
                    min_zoom=5,
                ),
            ),
        ),
        osm=OsmRule(
            keys=("highway",),
            accept=lambda tags: tags["highway"] in CLASSES,
            elements=frozenset({"way"}),
        ),
        rules=(
            Met(tolerance_m=1),
            Connected(),
            NoDeadEnd(),
            Filled(columns=("surface",)),
            Plausible(column="lanes", maximum=12),
            Plausible(column="max_speed_kmh", minimum=5, maximum=150),
            Plausible(column="width_m", minimum=0.5, maximum=80),
        ),
    )

    road_class: Mapped[str] = column(text("Class", "Класс", "Клас"), osm="highway")
    name: Mapped[str | None] = column(NAME, osm="name")
    ref: Mapped[str | None] = column(REF, osm="ref")
    surface: Mapped[str | None] = column(text("Surface", "Покрытие", "Пакрыццё"), osm="surface")
    lanes: Mapped[int | None] = column(
        text("Lanes", "Полосы движения", "Палосы руху"), osm=tag("lanes", count), minimum=0
    )
    max_speed_kmh: Mapped[float | None] = column(
        text("Maximum speed", "Максимальная скорость", "Максімальная хуткасць"),
        unit="km/h",
        osm=tag("maxspeed", speed_kmh),
        minimum=0,
    )
    one_way: Mapped[str] = column(
        text("Direction of traffic", "Направление движения", "Напрамак руху"),
        osm=one_way,
        choices=("both", "forward", "backward"),
        server_default="both",
    )
    bridge: Mapped[bool] = column(
        text("Bridge", "Мост", "Мост"),
        osm=lambda tags: present(tags.get("bridge", "no")),
        server_default="false",
    )
    tunnel: Mapped[bool] = column(
        text("Tunnel", "Туннель", "Тунэль"),
        osm=lambda tags: present(tags.get("tunnel", "no")),
        server_default="false",
    )
    width_m: Mapped[float | None] = column(WIDTH, unit="m", osm=tag("width", metres), minimum=0)
    foot: Mapped[bool | None] = column(
        text("Open to pedestrians", "Открыта для пешеходов", "Адкрыта для пешаходаў"),
        osm=access("foot", "access"),
    )
    bicycle: Mapped[bool | None] = column(
        text("Open to cyclists", "Открыта для велосипедистов", "Адкрыта для веласіпедыстаў"),
        osm=access("bicycle", "vehicle", "access"),
    )
    motor_vehicle: Mapped[bool | None] = column(
        text("Open to motor vehicles", "Открыта для автомобилей", "Адкрыта для аўтамабіляў"),
        osm=access("motorcar", "motor_vehicle", "vehicle", "access"),
    )
    condition_index: Mapped[float | None] = column(
        text("Condition index", "Индекс состояния", "Індэкс стану"),
        unit="0–100",
        minimum=0,
        maximum=100,
        inspected="PCI",
    )
    vehicles_per_day: Mapped[float | None] = column(
        text("Vehicles a day", "Автомобилей в сутки", "Аўтамабіляў за суткі"), minimum=0
    )
    lit: Mapped[bool | None] = column(text("Lit", "Освещена", "Асветлена"), osm=tag("lit", present))
    resurfaced_on: Mapped[date | None] = column(
        text("Last resurfaced", "Последний ремонт покрытия", "Апошні рамонт пакрыцця")
    )
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
