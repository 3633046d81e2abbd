"""Lines joined where they meet, before a network is built of them."""

from __future__ import annotations

import geopandas as gpd
import libpysal
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, Point
from street_map import CRS

from geo.errors import InvalidInputError
from geo.networks.matrices import nearest
from geo.networks.network import Network
from geo.networks.noding import NodingReport, node_lines
from geo.networks.travel import WALK


def frame(*lines: object) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": range(len(lines))}, geometry=list(lines), crs=CRS)


def components(lines: gpd.GeoDataFrame) -> int:
    return int(Network.from_roads(lines).for_mode(WALK).component.max()) + 1


@pytest.fixture(scope="module")
def soho() -> gpd.GeoDataFrame:
    return gpd.read_file(libpysal.examples.get_path("Soho_Network.shp")).set_crs(CRS, allow_override=True)


def test_the_streets_of_soho(soho: gpd.GeoDataFrame) -> None:
    """Of 118 lines noding makes 312, as by shapely.node, of the same length; many are shorter than a millimetre."""
    noded, report = node_lines(soho)
    assert (report.lines, report.extended, report.doubled) == (118, 0, 0)
    assert Network.from_roads(noded, tolerance_m=1e-6).report.edges == 312
    network = Network.from_roads(noded)
    assert network.length_m.sum() == pytest.approx(22_318.826, abs=0.001)
    assert (components(soho), components(noded)) == (44, 9)
    assert Network.from_roads(node_lines(noded)[0]).report.edges == network.report.edges


def test_the_deaths_nearest_to_the_pump_in_broad_street(soho: gpd.GeoDataFrame) -> None:
    """Snow's map of cholera: 258 of 392 deaths at 178 addresses are nearest to it by street (its own computation)."""
    people, pumps = (
        gpd.read_file(libpysal.examples.get_path(name)).set_crs(CRS, allow_override=True)
        for name in ("SohoPeople.shp", "SohoWater.shp")
    )
    travel = Network.from_roads(node_lines(soho)[0]).for_mode(WALK)
    homes, wells = (travel.snap(frame.geometry, max_m=1e3, anywhere=True) for frame in (people, pumps))
    found = nearest(travel, homes, wells)
    of_broad_street = found.facility[:, 0] == 8
    deaths = people.filter(regex="(?i)count").iloc[:, 0]
    assert (of_broad_street.sum(), deaths[of_broad_street].sum()) == (178, 258)


def test_lines_that_cross_or_touch_share_a_vertex() -> None:
    cross = frame(LineString([(0, 0), (10, 0)]), LineString([(5, -5), (5, 5)]), LineString([(8, 0), (8, 4)]))
    noded, report = node_lines(cross)
    assert report == NodingReport(lines=3, crossings=2, extended=0, doubled=0)
    assert noded.geometry.iloc[0].wkt == "LINESTRING (0 0, 5 0, 8 0, 10 0)"
    assert (components(cross), components(noded)) == (3, 1)
    assert cross.geometry.iloc[0].wkt == "LINESTRING (0 0, 10 0)"
    assert noded.name.tolist() == [0, 1, 2]


def test_a_bridge_joins_nothing_but_its_own_ends() -> None:
    road, bridge = LineString([(0, 0), (5, 0), (10, 0)]), LineString([(5, -5), (5, 5)])
    lines = frame(road, bridge, LineString([(5, 5), (20, 5)]))
    noded, report = node_lines(lines, apart=np.array([False, True, False]))
    assert report.crossings == 0
    assert noded.geometry.iloc[1].wkt == bridge.wkt
    assert components(noded) == 2


def test_a_line_that_crosses_itself_and_lines_upon_each_other() -> None:
    eight = LineString([(0, 0), (10, 10), (10, 0), (0, 10)])
    noded, report = node_lines(frame(eight))
    assert report.crossings == 1
    assert Network.from_roads(noded).report.edges == 3
    upon = frame(LineString([(0, 0), (10, 0)]), LineString([(4, 0), (6, 0)]))
    noded, _ = node_lines(upon)
    assert noded.geometry.iloc[0].wkt == "LINESTRING (0 0, 4 0, 6 0, 10 0)"


def test_ends_that_fall_short_are_led_to_the_line() -> None:
    lines = frame(LineString([(0, 0), (10, 0)]), LineString([(5, 3), (5, 0.4)]), LineString([(9, 5), (9, 2)]))
    noded, report = node_lines(lines, snap_m=0.5)
    assert report == NodingReport(lines=3, crossings=1, extended=1, doubled=0)
    assert noded.geometry.iloc[1].wkt == "LINESTRING (5 3, 5 0.4, 5 0)"
    assert components(noded) == 2
    assert node_lines(lines, snap_m=0.3)[1].extended == 0


def test_doubled_lines_go_and_empty_ones_stay() -> None:
    line = LineString([(0, 0), (10, 0)])
    two = MultiLineString([[(0, 5), (10, 5)], [(5, -5), (5, 9)]])
    lines = frame(line, line.reverse(), None, LineString(), two)
    noded, report = node_lines(lines)
    assert report == NodingReport(lines=5, crossings=2, extended=0, doubled=1)
    assert noded.index.tolist() == [0, 2, 3, 4]
    assert noded.geometry.iloc[3].geom_type == "MultiLineString"
    assert Network.from_roads(noded).report.edges == 2 + 2 + 3
    empty, report = node_lines(frame())
    assert (len(empty), report.lines) == (0, 0)


def test_wrong_input_is_named() -> None:
    with pytest.raises(InvalidInputError, match="projected CRS in metres"):
        node_lines(frame(LineString([(0, 0), (1, 0)])).set_crs(4326, allow_override=True))
    with pytest.raises(InvalidInputError, match="is a Point: only lines can be joined"):
        node_lines(frame(Point(0, 0)))
    with pytest.raises(InvalidInputError, match="snap_m must be 0 or more, not -1"):
        node_lines(frame(), snap_m=-1)
    with pytest.raises(InvalidInputError, match="tell of each of 1 lines"):
        node_lines(frame(LineString([(0, 0), (1, 0)])), apart=np.array([True, False]))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 12))
def test_networks_are_joined_as_by_shapely(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    lines = frame(*shapely.linestrings(rng.integers(0, 40, (count, 3, 2)).astype(float)))
    lines = lines[lines.length > 0]
    noded = node_lines(lines)[0]
    parts = shapely.get_parts(shapely.node(shapely.multilinestrings(shapely.get_parts(noded.geometry.to_numpy()))))
    by_shapely = frame(*parts)
    assert components(noded) == components(by_shapely)
    ours, theirs = (shapely.union_all(each.geometry.to_numpy()).length for each in (noded, lines))
    assert ours == pytest.approx(theirs, rel=1e-6)
