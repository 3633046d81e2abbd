"""The prediction accuracy index, by hand and as an analyst calls it."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.safety.prediction import hot_spot_forecast, prediction_accuracy

CRS = "EPSG:32635"


def test_a_quarter_of_the_incidents_in_a_tenth_of_the_area() -> None:
    """As in Chainey et al. 2008: a hit rate of 25 % in 10 % of the area is a PAI of 2.5."""
    curve = prediction_accuracy([5, 1, 2], [10, 60, 30], [25, 60, 15])
    assert curve.taken.tolist() == [0, 2, 1]
    assert curve.hit_rate.tolist() == pytest.approx([0.25, 0.4, 1])
    assert curve.area_share.tolist() == pytest.approx([0.1, 0.4, 1])
    assert curve.accuracy_index.tolist() == pytest.approx([2.5, 1, 1])
    assert np.isnan(prediction_accuracy([1], [1], [0]).accuracy_index).all()
    assert len(prediction_accuracy([], [], []).taken) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_everything_holds_everything(rows: list[tuple[int, int, int]]) -> None:
    score, area, later = np.array(rows).T
    curve = prediction_accuracy(score, area, later)
    assert curve.area_share[-1] == pytest.approx(1)
    if later.sum():
        assert curve.accuracy_index[-1] == pytest.approx(1)
        assert (np.diff(curve.hit_rate) >= -1e-12).all()
        perfect = prediction_accuracy(later / area, area, later)
        assert np.interp(0.5, perfect.area_share, perfect.hit_rate) >= 0.49


@pytest.fixture
def incidents() -> gpd.GeoDataFrame:
    rng = np.random.default_rng(1)
    crowd, spread = rng.normal((1000, 1000), 100, (200, 2)), rng.uniform(0, 5000, (400, 2))
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.uniform(0, 100, 600), unit="D")
    return gpd.GeoDataFrame({"occurred_at": times}, geometry=shapely.points(np.concatenate([crowd, spread])), crs=CRS)


@pytest.mark.parametrize("rank_by", ["count", "density"])
def test_where_it_was_it_will_be(incidents: gpd.GeoDataFrame, rank_by: str) -> None:
    found = hot_spot_forecast(incidents, "2024-03-01", rank_by=rank_by)
    assert found["rank"].tolist() == list(range(1, len(found) + 1))
    assert found.area_share.max() <= 0.05
    assert found.accuracy_index.iloc[-1] > 4
    later = incidents[incidents.occurred_at >= "2024-03-01"]
    assert found.hit_rate.iloc[-1] == pytest.approx(later.within(found.union_all()).mean())
    everything = hot_spot_forecast(incidents, "2024-03-01", rank_by=rank_by, area_share=1)
    assert everything.earlier.sum() + everything.later.sum() == len(incidents)
    assert everything.accuracy_index.iloc[-1] == pytest.approx(1)
    assert len(hot_spot_forecast(incidents, "2024-03-01", area_share=1e-6)) == 1
    assert hot_spot_forecast(incidents[:0], "2024-03-01").empty
    assert "PAI" in frame_map(found, hot_spot_forecast.analysis.view).get_root().render()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda i: hot_spot_forecast(i, "2030-01-01"), "both before 2030-01-01"),
        (lambda i: hot_spot_forecast(i.to_crs(4326), "2024-03-01"), "metres"),
        (lambda i: hot_spot_forecast(i, "spring"), "since"),
        (lambda i: prediction_accuracy([np.nan], [1], [1]), "scores must be finite"),
        (lambda i: prediction_accuracy([1], [0], [1]), "areas must be"),
        (lambda i: prediction_accuracy([1], [1], [1, 2]), "later incidents must be 1"),
    ],
)
def test_what_is_wrong_is_named(incidents: gpd.GeoDataFrame, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(incidents)
