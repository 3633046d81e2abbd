"""Traffic on a network where everyone takes the way that is fastest for them: user equilibrium."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from geo.errors import InvalidInputError
from geo.networks.flows import shortest_path_loads

if TYPE_CHECKING:
    import numpy.typing as npt

    from geo.networks.topology import Floats, Ints

BPR_ALPHA, BPR_BETA = 0.15, 4.0
"""The constants of the Bureau of Public Roads (1964)."""

NEARLY_ALL = 0.99
"""After a step of nearly the whole way the former directions are forgotten."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Links:
    """Directed links; arrays of the same length.

    Parameters
    ----------
    tail, head
        Node where each begins and ends.
    free_s
        Seconds along it when it is empty.
    capacity
        Vehicles an hour, in the unit of the demand.
    alpha, beta
        Of its cost t = t₀ (1 + α (v / c)^β).
    """

    tail: Ints
    head: Ints
    free_s: Floats
    capacity: Floats
    alpha: Floats | float = BPR_ALPHA
    beta: Floats | float = BPR_BETA

    def __post_init__(self) -> None:
        shapes = {values.shape for values in (self.tail, self.head, self.free_s, self.capacity)}
        if len(shapes) != 1 or self.tail.ndim != 1 or not len(self.tail):
            raise InvalidInputError("links need a tail, a head, a time and a capacity each, and there must be one")
        if not ((self.free_s > 0) & np.isfinite(self.free_s)).all() or not (self.capacity > 0).all():
            raise InvalidInputError("times and capacities of links must be positive, and times finite")
        if not (np.asarray(self.alpha) >= 0).all() or not (np.asarray(self.beta) >= 0).all():
            raise InvalidInputError("alpha and beta must be 0 or more")

    def seconds(self, flow: Floats) -> Floats:
        """Return the time along each link with a flow."""
        seconds: Floats = self.free_s * (1 + self.alpha * (flow / self.capacity) ** self.beta)
        return seconds

    def slope(self, flow: Floats) -> Floats:
        """Return the derivative of the time by the flow."""
        power = np.where(flow > 0, flow / self.capacity, 0.0) ** np.maximum(np.asarray(self.beta) - 1, 0)
        slope: Floats = self.free_s * self.alpha * self.beta / self.capacity * power
        return slope

    def objective(self, flow: Floats) -> float:
        """Return the objective of Beckmann (1956): Σ ∫ t(v) dv."""
        beta = np.asarray(self.beta)
        return float((self.free_s * flow * (1 + self.alpha / (beta + 1) * (flow / self.capacity) ** beta)).sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class Assignment:
    """Traffic in equilibrium.

    Parameters
    ----------
    flow
        Of each link.
    seconds
        Along each link with that flow.
    gap
        Relative gap: how much of the time of all could still be saved by changing to the ways that are fastest now.
    iterations
        How many it took.
    lost
        Part of the demand that has no way at all, and is not assigned.
    """

    flow: Floats
    seconds: Floats
    gap: float
    iterations: int
    lost: float


def user_equilibrium(
    links: Links,
    zones: npt.ArrayLike,
    demand: npt.ArrayLike,
    *,
    max_gap: float = 1e-4,
    max_iterations: int = 500,
) -> Assignment:
    """Assign demand so that nobody gains by taking another way (Wardrop 1952).

    The programme of Beckmann (1956) is solved by the bi-conjugate Frank-Wolfe method (Mitradjieva & Lindberg 2013):
    each direction, to all on the ways that are fastest now, is made conjugate to the two before.

    Parameters
    ----------
    links
        The network.
    zones
        Nodes between which there is demand.
    demand
        Vehicles an hour from each zone (rows) to each (columns). Demand of a zone to itself is not assigned.
    max_gap
        The relative gap at which it is close enough.
    max_iterations
        At most so many; see the gap for how close it came.

    Raises
    ------
    InvalidInputError
        If the demand is negative, not finite or not square, a zone is no node, or a limit is not positive.
    """
    places, wanted = np.asarray(zones, dtype=np.int64), np.array(demand, dtype=float)
    _check(places, wanted, max_gap, max_iterations)
    np.fill_diagonal(wanted, 0.0)
    network = _Fastest.of(links, places, wanted)
    flow, lost = network.loads(links.free_s)
    total = float(wanted.sum())
    targets: list[Floats] = []
    step, gap, iterations = 0.0, np.inf, 0
    while iterations < max_iterations:
        iterations += 1
        seconds = links.seconds(flow)
        fastest, _ = network.loads(seconds)
        spent = float(seconds @ flow)
        gap = max((spent - float(seconds @ fastest)) / spent, 0.0) if spent else 0.0
        if gap <= max_gap:
            break
        target = _conjugate(links.slope(flow), flow, fastest, targets, step)
        step = _best_step(links, flow, target - flow)
        flow = flow + step * (target - flow)
        targets = [] if step > NEARLY_ALL else [target, *targets[:1]]
    return Assignment(
        flow=flow, seconds=links.seconds(flow), gap=gap, iterations=iterations, lost=lost / total if total else 0.0
    )


def _conjugate(slope: Floats, flow: Floats, fastest: Floats, targets: list[Floats], step: float) -> Floats:
    """Return the next target: that of Frank & Wolfe, made conjugate to the last one or two."""
    if not targets:
        return fastest
    ahead = fastest - flow
    last = targets[0] - flow
    if len(targets) == 1:
        across, along = last @ (slope * ahead), last @ (slope * (fastest - targets[0]))
        share = float(np.clip(across / along, 0.0, NEARLY_ALL)) if along else 0.0
        return share * targets[0] + (1 - share) * fastest
    before = step * targets[0] + (1 - step) * targets[1] - flow
    scale = before @ (slope * (targets[1] - targets[0]))
    second = max(-float(before @ (slope * ahead)) / float(scale), 0.0) if scale else 0.0
    length = float(last @ (slope * last))
    first = max(-float(last @ (slope * ahead)) / length + second * step / (1 - step), 0.0) if length else 0.0
    target: Floats = (fastest + first * targets[0] + second * targets[1]) / (1 + first + second)
    return target


def _best_step(links: Links, flow: Floats, direction: Floats) -> float:
    """Return how far to go so that the objective is least, by halving on its derivative."""
    low, high = 0.0, 1.0
    if direction @ links.seconds(flow + direction) <= 0:
        return 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if direction @ links.seconds(flow + middle * direction) > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


@dataclass(frozen=True, eq=False)
class _Fastest:
    """Loads all demand on the ways that are fastest."""

    graph: scipy.sparse.csr_array
    order: Ints
    zones: Ints
    demand: Floats

    @classmethod
    def of(cls, links: Links, zones: Ints, demand: Floats) -> _Fastest:
        nodes = int(max(links.tail.max(), links.head.max(), zones.max(initial=0))) + 1
        order = np.argsort(links.tail, kind="stable")
        first = np.searchsorted(links.tail[order], np.arange(nodes + 1)).astype(np.int32)
        head = links.head[order].astype(np.int32)
        graph = scipy.sparse.csr_array((links.free_s[order].astype(float), head, first), shape=(nodes, nodes))
        to_nodes = np.zeros((len(zones), nodes))
        np.add.at(to_nodes, (np.arange(len(zones))[:, np.newaxis], zones), demand)
        busy = to_nodes.any(axis=1)
        return cls(graph, order, zones[busy], to_nodes[busy])

    def loads(self, seconds: Floats) -> tuple[Floats, float]:
        """Return the flow of each link, and the demand that has no way."""
        self.graph.data[:] = seconds[self.order]
        flow, lost, done = np.zeros(len(seconds)), 0.0, 0
        for loads in shortest_path_loads(self.graph, self.zones, self.demand):
            flow += np.bincount(loads.entry, weights=loads.load, minlength=len(seconds))
            lost += float(self.demand[done : done + len(loads.sources)][np.isinf(loads.cost)].sum())
            done += len(loads.sources)
        result = np.empty(len(seconds))
        result[self.order] = flow
        return result, lost


def _check(zones: Ints, demand: Floats, max_gap: float, max_iterations: int) -> None:
    if demand.shape != (len(zones), len(zones)):
        raise InvalidInputError(
            f"demand must have a row and a column for each of {len(zones)} zones, not {demand.shape}"
        )
    if not ((demand >= 0) & np.isfinite(demand)).all():
        raise InvalidInputError("demand must be finite and 0 or more")
    if len(zones) and zones.min() < 0:
        raise InvalidInputError("zones must be numbers of nodes")
    if not max_gap > 0 or max_iterations < 1:
        raise InvalidInputError(
            f"max_gap must be positive and max_iterations 1 or more, not {max_gap}, {max_iterations}"
        )
