"""Turns that signs forbid or command, and where a network has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy
import shapely

from geo.errors import InvalidInputError, named
from geo.networks.topology import Bools, Floats, Geometries, Ints
from geo.networks.turns import ArcPath, headings_deg

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS

    from geo.networks.network import Network

ON_IT_M = 0.01
"""A node this near to the line of a turn is on it."""

SAME_WAY_DEG = 1.0
"""Directions that differ by less are the same."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TurnRestrictions:
    """Turns that are forbidden, or the only ones allowed; arrays of the same length.

    Parameters
    ----------
    lines
        A LineString each along the streets: it begins before the junction on the street of which the turn is taken,
        and ends behind the last junction on the street into which it leads, its first and last vertex but one being
        those junctions.
    only
        Whether who comes this way must take the turn, and not whether they must not.
    bicycle, motor_vehicle
        Whether it counts for bicycles, and for motor vehicles.
    """

    lines: Geometries
    only: Bools
    bicycle: Bools
    motor_vehicle: Bools

    @classmethod
    def read(cls, restrictions: gpd.GeoDataFrame, crs: CRS) -> TurnRestrictions:
        """Read them from a frame such as the layer of turn restrictions.

        Parameters
        ----------
        restrictions
            LineStrings as in ``lines``, or several a feature, in the CRS of the streets. Columns: ``kind`` (as in
            OpenStreetMap: ``no_left_turn``, ``only_straight_on`` and so on); any of ``bicycle`` and ``motor_vehicle``
            (true where missing or null), and ``condition``: what has one counts at times only, and is left out.
        crs
            Of the streets.

        Raises
        ------
        InvalidInputError
            If the CRS differs, a kind is neither ``no_`` nor ``only_``, or a geometry is not a line of three points
            or more.
        """
        if restrictions.crs != crs:
            raise InvalidInputError(f"restrictions must be in the CRS of the streets, {crs.name}")
        if "kind" not in restrictions:
            raise InvalidInputError("restrictions: the column 'kind' is missing (no_left_turn, only_straight_on, ...)")
        frame = restrictions
        if "condition" in frame:
            frame = frame[frame["condition"].isna()]
        frame = frame.explode(index_parts=False)
        kinds = frame["kind"].astype(str)
        wrong = ~kinds.str.startswith(("no_", "only_"))
        if wrong.any():
            label, kind = named(frame.index[wrong][0]), named(kinds[wrong].iloc[0])
            raise InvalidInputError(f"restrictions: the kind of {label} is {kind}, and must begin with no_ or only_")
        lines = shapely.remove_repeated_points(shapely.force_2d(frame.geometry.to_numpy()))
        short = (shapely.get_type_id(lines) != shapely.GeometryType.LINESTRING) | (shapely.get_num_points(lines) < 3)
        if short.any():
            raise InvalidInputError(
                f"restrictions: geometry of {named(frame.index[short][0])} must be a line of three points or more, the"
                f" middle ones at junctions or between them, not {lines[short][0]}"
            )
        who = {
            name: frame[name].astype("boolean").fillna(value=True).to_numpy(dtype=bool)
            if name in frame
            else np.ones(len(frame), dtype=bool)
            for name in ("bicycle", "motor_vehicle")
        }
        return cls(lines=lines, only=kinds.str.startswith("only_").to_numpy(dtype=bool), **who)


def forbidden_paths(network: Network, permission: str, passable: Bools) -> tuple[ArcPath, ...]:
    """Return the arcs that must not be travelled one after another.

    What must be done is turned into what must not: from where the last turn is commanded, every other one is
    forbidden, turning back too. A restriction along streets that the mode may not use forbids nothing.

    Parameters
    ----------
    network
        The network, with its restrictions.
    permission
        ``bicycle`` or ``motor_vehicle``; signs are not for those on foot.
    passable
        Which arcs the mode may travel.
    """
    signs = network.restrictions
    if signs is None or permission not in ("bicycle", "motor_vehicle"):
        return ()
    follow = _Follower(network, passable)
    found: set[ArcPath] = set()
    for row in np.flatnonzero(getattr(signs, permission)):
        path = follow(shapely.get_coordinates(signs.lines[row]))
        if path is None:
            continue
        if signs.only[row]:
            found.update((*path[:-1], other) for other in follow.ways_on(path[-2]) if other != path[-1])
        else:
            found.add(path)
    return tuple(sorted(found))


class _Follower:
    """Finds the arcs along lines that are drawn over the streets."""

    def __init__(self, network: Network, passable: Bools) -> None:
        self._arcs, self._passable = network.arcs, passable
        self._xy = network.node_xy
        self._leaves, _ = headings_deg(network)
        self._nodes = scipy.spatial.cKDTree(network.node_xy)

    def __call__(self, xy: Floats) -> ArcPath | None:
        """Return the arcs, or ``None`` where the streets don't run along the line."""
        _, ends = self._nodes.query(xy[[1, -2]], distance_upper_bound=ON_IT_M)
        node, last = np.asarray(ends).tolist()
        if len(self._xy) in (node, last):
            return None
        path = [self._arc(node, xy[0] - xy[1], arriving=True)]
        line, at = shapely.LineString(xy[1:-1]) if len(xy) > 3 else None, 0.0
        while line is not None and node != last:
            ahead = shapely.get_coordinates(line.interpolate(min(at + ON_IT_M, line.length)))[0]
            arc = self._arc(node, ahead - self._xy[node])
            if arc is None:
                return None
            path.append(arc)
            node = int(self._arcs.head[arc])
            here = shapely.Point(self._xy[node])
            if line.distance(here) > ON_IT_M or line.project(here) <= at:
                return None
            at = line.project(here)
        path.append(self._arc(last, xy[-1] - xy[-2]))
        return None if None in path else tuple(arc for arc in path if arc is not None)

    def ways_on(self, arc: int) -> list[int]:
        """Return the arcs that begin where one ends."""
        into, _ = self._arcs.leaving(self._arcs.head[[arc]])
        found: list[int] = into.tolist()
        return found

    def _arc(self, node: int, step: Floats, *, arriving: bool = False) -> int | None:
        """Return the passable arc that leaves a node in a direction, or the one that arrives from there."""
        leaving, _ = self._arcs.leaving(np.array([node]))
        travelled: Ints = self._arcs.reverse(leaving) if arriving else leaving
        heading = np.degrees(np.arctan2(step[1], step[0]))
        apart = np.abs((self._leaves[leaving] - heading + 180.0) % 360.0 - 180.0)
        apart[~self._passable[travelled]] = np.inf
        nearest = int(np.argmin(apart))
        return int(travelled[nearest]) if apart[nearest] < SAME_WAY_DEG else None
