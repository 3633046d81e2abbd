"""OpenStreetMap files: .osm.pbf, .osm, .osm.bz2 and .osm.gz."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import osmium
import shapely
from osmium.filter import KeyFilter

from layers.catalog import LayerTable
from layers.description import ColumnInfo, OsmRule, Shape, Tags
from layers.errors import SourceError
from layers.sources.records import Item, Notes, Record, Reject

ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0"
SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.bz2", ".osm.gz")

_OPEN_RING = "the way is not closed, so it is no area"
_BROKEN_AREA = "the area can't be assembled: a ring is open, crosses itself or is partly outside the file"
_UNKNOWN_NODES = "fewer than two nodes of the way are in the file"
_AREA_RELATIONS = ("multipolygon", "boundary")


class _Target:
    """One layer as the reader needs it: which elements it takes and how tags become columns."""

    def __init__(self, name: str, model: LayerTable, rule: OsmRule) -> None:
        self.name = name
        self.shape = model.layer.shape
        self.accept = rule.accept
        self.elements = rule.elements
        self.keys = rule.keys
        self.verbatim: dict[str, str] = {}
        self.computed: dict[str, Callable[[Tags], Any]] = {}
        for column in model.table.columns:
            info: ColumnInfo | None = column.info.get("column")
            if info is None or info.osm is None:
                continue
            if isinstance(info.osm, str):
                self.verbatim[info.osm] = column.name
            else:
                self.computed[column.name] = info.osm

    def record(self, source_id: str, geometry: str, tags: Tags) -> Record:
        values = {name: compute(tags) for name, compute in self.computed.items()}
        rest = {}
        for key, value in tags.items():
            if key in self.verbatim:
                values[self.verbatim[key]] = value
            else:
                rest[key] = value
        return Record(self.name, source_id, geometry, values, rest)


class OsmReader:
    """Reads the features of the given layers from an OpenStreetMap file.

    Ids are those of OpenStreetMap with the element's kind before them: ``n1``, ``w2``, ``r3``.

    Parameters
    ----------
    path
        The file.
    models
        The layers wanted, by name; those without an OSM rule are left out.

    Raises
    ------
    SourceError
        The file is missing, cut off, or no OpenStreetMap file (when it is read).
    """

    def __init__(self, path: Path, models: Mapping[str, LayerTable]) -> None:
        self._path = path
        self.notes = Notes()
        self._targets = [_Target(name, each, each.layer.osm) for name, each in models.items() if each.layer.osm]
        self._by_key: dict[str, list[_Target]] = defaultdict(list)
        for target in self._targets:
            for key in target.keys:
                self._by_key[key].append(target)
        self._wkb = osmium.geom.WKBFactory()
        self._awaited: dict[tuple[str, str], dict[str, str]] = {}
        self._assembled: set[tuple[str, str]] = set()

    @property
    def progress(self) -> float | None:
        """Unknown: the library doesn't tell how much of the file it has read."""
        return None

    def __iter__(self) -> Iterator[Item]:
        keys = KeyFilter(*self._by_key)
        try:
            for element in osmium.FileProcessor(str(self._path)).with_areas(keys).with_filter(keys):
                yield from self._items(element)
        except (RuntimeError, osmium.InvalidLocationError) as error:
            raise SourceError(f"{self._path.name} can't be read as OpenStreetMap data: {error}") from error
        for (layer, source_id), tags in self._awaited.items():
            yield Reject(layer, source_id, _BROKEN_AREA, {"tags": tags})

    def _items(self, element: Any) -> Iterator[Item]:
        tags = dict(element.tags)
        for target in self._wanting(tags):
            if element.is_area():
                if target.accept(tags):
                    yield from self._area(target, element, tags)
            elif not target.accept(tags):
                self._pass_over(target, f"{target.keys[0]}={tags.get(target.keys[0])}")
            elif element.is_node():
                yield from self._node(target, element, tags)
            elif element.is_way():
                yield from self._way(target, element, tags)
            else:
                self._relation(target, element, tags)

    def _wanting(self, tags: Tags) -> list[_Target]:
        found: list[_Target] = []
        for key in tags:
            for target in self._by_key.get(key, ()):
                if target not in found:
                    found.append(target)
        return found

    def _pass_over(self, target: _Target, what: str) -> None:
        """Count what has the key of a layer and is none of its features, where the key is the layer's own."""
        if len(target.keys) == 1:
            self.notes.passed_over[target.name, what] += 1

    def _node(self, target: _Target, node: Any, tags: Tags) -> Iterator[Item]:
        if "node" in target.elements:
            yield target.record(f"n{node.id}", self._wkb.create_point(node), tags)
        else:
            self._pass_over(target, f"{target.keys[0]} on a node")

    def _way(self, target: _Target, way: Any, tags: dict[str, str]) -> Iterator[Item]:
        source_id = f"w{way.id}"
        if "way" in target.elements:
            yield from self._line(target, way, source_id, tags)
        elif "area" not in target.elements:
            self._pass_over(target, f"{target.keys[0]} on a way")
        elif not way.is_closed():
            yield Reject(target.name, source_id, _OPEN_RING, {"tags": tags})
        else:
            self._awaited[target.name, source_id] = tags

    def _line(self, target: _Target, way: Any, source_id: str, tags: dict[str, str]) -> Iterator[Item]:
        geometry = self._whole(way)
        if geometry is None:
            known = _known_parts(way)
            if known is None:
                yield Reject(
                    target.name, source_id, _UNKNOWN_NODES, {"tags": tags, "nodes": [n.ref for n in way.nodes]}
                )
                return
            self.notes.cut[target.name] += 1
            geometry = shapely.to_wkb(known, hex=True)
        yield target.record(source_id, geometry, tags)

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

    def _area(self, target: _Target, area: Any, tags: Tags) -> Iterator[Item]:
        wanted = "area" in target.elements or ("relation" in target.elements and not area.from_way())
        if not wanted or area.num_rings()[0] == 0:
            return
        source_id = f"{'w' if area.from_way() else 'r'}{area.orig_id()}"
        if self._awaited.pop((target.name, source_id), None) is None:
            self._assembled.add((target.name, source_id))
        geometry = self._wkb.create_multipolygon(area)
        if target.shape is Shape.POINT:
            geometry = shapely.to_wkb(shapely.point_on_surface(shapely.from_wkb(geometry)), hex=True)
        yield target.record(source_id, geometry, tags)

    def _relation(self, target: _Target, relation: Any, tags: dict[str, str]) -> None:
        """Expect the relation's area, which comes before the relation itself or after it."""
        key = (target.name, f"r{relation.id}")
        if not target.elements & {"area", "relation"} or tags.get("type") not in _AREA_RELATIONS:
            self._pass_over(target, f"{target.keys[0]} on a relation")
        elif key in self._assembled:
            self._assembled.remove(key)
        else:
            self._awaited[key] = tags


def _known_parts(way: Any) -> shapely.Geometry | None:
    """Return the runs of two or more consecutive nodes whose place is known, or ``None`` where there is none."""
    runs = groupby(way.nodes, key=lambda node: node.location.valid())
    lines = [[(node.lon, node.lat) for node in nodes] for known, nodes in runs if known]
    parts = [shapely.LineString(line) for line in lines if len(set(line)) > 1]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.MultiLineString(parts)
