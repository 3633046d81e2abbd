"""A layer as a reader of OpenStreetMap needs it: its elements, and how tags become columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from layers.catalog import LayerTable, find
from layers.description import ColumnInfo, OsmRule, Tags
from layers.sources.osm.xml import as_saved
from layers.sources.packing import pack
from layers.sources.records import Batch


class Target:
    """One layer, and its features that wait for a batch.

    Parameters
    ----------
    model
        The layer.
    rule
        Its rule for OpenStreetMap.

    Attributes
    ----------
    counts_others
        Whether it is told what has the layer's key and is none of its features, since the key is the layer's own.
    """

    def __init__(self, model: LayerTable, rule: OsmRule) -> None:
        self.name = model.name
        self.shape = model.layer.shape
        self.accept = rule.accept
        self.elements = rule.elements
        self.keys = rule.keys
        self.counts_others = len(rule.keys) == 1
        self._verbatim: dict[str, str] = {}
        self._computed: dict[str, Callable[[Tags], Any]] = {}
        for column in model.table.columns:
            info: ColumnInfo | None = column.info.get("column")
            if info is None or info.osm is None:
                continue
            if isinstance(info.osm, str):
                self._verbatim[info.osm] = column.name
            else:
                self._computed[column.name] = info.osm
        self._clear()

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, source_id: str, geometry: str, tags: Tags) -> None:
        """Let a feature wait for its batch."""
        self._ids.append(source_id)
        self._geometries.append(geometry)
        self._tags.append(tags)

    def batch(self) -> Batch:
        """Return what waits, which then waits no more."""
        values: dict[str, list[Any]] = {
            name: [tags.get(key) for tags in self._tags] for key, name in self._verbatim.items()
        }
        values |= {name: [compute(tags) for tags in self._tags] for name, compute in self._computed.items()}
        kept = self._verbatim
        rest = [orjson.dumps({key: value for key, value in tags.items() if key not in kept}) for tags in self._tags]
        found = pack(self.name, list(map(as_saved, self._ids)), self._geometries, rest, values)
        self._clear()
        return found

    def _clear(self) -> None:
        self._ids: list[str] = []
        self._geometries: list[str] = []
        self._tags: list[Tags] = []


def batch_of(layer: str, source_id: str, geometry: str, tags: Tags) -> Batch:
    """Return one feature, made from the tags of an element and hexadecimal WKB.

    Raises
    ------
    ValueError
        The layer has no OSM rule.
    """
    model = find(layer)
    if model.layer.osm is None:
        raise ValueError(f"OpenStreetMap data has no rule for the layer {layer}")
    target = Target(model, model.layer.osm)
    target.add(source_id, geometry, tags)
    return target.batch()
