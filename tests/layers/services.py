"""Sources that are services, as a territory's file describes them, and what a test does with them."""

from __future__ import annotations

import json
from typing import Any

import shapely
from town import Town

from layers.loads.ingest import LayerReport
from layers.sources.description import Obtained, Surroundings
from layers.sources.records import Batch, Reject
from layers.sources.remote.description import RemoteSource

BOX = (27.50, 53.88, 27.60, 53.92)


def described(model: type[RemoteSource], /, **words: Any) -> Any:
    """A source as its description says."""
    titles = dict.fromkeys(("be", "ru", "en"), "T")
    said = {"id": "remote", "title": titles, "attribution": "the test", "layer": "facilities", **words}
    return model.model_validate(said)


def obtain(source: RemoteSource, box: tuple[float, float, float, float] | None = BOX) -> Obtained:
    return source.obtain(Surroundings(territory="town", metric_crs="EPSG:32635", box=box))


def load(town: Town, source: RemoteSource, box: tuple[float, float, float, float] | None = BOX) -> LayerReport:
    """Fetch a service and load it."""
    reader = obtain(source, box).open()
    return town.read(reader, layers=source.fills, source=source.id).layers[source.layer]


def read(source: RemoteSource, box: tuple[float, float, float, float] | None = BOX) -> dict[str, dict[str, Any]]:
    """Fetch a service and return its features by their ids: geometry, columns and tags; or why there is none."""
    found: dict[str, dict[str, Any]] = {}
    for item in obtain(source, box).open():
        if isinstance(item, Reject):
            found[item.source_id] = {"reason": item.reason}
            continue
        assert isinstance(item, Batch)
        for row in item.rows.to_pylist():
            known = {"geometry": shapely.from_wkb(row["geom"]), "tags": json.loads(row["tags"])}
            assert row["source_id"] not in found
            found[row["source_id"]] = row | known
    return found


def school(number: int, **properties: Any) -> dict[str, Any]:
    """A school as GeoJSON, a little further east than the one before."""
    return {
        "type": "Feature",
        "id": f"s{number}",
        "geometry": {"type": "Point", "coordinates": [27.55 + number / 10_000, 53.90]},
        "properties": {"kind": "school", "name": f"№ {number}", **properties},
    }
