"""Service areas, as an analyst calls them."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import geopandas.testing
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import LineString, Point
from street_map import CRS, StreetMap, draw

from geo.errors import InvalidInputError
from geo.infrastructure.service_areas import service_areas
from geo.networks.network import Network
from geo.networks.travel import WALK

CROSS = """
    B
    |
A---C---D
    |
    E
"""


@pytest.fixture
def cross() -> StreetMap:
    return draw(CROSS)


@pytest.fixture
def network(cross: StreetMap) -> Network:
    return Network.from_roads(cross.roads)


def metres(network: Network, origins: Any, *, cutoffs_s: Any = (30,), **options: Any) -> gpd.GeoDataFrame:
    """Run at 1 m/s, so that seconds are metres."""
    return service_areas(network, origins, cutoffs_s=cutoffs_s, speed_kmh=3.6, buffer_m=5.0, **options)


def test_one_row_for_each_origin_and_cutoff_longest_first(network: Network, cross: StreetMap) -> None:
    areas = metres(network, cross.points("A", "C"), cutoffs_s=[10, 60, 10])
    assert areas[["origin", "cutoff_s"]].to_numpy().tolist() == [["A", 60], ["C", 60], ["A", 10], ["C", 10]]
    assert areas.street_length_m.tolist() == pytest.approx([40 + 20 + 20 + 20, 120, 10, 40])
    assert list(areas) == ["origin", "cutoff_s", "street_length_m", "buildings", "area_m2", "geometry"]
    assert areas.crs == CRS
    assert areas.buildings.isna().all()
    assert areas.buildings.dtype == "Int64"


def test_the_area_is_what_lies_near_the_reached_streets(network: Network, cross: StreetMap) -> None:
    (area,) = metres(network, cross.points("A")).geometry
    reached = LineString([cross.places["A"], Point(cross.places["A"].x + 30, cross.places["A"].y)])
    assert area.symmetric_difference(reached.buffer(5, quad_segs=4)).area == pytest.approx(0, abs=1e-6)


def test_areas_of_many_streets_are_the_union_of_their_surroundings() -> None:
    rng = np.random.default_rng(5)
    corners = rng.uniform(0, 800, (150, 2))
    roads = gpd.GeoSeries(shapely.linestrings(corners[rng.integers(0, 150, (600, 2))]), crs=CRS)
    network = Network.from_lines(roads[roads.length > 0])
    origins = gpd.GeoSeries(shapely.points(corners[:4]), crs=CRS)
    areas = service_areas(network, origins, cutoffs_s=[400, 700], buffer_m=2, speed_kmh=3.6)
    travel = network.for_mode(WALK.at(3.6))
    (times,) = travel.times(travel.snap(origins, max_m=1), limit_s=700)
    for cutoff_s in (400, 700):
        reached = times.reached(cutoff_s)
        for row, area in enumerate(areas[areas.cutoff_s == cutoff_s].geometry):
            around = shapely.union_all(shapely.buffer(reached[reached.row == row].lines(), 2, quad_segs=4))
            assert area.symmetric_difference(around).area == pytest.approx(0, abs=1e-3)


def test_a_block_that_no_street_enters_is_a_hole() -> None:
    streets = draw("""
A---B
|   |
|   |
C---D
""")
    (area,) = metres(Network.from_roads(streets.roads), streets.points("A"), cutoffs_s=[80]).geometry
    assert len(area.interiors) == 1
    assert area.interiors[0].envelope.area == pytest.approx((40 - 10) * (30 - 10), rel=1e-6)


def test_merged_areas_have_one_row_a_cutoff_and_count_each_street_once(network: Network, cross: StreetMap) -> None:
    areas = metres(network, cross.points("A", "C"), cutoffs_s=[30, 10], merge=True)
    assert areas.cutoff_s.tolist() == [30, 10]
    assert areas.street_length_m.tolist() == pytest.approx([40 + 30 + 20 + 20, 10 + 40])
    assert areas.origin.isna().all()
    apart = metres(network, cross.points("A", "C"), cutoffs_s=[30])
    assert areas.geometry[0].symmetric_difference(apart.union_all()).area == pytest.approx(0, abs=1e-6)


def test_buildings_count_by_the_time_to_their_street(network: Network, cross: StreetMap) -> None:
    a = cross.places["A"]
    near_ten, near_thirty = (shapely.box(a.x + x - 1, a.y + 2, a.x + x + 1, a.y + 6) for x in (9.0, 31.0))
    far_from_streets = shapely.box(a.x + 9, a.y + 15, a.x + 10, a.y + 16)
    homes = gpd.GeoSeries([near_ten, near_thirty, far_from_streets, None, shapely.Polygon()], crs=CRS).to_frame(
        "geometry"
    )
    counts = metres(network, cross.points("A"), cutoffs_s=[5, 10, 35], buildings=homes, building_max_m=10).buildings
    assert counts.tolist() == [2, 1, 0]
    degrees = metres(network, cross.points("A"), cutoffs_s=[5, 10, 35], buildings=homes.to_crs(4326), building_max_m=10)
    assert degrees.buildings.tolist() == [2, 1, 0]
    wider = metres(network, cross.points("A"), cutoffs_s=[35], buildings=homes, building_max_m=20)
    assert wider.buildings.tolist() == [3]
    merged = metres(network, cross.points("A", "D"), cutoffs_s=[35], buildings=homes, building_max_m=10, merge=True)
    assert merged.buildings.tolist() == [2]


def test_a_building_counts_by_its_nearest_street_however_far_the_area_goes() -> None:
    streets = draw("""
A---------B
|
C---------D
""")
    network = Network.from_roads(streets.roads)
    nearer_to_below = streets.points("AB:90").translate(0, -12).buffer(1).to_frame("geometry")
    counts = metres(network, streets.points("B"), cutoffs_s=[50, 250], buildings=nearer_to_below).buildings
    assert counts.tolist() == [1, 0]


def test_no_buildings_near_count_none(network: Network, cross: StreetMap) -> None:
    empty = gpd.GeoDataFrame(geometry=[], crs=CRS)
    assert metres(network, cross.points("A"), buildings=empty).buildings.tolist() == [0]


def test_origins_come_in_many_forms(network: Network, cross: StreetMap) -> None:
    expected = metres(network, cross.points("A")).geometry[0]
    a = cross.points("A").to_crs(4326)["A"]
    feature = {"type": "Feature", "properties": {"name": "Fire station"}, "geometry": a.__geo_interface__}
    forms = {
        "frame": (cross.points("A").to_frame("geometry"), "A"),
        "degrees": (cross.points("A").to_crs(4326), "A"),
        "pairs": ([[a.x, a.y]], 1),
        "geojson": ({"type": "FeatureCollection", "features": [feature]}, "Fire station"),
    }
    for origins, label in forms.values():
        areas = metres(network, origins)
        assert areas.origin.tolist() == [label]
        assert areas.geometry[0].symmetric_difference(expected).area < 0.01


def test_driving_and_walking_differ() -> None:
    streets = draw("A->-------B", road_class={"AB": "residential"})
    network = Network.from_roads(streets.roads)
    origin = streets.points("AB:50")
    drive = service_areas(network, origin, mode="drive", cutoffs_s=[3])
    walk = service_areas(network, origin, mode="walk", cutoffs_s=[3])
    towards = service_areas(network, origin, mode="drive", cutoffs_s=[3], direction="to")
    assert drive.street_length_m.tolist() == pytest.approx([25])
    assert towards.street_length_m.tolist() == pytest.approx([25])
    assert walk.street_length_m.tolist() == pytest.approx([2 * 3 * 5 / 3.6])
    assert drive.total_bounds[0] > towards.total_bounds[0]


def test_many_origins_give_the_same_in_batches(
    network: Network, cross: StreetMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    origins, homes = cross.points(*"ABCDE"), cross.points("A", "C").buffer(1).to_frame("geometry")
    at_once = metres(network, origins, cutoffs_s=[20, 45], buildings=homes)
    monkeypatch.setattr("geo.networks.routing.CELLS_AT_ONCE", 2 * len(network.node_xy))
    geopandas.testing.assert_geodataframe_equal(metres(network, origins, cutoffs_s=[20, 45], buildings=homes), at_once)


def test_an_origin_that_leads_nowhere_has_an_empty_area() -> None:
    streets = draw("A-->--B")
    homes = streets.points("A", "B").buffer(1).to_frame("geometry")
    nowhere = service_areas(Network.from_roads(streets.roads), streets.points("B"), mode="drive", buildings=homes)
    assert nowhere.street_length_m.tolist() == [0, 0, 0]
    assert nowhere.buildings.tolist() == [1, 1, 1]
    assert nowhere.geom_type.tolist() == ["Polygon"] * 3
    assert nowhere.geometry.is_empty.all()


def test_inputs_are_left_as_they_were(network: Network, cross: StreetMap) -> None:
    origins, homes = cross.points("A"), cross.points("B", "C").buffer(1).to_frame("geometry")
    before = origins.copy(), homes.copy()
    metres(network, origins, buildings=homes)
    pd.testing.assert_series_equal(origins, before[0])
    pd.testing.assert_frame_equal(homes, before[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cutoffs_s": []}, "cutoffs_s: .*at least 1 item"),
        ({"cutoffs_s": [0]}, r"cutoffs_s\[0\]: .*greater than 0"),
        ({"cutoffs_s": [60, np.nan]}, r"cutoffs_s\[1\]"),
        ({"cutoffs_s": [np.inf]}, r"cutoffs_s\[0\]"),
        ({"cutoffs_s": list(range(1, 12))}, "cutoffs_s: .*at most 10 items"),
        ({"cutoffs_s": [1e6]}, r"cutoffs_s\[0\]: .*less than or equal to 14400"),
        ({"mode": "fly"}, "mode: .*'cycle' or 'drive'"),
        ({"direction": "up"}, "direction: .*'from' or 'to'"),
        ({"speed_kmh": -1}, "speed_kmh: .*greater than 0"),
        ({"buffer_m": 0}, "buffer_m: .*greater than or equal to 1"),
        ({"buffer_m": np.nan}, "buffer_m"),
        ({"buildings": gpd.GeoDataFrame(geometry=[Point(0, 0)])}, "buildings must have a CRS"),
    ],
)
def test_bad_parameters_are_named(network: Network, cross: StreetMap, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        service_areas(network, cross.points("A"), **options)


@pytest.mark.parametrize(
    ("origins", "message"),
    [
        ([], "no point given"),
        ([[27.56, 95.0]], "out of range"),
        ([[27.56, 53.9]], "no street open to mode 'walk' within 300 m of 1 of the origins: 1 at POINT"),
        (gpd.GeoSeries([Point(0, 0)], index=["Depot"]), "no CRS"),
        (gpd.GeoSeries([Point(0, 0)], index=["Depot"], crs=CRS), "of 1 of the origins: 'Depot' at POINT"),
        (gpd.GeoSeries([Point(-120, 0)], index=["Depot"], crs=4326), "of 1 of the origins: 'Depot' at POINT"),
        ([[-153.0, 0.0]], "within 300 m of 1 of the origins: 1 at POINT"),
        (gpd.GeoSeries([Point(0, 0)] * 5, index=["Depot"] * 5, crs=CRS), "of 5 of the origins: ('Depot' at .*){3}$"),
        (gpd.GeoSeries([LineString([(0, 0), (1, 1)])], index=["Depot"], crs=CRS), "'Depot' is LINESTRING"),
    ],
)
def test_bad_origins_are_named(network: Network, origins: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        service_areas(network, origins)


def test_no_streets_say_so() -> None:
    with pytest.raises(InvalidInputError, match="no street that is open to mode 'walk'"):
        service_areas(Network.from_lines(gpd.GeoSeries([], crs=CRS)), [[27.0, 54.0]])
