"""How long reports take: by hand, by statsmodels, and on Minsk's real reports."""

from __future__ import annotations

import itertools
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from statsmodels.duration.survfunc import SurvfuncRight

from geo.errors import InvalidInputError
from geo.feedback import time_to_close
from geo.maps import frame_map
from layers.settings import get_settings

CRS = "EPSG:32635"
MINSK = get_settings().data / "minsk_115/minsk_115_reports_2015-11_2019-06.csv.gz"


def reports(**columns: Any) -> gpd.GeoDataFrame:
    """Return reports in a row, 10 m apart."""
    count = len(next(iter(columns.values())))
    return gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy(np.arange(count) * 10.0, np.zeros(count)), crs=CRS)


def districts(*limits: float, **columns: Any) -> gpd.GeoDataFrame:
    boxes = [shapely.box(west, -5, east, 5) for west, east in itertools.pairwise(limits)]
    return gpd.GeoDataFrame({"name": [f"district {n}" for n in range(len(boxes))]} | columns, geometry=boxes, crs=CRS)


def days(*numbers: float | None) -> list[Any]:
    start = pd.Timestamp("2024-01-01", tz="UTC")
    return [pd.NaT if each is None else start + pd.Timedelta(days=each) for each in numbers]


def test_open_reports_count_as_lasting_still() -> None:
    some = reports(opened_at=days(0, 0, 0, 0, 10), closed_at=days(2, 4, None, None, 20), organisation=list("aaaab"))
    found = time_to_close(some, by="organisation", least_reports=1, norm_d=3)
    assert found.name.tolist() == ["b", "a"]
    first = found.set_index("name").loc["a"]
    assert (first.reports, first.open, first.median_d, first.within_norm) == (4, 2, 4, 0.25)
    assert np.isnan(first.p90_d)
    assert first.geometry.equals(shapely.Point(15, 0))
    assert set(found.estimate) == {"kaplan-meier"}


def test_statsmodels_gives_the_same_median() -> None:
    rng = np.random.default_rng(1)
    opened, lasts = rng.uniform(0, 100, 500), rng.exponential(30, 500)
    closed = np.where(opened + lasts < 100, opened + lasts, np.nan)
    some = reports(opened_at=days(*opened), closed_at=days(*(None if np.isnan(each) else each for each in closed)))
    found = time_to_close(some, districts(-5, 6000), norm_d=30)
    last = np.nanmax(np.concatenate([opened, closed]))
    theirs = SurvfuncRight(np.where(np.isnan(closed), last, closed) - opened, ~np.isnan(closed))
    assert found.median_d[0] == pytest.approx(theirs.quantile(0.5))
    assert found[["median_low_d", "median_high_d"]].iloc[0].tolist() == pytest.approx(
        theirs.quantile_ci(0.5, method="cloglog")
    )
    naive = np.nanmedian(closed - opened)
    assert naive < found.median_d[0]
    shuffled = time_to_close(some.sample(frac=1, random_state=1), districts(-5, 6000), norm_d=30)
    pd.testing.assert_frame_equal(shuffled.drop(columns="geometry"), found.drop(columns="geometry"))


def test_a_report_that_closed_nobody_knows_when_is_neither_open_nor_left_out() -> None:
    status = ["done", "done", "open", "open", "done", "done"]
    some = reports(opened_at=days(0, 0, 8, 9, 9, 10), closed_at=days(*[None] * 6), status=status, category=["x"] * 6)
    found = time_to_close(some, by="category", least_reports=1)
    assert found.estimate.tolist() == ["current status"]
    assert (found.open[0], found.median_d[0]) == (2, 0)
    mixed = some.assign(closed_at=days(3, None, None, None, 9.4, None))
    assert time_to_close(mixed, by="category", least_reports=1).estimate.tolist() == ["doubly censored"]


def test_what_is_promised_and_what_is_overdue() -> None:
    some = reports(
        opened_at=days(0, 0, 0, 0), closed_at=days(1, 30, None, None), due_at=days(5, 10, 20, None), category=["x"] * 4
    )
    promised = time_to_close(some, by="category", until="due", least_reports=1)
    assert (promised.reports[0], promised.median_d[0], promised.overdue[0]) == (3, 10, 1)
    assert time_to_close(some, by="category", least_reports=1).overdue[0] == 1
    early = time_to_close(some, by="category", least_reports=1, last_day="2024-01-10").iloc[0]
    assert (early.open, early.overdue, early.reports) == (3, 0, 4)


def test_districts_hold_their_reports() -> None:
    some = reports(opened_at=days(0, 0, 0, 0), closed_at=days(1, 2, 3, 4))
    areas = districts(-5, 15, 100, 200, admin_level=[6, 6, 8])
    found = time_to_close(some, areas, least_reports=1)
    assert found.set_index("name").reports.to_dict() == {"district 0": 2, "district 1": 2}
    assert found.set_index("name").median_d.to_dict() == {"district 0": 1, "district 1": 3}
    assert found.geometry.geom_type.tolist() == ["Polygon", "Polygon"]
    assert time_to_close(some, areas, least_reports=1, admin_level=8).empty
    assert "Median" in frame_map(found, time_to_close.analysis.view).get_root().render()
    assert time_to_close(some, areas).empty


def test_what_cannot_be_is_left_out() -> None:
    some = reports(opened_at=days(5, None, 5, 5), closed_at=days(4, 6, None, 9), category=["x", "x", "x", None])
    some.loc[4] = [*days(1, 2), "x", None]
    found = time_to_close(some, by="category", least_reports=1)
    assert (found.reports.tolist(), found.open.tolist()) == ([1], [1])


@pytest.mark.skipif(not MINSK.is_file(), reason="Minsk's reports are in the data folder, which isn't there")
def test_the_reports_of_minsk() -> None:
    """No closing times were published, only whether a report was done on the last day: 5 is done, 4 and 7 are not."""
    table = pd.read_csv(MINSK)
    places = gpd.points_from_xy(table.lng, table.lat)
    some = gpd.GeoDataFrame(
        {
            "opened_at": pd.to_datetime(table.opened, utc=True),
            "due_at": pd.to_datetime(table.planned, utc=True),
            "status": np.where(table.status == 5, "done", "open"),
            "organisation": table.organisation_id.astype(str),
        },
        geometry=places,
        crs=4326,
    )
    found = time_to_close(some, by="organisation", least_reports=500)
    assert set(found.estimate) == {"current status"}
    assert found.reports.sum() < len(some)
    assert found.open.sum() == (some.status.eq("open") & some.organisation.isin(found.name)).sum()
    assert found.within_norm.dropna().between(0, 1).all()
    promised = time_to_close(some, by="organisation", until="due", least_reports=500).set_index("name")
    lag = (some.due_at - some.opened_at).dt.days.groupby(some.organisation)
    assert promised.median_d.to_dict() == lag.quantile(0.5, interpolation="lower")[promised.index].to_dict()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda r: time_to_close(r), "the layer districts is not there"),
        (lambda r: time_to_close(r, districts(0, 1, admin_level=[6]), admin_level=9), "no district has the level 9"),
        (lambda r: time_to_close(r.drop(columns="opened_at"), by="category"), "opened_at is known"),
        (lambda r: time_to_close(r, by="category", until="due"), "due_at is known"),
        (lambda r: time_to_close(r.assign(opened_at="soon"), by="category"), "opened_at must be dates"),
        (lambda r: time_to_close(r, by="category", only_category="y"), "category 'y': there are x"),
        (lambda r: time_to_close(r, by="mayor"), "by"),
        (lambda r: time_to_close(r, by="category", last_day="yesterday"), "last_day"),
        (lambda r: time_to_close(r.set_geometry(r.buffer(1)), by="category"), "must be points"),
    ],
)
def test_what_is_wrong_is_named(call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(reports(opened_at=days(0, 1), category=["x", "x"]))
