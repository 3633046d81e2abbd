"""Walking and cycling on slopes."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString
from street_map import CRS

from geo.errors import InvalidInputError
from geo.networks.matrices import cost_matrix, dense
from geo.networks.network import Network
from geo.networks.slopes import cycling, heights_of_grid, on_slopes, tobler
from geo.networks.travel import CYCLE, WALK


def test_walking_as_tobler_measured_it() -> None:
    """Tobler 1993: 6 exp(-3.5 |s + 0.05|) km/h, 5.036742 on the flat and 6 at 5 % downhill."""
    speed = tobler([0, -0.05, 0.2, -0.2]) * 6 * np.exp(-3.5 * 0.05)
    assert speed == pytest.approx([5.036742, 6.0, 6 * np.exp(-3.5 * 0.25), 6 * np.exp(-3.5 * 0.15)], rel=1e-6)


def test_cycling_keeps_the_power() -> None:
    flat = 16 / 3.6
    power = flat * (85 * 9.81 * 0.008 + 0.5 * 1.2 * 0.6 * flat**2)
    uphill = cycling([0.02])[0] * flat
    assert uphill * (85 * 9.81 * 0.028 + 0.36 * uphill**2) == pytest.approx(power)
    assert cycling([0.0]) == pytest.approx([1])
    assert cycling([0.3])[0] * 16 == pytest.approx(4)
    assert cycling([-0.3])[0] * 16 == pytest.approx(40)
    assert (np.diff(cycling(np.linspace(-0.2, 0.2, 50))) <= 1e-9).all()


def test_heights_between_the_cells() -> None:
    heights = heights_of_grid([[0.0, 10, 20], [100, 110, 120]], west=0, north=20, cell_m=10)
    places = np.array([[5.0, 15], [15, 15], [10, 15], [5, 10], [0, 20], [30, 0], [31, 5], [5, -1]])
    assert heights(places).tolist() == pytest.approx([0, 10, 5, 50, 0, 120, np.nan, np.nan], nan_ok=True)
    with pytest.raises(InvalidInputError, match="two rows and columns"):
        heights_of_grid([[1.0, 2.0]], west=0, north=0, cell_m=1)


@settings(max_examples=30, deadline=None)
@given(a=st.floats(-0.3, 0.3), b=st.floats(-0.3, 0.3))
def test_a_plane_has_the_same_slope_everywhere(a: float, b: float) -> None:
    line = LineString([(0, 0), (300, 400)])
    travel = Network.from_lines(gpd.GeoSeries([line], crs=CRS)).for_mode(WALK)
    sloping = on_slopes(travel, lambda xy: a * xy[:, 0] + b * xy[:, 1], speed=tobler)
    slope = (a * 300 + b * 400) / 500
    assert sloping.forward_s[0] == pytest.approx(travel.forward_s[0] / tobler(slope))
    assert sloping.backward_s[0] == pytest.approx(travel.backward_s[0] / tobler(-slope))


def test_up_and_down_a_hill_is_not_flat() -> None:
    line = LineString([(0, 0), (500, 0), (1000, 0)])
    travel = Network.from_lines(gpd.GeoSeries([line], crs=CRS)).for_mode(CYCLE)
    hill = on_slopes(travel, lambda xy: 25 - np.abs(xy[:, 0] - 500) / 20, speed=cycling)
    half = travel.forward_s[0] / 2
    assert hill.forward_s[0] == pytest.approx(half / cycling(0.05) + half / cycling(-0.05))
    assert hill.forward_s[0] > travel.forward_s[0]
    assert hill.forward_s[0] == pytest.approx(hill.backward_s[0])


def test_where_heights_are_not_known_it_is_flat_and_searches_run_on_it() -> None:
    lines = gpd.GeoSeries([LineString([(0, 0), (100, 0)]), LineString([(100, 0), (200, 0)])], crs=CRS)
    travel = Network.from_lines(lines).for_mode(WALK)
    flat = on_slopes(travel, lambda xy: np.full(len(xy), np.nan), speed=tobler)
    assert flat.forward_s.tolist() == travel.forward_s.tolist()
    rising = on_slopes(travel, lambda xy: xy[:, 0] / 10, speed=tobler)
    ends = travel.snap(gpd.GeoSeries.from_xy([0, 200], [0, 0], crs=CRS), max_m=1)
    up, down = dense(cost_matrix(rising, ends, ends))[[0, 1], [1, 0]]
    assert up == pytest.approx(200 / (5 / 3.6) / tobler(0.1), rel=1e-5)
    assert down == pytest.approx(200 / (5 / 3.6) / tobler(-0.1), rel=1e-5)
    with pytest.raises(InvalidInputError, match="step_m must be positive"):
        on_slopes(travel, lambda xy: xy[:, 0], speed=tobler, step_m=0)
    with pytest.raises(InvalidInputError, match="a number for each of"):
        on_slopes(travel, lambda xy: xy, speed=tobler)
