"""How fast statistics of many places are: hot spots beside esda (faster where numba is), density along streets."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from network import grid
from rich.console import Console
from rich.table import Table

from geo.networks.network import Network
from geo.networks.positions import Positions
from geo.networks.travel import WALK
from geo.statistics.autocorrelation import getis_ord
from geo.statistics.clusters import dbscan
from geo.statistics.density import lixels, network_density
from geo.statistics.emerging import emerging_patterns, space_time_gi
from geo.statistics.inference import permuted_p
from geo.statistics.scan import scan_space, scan_space_time
from geo.statistics.space_time import knox
from geo.statistics.weights import distance_band

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import esda
    from libpysal.graph import Graph

PLACES = 100_000
SIDE_M = 10_000.0
RADIUS_M = 50.0
PERMUTATIONS = 999
EVENTS = 50_000
BANDWIDTH_M = 300.0
CELLS = 60
CELL_M = 250.0
STEPS = 24
SCAN_PERMUTATIONS = 99

T = TypeVar("T")


def timed(call: Callable[[], T]) -> tuple[T, float]:
    begun = time.perf_counter()
    return call(), time.perf_counter() - begun


def hot_spots(rng: np.random.Generator) -> list[tuple[str, float, float | None]]:
    """Return what was measured, our seconds, and those of PySAL."""
    xy, values = rng.uniform(0, SIDE_M, (PLACES, 2)), rng.poisson(3, PLACES).astype(float)
    weights, band_s = timed(lambda: distance_band(xy, radius_m=RADIUS_M, include_self=True))
    _, analytic_s = timed(lambda: getis_ord(values, weights, star=True))
    _, permuted_s = timed(lambda: permuted_p(values, weights, permutations=PERMUTATIONS, seed=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph, their_band_s = timed(lambda: Graph.build_distance_band(xy, RADIUS_M, binary=True))
        _, their_analytic_s = timed(lambda: pysal(values, graph, 0))
        _, their_permuted_s = timed(lambda: pysal(values, graph, PERMUTATIONS))
    return [
        (f"distance band, {weights.nnz / PLACES:.0f} neighbours, of {PLACES:,} places", band_s, their_band_s),
        ("Gi*, analytic", analytic_s, their_analytic_s),
        (f"Gi*, {PERMUTATIONS} permutations", permuted_s, their_permuted_s - their_analytic_s),
    ]


def pysal(values: Any, graph: Any, permutations: int) -> Any:
    return esda.G_Local(values, graph, transform="B", permutations=permutations, star=True, seed=1)


def events(rng: np.random.Generator) -> list[tuple[str, float, float | None]]:
    """Return what was measured, our seconds, and nothing to compare with."""
    travel = Network.from_roads(grid()).for_mode(WALK)
    pieces = lixels(travel, length_m=100).centres()
    edges = rng.integers(0, len(travel.network.start), EVENTS)
    places = Positions(edges, rng.uniform(0, 1, EVENTS), np.zeros(EVENTS))
    _, density_s = timed(lambda: network_density(travel, places, pieces, bandwidth_m=BANDWIDTH_M))
    xy, days = rng.uniform(0, SIDE_M, (EVENTS, 2)), rng.uniform(0, 365, EVENTS)
    _, dbscan_s = timed(lambda: dbscan(xy, radius_m=RADIUS_M, min_events=5, times=days, window_d=30))
    _, knox_s = timed(lambda: knox(xy, days, radius_m=RADIUS_M, window_d=7, permutations=PERMUTATIONS, seed=1))
    return [
        (f"density along streets, {EVENTS:,} events, {len(pieces):,} pieces", density_s, None),
        (f"ST-DBSCAN, {EVENTS:,} events", dbscan_s, None),
        (f"Knox test, {EVENTS:,} events, {PERMUTATIONS} permutations", knox_s, None),
        *scans(rng),
    ]


def scans(rng: np.random.Generator) -> list[tuple[str, float, float | None]]:
    """Return what was measured of scan statistics and emerging hot spots on a grid of cells."""
    cells = np.stack(np.meshgrid(np.arange(CELLS), np.arange(CELLS)), axis=-1).reshape(-1, 2) * CELL_M
    counts, people = rng.poisson(5, len(cells)), rng.integers(50, 500, len(cells))
    _, space_s = timed(
        lambda: scan_space(cells, counts, people, radius_m=5 * CELL_M, permutations=SCAN_PERMUTATIONS, seed=1)
    )
    where, when = rng.integers(0, len(cells), EVENTS), rng.integers(0, STEPS, EVENTS)
    _, cylinders_s = timed(
        lambda: scan_space_time(
            cells, when, where, radius_m=4 * CELL_M, longest=8, permutations=SCAN_PERMUTATIONS, seed=1
        )
    )
    cube = np.bincount(where * STEPS + when, minlength=len(cells) * STEPS).reshape(len(cells), STEPS).astype(float)
    _, emerging_s = timed(lambda: emerging_patterns(space_time_gi(cube, cells, radius_m=2 * CELL_M)))
    return [
        (f"scan of circles, {len(cells):,} cells, {SCAN_PERMUTATIONS} permutations", space_s, None),
        (f"scan of circles and {STEPS} steps, {EVENTS:,} events, the same", cylinders_s, None),
        (f"emerging hot spots, {len(cells):,} cells, {STEPS} steps", emerging_s, None),
    ]


def main() -> None:
    rng = np.random.default_rng(1)
    table = Table("", "Horad, s", "PySAL, s", "times faster", title="Statistics")
    for name, ours, theirs in [*hot_spots(rng), *events(rng)]:
        beside = ("", "") if theirs is None else (f"{theirs:.2f}", f"{theirs / ours:.1f}")
        table.add_row(name, f"{ours:.2f}", *beside)
    Console().print(table)


if __name__ == "__main__":
    main()
