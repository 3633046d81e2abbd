"""How a network is built of lines."""

import geopandas as gpd
import geopandas.testing
import numpy as np
import pytest
import shapely
from shapely import LineString, MultiLineString, Point
from street_map import CRS, draw

from geo.errors import InvalidInputError
from geo.networks.network import Network
from geo.networks.travel import DRIVE, WALK


def lines(*shapes: object) -> gpd.GeoSeries:
    return gpd.GeoSeries(list(shapes), crs=CRS)


def test_streets_join_where_they_meet_and_not_where_they_cross() -> None:
    streets = draw("""
  C
  |
A-+-B
  |
  D
""")
    network = Network.from_roads(streets.roads)
    assert (network.report.nodes, network.report.edges) == (4, 2)
    assert sorted(network.edges().feature) == ["AB", "CD"]


def test_a_line_is_cut_at_a_vertex_that_another_line_shares() -> None:
    streets = draw(
        """
A-B-C
  |
  D
""",
        ways=("ABC", "BD"),
    )
    network = Network.from_roads(streets.roads)
    edges = network.edges()
    assert sorted(edges.feature) == ["ABC", "ABC", "BD"]
    assert edges.length_m.tolist() == [20, 20, 20]
    assert sorted(network.nodes().degree) == [1, 1, 1, 3]


def test_a_vertex_of_one_line_alone_is_no_node() -> None:
    network = Network.from_lines(lines(LineString([(0, 0), (1, 1), (2, 0)])))
    assert (network.report.nodes, network.report.edges) == (2, 1)
    assert network.geometry[0].equals(LineString([(0, 0), (1, 1), (2, 0)]))


def test_loops_and_parallel_edges_are_kept() -> None:
    ring = LineString([(0, 0), (1, 0), (1, 1), (0, 0)])
    figure_nine = LineString([(5, 0), (5, 5), (6, 6), (7, 5), (5, 5)])
    bow = LineString([(10, 0), (11, 1), (12, 0)])
    chord = LineString([(10, 0), (12, 0)])
    edges = Network.from_lines(lines(ring, figure_nine, bow, chord)).edges()
    assert edges.feature.tolist() == [0, 1, 1, 2, 3]
    assert (edges.start == edges.end).tolist() == [True, False, True, False, False]
    assert edges.start[3] == edges.start[4]
    assert edges.end[3] == edges.end[4]


def test_parts_of_a_multi_line_belong_to_its_feature() -> None:
    multi = MultiLineString([[(0, 0), (1, 0)], [(5, 0), (6, 0)]])
    network = Network.from_lines(lines(LineString([(1, 0), (2, 0)]), multi))
    assert network.feature.tolist() == [0, 1, 1]
    assert network.report.lines == 2


def test_lines_without_extent_are_left_out_and_counted() -> None:
    network = Network.from_lines(
        lines(
            None,
            LineString(),
            LineString([(0, 0), (0, 0)]),
            LineString([(0, 0), (np.inf, 1)]),
            LineString([(0, 0), (3, 0), (3, 0), (7, 0)]),
        )
    )
    report = network.report
    assert (report.lines, report.empty, report.not_finite, report.zero_length, report.edges) == (5, 2, 1, 1, 1)
    assert network.length_m.tolist() == [7]
    assert network.feature.tolist() == [4]


def test_vertices_within_the_tolerance_are_one_place() -> None:
    almost = lines(LineString([(0, 0), (1, 0)]), LineString([(1.0004, 0), (2, 0)]))
    assert Network.from_lines(almost).report.nodes == 3
    assert Network.from_lines(almost, tolerance_m=1e-4).report.nodes == 4
    with pytest.raises(InvalidInputError, match="tolerance_m must be positive"):
        Network.from_lines(almost, tolerance_m=0)


def test_heights_are_ignored() -> None:
    network = Network.from_lines(lines(LineString([(0, 0, 5), (1, 0, 6)]), LineString([(1, 0), (2, 0)])))
    assert network.report.nodes == 3
    assert not shapely.has_z(network.geometry).any()


def test_the_length_of_the_lines_is_kept() -> None:
    rng = np.random.default_rng(7)
    shapes = [LineString(rng.integers(0, 6, (9, 2))) for _ in range(60)]
    network = Network.from_lines(lines(*shapes))
    assert network.length_m.sum() == pytest.approx(sum(shape.length for shape in shapes))
    ends = shapely.get_coordinates(shapely.get_point(network.geometry, -1))
    assert np.array_equal(ends, network.node_xy[network.end])


def test_a_network_does_not_change() -> None:
    streets = draw("A-B")
    before = streets.roads.copy()
    network = Network.from_roads(streets.roads)
    for array in (network.node_xy, network.start, network.length_m, network.geometry, network.streets.one_way):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]
    with pytest.raises(AttributeError):
        network.crs = None  # type: ignore[misc]
    gpd.testing.assert_geodataframe_equal(streets.roads, before)


def test_the_view_of_a_mode_is_kept() -> None:
    network = Network.from_roads(draw("A-B").roads)
    assert network.for_mode(WALK) is network.for_mode(WALK)
    assert network.for_mode(WALK.at(4)) is network.for_mode(WALK.at(4))
    assert network.for_mode(WALK) is not network.for_mode(DRIVE)


@pytest.mark.parametrize(
    ("roads", "message"),
    [
        (gpd.GeoSeries([LineString([(0, 0), (1, 1)])], crs=4326), "projected CRS in metres, not WGS 84"),
        (gpd.GeoSeries([LineString([(0, 0), (1, 1)])], crs=2263), "projected CRS in metres, not NAD83"),
        (gpd.GeoSeries([LineString([(0, 0), (1, 1)])]), "must have a CRS"),
        (gpd.GeoSeries([LineString([(0, 0), (1, 1)]), Point(0, 0)], index=["a", "b"], crs=CRS), "'b' is a Point"),
    ],
)
def test_what_is_no_line_in_metres_is_refused(roads: gpd.GeoSeries, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        Network.from_lines(roads)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("one_way", "yes", "one_way of 'AB' is 'yes', not both, forward, backward or null"),
        ("max_speed_kmh", "fast", "max_speed_kmh must be numbers"),
        ("foot", "perhaps", "foot must be true, false or null"),
    ],
)
def test_columns_hold_what_they_must(column: str, value: str, message: str) -> None:
    roads = draw("A-B").roads.assign(**{column: value})
    with pytest.raises(InvalidInputError, match=message):
        Network.from_roads(roads)


def test_an_empty_network_says_so() -> None:
    network = Network.from_lines(lines())
    assert network.report.edges == 0
    with pytest.raises(InvalidInputError, match="no street that is open to mode 'walk'"):
        network.for_mode(WALK)
