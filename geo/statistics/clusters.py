"""Clusters of events in space, and in space and time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy

from geo.checks import as_numbers
from geo.errors import InvalidInputError
from geo.networks.topology import Floats, Ints
from geo.statistics.weights import coordinates, near_pairs


def dbscan(xy: Any, *, radius_m: float, min_events: int, times: Any = None, window_d: float | None = None) -> Ints:
    """Find clusters of events: dense in space (DBSCAN), or in space and in time (ST-DBSCAN).

    An event is a core where at least `min_events` events, itself included, lie within `radius_m` (and happened within
    `window_d` of it). Cores near one another make a cluster; others near a core belong to its cluster; the rest is
    noise. Ester et al. 1996, KDD-96, 226-231; Birant & Kut 2007, Data & Knowledge Engineering 60(1), 208-221, here
    without its third limit, the difference of a measured value.

    Parameters
    ----------
    xy
        Coordinates in metres, shape (events, 2).
    radius_m
        How near neighbours are in space.
    min_events
        Neighbours that make a core, the event itself included.
    times
        When each event happened: numbers of days, or dates and times. Given together with `window_d`.
    window_d
        How near neighbours are in time, in days.

    Returns
    -------
    numpy.ndarray
        Number of the cluster of each event, from 0; -1 is noise.

    Raises
    ------
    InvalidInputError
        If a coordinate or time is missing, a limit not positive, or the pairs of neighbours too many for memory.
    """
    places = coordinates(xy)
    if min_events < 1:
        raise InvalidInputError(f"min_events must be at least 1, not {min_events}")
    if (times is None) != (window_d is None):
        raise InvalidInputError("times and window_d belong together: give both or neither")
    if not len(places):
        return np.empty(0, dtype=np.int64)
    if times is None or window_d is None:
        pairs = near_pairs(places, radius_m=radius_m)
    else:
        pairs = near_pairs(places, radius_m=radius_m, days=in_days(times, len(places)), window_d=window_d)
    each = np.arange(len(places))
    row = np.concatenate([pairs[:, 0], pairs[:, 1], each])
    column = np.concatenate([pairs[:, 1], pairs[:, 0], each])
    near = scipy.sparse.csr_array((np.full(len(row), 0.5), (row, column)), shape=(len(places), len(places)))
    from sklearn.cluster import DBSCAN

    labels: Ints = DBSCAN(eps=1.0, min_samples=min_events, metric="precomputed").fit(near).labels_.astype(np.int64)
    return labels


def in_days(times: Any, count: int) -> Floats:
    """Return times as days since the first, checked to be as many as the events and none missing.

    Parameters
    ----------
    times
        Numbers of days, or dates and times.
    count
        How many there must be.
    """
    series = pd.Series(times).reset_index(drop=True)
    if pd.api.types.is_datetime64_any_dtype(series):
        series = (series - series.min()) / pd.Timedelta(days=1)
    days = as_numbers("times", series)
    if days.shape != (count,) or not np.isfinite(days).all():
        raise InvalidInputError(f"each of the {count} events needs a time: leave out those without")
    since_first: Floats = days - days.min(initial=np.inf)
    return since_first
