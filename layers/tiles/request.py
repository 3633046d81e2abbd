"""What a tile is to hold: hashable, so that it is the key of a cache, and the boxes on which it depends."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property, lru_cache

from layers.catalog import find
from layers.cql2 import Filter
from layers.description import Shape
from layers.reading.store import Interval
from layers.tiles.matrix_sets import WEB_MERCATOR_QUAD, Box, MatrixSet, find_matrix_set

EXTENT = 4096
BUFFER = 64
TILE_PX = 256
CELL_PX = 4
"""The side of the cells in which points are clustered."""
DETAIL_ZOOM = 14
"""From here on features come whole, with all their columns; below, generalised and with what the style needs."""


@dataclass(frozen=True, kw_only=True)
class TileRequest:
    """A tile of one or several layers.

    Parameters
    ----------
    layers
        Their names; those not drawn at this zoom are left out.
    z, row, col
        The tile: zoom, row from the north, column from the west.
    matrix_set
        The name of its tile matrix set.
    columns
        The attributes wanted, of those that the layers' tiles have at this zoom; by default all.
    territory
        Only features of a territory and of all that belong to it.
    time
        Only those of a time between the two, each ``None`` where that end is open, and those of which no time is known;
        layers without time aren't affected.
    filter
        Only those that meet it.
    as_of
        As the layers were at that moment; by default as they are.

    Raises
    ------
    InvalidInputError
        There is no such row or column at that zoom.
    NotFoundError
        There is no such tile matrix set or zoom.
    """

    layers: tuple[str, ...]
    z: int
    row: int
    col: int
    matrix_set: str = WEB_MERCATOR_QUAD
    columns: tuple[str, ...] | None = None
    territory: str | None = None
    time: Interval | None = None
    filter: Filter | None = None
    as_of: dt.datetime | None = None

    def __post_init__(self) -> None:
        self.matrices.check(self.z, self.row, self.col)

    @property
    def told(self) -> tuple[object, ...]:
        """All that it asks for."""
        return (
            self.layers, self.matrix_set, self.z, self.row, self.col,
            self.columns, self.territory, self.time, self.filter, self.as_of,
        )  # fmt: skip

    @cached_property
    def matrices(self) -> MatrixSet:
        """Its tile matrix set."""
        return find_matrix_set(self.matrix_set)

    @cached_property
    def scale_zoom(self) -> int:
        """The zoom of WebMercatorQuad that has about its scale: it decides what is drawn."""
        return self.matrices.scale_zoom + self.z

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """Those of its layers that are drawn at its zoom; none where its tile matrix set doesn't reach.

        Raises
        ------
        NotFoundError
            There is no such layer.
        """
        wanted = tuple(name for name in self.layers if find(name).layer.min_zoom <= self.scale_zoom)
        return wanted if _boxes(self.matrices, self.z, self.row, self.col, BUFFER / EXTENT) else ()

    @property
    def pixel(self) -> float:
        """The side of a pixel in units of the CRS."""
        return self.matrices.side / (TILE_PX << self.z)

    def clusters(self, layer: str) -> bool:
        """Tell whether the points of a layer are clustered at its zoom."""
        return find(layer).layer.shape is Shape.POINT and self.scale_zoom < DETAIL_ZOOM

    def around(self, layer: str) -> tuple[tuple[Box, float], ...]:
        """Return the boxes in degrees that hold the tile and its buffer, and by how much what is in them is moved.

        There are more where the date line is near. Where points are clustered they hold whole cells.
        """
        margin = BUFFER / EXTENT + (CELL_PX / TILE_PX if self.clusters(layer) else 0)
        return _boxes(self.matrices, self.z, self.row, self.col, margin)

    def depends_on(self) -> dict[str, tuple[Box, ...]]:
        """Return the boxes in degrees whose features make the tile, by layer; layers not drawn aren't among them.

        A change of features outside them doesn't change the tile.
        """
        return {name: tuple(box for box, _ in self.around(name)) for name in self.drawn}


@lru_cache(maxsize=1024)
def _boxes(matrices: MatrixSet, z: int, row: int, col: int, margin: float) -> tuple[tuple[Box, float], ...]:
    return matrices.boxes(z, row, col, margin=margin)
