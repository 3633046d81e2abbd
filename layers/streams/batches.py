"""Features as Arrow batches: PostgreSQL writes CSV, Arrow reads it, and no value is touched one by one."""

from __future__ import annotations

import binascii
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyproj
from sqlalchemy import ColumnElement, String, cast, func

from layers.description import Shape
from layers.streams.rows import copy_out
from layers.streams.selection import Selection

GEOMETRY = "geometry"
TAGS = "tags"

_TYPES: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    dt.date: pa.date32(),
    dt.datetime: pa.timestamp("us", tz="UTC"),
}
_CONVERSION: dict[str, Any] = {
    "strings_can_be_null": True,
    "quoted_strings_can_be_null": False,
    "null_values": [""],
    "true_values": ["t"],
    "false_values": ["f"],
}


def schema(selection: Selection) -> pa.Schema:
    """Return the columns of the batches: the id, the properties, tags as JSON among them, and the geometry as WKB.

    The geometry is marked as GeoArrow asks for, its CRS as PROJJSON; longitude or easting comes first in any CRS.
    """
    crs = {"crs": pyproj.CRS.from_epsg(selection.crs.srid).to_json_dict(), "crs_type": "projjson"}
    marks = {"ARROW:extension:name": "geoarrow.wkb", "ARROW:extension:metadata": json.dumps(crs)}
    kinds = {each.name: _TYPES[each.python_type] for each in selection.model.columns}
    return pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            *(pa.field(name, kinds.get(name, pa.string())) for name in selection.names),
            pa.field(GEOMETRY, pa.binary(), metadata=marks),
        ]
    )


def batches(selection: Selection, *, multi: bool = False) -> Iterator[pa.RecordBatch]:
    """Yield the features in batches of about a thousand; Arrow gives the memory of each back before it takes the next.

    Parameters
    ----------
    selection
        Which features.
    multi
        Whether lines and polygons are all multi geometries, for files that take but one type.
    """
    wanted = schema(selection)
    types = dict(zip(wanted.names, wanted.types, strict=True)) | {GEOMETRY: pa.string()}
    conversion = pyarrow.csv.ConvertOptions(column_types=types, **_CONVERSION)
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    for block in copy_out(selection.connection, selection.matching(_columns(selection, multi=multi)), "csv"):
        reading = pyarrow.csv.ReadOptions(column_names=wanted.names, block_size=len(block) + 1, use_threads=False)
        table = pyarrow.csv.read_csv(
            pa.BufferReader(block), read_options=reading, parse_options=parsing, convert_options=conversion
        )
        for batch in table.to_batches():
            yield pa.record_batch([*batch.columns[:-1], _from_hex(batch.column(GEOMETRY))], schema=wanted)
        pa.default_memory_pool().release_unused()


def _columns(selection: Selection, *, multi: bool) -> list[ColumnElement[Any]]:
    table, geometry = selection.table, selection.geometry
    if multi and selection.model.layer.shape in (Shape.LINE, Shape.POLYGON):
        geometry = func.ST_Multi(geometry)
    values = [cast(table.c[name], String) if name == TAGS else table.c[name] for name in selection.names]
    return [table.c.id, *values, func.encode(func.ST_AsBinary(geometry, "NDR"), "hex")]


def _from_hex(texts: pa.StringArray) -> pa.BinaryArray:
    """Return what hexadecimal digits stand for, all values at a time."""
    known, ends, digits = texts.buffers()
    offsets = np.frombuffer(ends, np.int32)[: len(texts) + 1]
    values = binascii.unhexlify(memoryview(digits)[: offsets[-1]]) if digits else b""
    return pa.Array.from_buffers(pa.binary(), len(texts), [known, pa.py_buffer(offsets // 2), pa.py_buffer(values)])
