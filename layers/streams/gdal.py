"""What GDAL writes from Arrow batches: files of any of its formats, and FlatGeobuf and GeoPackage as streams."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from layers.description import Shape
from layers.errors import ExportError
from layers.streams.batches import GEOMETRY, batches, schema
from layers.streams.selection import Selection

_TYPES = {Shape.LINE: "MultiLineString", Shape.POLYGON: "MultiPolygon"}
_CHUNK_BYTES = 1 << 20
_BATCHES_A_FILE = 2
_FLATGEOBUF_MAGIC_BYTES = 8
_FLATGEOBUF_SIZE_BYTES = 4


def write_file(selection: Selection, file: Path, driver: str, **options: Any) -> int:
    """Write features into a new file, and return how many there were.

    Most formats take but one type of geometry a file, so that lines and polygons are multi geometries.

    Raises
    ------
    ExportError
        GDAL can't write the file.
    """
    count = 0
    failure: Exception | None = None

    def counted() -> Iterator[pa.RecordBatch]:
        nonlocal count, failure
        try:
            for batch in batches(selection, multi=True):
                count += len(batch)
                yield batch
        except Exception as error:
            failure = error
            raise

    try:
        _write(selection, pa.RecordBatchReader.from_batches(schema(selection), counted()), file, driver, **options)
    except ExportError as error:
        raise failure or error from error
    return count


def write_flatgeobuf(selection: Selection) -> Generator[bytes]:
    """Yield FlatGeobuf without an index, which could only be made at the end; the number of features isn't told.

    GDAL writes some batches at a time as a file of its own, of which all but the head is taken; the head is that of no
    features.
    """
    head = _flatgeobuf(selection, pa.RecordBatch.from_pylist([], schema(selection)))
    start = _FLATGEOBUF_MAGIC_BYTES + _FLATGEOBUF_SIZE_BYTES
    found = batches(selection, multi=True)
    while some := list(islice(found, _BATCHES_A_FILE)):
        whole = _flatgeobuf(selection, pa.Table.from_batches(some))
        yield head + whole[start + int.from_bytes(whole[_FLATGEOBUF_MAGIC_BYTES:start], "little") :]
        head = b""
    if head:
        yield head


def write_geopackage(selection: Selection) -> Generator[bytes]:
    """Yield a GeoPackage, which is made in a temporary file before its first byte is there."""
    with tempfile.TemporaryDirectory(prefix="horad-") as folder:
        file = Path(folder) / f"{selection.model.name}.gpkg"
        write_file(selection, file, "GPKG")
        with file.open("rb") as whole:
            while chunk := whole.read(_CHUNK_BYTES):
                yield chunk


def _flatgeobuf(selection: Selection, features: pa.RecordBatch | pa.Table) -> bytes:
    memory = io.BytesIO()
    _write(selection, features, memory, "FlatGeobuf", SPATIAL_INDEX="NO")
    return memory.getvalue()


def _write(selection: Selection, features: Any, file: Path | io.BytesIO, driver: str, **options: Any) -> None:
    import pyogrio

    try:
        pyogrio.write_arrow(
            features,
            file,
            driver=driver,
            layer=selection.model.name,
            geometry_name=GEOMETRY,
            geometry_type=_TYPES.get(selection.model.layer.shape, "Unknown"),
            crs=f"EPSG:{selection.crs.srid}",
            **options,
        )
    except RuntimeError as error:
        raise ExportError(f"{selection.model.name} can't be written as {driver}: {error}") from error
