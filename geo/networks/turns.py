"""What turning at junctions costs, and where it is not allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from scipy.sparse import csr_array

from geo.errors import InvalidInputError
from geo.networks.graph import SearchGraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geo.networks.network import Network
    from geo.networks.topology import Bools, Floats, Ints

SHARP_DEG = 45.0
"""A change of direction by less than this is straight on."""

BACK_DEG = 179.0
"""One by more than this is turning back, though it be onto another edge beside."""


@dataclass(frozen=True, kw_only=True)
class TurnCosts:
    """Seconds that turns at junctions take; infinite where they are forbidden.

    Where only two edges meet nothing is counted, however sharp the bend. A dead end is always left again.

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


def turn_graph(network: Network, cost_s: Floats, turns: TurnCosts, *, reverse: bool) -> SearchGraph:
    """Return the graph whose vertices are arcs about to be travelled.

    From arc a one comes to each arc b that begins where it ends, in the time of a and of the turn (Caldwell 1961).

    Parameters
    ----------
    network
        The network.
    cost_s
        Seconds along each arc; infinite where it may not be travelled.
    turns
        What turns cost.
    reverse
        Whether arcs are travelled backwards, towards an origin: the turn from a to b is then the one from the reverse
        of b into the reverse of a.
    """
    arcs, every = network.arcs, np.arange(len(network.arcs))
    into, coming = arcs.leaving(arcs.head)
    turn_s = (
        turning_s(network, arcs.reverse(into), arcs.reverse(coming), turns)
        if reverse
        else turning_s(network, coming, into, turns)
    )
    kept = np.isfinite(turn_s)
    coming, into, turn_s = coming[kept], into[kept], turn_s[kept]
    first = np.searchsorted(coming, np.arange(len(every) + 1))
    exits = csr_array((turn_s, into.astype(np.int32), first.astype(np.int32)), shape=(len(every), len(every)))
    travelled = np.isfinite(cost_s)[coming]
    first = np.searchsorted(coming[travelled], np.arange(len(every) + 1))
    costs = (cost_s[coming] + turn_s)[travelled]
    indices = into[travelled].astype(np.int32)
    costs_s = csr_array((costs, indices, first.astype(np.int32)), shape=(len(every), len(every)))
    half = len(every) // 2
    return SearchGraph(costs_s=costs_s, arc=coming[travelled], start=every[:half], end=every[half:], exits=exits)


def turn_angles_deg(network: Network, coming: Ints, into: Ints) -> Floats:
    """Return by how much the direction changes from arcs to arcs: left positive, right negative, up to 180."""
    leaves, arrives = _headings_deg(network)
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


def _headings_deg(network: Network) -> tuple[Floats, Floats]:
    """Return in which direction each arc leaves its tail, and in which it arrives at its head."""
    xy, edge = shapely.get_coordinates(network.geometry, return_index=True)
    first = np.searchsorted(edge, np.arange(len(network.geometry)))
    last = np.append(first[1:], len(xy)) - 1
    begins, ends = xy[first + 1] - xy[first], xy[last] - xy[last - 1]
    away = np.concatenate([begins, -ends])
    towards = np.concatenate([ends, -begins])
    leaves, arrives = (np.degrees(np.arctan2(step[:, 1], step[:, 0])) for step in (away, towards))
    return leaves, arrives
