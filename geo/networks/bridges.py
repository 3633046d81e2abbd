"""Which edges and nodes hold a network together: bridges, articulation points, and what lies beyond them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from geo.networks.graph import Arcs
from geo.networks.topology import Bools, Floats, Ints


@dataclass(frozen=True, eq=False, kw_only=True)
class WeakSpots:
    """Edges and nodes without which a network falls apart, directions not regarded.

    Parameters
    ----------
    bridge
        Whether each edge is a bridge: closed, it parts what it joins.
    articulation
        Whether each node is an articulation point: closed, it parts what meets there.
    beyond
        Of each bridge the weight on the side that has less of it; 0 for other edges.
    """

    bridge: Bools
    articulation: Bools
    beyond: Floats


def weak_spots(start: Ints, end: Ints, node_weight: Floats, edge_weight: Floats) -> WeakSpots:
    """Find bridges (Tarjan 1974) and articulation points (by the blocks of Tarjan & Vishkin 1985).

    Both follow from any spanning tree, its nodes numbered in preorder: an edge to a child is a bridge where no other
    edge leads out of the numbers of the child's descendants. All is worked out level by level of the tree.

    Parameters
    ----------
    start, end
        Nodes of each edge. Edges may be parallel, or loops.
    node_weight
        What each node weighs, such as the people that live there.
    edge_weight
        What lies on each edge; it counts beyond other edges, and not beyond the edge itself.
    """
    nodes = len(node_weight)
    tree = _Tree.of(start, end, nodes)
    parent_edge = tree.edge[:nodes]
    low, high = tree.reach(start, end)
    child = np.arange(nodes)
    within = (low[child] >= tree.number[child]) & (high[child] < tree.number[child] + tree.size[child])
    is_bridge = within & (parent_edge >= 0)
    bridge = np.zeros(len(start), dtype=bool)
    bridge[parent_edge[is_bridge]] = True
    weight = node_weight + np.bincount(start, weights=edge_weight, minlength=nodes)
    inside = tree.summed(np.append(weight, 0.0))
    total = inside[tree.top]
    beyond = np.zeros(len(start))
    below, edge = child[is_bridge], parent_edge[is_bridge]
    own = np.where(start[edge] == below, edge_weight[edge], 0.0)
    inner = inside[below] - own
    beyond[edge] = np.minimum(inner, total[below] - inner - edge_weight[edge])
    return WeakSpots(
        bridge=bridge, articulation=_articulation(tree, start, end, low, high), beyond=np.maximum(beyond, 0.0)
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Tree:
    """A spanning tree of all components, joined under one more node, the root.

    Parameters
    ----------
    parent
        Of each node; the root is its own.
    edge
        The edge to the parent; -1 for the root and the nodes below it.
    levels
        The nodes by their distance from the root, without the root; siblings stand together.
    number
        In preorder: those of the descendants of a node follow its own.
    size
        How many descendants each node has, with itself.
    top
        Of each node the ancestor below the root: one for each component.
    """

    parent: Ints
    edge: Ints
    levels: list[Ints]
    number: Ints
    size: Ints
    top: Ints

    @classmethod
    def of(cls, start: Ints, end: Ints, nodes: int) -> _Tree:
        arcs = Arcs.of(start, end, nodes)
        order, parent = _breadth_first(arcs, nodes)
        place = np.empty(nodes + 1, dtype=np.int64)
        place[order] = np.arange(nodes + 1)
        levels, first = [], 1
        parent_place = place[parent[order]]
        while first <= nodes:
            last = int(np.searchsorted(parent_place[1:], first, side="left")) + 1
            last = last if last > first else nodes + 1
            levels.append(order[first:last])
            first = last
        size = np.ones(nodes + 1, dtype=np.int64)
        for level in reversed(levels):
            np.add.at(size, parent[level], size[level])
        number, top = np.zeros(nodes + 1, dtype=np.int64), np.arange(nodes + 1)
        for depth, level in enumerate(levels):
            before = np.cumsum(size[level]) - size[level]
            eldest = np.flatnonzero(np.diff(parent[level], prepend=-1))
            passed = np.repeat(before[eldest], np.diff(np.append(eldest, len(level))))
            number[level] = number[parent[level]] + 1 + before - passed
            if depth:
                top[level] = top[parent[level]]
        return cls(
            parent=parent,
            edge=_edges_to_parents(arcs, parent),
            levels=levels,
            number=number,
            size=size,
            top=top[:nodes],
        )

    def summed(self, weight: Floats) -> Floats:
        """Return the weight of the descendants of each node, with itself."""
        total = weight.copy()
        for level in reversed(self.levels):
            np.add.at(total, self.parent[level], total[level])
        return total

    def reach(self, start: Ints, end: Ints) -> tuple[Ints, Ints]:
        """Return the lowest and the highest number that other edges lead to from the descendants of each node."""
        other = self.others(len(start))
        low, high = self.number.copy(), self.number.copy()
        for one, two in ((start[other], end[other]), (end[other], start[other])):
            np.minimum.at(low, one, self.number[two])
            np.maximum.at(high, one, self.number[two])
        for level in reversed(self.levels):
            np.minimum.at(low, self.parent[level], low[level])
            np.maximum.at(high, self.parent[level], high[level])
        return low, high

    def others(self, edges: int) -> Bools:
        """Return which edges are not of the tree."""
        other = np.ones(edges, dtype=bool)
        other[self.edge[self.edge >= 0]] = False
        return other


def _breadth_first(arcs: Arcs, nodes: int) -> tuple[Ints, Ints]:
    """Return the nodes in breadth-first order from one more node, joined to each component, and their parents."""
    ones = np.ones(len(arcs), dtype=np.int8)
    graph = scipy.sparse.csr_array(
        (ones, arcs.head[arcs.order].astype(np.int32), arcs.first.astype(np.int32)), shape=(nodes, nodes)
    )
    _, component = scipy.sparse.csgraph.connected_components(graph, directed=False)
    _, tops = np.unique(component, return_index=True)
    first = np.append(arcs.first, len(arcs) + len(tops)).astype(np.int32)
    head = np.append(arcs.head[arcs.order], tops).astype(np.int32)
    rooted = scipy.sparse.csr_array((np.ones(len(head), dtype=np.int8), head, first), shape=(nodes + 1, nodes + 1))
    order, parent = scipy.sparse.csgraph.breadth_first_order(rooted, nodes, directed=True)
    parents: Ints = parent.astype(np.int64)
    parents[nodes] = nodes
    return order.astype(np.int64), parents


def _edges_to_parents(arcs: Arcs, parent: Ints) -> Ints:
    """Return an edge between each node and its parent; -1 where the parent is the root."""
    edges, root = len(arcs) // 2, len(parent) - 1
    edge = np.full(root + 1, -1)
    upward = np.flatnonzero((parent[arcs.tail] == arcs.head) & (arcs.tail != arcs.head))
    edge[arcs.tail[upward[::-1]]] = upward[::-1] % edges
    return edge


def _articulation(tree: _Tree, start: Ints, end: Ints, low: Ints, high: Ints) -> Bools:
    """Return the nodes where blocks meet: sets of edges, any two of which lie on a cycle.

    An edge of the tree goes by its lower node, any other by that of its ends with the higher number.
    """
    nodes, number, size = len(tree.top), tree.number, tree.size
    other = np.flatnonzero(tree.others(len(start)) & (start != end))
    first = np.where(number[start[other]] < number[end[other]], start[other], end[other])
    later = start[other] + end[other] - first
    apart = number[first] + size[first] <= number[later]
    child = np.flatnonzero(tree.edge[:nodes] >= 0)
    above = tree.parent[child]
    out = (low[child] < number[above]) | (high[child] >= number[above] + size[above])
    out &= tree.edge[above] >= 0
    one, two = np.concatenate([first[apart], above[out]]), np.concatenate([later[apart], child[out]])
    joined = scipy.sparse.csr_array((np.ones(len(one), dtype=np.int8), (one, two)), shape=(nodes, nodes))
    _, block = scipy.sparse.csgraph.connected_components(joined, directed=False)
    meets = np.concatenate([first, later, child, above])
    blocks = block[np.concatenate([later, later, child, child])]
    pairs = np.unique(np.column_stack([meets, blocks]), axis=0)
    articulation: Bools = np.bincount(pairs[:, 0], minlength=nodes) > 1
    return articulation
