"""Turn restrictions of OpenStreetMap: relations of the street one comes from, the junction, and the street ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, NamedTuple

import shapely

from layers.description import Tags
from layers.models.roads import one_way
from layers.sources.osm.elements import Relation

_INCOMPLETE = "the relation lacks a street from, a junction via, or a street to"
_NOT_HERE = "a street of the turn, or its end at the junction, is not in the file"
_APART = "the streets of the turn don't meet"
_UNCLEAR = "the turn is in the middle of a street, so that its direction isn't clear"

Place = tuple[float, float]


class _Way(NamedTuple):
    """A way: its nodes, where they are known to be, and its direction of traffic."""

    nodes: list[int]
    places: dict[int, Place]
    direction: str

    def beside(self, junction: int, *, ahead: bool) -> set[int]:
        """Return the nodes from which one comes to a junction along the way, or to which one goes on from there."""
        at = [rank for rank, node in enumerate(self.nodes) if node == junction]
        later = {self.nodes[rank + 1] for rank in at if rank + 1 < len(self.nodes)}
        earlier = {self.nodes[rank - 1] for rank in at if rank}
        with_the_way, against = (later, earlier) if ahead else (earlier, later)
        legal = {"forward": with_the_way, "backward": against}.get(self.direction)
        return legal or with_the_way | against

    def through(self, junction: int) -> list[int]:
        """Return the nodes from one end of the way to the other, or none where the junction is no end."""
        if junction == self.nodes[0]:
            return self.nodes
        return self.nodes[::-1] if junction == self.nodes[-1] else []


class Turns:
    """The restrictions of a file: the ways of their streets are shown to it, and it gives the lines of the turns.

    The line of a turn begins at the vertex before the junction, leads through it, and along further streets if the
    relation has some, to the vertex behind the last one.

    Parameters
    ----------
    relations
        The relations.
    """

    def __init__(self, relations: Iterable[Relation]) -> None:
        self._turns = list(relations)
        self.ways = {each.ref for turn in self._turns for each in turn.members if each.type == "w"}
        self._known: dict[int, _Way] = {}

    def __iter__(self) -> Iterator[tuple[Relation, shapely.Geometry | None, str]]:
        """Yield each restriction with its members as tags, and its lines, or why there are none."""
        for turn in self._turns:
            named = {role: _named(turn, role) for role in ("from", "via", "to")}
            shown = turn._replace(tags=turn.tags | {role: text for role, text in named.items() if text})
            lines, problem = self._lines(turn)
            line = None if not lines else lines[0] if len(lines) == 1 else shapely.MultiLineString(lines)
            yield shown, line, problem

    def show(self, way: Any, tags: Tags) -> None:
        """Take a way."""
        places = {node.ref: (node.lon, node.lat) for node in way.nodes if node.location.valid()}
        self._known[way.id] = _Way([node.ref for node in way.nodes], places, one_way(tags))

    def _lines(self, turn: Relation) -> tuple[list[shapely.LineString], str]:
        comes, leads, streets = (_refs(turn, "w", role) for role in ("from", "to", "via"))
        junctions = _refs(turn, "n", "via")
        if not comes or not leads or not (junctions or streets):
            return [], _INCOMPLETE
        found, problem = [], _NOT_HERE
        for one, other in product(comes, leads):
            try:
                found.append(self._line(one, streets, junctions, other))
            except (KeyError, _NoLineError) as error:
                problem = str(error) if isinstance(error, _NoLineError) else _NOT_HERE
        return found, problem

    def _line(self, one: int, streets: list[int], junctions: list[int], other: int) -> shapely.LineString:
        first, last = self._known[one], self._known[other]
        between = [self._known[street] for street in streets]
        chains = [[junction] for junction in junctions]
        if between:
            orders = (between, between[::-1])
            chains = [_chain(start, order) for order in orders for start in (order[0].nodes[0], order[0].nodes[-1])]
        chains = [chain for chain in chains if chain and chain[0] in first.nodes and chain[-1] in last.nodes]
        if not chains:
            raise _NoLineError(_APART)
        for chain in chains:
            before, after = first.beside(chain[0], ahead=False), last.beside(chain[-1], ahead=True)
            if len(before) == len(after) == 1:
                places = first.places | last.places | {node: at for way in between for node, at in way.places.items()}
                return shapely.LineString([places[node] for node in (*before, *chain, *after)])
        raise _NoLineError(_UNCLEAR)


class _NoLineError(Exception):
    """A turn can't be drawn."""


def _chain(start: int, streets: list[_Way]) -> list[int]:
    """Return the nodes from a junction through streets, or none where they aren't joined."""
    chain = [start]
    for street in streets:
        chain += street.through(chain[-1])[1:] or [-1]
    return [] if -1 in chain else chain


def _refs(turn: Relation, kind: str, role: str) -> list[int]:
    return [each.ref for each in turn.members if each.type == kind and each.role == role]


def _named(turn: Relation, role: str) -> str:
    return ";".join(f"{each.type}{each.ref}" for each in turn.members if each.role == role)
