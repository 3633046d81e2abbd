"""Walking and cycling on slopes: times along streets with the relief under them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.checks import as_numbers
from geo.errors import InvalidInputError
from geo.networks.topology import Floats

if TYPE_CHECKING:
    import numpy.typing as npt

    from geo.networks.network import Network
    from geo.networks.routing import TravelNetwork

Heights = Callable[[Floats], Floats]
"""Returns heights in metres at coordinates of shape (places, 2); not a number where none is known."""

STEEPEST = 0.5
"""Steeper slopes are faults of the relief, such as under a bridge, and count as this."""

GRAVITY_M_S2 = 9.81
MASS_KG, ROLLING, DRAG_M2, AIR_KG_M3 = 85.0, 0.008, 0.6, 1.2
"""A cyclist with the bicycle: mass, coefficient of rolling, drag area, and the density of air."""

WALKED_KMH, FASTEST_KMH = 4.0, 40.0
"""Where a cyclist would be slower the bicycle is pushed; downhill one brakes."""


def heights_of_grid(heights_m: npt.ArrayLike, *, west: float, north: float, cell_m: float) -> Heights:
    """Return heights between the centres of the cells of a digital elevation model (bilinear interpolation).

    Parameters
    ----------
    heights_m
        Rows from north to south; not a number where not known.
    west, north
        Outer corner of the first cell, in the CRS of the network.
    cell_m
        Side of the square cells.

    Raises
    ------
    InvalidInputError
        If there are fewer than two rows or columns, or the cell is not positive.
    """
    grid = as_numbers("heights", heights_m)
    if grid.ndim != 2 or min(grid.shape) < 2 or not 0 < cell_m < np.inf:
        raise InvalidInputError(f"heights need two rows and columns at least, and a positive cell, not {grid.shape}")

    def heights(xy: Floats) -> Floats:
        column = np.clip((xy[:, 0] - west) / cell_m - 0.5, -0.5, grid.shape[1] - 0.5)
        row = np.clip((north - xy[:, 1]) / cell_m - 0.5, -0.5, grid.shape[0] - 0.5)
        inside = (xy[:, 0] >= west) & (xy[:, 0] <= west + cell_m * grid.shape[1])
        inside &= (xy[:, 1] <= north) & (xy[:, 1] >= north - cell_m * grid.shape[0])
        left = np.clip(np.floor(column).astype(np.int64), 0, grid.shape[1] - 2)
        top = np.clip(np.floor(row).astype(np.int64), 0, grid.shape[0] - 2)
        right, down = np.clip(column - left, 0, 1), np.clip(row - top, 0, 1)
        upper = grid[top, left] * (1 - right) + grid[top, left + 1] * right
        lower = grid[top + 1, left] * (1 - right) + grid[top + 1, left + 1] * right
        return np.where(inside, upper * (1 - down) + lower * down, np.nan)

    return heights


def tobler(slope: npt.ArrayLike) -> Floats:
    """Return the speed of walking on a slope as a part of that on the flat (Tobler 1993).

    It is exp(−3.5 (|s + 0.05| − 0.05)), greatest at 5 % downhill.

    Parameters
    ----------
    slope
        Rise by distance: positive uphill.
    """
    speed: Floats = np.exp(-3.5 * (np.abs(as_numbers("slope", slope) + 0.05) - 0.05))
    return speed


def cycling(slope: npt.ArrayLike, *, speed_kmh: float = 16.0) -> Floats:
    """Return the speed of cycling on a slope as a part of that on the flat, at the same power (Martin et al. 1998).

    The power is that which gives the speed on the flat: P = v (m g (s + Crr) + ½ ρ CdA v²). Where that would be slower
    than walking the bicycle is pushed; downhill nobody goes faster than `FASTEST_KMH`.

    Parameters
    ----------
    slope
        Rise by distance: positive uphill.
    speed_kmh
        On the flat.
    """
    slopes = as_numbers("slope", slope)
    flat = speed_kmh / 3.6
    drag, weight = 0.5 * AIR_KG_M3 * DRAG_M2, MASS_KG * GRAVITY_M_S2
    power = flat * (weight * ROLLING + drag * flat**2)
    low, high = np.zeros(slopes.shape), np.full(slopes.shape, max(FASTEST_KMH, speed_kmh) / 3.6)
    for _ in range(50):
        middle = (low + high) / 2
        enough = middle * (weight * (slopes + ROLLING) + drag * middle**2) < power
        low, high = np.where(enough, middle, low), np.where(enough, high, middle)
    slowest = min(WALKED_KMH, speed_kmh) / 3.6
    speed: Floats = np.maximum(high, slowest) / flat
    return speed


def on_slopes(
    travel: TravelNetwork, heights: Heights, *, speed: Callable[[Floats], Floats], step_m: float = 25.0
) -> TravelNetwork:
    """Return a network on which slopes make travel slower or faster, uphill and downhill apart.

    Each edge is looked at in pieces of about the same length; where a height is not known, the piece is flat, and so
    are bridges and tunnels: the relief between their ends is not that of the street.

    Parameters
    ----------
    travel
        ``network.for_mode(mode)``, walking or cycling.
    heights
        For example from `heights_of_grid`.
    speed
        The speed on slopes as a part of that on the flat: `tobler`, or `cycling`.
    step_m
        Length of the pieces: about the size of a cell of the relief, since shorter ones see its noise.

    Raises
    ------
    InvalidInputError
        If the step is not positive.
    """
    if not 0 < step_m < np.inf:
        raise InvalidInputError(f"step_m must be positive, not {step_m}")
    slope, edge = _slopes(travel.network, heights, step_m)
    edges, pieces = len(travel.network.start), np.bincount(edge)
    forward, backward = (
        np.bincount(edge, weights=1 / speed(each), minlength=edges) / pieces for each in (slope, -slope)
    )
    return travel.with_costs(travel.forward_s * forward, travel.backward_s * backward)


def _slopes(network: Network, heights: Heights, step_m: float) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the slope of each piece of the edges, along them, and the edge of each; pieces of an edge are as long."""
    pieces = np.maximum(np.round(network.length_m / step_m), 1).astype(np.int64)
    owner = np.repeat(np.arange(len(pieces)), pieces + 1)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(pieces + 1) - pieces - 1, pieces + 1)
    stops = shapely.line_interpolate_point(network.geometry[owner], step / pieces[owner], normalized=True)
    height = heights(shapely.get_coordinates(stops))
    if height.shape != (len(stops),):
        raise InvalidInputError(f"heights must give a number for each of {len(stops)} places, not {height.shape}")
    inner = owner[1:] == owner[:-1]
    edge = owner[1:][inner]
    slope = np.diff(height)[inner] / (network.length_m / pieces)[edge]
    slope[(np.maximum(network.streets.bridge, network.streets.tunnel) > 0)[edge]] = 0.0
    return np.clip(np.nan_to_num(slope), -STEEPEST, STEEPEST), edge
