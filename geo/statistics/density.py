"""Density of events, on the plane and along a network: kernel estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy

from geo.checks import as_numbers
from geo.errors import InvalidInputError
from geo.networks.positions import Positions
from geo.networks.topology import Bools, Floats, Geometries, Ints, cut_lines, ranges
from geo.statistics.weights import coordinates

if TYPE_CHECKING:
    from geo.networks.network import Network
    from geo.networks.routing import TravelNetwork

STEPS = 64
"""Into how many steps of distance the bandwidth is divided, where events pass nodes."""

SHORTEST_STEP = 0.25
"""No edge between nodes is taken as shorter than this part of a step."""

PLACES_AT_ONCE = 20_000

NEGLIGIBLE = 1e-9
"""What of all events is left to spread when spreading ends."""


@dataclass(frozen=True, eq=False)
class Lixels:
    """Short pieces of edges; arrays of the same length.

    Parameters
    ----------
    network
        The network of the edges.
    edge
        Position of the edge in the network.
    low, high
        Fractions of the edge between which the piece lies.
    """

    network: Network
    edge: Ints
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.edge)

    def __getitem__(self, rows: Ints) -> Lixels:
        return Lixels(self.network, self.edge[rows], self.low[rows], self.high[rows])

    @property
    def length_m(self) -> Floats:
        """Length of each."""
        return (self.high - self.low) * self.network.length_m[self.edge]

    def centres(self) -> Positions:
        """Return the middle of each."""
        return Positions(self.edge, (self.low + self.high) / 2, np.zeros(len(self)))

    def lines(self) -> Geometries:
        """Return each as a LineString."""
        return cut_lines(self.network.geometry[self.edge], self.low, self.high)


def lixels(travel: TravelNetwork, *, length_m: float) -> Lixels:
    """Cut the open edges of a network into equal pieces, for each edge as long as possible.

    Parameters
    ----------
    travel
        The network.
    length_m
        Longest piece.

    Raises
    ------
    InvalidInputError
        If the length is not positive.
    """
    if not 0 < length_m < np.inf:
        raise InvalidInputError(f"length_m must be positive, not {length_m}")
    edges = travel.open_edges
    count = np.ceil(travel.network.length_m[edges] / length_m * (1 - 1e-12)).astype(np.int64).clip(1)
    piece, owner = ranges(np.zeros(len(edges), dtype=np.int64), count)
    return Lixels(travel.network, edges[owner], piece / count[owner], (piece + 1) / count[owner])


def plane_density(events: Any, places: Any, *, bandwidth_m: float, weights: Any = None) -> Floats:
    """Estimate the density of events around places, as the crow flies, with the quartic kernel.

    ``sum_i w_i 3 / (pi h²) (1 - (d_i / h)²)²`` over the events with d_i < h; the integral over the plane is the
    number of events. Silverman 1986, Density Estimation, 76.

    Parameters
    ----------
    events, places
        Coordinates in metres, shapes (events, 2) and (places, 2).
    bandwidth_m
        Distance h at which an event no longer counts.
    weights
        How much each event counts; by default 1.

    Returns
    -------
    numpy.ndarray
        Events per square metre, at each place.

    Raises
    ------
    InvalidInputError
        If the bandwidth is not positive, or a coordinate or weight is not finite.
    """
    given, wanted = coordinates(events), coordinates(places)
    weight = _checked(weights, len(given), bandwidth_m)
    density = np.zeros(len(wanted))
    if not len(given):
        return density
    tree = scipy.spatial.KDTree(given)
    for first in range(0, len(wanted), PLACES_AT_ONCE):
        some = scipy.spatial.KDTree(wanted[first : first + PLACES_AT_ONCE])
        pairs = some.sparse_distance_matrix(tree, bandwidth_m, output_type="ndarray")
        share = weight[pairs["j"]] * (1 - (pairs["v"] / bandwidth_m) ** 2) ** 2
        density[first : first + some.n] = np.bincount(pairs["i"], weights=share, minlength=some.n)
    return density * (3 / (np.pi * bandwidth_m**2))


def network_density(
    travel: TravelNetwork,
    events: Positions,
    places: Positions,
    *,
    bandwidth_m: float,
    method: Literal["continuous", "discontinuous"] = "continuous",
    weights: Any = None,
) -> Floats:
    """Estimate the density of events along a network, with the quartic kernel and equal split at nodes.

    Along a path without a turning, an event at distance d adds ``15 / (16 h) (1 - (d / h)²)²``. At a node where n
    edges meet, ``discontinuous`` (ESD) gives each of the n - 1 others ``1 / (n - 1)`` of what arrives; what reaches a
    dead end is lost. ``continuous`` (ESC) gives each ``2 / n`` and sends ``(2 - n) / n`` back, so that the density has
    no jumps and the integral along the network is the number of events, dead ends or not. One-way streets count as
    two-way. Okabe, Satoh & Sugihara 2009, Int. J. Geographical Information Science 23(1), 7-32.

    All events spread at once: what enters each edge is kept by distance, in steps of 1/64 of the bandwidth between
    which it is divided linearly. Work grows with edges and bandwidth, not with events times paths.

    Parameters
    ----------
    travel
        The network; only edges that are open to its mode count.
    events, places
        From `TravelNetwork.snap`, or the centres of `lixels`; all of them found.
    bandwidth_m
        Distance h along the network at which an event no longer counts.
    method
        ``continuous`` or ``discontinuous``.
    weights
        How much each event counts; by default 1.

    Returns
    -------
    numpy.ndarray
        Events per metre, at each place.

    Raises
    ------
    InvalidInputError
        If an event or a place lies on no open edge, the bandwidth is not positive, or a weight is not finite.
    """
    weight = _checked(weights, len(events), bandwidth_m)
    if not (events.found.all() and places.found.all()):
        raise InvalidInputError("every event and place must lie on an edge: leave out those that were not found")
    branches = _Branches.of(travel, continuous=method == "continuous")
    if not np.isin(np.concatenate([events.edge, places.edge]), travel.open_edges).all():
        raise InvalidInputError(f"an event or place lies on an edge that is closed to mode {travel.mode.name!r}")
    within = (events.fraction > 0) & (events.fraction < 1)
    entering = _spread(branches, events, weight, within, bandwidth_m / STEPS)
    direct = _on_own_edge(travel.network.length_m, events[within], weight[within], places, bandwidth_m)
    return direct + _through_nodes(branches, entering, places, bandwidth_m)


@dataclass(frozen=True, eq=False)
class _Branches:
    """Each open edge twice: along its line, then against it; arrays of that length.

    `split` has a row for each branch that is entered and a column for each that is left.
    """

    row_of_edge: Ints
    tail: Ints
    length_m: Floats
    degree: Ints
    split: scipy.sparse.csr_array

    @classmethod
    def of(cls, travel: TravelNetwork, *, continuous: bool) -> _Branches:
        network, edges = travel.network, travel.open_edges
        row_of_edge = np.full(len(network.start), -1)
        row_of_edge[edges] = np.arange(len(edges))
        tail = np.concatenate([network.start[edges], network.end[edges]])
        head = np.concatenate([network.end[edges], network.start[edges]])
        degree = np.bincount(tail, minlength=len(network.node_xy))
        by_tail = np.argsort(tail, kind="stable")
        found, left = ranges(np.searchsorted(tail[by_tail], head), degree[head])
        entered = by_tail[found]
        n = degree[head[left]]
        back = entered == (left + len(edges)) % len(tail)
        onward = 2 / n if continuous else 1 / np.maximum(n - 1, 1)
        share = np.where(back, (2 - n) / n if continuous else 0.0, onward)
        split = scipy.sparse.csr_array((share, (entered, left)), shape=(len(tail), len(tail)))
        split.eliminate_zeros()
        return cls(row_of_edge, tail, np.tile(network.length_m[edges], 2), degree, split)

    def towards_end(self, places: Positions) -> tuple[Ints, Floats]:
        """Return the branches of the edges of places, along then against, and the metres from there to their ends."""
        row = self.row_of_edge[places.edge]
        along = (1 - places.fraction) * self.length_m[row]
        against = places.fraction * self.length_m[row]
        return np.concatenate([row, row + len(self.tail) // 2]), np.concatenate([along, against])


def _spread(branches: _Branches, events: Positions, weight: Floats, within: Bools, step_m: float) -> Floats:
    """Return what enters each branch, by distance in steps, shape (branches, STEPS)."""
    size = len(branches.tail)
    branch, rest_m = branches.towards_end(events[within])
    entering = branches.split @ _by_distance(size, branch, rest_m / step_m, np.tile(weight[within], 2))
    entering[:, 0] += _from_nodes(branches, events[~within], weight[~within])
    shift = np.maximum(branches.length_m / step_m, SHORTEST_STEP)
    total = entering.copy()
    least = NEGLIGIBLE * np.abs(weight).sum()
    while max(entering.max(initial=0.0), -entering.min(initial=0.0)) > least:
        entering = branches.split @ _shifted(entering, shift)
        total += entering
    return total


def _by_distance(size: int, branch: Ints, steps: Floats, weight: Floats) -> Floats:
    """Return weights summed by branch and step, each divided between the two steps it lies between."""
    whole = np.floor(steps).astype(np.int64)
    part = steps - whole
    table = np.zeros(size * STEPS)
    for step, share in ((whole, weight * (1 - part)), (whole + 1, weight * part)):
        near = step < STEPS
        table += np.bincount(branch[near] * STEPS + step[near], weights=share[near], minlength=size * STEPS)
    return table.reshape(size, STEPS)


def _from_nodes(branches: _Branches, events: Positions, weight: Floats) -> Floats:
    """Return what enters each branch from events at nodes: the two sides of an event, split equally among branches."""
    against = np.where(events.fraction == 0, 0, len(branches.tail) // 2)
    node = branches.tail[branches.row_of_edge[events.edge] + against]
    at_node = np.bincount(node, weights=weight, minlength=len(branches.degree))
    share: Floats = 2 * at_node[branches.tail] / branches.degree[branches.tail]
    return share


def _shifted(entering: Floats, shift: Floats) -> Floats:
    """Return what leaves each branch at its end, after its length in steps."""
    leaving = np.zeros_like(entering)
    whole = np.floor(shift).astype(np.int64)
    rows = np.flatnonzero((whole < STEPS) & entering.any(axis=1))
    rows = rows[np.argsort(whole[rows], kind="stable")]
    first = np.searchsorted(whole[rows], np.arange(STEPS + 1))
    for steps in range(STEPS):
        some = rows[first[steps] : first[steps + 1]]
        part = (shift[some] - steps)[:, np.newaxis]
        leaving[some, steps:] = (1 - part) * entering[some, : STEPS - steps]
        leaving[some, steps + 1 :] += part * entering[some, : STEPS - steps - 1]
    return leaving


def _through_nodes(branches: _Branches, entering: Floats, places: Positions, bandwidth_m: float) -> Floats:
    """Return the density at places of what has come through nodes."""
    branch, rest_m = branches.towards_end(places)
    gone_m = branches.length_m[branch] - rest_m
    density = np.zeros(len(branch))
    for step in range(STEPS):
        density += entering[branch, step] * _quartic(gone_m + step * bandwidth_m / STEPS, bandwidth_m)
    along, against = density.reshape(2, -1)
    both: Floats = along + against
    return both


def _on_own_edge(length_m: Floats, events: Positions, weight: Floats, places: Positions, bandwidth_m: float) -> Floats:
    """Return the density at places of events on the same edge, straight along it."""
    begin_m = np.cumsum(length_m + bandwidth_m) - length_m
    event_m = begin_m[events.edge] + events.fraction * length_m[events.edge]
    place_m = begin_m[places.edge] + places.fraction * length_m[places.edge]
    order = np.argsort(event_m, kind="stable")
    event_m, weight = event_m[order], weight[order]
    first = np.searchsorted(event_m, place_m - bandwidth_m, side="right")
    near, place = ranges(first, np.searchsorted(event_m, place_m + bandwidth_m) - first)
    share = weight[near] * _quartic(np.abs(event_m[near] - place_m[place]), bandwidth_m)
    density: Floats = np.bincount(place, weights=share, minlength=len(places)).astype(float)
    return density


def _quartic(distance_m: Floats, bandwidth_m: float) -> Floats:
    inside = np.maximum(1 - (distance_m / bandwidth_m) ** 2, 0.0)
    density: Floats = 15 / (16 * bandwidth_m) * inside**2
    return density


def _checked(weights: Any, count: int, bandwidth_m: float) -> Floats:
    if not 0 < bandwidth_m < np.inf:
        raise InvalidInputError(f"bandwidth_m must be positive, not {bandwidth_m}")
    weight = np.ones(count) if weights is None else as_numbers("weights", weights)
    if weight.shape != (count,) or not np.isfinite(weight).all():
        raise InvalidInputError(f"weights must be {count} finite numbers, one for each event")
    return weight
