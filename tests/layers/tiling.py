"""Tiles as tests ask for them, decode them and hold features against them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mapbox_vector_tile
import numpy as np
import shapely
from sqlalchemy import Connection

from layers.tiles.tiles import EXTENT, tile


@dataclass(frozen=True)
class Address:
    """A tile of WebMercatorQuad, by the textbook formulas."""

    z: int
    row: int
    col: int

    @classmethod
    def at(cls, z: int, lon: float, lat: float) -> Address:
        x, y = in_world(lon, lat)
        return cls(z, math.floor(y * 2**z), math.floor(x * 2**z))

    def units(self, shape: shapely.Geometry) -> shapely.Geometry:
        """A geometry in degrees, in units of this tile: 0 to 4096 from its north-western corner."""

        def place(degrees: np.ndarray) -> np.ndarray:
            x, y = in_world(degrees[:, 0], degrees[:, 1])
            return np.column_stack([(x * 2**self.z - self.col) * EXTENT, (y * 2**self.z - self.row) * EXTENT])

        return shapely.transform(shape, place)


def in_world(lon: Any, lat: Any) -> tuple[Any, Any]:
    """Where a place lies in Web Mercator, 0 to 1 from west to east and from north to south."""
    return lon / 360 + 0.5, 0.5 - np.arcsinh(np.tan(np.radians(lat))) / (2 * math.pi)


def tiles_of(z: int, box: tuple[float, float, float, float]) -> Iterator[Address]:
    west, south, east, north = box
    first, last = Address.at(z, west, north), Address.at(z, east, south)
    for row in range(first.row, last.row + 1):
        for col in range(first.col, last.col + 1):
            yield Address(z, row, col)


def fetch(connection: Connection, address: Address, *layers: str) -> bytes:
    return tile(connection, layers, z=address.z, row=address.row, col=address.col)


def decode(content: bytes) -> dict[str, list[dict[str, Any]]]:
    """The features of a tile by layer, y downwards as in the file."""
    found = mapbox_vector_tile.decode(content, default_options={"y_coord_down": True})
    for layer in found.values():
        assert (layer["extent"], layer["version"]) == (EXTENT, 2)
        for feature in layer["features"]:
            feature["geometry"] = shapely.geometry.shape(feature["geometry"])
    return {name: layer["features"] for name, layer in found.items()}


def by_id(features: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    found = {feature["id"]: feature for feature in features}
    assert len(found) == len(features)
    return found


def outline(shape: shapely.Geometry) -> shapely.Geometry:
    return shape.boundary if shape.geom_type.endswith("Polygon") else shape


def farthest(shape: shapely.Geometry, other: shapely.Geometry, box: shapely.Polygon) -> float:
    """The greatest distance of a vertex in the box from another geometry."""
    vertices = shapely.points(shapely.get_coordinates(shape))
    return float(shapely.distance(vertices[shapely.covers(box, vertices)], other).max(initial=0))
