"""GeoParquet 1.1: WKB in row groups that lie together on the ground, each with its box, so that readers skip most."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from layers.streams.batches import GEOMETRY, batches, schema
from layers.streams.selection import Selection
from layers.streams.sink import Sink

_ROWS_A_GROUP = 5_000
_BYTES_A_GROUP = 16 << 20
_UNIQUE = "source_id"
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_BOX = pa.struct([pa.field(edge, pa.float64()) for edge in _EDGES])


class _Ground:
    """What has been seen of the geometries so far: their types and the box around them."""

    def __init__(self) -> None:
        self.types: set[str] = set()
        self.box = np.array([np.inf, np.inf, -np.inf, -np.inf])

    def boxes(self, wkb: pa.BinaryArray) -> pa.StructArray:
        """Return the box around each geometry."""
        geometries = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False))
        self.types |= {each.geom_type for each in geometries[_first_of_each(shapely.get_type_id(geometries))]}
        edges = shapely.bounds(geometries)
        nowhere = np.isnan(edges[:, 0])
        if not nowhere.all():
            known = edges[~nowhere]
            self.box = np.concatenate(
                [np.minimum(self.box[:2], known[:, :2].min(0)), np.maximum(self.box[2:], known[:, 2:].max(0))]
            )
        columns = [pa.array(column) for column in edges.T]
        return pa.StructArray.from_arrays(columns, fields=list(_BOX), mask=pa.array(nowhere))


def write(selection: Selection) -> Generator[bytes]:
    """Yield the file, a row group at a time, and at the end what is said of the whole."""
    sink, ground = Sink(), _Ground()
    inner = schema(selection)
    box = "bbox" if "bbox" not in inner.names else "geometry_bbox"
    plain = inner.set(inner.get_field_index(GEOMETRY), pa.field(GEOMETRY, pa.binary()))
    repeated = [each.name for each in plain if pa.types.is_string(each.type) and each.name != _UNIQUE]
    columns = plain.append(pa.field(box, _BOX))
    with pq.ParquetWriter(sink.file, columns, compression="zstd", use_dictionary=repeated) as writer:
        for group in _groups(selection, ground, writer.schema):
            writer.write_table(group, len(group))
            yield sink.taken()
        writer.add_key_value_metadata({"geo": json.dumps(_description(selection, ground, box))})
    yield sink.taken()


def _groups(selection: Selection, ground: _Ground, columns: pa.Schema) -> Iterator[pa.Table]:
    """Yield the features, with the box around each, in tables of about as many as a row group has."""
    group: list[pa.RecordBatch] = []
    for batch in batches(selection):
        group.append(pa.record_batch([*batch.columns, ground.boxes(batch.column(GEOMETRY))], schema=columns))
        if sum(map(len, group)) >= _ROWS_A_GROUP or sum(each.nbytes for each in group) >= _BYTES_A_GROUP:
            yield pa.Table.from_batches(group)
            group = []
    if group:
        yield pa.Table.from_batches(group)


def _description(selection: Selection, ground: _Ground, box: str) -> dict[str, Any]:
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted(ground.types),
        "crs": pyproj.CRS.from_epsg(selection.crs.srid).to_json_dict(),
        "covering": {"bbox": {edge: [box, edge] for edge in _EDGES}},
    }
    if np.isfinite(ground.box).all():
        column["bbox"] = ground.box.tolist()
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}


def _first_of_each(kinds: Any) -> Any:
    """Return where each kind of geometry first stands; there is none where the kind is -1."""
    found, first = np.unique(kinds, return_index=True)
    return first[found >= 0]
