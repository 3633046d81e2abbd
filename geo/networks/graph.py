"""A network as the graph that searches run on: compressed sparse rows, parallel edges kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from geo.networks.positions import part_of
from geo.networks.topology import Floats, Ints, ranges

if TYPE_CHECKING:
    from geo.networks.positions import Positions


@dataclass(frozen=True, eq=False, kw_only=True)
class Arcs:
    """Both directions of every edge, in the order of the nodes where they begin.

    Arc ``e`` runs along edge ``e``, arc ``e + edges`` against it.

    Parameters
    ----------
    tail, head
        Node where each arc begins and ends.
    order
        The arcs by their tail.
    first
        Where those of each node begin in `order`; its last value is the number of arcs.
    """

    tail: Ints
    head: Ints
    order: Ints
    first: Ints

    @classmethod
    def of(cls, start: Ints, end: Ints, nodes: int) -> Arcs:
        """Return the arcs of edges between so many nodes."""
        tail, head = np.concatenate([start, end]), np.concatenate([end, start])
        number = np.arange(len(tail))
        by_arc = scipy.sparse.csr_array(
            (number, tail.astype(np.int32), np.arange(len(tail) + 1)), shape=(len(tail), nodes)
        )
        by_tail = by_arc.T.tocsr()
        return cls(tail=tail, head=head, order=by_tail.data.astype(np.int64), first=by_tail.indptr.astype(np.int64))

    def __len__(self) -> int:
        return len(self.tail)

    def reverse(self, arcs: Ints) -> Ints:
        """Return the arcs of the same edges in the other direction."""
        return (arcs + len(self) // 2) % len(self)

    def leaving(self, nodes: Ints) -> tuple[Ints, Ints]:
        """Return the arcs that begin at nodes, and the position in `nodes` of each."""
        picked, owner = ranges(self.first[nodes], self.first[nodes + 1] - self.first[nodes])
        return self.order[picked], owner


@dataclass(frozen=True, eq=False, kw_only=True)
class SearchGraph:
    """What a search runs on. Its vertices are nodes, and where turns count, the arcs about to be travelled from there.

    Parameters
    ----------
    costs_s
        Seconds from vertex to vertex.
    arc
        The arc that each entry of `costs_s` travels.
    start, end
        At which vertex one stands who is about to travel each edge from its start, or from its end.
    exits
        For each arc the vertices at its end; its values are the seconds of turning.
    """

    costs_s: scipy.sparse.csr_array
    arc: Ints
    start: Ints
    end: Ints
    exits: scipy.sparse.csr_array

    @classmethod
    def of_nodes(cls, arcs: Arcs, cost_s: Floats) -> SearchGraph:
        """Return the graph of the nodes.

        Parameters
        ----------
        arcs
            Those of the network.
        cost_s
            Seconds along each arc; infinite where it may not be travelled.
        """
        nodes, edges = len(arcs.first) - 1, len(arcs) // 2
        passable = np.isfinite(cost_s)[arcs.order]
        travelled = arcs.order[passable]
        first = np.concatenate([[0], np.cumsum(passable)])[arcs.first]
        return cls(
            costs_s=_rows(cost_s[travelled], arcs.head[travelled], first, nodes),
            arc=travelled,
            start=arcs.tail[:edges],
            end=arcs.tail[edges:],
            exits=_rows(np.zeros(len(arcs)), arcs.head, np.arange(len(arcs) + 1), nodes),
        )

    @property
    def vertices(self) -> int:
        """How many vertices there are."""
        return int(self.costs_s.shape[0])

    def with_origins(
        self, origins: Positions, out_s: Floats, back_s: Floats, delay_s: Floats
    ) -> scipy.sparse.csr_array:
        """Return the costs with one more vertex for each origin, from which both ends of its edge are reached.

        Parameters
        ----------
        origins
            Places on edges.
        out_s, back_s
            Seconds along every edge, and against it.
        delay_s
            Seconds that pass before each origin is left.
        """
        every, edges = np.arange(len(origins)), len(self.start)
        owner = np.concatenate([every, every])
        arc = np.concatenate([origins.edge, origins.edge + edges])
        rest = np.concatenate([1 - origins.fraction, origins.fraction])
        cost_s = part_of(rest, np.concatenate([out_s[origins.edge], back_s[origins.edge]])) + delay_s[owner]
        exits = self.exits
        entry, leg = ranges(exits.indptr[arc].astype(np.int64), np.diff(exits.indptr)[arc].astype(np.int64))
        order = np.argsort(owner[leg], kind="stable")
        entry, leg = entry[order], leg[order]
        reached_s = cost_s[leg] + exits.data[entry]
        kept = np.isfinite(reached_s)
        first = self.costs_s.indptr[-1] + np.cumsum(np.bincount(owner[leg][kept], minlength=len(origins)))
        return _rows(
            np.concatenate([self.costs_s.data, reached_s[kept]]),
            np.concatenate([self.costs_s.indices, exits.indices[entry][kept]]),
            np.concatenate([self.costs_s.indptr, first]),
            self.vertices + len(origins),
        )


def _rows(data: Floats, indices: Ints, indptr: Ints, columns: int) -> scipy.sparse.csr_array:
    return scipy.sparse.csr_array(
        (data, indices.astype(np.int32), indptr.astype(np.int32)), shape=(len(indptr) - 1, columns)
    )
