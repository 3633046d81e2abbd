"""What the first rows of a source tell of it: whether any can be taken, and whether they lie where they should."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from layers.catalog import LayerTable
from layers.loads.ground import Ground
from layers.sources.description import Surroundings
from layers.sources.geometry import wkb
from layers.sources.geometry.wkb import Geometries
from layers.sources.records import Batch, Reader, Reject

_ROWS = 5_000


def sample_problems(reader: Reader, layer: LayerTable, surroundings: Surroundings, *, outside: bool) -> list[str]:
    """Return what is wrong with a source as its first rows have it.

    Parameters
    ----------
    reader
        Of batches, opened; it is of no use afterwards.
    layer
        The layer that it fills.
    surroundings
        What is known of the territory.
    outside
        Whether features far outside the territory are taken.
    """
    batches: list[pa.RecordBatch] = []
    reasons: Counter[str] = Counter()
    for item in reader:
        if isinstance(item, Batch):
            batches.append(item.rows)
        elif isinstance(item, Reject):
            reasons[item.reason] += 1
        if sum(each.num_rows for each in batches) + reasons.total() >= _ROWS:
            break
    if not batches:
        return [_nothing_taken(reader, reasons)]
    problems = []
    empty = [name for name in _required(layer) if all(_is_empty(each, name) for each in batches)]
    if empty:
        problems.append(f"every feature of the layer {layer.name} needs {', '.join(empty)}, which nothing in it fills")
    shapes = wkb.read(pc.drop_null(pa.chunked_array([each.column("geom") for each in batches]).combine_chunks()))
    problems += _shapeless(shapes, layer)
    if not outside and surroundings.box is not None:
        problems += _elsewhere(shapes, surroundings)
    return problems


def _nothing_taken(reader: Reader, reasons: Counter[str]) -> str:
    if not reasons:
        left = ", ".join(f"{times} {what}" for (_, what), times in reader.notes.passed_over.items())
        return f"no row of it is taken: {left}" if left else "it holds no rows"
    [(reason, times)] = reasons.most_common(1)
    return f"none of its first {reasons.total()} rows can be taken, {times} since {reason}"


def _required(layer: LayerTable) -> list[str]:
    columns = layer.table.columns
    return [each.name for each in layer.columns if each.required and columns[each.name].server_default is None]


def _is_empty(rows: pa.RecordBatch, name: str) -> bool:
    return name not in rows.schema.names or rows.column(name).null_count == rows.num_rows


def _shapeless(shapes: Geometries, layer: LayerTable) -> list[str]:
    found = {each.geom_type for each in shapes}
    if not found or not found.isdisjoint(layer.layer.shape.geometry_types):
        return []
    return [
        f"the layer {layer.name} is made of {layer.layer.shape}s, and its first features of {', '.join(sorted(found))}"
    ]


def _elsewhere(shapes: Geometries, surroundings: Surroundings) -> list[str]:
    boxes = shapely.bounds(shapes)
    ground = Ground(surroundings.territory, surroundings.metric_crs, surroundings.box)
    west, south, east, north = ground.reach
    inside = (boxes[:, 0] <= east) & (boxes[:, 2] >= west) & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)
    if not len(boxes) or inside.any():
        return []
    found = ", ".join(f"{each:.2f}" for each in (*np.nanmin(boxes[:, :2], axis=0), *np.nanmax(boxes[:, 2:], axis=0)))
    return [f"all of its first {len(boxes)} features lie elsewhere, in {found}: {ground.outside}; is the crs right?"]
