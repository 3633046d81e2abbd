"""Demand assigned to facilities of limited capacity at least cost (transport problem)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from geo.checks import amounts
from geo.errors import InvalidInputError
from geo.networks.topology import Floats
from geo.siting.accessibility import in_reach

PAIRS_AT_MOST = 1_000_000
"""Of demand and supply in reach: more would take many minutes."""

NOTHING = 1e-7
"""What is less than this part of all demand is rounding."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """Who is served by what.

    Parameters
    ----------
    flow
        How much of each demand (rows) each supply (columns) serves.
    unserved
        What is left of each demand.
    spare
        What is left of each supply.
    cost
        Sum of flow by cost.
    """

    flow: scipy.sparse.csr_array
    unserved: Floats
    spare: Floats
    cost: float


def assign(cost: Any, demand: Any, capacity: Any) -> Assignment:
    """Assign demand to supplies so that as much as possible is served, and that at the least cost (transport problem).

    min Σᵢⱼ dᵢⱼ xᵢⱼ + M Σᵢ uᵢ with Σⱼ xᵢⱼ + uᵢ = Pᵢ, Σᵢ xᵢⱼ ≤ Sⱼ, x, u ≥ 0, where M is so large that nothing is left
    unserved that can be served. Hitchcock 1941, J. Mathematics and Physics 20, 224-230; solved by HiGHS.

    Parameters
    ----------
    cost
        From demand (rows) to supply (columns): see `geo.siting.accessibility`. What is out of reach is not served.
    demand
        Of each place, 0 or more; a place may be served by several supplies in parts.
    capacity
        Of each supply, 0 or more.

    Raises
    ------
    InvalidInputError
        If a number is negative or not finite, lengths do not suit, or there are too many pairs in reach.
    """
    matrix = in_reach(cost)
    rows, columns = matrix.shape
    people, places = amounts("demand", demand, count=rows), amounts("capacity", capacity, count=columns)
    row = np.repeat(np.arange(rows), np.diff(matrix.indptr))
    used = np.flatnonzero((people[row] > 0) & (places[matrix.indices] > 0))
    if len(used) > PAIRS_AT_MOST:
        raise InvalidInputError(
            f"{len(used):,} pairs of demand and facilities are in reach, more than {PAIRS_AT_MOST:,}: shorten the reach"
        )
    if not len(used):
        return Assignment(scipy.sparse.csr_array((rows, columns)), people.copy(), places.copy(), 0.0)
    row, column, way = row[used], matrix.indices[used].astype(np.int64), matrix.data[used].astype(float)
    flow = _solved(row, column, way, people, places)
    sent = scipy.sparse.csr_array((flow, (row, column)), shape=(rows, columns))
    sent.eliminate_zeros()
    unserved = np.maximum(people - sent.sum(axis=1), 0.0)
    spare = np.maximum(places - sent.sum(axis=0), 0.0)
    unserved[unserved <= NOTHING * people.sum()] = 0.0
    spare[spare <= NOTHING * places.sum()] = 0.0
    return Assignment(sent, unserved, spare, float(flow @ way))


def _solved(row: Any, column: Any, way: Floats, people: Floats, places: Floats) -> Floats:
    """Return the flow of each pair."""
    asking, asks = np.unique(row, return_inverse=True)
    giving, gives = np.unique(column, return_inverse=True)
    pair = np.arange(len(row))
    served = scipy.sparse.coo_array((np.ones(len(row)), (asks, pair)), shape=(len(asking), len(row)))
    left = scipy.sparse.coo_array((np.ones(len(asking)), (np.arange(len(asking)),) * 2), shape=(len(asking),) * 2)
    load = scipy.sparse.coo_array((np.ones(len(row)), (gives, pair)), shape=(len(giving), len(row)))
    longest = max(float(way.max()), 1e-9)
    price = (len(giving) + 1.0) * longest
    limits: dict[str, Any] = {
        "A_ub": scipy.sparse.hstack([load, scipy.sparse.coo_array((len(giving), len(asking)))], format="csr"),
        "b_ub": places[giving],
        "A_eq": scipy.sparse.hstack([served, left], format="csr"),
        "b_eq": people[asking],
    }
    solved = scipy.optimize.linprog(
        np.concatenate([way, np.full(len(asking), price)]) / longest, method="highs", **limits
    )
    if not solved.success or solved.x is None:
        raise InvalidInputError(f"the assignment was not found: {solved.message}")
    flow: Floats = np.maximum(solved.x[: len(row)], 0.0)
    flow[flow <= NOTHING * people[row]] = 0.0
    return flow
