"""Hours and days of incidents, trends, and emerging hot spots."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import eye_array

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.safety.incident_times import emerging_hot_spots, incident_profile
from geo.statistics.autocorrelation import LocalG, getis_ord
from geo.statistics.emerging import PATTERNS, emerging_patterns, mann_kendall, space_time_gi
from geo.statistics.weights import distance_band

CRS = "EPSG:32635"


def incidents_at(xy: Any, **columns: Any) -> gpd.GeoDataFrame:
    points = shapely.points(np.asarray(xy, dtype=float).reshape(-1, 2))
    return gpd.GeoDataFrame(columns, geometry=points, crs=CRS)


def test_hours_are_local_and_days_without_hours_count_as_days() -> None:
    """2024-01-01 was a Monday; 22:30 UTC on Sunday is Monday in Minsk."""
    some = incidents_at(
        [(0, 0), (2, 0), (5, 5), (7, 7), (9, 9), (1, 1)],
        occurred_at=["2024-01-07T22:30Z", "2024-01-01T01:10+03:00", "2024-01-03", "2024-01-03", None, "2024-01-03T12Z"],
        time_precision=["minute", None, "day", "year", None, "hour"],
    )
    found = incident_profile(some, time_zone="Europe/Minsk")
    assert found.day.tolist() == ["monday", "wednesday", "wednesday"]
    assert found.hour.tolist() == [1, 15, pd.NA]
    assert found.incidents.tolist() == [2, 1, 1]
    assert found.geometry[0].equals(shapely.Point(1, 0))
    assert found.times_mean.tolist() == pytest.approx([2 * 168 / 3, 168 / 3, 7])
    assert incident_profile(some).day.tolist() == ["wednesday", "wednesday", "sunday"]
    assert incident_profile(some[:0]).empty
    assert "Times the mean" in frame_map(found, incident_profile.analysis.view).get_root().render()


@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(3, 25)), elements=st.integers(0, 5).map(float)))
@settings(max_examples=60, deadline=None)
def test_the_trend_is_kendalls(series: Any) -> None:
    found = mann_kendall(series)
    steps = np.arange(series.shape[1])
    for row, s in zip(series, found.s, strict=True):
        pairs = [np.sign(row[j] - row[i]) for i in steps for j in steps[i + 1 :]]
        assert s == sum(pairs)
    assert (mann_kendall(series[:, ::-1]).z == -found.z).all()
    assert mann_kendall(series * 3 + 1).p.tolist() == found.p.tolist()


def test_the_variance_of_the_trend_is_that_of_scipy() -> None:
    """Without the correction for continuity, z is scipy's of Kendall's tau."""
    rng = np.random.default_rng(1)
    series = rng.integers(0, 12, (5, 40)).astype(float)
    found = mann_kendall(series)
    for row, s, z in zip(series, found.s, found.z, strict=True):
        tested = scipy.stats.kendalltau(np.arange(40), row, method="asymptotic")
        expected = scipy.stats.norm.isf(tested.pvalue / 2)
        assert abs(z) * abs(s) / (abs(s) - 1) == pytest.approx(expected, rel=1e-6)


def test_a_constant_series_has_no_trend() -> None:
    found = mann_kendall(np.ones((2, 5)))
    assert (found.s == 0).all()
    assert (found.p == 1).all()


def test_gi_of_a_cube_is_that_of_all_its_bins() -> None:
    rng = np.random.default_rng(2)
    xy, cube = rng.uniform(0, 10, (12, 2)), rng.poisson(3, (12, 6)).astype(float)
    found = space_time_gi(cube, xy, radius_m=4, steps_back=2)
    near = distance_band(xy, radius_m=4, include_self=True).toarray()
    step = np.arange(6)
    recent = (step[:, None] - step >= 0) & (step[:, None] - step <= 2)
    weights = np.kron(near, recent)
    x, n = cube.ravel(), cube.size
    expected = (weights @ x - weights.sum(1) * x.mean()) / (
        x.std() * np.sqrt((n * (weights**2).sum(1) - weights.sum(1) ** 2) / (n - 1))
    )
    assert found.z.ravel() == pytest.approx(expected)
    alone = space_time_gi(cube, xy, radius_m=1e-3, steps_back=0)
    assert alone.z.ravel() == pytest.approx(getis_ord(x, eye_array(n, format="csr"), star=True).z)


def course(*steps: int, trend: float = 0.0) -> LocalG:
    """Return a place that is hot (1), cold (-1) or neither (0) in each step, among bins that are neither."""
    z = np.array([steps], dtype=float) * (5 + trend * np.arange(len(steps)))
    z[z == 0] = 0.1
    return LocalG(z, np.where(np.array([steps]) != 0, 1e-9, 0.9))


@pytest.mark.parametrize(
    ("steps", "trend", "pattern"),
    [
        ((0,) * 9 + (1,), 0, "new"),
        ((0,) * 7 + (1,) * 3, 0, "consecutive"),
        ((1,) * 10, 0.1, "intensifying"),
        ((1,) * 10, -0.1, "diminishing"),
        ((1,) * 10, 0, "persistent"),
        ((0,) + (1,) * 9, 0, "persistent"),
        ((1,) * 9 + (0,), 0, "historical"),
        ((1, 0, 0, 1, 1, 0, 0, 0, 0, 1), 0, "sporadic"),
        ((1, 0, -1, 0, 1, 0, 0, 0, 0, 1), 0, "oscillating"),
        ((0, 1, 1, 1, 0, 0, 0, 0, 0, 0), 0, None),
        ((0,) * 10, 0, None),
    ],
)
def test_patterns_of_courses(steps: tuple[int, ...], trend: float, pattern: str | None) -> None:
    hot = emerging_patterns(course(*steps, trend=trend))
    cold = emerging_patterns(course(*(-each for each in steps), trend=trend))
    assert hot.pattern.tolist() == [f"{pattern} hot" if pattern else "none"]
    assert cold.pattern.tolist() == [f"{pattern} cold" if pattern else "none"]
    assert (hot.hot_steps[0], hot.cold_steps[0]) == (steps.count(1), steps.count(-1))


def test_each_step_by_itself_shows_what_is_hot_when_all_is_quiet() -> None:
    rng = np.random.default_rng(3)
    xy = np.stack(np.meshgrid(np.arange(12), np.arange(12)), axis=-1).reshape(-1, 2) * 100.0
    middle = np.hypot(*(xy - 550).T) < 200
    level = np.linspace(20, 1, 12)
    cube = rng.poisson(level * np.where(middle, 6, 1)[:, np.newaxis]).astype(float)
    cube[:, 5] = 2.0
    own = space_time_gi(cube, xy, radius_m=150, each_step=True)
    assert np.isnan(own.z[:, 5]).all()
    alone = getis_ord(cube[:, 7], distance_band(xy, radius_m=150.1, include_self=True), star=True)
    assert own.z[:, 7] == pytest.approx(alone.z)
    of_all = space_time_gi(cube, xy, radius_m=150, steps_back=0)
    hot = [(each.p < 0.001) & (each.z > 0) for each in (own, of_all)]
    assert hot[0][middle, -1].mean() > 0.5
    assert not hot[1][:, -1].any()


def test_a_crowd_that_comes_lately_is_a_new_or_consecutive_hot_spot() -> None:
    rng = np.random.default_rng(5)
    spread, when = rng.uniform(0, 8000, (3000, 2)), rng.uniform(0, 365, 3000)
    crowd, lately = rng.normal((4000, 4000), 250, (250, 2)), rng.uniform(300, 365, 250)
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.concatenate([when, lately]), unit="D")
    some = incidents_at(np.concatenate([spread, crowd]), occurred_at=times)
    found = emerging_hot_spots(some)
    assert found.incidents.sum() == len(some)
    centre = found[found.covers(shapely.Point(4000, 4000))].iloc[0]
    assert centre.pattern in ("new hot", "consecutive hot")
    assert set(found.pattern) <= set(PATTERNS)
    assert (found.pattern == "none").mean() > 0.9
    shuffled = emerging_hot_spots(some.sample(frac=1, random_state=1))
    assert (shuffled.pattern == found.pattern).all()
    assert emerging_hot_spots(some[:0]).empty
    assert "No pattern" in frame_map(found, emerging_hot_spots.analysis.view).get_root().render()
    year = some.assign(time_precision="year")
    assert emerging_hot_spots(year).empty


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda i: incident_profile(i.to_crs(4326)), "metres"),
        (lambda i: incident_profile(i, time_zone="Minsk"), "no time zone 'Minsk'"),
        (lambda i: incident_profile(i.assign(occurred_at="noon")), "occurred_at"),
        (lambda i: emerging_hot_spots(i), "there are 2 steps of a month"),
        (lambda i: emerging_hot_spots(i, step="day", radius_m=100), "at least one cell"),
        (lambda i: emerging_hot_spots(i, step="decade"), "step"),
        (lambda i: mann_kendall(np.ones((2, 2))), "at least 3 steps"),
        (lambda i: mann_kendall([[1, 2, np.nan]]), "finite"),
    ],
)
def test_what_is_wrong_is_named(call: Any, says: str) -> None:
    some = incidents_at([(0, 0), (500, 0)], occurred_at=["2024-01-01", "2024-02-20"])
    with pytest.raises(InvalidInputError, match=says):
        call(some)
