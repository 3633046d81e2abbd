"""Safety performance functions: statsmodels, and recovery of what was put in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

from geo.errors import InvalidInputError
from geo.safety.safety_performance import fit_safety_performance


def sites(count: int, seed: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    traffic, length = rng.lognormal(8, 0.8, count), rng.uniform(0.2, 3, count)
    mean = 0.0224 * traffic**0.564 * length * 3
    accidents = rng.poisson(rng.gamma(2.05 * length, mean / (2.05 * length)))
    return accidents, length, traffic


def test_the_published_function_is_recovered() -> None:
    """Sites drawn from the function of Hauer et al. 2002: 0.0224 ADT^0.564 a kilometre, phi 2.05 a kilometre."""
    accidents, length, traffic = sites(20_000, seed=1)
    found = fit_safety_performance(accidents, length_km=length, years=3, vehicles_per_day=traffic)
    assert found.exponent == pytest.approx(0.564, abs=0.02)
    assert found.dispersion_per_km == pytest.approx(2.05, rel=0.05)
    predicted = found.predict(length_km=1.8, years=1, vehicles_per_day=4000)
    assert float(predicted) == pytest.approx(0.0224 * 4000**0.564 * 1.8, rel=0.03)


@pytest.mark.parametrize("with_traffic", [True, False])
def test_statsmodels_gives_the_same(with_traffic: bool) -> None:
    """With sites of one length, the dispersion is that of the common negative binomial regression."""
    rng = np.random.default_rng(2)
    traffic = rng.lognormal(8, 0.8, 400)
    accidents = rng.poisson(rng.gamma(1.5, 0.001 * traffic / 1.5))
    design = np.column_stack([np.ones(400), np.log(traffic)][: 1 + with_traffic])
    theirs = sm.NegativeBinomial(accidents, design, exposure=np.full(400, 2.0)).fit(disp=False, method="newton")
    found = fit_safety_performance(
        accidents, length_km=np.ones(400), years=2, vehicles_per_day=traffic if with_traffic else None
    )
    assert np.log(found.coefficient) == pytest.approx(theirs.params[0], abs=1e-4)
    assert 1 / found.dispersion_per_km == pytest.approx(theirs.params[-1], rel=1e-3)
    if with_traffic:
        assert found.exponent == pytest.approx(theirs.params[1], abs=1e-5)


def test_order_and_units_of_time_do_not_matter() -> None:
    accidents, length, traffic = sites(300, seed=3)
    found = fit_safety_performance(accidents, length_km=length, years=3, vehicles_per_day=traffic)
    again = fit_safety_performance(accidents[::-1], length_km=length[::-1], years=6, vehicles_per_day=traffic[::-1])
    assert again.coefficient == pytest.approx(found.coefficient / 2, rel=1e-3)
    assert again.exponent == pytest.approx(found.exponent, abs=1e-4)


def test_sites_that_are_all_alike_are_as_good_as_poisson() -> None:
    found = fit_safety_performance(np.full(50, 3), length_km=np.ones(50), years=1)
    assert found.coefficient == pytest.approx(3, rel=1e-4)
    assert found.dispersion_per_km > 1e3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"accidents": [1, 2], "length_km": [1, 1], "years": 1}, "at least 3 sites"),
        ({"accidents": [0, 0, 0], "length_km": [1, 1, 1], "years": 1}, "one accident"),
        ({"accidents": [1, 0, 0], "length_km": [1, 0, 1], "years": 1}, "length_km must be finite and positive"),
        ({"accidents": [1, -1, 0], "length_km": [1, 1, 1], "years": 1}, "accidents must"),
        ({"accidents": [1, 1, 0], "length_km": [1, 1, 1], "years": 0}, "years"),
        (
            {"accidents": [1, 1, 0], "length_km": [1, 1, 1], "years": 1, "vehicles_per_day": [1, 2]},
            "vehicles_per_day must be 3",
        ),
    ],
)
def test_wrong_input_is_named(arguments: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        fit_safety_performance(arguments.pop("accidents"), **arguments)
