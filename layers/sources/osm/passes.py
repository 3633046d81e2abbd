"""One pass over the elements of OpenStreetMap: they become features of some layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby, islice
from typing import Any

import osmium
import shapely
from osmium.osm import Area, Node, Way

from layers.description import Shape, Tags
from layers.sources.osm.elements import Elements, Relation
from layers.sources.osm.routes import WAY_KEYS, Routes
from layers.sources.osm.target import Target
from layers.sources.osm.turns import Turns
from layers.sources.osm.xml import as_saved
from layers.sources.records import Complete, Item, Notes, Reject

_OPEN_RING = "the way is not closed, so it is no area"
_BROKEN_AREA = "the area can't be assembled: a ring is open, crosses itself or is partly outside the file"
_NOWHERE = "the node has no place on the globe"
_UNKNOWN_NODES = "fewer than two nodes of the way are in the file"
_UNKNOWN_WAYS = "none of the ways of the route are in the file"
_AREA_RELATIONS = ("multipolygon", "boundary")
_OF_AREAS = frozenset({"area", "relation"})
_ROUTES, _TURNS = frozenset({"route"}), frozenset({"turn"})
_BATCH_ROWS = 2_000


class Pass:
    """The features of some layers, read in one go. Relations and closed ways count as areas where a layer takes these.

    Parameters
    ----------
    elements
        Of the file.
    targets
        The layers.
    notes
        Where it is counted what was left or is only partly there.
    """

    def __init__(self, elements: Elements, targets: list[Target], notes: Notes) -> None:
        self._elements = elements
        self._targets = targets
        self._notes = notes
        self._keys = _keys(each for each in targets if not each.elements & _TURNS)
        self._node_keys = _keys(each for each in targets if "node" in each.elements or each.counts_others)
        self._area_keys = _keys(each for each in targets if each.elements & _OF_AREAS)
        self._wanting = lru_cache(maxsize=None)(self._having)
        self._wkb = osmium.geom.WKBFactory()
        self._out: list[Item] = []
        self._awaited: dict[str, tuple[dict[str, str], list[Target]]] = {}
        self._assembled: set[str] = set()
        self._shown_ways: set[int] = set()

    def __iter__(self) -> Iterator[Item]:
        """Yield features by the thousand, and what can't become one; then tell of each layer that it is complete.

        Raises
        ------
        RuntimeError, osmium.InvalidLocationError
            The file can't be read.
        """
        self._find_relations()
        keys = self._keys.union(WAY_KEYS if self._shown_ways else ())
        for element in self._elements.having(keys, nodes=self._node_keys, areas=self._area_keys):
            if element.visible:
                self._take(element)
            if self._out:
                yield from self._out
                self._out.clear()
        for source_id, (tags, targets) in self._awaited.items():
            for target in targets:
                self._reject(target, source_id, _BROKEN_AREA, {"tags": tags})
        for target, routes in self._routes:
            self._add_routes(target, routes)
        for target, turns in self._turns:
            self._add_turns(target, turns)
        yield from self._out
        for target in self._targets:
            if len(target):
                yield target.batch()
            yield Complete(target.name)

    def _find_relations(self) -> None:
        """Find the relations whose ways have to be kept, before the ways come."""
        drawn = [target for target in self._targets if target.elements & (_ROUTES | _TURNS)]
        found: dict[str, list[Relation]] = {target.name: [] for target in drawn}
        if drawn:
            for relation in self._elements.relations(_keys(drawn), wanted=lambda tags: _any_accepts(drawn, tags)):
                for target in drawn:
                    if not relation.tags.keys().isdisjoint(target.keys):
                        self._sort_in(relation, target, found[target.name])
        self._routes = [(each, Routes(found[each.name])) for each in drawn if each.elements & _ROUTES]
        self._turns = [(each, Turns(found[each.name])) for each in drawn if each.elements & _TURNS]
        self._shown_ways = {way for _, routes in self._routes for way in routes.ways}
        self._shown_ways.update(way for _, turns in self._turns for way in turns.ways)

    def _sort_in(self, relation: Relation, target: Target, found: list[Relation]) -> None:
        if target.accept(relation.tags):
            found.append(relation)
        elif target.elements & _TURNS:
            key = next(key for key in target.keys if key in relation.tags)
            self._notes.passed_over[target.name, f"{key}={relation.tags[key]}"] += 1

    def _add_routes(self, target: Target, routes: Routes) -> None:
        for route, line, is_whole in routes:
            if line is None:
                self._refuse(target, route, _UNKNOWN_WAYS)
                continue
            self._notes.cut[target.name] += not is_whole
            self._add(target, route.source_id, shapely.to_wkb(line, hex=True), route.tags)

    def _add_turns(self, target: Target, turns: Turns) -> None:
        for turn, line, problem in turns:
            if line is None:
                self._refuse(target, turn, problem)
            else:
                self._add(target, turn.source_id, shapely.to_wkb(line, hex=True), turn.tags)

    def _refuse(self, target: Target, relation: Relation, reason: str) -> None:
        ways = [each.ref for each in relation.members if each.type == "w"]
        self._reject(target, relation.source_id, reason, {"tags": relation.tags, "ways": ways})

    def _reject(self, target: Target, source_id: str, reason: str, record: dict[str, Any]) -> None:
        self._out.append(Reject(target.name, as_saved(source_id), reason, record))

    def _take(self, element: Any) -> None:
        if isinstance(element, Area):
            self._area(element)
            return
        tags = _tags(element)
        is_way = isinstance(element, Way)
        if is_way and self._shown_ways and element.id in self._shown_ways:
            self._show(element, tags)
        accepting = []
        for target in self._wanting(self._keys.intersection(tags)):
            if target.accept(tags):
                accepting.append(target)
            else:
                self._pass_over(target, f"{target.keys[0]}={tags.get(target.keys[0])}")
        if not accepting:
            return
        if is_way:
            self._way(element, tags, accepting)
        elif isinstance(element, Node):
            self._node(element, tags, accepting)
        else:
            self._relation(element, tags, accepting)

    def _having(self, keys: frozenset[str]) -> list[Target]:
        return [target for target in self._targets if not keys.isdisjoint(target.keys)]

    def _add(self, target: Target, source_id: str, geometry: str, tags: Tags) -> None:
        target.add(source_id, geometry, tags)
        if len(target) >= _BATCH_ROWS:
            self._out.append(target.batch())

    def _pass_over(self, target: Target, what: str) -> None:
        """Count what has the key of a layer and is none of its features, where the key is the layer's own."""
        if target.counts_others:
            self._notes.passed_over[target.name, what] += 1

    def _node(self, node: Any, tags: Tags, targets: list[Target]) -> None:
        for target in targets:
            if "node" not in target.elements:
                self._pass_over(target, f"{target.keys[0]} on a node")
            elif node.location.valid():
                self._add(target, f"n{node.id}", self._wkb.create_point(node), tags)
            else:
                self._reject(target, f"n{node.id}", _NOWHERE, {"tags": tags})

    def _way(self, way: Any, tags: dict[str, str], targets: list[Target]) -> None:
        source_id = f"w{way.id}"
        areas = []
        for target in targets:
            if "way" in target.elements:
                self._line(target, way, source_id, tags)
            elif "area" not in target.elements:
                self._pass_over(target, f"{target.keys[0]} on a way")
            elif way.is_closed():
                areas.append(target)
            else:
                self._reject(target, source_id, _OPEN_RING, {"tags": tags})
        if areas:
            self._awaited[source_id] = tags, areas

    def _line(self, target: Target, way: Any, source_id: str, tags: dict[str, str]) -> None:
        geometry = self._whole(way)
        if geometry is None:
            known = _known_parts(way)
            if known is None:
                record = {"tags": tags, "nodes": [node.ref for node in way.nodes]}
                self._reject(target, source_id, _UNKNOWN_NODES, record)
                return
            self._notes.cut[target.name] += 1
            geometry = shapely.to_wkb(known, hex=True)
        self._add(target, source_id, geometry, tags)

    def _show(self, way: Any, tags: Tags) -> None:
        """Show a way to the routes and the turns that are made of it."""
        for _, turns in self._turns:
            if way.id in turns.ways:
                turns.show(way, tags)
        along = [routes for _, routes in self._routes if way.id in routes.ways]
        geometry = self._whole(way) if along else None
        line = shapely.from_wkb(geometry) if geometry else _known_parts(way) if along else None
        if line is not None:
            for routes in along:
                routes.show(way.id, line)

    def _whole(self, way: Any) -> str | None:
        """Return the line of a way, or ``None`` where it has no length or the place of a node is unknown.

        The factory passes over unknown nodes at the beginning and stumbles over any other.
        """
        if not way.nodes or not way.nodes[0].location.valid():
            return None
        try:
            return str(self._wkb.create_linestring(way))
        except (osmium.InvalidLocationError, RuntimeError):
            return None

    def _area(self, area: Any) -> None:
        """Take the area of a way, which has been seen before, or of a relation, which may still come."""
        if area.num_rings()[0] == 0:
            return
        if area.from_way():
            source_id = f"w{area.orig_id()}"
            tags, targets = self._awaited.pop(source_id, ({}, []))
        else:
            source_id = f"r{area.orig_id()}"
            tags = _tags(area)
            wanting = self._wanting(self._keys.intersection(tags))
            targets = [each for each in wanting if each.elements & _OF_AREAS and each.accept(tags)]
            if self._awaited.pop(source_id, None) is None:
                self._assembled.add(source_id)
        if not targets:
            return
        geometry = self._wkb.create_multipolygon(area)
        for target in targets:
            self._add(target, source_id, _inner_point(geometry) if target.shape is Shape.POINT else geometry, tags)

    def _relation(self, relation: Any, tags: dict[str, str], targets: list[Target]) -> None:
        """Expect the relation's area, which comes before the relation itself or after it."""
        source_id = f"r{relation.id}"
        is_area = tags.get("type") in _AREA_RELATIONS
        for target in targets:
            if "route" not in target.elements and not (target.elements & _OF_AREAS and is_area):
                self._pass_over(target, f"{target.keys[0]} on a relation")
        areas = [each for each in targets if each.elements & _OF_AREAS]
        if is_area and areas:
            if source_id in self._assembled:
                self._assembled.remove(source_id)
            else:
                self._awaited[source_id] = tags, areas


def _keys(targets: Iterable[Target]) -> frozenset[str]:
    return frozenset(key for target in targets for key in target.keys)


def _any_accepts(targets: list[Target], tags: Tags) -> bool:
    return any(not tags.keys().isdisjoint(each.keys) and each.accept(tags) for each in targets)


def _tags(element: Any) -> dict[str, str]:
    """Return the tags of an element; asking for one more than there are is what takes long."""
    tags = element.tags
    return dict(islice(tags, len(tags)))


def _inner_point(area: str) -> str:
    return str(shapely.to_wkb(shapely.point_on_surface(shapely.from_wkb(area)), hex=True))


def _known_parts(way: Any) -> shapely.Geometry | None:
    """Return the runs of two or more consecutive nodes whose place is known, or ``None`` where there is none."""
    runs = groupby(way.nodes, key=lambda node: node.location.valid())
    lines = [[(node.lon, node.lat) for node in nodes] for known, nodes in runs if known]
    parts = [shapely.LineString(line) for line in lines if len(set(line)) > 1]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.MultiLineString(parts)
