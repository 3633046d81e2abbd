"""Lines of the utility networks: pipes, cables and overhead lines."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Mapped

from layers.conversions import millimetres, tag, volts
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, first_tag, text
from layers.models.base import Feature

WATER, SEWER, HEAT, GAS, POWER, TELECOM, OTHER = "water", "sewer", "heat", "gas", "power", "telecom", "other"

NETWORK_SYMBOLS = (
    Symbol(title=text("Other", "Прочие", "Іншыя"), colour="#8a8a8a", width_px=2),
    Symbol(title=text("Water", "Водоснабжение", "Водазабеспячэнне"), values=(WATER,), colour="#2f7fc1", width_px=2.5),
    Symbol(title=text("Sewer", "Канализация", "Каналізацыя"), values=(SEWER,), colour="#7a5c3e", width_px=2.5),
    Symbol(title=text("Heat", "Теплоснабжение", "Цеплазабеспячэнне"), values=(HEAT,), colour="#d1495b", width_px=2.5),
    Symbol(title=text("Gas", "Газоснабжение", "Газазабеспячэнне"), values=(GAS,), colour="#d9a404", width_px=2.5),
    Symbol(
        title=text("Power", "Электроснабжение", "Электразабеспячэнне"), values=(POWER,), colour="#6a4fb3", width_px=2
    ),
    Symbol(title=text("Telecom", "Связь", "Сувязь"), values=(TELECOM,), colour="#3b9c6d", width_px=2),
)

_SUBSTANCES = {
    "water": WATER,
    "drinking_water": WATER,
    "hot_water": HEAT,
    "steam": HEAT,
    "heat": HEAT,
    "sewage": SEWER,
    "wastewater": SEWER,
    "waste_water": SEWER,
    "rainwater": SEWER,
    "gas": GAS,
    "natural_gas": GAS,
}
_POWER_LINES = ("line", "minor_line", "cable")
_TELECOM_LINES = ("line", "cable")
_LIFE_CYCLES = ("construction", "proposed", "disused", "abandoned")


def network(tags: Tags) -> str:
    """Return the network to which a line or a point belongs by its tags."""
    if "power" in tags:
        return POWER
    if "telecom" in tags or "communication" in tags:
        return TELECOM
    substance = tags.get("substance") or tags.get("content") or tags.get("utility") or ""
    return _SUBSTANCES.get(substance, OTHER)


def status(tags: Tags) -> str:
    """Return the life cycle: ``in use``, ``construction``, ``proposed``, ``disused`` or ``abandoned``."""
    return next((each for each in _LIFE_CYCLES if tags.get(each) == "yes"), "in use")


def _is_utility(tags: Tags) -> bool:
    return (
        tags.get("power") in _POWER_LINES
        or tags.get("man_made") == "pipeline"
        or tags.get("telecom") in _TELECOM_LINES
        or tags.get("communication") in _TELECOM_LINES
    )


class UtilityLine(Feature):
    """A pipe, cable or overhead line."""

    __tablename__ = "utilities"

    layer = Layer(
        title=text("Utility lines", "Инженерные сети", "Інжынерныя сеткі"),
        summary=text(
            "Pipes, cables and overhead lines of water, sewer, heat, gas, power and telecom networks",
            "Трубы, кабели и воздушные линии водоснабжения, канализации, тепла, газа, электричества и связи",
            "Трубы, кабелі і паветраныя лініі водазабеспячэння, каналізацыі, цяпла, газу, электрычнасці і сувязі",
        ),
        function=CityFunction.HOUSING,
        shape=Shape.LINE,
        min_zoom=10,
        style=Style(column="network", order=40, symbols=NETWORK_SYMBOLS),
        osm=OsmRule(
            keys=("power", "man_made", "telecom", "communication"),
            accept=_is_utility,
            elements=frozenset({"way"}),
        ),
    )

    network: Mapped[str] = column(text("Network", "Сеть", "Сетка"), osm=network)
    kind: Mapped[str | None] = column(
        text("Kind", "Вид", "Від"), osm=first_tag("power", "man_made", "telecom", "communication")
    )
    name: Mapped[str | None] = column(text("Name", "Название", "Назва"), osm="name")
    operator: Mapped[str | None] = column(text("Operator", "Эксплуатирует", "Эксплуатуе"), osm="operator")
    diameter_mm: Mapped[float | None] = column(
        text("Diameter", "Диаметр", "Дыяметр"), unit="mm", osm=tag("diameter", millimetres)
    )
    material: Mapped[str | None] = column(text("Material", "Материал", "Матэрыял"), osm="material")
    voltage_v: Mapped[int | None] = column(
        text("Voltage", "Напряжение", "Напружанне"), unit="V", osm=tag("voltage", volts)
    )
    installed_on: Mapped[date | None] = column(text("Installed on", "Дата прокладки", "Дата пракладкі"))
    status: Mapped[str | None] = column(text("Status", "Состояние", "Стан"), osm=status)
