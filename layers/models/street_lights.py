"""Street lights."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import metres, tag, watts, year
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Tags, column, first_tag, text
from layers.models.base import Feature
from layers.models.shared import HEIGHT, OPERATOR, REF, STATUS, UNKNOWN, YEAR_INSTALLED, dot, life_cycle

_LED = ("led", "LED")
_SODIUM = ("high_pressure_sodium", "low_pressure_sodium", "sodium", "discharge", "high_intensity_discharge")
_MERCURY = ("mercury", "fluorescent", "metal_halide", "metal-halide", "halogen", "incandescent", "electric", "gaslight")


def _power_w(tags: Tags) -> float | None:
    stated = tags.get("light:power") or tags.get("lamp_power")
    return watts(stated) if stated else None


class StreetLight(Feature):
    """A lamp that lights a street or a path."""

    __tablename__ = "street_lights"

    layer = Layer(
        title=text("Street lights", "Уличное освещение", "Вулічнае асвятленне"),
        summary=text(
            "Lamps with their type, power, height and state",
            "Светильники: тип лампы, мощность, высота, состояние",
            "Свяцільні: тып лямпы, магутнасць, вышыня, стан",
        ),
        function=CityFunction.INFRASTRUCTURE,
        shape=Shape.POINT,
        min_zoom=14,
        style=Style(
            column="lamp_type",
            order=56,
            visible=False,
            symbols=(
                dot(UNKNOWN, (), "#c9a227", width_px=5),
                dot(text("Sodium", "Натриевые", "Натрыевыя"), _SODIUM, "#d9772b", width_px=5),
                dot(text("Other lamps", "Прочие лампы", "Іншыя лямпы"), _MERCURY, "#8a7d55", width_px=5),
                dot(text("LED", "Светодиодные", "Святлодыёдныя"), _LED, "#3a86c8", width_px=5),
            ),
        ),
        osm=OsmRule(
            keys=("highway",),
            accept=lambda tags: tags["highway"] == "street_lamp",
            elements=frozenset({"node"}),
        ),
    )

    lamp_type: Mapped[str | None] = column(
        text("Lamp", "Тип лампы", "Тып лямпы"), osm=first_tag("light:method", "lamp_type")
    )
    power_w: Mapped[float | None] = column(text("Power", "Мощность", "Магутнасць"), unit="W", osm=_power_w, minimum=0)
    height_m: Mapped[float | None] = column(HEIGHT, unit="m", osm=tag("height", metres), minimum=0)
    mount: Mapped[str | None] = column(
        text("Mounted on", "Крепление", "Мацаванне"), osm=first_tag("lamp_mount", "support")
    )
    status: Mapped[str | None] = column(STATUS, osm=life_cycle)
    year_installed: Mapped[int | None] = column(YEAR_INSTALLED, osm=tag("start_date", year))
    ref: Mapped[str | None] = column(REF, osm="ref")
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
