"""From the lines and points of a utility network to what can be traced: links, nodes, valves and sources."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from geo.crs import metric_crs
from geo.errors import InvalidInputError, named
from geo.inputs.services import column
from geo.networks.network import Network, check_lines
from geo.networks.trace import PipeNetwork

if TYPE_CHECKING:
    import geopandas as gpd

    from geo.networks.topology import Geometries, Ints

SOURCES = (
    "reservoir",
    "tank",
    "water_works",
    "water_well",
    "water_tower",
    "reservoir_covered",
    "heating_station",
    "plant",
    "source",
)
"""Kinds of points from which a network is fed."""

NOBODYS = -1
"""The valve of a closed pipe, or one assumed: no feature."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Pipes:
    """A utility network that can be traced, and where its parts lie.

    Parameters
    ----------
    network
        Links, nodes and valves.
    line
        Position, among the lines given, of that of which each link is a part; -1 for a pump or a valve that is a link.
    geometry
        Of each link; ``None`` for a pump or a valve.
    valve_point
        Position, among the points given, of each valve; -1 for one that is no feature.
    sources
        Nodes from which it is fed.
    """

    network: PipeNetwork
    line: Ints
    geometry: Geometries
    valve_point: Ints
    sources: Ints

    def with_stuck(self, points: Ints) -> Pipes:
        """Return the same, where the valves of some of the points given can't be turned."""
        operable = self.network.valve_operable & ~np.isin(self.valve_point, points)
        return replace(self, network=replace(self.network, valve_operable=operable))

    def valve_places(self, points: gpd.GeoDataFrame) -> Geometries:
        """Return a point for each valve: that of its feature, else the end of its pipe."""
        own = points.geometry.centroid.to_numpy()
        link, node = self.network.valve_link, self.network.valve_node
        at_start = node == self.network.start[link]
        ends = [_end(self.geometry[each], 0 if first else -1) for each, first in zip(link, at_start, strict=True)]
        places: Geometries = np.array(
            [own[point] if point != NOBODYS else end for point, end in zip(self.valve_point, ends, strict=True)],
            dtype=object,
        )
        return places


def read_pipes(
    lines: gpd.GeoDataFrame, points: gpd.GeoDataFrame, *, snap_m: float, valve_at_every_end: bool = False
) -> Pipes:
    """Read a utility network.

    Where every line has ``from_node`` and ``to_node``, these names say what is connected; else lines join where they
    share a vertex. A valve or a pump with ``from_node`` and ``to_node`` sits on the line between them, near ``node``
    if that is one of them, or is a link itself where there is no such line. A valve with ``node`` only stands for one
    on each line that ends there. Others sit on the nearest line, at its nearer end.

    Parameters
    ----------
    lines
        In a projected CRS in metres; ``state`` is ``open`` (also null) or ``closed``.
    points
        In the same CRS: ``kind`` (``valve``, ``pump``, one of `SOURCES`, others are left out) and ``state``.
    snap_m
        Points without the name of a node that are farther than this from every line are left out.
    valve_at_every_end
        Assume a valve, open and sound, at both ends of each line, beside those there are.

    Raises
    ------
    InvalidInputError
        If there is no line, the CRS differ or are not in metres, or a state is something else.
    """
    metric_crs(lines.crs, "utilities")
    check_lines(lines.geometry, "pipes are lines")
    if lines.empty:
        raise InvalidInputError("the network has no line")
    if points.crs != lines.crs:
        raise InvalidInputError("utility points must be in the CRS of the utilities")
    builder = _Builder.named(lines, points) if _is_named(lines) else _Builder.drawn(lines, points)
    builder.close_lines(_closed(lines))
    kind, closed = column(points, "kind"), _closed(points)
    for row in _rows(kind == "pump"):
        builder.add_pump(row, closed=bool(closed[row]))
    for row in _rows(kind == "valve"):
        builder.add_valve(row, snap_m, closed=bool(closed[row]))
    for row in _rows(kind.isin(SOURCES)):
        builder.add_source(row, snap_m)
    if valve_at_every_end:
        builder.assume_valves()
    return builder.build()


@dataclass(eq=False, kw_only=True)
class _Builder:
    """A network as it is put together; nodes are numbers."""

    nodes: int
    start: list[int]
    end: list[int]
    line: list[int]
    geometry: list[Any]
    places: Geometries
    point_node: Ints
    point_from: Ints
    point_to: Ints
    valves: list[tuple[int, int, bool, bool, int]] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.between: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.ending: dict[int, list[int]] = defaultdict(list)
        for link, (start, end) in enumerate(zip(self.start, self.end, strict=True)):
            self.between[min(start, end), max(start, end)].append(link)
            for node in {start, end}:
                self.ending[node].append(link)
        self.tree = shapely.STRtree(self.geometry)

    @classmethod
    def named(cls, lines: gpd.GeoDataFrame, points: gpd.GeoDataFrame) -> _Builder:
        columns = [lines["from_node"], lines["to_node"]]
        columns += [column(points, name) for name in ("node", "from_node", "to_node")]
        codes, names = pd.factorize(pd.concat([each.astype(object) for each in columns], ignore_index=True))
        start, end, *at = np.split(codes.astype(np.int64), np.cumsum([len(each) for each in columns])[:-1])
        return cls(
            nodes=len(names),
            start=start.tolist(),
            end=end.tolist(),
            line=list(range(len(lines))),
            geometry=list(lines.geometry),
            places=points.geometry.centroid.to_numpy(),
            point_node=at[0],
            point_from=at[1],
            point_to=at[2],
        )

    @classmethod
    def drawn(cls, lines: gpd.GeoDataFrame, points: gpd.GeoDataFrame) -> _Builder:
        network = Network.from_lines(lines.reset_index(drop=True))
        unknown = np.full(len(points), -1)
        return cls(
            nodes=len(network.node_xy),
            start=network.start.tolist(),
            end=network.end.tolist(),
            line=network.feature.tolist(),
            geometry=list(network.geometry),
            places=points.geometry.centroid.to_numpy(),
            point_node=unknown,
            point_from=unknown,
            point_to=unknown,
        )

    def close_lines(self, closed: np.typing.NDArray[np.bool_]) -> None:
        for link, line in enumerate(self.line):
            if closed[line]:
                self.valves.append((link, self.start[link], False, False, NOBODYS))

    def assume_valves(self) -> None:
        for link in np.flatnonzero(np.array(self.line) >= 0).tolist():
            self.valves += [(link, node, True, True, NOBODYS) for node in (self.start[link], self.end[link])]

    def add_pump(self, row: int, *, closed: bool) -> None:
        start, end = int(self.point_from[row]), int(self.point_to[row])
        if min(start, end) >= 0 and (min(start, end), max(start, end)) not in self.between:
            link = self._add_link(start, end)
            if closed:
                self.valves.append((link, start, False, False, NOBODYS))

    def add_valve(self, row: int, snap_m: float, *, closed: bool) -> None:
        for link, node in self._joints(row, snap_m):
            self.valves.append((link, node, not closed, True, row))

    def add_source(self, row: int, snap_m: float) -> None:
        node = int(self.point_node[row])
        joints = [(0, node)] if node >= 0 else self._nearest(row, snap_m)
        self.sources += [node for _, node in joints]

    def build(self) -> Pipes:
        columns = list(zip(*self.valves, strict=True)) or [()] * 5
        network = PipeNetwork(
            nodes=self.nodes,
            start=np.array(self.start, dtype=np.int64),
            end=np.array(self.end, dtype=np.int64),
            valve_link=np.array(columns[0], dtype=np.int64),
            valve_node=np.array(columns[1], dtype=np.int64),
            valve_open=np.array(columns[2], dtype=bool),
            valve_operable=np.array(columns[3], dtype=bool),
        )
        geometry = np.empty(len(self.geometry), dtype=object)
        geometry[:] = self.geometry
        return Pipes(
            network=network,
            line=np.array(self.line, dtype=np.int64),
            geometry=geometry,
            valve_point=np.array(columns[4], dtype=np.int64),
            sources=np.unique(np.array(self.sources, dtype=np.int64)),
        )

    def _joints(self, row: int, snap_m: float) -> list[tuple[int, int]]:
        """Return where a valve sits: links, and the node near which it sits on each."""
        node, start, end = int(self.point_node[row]), int(self.point_from[row]), int(self.point_to[row])
        if min(start, end) >= 0:
            links = self.between.get((min(start, end), max(start, end)))
            link = self._add_link(start, end) if links is None else self._nearest_of(links, row)
            return [(link, node if node in (start, end) else start)]
        if node >= 0:
            return [(link, node) for link in self.ending[node]]
        return self._nearest(row, snap_m)

    def _nearest(self, row: int, snap_m: float) -> list[tuple[int, int]]:
        """Return the nearest link and its nearer end, if any is near enough."""
        place = self.places[row]
        if shapely.is_missing(place) or shapely.is_empty(place):
            return []
        found = self.tree.query_nearest(place, max_distance=snap_m, all_matches=False)
        if not len(found):
            return []
        link = int(found[0])
        along = shapely.line_locate_point(self.geometry[link], place, normalized=True)
        return [(link, self.start[link] if along <= 0.5 else self.end[link])]

    def _nearest_of(self, links: list[int], row: int) -> int:
        if len(links) == 1:
            return links[0]
        apart = shapely.distance(np.array([self.geometry[link] for link in links], dtype=object), self.places[row])
        return links[int(np.where(np.isnan(apart), np.inf, apart).argmin())]

    def _add_link(self, start: int, end: int) -> int:
        self.start.append(start)
        self.end.append(end)
        self.line.append(-1)
        self.geometry.append(None)
        link = len(self.start) - 1
        self.between[min(start, end), max(start, end)].append(link)
        for node in {start, end}:
            self.ending[node].append(link)
        return link


def _end(line: Any, number: int) -> Any:
    """Return the first or the last point of a line, of one in parts too; ``None`` where there is no line."""
    if line is None:
        return None
    return shapely.get_point(shapely.get_parts(line)[number], number)


def _rows(which: pd.Series[Any]) -> list[int]:
    return np.flatnonzero(which.to_numpy(dtype=bool, na_value=False)).tolist()


def _is_named(lines: gpd.GeoDataFrame) -> bool:
    return bool(column(lines, "from_node").notna().all() and column(lines, "to_node").notna().all())


def _closed(frame: gpd.GeoDataFrame) -> np.typing.NDArray[np.bool_]:
    state = column(frame, "state")
    wrong = state[state.notna() & ~state.isin(["open", "closed"])]
    if len(wrong):
        raise InvalidInputError(f"state of {named(wrong.index[0])} is {named(wrong.iloc[0])}, not open, closed or null")
    closed: np.typing.NDArray[np.bool_] = (state == "closed").to_numpy(dtype=bool, na_value=False)
    return closed
