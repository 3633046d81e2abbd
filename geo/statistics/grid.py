"""Grids of hexagons or squares, fixed to the origin of the CRS: the same place is always in the same cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely

from geo.errors import InvalidInputError
from geo.networks.topology import Floats, Geometries, Ints

ROW_HEIGHT = np.sqrt(3) / 2
"""Between the rows of a hexagonal grid whose cells are 1 wide."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A grid without end; a cell is a pair of whole numbers.

    Parameters
    ----------
    cell_m
        From the centre of a cell to those of the nearest others: the side of a square, the width of a hexagon.
    shape
        Of the cells. Hexagons stand on a corner.
    """

    cell_m: float
    shape: Literal["hexagon", "square"] = "hexagon"

    def __post_init__(self) -> None:
        if not 0 < self.cell_m < np.inf:
            raise InvalidInputError(f"cell_m must be positive, not {self.cell_m}")

    def cells_of(self, xy: Any) -> Ints:
        """Return the cell of each of the coordinates, both of shape (places, 2)."""
        scaled: Floats = np.asarray(xy, dtype=float) / self.cell_m
        if self.shape == "square":
            return np.floor(scaled).astype(np.int64)
        row = scaled[:, 1] / ROW_HEIGHT
        column = scaled[:, 0] - row / 2
        cube = np.column_stack([column, row, -column - row])
        nearest = np.round(cube)
        each = np.arange(len(cube))
        worst = np.abs(nearest - cube).argmax(axis=1)
        nearest[each, worst] -= nearest.sum(axis=1)
        return nearest[:, :2].astype(np.int64)

    def centres(self, cells: Ints) -> Floats:
        """Return the coordinates of the centres of cells."""
        column, row = np.asarray(cells, dtype=float).T
        if self.shape == "square":
            return np.column_stack([column + 0.5, row + 0.5]) * self.cell_m
        return np.column_stack([column + row / 2, row * ROW_HEIGHT]) * self.cell_m

    def polygons(self, cells: Ints) -> Geometries:
        """Return cells as polygons."""
        corners = 4 if self.shape == "square" else 6
        angle = (np.arange(corners) + 0.5) * 2 * np.pi / corners
        reach_m = self.cell_m / 2 / np.cos(np.pi / corners)
        around = np.column_stack([np.cos(angle), np.sin(angle)]) * reach_m
        polygons: Geometries = shapely.polygons(self.centres(cells)[:, np.newaxis] + around)
        return polygons

    def around(self, *, radius_m: float) -> Ints:
        """Return the steps, in cells, to the cells whose centres lie within a distance, that of no step included."""
        reach = int(np.ceil(radius_m / self.cell_m * 2))
        side = np.arange(-reach, reach + 1)
        steps = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        apart = self.centres(steps) - self.centres(np.zeros_like(steps))
        return steps[np.hypot(apart[:, 0], apart[:, 1]) <= radius_m * (1 + 1e-9)]
