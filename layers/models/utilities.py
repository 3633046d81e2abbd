"""Lines of the utility networks: pipes, cables and overhead lines."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Mapped

from layers.conversions import millimetres, tag, volts, year
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, first_tag, text
from layers.models import shared
from layers.models.base import Feature
from layers.models.shared import (
    DIAMETER,
    KIND,
    LENGTH,
    MATERIAL,
    NAME,
    NETWORK,
    OPEN_OR_CLOSED,
    OPERATOR,
    REF,
    STATE,
    STATUS,
    YEAR_INSTALLED,
    life_cycle,
)
from layers.rules import Connected, Met, NoDeadEnd, Plausible

WATER, SEWER, HEAT, GAS, POWER, TELECOM, OTHER = "water", "sewer", "heat", "gas", "power", "telecom", "other"

NETWORK_SYMBOLS = (
    Symbol(title=shared.OTHER, colour="#8a8a8a", width_px=2),
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


def network(tags: Tags) -> str:
    """Return the network to which a line or a point belongs by its tags."""
    if "power" in tags:
        return POWER
    if "telecom" in tags or "communication" in tags:
        return TELECOM
    substance = tags.get("substance") or tags.get("content") or tags.get("utility") or ""
    return _SUBSTANCES.get(substance, OTHER)


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
        style=Style(column="network", order=40, visible=False, symbols=NETWORK_SYMBOLS),
        osm=OsmRule(
            keys=("power", "man_made", "telecom", "communication"),
            accept=_is_utility,
            elements=frozenset({"way"}),
        ),
        rules=(
            Met(tolerance_m=0.5, apart_by="network"),
            Connected(apart_by="network"),
            NoDeadEnd(apart_by="network"),
            Plausible(column="diameter_mm", minimum=10, maximum=4000),
            Plausible(column="year_installed", minimum=1800, maximum=2100),
        ),
    )

    network: Mapped[str] = column(NETWORK, osm=network)
    kind: Mapped[str | None] = column(KIND, osm=first_tag("power", "man_made", "telecom", "communication"))
    name: Mapped[str | None] = column(NAME, osm="name")
    ref: Mapped[str | None] = column(REF, osm="ref")
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
    from_node: Mapped[str | None] = column(text("From node", "Начальный узел", "Пачатковы вузел"), index=True)
    to_node: Mapped[str | None] = column(text("To node", "Конечный узел", "Канцавы вузел"), index=True)
    state: Mapped[str | None] = column(STATE, choices=OPEN_OR_CLOSED)
    length_m: Mapped[float | None] = column(LENGTH, unit="m", minimum=0)
    diameter_mm: Mapped[float | None] = column(DIAMETER, unit="mm", osm=tag("diameter", millimetres), minimum=0)
    material: Mapped[str | None] = column(MATERIAL, osm="material")
    location: Mapped[str | None] = column(text("Laid", "Прокладка", "Пракладка"), osm="location")
    depth_m: Mapped[float | None] = column(text("Depth", "Глубина", "Глыбіня"), unit="m", minimum=0)
    voltage_v: Mapped[int | None] = column(
        text("Voltage", "Напряжение", "Напружанне"), unit="V", osm=tag("voltage", volts), minimum=0
    )
    max_current_a: Mapped[float | None] = column(
        text("Maximum current", "Предельный ток", "Гранічны ток"), unit="A", minimum=0
    )
    capacity_lps: Mapped[float | None] = column(
        text("Capacity", "Пропускная способность", "Прапускная здольнасць"), unit="l/s", minimum=0
    )
    pressure_bar: Mapped[float | None] = column(text("Pressure", "Давление", "Ціск"), unit="bar", minimum=0)
    year_installed: Mapped[int | None] = column(YEAR_INSTALLED, osm=tag("start_date", year))
    installed_on: Mapped[date | None] = column(text("Installed on", "Дата прокладки", "Дата пракладкі"))
    status: Mapped[str | None] = column(STATUS, osm=life_cycle)
