"""What may be wrong with a network of streets: gaps, crossings without a junction, pieces, traps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy
import shapely

from geo.analysis import ColourClass, Column, View, analysis, labelled
from geo.inputs.services import STREETS
from geo.networks.network import Network
from geo.networks.noding import crossings
from geo.networks.travel import DRIVE

if TYPE_CHECKING:
    from geo.networks.topology import Bools, Floats, Geometries, Ints

ToleranceM = Annotated[
    float,
    labelled(
        {
            "be": "Канец не дацягваецца не больш за",
            "ru": "Конец не дотягивается не более",
            "en": "An end falls short by",
        },
        unit="m",
        gt=0,
        le=50,
    ),
]

GAP, CROSSING, DOUBLED, PIECE, TRAP = "gap", "crossing", "doubled", "piece", "trap"


@analysis(
    id="topology-findings",
    title={"be": "Памылкі вулічнай сеткі", "ru": "Ошибки уличной сети", "en": "Faults of the street network"},
    summary={
        "be": "Разрывы, перасячэнні без скрыжавання, падвоеныя лініі, адарваныя часткі і пасткі аднабаковага руху.",
        "ru": "Разрывы, пересечения без перекрёстка, двойные линии, отдельные части, ловушки одностороннего движения.",
        "en": "Gaps, crossings without a junction, doubled lines, separate pieces and traps of one-way traffic.",
    },
    function="infrastructure",
    inputs={
        "network": STREETS,
    },
    view=View(
        geometry="point",
        colour_by="kind",
        opacity=0.9,
        classes=(
            ColourClass(title={"be": "Разрыў", "ru": "Разрыв", "en": "Gap"}, colour="#d1495b", values=(GAP,)),
            ColourClass(
                title={"be": "Перасячэнне без скрыжавання", "ru": "Пересечение без перекрёстка", "en": "No junction"},
                colour="#e08e45",
                values=(CROSSING,),
            ),
            ColourClass(
                title={"be": "Падвоеная лінія", "ru": "Удвоенная линия", "en": "Doubled line"},
                colour="#7d5ba6",
                values=(DOUBLED,),
            ),
            ColourClass(
                title={"be": "Асобная частка", "ru": "Отдельная часть", "en": "Separate piece"},
                colour="#30638e",
                values=(PIECE,),
            ),
            ColourClass(
                title={"be": "Пастка", "ru": "Ловушка", "en": "One-way trap"}, colour="#1b7f5c", values=(TRAP,)
            ),
        ),
        columns={
            "kind": Column(title={"be": "Што", "ru": "Что", "en": "What"}),
            "name": Column(title={"be": "Вуліца", "ru": "Улица", "en": "Street"}),
            "size_m": Column(
                title={"be": "Памер", "ru": "Размер", "en": "Size"}, unit={"be": "м", "ru": "м", "en": "m"}, decimals=1
            ),
        },
    ),
)
def topology_findings(network: Network, *, tolerance_m: ToleranceM = 2.0) -> gpd.GeoDataFrame:
    """Find what may be wrong with a network of streets before ways over it are trusted.

    Parameters
    ----------
    network
        ``Network.from_roads(roads)``. A crossing of a bridge or a tunnel is none.
    tolerance_m
        A dead end within this distance of another street is a gap.

    Returns
    -------
    geopandas.GeoDataFrame
        Points in the CRS of the network. Columns: ``kind``: ``gap`` (a dead end just short of another street),
        ``crossing`` (two streets without a junction), ``doubled`` (a street drawn twice, or upon another), ``piece``
        (streets joined to each other and not to the largest part), ``trap`` (streets that cars can't leave, or can't
        get to, though joined to the others); ``feature`` and ``other`` (labels of the lines; null where there is none),
        ``name``, ``size_m`` (width of the gap, length of the doubled street, of the piece, of the trap), geometry.
    """
    over = np.maximum(network.streets.bridge, network.streets.tunnel) > 0
    parts = [_gaps(network, tolerance_m), *_crossings(network, over), _pieces(network), _traps(network)]
    found = pd.concat(parts, ignore_index=True)
    edge = found.pop("edge").to_numpy()
    second = found.pop("second").to_numpy()
    labels = np.array([*network.feature.tolist(), None], dtype=object)
    columns = {
        "kind": found.kind,
        "feature": labels[edge],
        "other": labels[second],
        "name": network.streets.name[edge],
        "size_m": found.size_m,
    }
    return gpd.GeoDataFrame(columns, geometry=found.point.to_numpy(), crs=network.crs)


def _table(kind: str, edge: Ints, second: Ints, size_m: Floats, point: Geometries) -> pd.DataFrame:
    columns: dict[str, Any] = {"kind": kind, "edge": edge, "second": second, "size_m": size_m}
    return pd.DataFrame(columns).assign(point=point)


def _gaps(network: Network, tolerance_m: float) -> pd.DataFrame:
    """Return the dead ends that lie near an edge which does not end there."""
    degree = np.bincount(np.concatenate([network.start, network.end]), minlength=len(network.node_xy))
    dead = np.flatnonzero(degree == 1)
    points = shapely.points(network.node_xy[dead])
    end, edge = network.tree.query(points, predicate="dwithin", distance=tolerance_m)
    node = dead[end]
    apart = (network.start[edge] != node) & (network.end[edge] != node)
    end, edge, node = end[apart], edge[apart], node[apart]
    gap_m = shapely.distance(points[end], network.geometry[edge])
    order = np.lexsort((edge, gap_m, end))
    nearest = order[np.flatnonzero(np.diff(end[order], prepend=-1))]
    own = network.arcs.order[network.arcs.first[node[nearest]]] % len(network.start)
    return _table(GAP, own, edge[nearest], gap_m[nearest], points[end[nearest]])


def _crossings(network: Network, over: Bools) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return where edges meet away from their ends, and the edges that lie upon each other."""
    one, other = crossings(network.geometry, over)
    common = shapely.intersection(network.geometry[one], network.geometry[other])
    along_m = shapely.length(common)
    upon = along_m > 0
    doubled = _table(DOUBLED, one[upon], other[upon], along_m[upon], shapely.point_on_surface(common[upon]))
    points, pair = shapely.get_parts(common[~upon], return_index=True)
    one, other = one[~upon][pair], other[~upon][pair]
    xy = shapely.get_coordinates(points)
    at_node = np.zeros(len(xy), dtype=bool)
    for edge in (one, other):
        for node in (network.start[edge], network.end[edge]):
            at_node |= (np.abs(network.node_xy[node] - xy) < 1e-6).all(axis=1)
    where = ~at_node
    nothing = np.full(int(where.sum()), np.nan)
    return _table(CROSSING, one[where], other[where], nothing, points[where]), doubled


def _pieces(network: Network) -> pd.DataFrame:
    """Return every part of the network but the longest."""
    part = _parts(network, np.ones(len(network.start), dtype=bool))[network.start]
    length_m = np.bincount(part, weights=network.length_m)
    return _groups(network, PIECE, np.flatnonzero(part != length_m.argmax()) if len(part) else part, part)


def _traps(network: Network) -> pd.DataFrame:
    """Return groups of streets that cars can't leave, or can't get to, though joined to the others."""
    if not np.isfinite(np.minimum(*DRIVE.costs_s(network.streets, network.length_m))).any():
        return _groups(network, TRAP, np.zeros(0, dtype=np.int64), network.start)
    travel = network.for_mode(DRIVE)
    costs_s = travel.graph("from").costs_s.copy()
    costs_s.sum_duplicates()
    _, strong = scipy.sparse.csgraph.connected_components(costs_s, directed=True, connection="strong")
    edges = travel.open_edges
    start, end, length_m = network.start[edges], network.end[edges], network.length_m[edges]
    main = travel.component[start] == np.bincount(travel.component[start], weights=length_m).argmax()
    within = strong[start] == strong[end]
    core = np.bincount(strong[start], weights=length_m * (within & main)).argmax()
    outside = main & ~(within & (strong[start] == core))
    free = strong != core
    joined = np.zeros(len(network.start), dtype=bool)
    joined[edges] = free[start] & free[end]
    part = _parts(network, joined)
    return _groups(network, TRAP, edges[outside], np.where(free[network.start], part[network.start], part[network.end]))


def _parts(network: Network, joined: Bools) -> Ints:
    """Return the connected part of each node, by some of the edges."""
    nodes = len(network.node_xy)
    ends = network.start[joined], network.end[joined]
    _, part = scipy.sparse.csgraph.connected_components(
        scipy.sparse.coo_array((np.ones(len(ends[0])), ends), shape=(nodes, nodes)), directed=False
    )
    return part.astype(np.int64)


def _groups(network: Network, kind: str, edges: Ints, group: Ints) -> pd.DataFrame:
    """Return a row for each group of edges, at the middle of its longest edge, with their length."""
    order = edges[np.lexsort((-network.length_m[edges], group[edges]))]
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    longest = order[first]
    length_m = np.add.reduceat(network.length_m[order], first) if len(first) else np.zeros(0)
    middle = shapely.line_interpolate_point(network.geometry[longest], 0.5, normalized=True)
    return _table(kind, longest, np.full(len(longest), -1), length_m, middle)
