"""Analyses of public safety, as an analyst calls them."""

from __future__ import annotations

from typing import Any

import esda
import geopandas as gpd
import libpysal
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString
from street_map import draw

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.networks.network import Network
from geo.safety.hot_spots import hot_spots, incident_density
from geo.statistics.grid import Grid

CRS = "EPSG:32635"


def incidents_at(xy: Any, **columns: Any) -> gpd.GeoDataFrame:
    points = shapely.points(np.asarray(xy, dtype=float).reshape(-1, 2))
    return gpd.GeoDataFrame(columns, geometry=points, crs=CRS)


@pytest.fixture
def city() -> gpd.GeoDataFrame:
    rng = np.random.default_rng(1)
    spread = rng.uniform(0, 6000, (800, 2))
    crowd = rng.normal((3000, 3000), 200, (300, 2))
    return incidents_at(np.concatenate([spread, crowd]))


def test_a_crowd_of_incidents_is_a_hot_spot(city: gpd.GeoDataFrame) -> None:
    cells = hot_spots(city)
    assert list(cells) == ["incidents", "value", "z", "p", "p_adjusted", "hot_spot", "geometry"]
    assert cells.incidents.sum() == len(city)
    hot = cells[cells.hot_spot == "hot 99"]
    assert hot.distance(shapely.Point(3000, 3000)).max() < 1000
    assert cells.z.idxmax() in hot.index
    assert cells.crs == CRS


@pytest.mark.parametrize("shape", ["hexagon", "square"])
def test_cells_do_not_overlap_and_hold_their_incidents(city: gpd.GeoDataFrame, shape: str) -> None:
    cells = hot_spots(city, cell_shape=shape)
    assert cells.union_all().area == pytest.approx(cells.area.sum(), rel=1e-6)
    joined = gpd.sjoin(city, cells, predicate="within")
    assert joined.groupby("index_right").size().to_dict() == cells.incidents[cells.incidents > 0].to_dict()


@pytest.mark.filterwarnings("ignore")
def test_pysal_gives_the_same_scores(city: gpd.GeoDataFrame) -> None:
    cells = hot_spots(city, cell_shape="square", cell_m=200, radius_m=450)
    centres = shapely.get_coordinates(cells.centroid.to_numpy())
    band = libpysal.weights.DistanceBand(centres, threshold=450.01, binary=True, silence_warnings=True)
    theirs = esda.G_Local(cells.value.to_numpy(), band, transform="B", permutations=0, star=True)
    assert cells.z.to_numpy() == pytest.approx(theirs.Zs)


def test_the_correction_leaves_fewer_cells(city: gpd.GeoDataFrame) -> None:
    corrected, plain = hot_spots(city), hot_spots(city, fdr=False)
    assert 0 < (corrected.hot_spot != "none").sum() < (plain.hot_spot != "none").sum()
    assert ((plain.hot_spot != "none") == (plain.p <= 0.10)).all()
    assert (plain[plain.hot_spot.str.startswith("cold")].z < 0).all()


@given(st.permutations(range(60)), st.integers(1, 5))
@settings(max_examples=10, deadline=None)
def test_order_and_multiples_do_not_matter(order: list[int], times: int) -> None:
    xy = np.random.default_rng(2).normal(0, 600, (60, 2))
    once, more = hot_spots(incidents_at(xy)), hot_spots(incidents_at(np.repeat(xy[order], times, axis=0)))
    assert more.z.to_numpy() == pytest.approx(once.z.to_numpy())
    assert more.incidents.tolist() == (once.incidents * times).tolist()


def test_severity_and_casualties_weigh() -> None:
    where = [(0, 0), (0, 0), (0, 0), (5000, 0)]
    some = incidents_at(where, severity=["fatal", "injury", None, "damage"], casualties=[2, None, 1, 4])
    assert sorted(hot_spots(some, weigh_by="severity").query("incidents > 0").value) == [1, 542 + 11 + 1]
    assert sorted(hot_spots(some, weigh_by="casualties").query("incidents > 0").value) == [3, 4]


def test_only_incidents_between_two_days_count() -> None:
    times = pd.to_datetime(["2020-01-01T00:00", "2020-01-31T23:30", "2020-02-01T00:00", None], utc=True)
    frame = incidents_at([[0, 0], [0, 0], [5000, 0], [0, 0]], occurred_at=times)
    january = {"since": "2020-01-01", "until": "2020-01-31"}
    assert hot_spots(frame, **january).incidents.sum() == 2
    assert hot_spots(frame, since="2020-01-02").incidents.sum() == 2
    assert hot_spots(frame).incidents.sum() == 4
    assert hot_spots(frame, until="2019-12-31").empty
    with pytest.raises(InvalidInputError, match="since, 2020-01-02, must not be after until, 2020-01-01"):
        hot_spots(frame, since="2020-01-02", until="2020-01-01")


def test_few_incidents_have_few_cells_however_far_apart() -> None:
    assert hot_spots(incidents_at([])).empty
    assert len(hot_spots(incidents_at([(0, 0)]))) == 19
    assert set(hot_spots(incidents_at([(0, 0)])).hot_spot) == {"none"}
    assert len(hot_spots(incidents_at([(0, 0), (5_000_000, 0)]))) == 38
    assert hot_spots(incidents_at([(0, 0), (np.nan, 0), (np.inf, 1)])).incidents.sum() == 1


def test_the_input_is_left_as_it_was_and_the_result_is_a_map(city: gpd.GeoDataFrame) -> None:
    before = city.copy()
    html = frame_map(hot_spots(city), hot_spots.analysis.view, lang="be").get_root().render()
    assert "Гарачая кропка, 99 %" in html
    assert city.equals(before)


@pytest.mark.parametrize(
    ("incidents", "options", "says"),
    [
        (incidents_at([(1, 1)]).to_crs(4326), {}, "metres"),
        (gpd.GeoDataFrame(geometry=[LineString([(0, 0), (1, 1)])], crs=CRS), {}, "must be points"),
        (incidents_at([(1, 1)]), {"radius_m": 100}, "radius_m must be from 1 to 20 cells"),
        (incidents_at([(1, 1)]), {"cell_m": -5}, "cell_m"),
        (incidents_at([(0, 0), *np.arange(60_000).reshape(-1, 2) * 999]), {"radius_m": 5000}, "too many to compare"),
        (incidents_at([(1, 1)]), {"weigh_by": "casualties"}, "no column 'casualties'"),
        (incidents_at([(1, 1)], casualties=[-1]), {"weigh_by": "casualties"}, "not negative"),
        (incidents_at([(1, 1)], casualties=[0]), {"weigh_by": "casualties"}, "every value is 0"),
    ],
)
def test_unfit_input_is_refused(incidents: gpd.GeoDataFrame, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        hot_spots(incidents, **options)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=20), st.floats(10, 5000))
@settings(max_examples=50, deadline=None)
def test_the_cell_of_a_place_is_that_with_the_nearest_centre(places: list[tuple[float, float]], cell_m: float) -> None:
    for shape in ("hexagon", "square"):
        grid = Grid(cell_m=cell_m, shape=shape)
        cells = grid.cells_of(places)
        apart = np.hypot(*(grid.centres(cells) - places).T)
        around = cells[0] + grid.around(radius_m=1.5 * cell_m)
        assert apart[0] <= np.hypot(*(grid.centres(around) - places[0]).T).min() + 1e-6
        assert (grid.cells_of(grid.centres(cells)) == cells).all()


@pytest.fixture
def streets() -> gpd.GeoDataFrame:
    return draw(
        """
A---------B---------C
          |
          |
          |
          D
"""
    ).roads


def test_streets_near_incidents_are_dense(streets: gpd.GeoDataFrame) -> None:
    incidents = draw("A---------B").points("AB:90").to_frame("geometry")
    pieces = incident_density(Network.from_roads(streets), incidents, bandwidth_m=50, lixel_m=10)
    assert list(pieces) == ["road", "length_m", "density", "geometry"]
    assert pieces.crs == streets.crs
    assert pieces.groupby("road").length_m.sum().to_dict() == pytest.approx({"AB": 60, "BC": 40, "BD": 40})
    crossing = pieces[pieces.road == "BD"]
    assert crossing.density.iloc[0] == pytest.approx(15 / 16 / 50 * (1 - (15 / 50) ** 2) ** 2 * 2 / 3, rel=1e-3)
    assert pieces.density @ pieces.length_m == pytest.approx(1, rel=0.01)


def test_the_density_of_incidents_keeps_their_number_and_the_unit_of_the_crs(streets: gpd.GeoDataFrame) -> None:
    xy = shapely.get_coordinates(streets.union_all().interpolate([3, 50, 50, 120, 199]))
    incidents = gpd.GeoDataFrame(geometry=shapely.points(xy + 2), crs=streets.crs)
    network = Network.from_roads(streets)
    pieces = incident_density(network, incidents, bandwidth_m=40, lixel_m=5)
    assert pieces.density @ pieces.length_m == pytest.approx(5, rel=0.01)
    elsewhere = incident_density(network, incidents.to_crs(4326), bandwidth_m=40, lixel_m=5)
    assert elsewhere.density.to_numpy() == pytest.approx(pieces.density.to_numpy(), rel=1e-6)
    assert incident_density(network, incidents, snap_max_m=1).empty
    assert incident_density(network, incidents[:0]).empty
    html = frame_map(pieces, incident_density.analysis.view, lang="ru").get_root().render()
    assert "Происшествия на километр" in html


def test_incidents_without_a_crs_have_no_density(streets: gpd.GeoDataFrame) -> None:
    nowhere = gpd.GeoDataFrame(geometry=shapely.points([(0, 0)]))
    with pytest.raises(InvalidInputError, match="set_crs"):
        incident_density(Network.from_roads(streets), nowhere)
