"""Water networks of EPANET: pipes as lines; junctions, reservoirs, tanks, pumps and valves as points."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import shapely

from layers.errors import SourceError
from layers.sources.networks.epanet_inp import InputFile, Line, check_readable, read_input_file
from layers.sources.networks.network import LINES, POINTS, Drawn, NetworkReader, Values, Xy, middle
from layers.sources.networks.placement import Anchor
from layers.sources.records import Reject

SUFFIXES = (".inp",)

_FOOT_M, _INCH_MM = 0.3048, 25.4
_GALLON_L, _IMPERIAL_GALLON_L, _CUBIC_FOOT_L, _ACRE_FOOT_L = 3.785411784, 4.54609, 28.316846592, 1233481.83754752
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_FLOWS_LPS = {
    "CFS": _CUBIC_FOOT_L,
    "GPM": _GALLON_L / _MINUTE_S,
    "MGD": 1e6 * _GALLON_L / _DAY_S,
    "IMGD": 1e6 * _IMPERIAL_GALLON_L / _DAY_S,
    "AFD": _ACRE_FOOT_L / _DAY_S,
    "LPS": 1.0,
    "LPM": 1 / _MINUTE_S,
    "MLD": 1e6 / _DAY_S,
    "CMH": 1000 / _HOUR_S,
    "CMD": 1000 / _DAY_S,
    "CMS": 1000.0,
    "SI": 1.0,
}
_US_UNITS = {"CFS", "GPM", "MGD", "IMGD", "AFD"}
_PLACES = 6
_VOLUME_CURVE, _NO_CURVE = 7, "*"
_OPEN, _CLOSED, _CHECK_VALVE = "OPEN", "CLOSED", "CV"


class EpanetReader(NetworkReader):
    """Reads a water network from an EPANET input file.

    Pumps and valves, which are links in EPANET, become points half-way between their ends. Lengths, elevations and
    diameters are converted from the units of the file; the demand of a junction is the sum of its base demands, before
    patterns and the demand multiplier. Nodes are known as ``node/{id}`` and links as ``link/{id}``, since EPANET allows
    one id for both.

    Parameters
    ----------
    path
        The file.
    crs, anchor
        Where its coordinates lie: one of the two.
    encoding
        Of its text, where that isn't UTF-8.

    Raises
    ------
    SourceError
        It can't be read, is cut off, or is no EPANET network.
    InvalidInputError
        It isn't said where on Earth its coordinates lie, or they don't lie there.
    """

    def __init__(
        self, path: Path, *, crs: str | None = None, anchor: Anchor | None = None, encoding: str | None = None
    ) -> None:
        network = _Network(read_input_file(path, encoding=encoding))
        super().__init__(path.name, [*network.nodes(), *network.links()], crs=crs, anchor=anchor)


class _Network:
    """Draws the nodes and links of an input file."""

    def __init__(self, file: InputFile) -> None:
        self._file = file
        units = (file.option("UNITS") or "GPM").upper()
        if units not in _FLOWS_LPS:
            raise SourceError(f"{file.name} states the units {units}; EPANET knows {', '.join(_FLOWS_LPS)}.")
        self._units = units
        self._flow_lps = _FLOWS_LPS[units]
        self._length_m, self._diameter_mm = (_FOOT_M, _INCH_MM) if units in _US_UNITS else (1.0, 1.0)
        self._places = {line.words[0]: xy for line in file["COORDINATES"] if (xy := _xy(line)) is not None}
        if not self._places:
            raise SourceError(f"{file.name} has no [COORDINATES], so nothing in it has a place.")
        self._vertices: defaultdict[str, list[Xy]] = defaultdict(list)
        for line in file["VERTICES"]:
            if (xy := _xy(line)) is not None:
                self._vertices[line.words[0]].append(xy)
        self._known = {line.words[0] for each in ("JUNCTIONS", "RESERVOIRS", "TANKS") for line in file[each]}
        self._status = {line.words[0]: line.words[1].upper() for line in file["STATUS"] if len(line.words) > 1}
        self._tags = {
            (line.words[0].upper(), line.words[1]): line.words[2] for line in file["TAGS"] if len(line.words) > 2
        }
        self._demands = self._demands_by_junction()

    def nodes(self) -> Iterator[Drawn | Reject]:
        """Draw junctions, reservoirs and tanks."""
        for section, values_of in (
            ("JUNCTIONS", self._junction),
            ("RESERVOIRS", self._reservoir),
            ("TANKS", self._tank),
        ):
            for line in self._file[section]:
                yield self._node(line, values_of)

    def links(self) -> Iterator[Drawn | Reject]:
        """Draw pipes, pumps and valves."""
        for section, values_of in (("PIPES", self._pipe), ("PUMPS", self._pump), ("VALVES", self._valve)):
            for line in self._file[section]:
                yield self._link(line, values_of)

    def _node(self, line: Line, values_of: Callable[[Line], tuple[Values, Values]]) -> Drawn | Reject:
        check_readable(self._file, line)
        name = line.words[0]
        if name not in self._places:
            return _reject(POINTS, f"node/{name}", "no coordinates", line)
        try:
            values, tags = values_of(line)
        except ValueError as error:
            return _reject(POINTS, f"node/{name}", str(error), line)
        values |= {"network": "water", "ref": name, "node": name}
        return Drawn(POINTS, f"node/{name}", shapely.Point(self._places[name]), values, self._more("NODE", line, tags))

    def _link(self, line: Line, values_of: Callable[[Line], tuple[Values, Values]]) -> Drawn | Reject:
        check_readable(self._file, line)
        layer = LINES if values_of == self._pipe else POINTS
        name = line.words[0]
        try:
            start, end = self._ends(line)
            values, tags = values_of(line)
        except ValueError as error:
            return _reject(layer, f"link/{name}", str(error), line)
        geometry = shapely.LineString([self._places[start], *self._vertices[name], self._places[end]])
        values |= {"network": "water", "ref": name, "from_node": start, "to_node": end}
        tags = self._more("LINK", line, tags)
        return Drawn(layer, f"link/{name}", geometry if layer == LINES else middle(geometry), values, tags)

    def _ends(self, line: Line) -> tuple[str, str]:
        if len(line.words) < 3:
            raise ValueError("the nodes at its ends are missing")
        start, end = line.words[1:3]
        for node in (start, end):
            if node not in self._known:
                raise ValueError("a node at its end isn't in the file")
            if node not in self._places:
                raise ValueError("a node at its end has no coordinates")
        if start == end:
            raise ValueError("both its ends are one node")
        return start, end

    def _junction(self, line: Line) -> tuple[Values, Values]:
        base = self._demands.get(line.words[0])
        demand = base if base is not None else _number(line, 2, "demand", default=0.0)
        elevation = self._metres(line, 1, "elevation", default=0.0)
        return {"kind": "junction", "elevation_m": elevation, "demand_lps": round(demand * self._flow_lps, _PLACES)}, {}

    def _reservoir(self, line: Line) -> tuple[Values, Values]:
        head_m = self._metres(line, 1, "head")
        return {"kind": "reservoir", "elevation_m": head_m, "head_m": head_m}, {}

    def _tank(self, line: Line) -> tuple[Values, Values]:
        levels = ("initial_level_m", "min_level_m", "max_level_m", "tank_diameter_m")
        tags: Values = {
            name: self._metres(line, place, name.removesuffix("_m"))
            for place, name in enumerate(levels, start=2)
            if place < len(line.words)
        }
        values: Values = {"kind": "tank", "elevation_m": self._metres(line, 1, "elevation")}
        if len(tags) == len(levels):
            values["volume_m3"] = self._tank_volume_m3(line, tags)
        return values, tags

    def _tank_volume_m3(self, line: Line, tank: Values) -> float | None:
        """Return the volume of a full tank; that of one with a volume curve isn't known."""
        if len(line.words) > _VOLUME_CURVE and line.words[_VOLUME_CURVE] != _NO_CURVE:
            return None
        area_m2 = math.pi / 4 * float(tank["tank_diameter_m"]) ** 2
        low_m, high_m = float(tank["min_level_m"]), float(tank["max_level_m"])
        least_m3 = _number(line, _VOLUME_CURVE - 1, "minimum volume", default=0.0) * self._length_m**3
        return round((least_m3 or area_m2 * low_m) + area_m2 * (high_m - low_m), 3)

    def _pipe(self, line: Line) -> tuple[Values, Values]:
        written = [word.upper() for word in line.words[6:8]]
        status = self._status.get(line.words[0]) or next((word for word in reversed(written) if word.isalpha()), _OPEN)
        values: Values = {
            "kind": "pipe",
            "length_m": round(_above_zero(line, 3, "length") * self._length_m, _PLACES),
            "diameter_mm": round(_above_zero(line, 4, "diameter") * self._diameter_mm, _PLACES),
            "state": "closed" if status == _CLOSED else "open",
        }
        tags: Values = {"roughness": _number(line, 5, "roughness")}
        if _CHECK_VALVE in written:
            tags["check_valve"] = "yes"
        return values, tags

    def _pump(self, line: Line) -> tuple[Values, Values]:
        status = self._status.get(line.words[0], _OPEN)
        stopped = status == _CLOSED or _is_zero(status)
        tags: Values = {"parameters": " ".join(line.words[3:]), "units": self._units}
        return {"kind": "pump", "state": "closed" if stopped else "open"}, tags

    def _valve(self, line: Line) -> tuple[Values, Values]:
        status = self._status.get(line.words[0], _OPEN)
        values: Values = {
            "kind": "valve",
            "diameter_mm": round(_above_zero(line, 3, "diameter") * self._diameter_mm, _PLACES),
            "state": "closed" if status == _CLOSED else "open",
        }
        words = line.words[4:6]
        return values, dict(zip(("valve_type", "setting"), words, strict=False)) | {"units": self._units}

    def _metres(self, line: Line, place: int, name: str, *, default: float | None = None) -> float:
        return round(_number(line, place, name, default=default) * self._length_m, _PLACES)

    def _demands_by_junction(self) -> dict[str, float]:
        """Return the base demands that stand in their own section, which go before those of the junctions."""
        found: defaultdict[str, float] = defaultdict(float)
        for line in self._file["DEMANDS"]:
            try:
                found[line.words[0]] += _number(line, 1, "demand")
            except ValueError as error:
                raise SourceError(f"Line {line.number} of {self._file.name}: {error}.") from error
        return found

    def _more(self, kind: str, line: Line, tags: Values) -> dict[str, str]:
        """Return the tags with the comment on the line and the tag that EPANET keeps."""
        more = {"description": line.comment, "tag": self._tags.get((kind, line.words[0]), "")}
        return {name: _text(value) for name, value in (tags | more).items() if value != ""}


def _xy(line: Line) -> Xy | None:
    """Return the coordinates on a line, if there are some."""
    try:
        x, y = float(line.words[1]), float(line.words[2])
    except (ValueError, IndexError):
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def _number(line: Line, place: int, name: str, *, default: float | None = None) -> float:
    if place >= len(line.words):
        if default is None:
            raise ValueError(f"{name} is missing")
        return default
    try:
        found = float(line.words[place])
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"{name} {line.words[place]!r} is no number")
    return found


def _above_zero(line: Line, place: int, name: str) -> float:
    found = _number(line, place, name)
    if found <= 0:
        raise ValueError(f"{name} {line.words[place]} isn't above 0")
    return found


def _is_zero(status: str) -> bool:
    try:
        return float(status) == 0
    except ValueError:
        return False


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _reject(layer: str, source_id: str, reason: str, line: Line) -> Reject:
    return Reject(layer, source_id, reason, {"line": line.number, "text": " ".join(line.words)})
