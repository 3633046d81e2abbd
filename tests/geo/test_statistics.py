"""Weights, autocorrelation and what goes with them: published numbers, PySAL, and what must always hold."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import esda
import geopandas as gpd
import libpysal
import numpy as np
import pytest
from esda.smoothing import Empirical_Bayes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from shapely import Point, box

from geo.errors import InvalidInputError
from geo.statistics.autocorrelation import geary, getis_ord, getis_ord_general, join_counts, local_moran, moran
from geo.statistics.inference import adjusted_p, empirical_bayes_rates, permuted_p, standardised_rates
from geo.statistics.weights import contiguity, distance_band, k_nearest, row_standardised

ORD_XY = [(10, 10), (20, 10), (40, 10), (15, 20), (30, 20), (30, 30)]
ORD_VALUES = [2, 3, 3.2, 5, 8, 7]


@pytest.fixture(scope="module")
def columbus() -> gpd.GeoDataFrame:
    return gpd.read_file(libpysal.examples.get_path("columbus.shp"))


@pytest.fixture(scope="module")
def neighbours(columbus: gpd.GeoDataFrame) -> csr_array:
    return row_standardised(contiguity(columbus))


def pysal(weights: csr_array) -> Any:
    """Return binary weights as PySAL's."""
    return libpysal.weights.W({row: weights[[row]].indices.tolist() for row in range(weights.shape[0])})


def random_places(count: int = 150) -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    return rng.uniform(0, 1000, (count, 2)), rng.poisson(3, count).astype(float)


def test_gi_of_ord_and_getis() -> None:
    gi = getis_ord(ORD_VALUES, distance_band(ORD_XY, radius_m=15))
    assert gi.z == pytest.approx([-1.0136729, -0.0436159, 1.3155870, -0.3141268, 1.1537399, 1.7783394], abs=1e-7)
    assert gi.p[5] == pytest.approx(math.erfc(1.7783394 / math.sqrt(2)), abs=1e-6)


def test_gi_star_of_ord_and_getis() -> None:
    gi = getis_ord(ORD_VALUES, distance_band(ORD_XY, radius_m=15, include_self=True), star=True)
    assert gi.z == pytest.approx([-1.3972763, -0.2891776, 0.6506496, -0.2891776, 1.2345209, 2.0242433], abs=1e-7)


def test_the_general_g_of_ord_and_getis() -> None:
    assert getis_ord_general(ORD_VALUES, distance_band(ORD_XY, radius_m=15)) == pytest.approx(0.5570978, abs=1e-7)


def test_moran_of_columbus(columbus: gpd.GeoDataFrame, neighbours: csr_array) -> None:
    assert neighbours.nnz == 236
    found = moran(columbus.CRIME, neighbours)
    assert (found.statistic, found.expected) == pytest.approx((0.5001886, -0.0208333), abs=1e-7)
    assert (found.z_normal, found.z_randomised) == pytest.approx((5.6303128, 5.5893827), abs=1e-6)


def test_local_moran_of_columbus(columbus: gpd.GeoDataFrame, neighbours: csr_array) -> None:
    found = local_moran(columbus.CRIME, neighbours)
    assert found.statistic[:5] == pytest.approx([0.736818, 0.528777, 0.093851, 0.004821, 0.303606], abs=1e-6)
    assert found.statistic.mean() == pytest.approx(0.5001886, abs=1e-7)
    quadrants, counts = np.unique(found.quadrant, return_counts=True)
    assert dict(zip(quadrants.tolist(), counts.tolist(), strict=True)) == {"HH": 21, "HL": 3, "LH": 5, "LL": 20}


@pytest.mark.filterwarnings("ignore")
def test_pysal_gives_the_same_global_statistics(columbus: gpd.GeoDataFrame, neighbours: csr_array) -> None:
    w = pysal(contiguity(columbus))
    theirs = esda.Geary(columbus.CRIME.to_numpy(), w, permutations=0)
    ours = geary(columbus.CRIME, neighbours)
    assert (ours.statistic, ours.z_normal, ours.z_randomised) == pytest.approx((theirs.C, theirs.z_norm, theirs.z_rand))
    high = columbus.CRIME.gt(columbus.CRIME.median()).to_numpy().astype(int)
    joins = esda.Join_Counts(high, pysal(contiguity(columbus)), permutations=0)
    counted = join_counts(high, contiguity(columbus))
    assert (counted.both, counted.neither, counted.mixed) == (joins.bb, joins.ww, joins.bw)
    assert counted.expected_both + counted.expected_neither + counted.expected_mixed == pytest.approx(118)


@pytest.mark.filterwarnings("ignore")
def test_pysal_gives_the_same_local_statistics() -> None:
    xy, values = random_places()
    plain = distance_band(xy, radius_m=120)
    linked = np.flatnonzero(plain.sum(axis=1))
    plain, values, xy = plain[linked][:, linked], values[linked], xy[linked]
    theirs = esda.G_Local(values, pysal(plain), transform="B", permutations=0)
    assert getis_ord(values, plain).z == pytest.approx(theirs.Zs)
    starred = esda.G_Local(values, pysal(plain), transform="B", permutations=0, star=True)
    ours = getis_ord(values, distance_band(xy, radius_m=120, include_self=True), star=True)
    assert ours.z == pytest.approx(starred.Zs)


@pytest.mark.filterwarnings("ignore")
def test_permutations_find_what_pysal_finds() -> None:
    xy, _ = random_places(400)
    values = xy[:, 0] + np.random.default_rng(4).normal(0, 400, 400)
    weights = k_nearest(xy, k=6)
    theirs = esda.Moran_Local(values, pysal(weights), permutations=4999, seed=1).p_sim
    ours = permuted_p(values, row_standardised(weights), permutations=4999, seed=2)
    assert np.abs(ours - theirs).max() < 0.04
    assert np.corrcoef(ours, theirs)[0, 1] > 0.995


def test_permutations_agree_with_all_arrangements_of_a_small_map() -> None:
    values = np.array([9.0, 7.0, 1.0, 2.0, 0.0])
    weights = csr_array(np.array([[0, 1, 0, 0, 0], [1, 0, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 1, 0, 1], [0, 0, 1, 1, 0]]))
    p = permuted_p(values, weights, permutations=20_000, seed=1)
    exact = [1 / 4, 1 / 2, 1 / 2, 1 / 6, 1 / 6]
    lag = weights @ values
    for place in range(5):
        others = np.delete(values, place)
        count = weights[[place]].nnz
        sums = others if count == 1 else [others[[a, b]].sum() for a in range(4) for b in range(a)]
        sums = [others.sum() - each for each in others] if count == 3 else sums
        exact[place] = min(np.mean(np.array(sums) >= lag[place]), np.mean(np.array(sums) <= lag[place]))
    assert p == pytest.approx(exact, abs=0.015)


def test_permutations_repeat_with_their_seed_and_know_no_lonely_place() -> None:
    xy, values = random_places()
    xy[0] = (9e6, 9e6)
    weights = distance_band(xy, radius_m=150, include_self=True)
    first = permuted_p(values, weights, permutations=99, seed=7)
    assert np.array_equal(first, permuted_p(values, weights, permutations=99, seed=7), equal_nan=True)
    assert np.isnan(first[0])
    assert np.nanmin(first) >= 1 / 100


@given(st.permutations(range(30)), st.floats(0.1, 50), st.floats(-100, 100))
@settings(max_examples=25, deadline=None)
def test_order_and_unit_do_not_matter(order: list[int], scale: float, shift: float) -> None:
    xy, values = random_places(30)
    weights = k_nearest(xy, k=4)
    changed = row_standardised(k_nearest(xy[order], k=4))
    assert getis_ord(values[order] * scale + shift, changed).z == pytest.approx(getis_ord(values, weights).z[order])
    one, other = (moran(v, w) for v, w in ((values, row_standardised(weights)), (values[order] * scale, changed)))
    assert other.z_randomised == pytest.approx(one.z_randomised)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0.01, 0.5))
@settings(max_examples=50, deadline=None)
def test_adjusted_p_rejects_what_the_step_up_procedure_rejects(p: list[float], q: float) -> None:
    ordered = np.sort(p)
    passing = np.flatnonzero(ordered * len(p) / np.arange(1, len(p) + 1) <= q)
    rejected = int(passing[-1]) + 1 if len(passing) else 0
    assert np.count_nonzero(adjusted_p(p) <= q) == rejected
    assert (adjusted_p(p) >= np.array(p) * (1 - 1e-12)).all()


def test_adjusted_p_rejects_what_pysal_rejects() -> None:
    p = np.random.default_rng(1).uniform(0, 1, 200) ** 4
    assert np.array_equal(adjusted_p(p) <= 0.05, p <= esda.fdr(p, 0.05))
    assert np.isnan(adjusted_p([0.01, np.nan])).tolist() == [False, True]
    assert adjusted_p([0.01, np.nan])[0] == 0.01


@pytest.mark.filterwarnings("ignore")
def test_empirical_bayes_rates_of_north_carolina_as_pysal_has_them() -> None:
    counties = gpd.read_file(libpysal.examples.get_path("sids2.shp"))
    theirs = Empirical_Bayes(counties.SID74.to_numpy(float), counties.BIR74.to_numpy(float)).r.ravel()
    ours = empirical_bayes_rates(counties.SID74, counties.BIR74)
    assert ours == pytest.approx(theirs)
    raw = counties.SID74 / counties.BIR74
    assert (np.abs(ours - ours.mean()) <= np.abs(raw - ours.mean()) + 1e-3).all()


def test_the_empirical_bayes_index_of_north_carolina() -> None:
    """PySAL's documentation: I = 0.1662 with p = 0.0042, one-sided, and quadrants as in GeoDa."""
    counties = gpd.read_file(libpysal.examples.get_path("sids2.shp"))
    with contextlib.closing(libpysal.io.open(libpysal.examples.get_path("sids2.gal"))) as file:
        links = file.read()
    links.transform = "r"
    weights, rates = csr_array(links.sparse), standardised_rates(counties.SID79, counties.BIR79)
    assert moran(rates, weights).statistic == pytest.approx(0.1662, abs=5e-5)
    assert moran(rates, weights).p_normal / 2 == pytest.approx(0.0042, abs=5e-5)
    assert local_moran(rates, weights).quadrant[:10].tolist() == [
        "LH",
        "HL",
        "LL",
        "HH",
        "LH",
        "HH",
        "HH",
        "HL",
        "LH",
        "HL",
    ]
    assert rates == pytest.approx(esda.smoothing.assuncao_rate(counties.SID79.to_numpy(), counties.BIR79.to_numpy()))
    for events, people in (([0, 0], [1, 2]), ([1, 0], [5, 0])):
        with pytest.raises(InvalidInputError, match="people live in every area, and something happened"):
            standardised_rates(events, people)


def test_empirical_bayes_rates_without_people_or_events() -> None:
    assert empirical_bayes_rates([0, 0], [10, 0]).tolist() == [0, 0]
    assert empirical_bayes_rates([1, 10, 0], [10, 1000, 0])[2] == pytest.approx(11 / 1010)
    with pytest.raises(InvalidInputError, match="nobody at risk"):
        empirical_bayes_rates([1, 1], [0, 5])


def test_neighbours_of_duplicates_and_lone_places() -> None:
    band = distance_band([(0, 0), (0, 0), (3, 4), (99, 99)], radius_m=5)
    assert band.toarray().tolist() == [[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    nearest = k_nearest([(0, 0)] * 4, k=2)
    assert nearest.sum(axis=1).tolist() == [2, 2, 2, 2]
    assert not nearest.diagonal().any()


def test_rook_needs_a_common_border_and_queen_a_common_point() -> None:
    squares = gpd.GeoSeries([box(x, y, x + 1, y + 1) for x in range(3) for y in range(3)])
    assert contiguity(squares).sum(axis=1).tolist() == [3, 5, 3, 5, 8, 5, 3, 5, 3]
    assert contiguity(squares, rule="rook").sum(axis=1).tolist() == [2, 3, 2, 3, 4, 3, 2, 3, 2]


def test_places_without_a_statistic_have_none() -> None:
    weights = distance_band([(0, 0), (1, 0), (2, 0), (50, 0)], radius_m=5)
    gi = getis_ord([1, 2, 4, 3], weights)
    assert np.isnan(gi.z).tolist() == [False, False, False, True]
    assert local_moran([1, 2, 4, 3], weights).quadrant[3] == ""
    everywhere = distance_band([(0, 0), (1, 0), (2, 0)], radius_m=5, include_self=True)
    assert np.isnan(getis_ord([1, 2, 4], everywhere, star=True).z).all()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1, 1, 1, 1], "every value is 1"),
        ([1, 2, np.nan, 4], "place 2"),
        ([1, 2], "do not suit"),
        ([[1, 2], [3, 4]], "do not suit"),
    ],
)
def test_unfit_values_are_refused(values: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        getis_ord(values, distance_band([(0, 0), (1, 0), (2, 0), (3, 0)], radius_m=1))


def test_unfit_weights_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="include_self"):
        getis_ord(ORD_VALUES, distance_band(ORD_XY, radius_m=15), star=True)
    with pytest.raises(InvalidInputError, match="without include_self"):
        getis_ord(ORD_VALUES, distance_band(ORD_XY, radius_m=15, include_self=True))
    with pytest.raises(InvalidInputError, match="no place has a neighbour"):
        moran(ORD_VALUES, distance_band(ORD_XY, radius_m=1))
    with pytest.raises(InvalidInputError, match="place 1"):
        distance_band([(0, 0), (np.nan, 1)], radius_m=1)
    with pytest.raises(InvalidInputError, match="k must be from 1 to 5"):
        k_nearest(ORD_XY, k=6)
    with pytest.raises(InvalidInputError, match="no geometry"):
        contiguity(gpd.GeoSeries([Point(0, 0).buffer(1), None]))
