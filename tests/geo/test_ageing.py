"""How pipes age by their breaks."""

from __future__ import annotations

from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import CensoredData, weibull_min
from shapely import LineString, Point
from street_map import CRS

from geo.errors import InvalidInputError
from geo.infrastructure.ageing import break_rates, pipe_ageing, weibull_law


def test_a_power_law_process_has_a_closed_form() -> None:
    """Crow 1974, on the reliability test of the NIST e-Handbook (8.4.5.1): k = n / Σ log(T / t)."""
    failures = np.array([5, 40, 43, 175, 389, 712, 747, 795, 1299, 1478.0])
    law = weibull_law(failures, 0, 1500)
    assert law.shape == pytest.approx(10 / np.log(1500 / failures).sum())
    assert law.shape == pytest.approx(0.5372, abs=0.0001)
    assert law.expected(0, 1500) == pytest.approx(10)
    assert law.rate(1500) == pytest.approx(law.shape * 10 / 1500)


REMISSION = [6, 6, 6, 7, 10, 13, 16, 22, 23]
STILL_IN_REMISSION = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def test_lives_that_are_cut_off() -> None:
    """Weeks of remission with 6-MP (Freireich et al. 1963), as scipy fits them; shape and scale as published."""
    law = weibull_law(REMISSION, 0, [*REMISSION, *STILL_IN_REMISSION])
    shape, _, scale = weibull_min.fit(CensoredData(REMISSION, right=STILL_IN_REMISSION), floc=0)
    assert (law.shape, law.scale) == pytest.approx((shape, scale), rel=1e-3)
    assert (law.shape, law.scale) == pytest.approx((1.354, 33.77), rel=1e-3)
    assert law.breaks == 9


def test_the_lives_of_ball_bearings() -> None:
    """Millions of turns to failure (Lieblein & Zelen 1956), as in Leemis 2009, example 8.1, and R's package conf.

    The shape and the scale are remembered from Lawless 1982 and not confirmed; scipy gives them too.
    """
    turns = [
        17.88, 28.92, 33.0, 41.52, 42.12, 45.6, 48.48, 51.84, 51.96, 54.12, 55.56, 67.8,
        68.64, 68.64, 68.88, 84.12, 93.12, 98.64, 105.12, 105.84, 127.92, 128.04, 173.4,
    ]  # fmt: skip
    law = weibull_law(turns, 0, turns)
    shape, _, scale = weibull_min.fit(turns, floc=0)
    assert (law.shape, law.scale) == pytest.approx((shape, scale), rel=1e-3)
    assert (law.shape, law.scale) == pytest.approx((2.102, 81.88), abs=0.005)


def test_a_law_is_found_again_from_lives_seen_only_late() -> None:
    rng = np.random.default_rng(3)
    lives = 60 * rng.weibull(2.5, 20_000)
    entered = rng.uniform(0, 50, 20_000)
    seen = lives > entered
    end = np.minimum(lives, entered + 30)[seen]
    broken = lives[seen & (lives < entered + 30)]
    law = weibull_law(broken, entered[seen], end)
    assert (law.shape, law.scale) == pytest.approx((2.5, 60), rel=0.03)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), unit=st.sampled_from([0.01, 1.0, 365.25]), copies=st.integers(1, 4))
def test_units_and_doubling_change_nothing(seed: int, unit: float, copies: int) -> None:
    rng = np.random.default_rng(seed)
    begin, end, exposure = np.zeros(12), rng.uniform(5, 40, 12), rng.uniform(0.1, 5, 12)
    ages = (rng.random(8) * end[:8]).clip(1e-3)
    law = weibull_law(ages, begin, end, exposure)
    other = weibull_law(
        np.tile(ages, copies) * unit,
        np.tile(begin, copies) * unit,
        np.tile(end, copies) * unit,
        np.tile(exposure, copies),
    )
    assert other.shape == pytest.approx(law.shape, rel=1e-6)
    assert other.scale == pytest.approx(law.scale * unit, rel=1e-6)
    assert (law.expected(begin, end) * exposure).sum() == pytest.approx(8)


@pytest.mark.parametrize(
    ("ages", "begin", "end", "message"),
    [
        ([5], 0, 10, "needs 2 breaks at least, not 1"),
        ([5, 6], 10, 5, "in order"),
        ([5, 0], 0, 10, "above 0"),
        ([5, np.nan], 0, 10, "above 0"),
        ([10, 10], 0, 10, "show no law"),
        ([5, 6], [], [], "in order"),
    ],
)
def test_breaks_without_a_law_are_an_error(ages: list[float], begin: object, end: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        weibull_law(ages, begin, end)


def test_rates_of_cohorts_with_their_limits() -> None:
    """Of 5 events the exact limits are 1.6235 and 11.6683 (Garwood 1936)."""
    found = break_rates(["a", "a", "b", None], [40.0, 60.0, 10.0, 0.0], [2, 3, 0, 0])
    assert found.loc["a", ["rate", "rate_low", "rate_high"]].tolist() == pytest.approx(
        [0.05, 0.016235, 0.116683], rel=1e-4
    )
    assert found.loc["b", ["rate", "rate_low"]].tolist() == [0, 0]
    assert found.loc["b", "rate_high"] == pytest.approx(0.36889, rel=1e-4)
    assert np.isnan(found.rate.iloc[-1])


def pipes(**columns: object) -> gpd.GeoDataFrame:
    lines = [LineString([(0, y), (1000, y)]) for y in (0, 100, 200, 300)]
    frame = {
        "network": ["water", "water", "water", "gas"],
        "material": ["cast iron", "cast iron", None, "steel"],
        "year_installed": [1950, 1990, None, 1950],
    }
    return gpd.GeoDataFrame(frame | columns, geometry=lines, index=list("abcd"), crs=CRS)


def breaks(places: list[tuple[float, float]], years: list[int], **columns: object) -> gpd.GeoDataFrame:
    when = pd.to_datetime([f"{year}-07-02" for year in years], utc=True)
    return gpd.GeoDataFrame({"starts_at": when} | columns, geometry=[Point(*xy) for xy in places], crs=CRS)


PERIOD = {"since": date(2010, 1, 1), "until": date(2020, 1, 1)}


def test_breaks_go_to_the_nearest_pipe_and_old_pipes_break_more() -> None:
    places = [(50.0 * n, 3.0) for n in range(9)] + [(500.0, 99.0), (9.0, 201.0), (9.0, 301.0), (9.0, 150.0)]
    events = breaks(places, [2011 + n % 8 for n in range(13)])
    found = pipe_ageing(pipes(), events, **PERIOD)
    assert found.index.tolist() == ["a", "b", "c"]
    assert found.breaks.tolist() == [9, 1, 1]
    assert found.cohort.tolist() == ["cast iron 1950s", "cast iron 1990s", "unknown"]
    assert found.cohort_rate.tolist()[:2] == pytest.approx([0.9, 0.1], rel=1e-3)
    assert found.age_years.tolist()[:2] == pytest.approx([69.5, 29.5])
    assert found.expected_rate["a"] > found.expected_rate["b"] > 0
    assert np.isnan(found.expected_rate["c"])
    assert found["shape"]["a"] > 1


def test_planned_outages_and_those_elsewhere_or_at_another_time_do_not_count() -> None:
    events = breaks(
        [(9.0, 0.0)] * 5,
        [2015, 2015, 2009, 2015, 2015],
        planned=[True, False, False, None, False],
        network=["water", "heat", "water", "water", None],
    )
    found = pipe_ageing(pipes(), events, **PERIOD)
    assert found.breaks.tolist() == [2, 0, 0]
    nothing = pipe_ageing(pipes(), events.iloc[:0], **PERIOD)
    assert nothing.breaks.sum() == 0
    assert nothing.expected_rate.isna().all()


def test_a_pipe_laid_within_the_period_is_exposed_since_then() -> None:
    new = pipes(installed_on=[None, date(2015, 1, 1), None, None])
    found = pipe_ageing(new, breaks([(5.0, 100.0)], [2017]), **PERIOD)
    assert found.cohort["b"] == "cast iron 2010s"
    assert found.cohort_rate["b"] == pytest.approx(1 / 5, rel=1e-3)


def test_wrong_input_is_named() -> None:
    with pytest.raises(InvalidInputError, match="no line of the network 'heat' in use"):
        pipe_ageing(pipes(), breaks([], []), network="heat", **PERIOD)
    with pytest.raises(InvalidInputError, match="no line of the network 'water' in use"):
        pipe_ageing(pipes(status="abandoned"), breaks([], []), **PERIOD)
    with pytest.raises(InvalidInputError, match="the period must end after it begins"):
        pipe_ageing(pipes(), breaks([], []), since=date(2020, 1, 1), until=date(2020, 1, 1))
    with pytest.raises(InvalidInputError, match="projected CRS"):
        pipe_ageing(pipes().set_crs(4326, allow_override=True), breaks([], []), **PERIOD)
