"""How well places are served: the nearest, what is within reach, and supply shared among those who compete for it.

Every function takes a matrix of costs from demand (rows) to supply (columns), in any unit: seconds, metres. It is
sparse, as `geo.networks.matrices.cost_matrix` gives it (what is not stored is out of reach, a stored zero is near), or
a plain array, infinite where out of reach. Memory goes with the pairs in reach.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from geo.checks import amounts, as_numbers
from geo.errors import InvalidInputError
from geo.networks.topology import Floats, Ints

if TYPE_CHECKING:
    import numpy.typing as npt

Decay = Callable[[Floats], Floats]
"""The weight, 0 or more, of each cost."""


def within(limit: float) -> Decay:
    """Return the decay that is 1 up to a limit, and 0 beyond."""
    _check_positive(limit=limit)
    return lambda cost: (cost <= limit).astype(float)


def steps(limits: npt.ArrayLike, weights: npt.ArrayLike) -> Decay:
    """Return the decay of zones: the weight of the first limit that the cost is within, 0 beyond all (Luo & Qi 2009).

    Parameters
    ----------
    limits
        Ascending, such as 600, 1200 and 1800 s.
    weights
        As many, such as 1, 0.68 and 0.22.
    """
    edges, values = as_numbers("limits", limits), as_numbers("weights", weights)
    if edges.ndim != 1 or edges.shape != values.shape or not (np.diff(edges) > 0).all() or not (values >= 0).all():
        raise InvalidInputError("steps need ascending limits, and as many weights of 0 or more")
    return lambda cost: np.append(values, 0.0)[np.searchsorted(edges, cost, side="left")]


def gaussian(limit: float) -> Decay:
    """Return the Gaussian decay from 1 at no cost to 0 at a limit (Dai 2010).

    (e^(−½ (d/d₀)²) − e^(−½)) / (1 − e^(−½)) for d ≤ d₀, else 0.
    """
    _check_positive(limit=limit)
    floor = np.exp(-0.5)
    return lambda cost: np.where(cost <= limit, (np.exp(-0.5 * (cost / limit) ** 2) - floor) / (1 - floor), 0.0)


def exponential(mean: float) -> Decay:
    """Return the decay e^(−d / mean)."""
    _check_positive(mean=mean)
    return lambda cost: np.exp(-cost / mean)


def power(exponent: float, *, least: float) -> Decay:
    """Return the decay d^(−exponent), where costs less than `least` count as that."""
    _check_positive(exponent=exponent, least=least)
    return lambda cost: np.maximum(cost, least) ** -exponent


def nearest_cost(cost: Any) -> Floats:
    """Return the least cost of each demand; infinite where no supply is in reach.

    Parameters
    ----------
    cost
        See the module.
    """
    matrix = in_reach(cost)
    least = np.full(matrix.shape[0], np.inf)
    some = np.diff(matrix.indptr) > 0
    least[some] = np.minimum.reduceat(matrix.data, matrix.indptr[:-1][some])
    return least


def nearest_supply(cost: Any) -> Ints:
    """Return the supply of least cost for each demand, of equal ones the first; -1 where none is in reach.

    Parameters
    ----------
    cost
        See the module.
    """
    matrix = in_reach(cost)
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, matrix.data, row))
    some = np.flatnonzero(np.diff(matrix.indptr) > 0)
    column = np.full(matrix.shape[0], -1)
    column[some] = matrix.indices[order[matrix.indptr[some]]]
    return column


def gravity(cost: Any, supply: npt.ArrayLike, decay: Decay) -> Floats:
    """Return the potential of each demand, Aᵢ = Σⱼ Sⱼ f(dᵢⱼ) (Hansen 1959).

    With `within` it is the supply within reach (cumulative opportunities; Wachs & Kumagai 1973).

    Parameters
    ----------
    cost
        See the module.
    supply
        Size of each supply, 0 or more.
    decay
        The weight f of a cost.
    """
    weight = decayed(cost, decay)
    potential: Floats = weight @ amounts("supply", supply, count=weight.shape[1])
    return potential


def cumulative(cost: Any, supply: npt.ArrayLike, *, limit: float) -> Floats:
    """Return the supply within a limit of each demand (cumulative opportunities; Wachs & Kumagai 1973).

    Parameters
    ----------
    cost, supply
        See `gravity`.
    limit
        In the unit of the cost.
    """
    return gravity(cost, supply, within(limit))


def two_step(cost: Any, demand: npt.ArrayLike, supply: npt.ArrayLike, decay: Decay) -> Floats:
    """Return the supply per demand by two-step floating catchment areas.

    Rⱼ = Sⱼ / Σᵢ Pᵢ f(dᵢⱼ), the supply per demand of the catchment, then Aᵢ = Σⱼ Rⱼ f(dᵢⱼ). With `within` it is 2SFCA
    (Luo & Wang 2003), with `steps` E2SFCA (Luo & Qi 2009), with `gaussian` that of Dai (2010). Σ Pᵢ Aᵢ is the supply
    whose catchment has any demand; supply that nobody reaches counts for nobody.

    Parameters
    ----------
    cost
        From demand to supply, in both steps: see the module.
    demand, supply
        How many people, and places for them, 0 or more.
    decay
        The weight f of a cost, 0 beyond the catchment.

    Returns
    -------
    numpy.ndarray
        Of each demand; 0 where no supply is in reach.
    """
    weight = decayed(cost, decay)
    return _shared(weight, weight, demand, supply)


def modified_two_step(cost: Any, demand: npt.ArrayLike, supply: npt.ArrayLike, decay: Decay) -> Floats:
    """Return the supply per demand by M2SFCA, in which far supply is lost and not shared out (Delamater 2013).

    Aᵢ = Σⱼ Sⱼ f(dᵢⱼ)² / Σₖ Pₖ f(dₖⱼ), so that Σ Pᵢ Aᵢ is at most the supply. See `two_step` for the parameters.
    """
    weight = decayed(cost, decay)
    return _shared(weight, weight.power(2), demand, supply)


def three_step(cost: Any, demand: npt.ArrayLike, supply: npt.ArrayLike, decay: Decay) -> Floats:
    """Return the supply per demand by 3SFCA, in which demand chooses among the supplies in reach (Wan et al. 2012).

    Gᵢⱼ = f(dᵢⱼ) / Σₖ f(dᵢₖ) is the share of the demand that goes there, Rⱼ = Sⱼ / Σᵢ Gᵢⱼ Pᵢ f(dᵢⱼ), and
    Aᵢ = Σⱼ Gᵢⱼ Rⱼ f(dᵢⱼ). See `two_step` for the parameters.
    """
    weight = decayed(cost, decay)
    total = np.asarray(weight.sum(axis=1))
    rows = np.repeat(np.arange(weight.shape[0]), np.diff(weight.indptr))
    chosen = scipy.sparse.csr_array((weight.data**2 / total[rows], weight.indices, weight.indptr), shape=weight.shape)
    return _shared(chosen, chosen, demand, supply)


def _shared(
    asked: scipy.sparse.csr_array, given: scipy.sparse.csr_array, demand: npt.ArrayLike, supply: npt.ArrayLike
) -> Floats:
    """Return supply per demand where `asked` weighs the demand on a supply, and `given` what the demand gets of it."""
    people = amounts("demand", demand, count=asked.shape[0])
    places = amounts("supply", supply, count=asked.shape[1])
    load = asked.T @ people
    ratio = np.divide(places, load, out=np.zeros(len(places)), where=load > 0)
    access: Floats = given @ ratio
    return access


def decayed(cost: Any, decay: Decay) -> scipy.sparse.csr_array:
    """Return the decay of the costs that are in reach, as a sparse matrix without those of no weight.

    Parameters
    ----------
    cost
        See the module.
    decay
        The weight of a cost.
    """
    matrix = in_reach(cost)
    weight = scipy.sparse.csr_array((decay(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
    if not (np.isfinite(weight.data) & (weight.data >= 0)).all():
        raise InvalidInputError("the decay must give finite weights of 0 or more")
    weight.eliminate_zeros()
    return weight


def in_reach(cost: Any) -> scipy.sparse.csr_array:
    """Return the costs in reach as a sparse matrix of its own, with stored zeros."""
    if hasattr(cost, "tocsr"):
        given = cost.tocsr()
        rows = np.repeat(np.arange(given.shape[0]), np.diff(given.indptr))
        columns, values, shape = given.indices.copy(), given.data.astype(float), given.shape
    else:
        plain = as_numbers("cost", cost)
        if plain.ndim != 2:
            raise InvalidInputError(f"cost must have rows of demand and columns of supply, not shape {plain.shape}")
        rows, columns = np.nonzero(~np.isposinf(plain))
        values, shape = plain[rows, columns], plain.shape
    if not (values >= 0).all():
        raise InvalidInputError("cost must be 0 or more, not negative and not NaN")
    indptr = np.searchsorted(rows, np.arange(shape[0] + 1))
    return scipy.sparse.csr_array((values, columns, indptr), shape=shape)


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < np.inf:
            raise InvalidInputError(f"{name} must be positive and finite, not {value}")
