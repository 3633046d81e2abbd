"""Screening of roads: the worked examples of the field, and what must always hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InvalidInputError
from geo.safety.road_safety import (
    accident_rate,
    critical_rate,
    empirical_bayes,
    equivalent_damage_only,
    junction_exposure,
    measure_effect,
    predicted_accidents,
    section_exposure,
)

HAUER: dict[str, Any] = {"coefficient": 0.0224, "exponent": 0.564, "length_km": 1.8}
PHI = 2.05 * 1.8

AMOUNTS = st.floats(0, 1000)


def test_hauers_section_with_one_year_of_accidents() -> None:
    found = empirical_bayes(12, predicted_accidents(4000, **HAUER), dispersion=PHI)
    assert found.weight == pytest.approx(0.45976, abs=1e-5)
    assert found.expected == pytest.approx(8.476, abs=1e-3)
    assert found.expected / 1.8 == pytest.approx(4.71, abs=0.005)
    assert found.standard_deviation / 1.8 == pytest.approx(1.19, abs=0.005)


def test_hauers_section_with_three_years_of_accidents() -> None:
    found = empirical_bayes(12 + 7 + 8, predicted_accidents(4000, years=3, **HAUER), dispersion=PHI)
    assert found.weight == pytest.approx(0.22099, abs=1e-5)
    assert found.expected / 3 == pytest.approx(7.97, abs=0.005)
    assert found.standard_deviation / 3 == pytest.approx(1.44, abs=0.005)
    assert found.expected / 3 / 1.8 == pytest.approx(4.43, abs=0.005)


@given(AMOUNTS, AMOUNTS, st.floats(0.01, 100))
def test_the_estimate_lies_between_observation_and_prediction(observed: float, predicted: float, phi: float) -> None:
    found = empirical_bayes([observed], [predicted], dispersion=phi)
    low, high = sorted((observed, predicted))
    assert low * (1 - 1e-9) <= found.expected[0] <= high * (1 + 1e-9)
    assert found.excess[0] == pytest.approx(found.expected[0] - predicted)
    assert 0 < found.weight[0] <= 1


def test_the_more_years_the_less_the_prediction_counts() -> None:
    years = np.array([1, 2, 5, 20])
    weight = empirical_bayes(4 * years, predicted_accidents(4000, years=years, **HAUER), dispersion=PHI).weight
    assert (np.diff(weight) < 0).all()


def test_the_effect_of_a_measure_at_one_site_by_hand() -> None:
    found = measure_effect([10], [4], [5], [8], dispersion=4)
    assert (found.observed, found.expected) == (5, 2 * (0.5 * 4 + 0.5 * 10))
    error = 4 * 0.5 * 7 / 14**2
    assert found.ratio == pytest.approx(5 / 14 / (1 + error))
    assert found.standard_error == pytest.approx(found.ratio * np.sqrt(1 / 5 + error) / (1 + error))


@pytest.mark.parametrize("effect", [1.0, 0.7])
def test_the_effect_is_found_at_sites_chosen_for_their_accidents(effect: float) -> None:
    rng = np.random.default_rng(1)
    mean = rng.gamma(2, 3 / 2, 40_000)
    before, after = rng.poisson(mean), rng.poisson(mean * effect)
    worst = before >= 7
    found = measure_effect(before[worst], 3, after[worst], 3, dispersion=2)
    assert abs(found.ratio - effect) < 3 * found.standard_error
    assert found.standard_error < 0.02
    assert after[worst].sum() / before[worst].sum() < 0.8 * effect


def test_rates_of_sections_and_junctions() -> None:
    assert section_exposure(10_000, length_km=2, years=5) == pytest.approx(0.365)
    assert junction_exposure([10_000, 0], years=2).tolist() == [7.3, 0]
    assert accident_rate([14.6, 3], junction_exposure([10_000, 0], years=2)) == pytest.approx([2, np.nan], nan_ok=True)


def test_the_critical_rate_falls_to_the_mean_with_traffic() -> None:
    assert critical_rate(1.0, [4.0]) == pytest.approx([1 + 1.6448536 / 2 + 1 / 8])
    rates = critical_rate(2.0, [0, 1, 10, 1e9])
    assert rates[0] == np.inf
    assert (np.diff(rates) < 0).all()
    assert rates[-1] == pytest.approx(2, abs=1e-3)
    assert critical_rate(1.0, [4.0], confidence=0.5) == pytest.approx([1 + 1 / 8])


def test_severe_accidents_count_as_many() -> None:
    assert equivalent_damage_only([1, 0], [2, 0], [3, 7]).tolist() == [542 + 22 + 3, 7]
    assert equivalent_damage_only(1, 1, 1, fatal_weight=12, injury_weight=3) == 16


def test_unfit_amounts_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="observed must be finite and not negative"):
        empirical_bayes([-1], [2], dispersion=1)
    with pytest.raises(InvalidInputError, match="dispersion must be finite and positive"):
        empirical_bayes([1], [2], dispersion=0)
    with pytest.raises(InvalidInputError, match="nothing to compare with"):
        measure_effect([1], [2], [0], [0], dispersion=1)
    with pytest.raises(InvalidInputError, match="as many of each"):
        accident_rate([1, 2, 3], [1, 2])
    with pytest.raises(InvalidInputError, match="confidence"):
        critical_rate(1, [1], confidence=1)
    with pytest.raises(InvalidInputError, match="vehicles_per_day"):
        predicted_accidents([np.nan], coefficient=1, exponent=1)
