"""Clusters and space-time interaction: published numbers, scikit-learn, PySAL, and what must always hold."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import libpysal
import numpy as np
import pandas as pd
import pointpats
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.cluster import DBSCAN

from geo.errors import InvalidInputError
from geo.statistics.clusters import dbscan
from geo.statistics.space_time import KnoxTest, knox, near_repeats


@pytest.fixture(scope="module")
def burkitt() -> gpd.GeoDataFrame:
    return gpd.read_file(libpysal.examples.get_path("burkitt.shp"))


def test_knox_of_burkitts_lymphoma(burkitt: gpd.GeoDataFrame) -> None:
    found = knox(burkitt[["X", "Y"]], burkitt["T"], radius_m=20, window_d=5, permutations=99, seed=1)
    assert (found.pairs, found.near_space, found.near_time, found.near_both) == (17_578, 3_429, 52, 13)
    assert found.expected == pytest.approx(3_429 * 52 / 17_578)


@pytest.mark.filterwarnings("ignore")
def test_pysal_finds_knox_as_likely(burkitt: gpd.GeoDataFrame) -> None:
    ours = knox(burkitt[["X", "Y"]], burkitt["T"], radius_m=20, window_d=5, seed=1)
    theirs = pointpats.Knox(burkitt[["X", "Y"]], burkitt[["T"]], delta=20, tau=5, permutations=999)
    assert ours.near_both == theirs.statistic_
    assert ours.p == pytest.approx(theirs.p_sim, abs=0.06)


def test_knox_sees_interaction_and_only_that() -> None:
    rng = np.random.default_rng(1)
    parents, when = rng.uniform(0, 10_000, (60, 2)), rng.uniform(0, 365, 60)
    xy = np.concatenate([parents, parents + rng.normal(0, 30, (60, 2))])
    days = np.concatenate([when, when + rng.uniform(0, 3, 60)])
    assert knox(xy, days, radius_m=200, window_d=7, seed=1).p == 1 / 1000
    assert knox(xy, rng.permutation(days), radius_m=200, window_d=7, seed=1).p > 0.05


def test_dates_are_as_good_as_days(burkitt: gpd.GeoDataFrame) -> None:
    xy = burkitt[["X", "Y"]]
    dates = pd.Timestamp("2001-01-01", tz="Europe/Minsk") + pd.to_timedelta(burkitt["T"], unit="D")
    options: dict[str, Any] = {"radius_m": 20, "window_d": 5, "permutations": 9, "seed": 3}
    assert knox(xy, dates, **options) == knox(xy, burkitt["T"], **options)


def test_near_repeats_are_counted_by_band() -> None:
    xy, days = [(0, 0), (0, 0), (60, 0), (60, 100)], [0, 2, 2, 9]
    table = near_repeats(xy, days, distances_m=(0, 60, 120), days=(0, 2, 7), permutations=19, seed=1)
    assert table.observed.tolist() == [3, 0, 0, 2]
    assert list(table) == ["from_m", "to_m", "from_d", "to_d", "observed", "expected", "ratio", "p"]
    assert table[["from_m", "to_m", "from_d", "to_d"]].iloc[1].tolist() == [0, 60, 2, 7]


def test_near_repeats_hold_every_pair_once(burkitt: gpd.GeoDataFrame) -> None:
    table = near_repeats(
        burkitt[["X", "Y"]], burkitt["T"], distances_m=(0, 20, 1e4), days=(0, 5, 1e5), permutations=19, seed=1
    )
    assert table.observed.tolist() == [13, 3_429 - 13, 52 - 13, 17_578 - 3_429 - 52 + 13]
    assert table.expected.sum() == pytest.approx(17_578)
    assert table.expected.to_numpy()[:2].sum() == pytest.approx(3_429)


@given(st.integers(0, 2**32 - 1), st.floats(20, 200), st.integers(1, 8))
@settings(max_examples=20, deadline=None)
def test_clusters_are_those_of_scikit_learn(seed: int, radius_m: float, min_events: int) -> None:
    xy = np.random.default_rng(seed).uniform(0, 1000, (80, 2)).round()
    theirs = DBSCAN(eps=radius_m, min_samples=min_events).fit(xy).labels_
    assert dbscan(xy, radius_m=radius_m, min_events=min_events).tolist() == theirs.tolist()


def test_clusters_in_space_and_time_are_those_of_the_two_distances() -> None:
    rng = np.random.default_rng(2)
    xy, days = rng.uniform(0, 500, (150, 2)), rng.uniform(0, 100, 150)
    far = np.maximum(pdist(xy) / 60, pdist(days[:, np.newaxis]) / 12)
    square = np.zeros((150, 150))
    square[np.triu_indices(150, 1)] = far
    theirs = DBSCAN(eps=1, min_samples=4, metric="precomputed").fit(square + square.T).labels_
    ours = dbscan(xy, radius_m=60, min_events=4, times=days, window_d=12)
    assert ours.tolist() == theirs.tolist()
    assert ours.max() > 1
    always = dbscan(xy, radius_m=60, min_events=4, times=days, window_d=1e9)
    assert always.tolist() == dbscan(xy, radius_m=60, min_events=4).tolist()


def test_few_events_are_noise_and_duplicates_are_dense() -> None:
    assert dbscan(np.empty((0, 2)), radius_m=5, min_events=2).tolist() == []
    assert dbscan([(0, 0)], radius_m=5, min_events=2).tolist() == [-1]
    assert dbscan([(0, 0)] * 3 + [(9, 9)], radius_m=5, min_events=3).tolist() == [0, 0, 0, -1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"radius_m": 0, "min_events": 2}, "radius_m"),
        ({"radius_m": 5, "min_events": 0}, "min_events"),
        ({"radius_m": 5, "min_events": 2, "times": [1, 2]}, "belong together"),
        ({"radius_m": 5, "min_events": 2, "times": [1, np.nan], "window_d": 3}, "needs a time"),
        ({"radius_m": 5, "min_events": 2, "times": [1, 2], "window_d": 0}, "window_d"),
    ],
)
def test_unfit_limits_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        dbscan([(0, 0), (1, 1)], **options)


def test_unfit_events_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least 2 events"):
        knox([(0, 0)], [1], radius_m=5, window_d=1, seed=1)
    with pytest.raises(InvalidInputError, match="days must be"):
        near_repeats([(0, 0), (1, 1)], [1, 2], distances_m=(0, 5), days=(5, 1), seed=1)
    with pytest.raises(InvalidInputError, match="pairs of places are near"):
        dbscan(np.zeros((11_000, 2)), radius_m=1, min_events=2)
    assert knox([(0, 0), (0, 0)], [1, 1], radius_m=5, window_d=1, permutations=9, seed=1) == KnoxTest(
        pairs=1, near_space=1, near_time=1, near_both=1, expected=1.0, p=1.0
    )
