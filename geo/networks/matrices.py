"""Travel times between many places and many others: matrices of them, and the nearest facilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy

from geo.errors import InvalidInputError
from geo.networks.positions import Positions, on_one_edge, part_of
from geo.networks.routing import check_delays
from geo.networks.topology import Floats, Ints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from geo.networks.positions import Direction
    from geo.networks.routing import TravelNetwork

Floats32 = npt.NDArray[np.float32]

CELLS_AT_ONCE = 5_000_000
"""Size of the largest table of times, searches by nodes or places, that is held in memory (about 30 bytes each)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Nearest:
    """The facilities nearest to each demand; arrays of shape (demand, k), nearest first.

    Parameters
    ----------
    facility
        Position of the facility; -1 where there is none within the limit.
    cost_s
        Seconds to it; infinite where there is none.
    """

    facility: Ints
    cost_s: Floats


def cost_matrix(
    travel: TravelNetwork,
    origins: Positions,
    destinations: Positions,
    *,
    limit_s: float = np.inf,
    chunk: int | None = None,
) -> scipy.sparse.csr_array:
    """Return the travel times from origins to destinations that are within a limit (OD cost matrix).

    Dijkstra's algorithm (1959) runs from the side with fewer places: towards the destinations, with every street
    reversed, when they are fewer. Memory goes with the pairs within the limit, and with one chunk of searches.

    Parameters
    ----------
    travel
        ``network.for_mode(mode)``.
    origins, destinations
        Places from ``travel.snap``; those that were not found have no times.
    limit_s
        Pairs farther apart are left out.
    chunk
        How many searches are held in memory at once; by default as many as `CELLS_AT_ONCE` allows.

    Returns
    -------
    scipy.sparse.csr_array
        Seconds, float32, shape (origins, destinations). What is stored is reached, a stored zero in no time; what is
        not stored is out of reach. See `dense` for a plain array.

    Raises
    ------
    InvalidInputError
        If the limit is negative or not a number, or the chunk is not positive.
    """
    _check_limit(limit_s)
    if len(destinations) > len(origins):
        return _searched(travel, origins, destinations, "from", limit_s, chunk)
    return _searched(travel, destinations, origins, "to", limit_s, chunk).T.tocsr()


def dense(cost: scipy.sparse.csr_array) -> Floats32:
    """Return a cost matrix as a plain array, infinite where a pair is out of reach."""
    full = np.full(cost.shape, np.inf, dtype=np.float32)
    rows = np.repeat(np.arange(cost.shape[0]), np.diff(cost.indptr))
    full[rows, cost.indices] = cost.data
    return full


def nearest(
    travel: TravelNetwork,
    demand: Positions,
    facilities: Positions,
    k: int = 1,
    *,
    limit_s: float = np.inf,
    direction: Direction = "to",
    delay_s: Floats | None = None,
) -> Nearest:
    """Find the facilities nearest to each demand by travel time (closest facility).

    One search from all facilities at once finds the nearest; for more of them there is one search a facility.

    Parameters
    ----------
    travel
        ``network.for_mode(mode)``.
    demand, facilities
        Places from ``travel.snap``; those that were not found reach nothing.
    k
        How many facilities for each demand.
    limit_s
        Facilities farther than this are not taken.
    direction
        ``to``: time from the demand to the facility; ``from``: from the facility, as of a fire engine.
    delay_s
        Of each facility what is added to every time, as the turnout of a fire brigade; nothing by default.

    Raises
    ------
    InvalidInputError
        If `k` is not positive, or the limit is negative or not a number.
    """
    _check_limit(limit_s)
    if k < 1:
        raise InvalidInputError(f"k must be at least 1, not {k}")
    known = np.flatnonzero(facilities.found)
    delays = check_delays(delay_s, len(facilities))[known]
    if k == 1:
        facility, cost_s = _nearest_one(travel, demand, facilities[known], limit_s, direction, delays)
    else:
        facility, cost_s = _nearest_some(travel, demand, facilities[known], k, limit_s, direction, delays)
    labels = np.append(known, -1)
    return Nearest(facility=labels[facility], cost_s=cost_s)


def _check_limit(limit_s: float) -> None:
    if not limit_s >= 0:
        raise InvalidInputError(f"limit_s must be 0 or more, not {limit_s}")


def _searched(
    travel: TravelNetwork,
    sources: Positions,
    places: Positions,
    direction: Direction,
    limit_s: float,
    chunk: int | None,
) -> scipy.sparse.csr_array:
    """Return the times of one search for each source, shape (sources, places)."""
    found = sources[sources.found]
    parts = [_sparse(seconds) for seconds in _rows(travel, found, places, direction, limit_s, chunk)]
    shape = (len(found), len(places))
    rows = scipy.sparse.vstack(parts, format="csr") if parts else scipy.sparse.csr_array(shape, dtype=np.float32)
    counts = np.zeros(len(sources), dtype=np.int64)
    counts[sources.found] = np.diff(rows.indptr)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return scipy.sparse.csr_array((rows.data, rows.indices, indptr), shape=(len(sources), len(places)))


def _rows(
    travel: TravelNetwork,
    sources: Positions,
    places: Positions,
    direction: Direction,
    limit_s: float,
    chunk: int | None = None,
    delay_s: Floats | None = None,
) -> Iterator[Floats]:
    """Yield times of some sources after others, shape (some sources, places)."""
    if chunk is None:
        chunk = max(1, CELLS_AT_ONCE // max(travel.graph(direction).vertices, len(places)))
    if chunk < 1:
        raise InvalidInputError(f"chunk must be at least 1, not {chunk}")
    for first in range(0, len(sources), chunk):
        some = slice(first, first + chunk)
        delays = None if delay_s is None else delay_s[some]
        for times in travel.times(sources[some], limit_s=limit_s, direction=direction, delay_s=delays):
            yield times.at(places)


def _sparse(seconds: Floats) -> scipy.sparse.csr_array:
    """Return the finite values, zeros too."""
    row, column = np.nonzero(np.isfinite(seconds))
    indptr = np.searchsorted(row, np.arange(len(seconds) + 1))
    values = seconds[row, column].astype(np.float32)
    return scipy.sparse.csr_array((values, column.astype(np.int32), indptr), shape=seconds.shape)


def _nearest_one(
    travel: TravelNetwork,
    demand: Positions,
    facilities: Positions,
    limit_s: float,
    direction: Direction,
    delay_s: Floats,
) -> tuple[Ints, Floats]:
    """Return the nearest facility and the seconds to it, shape (demand, 1)."""
    label, seconds = np.full(len(demand), -1), np.full(len(demand), np.inf)
    if len(facilities) == 0:
        return label[:, np.newaxis], seconds[:, np.newaxis]
    graph = travel.graph(direction)
    costs_s = travel.graph_with(facilities, direction, delay_s)
    sources = np.arange(graph.vertices, costs_s.shape[0])
    vertex_s, _, source = scipy.sparse.csgraph.dijkstra(
        costs_s, indices=sources, limit=limit_s, min_only=True, return_predecessors=True
    )
    out_s, back_s = travel.costs_s(direction)
    edge = np.where(demand.found, demand.edge, 0)
    for end, way_s in (
        (graph.start[edge], part_of(demand.fraction, out_s[edge])),
        (graph.end[edge], part_of(1 - demand.fraction, back_s[edge])),
    ):
        better = vertex_s[end] + way_s < seconds
        seconds[better] = (vertex_s[end] + way_s)[better]
        label[better] = source[end][better] - graph.vertices
    for facility, place in on_one_edge(facilities, demand):
        ahead = demand.fraction[place] - facilities.fraction[facility]
        along_s = part_of(np.abs(ahead), np.where(ahead > 0, out_s[edge[place]], back_s[edge[place]]))
        along_s += delay_s[facility]
        better = along_s < seconds[place]
        seconds[place[better]], label[place[better]] = along_s[better], facility
    lost = ~demand.found | (seconds > limit_s)
    seconds[lost], label[lost] = np.inf, -1
    return label[:, np.newaxis], seconds[:, np.newaxis]


def _nearest_some(
    travel: TravelNetwork,
    demand: Positions,
    facilities: Positions,
    k: int,
    limit_s: float,
    direction: Direction,
    delay_s: Floats,
) -> tuple[Ints, Floats]:
    """Return the k nearest facilities and the seconds to them, kept while the facilities are searched in turn."""
    label, seconds = np.full((len(demand), k), -1), np.full((len(demand), k), np.inf)
    done = 0
    for found in _rows(travel, facilities, demand, direction, limit_s, delay_s=delay_s):
        every_s = np.hstack([seconds, found.T])
        every_label = np.hstack([label, np.broadcast_to(np.arange(done, done + len(found)), found.T.shape)])
        order = np.argsort(every_s, axis=1, kind="stable")[:, :k]
        seconds = np.take_along_axis(every_s, order, axis=1)
        label = np.take_along_axis(every_label, order, axis=1)
        done += len(found)
    label[np.isinf(seconds)] = -1
    return label, seconds
