"""A network of streets, pipes or cables: built once from lines, never changed, asked many times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.crs import metric_crs
from geo.errors import InvalidInputError, named
from geo.networks.graph import Arcs
from geo.networks.restrictions import TurnRestrictions
from geo.networks.routing import TravelNetwork
from geo.networks.topology import BuildReport, Floats, Geometries, Ints, join_at_shared_vertices
from geo.networks.travel import StreetAttributes

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyproj import CRS

    from geo.networks.travel import TravelMode

TOLERANCE_M = 0.001
MODES_KEPT = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """Nodes and edges of a network, cut where lines share a vertex.

    Make one with `from_roads` or `from_lines`. It does not change: its arrays are read-only.
    The arrays of the edges have the same length and order.

    Parameters
    ----------
    crs
        A projected CRS in metres.
    node_xy
        Coordinates of the nodes, shape (nodes, 2).
    start, end
        Positions in `node_xy` of the ends of each edge.
    length_m
        Length of each edge.
    feature
        Index, in the frame given, of the line of which each edge is a part.
    geometry
        A LineString each, in the direction of its line.
    streets
        Who may use each edge, and how fast.
    report
        What became of the lines.
    restrictions
        Turns that are forbidden, or commanded, to whom.
    """

    crs: CRS
    node_xy: Floats
    start: Ints
    end: Ints
    length_m: Floats
    feature: np.typing.NDArray[Any]
    geometry: Geometries
    streets: StreetAttributes
    report: BuildReport
    restrictions: TurnRestrictions | None = None

    @classmethod
    def from_roads(
        cls,
        roads: gpd.GeoDataFrame,
        *,
        restrictions: gpd.GeoDataFrame | None = None,
        tolerance_m: float = TOLERANCE_M,
    ) -> Network:
        """Build a network of streets.

        Lines join where they share a vertex, at an end or in the middle, as in OpenStreetMap; where they merely
        cross, as at a bridge, they do not.

        Parameters
        ----------
        roads
            Lines in a projected CRS in metres. Of these columns any may be missing or null: ``road_class``
            (OpenStreetMap's ``highway``), ``max_speed_kmh``, ``one_way`` (``both``, ``forward``, ``backward``),
            ``foot``, ``bicycle`` and ``motor_vehicle`` (true or false: access whatever the class), ``surface``
            (as in OpenStreetMap), ``bridge`` and ``tunnel`` (true or false), ``name``.
        restrictions
            Turns that cars or bicycles must not take, or must: see `geo.networks.restrictions.TurnRestrictions.read`.
        tolerance_m
            Vertices are the same when their coordinates, rounded to this, are.

        Raises
        ------
        InvalidInputError
            If the CRS is not in metres, a geometry is not a line, or a column holds what it must not.
        """
        crs = metric_crs(roads.crs, "roads")
        lines = roads.geometry.to_numpy()
        check_lines(roads.geometry, "a network is built of lines")
        if not 0 < tolerance_m < np.inf:
            raise InvalidInputError(f"tolerance_m must be positive, not {tolerance_m}")
        topology = join_at_shared_vertices(lines, tolerance_m=tolerance_m)
        arrays = {
            "node_xy": topology.node_xy,
            "start": topology.start,
            "end": topology.end,
            "length_m": shapely.length(topology.geometry),
            "feature": roads.index.to_numpy()[topology.line],
            "geometry": topology.geometry,
        }
        for values in arrays.values():
            values.setflags(write=False)
        streets = StreetAttributes.read(roads).take(topology.line)
        signs = None if restrictions is None else TurnRestrictions.read(restrictions, crs)
        return cls(crs=crs, streets=streets, report=topology.report, restrictions=signs, **arrays)

    @classmethod
    def from_lines(cls, lines: gpd.GeoSeries, *, tolerance_m: float = TOLERANCE_M) -> Network:
        """Build a network of any lines, open to every mode of travel in both directions.

        Parameters
        ----------
        lines
            A GeoSeries or GeoDataFrame of lines in a projected CRS in metres; other columns are not read.
        tolerance_m
            Vertices are the same when their coordinates, rounded to this, are.

        Raises
        ------
        InvalidInputError
            If the CRS is not in metres, or a geometry is not a line.
        """
        return cls.from_roads(gpd.GeoDataFrame(geometry=lines.geometry), tolerance_m=tolerance_m)

    def for_mode(self, mode: TravelMode) -> TravelNetwork:
        """Return the network as a mode of travel uses it; the last few are kept.

        Raises
        ------
        InvalidInputError
            If the mode may use no edge at all.
        """
        return self._for_mode(mode)

    @cached_property
    def _for_mode(self) -> Callable[[TravelMode], TravelNetwork]:
        return lru_cache(maxsize=MODES_KEPT)(partial(TravelNetwork.of, self))

    @cached_property
    def arcs(self) -> Arcs:
        """Both directions of every edge."""
        return Arcs.of(self.start, self.end, len(self.node_xy))

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Spatial index of the edges."""
        return shapely.STRtree(self.geometry)

    def edges(self) -> gpd.GeoDataFrame:
        """Return the edges: ``feature``, ``start`` and ``end`` (node numbers), ``length_m``, geometry."""
        columns = {"feature": self.feature, "start": self.start, "end": self.end, "length_m": self.length_m}
        return gpd.GeoDataFrame(columns, geometry=self.geometry.copy(), crs=self.crs)

    def nodes(self) -> gpd.GeoDataFrame:
        """Return the nodes, by number: ``degree`` (ends of edges that meet there), geometry."""
        degree = np.bincount(np.concatenate([self.start, self.end]), minlength=len(self.node_xy))
        return gpd.GeoDataFrame({"degree": degree}, geometry=shapely.points(self.node_xy), crs=self.crs)


def check_lines(series: gpd.GeoSeries, why: str) -> None:
    """Check that geometries are lines, or missing.

    Raises
    ------
    InvalidInputError
        Naming the first that is not.
    """
    lines = series.to_numpy()
    kinds = (-1, shapely.GeometryType.LINESTRING, shapely.GeometryType.LINEARRING, shapely.GeometryType.MULTILINESTRING)
    wrong = ~pd.Series(shapely.get_type_id(lines)).isin(kinds).to_numpy()
    if wrong.any():
        raise InvalidInputError(f"geometry of {named(series.index[wrong][0])} is a {lines[wrong][0].geom_type}: {why}")
