"""How fast places are served and sites chosen: on a square grid, beside the plain model in scipy's solver."""

from __future__ import annotations

import numpy as np
from network import grid, timed
from rich.console import Console
from rich.table import Table

from geo.networks.matrices import cost_matrix, nearest
from geo.networks.network import Network
from geo.networks.positions import Positions
from geo.networks.routing import TravelNetwork
from geo.networks.topology import Floats
from geo.networks.travel import WALK
from geo.siting.accessibility import gaussian, two_step
from geo.siting.capacitated import capacitated_p_median
from geo.siting.models import mclp, p_median
from geo.siting.program import Model

CATCHMENT_S = 900.0


def places(travel: TravelNetwork, count: int, seed: int) -> Positions:
    """Return places spread at random over the streets."""
    rng = np.random.default_rng(seed)
    edge = rng.integers(0, len(travel.network.start), count)
    return Positions(edge, rng.random(count), np.zeros(count))


def plane(demand: int, candidates: int) -> tuple[Floats, Floats]:
    """Return distances between random points of a square, and weights."""
    rng = np.random.default_rng(0)
    points, sites = rng.uniform(0, 1e5, (demand, 2)), rng.uniform(0, 1e5, (candidates, 2))
    return np.hypot(*(points[:, np.newaxis] - sites).transpose(2, 0, 1)), rng.uniform(1, 100, demand)


def plain_p_median(cost: Floats, weights: Floats, p: int) -> float:
    """Return the objective of the model as written, without a search before it."""
    row, column = (each.ravel() for each in np.indices(cost.shape))
    model = Model(fixed=np.zeros(cost.shape[1], dtype=bool), others=cost.size)
    model.assign(row, column, len(cost))
    model.open_exactly(p)
    paid = weights[row] * cost[row, column]
    solved = model.solve_surely(np.concatenate([np.zeros(cost.shape[1]), paid]), time_limit_s=300)
    return float(weights @ cost[:, solved.open].min(axis=1))


def streets(table: Table) -> None:
    """Measure searches and accessibility on a grid of 90,000 nodes."""
    travel = Network.from_roads(grid()).for_mode(WALK)
    facilities = places(travel, 100, 1)
    list(travel.times(facilities[:1], limit_s=1))
    everywhere = places(travel, 90_000, 2)
    _, one_s = timed(lambda: nearest(travel, everywhere, facilities))
    table.add_row("nearest of 100 facilities for 90,000 places, ms", f"{one_s * 1e3:.0f}")
    demand, supply = places(travel, 50_000, 3), places(travel, 500, 4)
    cost, matrix_s = timed(lambda: cost_matrix(travel, demand, supply, limit_s=CATCHMENT_S))
    weights = np.ones(50_000), np.ones(500)
    _, share_s = timed(lambda: two_step(cost, *weights, gaussian(CATCHMENT_S)))
    table.add_row(
        f"cost matrix 50,000 x 500 within {CATCHMENT_S / 60:g} min, s ({cost.nnz:,} pairs)", f"{matrix_s:.2f}"
    )
    table.add_row("2SFCA on it, s", f"{share_s:.3f}")
    some, others = places(travel, 200, 5), places(travel, 200, 6)
    _, table_s = timed(lambda: cost_matrix(travel, some, others))
    table.add_row("cost matrix 200 x 200 without a limit, s", f"{table_s:.2f}")


def sites(table: Table) -> None:
    """Measure the choice of 10 of 100 sites for 1,000 demands, and of 10 of 200 for 5,000."""
    cost, weights = plane(1000, 100)
    found, own_s = timed(lambda: p_median(cost, weights, p=10))
    table.add_row(f"p-median 1,000 x 100, p = 10, s (gap {found.gap:.2%})", f"{own_s:.2f}")
    plain, plain_s = timed(lambda: plain_p_median(cost, weights, 10))
    table.add_row(
        f"the same by scipy's solver alone, s (objective {plain / found.objective:.6f} of ours)", f"{plain_s:.1f}"
    )
    near, near_s = timed(lambda: p_median(cost, weights, p=10, method="heuristic"))
    table.add_row(f"the same by the search alone, s (gap {near.gap:.2%})", f"{near_s:.2f}")
    cover, cover_s = timed(lambda: mclp(cost, weights, radius=12_000, p=10))
    table.add_row(f"MCLP 1,000 x 100, p = 10, s (gap {cover.gap:.2%})", f"{cover_s:.2f}")
    cost, weights = plane(5000, 200)
    large, large_s = timed(lambda: p_median(cost, weights, p=10))
    table.add_row(f"p-median 5,000 x 200, p = 10, s (gap {large.gap:.2%})", f"{large_s:.2f}")
    for demand, candidates, p in ((1000, 100, 10), (5000, 200, 20)):
        cost, weights = plane(demand, candidates)
        room = np.random.default_rng(1).uniform(1.05, 1.6, candidates) * weights.sum() / p
        held, held_s = timed(lambda: capacitated_p_median(cost, weights, room, p=p))  # noqa: B023
        name = f"p-median with capacities {demand:,} x {candidates}, p = {p}, s (gap {held.gap:.2%})"
        table.add_row(name, f"{held_s:.2f}")


def main() -> None:
    table = Table("", "", title="Accessibility and sites")
    streets(table)
    sites(table)
    Console().print(table)


if __name__ == "__main__":
    main()
