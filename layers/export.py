"""Writes a layer to a file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pyogrio
from sqlalchemy import Connection

from geo.errors import InvalidInputError
from layers.catalog import find
from layers.errors import ExportError
from layers.reading import store
from layers.streams import formats, gdal
from layers.streams.selection import Selection

FORMATS = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".geojsonl": "GeoJSONSeq",
    ".fgb": "FlatGeobuf",
    ".csv": "CSV",
    ".kml": "KML",
}
"""GDAL's drivers by the suffix of their files, for tables of any kind."""

_STREAMED = {each.suffix: each for name, each in formats.FORMATS.items() if name not in ("gpkg", "flatgeobuf")}
LAYER_FORMATS = tuple(dict.fromkeys((*FORMATS, *_STREAMED)))
"""The suffixes of the files into which a layer can be written."""


def export_layer(connection: Connection, layer: str, file: Path, query: store.Query) -> int:
    """Write features to a file whose suffix names the format, and return how many there were.

    An existing file is replaced only when the new one is whole.

    Raises
    ------
    InvalidInputError
        The suffix names no format we write, or the folder isn't there.
    ExportError
        The file can't be written whole, say because the disk is full.
    NotFoundError
        There is no such layer.
    """
    suffix = file.suffix.lower()
    if suffix not in LAYER_FORMATS:
        raise InvalidInputError(f"{file.name}: the suffix must be one of {', '.join(LAYER_FORMATS)}.")
    if not file.parent.is_dir():
        raise InvalidInputError(f"There is no folder {file.parent}.")
    selection = Selection(connection=connection, model=find(layer), query=query)
    partial = file.with_name(f".{file.stem}.part{file.suffix}")
    partial.unlink(missing_ok=True)
    try:
        count = _stream(selection, partial) if suffix in _STREAMED else _write(selection, partial)
        partial.replace(file)
    except (OSError, ExportError) as error:
        raise ExportError(f"{file} can't be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


def _stream(selection: Selection, file: Path) -> int:
    count = store.count(selection.connection, selection.model.name, selection.query)
    with file.open("wb") as whole, closing(_STREAMED[file.suffix.lower()].write(selection)) as chunks:
        for chunk in chunks:
            whole.write(chunk)
    return count


def _write(selection: Selection, file: Path) -> int:
    """Write by GDAL, and read the file back, since not every driver tells when the disk is full."""
    count = gdal.write_file(selection, file, FORMATS[file.suffix.lower()])
    found = _features_in(file) if count else 0
    if found != count:
        raise ExportError(f"only {found} of {count} features got into it")
    return count


def _features_in(file: Path) -> int:
    try:
        return int(pyogrio.read_info(file, force_feature_count=True)["features"])
    except RuntimeError as error:
        raise ExportError(str(error)) from error
