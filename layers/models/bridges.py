"""Bridges and viaducts, as structures to be looked after."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import metres, present, tag, tonnes, year
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import KIND, LENGTH, MATERIAL, NAME, OPERATOR, OTHER, REF, WIDTH, YEAR_BUILT

_ROAD, _PATH, _RAIL = "road", "path", "rail"
_PATHS = ("footway", "path", "cycleway", "pedestrian", "steps", "bridleway", "track", "corridor")
_NOT_BUILT = ("proposed", "construction", "abandoned", "razed")


def carries(tags: Tags) -> str | None:
    """Return what goes over a bridge: ``road``, ``path`` or ``rail``; ``None`` where it is neither."""
    if tags.get("railway", "no") not in (*_NOT_BUILT, "no", "platform"):
        return _RAIL
    highway = tags.get("highway")
    if highway is None or highway in _NOT_BUILT:
        return None
    return _PATH if highway in _PATHS else _ROAD


def _kind(tags: Tags) -> str:
    return "bridge" if tags["bridge"] == "yes" else tags["bridge"]


class Bridge(Feature):
    """A bridge, viaduct or footbridge; what goes over it is in the layers of roads and railways."""

    __tablename__ = "bridges"

    layer = Layer(
        title=text("Bridges", "Мосты", "Масты"),
        summary=text(
            "Bridges, viaducts and footbridges with their dimensions, limits and condition",
            "Мосты, путепроводы и пешеходные мосты: размеры, ограничения и состояние",
            "Масты, пуцеправоды і пешаходныя масты: памеры, абмежаванні і стан",
        ),
        function=CityFunction.INFRASTRUCTURE,
        shape=Shape.LINE,
        min_zoom=12,
        style=Style(
            column="carries",
            order=34,
            label="name",
            label_min_zoom=16,
            visible=False,
            symbols=(
                Symbol(title=OTHER, colour="#7d7a75", width_px=5),
                Symbol(
                    title=text("For pedestrians", "Пешеходные", "Пешаходныя"),
                    values=(_PATH,),
                    colour="#a0622d",
                    width_px=4,
                ),
                Symbol(
                    title=text("Railway", "Железнодорожные", "Чыгуначныя"),
                    values=(_RAIL,),
                    colour="#4b4b57",
                    width_px=6,
                ),
                Symbol(
                    title=text("Road", "Автодорожные", "Аўтадарожныя"), values=(_ROAD,), colour="#9c3d54", width_px=6
                ),
            ),
        ),
        osm=OsmRule(
            keys=("bridge",),
            accept=lambda tags: present(tags["bridge"]) and carries(tags) is not None,
            elements=frozenset({"way"}),
        ),
    )

    kind: Mapped[str] = column(KIND, osm=_kind)
    carries: Mapped[str | None] = column(text("Carries", "Что проходит", "Што праходзіць"), osm=carries)
    name: Mapped[str | None] = column(NAME, osm=lambda tags: tags.get("bridge:name", tags.get("name")))
    ref: Mapped[str | None] = column(REF, osm="bridge:ref")
    structure: Mapped[str | None] = column(text("Structure", "Конструкция", "Канструкцыя"), osm="bridge:structure")
    material: Mapped[str | None] = column(MATERIAL, osm="bridge:material")
    length_m: Mapped[float | None] = column(LENGTH, unit="m", osm=tag("length", metres), minimum=0)
    width_m: Mapped[float | None] = column(WIDTH, unit="m", osm=tag("width", metres), minimum=0)
    max_weight_t: Mapped[float | None] = column(
        text("Weight limit", "Допустимая масса", "Дапушчальная маса"), unit="t", osm=tag("maxweight", tonnes), minimum=0
    )
    year_built: Mapped[int | None] = column(YEAR_BUILT, osm=tag("start_date", year))
    condition_index: Mapped[float | None] = column(
        text("Condition index", "Индекс состояния", "Індэкс стану"), unit="0–100", minimum=0, maximum=100
    )
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
