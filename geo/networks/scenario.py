"""What if: streets that are added to a network, or parted by barriers, without building it anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo.errors import InvalidInputError, named
from geo.networks.network import check_lines
from geo.networks.positions import SAME_PLACE, Positions
from geo.networks.topology import Floats, Geometries, Ints, cut_lines
from geo.networks.travel import StreetAttributes

if TYPE_CHECKING:
    import geopandas as gpd

    from geo.networks.network import Network


@dataclass(frozen=True, eq=False, kw_only=True)
class Scenario:
    """A network that came of another by cutting edges and adding some.

    Edges keep their numbers; of one that was cut the first piece does, and the other pieces follow behind all others.

    Parameters
    ----------
    network
        The network that came of it.
    cut
        The edge of the former network of which each piece is a part; pieces of an edge in their order.
    low, high
        Fractions of that edge between which the piece lies.
    piece
        The edge that the piece is now.
    """

    network: Network
    cut: Ints
    low: Floats
    high: Floats
    piece: Ints

    def moved(self, places: Positions) -> Positions:
        """Return places found in the former network as places in this one."""
        edge, fraction = places.edge.copy(), places.fraction.copy()
        if len(self.cut):
            begins = self.cut + self.low
            inside = np.clip(places.fraction, 0, 1 - SAME_PLACE)
            at = np.searchsorted(begins, places.edge + inside, side="right") - 1
            here = (at >= 0) & (self.cut[at] == places.edge)
            piece = at[here]
            edge[here] = self.piece[piece]
            length = self.high[piece] - self.low[piece]
            fraction[here] = np.clip((places.fraction[here] - self.low[piece]) / length, 0, 1)
        return Positions(edge, fraction, places.distance_m)

    def pieces_of(self, edges: Ints) -> Ints:
        """Return edges of the former network as edges of this one, cut ones with all their pieces."""
        return np.union1d(edges, self.piece[np.isin(self.cut, edges)])


def add_links(network: Network, links: gpd.GeoDataFrame, *, max_m: float) -> Scenario:
    """Add streets whose ends join the nearest edges, in the middle of them too.

    They cross other streets without a junction, as bridges do: draw a link to each street that it shall meet.

    Parameters
    ----------
    network
        The network, which stays as it is.
    links
        LineStrings in its CRS, with the columns that `Network.from_roads` reads; they label the new edges.
    max_m
        An end farther than this from every edge is an error.

    Raises
    ------
    InvalidInputError
        If the CRS differs, a geometry is not a line, is empty or not finite, an end is far from every edge, or both
        ends are at one place.
    """
    if links.crs != network.crs:
        raise InvalidInputError(f"links must be in the CRS of the network, {network.crs.name}")
    lines = _single_lines(links)
    tips = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    places = _nearest(network, tips, max_m)
    far = np.flatnonzero(~places.found)
    if len(far):
        label = links.index[far[0] % len(lines)]
        raise InvalidInputError(
            f"an end of the link {named(label)}, {tips[far[0]]}, is more than {max_m:g} m from any edge"
        )
    scenario, node = _cut(network, places)
    start, end = node[: len(lines)], node[len(lines) :]
    same = np.flatnonzero(start == end)
    if len(same):
        raise InvalidInputError(f"both ends of the link {named(links.index[same[0]])} join the network at one place")
    return replace(scenario, network=_with_edges(scenario.network, links, lines, start, end))


def add_barriers(network: Network, places: Positions) -> Scenario:
    """Part edges at places, so that nothing passes there: bollards, gates, closed valves.

    At the end of an edge the edge is parted from the junction, which the others still meet at.

    Parameters
    ----------
    network
        The network, which stays as it is.
    places
        Where the barriers are; those that were not found are passed over.
    """
    known = places[places.found]
    scenario, _ = _cut(network, known)
    behind = scenario.moved(known)
    at_end = behind.fraction > 0.5
    parted = scenario.network
    ends = {"start": parted.start.copy(), "end": parted.end.copy()}
    node_xy = [parted.node_xy]
    for name, which, tip in (("start", ~at_end, 0), ("end", at_end, -1)):
        edge = np.unique(behind.edge[which])
        ends[name][edge] = sum(map(len, node_xy)) + np.arange(len(edge))
        node_xy.append(shapely.get_coordinates(shapely.get_point(parted.geometry[edge], tip)))
    return replace(scenario, network=_changed(parted, node_xy=np.concatenate(node_xy), **ends))


def _single_lines(links: gpd.GeoDataFrame) -> Geometries:
    check_lines(links.geometry, "a link is a line")
    lines: Geometries = shapely.force_2d(shapely.line_merge(links.geometry.to_numpy()))
    usable = (shapely.get_type_id(lines) == shapely.GeometryType.LINESTRING) & (shapely.length(lines) > 0)
    usable &= np.isfinite(shapely.bounds(lines)).all(axis=1)
    if not usable.all():
        label = links.index[~usable][0]
        raise InvalidInputError(f"the link {named(label)} must be one line that is not empty, with finite coordinates")
    return lines


def _nearest(network: Network, points: Geometries, max_m: float) -> Positions:
    (row, edge), distance = network.tree.query_nearest(
        points, max_distance=max_m, return_distance=True, all_matches=False
    )
    fraction = shapely.line_locate_point(network.geometry[edge], points[row], normalized=True)
    places = Positions(np.full(len(points), -1), np.zeros(len(points)), np.full(len(points), np.inf))
    places.edge[row], places.fraction[row], places.distance_m[row] = edge, fraction, distance
    return places


def _cut(network: Network, places: Positions) -> tuple[Scenario, Ints]:
    """Cut edges at places, and return the node at each."""
    edges, nodes = len(network.start), len(network.node_xy)
    inner = (places.fraction > SAME_PLACE) & (places.fraction < 1 - SAME_PLACE)
    at, which = np.unique(np.column_stack([places.edge[inner], places.fraction[inner]]), axis=0, return_inverse=True)
    cut_edge, fraction = at[:, 0].astype(np.int64), at[:, 1]
    added = nodes + np.arange(len(at))
    whole = np.unique(cut_edge)
    cut, low = np.concatenate([whole, cut_edge]), np.concatenate([np.zeros(len(whole)), fraction])
    order = np.lexsort((low, cut))
    cut, low = cut[order], low[order]
    more = low > 0
    goes_on = np.append(more[1:], False)[: len(more)]
    high = np.where(goes_on, np.append(low[1:], 1.0)[: len(low)], 1.0)
    piece = np.where(more, edges + np.cumsum(more) - 1, cut)
    owner = np.append(np.arange(edges), cut[more])
    start, end, geometry = network.start[owner], network.end[owner], network.geometry[owner]
    start[piece[more]], end[piece[goes_on]] = added, added
    geometry[piece] = cut_lines(geometry[piece], low, high)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(network.geometry[cut_edge], fraction, normalized=True))
    result = _changed(
        network,
        node_xy=np.concatenate([network.node_xy, xy]),
        start=start,
        end=end,
        length_m=shapely.length(geometry),
        feature=network.feature[owner],
        geometry=geometry,
        streets=network.streets.take(owner),
    )
    node = np.where(places.fraction < 0.5, network.start[places.edge], network.end[places.edge])
    node[inner] = added[which]
    return Scenario(network=result, cut=cut, low=low, high=high, piece=piece), node


def _with_edges(network: Network, links: gpd.GeoDataFrame, lines: Geometries, start: Ints, end: Ints) -> Network:
    """Return a network with more edges between its nodes, drawn along lines."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    every = np.arange(len(lines))
    xy = np.concatenate([network.node_xy[start], xy, network.node_xy[end]])
    line = np.concatenate([every, line, every])
    order = np.argsort(line, kind="stable")
    drawn = shapely.remove_repeated_points(shapely.linestrings(xy[order], indices=line[order]))
    return _changed(
        network,
        start=np.append(network.start, start),
        end=np.append(network.end, end),
        length_m=np.append(network.length_m, shapely.length(drawn)),
        feature=np.concatenate([network.feature.astype(object), links.index.to_numpy(dtype=object)]),
        geometry=np.append(network.geometry, drawn),
        streets=network.streets.followed_by(StreetAttributes.read(links)),
    )


def _changed(network: Network, **columns: Any) -> Network:
    """Return a network with other columns, read-only as all of a network."""
    for values in columns.values():
        if isinstance(values, np.ndarray):
            values.setflags(write=False)
    result = replace(network, **columns)
    report = replace(network.report, nodes=len(result.node_xy), edges=len(result.start))
    return replace(result, report=report)
