"""What the models of location share: their input, checked, and their linear program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import scipy

from geo.checks import as_numbers
from geo.errors import InvalidInputError

if TYPE_CHECKING:
    import numpy.typing as npt

    from geo.networks.topology import Bools, Floats, Ints

_TIMED_OUT = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class SitingTask:
    """The input of a model, checked, and what of it the choice depends on.

    Parameters
    ----------
    full_cost
        As given, shape (demand, candidates).
    columns
        Columns of `full_cost` that may be chosen.
    rows
        Rows of `full_cost` that have demand.
    cost
        That part of `full_cost`.
    weights
        The demand of the rows.
    fixed
        Which of the columns are open in every choice.
    p
        Sites in all.
    """

    full_cost: Floats
    columns: Ints
    rows: Ints
    cost: Floats
    weights: Floats
    fixed: Bools
    p: int

    @classmethod
    def read(
        cls,
        cost: npt.ArrayLike,
        weights: npt.ArrayLike | None,
        p: int | None,
        existing: npt.ArrayLike,
        forbidden: npt.ArrayLike,
    ) -> SitingTask:
        """Check the input of a model; no weights are weights of 1, and no p is as many as there are."""
        full = as_numbers("cost", cost)
        if full.ndim != 2 or 0 in full.shape:
            raise InvalidInputError(f"cost must have rows of demand and columns of candidates, not shape {full.shape}")
        if not (full >= 0).all():
            row, column = np.argwhere(~(full >= 0))[0]
            raise InvalidInputError(f"cost must be 0 or more: row {row}, column {column} is {full[row, column]}")
        demand = np.ones(len(full)) if weights is None else _weights(weights, len(full))
        fixed = _marked(existing, full.shape[1], "existing")
        barred = _marked(forbidden, full.shape[1], "forbidden")
        if (fixed & barred).any():
            raise InvalidInputError(f"column {np.flatnonzero(fixed & barred)[0]} is both existing and forbidden")
        rows, columns = np.flatnonzero(demand > 0), np.flatnonzero(~barred)
        if p is not None and not max(1, fixed.sum()) <= p <= len(columns):
            raise InvalidInputError(
                f"p must be from {max(1, fixed.sum())} (sites that exist) to {len(columns)} (candidates), not {p}"
            )
        return cls(
            full_cost=full,
            columns=columns,
            rows=rows,
            cost=full[np.ix_(rows, columns)],
            weights=demand[rows],
            fixed=fixed[columns],
            p=len(columns) if p is None else p,
        )

    def within(self, radius: float) -> Bools:
        """Return which candidates cover which demand."""
        if not 0 <= radius < np.inf:
            raise InvalidInputError(f"radius must be 0 or more, and finite, not {radius}")
        covered: Bools = self.cost <= radius
        return covered

    def finite(self) -> Floats:
        """Return the cost with a penalty, more than all other cost together, where it is infinite."""
        known = np.isfinite(self.cost)
        if known.all():
            return self.cost
        highest = self.cost[known].max(initial=0.0) + 1.0
        return np.where(known, self.cost, highest * self.weights.sum() / self.weights.min())


def _weights(weights: npt.ArrayLike, count: int) -> Floats:
    demand = as_numbers("weights", weights)
    if demand.shape != (count,):
        raise InvalidInputError(f"weights must be {count} numbers, one a row of cost, not of shape {demand.shape}")
    if not ((demand >= 0) & np.isfinite(demand)).all():
        raise InvalidInputError("weights must be finite and 0 or more")
    if not demand.any():
        raise InvalidInputError("weights are all 0: there is no demand")
    return demand


def _marked(columns: npt.ArrayLike, count: int, name: str) -> Bools:
    numbers = np.asarray(columns)
    if numbers.size and (numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= count):
        raise InvalidInputError(f"{name} must be columns of cost, whole numbers from 0 to {count - 1}")
    marked = np.zeros(count, dtype=bool)
    marked[numbers.astype(np.int64)] = True
    return marked


@dataclass(frozen=True, eq=False)
class Solved:
    """What the solver found: the open sites, the other variables, and its bound on the objective."""

    open: Ints
    others: Floats
    bound: float


@dataclass(eq=False, kw_only=True)
class Model:
    """A linear program of binary sites and other variables from 0 to 1, to be made least.

    Parameters
    ----------
    fixed
        Which sites are open in every solution.
    others
        How many other variables there are, after the sites.
    integral
        Whether the others are binary as well.
    """

    fixed: Bools
    others: int
    integral: bool = False
    _constraints: list[scipy.optimize.LinearConstraint] = field(default_factory=list)

    def add(
        self, sites: scipy.sparse.csr_array, others: scipy.sparse.csr_array, *, lower: float, upper: float = np.inf
    ) -> None:
        """Add the constraints lower ≤ sites · y + others · x ≤ upper."""
        self._constraints.append(
            scipy.optimize.LinearConstraint(scipy.sparse.hstack([sites, others], format="csr"), lower, upper)
        )

    def open_exactly(self, p: int) -> None:
        """Add the constraint that p sites are open."""
        ones = scipy.sparse.csr_array(np.ones((1, len(self.fixed))))
        self.add(ones, scipy.sparse.csr_array((1, self.others)), lower=p, upper=p)

    def assign(self, row: Ints, column: Ints, demand: int) -> None:
        """Add the constraints that each row is served once, by open sites; the others are pairs of row and column."""
        pairs = np.arange(self.others)
        ones = np.ones(self.others)
        once = scipy.sparse.csr_array((ones, (row, pairs)), shape=(demand, self.others))
        self.add(scipy.sparse.csr_array((demand, len(self.fixed))), once, lower=1.0, upper=1.0)
        site = scipy.sparse.csr_array((ones, (pairs, column)), shape=(self.others, len(self.fixed)))
        self.add(site, -identity(self.others), lower=0.0)

    def solve(self, costs: Floats, time_limit_s: float) -> Solved | None:
        """Return the solution with the least costs · (y, x), or ``None`` where none was found in time.

        Raises
        ------
        InvalidInputError
            If there is no solution.
        """
        result = scipy.optimize.milp(
            costs,
            constraints=self._constraints,
            integrality=np.concatenate([np.ones(len(self.fixed)), np.full(self.others, float(self.integral))]),
            bounds=scipy.optimize.Bounds(
                np.concatenate([self.fixed.astype(float), np.zeros(self.others)]), np.ones(len(costs))
            ),
            options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
        )
        if result.x is None:
            if result.status == _TIMED_OUT:
                return None
            raise InvalidInputError("no choice of sites serves all the demand: take more, or drop what is cut off")
        sites = len(self.fixed)
        return Solved(np.flatnonzero(result.x[:sites] > 0.5), result.x[sites:], float(result.mip_dual_bound))

    def solve_surely(self, costs: Floats, time_limit_s: float) -> Solved:
        """Return the solution with the least costs · (y, x); that none was found in time is an error too."""
        solved = self.solve(costs, time_limit_s)
        if solved is None:
            raise InvalidInputError(f"no choice of sites was found within time_limit_s, {time_limit_s:g} s: allow more")
        return solved


def identity(size: int) -> scipy.sparse.csr_array:
    """Return the unit matrix."""
    return scipy.sparse.csr_array((np.ones(size), np.arange(size), np.arange(size + 1)), shape=(size, size))
