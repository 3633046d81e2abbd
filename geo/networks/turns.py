"""What turning at junctions costs, and where it is not allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
import shapely

from geo.errors import InvalidInputError
from geo.networks.graph import SearchGraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geo.networks.graph import Arcs
    from geo.networks.network import Network
    from geo.networks.topology import Bools, Floats, Ints

ArcPath = tuple[int, ...]
"""Arcs in the order in which they are travelled; see `geo.networks.graph.Arcs`."""

SHARP_DEG = 45.0
"""A change of direction by less than this is straight on."""

BACK_DEG = 179.0
"""One by more than this is turning back, though it be onto another edge beside."""


@dataclass(frozen=True, kw_only=True)
class TurnCosts:
    """Seconds that turns at junctions take; infinite where they are forbidden.

    Where only two edges meet nothing is counted, however sharp the bend. A dead end is always left again. Whoever
    starts or ends at a junction does so on one of its edges, and turns from or into that one.

    Parameters
    ----------
    left_s, right_s, straight_s
        Turning by `SHARP_DEG` or more, and going on. Where traffic keeps to the right it is the left turn that waits.
    u_turn_s
        Turning back, onto the same edge or one that lies upon it.
    banned
        Pairs of labels of lines, from the first of which one must not turn into the second.
    """

    left_s: float = 0.0
    right_s: float = 0.0
    straight_s: float = 0.0
    u_turn_s: float = 0.0
    banned: Sequence[tuple[Any, Any]] = ()

    def __post_init__(self) -> None:
        for name in ("left_s", "right_s", "straight_s", "u_turn_s"):
            if not getattr(self, name) >= 0:
                raise InvalidInputError(f"{name} must be 0 or more, or infinite, not {getattr(self, name)}")


def turn_graph(
    network: Network, cost_s: Floats, turns: TurnCosts | None, forbidden: Sequence[ArcPath], *, reverse: bool
) -> SearchGraph:
    """Return the graph whose vertices are arcs about to be travelled.

    From arc a one comes to each arc b that begins where it ends, in the time of a and of the turn (Caldwell 1961).
    Arcs that begin at a node where no turn counts share a vertex. An arc of a longer forbidden path has more vertices,
    one for each beginning of such a path that may lie behind it; at the arc's own one ways end and none go on.

    Parameters
    ----------
    network
        The network.
    cost_s
        Seconds along each arc; infinite where it may not be travelled.
    turns
        What turns cost, if anything.
    forbidden
        Arcs, two or more, that must not be travelled one after another.
    reverse
        Whether arcs are travelled backwards, towards an origin: the turn from a to b is then the one from the reverse
        of b into the reverse of a.
    """
    arcs = network.arcs
    into, coming = arcs.leaving(arcs.head)
    turn_s = np.zeros(len(into))
    if turns is not None:
        pairs = (arcs.reverse(into), arcs.reverse(coming)) if reverse else (coming, into)
        turn_s = turning_s(network, *pairs, turns)
    paths = [_backwards(arcs, path) for path in forbidden] if reverse else list(forbidden)
    turn_s[_is_pair(coming, into, [path for path in paths if len(path) == 2], len(arcs))] = np.inf
    longer = [path for path in paths if len(path) > 2]
    counts = np.zeros(len(network.node_xy), dtype=bool)
    counts[arcs.head[coming[turn_s != 0]]] = True
    counts[arcs.head[[arc for path in longer for arc in path[:-1]]]] = True
    apart = np.where(counts[arcs.tail], len(counts) + np.arange(len(arcs)), arcs.tail)
    _, vertex = np.unique(apart, return_inverse=True)
    kept = np.isfinite(turn_s) & (counts[arcs.head[coming]] | (np.diff(coming, prepend=-1) > 0))
    allowed = scipy.sparse.csr_array(
        (turn_s[kept], into[kept], np.searchsorted(coming[kept], np.arange(len(arcs) + 1))), shape=(len(arcs),) * 2
    )
    return _graph(allowed, vertex, _Memory(longer, int(vertex.max()) + 1), cost_s)


class _Memory:
    """What has to be remembered of the way behind, so that longer paths can be forbidden (Aho & Corasick 1975).

    Parameters
    ----------
    forbidden
        Arcs, three or more, that must not be travelled one after another.
    vertices
        How many vertices there are without a memory; those with one are numbered from here.
    """

    def __init__(self, forbidden: Sequence[ArcPath], vertices: int) -> None:
        self._forbidden = set(forbidden)
        begun = {path[:length] for path in forbidden for length in range(2, len(path))}
        begun |= {path[-1:] for path in begun}
        self.states = {path: vertices + number for number, path in enumerate(sorted(begun))}
        self.arcs = sorted({path[-1] for path in begun})

    def after(self, path: ArcPath) -> list[int]:
        """Return the vertex, if there is one, at which one stands who comes by some arcs and will travel the last."""
        known = (path[first:] for first in range(len(path)))
        return next(([self.states[each]] for each in known if each in self.states), [])

    def forbids(self, path: ArcPath) -> bool:
        """Tell whether the last arc must not be travelled after the others."""
        return any(path[first:] in self._forbidden for first in range(len(path) - 2))


def _graph(allowed: scipy.sparse.csr_array, vertex: Ints, memory: _Memory, cost_s: Floats) -> SearchGraph:
    """Return the graph of turns from arcs into arcs, given the vertex of each arc."""
    coming, into, turn_s = np.repeat(np.arange(len(vertex)), np.diff(allowed.indptr)), allowed.indices, allowed.data
    exits: list[tuple[Any, ...]] = [(coming, vertex[into], turn_s)]
    remembered = np.flatnonzero(np.isin(into, memory.arcs))
    exits += [
        ([coming[turn]], memory.after((int(coming[turn]), int(into[turn]))), [turn_s[turn]]) for turn in remembered
    ]
    arc, ahead, exit_s = _joined(exits)
    plain = ~np.isin(arc, memory.arcs)
    legs = [(vertex[arc[plain]], ahead[plain], exit_s[plain], arc[plain])]
    for path, here in memory.states.items():
        turns = slice(allowed.indptr[path[-1]], allowed.indptr[path[-1] + 1])
        for other, seconds in zip(into[turns].tolist(), turn_s[turns].tolist(), strict=True):
            gone_on = (*path, other)
            if not memory.forbids(gone_on):
                ends = [int(vertex[other]), *memory.after(gone_on)]
                legs.append(([here] * len(ends), ends, [seconds] * len(ends), [path[-1]] * len(ends)))
    row, column, leg_s, travelled = _joined(legs)
    leg_s = leg_s + cost_s[travelled]
    passable = np.isfinite(leg_s)
    row, column, leg_s, travelled = row[passable], column[passable], leg_s[passable], travelled[passable]
    vertices, half = int(vertex.max()) + 1 + len(memory.states), len(vertex) // 2
    return SearchGraph(
        costs_s=_rows(row, column, leg_s, (vertices, vertices)),
        arc=travelled,
        start=vertex[:half],
        end=vertex[half:],
        exits=_rows(arc, ahead, exit_s, (len(vertex), vertices)),
    )


def _joined(parts: list[tuple[Any, ...]]) -> list[Any]:
    """Return columns of several tables, one below another, ordered by the first."""
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return [column[order] for column in columns]


def _rows(row: Ints, column: Ints, values: Floats, shape: tuple[int, int]) -> scipy.sparse.csr_array:
    first = np.searchsorted(row, np.arange(shape[0] + 1))
    return scipy.sparse.csr_array((values, column.astype(np.int32), first.astype(np.int32)), shape=shape)


def _backwards(arcs: Arcs, path: ArcPath) -> ArcPath:
    return tuple(arcs.reverse(np.array(path[::-1])).tolist())


def _is_pair(coming: Ints, into: Ints, pairs: Sequence[ArcPath], arcs: int) -> Bools:
    wanted = [one * arcs + other for one, other in pairs]
    return np.isin(coming * arcs + into, wanted)


def turn_angles_deg(network: Network, coming: Ints, into: Ints) -> Floats:
    """Return by how much the direction changes from arcs to arcs: left positive, right negative, up to 180."""
    leaves, arrives = headings_deg(network)
    angle: Floats = (leaves[into] - arrives[coming] + 180.0) % 360.0 - 180.0
    return angle


def turning_s(network: Network, coming: Ints, into: Ints, turns: TurnCosts) -> Floats:
    """Return the seconds of turning from arcs into arcs that begin where those end; infinite where forbidden."""
    arcs = network.arcs
    angle = turn_angles_deg(network, coming, into)
    degree = np.bincount(arcs.tail, minlength=len(network.node_xy))[arcs.head[coming]]
    back = (into == arcs.reverse(coming)) | (np.abs(angle) > BACK_DEG)
    seconds = np.select([angle >= SHARP_DEG, angle <= -SHARP_DEG], [turns.left_s, turns.right_s], turns.straight_s)
    seconds = np.where(degree > 2, seconds, 0.0)
    seconds = np.where(back, np.where(degree > 1, turns.u_turn_s, _at_dead_end(turns)), seconds)
    seconds[_banned(network, coming, into, turns)] = np.inf
    return seconds


def _at_dead_end(turns: TurnCosts) -> float:
    return turns.u_turn_s if np.isfinite(turns.u_turn_s) else 0.0


def _banned(network: Network, coming: Ints, into: Ints, turns: TurnCosts) -> Bools:
    banned = np.zeros(len(coming), dtype=bool)
    edges = len(network.start)
    for one, other in turns.banned:
        banned |= (network.feature[coming % edges] == one) & (network.feature[into % edges] == other)
    return banned


def headings_deg(network: Network) -> tuple[Floats, Floats]:
    """Return in which direction each arc leaves its tail, and in which it arrives at its head."""
    xy, edge = shapely.get_coordinates(network.geometry, return_index=True)
    first = np.searchsorted(edge, np.arange(len(network.geometry)))
    last = np.append(first[1:], len(xy)) - 1
    begins, ends = xy[first + 1] - xy[first], xy[last] - xy[last - 1]
    away = np.concatenate([begins, -ends])
    towards = np.concatenate([ends, -begins])
    leaves, arrives = (np.degrees(np.arctan2(step[:, 1], step[:, 0])) for step in (away, towards))
    return leaves, arrives
