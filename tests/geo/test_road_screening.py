"""Screening of roads and the effect of measures, as an analyst calls them."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.networks.network import Network
from geo.safety.road_measures import effect_of_measure
from geo.safety.road_safety import critical_rate, empirical_bayes, section_exposure
from geo.safety.road_screening import road_screening
from geo.safety.safety_performance import fit_safety_performance

CRS = "EPSG:32635"
LENGTHS = np.linspace(400, 2000, 40)


def roads(**columns: Any) -> gpd.GeoDataFrame:
    """Return 40 parallel roads, 1 km apart, of rising length."""
    lines = [shapely.LineString([(0, 1000 * n), (length, 1000 * n)]) for n, length in enumerate(LENGTHS)]
    index = [f"road {n}" for n in range(40)]
    return gpd.GeoDataFrame({"road_class": "primary", "name": index} | columns, geometry=lines, index=index, crs=CRS)


def accidents(counts: Any, years: Any = (2020, 2021), **columns: Any) -> gpd.GeoDataFrame:
    """Return so many accidents on each road, 5 m beside it, spread over some years."""
    row = np.repeat(np.arange(40), counts)
    xy = np.column_stack([np.linspace(1, 399, len(row)), 1000.0 * row + 5])
    when = pd.to_datetime([f"{years[each % len(years)]}-07-01" for each in range(len(row))], utc=True)
    return gpd.GeoDataFrame(
        {"occurred_at": when, "time_precision": "year", "severity": "damage"} | columns,
        geometry=shapely.points(xy),
        crs=CRS,
    )


@pytest.fixture
def counts() -> Any:
    rng = np.random.default_rng(1)
    return rng.poisson(rng.gamma(2, LENGTHS / 1000 * 3 / 2))


def test_estimates_are_those_of_the_kernels(counts: Any) -> None:
    given = roads()
    found = road_screening(Network.from_roads(given), given, accidents(counts))
    assert found.accidents.sum() == counts.sum()
    assert set(found.index) == {f"road {n}" for n in np.flatnonzero(counts)}
    assert (found.excess.diff().dropna() <= 0).all()
    fitted = fit_safety_performance(counts, length_km=LENGTHS / 1000, years=2)
    predicted = fitted.predict(length_km=LENGTHS / 1000, years=2)
    expected = empirical_bayes(counts, predicted, dispersion=fitted.dispersion_per_km * LENGTHS / 1000)
    at = [int(name.split()[1]) for name in found.index]
    assert found.expected.to_numpy() == pytest.approx(expected.expected[at] / 2)
    assert found.excess.to_numpy() == pytest.approx(expected.excess[at] / 2)
    exposure = LENGTHS / 1000 * 2
    critical = critical_rate(counts.sum() / exposure.sum(), exposure)
    assert (found.above_critical == (counts / exposure > critical)[at]).all()
    assert found.rate.isna().all()
    assert found.length_m.to_numpy() == pytest.approx(LENGTHS[at])
    assert "Excess" in frame_map(found, road_screening.analysis.view).get_root().render()


def test_traffic_gives_rates(counts: Any) -> None:
    traffic = np.linspace(2000, 20_000, 40)
    given = roads(vehicles_per_day=traffic)
    found = road_screening(Network.from_roads(given), given, accidents(counts), years=2)
    at = [int(name.split()[1]) for name in found.index]
    exposure = section_exposure(traffic, length_km=LENGTHS / 1000, years=2)
    assert found.rate.to_numpy() == pytest.approx((counts / exposure)[at])
    assert found.critical.to_numpy() == pytest.approx(critical_rate(counts.sum() / exposure.sum(), exposure)[at])
    gap = roads(vehicles_per_day=np.append(traffic[:-1], np.nan))
    assert road_screening(Network.from_roads(gap), gap, accidents(counts), years=2).rate.notna().any()


def test_severity_weighs_and_order_does_not_matter(counts: Any) -> None:
    given = roads()
    severity = np.resize(["fatal", "injury", "damage", None], counts.sum())
    some = accidents(counts, severity=severity)
    network = Network.from_roads(given)
    found = road_screening(network, given, some)
    assert found.epdo.sum() == 542 * (severity == "fatal").sum() + 11 * (severity == "injury").sum() + sum(
        each not in ("fatal", "injury") for each in severity
    )
    again = road_screening(network, given, some.sample(frac=1, random_state=1).to_crs(4326))
    pd.testing.assert_frame_equal(
        again.drop(columns="geometry").sort_index(), found.drop(columns="geometry").sort_index()
    )
    assert road_screening(network, given, some[:0]).empty
    assert road_screening(network, given, some, snap_max_m=1).empty


def test_few_roads_of_a_class_are_taken_together(counts: Any) -> None:
    given = roads(road_class=["primary"] * 36 + ["secondary", "tertiary", "tertiary", None])
    found = road_screening(Network.from_roads(given), given, accidents(counts))
    assert len(found) == (counts > 0).sum()
    assert np.isfinite(found.expected).all()


def test_the_worst_sites_improve_without_any_measure() -> None:
    """Regression to the mean: sites chosen for their accidents have fewer after, and no effect is claimed."""
    rng = np.random.default_rng(2)
    mean = rng.gamma(2, LENGTHS / 1000 * 6 / 2)
    before, after = rng.poisson(mean), rng.poisson(mean)
    given = roads()
    some = pd.concat([accidents(before), accidents(after, years=(2023, 2024))], ignore_index=True)
    worst = np.argsort(before / LENGTHS)[-8:]
    at = gpd.GeoSeries(shapely.points([(200, 1000.0 * n) for n in worst]), crs=CRS)
    arguments = {"last_before": "2021-12-31", "first_after": "2023-01-01"}
    found = effect_of_measure(Network.from_roads(given), given, some, at, **arguments)
    assert found.before.sum() == before[worst].sum()
    assert found.after.sum() == after[worst].sum()
    assert found.expected.sum() < before[worst].sum()
    naive = after[worst].sum() / before[worst].sum()
    assert naive < found.ratio_all.iloc[0]
    assert set(found.effect) == {"unclear"}
    helped = pd.concat([accidents(before), accidents(np.where(np.isin(np.arange(40), worst), 0, after), (2023, 2024))])
    assert set(effect_of_measure(Network.from_roads(given), given, helped, at, **arguments).effect) == {"less"}
    nothing = effect_of_measure(Network.from_roads(given), given, helped, at[[np.argmin(before[worst])]], **arguments)
    assert (nothing.after.iloc[0], nothing.effect.iloc[0]) == (
        0,
        "unclear" if nothing.expected.iloc[0] < 3.6 else "less",
    )
    assert "Not proved" in frame_map(found, effect_of_measure.analysis.view).get_root().render()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n, r, a: road_screening(n, r, a.set_crs(None, allow_override=True)), "incidents must have a CRS"),
        (lambda n, r, a: road_screening(n, r, a.drop(columns="occurred_at")), "give the years"),
        (lambda n, r, a: road_screening(n, r, a, confidence=1), "confidence"),
        (lambda n, r, a: effect_of_measure(n, r, a, [[0, 0]], "2020-12-31", "2021-01-01"), "farther than 50 m"),
        (lambda n, r, a: effect_of_measure(n, r, a, a[:1], "2021-12-31", "2021-01-01"), "must be before"),
        (lambda n, r, a: effect_of_measure(n, r, a, a[:1], "2021-12-31", "2022-01-01"), "both before and after"),
        (lambda n, r, a: effect_of_measure(n, r, a, a, "2020-12-31", "2021-01-01"), "too few other roads"),
        (lambda n, r, a: effect_of_measure(n, r, a, a[:1], "soon", "2021-01-01"), "last_before"),
    ],
)
def test_what_is_wrong_is_named(counts: Any, call: Any, says: str) -> None:
    given = roads()
    with pytest.raises(InvalidInputError, match=says):
        call(Network.from_roads(given), given, accidents(np.maximum(counts, 1)))
