"""Points of the utility networks: hydrants, towers, transformers, tanks and the like."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Mapped

from layers.conversions import tag, volts
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Tags, column, text
from layers.models.base import Feature
from layers.models.utilities import HEAT, NETWORK_SYMBOLS, POWER, SEWER, WATER, network, status

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
}
_TELECOM_POINTS = frozenset(["exchange", "connection_point", "service_device", "distribution_point", "data_center"])


def _kind(tags: Tags) -> str:
    if tags.get("emergency") == "fire_hydrant":
        return "fire_hydrant"
    if tags.get("power") in _POWER_POINTS:
        return tags["power"]
    if tags.get("man_made") in _NETWORKS:
        return tags["man_made"]
    return tags["telecom"]


def _network(tags: Tags) -> str:
    if tags.get("emergency") == "fire_hydrant":
        return WATER
    if tags.get("power") in _POWER_POINTS:
        return POWER
    return _NETWORKS.get(tags.get("man_made", "")) or network(tags)


def _is_utility_point(tags: Tags) -> bool:
    return (
        tags.get("emergency") == "fire_hydrant"
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
            "Hydrants, towers, poles, transformers, tanks and other equipment of the networks",
            "Гидранты, опоры, трансформаторы, резервуары и другое оборудование сетей",
            "Гідранты, апоры, трансфарматары, рэзервуары і іншае абсталяванне сетак",
        ),
        function=CityFunction.HOUSING,
        shape=Shape.POINT,
        min_zoom=13,
        style=Style(
            column="network",
            order=60,
            symbols=tuple(replace(each, width_px=7, outline="#ffffff") for each in NETWORK_SYMBOLS),
        ),
        osm=OsmRule(
            keys=("power", "man_made", "emergency", "telecom"),
            accept=_is_utility_point,
            elements=frozenset({"node", "area"}),
        ),
    )

    network: Mapped[str] = column(text("Network", "Сеть", "Сетка"), osm=_network)
    kind: Mapped[str] = column(text("Kind", "Вид", "Від"), osm=_kind)
    name: Mapped[str | None] = column(text("Name", "Название", "Назва"), osm="name")
    ref: Mapped[str | None] = column(text("Number", "Номер", "Нумар"), osm="ref")
    operator: Mapped[str | None] = column(text("Operator", "Эксплуатирует", "Эксплуатуе"), osm="operator")
    voltage_v: Mapped[int | None] = column(
        text("Voltage", "Напряжение", "Напружанне"), unit="V", osm=tag("voltage", volts)
    )
    status: Mapped[str | None] = column(text("Status", "Состояние", "Стан"), osm=status)
