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

from geo.autocorrelation import getis_ord
from geo.clusters import dbscan
from geo.density import lixels, network_density
from geo.network import Network
from geo.positions import Positions
from geo.space_time import knox
from geo.statistics import permuted_p
from geo.travel import WALK
from geo.weights import distance_band

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
