"""The box around what a file holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import osmium
import pyogrio

from layers.errors import SourceError
from layers.sources import osm
from layers.sources.coordinates import to_degrees
from layers.sources.domain import format_of
from layers.sources.placement import Anchor
from layers.sources.vector import spatial_tables

Box = tuple[float, float, float, float]


def bounds(file: Path, *, crs: str | None = None, anchor: Anchor | None = None) -> Box:
    """Return the box around a file's features: west, south, east, north, in degrees.

    Raises
    ------
    SourceError
        The file can't be read, or holds nothing that has a place.
    InvalidInputError
        The coordinate reference system is unknown.
    """
    if file.name.lower().endswith(osm.SUFFIXES):
        return _osm_bounds(file)
    domain = format_of(file)
    if domain is not None:
        return domain.open(file, crs, anchor).bounds()
    found = [box for name in spatial_tables(file) if (box := _table_bounds(file, name, crs)) is not None]
    if not found:
        raise SourceError(f"{file.name} doesn't tell where its features lie: name the territory with --territory.")
    west, south, east, north = zip(*found, strict=True)
    return min(west), min(south), max(east), max(north)


def _table_bounds(file: Path, table: str, crs: str | None) -> Box | None:
    info = pyogrio.read_info(file, layer=table, force_total_bounds=True)
    box, stated = info["total_bounds"], crs or info["crs"]
    if box is None or stated is None or not np.isfinite(box).all():
        return None
    west, south, east, north = to_degrees(stated).transform_bounds(*box)
    return (west, south, east, north) if np.isfinite([west, south, east, north]).all() else None


def _osm_bounds(file: Path) -> Box:
    try:
        with osmium.io.Reader(str(file), osmium.osm.osm_entity_bits.NOTHING) as reader:
            box = reader.header().box()
        if box.valid():
            return box.bottom_left.lon, box.bottom_left.lat, box.top_right.lon, box.top_right.lat
        nodes: Any = osmium.FileProcessor(str(file), osmium.osm.NODE)
        places = np.array([(node.lon, node.lat) for node in nodes])
    except RuntimeError as error:
        raise SourceError(f"{file.name} can't be read as OpenStreetMap data: {error}") from error
    if places.size == 0:
        raise SourceError(f"{file.name} holds no node, so nothing in it has a place.")
    (west, south), (east, north) = places.min(axis=0), places.max(axis=0)
    return float(west), float(south), float(east), float(north)
