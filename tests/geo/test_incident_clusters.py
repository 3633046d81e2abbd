"""Groups of incidents, outliers among cells, near repeats, as an analyst calls them."""

from __future__ import annotations

from typing import Any

import esda
import geopandas as gpd
import libpysal
import numpy as np
import pandas as pd
import pytest
import shapely
from sklearn.cluster import DBSCAN

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.safety.incident_clusters import incident_clusters, incident_outliers, near_repeat_bands

CRS = "EPSG:32635"


def incidents_at(xy: Any, **columns: Any) -> gpd.GeoDataFrame:
    points = shapely.points(np.asarray(xy, dtype=float).reshape(-1, 2))
    return gpd.GeoDataFrame(columns, geometry=points, crs=CRS)


def days(numbers: Any) -> pd.DatetimeIndex:
    return pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.asarray(numbers, dtype=float), unit="D")


@pytest.fixture
def city() -> gpd.GeoDataFrame:
    rng = np.random.default_rng(1)
    xy = np.concatenate([rng.uniform(0, 6000, (800, 2)), rng.normal((3000, 3000), 200, (300, 2))])
    return incidents_at(xy, occurred_at=days(rng.uniform(0, 100, 1100)))


@pytest.mark.filterwarnings("ignore")
def test_pysal_gives_the_same_local_moran(city: gpd.GeoDataFrame) -> None:
    cells = incident_outliers(city, cell_shape="square", cell_m=300, radius_m=650)
    centres = shapely.get_coordinates(cells.centroid.to_numpy())
    band = libpysal.weights.DistanceBand(centres, threshold=650.01, binary=True, silence_warnings=True)
    theirs = esda.Moran_Local(cells.value.to_numpy(), band, transformation="r", permutations=999, seed=1)
    assert cells.statistic.to_numpy() * (len(cells) - 1) / len(cells) == pytest.approx(theirs.Is)
    among_high = np.isin(theirs.q, (1, 2)) & (theirs.p_sim < 0.1)
    assert np.abs(cells.p.to_numpy() - theirs.p_sim)[among_high].max() < 0.03
    names = np.array(["", "HH", "LH", "LL", "HL"])[theirs.q]
    significant = cells.kind != "none"
    assert (cells.kind[significant] == names[significant]).all()


def test_a_crowd_is_high_among_high_and_seeds_repeat(city: gpd.GeoDataFrame) -> None:
    cells = incident_outliers(city)
    high = cells[cells.kind == "HH"]
    assert len(high)
    assert high.distance(shapely.Point(3000, 3000)).max() < 1200
    assert cells.equals(incident_outliers(city))
    assert (incident_outliers(city, fdr=False).kind != "none").sum() > (cells.kind != "none").sum()
    assert incident_outliers(city[:0]).empty
    assert "High among high" in frame_map(cells, incident_outliers.analysis.view).get_root().render()


def test_groups_are_those_of_scikit_learn(city: gpd.GeoDataFrame) -> None:
    found = incident_clusters(city, radius_m=150, least_incidents=12)
    label = DBSCAN(eps=150, min_samples=12).fit(city.get_coordinates()).labels_
    sizes = sorted(np.bincount(label[label >= 0]), reverse=True)
    assert found.incidents.tolist() == sizes
    assert found.cluster.tolist() == list(range(1, len(sizes) + 1))
    assert found.geometry[0].covers(shapely.Point(3000, 3000))
    assert found.area_m2.to_numpy() == pytest.approx(found.area)
    again = incident_clusters(city.sample(frac=1, random_state=2), radius_m=150, least_incidents=12)
    assert again.incidents.sum() == found.incidents.sum()


def test_groups_in_time_are_apart() -> None:
    crowd = incidents_at(np.zeros((6, 2)), occurred_at=[*days([0, 1, 2]), *days([50, 51]), pd.NaT])
    assert incident_clusters(crowd, least_incidents=2).incidents.tolist() == [6]
    found = incident_clusters(crowd, least_incidents=2, window_d=3)
    assert found.incidents.tolist() == [3, 2]
    assert found["first"].tolist() == ["2024-01-01", "2024-02-20"]
    assert found["last"].tolist() == ["2024-01-03", "2024-02-21"]
    assert found.geometry[0].area == pytest.approx(np.pi * 50**2, rel=0.01)
    years = crowd.assign(time_precision="year")
    assert incident_clusters(years, least_incidents=2)["last"].tolist() == ["2024"]
    severe = crowd.assign(severity="fatal")
    assert incident_clusters(severe, least_incidents=2, weigh_by="severity").value.tolist() == [6 * 542]


def test_no_group_is_an_empty_answer(city: gpd.GeoDataFrame) -> None:
    columns = ["cluster", "incidents", "value", "first", "last", "geometry", "area_m2"]
    for nothing in (
        incident_clusters(city[:3]),
        incident_clusters(city[:0]),
        incident_clusters(city[["geometry"]][:3]),
    ):
        assert nothing.empty
        assert list(nothing) == columns
        assert nothing.crs == CRS


def test_an_incident_is_soon_followed_nearby() -> None:
    rng = np.random.default_rng(4)
    first, when = rng.uniform(0, 20_000, (300, 2)), rng.uniform(0, 300, 300)
    xy = np.concatenate([first, first[:100] + rng.uniform(-40, 40, (100, 2))])
    some = incidents_at(xy, occurred_at=days(np.concatenate([when, when[:100] + 3])))
    found = near_repeat_bands(some, permutations=99)
    assert len(found) == 16
    nearest = found[(found.to_m == 100) & (found.to_d == 7)].iloc[0]
    assert nearest.observed >= 100
    assert nearest.ratio > 10
    assert nearest.p == 0.01
    assert found.equals(near_repeat_bands(some, permutations=99))
    assert "Pairs expected" in frame_map(found, near_repeat_bands.analysis.view).get_root().render()


def test_times_known_by_the_year_only_do_not_repeat() -> None:
    some = incidents_at([(0, 0), (1, 1), (2, 2)], occurred_at=days([0, 0, 0]), time_precision=["year", "day", None])
    found = near_repeat_bands(some, distances_m=(0, 10), days=(0, 1), permutations=19)
    assert found.observed.tolist() == [1]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda i: incident_outliers(i.to_crs(4326)), "metres"),
        (lambda i: incident_outliers(i, radius_m=100), "at least one cell"),
        (lambda i: incident_outliers(i, permutations=1), "permutations"),
        (lambda i: incident_outliers(i, category="theft"), "category 'theft': there are none known"),
        (lambda i: incident_clusters(i, least_incidents=1), "least_incidents"),
        (lambda i: incident_clusters(i.to_crs(4326)), "metres"),
        (lambda i: incident_clusters(i.assign(occurred_at="once"), window_d=3), "occurred_at must be"),
        (lambda i: near_repeat_bands(i[["geometry"]]), "at least 2 incidents of which the day is known"),
        (lambda i: near_repeat_bands(i, days=(7, 0)), "days must be at least 2 limits that rise"),
        (lambda i: near_repeat_bands(i, distances_m=(0,)), "distances_m"),
    ],
)
def test_what_is_wrong_is_named(city: gpd.GeoDataFrame, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(city)
