"""Points of the utility networks: valves, pumps, transformers, tanks, towers and the like."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import millimetres, number, tag, volts, year
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import (
    DIAMETER,
    ELEVATION,
    KIND,
    NAME,
    NETWORK,
    OPEN_OR_CLOSED,
    OPERATOR,
    OTHER,
    REF,
    STATE,
    STATUS,
    YEAR_INSTALLED,
    dot,
    life_cycle,
)
from layers.models.utilities import HEAT, POWER, SEWER, WATER, network

_POWER_POINTS = frozenset(
    [
        "tower",
        "pole",
        "portal",
        "terminal",
        "transformer",
        "substation",
        "plant",
        "generator",
        "switch",
        "switchgear",
        "connection",
        "insulator",
        "cable_distribution_cabinet",
        "catenary_mast",
    ]
)
_NETWORKS = {
    "water_tower": WATER,
    "water_works": WATER,
    "water_well": WATER,
    "reservoir_covered": WATER,
    "wastewater_plant": SEWER,
    "pumping_station": WATER,
    "utility_pole": POWER,
    "heating_station": HEAT,
    "manhole": None,
    "street_cabinet": None,
    "storage_tank": None,
    "pump": WATER,
}
_KINDS = {"storage_tank": "tank", "reservoir_covered": "reservoir"}
_PIPELINE_POINTS = frozenset(["valve", "substation", "inspection_gauge"])
_NODES = ("junction", "bus", "node", "connection", "connection_point", "terminal", "distribution_point")
_POLES = ("pole", "tower", "portal", "catenary_mast", "utility_pole", "insulator")
_CABINETS = ("manhole", "street_cabinet", "cable_distribution_cabinet", "inspection_gauge")
_CONSUMERS = ("sink", "load", "meter", "service_device")
_POWER_PLANTS = ("transformer", "substation", "plant", "generator", "external_grid")
_WORKS = ("pump", "pumping_station", "water_works", "water_well", "wastewater_plant", "heating_station")
_TANKS = ("tank", "reservoir", "water_tower", "storage")
_TELECOM_POINTS = frozenset(["exchange", "connection_point", "service_device", "distribution_point", "data_center"])


def _kind(tags: Tags) -> str:
    if tags.get("pipeline") in _PIPELINE_POINTS:
        return tags["pipeline"]
    if tags.get("power") in _POWER_POINTS:
        return tags["power"]
    if tags.get("man_made") in _NETWORKS:
        return _KINDS.get(tags["man_made"], tags["man_made"])
    return tags["telecom"]


def _network(tags: Tags) -> str:
    if tags.get("power") in _POWER_POINTS:
        return POWER
    return _NETWORKS.get(tags.get("man_made", "")) or network(tags)


def _is_utility_point(tags: Tags) -> bool:
    return (
        tags.get("pipeline") in _PIPELINE_POINTS
        or tags.get("power") in _POWER_POINTS
        or tags.get("man_made") in _NETWORKS
        or tags.get("telecom") in _TELECOM_POINTS
    )


class UtilityPoint(Feature):
    """A node or a piece of equipment of a utility network."""

    __tablename__ = "utility_points"

    layer = Layer(
        title=text("Utility points", "Объекты инженерных сетей", "Аб'екты інжынерных сетак"),
        summary=text(
            "Valves, pumps, tanks, transformers, switches, meters, poles and other equipment of the networks",
            "Задвижки, насосы, резервуары, трансформаторы, счётчики, опоры и другое оборудование сетей",
            "Засаўкі, помпы, рэзервуары, трансфарматары, лічыльнікі, апоры і іншае абсталяванне сетак",
        ),
        function=CityFunction.HOUSING,
        shape=Shape.POINT,
        min_zoom=13,
        style=Style(
            column="kind",
            order=60,
            visible=False,
            symbols=(
                dot(OTHER, (), "#8a8a8a", width_px=6),
                dot(text("Nodes", "Узлы", "Вузлы"), _NODES, "#a0a6ad", width_px=4, min_zoom=15),
                dot(text("Poles and towers", "Опоры", "Апоры"), _POLES, "#8a7f73", width_px=4, min_zoom=14),
                dot(
                    text("Manholes and cabinets", "Колодцы и шкафы", "Калодзежы і шафы"),
                    _CABINETS,
                    "#6b5b4b",
                    width_px=5,
                    min_zoom=15,
                ),
                dot(
                    text("Consumers and meters", "Потребители и счётчики", "Спажыўцы і лічыльнікі"),
                    _CONSUMERS,
                    "#7fa05a",
                    width_px=5,
                    min_zoom=15,
                ),
                dot(text("Switches", "Выключатели", "Выключальнікі"), ("switch", "switchgear"), "#c2568a", width_px=6),
                dot(text("Valves", "Задвижки", "Засаўкі"), ("valve",), "#d1495b", width_px=7),
                dot(
                    text(
                        "Power plants, transformers", "Электростанции, трансформаторы", "Электрастанцыі, трансфарматары"
                    ),
                    _POWER_PLANTS,
                    "#6a4fb3",
                    width_px=9,
                ),
                dot(
                    text("Pumps, waterworks, boilers", "Насосы, водозаборы, котельные", "Помпы, водазаборы, кацельні"),
                    _WORKS,
                    "#1f8a9e",
                    width_px=9,
                ),
                dot(
                    text("Tanks and reservoirs", "Резервуары и башни", "Рэзервуары і вежы"),
                    _TANKS,
                    "#2f5fa8",
                    width_px=10,
                ),
            ),
        ),
        osm=OsmRule(
            keys=("power", "man_made", "pipeline", "telecom"),
            accept=_is_utility_point,
            elements=frozenset({"node", "area"}),
        ),
    )

    network: Mapped[str] = column(NETWORK, osm=_network)
    kind: Mapped[str] = column(KIND, osm=_kind)
    name: Mapped[str | None] = column(NAME, osm="name")
    ref: Mapped[str | None] = column(REF, osm="ref")
    operator: Mapped[str | None] = column(OPERATOR, osm="operator")
    node: Mapped[str | None] = column(text("Node", "Узел", "Вузел"), index=True)
    from_node: Mapped[str | None] = column(text("From node", "Начальный узел", "Пачатковы вузел"))
    to_node: Mapped[str | None] = column(text("To node", "Конечный узел", "Канцавы вузел"))
    state: Mapped[str | None] = column(STATE, choices=OPEN_OR_CLOSED)
    elevation_m: Mapped[float | None] = column(ELEVATION, unit="m", osm=tag("ele", number))
    diameter_mm: Mapped[float | None] = column(DIAMETER, unit="mm", osm=tag("diameter", millimetres), minimum=0)
    demand_lps: Mapped[float | None] = column(text("Demand for water", "Водопотребление", "Водаспажыванне"), unit="l/s")
    demand_kw: Mapped[float | None] = column(
        text("Demand for power", "Электрическая нагрузка", "Электрычная нагрузка"), unit="kW"
    )
    head_m: Mapped[float | None] = column(text("Head", "Напор", "Напор"), unit="m")
    volume_m3: Mapped[float | None] = column(text("Volume", "Объём", "Аб'ём"), unit="m³", minimum=0)
    rating_kva: Mapped[float | None] = column(
        text("Rated power", "Номинальная мощность", "Намінальная магутнасць"), unit="kVA", minimum=0
    )
    voltage_v: Mapped[int | None] = column(
        text("Voltage", "Напряжение", "Напружанне"), unit="V", osm=tag("voltage", volts), minimum=0
    )
    year_installed: Mapped[int | None] = column(YEAR_INSTALLED, osm=tag("start_date", year))
    status: Mapped[str | None] = column(STATUS, osm=life_cycle)
