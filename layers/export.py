"""Writes a layer to a file."""

from __future__ import annotations

import json
from pathlib import Path

import pyogrio
from sqlalchemy import Connection

from geo.errors import InvalidInputError
from layers import store
from layers.errors import ExportError

FORMATS = {
    ".gpkg": "GPKG",
    ".geojson": "GeoJSON",
    ".geojsonl": "GeoJSONSeq",
    ".fgb": "FlatGeobuf",
    ".csv": "CSV",
    ".kml": "KML",
}


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
    driver = FORMATS.get(file.suffix.lower())
    if driver is None:
        raise InvalidInputError(f"{file.name}: the suffix must be one of {', '.join(FORMATS)}.")
    if not file.parent.is_dir():
        raise InvalidInputError(f"There is no folder {file.parent}.")
    frame = store.read_frame(connection, layer, query)
    frame["tags"] = [json.dumps(tags, ensure_ascii=False) for tags in frame["tags"]]
    partial = file.with_name(f".{file.stem}.part{file.suffix}")
    partial.unlink(missing_ok=True)
    options = {"GEOMETRY": "AS_WKT"} if driver == "CSV" else {}
    try:
        pyogrio.write_dataframe(frame.reset_index(), partial, driver=driver, layer=layer, **options)
        _check_whole(partial, len(frame))
        partial.replace(file)
    except RuntimeError as error:
        raise ExportError(f"{file} can't be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return len(frame)


def _check_whole(file: Path, features: int) -> None:
    """Read the file back, since not every driver tells when the disk is full."""
    found = pyogrio.read_info(file, force_feature_count=True)["features"] if features else 0
    if found != features:
        raise ExportError(f"{file} can't be written: only {found} of {features} features got into it")
