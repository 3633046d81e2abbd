"""Where the data of an OpenStreetMap file lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import osmium

from layers.errors import SourceError
from layers.sources.geometry.coordinates import Box, around
from layers.sources.osm.elements import FAULTS


def bounds_of(path: Path) -> Box:
    """Return the box around a file's data in degrees, as its header says or else around its nodes.

    Raises
    ------
    SourceError
        It can't be read, or holds no node.
    """
    try:
        with osmium.io.Reader(str(path), osmium.osm.osm_entity_bits.NOTHING) as reader:
            box = reader.header().box()
        if box.valid():
            return box.bottom_left.lon, box.bottom_left.lat, box.top_right.lon, box.top_right.lat
        nodes: Any = osmium.FileProcessor(str(path), osmium.osm.NODE)
        places = np.array([(node.lon, node.lat) for node in nodes if node.location.valid()])
    except FAULTS as error:
        raise SourceError(f"{path.name} can't be read as OpenStreetMap data: {error}") from error
    if places.size == 0:
        raise SourceError(f"{path.name} holds no node, so nothing in it has a place.")
    return around([(*places.min(axis=0), *places.max(axis=0))])
