"""Power networks of pandapower: lines and cables as lines; buses, transformers, loads, switches and more as points."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import shapely

from layers.sources.networks.network import LINES, POINTS, Drawn, NetworkReader, Values, Xy, middle
from layers.sources.networks.pandapower_tables import Row, Table, read_tables, shape_of
from layers.sources.networks.placement import Anchor
from layers.sources.records import Reject

_AT_BUS = {
    "load": "load",
    "asymmetric_load": "load",
    "sgen": "generator",
    "asymmetric_sgen": "generator",
    "gen": "generator",
    "ext_grid": "external_grid",
    "storage": "storage",
    "motor": "motor",
    "shunt": "shunt",
    "ward": "ward",
    "xward": "ward",
}
_BETWEEN_BUSES = {"line": "", "impedance": "impedance", "dcline": "dc_line"}
_LINE_KINDS = {"cs": "cable", "ol": "line"}
_TABLE_OF_SWITCH = {"l": "line", "t": "trafo", "t3": "trafo3w"}
_GEODATA = {"bus_geodata", "line_geodata"}
_PLACES = 6


class PandapowerReader(NetworkReader):
    """Reads a power network from pandapower's JSON file, of version 2 or 3.

    Buses are nodes, known by their index. A switch between a bus and a line or transformer stands between the bus and a
    node of its own, at which the line then ends, so that a trace goes through the switch. Transformers and switches
    between buses lie half-way between them. What is out of service has the state ``open``.

    Parameters
    ----------
    path
        The file.
    crs, anchor
        Where its coordinates lie: one of the two.

    Raises
    ------
    SourceError
        It can't be read, is cut off, or is no pandapower network.
    InvalidInputError
        It isn't said where on Earth its coordinates lie, or they don't lie there.
    """

    def __init__(self, path: Path, *, crs: str | None = None, anchor: Anchor | None = None) -> None:
        network = _Network(read_tables(path))
        items = [*network.buses(), *network.switches(), *network.between_buses(), *network.transformers()]
        super().__init__(path.name, [*items, *network.at_buses()], crs=crs, anchor=anchor)
        for name, number in network.passed_over().items():
            self.notes.passed_over[POINTS, name] = number


class _Network:
    """Draws the elements of a network."""

    def __init__(self, tables: dict[str, Table]) -> None:
        self._tables = tables
        self._buses = tables["bus"]
        self._places = {index: xy for index in self._buses if (xy := self._place(index)) is not None}
        self._ends: dict[tuple[str, str, str], str] = {}

    def passed_over(self) -> dict[str, int]:
        """Return the numbers of rows in tables of equipment that has no place in the layers, such as DC converters."""
        known = {"bus", "switch", "trafo", "trafo3w", *_AT_BUS, *_BETWEEN_BUSES, *_GEODATA}
        return {
            name: len(rows)
            for name, rows in self._tables.items()
            if name not in known and not name.startswith(("res_", "_")) and _has_bus(rows)
        }

    def buses(self) -> Iterator[Drawn | Reject]:
        """Draw the buses."""
        for index, row in self._buses.items():
            values = {"kind": "bus", "node": index, "voltage_v": _thousandfold(row, "vn_kv", whole=True)}
            yield self._point("bus", index, row, values, self._places.get(index))

    def at_buses(self) -> Iterator[Drawn | Reject]:
        """Draw what is connected to one bus: loads, generators and the like."""
        for table, kind in _AT_BUS.items():
            for index, row in self._tables.get(table, {}).items():
                bus = str(row.get("bus"))
                values = {
                    "kind": kind,
                    "node": bus,
                    "voltage_v": _thousandfold(self._buses.get(bus, {}), "vn_kv", whole=True),
                    "rating_kva": _thousandfold(row, "sn_mva"),
                    "demand_kw": _demand_kw(row) if kind == "load" else None,
                }
                yield self._point(table, index, row, values, self._places.get(bus))

    def switches(self) -> Iterator[Drawn | Reject]:
        """Draw the switches, and note at which nodes the lines and transformers behind them end."""
        for index, row in self._tables.get("switch", {}).items():
            bus, element = str(row.get("bus")), str(row.get("element"))
            values: Values = {"kind": "switch", "state": "closed" if row.get("closed", True) else "open"}
            if row.get("et") == "b":
                yield self._point("switch", index, row, values, self._half_way(bus, element), ends=(bus, element))
                continue
            key = (_TABLE_OF_SWITCH.get(str(row.get("et")), ""), element, bus)
            if element not in self._tables.get(key[0], {}):
                yield Reject(POINTS, f"switch/{index}", "what it switches isn't in the file", row)
                continue
            near, far = self._ends.get(key, bus), f"switch/{index}"
            self._ends[key] = far
            yield self._point("switch", index, row, values, self._places.get(bus), ends=(near, far))

    def between_buses(self) -> Iterator[Drawn | Reject]:
        """Draw lines, and what else connects two buses; a line without geometry is straight."""
        drawn = self._tables.get("line_geodata", {})
        for table, kind in _BETWEEN_BUSES.items():
            for index, row in self._tables.get(table, {}).items():
                buses = str(row.get("from_bus")), str(row.get("to_bus"))
                places = _line(row.get("geo")) or (_line(drawn.get(index, {}).get("coords")) if table == "line" else [])
                values = {
                    "kind": kind or _LINE_KINDS.get(str(row.get("type")), "line"),
                    "length_m": _thousandfold(row, "length_km"),
                    "max_current_a": _thousandfold(row, "max_i_ka"),
                    "voltage_v": _thousandfold(self._buses.get(buses[0], {}), "vn_kv", whole=True),
                    "state": _state(row),
                }
                yield self._line(table, index, row, values, buses, places)

    def transformers(self) -> Iterator[Drawn | Reject]:
        """Draw transformers: one of three windings as two, from the high voltage to each of the others."""
        for table, sides in (("trafo", ("lv",)), ("trafo3w", ("mv", "lv"))):
            for index, row in self._tables.get(table, {}).items():
                for side in sides:
                    buses = str(row.get("hv_bus")), str(row.get(f"{side}_bus"))
                    values = {
                        "kind": "transformer",
                        "voltage_v": _thousandfold(row, "vn_hv_kv", whole=True),
                        "rating_kva": _thousandfold(row, "sn_mva" if table == "trafo" else f"sn_{side}_mva"),
                        "state": _state(row),
                    }
                    ends = tuple(self._ends.get((table, index, bus), bus) for bus in buses)
                    name = index if len(sides) == 1 else f"{index}/{side}"
                    place = self._half_way(*buses)
                    yield self._point(table, name, row, values, place, ends=(ends[0], ends[1]))

    def _point(
        self, table: str, index: str, row: Row, values: Values, place: Xy | None, *, ends: tuple[str, str] | None = None
    ) -> Drawn | Reject:
        source_id = f"{table}/{index}"
        if place is None:
            return Reject(POINTS, source_id, "no bus with coordinates", row)
        if ends is not None:
            values |= {"from_node": ends[0], "to_node": ends[1]}
        return Drawn(POINTS, source_id, shapely.Point(place), _named(values, row), _tags(row))

    def _line(
        self, table: str, index: str, row: Row, values: Values, buses: tuple[str, str], places: list[Xy]
    ) -> Drawn | Reject:
        source_id = f"{table}/{index}"
        if any(bus not in self._buses for bus in buses):
            return Reject(LINES, source_id, "a bus at its end isn't in the file", row)
        if not places and any(bus not in self._places for bus in buses):
            return Reject(LINES, source_id, "neither it nor both its buses have coordinates", row)
        geometry = shapely.LineString(places or [self._places[bus] for bus in buses])
        start, end = (self._ends.get((table, index, bus), bus) for bus in buses)
        values |= {"from_node": start, "to_node": end}
        return Drawn(LINES, source_id, geometry, _named(values, row), _tags(row))

    def _place(self, index: str) -> Xy | None:
        row = self._buses[index]
        if "geo" in row:
            return _xy(shape_of(row["geo"]))
        geodata = self._tables.get("bus_geodata", {}).get(index, {})
        return _xy([geodata.get("x"), geodata.get("y")])

    def _half_way(self, *buses: str) -> Xy | None:
        places = [self._places[bus] for bus in buses if bus in self._places]
        if len(places) < len(buses):
            return None
        point = middle(shapely.LineString(places))
        return point.x, point.y


def _xy(coordinates: Any) -> Xy | None:
    try:
        x, y = float(coordinates[0]), float(coordinates[1])
    except (TypeError, ValueError, IndexError, KeyError):
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def _line(geometry: Any) -> list[Xy]:
    """Return the places along a line; none where any of them can't be read."""
    coordinates = shape_of(geometry)
    places = [_xy(each) for each in coordinates] if isinstance(coordinates, list) else []
    known = [each for each in places if each is not None]
    return known if len(known) == len(places) > 1 else []


def _thousandfold(row: Row, name: str, *, whole: bool = False) -> float | int | None:
    value = row.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return round(value * 1000) if whole else round(value * 1000, _PLACES)


def _demand_kw(row: Row) -> float | None:
    """Return the real power that a load takes, of all phases together."""
    phases = [_thousandfold(row, name) for name in ("p_mw", "p_a_mw", "p_b_mw", "p_c_mw")]
    known = [each for each in phases if each is not None]
    scaling = row.get("scaling", 1)
    return round(sum(known) * scaling, _PLACES) if known and isinstance(scaling, int | float) else None


def _state(row: Row) -> str:
    return "closed" if row.get("in_service", True) else "open"


def _named(values: Values, row: Row) -> Values:
    return values | {"network": "power", "name": row.get("name")}


def _tags(row: Row) -> dict[str, str]:
    return {name: str(value) for name, value in row.items() if name not in {"geo", "name"}}


def _has_bus(rows: Table) -> bool:
    return any(name.startswith(("bus", "from_bus")) for row in rows.values() for name in row)
