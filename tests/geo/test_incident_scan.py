"""Clusters by scanning, as an analyst calls them."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.safety.incident_scan import scan_clusters

CRS = "EPSG:32635"
COLUMNS = ["cluster", "significance", "observed", "expected", "relative_risk", "statistic", "p", "radius_m"]


@pytest.fixture
def people() -> gpd.GeoDataFrame:
    """A town of squares of 250 m with 100 people each."""
    cells = [shapely.box(x, y, x + 250, y + 250) for x in range(0, 5000, 250) for y in range(0, 5000, 250)]
    return gpd.GeoDataFrame({"total": [100] * len(cells)}, geometry=cells, crs=CRS)


@pytest.fixture
def incidents() -> gpd.GeoDataFrame:
    """Incidents all over the town, and a crowd of them within 200 m in the second month."""
    rng = np.random.default_rng(1)
    xy = np.concatenate([rng.uniform(0, 5000, (1200, 2)), rng.normal((2000, 3000), 150, (80, 2))])
    when = np.concatenate([rng.uniform(0, 120, 1200), rng.uniform(35, 42, 80)])
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(when, unit="D")
    return gpd.GeoDataFrame({"occurred_at": times}, geometry=shapely.points(xy), crs=CRS)


@pytest.mark.parametrize("model", ["population", "permutation"])
def test_a_crowd_is_found(incidents: gpd.GeoDataFrame, people: gpd.GeoDataFrame, model: str) -> None:
    found = scan_clusters(incidents, people, model=model, permutations=99)
    best = found.iloc[0]
    assert (best.significance, best.p) == ("significant", 0.01)
    assert best.geometry.covers(shapely.Point(2000, 3000))
    assert best.relative_risk > 2
    assert (found.p.diff().dropna() >= 0).all()
    inside = incidents.geometry.within(best.geometry)
    if model == "permutation":
        assert best["first"] < "2024-02-10" < best["last"]
        inside &= incidents.occurred_at.dt.strftime("%Y-%m-%d").between(best["first"], best["last"])
    assert best.observed <= inside.sum() * 1.3
    again = scan_clusters(incidents.sample(frac=1, random_state=1), people.to_crs(4326), model=model, permutations=99)
    assert again.observed[0] == best.observed
    assert "May be chance" in frame_map(found, scan_clusters.analysis.view).get_root().render()


def test_few_incidents_have_few_clusters(incidents: gpd.GeoDataFrame, people: gpd.GeoDataFrame) -> None:
    for nothing in (
        scan_clusters(incidents[:0], people, model="population"),
        scan_clusters(incidents[:0]),
        scan_clusters(incidents.assign(time_precision="year")),
    ):
        assert nothing.empty
        assert list(nothing) == [*COLUMNS, "first", "last", "geometry"]
        assert nothing.crs == CRS
    one = scan_clusters(incidents[:1], people, model="population")
    assert (len(one), one.observed[0]) == (1, 1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda i, p: scan_clusters(i.to_crs(4326)), "metres"),
        (lambda i, p: scan_clusters(i, model="population"), "the layer population is not there"),
        (lambda i, p: scan_clusters(i, p.assign(total=-1), model="population"), "total must be"),
        (lambda i, p: scan_clusters(i, step="year"), "in one year: take shorter steps"),
        (lambda i, p: scan_clusters(i, cell_m=100, radius_m=3000, permutations=9999), "windows are too many"),
        (lambda i, p: scan_clusters(i, model="guess"), "model"),
    ],
)
def test_what_is_wrong_is_named(incidents: Any, people: Any, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(incidents, people)
