"""Traces of pipe networks with valves: what is shut off for a repair, and what loses its supply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from geo.errors import InvalidInputError
from geo.networks.topology import Bools, Ints


@dataclass(frozen=True, eq=False, kw_only=True)
class PipeNetwork:
    """Nodes, links between them, and valves at the ends of links.

    An element is a node or a link: first the nodes by number, then the links in their order.

    Parameters
    ----------
    nodes
        How many.
    start, end
        Nodes of the ends of each link: a pipe, a pump.
    valve_link, valve_node
        The link on which each valve sits, and the node near which it does.
    valve_open
        Whether water passes it.
    valve_operable
        Whether it can be turned.

    Raises
    ------
    InvalidInputError
        If a number is out of range, lengths differ, or a valve sits at no end of its link.
    """

    nodes: int
    start: Ints
    end: Ints
    valve_link: Ints
    valve_node: Ints
    valve_open: Bools
    valve_operable: Bools

    def __post_init__(self) -> None:
        if len(self.start) != len(self.end):
            raise InvalidInputError(f"links need as many starts as ends: not {len(self.start)} and {len(self.end)}")
        valves = {len(each) for each in (self.valve_link, self.valve_node, self.valve_open, self.valve_operable)}
        if len(valves) > 1:
            raise InvalidInputError(f"valves need as many links, nodes and states: not {sorted(valves)}")
        _check_range("node of a link", np.concatenate([self.start, self.end]), self.nodes)
        _check_range("link of a valve", self.valve_link, len(self.start))
        astray = (self.valve_node != self.start[self.valve_link]) & (self.valve_node != self.end[self.valve_link])
        if astray.any():
            raise InvalidInputError(f"valve {np.flatnonzero(astray)[0]} sits at no end of its link")

    @property
    def elements(self) -> int:
        """How many nodes and links there are."""
        return self.nodes + len(self.start)

    @property
    def valve_joint(self) -> Ints:
        """The joint of each valve: first those at the starts of the links, then those at their ends."""
        at_start = self.valve_node == self.start[self.valve_link]
        return self.valve_link + np.where(at_start, 0, len(self.start))

    def joints(self) -> tuple[Ints, Ints]:
        """Return the node and the link (both as elements) that meet at each joint."""
        link = self.nodes + np.arange(len(self.start))
        return np.concatenate([self.start, self.end]), np.concatenate([link, link])

    def with_valve(self, which: Bools) -> Bools:
        """Return which joints have at least one of some valves."""
        found = np.zeros(2 * len(self.start), dtype=bool)
        found[self.valve_joint[which]] = True
        return found


@dataclass(frozen=True, eq=False)
class Isolation:
    """What happens when a part of a network is shut off.

    Parameters
    ----------
    close
        Valves that must be closed, ascending.
    isolated
        Which elements lie between the closed valves, the broken ones among them.
    cut_off
        Which elements had supply and lose it: isolated ones, and those that lie behind them.
    """

    close: Ints
    isolated: Bools
    cut_off: Bools


def segments(network: PipeNetwork) -> Ints:
    """Return the segment of each element: what no valve divides (valve segmentation).

    The smallest parts that can be shut off. Walski 1993, Journal AWWA 85(7), 62-68; Jun & Loganathan 2007, J. Water
    Resources Planning and Management 133(2), 145-153.

    Parameters
    ----------
    network
        Every valve divides, whatever its state.

    Returns
    -------
    numpy.ndarray
        Number of the segment of each element, from 0.
    """
    every = np.ones(len(network.valve_link), dtype=bool)
    return _components(network, ~network.with_valve(every))


def supplied(network: PipeNetwork, sources: Ints) -> Bools:
    """Return which elements water can reach from any source through what is open.

    Parameters
    ----------
    network
        Closed valves stop water; the direction of pumps and check valves does not matter.
    sources
        Nodes.
    """
    _check_range("source", sources, network.nodes)
    return _reached(network, ~network.with_valve(~network.valve_open), sources)


def isolate(network: PipeNetwork, broken: Ints, *, sources: Ints) -> Isolation:
    """Find which valves shut broken elements off, and what loses its supply by that (isolation trace).

    From the broken elements the trace runs through every joint without a valve, or with one that is open and can't be
    turned. What it reaches is isolated; the valves around it are closed. Then `supplied` is asked again: what lies
    behind and has no other way from a source is cut off too (unintended isolation; Jun & Loganathan 2007).

    Parameters
    ----------
    network
        As it is now.
    broken
        Elements to be shut off.
    sources
        Nodes from which the network is fed.

    Raises
    ------
    InvalidInputError
        If there is no broken element, or a number is out of range.
    """
    if not len(broken):
        raise InvalidInputError("nothing is broken: give at least one element")
    _check_range("broken element", broken, network.elements)
    shut = network.with_valve(~network.valve_open)
    closable = network.with_valve(network.valve_open & network.valve_operable)
    component = _components(network, ~(shut | closable))
    isolated = np.isin(component, component[broken])
    node, link = network.joints()
    rim = isolated[node] != isolated[link]
    turned = np.flatnonzero(network.valve_open & network.valve_operable)
    _, first = np.unique(network.valve_joint[turned], return_index=True)
    turned = np.sort(turned[first])
    joint = network.valve_joint[turned]
    before = supplied(network, sources)
    after = _reached(network, ~(shut | rim), sources[~isolated[sources]])
    return Isolation(turned[rim[joint] & ~shut[joint]], isolated, before & ~after)


def _components(network: PipeNetwork, passable: Bools) -> Ints:
    node, link = (ends[passable] for ends in network.joints())
    graph = scipy.sparse.coo_array((np.ones(len(node)), (node, link)), shape=(network.elements, network.elements))
    _, component = scipy.sparse.csgraph.connected_components(graph, directed=False)
    numbers: Ints = component.astype(np.int64)
    return numbers


def _reached(network: PipeNetwork, passable: Bools, sources: Ints) -> Bools:
    component = _components(network, passable)
    return np.isin(component, component[sources])


def _check_range(what: str, numbers: Ints, count: int) -> None:
    wrong = (numbers < 0) | (numbers >= count)
    if wrong.any():
        raise InvalidInputError(f"{what} {numbers[wrong][0]} is out of range: there are {count}")
