"""Writes a layer to a file."""

from __future__ import annotations

import json
from pathlib import Path

import pyogrio
from sqlalchemy import Connection

from geo.errors import InvalidInputError
from layers import store

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
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return len(frame)
