"""Times and reached streets, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Point
from street_map import CRS, StreetMap, draw

from geo.errors import InvalidInputError
from geo.networks.network import Network
from geo.networks.positions import Direction
from geo.networks.reach import TravelTimes
from geo.networks.routing import TravelNetwork
from geo.networks.travel import DRIVE, WALK

METRE_A_SECOND = 3.6
CAR = DRIVE.at(METRE_A_SECOND)
FEET = WALK.at(METRE_A_SECOND)

Parts = set[tuple[str, float, float]]


def times(
    streets: StreetMap, *origins: str, limit_s: float, direction: Direction = "from", **options: bool
) -> TravelTimes:
    travel = Network.from_roads(streets.roads).for_mode(CAR)
    places = travel.snap(streets.points(*origins), max_m=1)
    (found,) = travel.times(places, limit_s=limit_s, direction=direction, **options)
    return found


def parts(streets: StreetMap, origin: str, cutoff_s: float, direction: Direction = "from") -> Parts:
    """Return the reached parts by street, with where they begin and end in metres."""
    reached = times(streets, origin, limit_s=cutoff_s, direction=direction).reached(cutoff_s)
    network = reached.network
    length = network.length_m[reached.edge]
    rounded = zip(
        network.feature[reached.edge],
        (reached.low * length).round(6).tolist(),
        (reached.high * length).round(6).tolist(),
        strict=True,
    )
    return set(rounded)


def grid(size: int) -> gpd.GeoDataFrame:
    """Return streets of a metre between neighbours of a square of places a metre apart."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(size - 1.0), np.arange(float(size))))
    along = np.stack([x, y, x + 1, y], axis=1).reshape(-1, 2, 2)
    return gpd.GeoDataFrame(geometry=shapely.linestrings(np.concatenate([along, along[:, :, ::-1]])), crs=CRS)


@pytest.fixture(scope="module")
def unit_grid() -> TravelNetwork:
    return Network.from_roads(grid(101)).for_mode(FEET)


@pytest.mark.parametrize(("radius", "nodes"), [(1, 5), (5, 61), (10, 221), (30, 1861)])
def test_nodes_within_a_radius_of_the_unit_grid(unit_grid: TravelNetwork, radius: int, nodes: int) -> None:
    """They are 2r² + 2r + 1: those of the grid within a Manhattan distance."""
    centre = unit_grid.snap(gpd.GeoSeries([Point(50, 50)], crs=CRS), max_m=1)
    (found,) = unit_grid.times(centre, limit_s=radius)
    assert np.isfinite(found.vertex_s).sum() == nodes


@pytest.mark.parametrize(("radius", "length_m"), [(1, 4), (2, 16), (5, 100), (2.5, 16 + 20 / 2)])
def test_streets_within_a_radius_of_the_unit_grid(unit_grid: TravelNetwork, radius: float, length_m: float) -> None:
    """They are 4r² for whole r, since the k-th ring has 4(2k - 1) edges."""
    centre = unit_grid.snap(gpd.GeoSeries([Point(50, 50)], crs=CRS), max_m=1)
    (found,) = unit_grid.times(centre, limit_s=radius)
    reached = found.reached(radius)
    assert reached.length_m(1).tolist() == pytest.approx([length_m])
    assert shapely.length(reached.lines()).sum() == pytest.approx(length_m)


def test_streets_are_cut_where_the_time_runs_out() -> None:
    streets = draw("""
A--B--C
   |
   D
""")
    assert parts(streets, "A", 45) == {("AB", 0, 30), ("BC", 0, 15), ("BD", 0, 15)}
    assert parts(streets, "D", 25) == {("BD", 0, 20), ("AB", 25, 30), ("BC", 0, 5)}
    assert parts(streets, "A", 30) == {("AB", 0, 30)}


def test_an_origin_in_the_middle_of_a_street_goes_both_ways() -> None:
    streets = draw("A---------B--C")
    assert parts(streets, "AB:60", 30) == {("AB", 30, 90)}
    assert parts(streets, "AB:90", 20) == {("AB", 70, 100), ("BC", 0, 10)}


def test_a_one_way_street_is_left_only_along_it() -> None:
    streets = draw("A--->-----B--C")
    assert parts(streets, "AB:60", 30) == {("AB", 60, 90)}
    assert parts(streets, "AB:60", 30, "to") == {("AB", 30, 60)}
    assert parts(streets, "C", 50, "to") == {("AB", 80, 100), ("BC", 0, 30)}
    assert parts(streets, "C", 50) == {("BC", 0, 30)}
    backward = draw("A---<-----B--C")
    assert parts(backward, "AB:60", 30) == {("AB", 30, 60)}


def test_a_place_behind_an_origin_on_a_one_way_street_is_reached_around_the_block() -> None:
    streets = draw("""
A--->---B
|       |
C-------D
""")
    assert parts(streets, "AB:30", 50 + 20 + 80 + 20 + 20) == {
        ("AB", 0, 20),
        ("AB", 30, 80),
        ("BD", 0, 20),
        ("CD", 0, 80),
        ("AC", 0, 20),
    }
    found = times(streets, "AB:30", limit_s=500)
    seconds = found.at(found.travel.snap(streets.points("AB:20", "AB:40", "AB:30"), max_m=1))
    assert seconds.tolist() == [pytest.approx([190, 10, 0])]


def test_an_origin_at_the_end_of_a_one_way_street_stands_at_the_junction() -> None:
    streets = draw("A-->--B--C")
    assert parts(streets, "B", 20) == {("BC", 0, 20)}
    assert parts(streets, "A", 20, "to") == set()


def test_a_dead_end_and_a_bridge_lead_nowhere() -> None:
    streets = draw("""
     C
     |
A----+----B
     |
     D
""")
    assert parts(streets, "A", 500) == {("AB", 0, 100)}


def test_another_component_is_not_reached() -> None:
    streets = draw("A--B   C--D")
    assert parts(streets, "A", 500) == {("AB", 0, 30)}
    found = times(streets, "A", limit_s=500)
    assert found.at(found.travel.snap(streets.points("D"), max_m=1)).tolist() == [[np.inf]]


def test_of_parallel_streets_the_fastest_counts() -> None:
    bow = LineString([(0, 0), (50, 120), (100, 0)])
    chord = LineString([(0, 0), (100, 0)])
    on = LineString([(100, 0), (200, 0)])
    network = Network.from_lines(gpd.GeoSeries([bow, chord, on], crs=CRS))
    travel = network.for_mode(FEET)
    (found,) = travel.times(travel.snap(gpd.GeoSeries([Point(0, 0)], crs=CRS), max_m=1), limit_s=150)
    assert found.vertex_s[0, :2].tolist() == [0, 100]
    assert found.reached(150).length_m(1)[0] == pytest.approx(150 + 50 + 100 + 50)


def test_a_loop_is_walked_from_both_sides() -> None:
    stem = LineString([(0, 0), (10, 0)])
    loop = LineString([(10, 0), (20, 10), (20, -10), (10, 0)])
    network = Network.from_lines(gpd.GeoSeries([stem, loop], crs=CRS))
    travel = network.for_mode(FEET)
    (from_stem,) = travel.times(travel.snap(gpd.GeoSeries([Point(0, 0)], crs=CRS), max_m=1), limit_s=15)
    assert from_stem.reached(15).length_m(1)[0] == pytest.approx(10 + 5 + 5)
    (from_loop,) = travel.times(travel.snap(gpd.GeoSeries([Point(20, 8)], crs=CRS), max_m=1), limit_s=100)
    to_junction = 2 + np.hypot(10, 10)
    assert from_loop.vertex_s.min() == pytest.approx(to_junction)
    assert from_loop.reached(to_junction + 1).length_m(1)[0] == pytest.approx(2 * (to_junction + 1) + 1)


def test_origins_together_take_the_nearest() -> None:
    streets = draw("A---------B---------C")
    apart = times(streets, "A", "C", limit_s=60)
    together = times(streets, "A", "C", limit_s=60, together=True)
    assert together.vertex_s[0].tolist() == apart.vertex_s.min(axis=0).tolist()
    assert together.reached(60).length_m(1)[0] == 120
    overlapping = times(streets, "AB:40", "AB:60", limit_s=60, together=True).reached(30)
    assert overlapping.length_m(1)[0] == pytest.approx(80)


def test_many_origins_come_in_batches(monkeypatch: pytest.MonkeyPatch, unit_grid: TravelNetwork) -> None:
    points = gpd.GeoSeries(shapely.points(np.random.default_rng(3).uniform(0, 100, (7, 2))), crs=CRS)
    places = unit_grid.snap(points, max_m=1)
    (whole,) = unit_grid.times(places, limit_s=9)
    monkeypatch.setattr("geo.networks.routing.CELLS_AT_ONCE", 3 * len(unit_grid.network.node_xy))
    batches = list(unit_grid.times(places, limit_s=9))
    assert [len(batch.vertex_s) for batch in batches] == [3, 3, 1]
    assert np.array_equal(np.concatenate([batch.vertex_s for batch in batches]), whole.vertex_s)
    lengths = np.concatenate([batch.reached(9).length_m(len(batch.vertex_s)) for batch in batches])
    assert lengths == pytest.approx(whole.reached(9).length_m(7))


def test_snapping_takes_the_nearest_open_street() -> None:
    streets = draw("""
A---------B
C---------D
""", road_class={"AB": "footway", "CD": "residential"})  # fmt: skip
    network = Network.from_roads(streets.roads)
    point = streets.points("AB:30")
    walking, driving = (network.for_mode(mode).snap(point, max_m=50) for mode in (WALK, DRIVE))
    assert network.feature[walking.edge].tolist() == ["AB"]
    assert network.feature[driving.edge].tolist() == ["CD"]
    assert (driving.fraction[0], driving.distance_m[0]) == pytest.approx((0.3, 10))
    far = network.for_mode(DRIVE).snap(point, max_m=5)
    assert (far.found.tolist(), far.edge.tolist(), far.distance_m.tolist()) == ([False], [-1], [np.inf])
    with pytest.raises(InvalidInputError, match="must lie on an edge"):
        next(network.for_mode(DRIVE).times(far, limit_s=1))
    with pytest.raises(InvalidInputError, match="in the CRS of the network"):
        network.for_mode(DRIVE).snap(point.to_crs(4326), max_m=5)


def test_a_cutoff_lies_within_the_limit() -> None:
    with pytest.raises(InvalidInputError, match="between 0 and the limit, 30, not 31"):
        times(draw("A--B"), "A", limit_s=30).reached(31)


BLOCK_M = 4
SIDE = 4
CORNERS = [(x, y) for x in range(SIDE) for y in range(SIDE)]
STREETS = [(a, b) for a in CORNERS for b in CORNERS if (b[0] - a[0], b[1] - a[1]) in ((0, 1), (1, 0))]


@st.composite
def towns(draw_from: st.DrawFn) -> tuple[gpd.GeoDataFrame, Point]:
    """Some streets of a small grid, some of them one-way, and a place a whole number of metres along one."""
    chosen = draw_from(st.lists(st.sampled_from(STREETS), min_size=1, max_size=len(STREETS), unique=True))
    one_way = draw_from(
        st.lists(st.sampled_from(["both", "forward", "backward"]), min_size=len(chosen), max_size=len(chosen))
    )
    shapes = [LineString(np.array(street) * BLOCK_M) for street in chosen]
    origin = draw_from(st.sampled_from(shapes)).interpolate(draw_from(st.integers(0, BLOCK_M)))
    return gpd.GeoDataFrame({"one_way": one_way}, geometry=shapes, crs=CRS), origin


def reached_length(
    roads: gpd.GeoDataFrame, *origins: Point, cutoff_s: float, direction: Direction = "from", together: bool = False
) -> float:
    travel = Network.from_roads(roads).for_mode(CAR)
    places = travel.snap(gpd.GeoSeries(list(origins), crs=CRS), max_m=1)
    (found,) = travel.times(places, limit_s=cutoff_s, direction=direction, together=together)
    return float(found.reached(cutoff_s).length_m(len(found.vertex_s)).sum())


def metres_reached(roads: gpd.GeoDataFrame, origin: Point, cutoff_s: int) -> int:
    """Count the metres of street reached, metre by metre, by networkx: another way to the same number."""
    graph = nx.DiGraph()
    for one_way, line in zip(roads.one_way, roads.geometry, strict=True):
        stops = [tuple(map(int, stop.coords[0])) for stop in shapely.line_interpolate_point(line, range(BLOCK_M + 1))]
        for here, there in pairwise(stops):
            graph.add_nodes_from([here, there])
            if one_way != "backward":
                graph.add_edge(here, there)
            if one_way != "forward":
                graph.add_edge(there, here)
    seconds = nx.single_source_shortest_path_length(graph, tuple(map(int, origin.coords[0])), cutoff_s)
    return len({frozenset(step) for step in graph.edges if seconds.get(step[0], cutoff_s) < cutoff_s})


@settings(max_examples=60, deadline=None)
@given(towns(), st.integers(0, 30))
def test_reached_metres_are_those_counted_one_by_one(town: tuple[gpd.GeoDataFrame, Point], cutoff_s: int) -> None:
    roads, origin = town
    assert reached_length(roads, origin, cutoff_s=cutoff_s) == pytest.approx(metres_reached(roads, origin, cutoff_s))


@settings(max_examples=30, deadline=None)
@given(towns(), st.floats(0, 30))
def test_towards_an_origin_is_away_from_it_with_every_street_reversed(
    town: tuple[gpd.GeoDataFrame, Point], cutoff_s: float
) -> None:
    roads, origin = town
    reverse = roads.assign(one_way=roads.one_way.replace({"forward": "backward", "backward": "forward"}))
    towards = reached_length(roads, origin, cutoff_s=cutoff_s, direction="to")
    assert towards == pytest.approx(reached_length(reverse, origin, cutoff_s=cutoff_s))


@settings(max_examples=30, deadline=None)
@given(towns(), st.floats(0, 15), st.floats(0, 15))
def test_a_longer_time_never_reaches_less(town: tuple[gpd.GeoDataFrame, Point], cutoff_s: float, more_s: float) -> None:
    roads, origin = town
    short = reached_length(roads, origin, cutoff_s=cutoff_s)
    assert short <= reached_length(roads, origin, cutoff_s=cutoff_s + more_s) + 1e-9


@settings(max_examples=30, deadline=None)
@given(towns(), st.randoms(use_true_random=False), st.floats(0, 30))
def test_the_order_and_drawing_direction_of_streets_do_not_matter(
    town: tuple[gpd.GeoDataFrame, Point], random: object, cutoff_s: float
) -> None:
    roads, origin = town
    order = list(range(len(roads)))
    random.shuffle(order)  # type: ignore[attr-defined]
    turned = roads.iloc[order].assign(
        geometry=shapely.reverse(roads.geometry.to_numpy()[order]),
        one_way=roads.one_way.iloc[order].replace({"forward": "backward", "backward": "forward"}),
    )
    assert reached_length(turned, origin, cutoff_s=cutoff_s) == pytest.approx(
        reached_length(roads, origin, cutoff_s=cutoff_s)
    )


@settings(max_examples=30, deadline=None)
@given(towns(), st.floats(0, 30), st.data())
def test_merged_origins_reach_no_more_than_each_for_itself(
    town: tuple[gpd.GeoDataFrame, Point], cutoff_s: float, data: st.DataObject
) -> None:
    roads, origin = town
    other = data.draw(st.sampled_from(list(roads.geometry))).interpolate(data.draw(st.integers(0, BLOCK_M)))
    single = [reached_length(roads, each, cutoff_s=cutoff_s) for each in (origin, other)]
    merged = reached_length(roads, origin, other, cutoff_s=cutoff_s, together=True)
    assert max(single) - 1e-9 <= merged <= sum(single) + 1e-9


@pytest.mark.parametrize("direction", ["from", "to"])
def test_times_are_those_of_networkx_on_random_streets(direction: Direction) -> None:
    rng = np.random.default_rng(11)
    corners = rng.uniform(0, 1000, (80, 2))
    pairs = np.array([pair for pair in rng.integers(0, 80, (260, 2)) if pair[0] != pair[1]])
    one_way = rng.choice(["both", "forward", "backward"], len(pairs))
    roads = gpd.GeoDataFrame({"one_way": one_way}, geometry=shapely.linestrings(corners[pairs]), crs=CRS)
    travel = Network.from_roads(roads).for_mode(CAR)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(80))
    for (a, b), way, length in zip(pairs.tolist(), one_way, roads.length, strict=True):
        graph.add_edges_from(
            [(a, b, {"s": length})] * (way != "backward") + [(b, a, {"s": length})] * (way != "forward")
        )
    searched = graph if direction == "from" else graph.reverse()
    used = sorted(set(pairs.ravel().tolist()))
    places = travel.snap(gpd.GeoSeries(shapely.points(corners[used]), crs=CRS), max_m=1)
    (found,) = travel.times(places[:5], limit_s=3000, direction=direction)
    for row, seconds in zip(used[:5], found.at(places), strict=True):
        expected = nx.single_source_dijkstra_path_length(searched, row, cutoff=3000, weight="s")
        assert seconds == pytest.approx([expected.get(node, np.inf) for node in used])


def test_an_origin_left_late_reaches_less_and_each_has_its_own_cutoff() -> None:
    streets = draw("A---------B---------C")
    travel = Network.from_roads(streets.roads).for_mode(CAR)
    places = travel.snap(streets.points("A", "B"), max_m=1)
    (apart,) = travel.times(places, limit_s=60, delay_s=np.array([40.0, 0.0]))
    assert apart.reached(60).length_m(2).tolist() == [20, 120]
    assert apart.reached(np.array([50.0, 30.0])).length_m(2).tolist() == [10, 60]
    assert apart.reached(30).length_m(2).tolist() == [0, 60]
    (together,) = travel.times(places, limit_s=60, delay_s=np.array([40.0, 0.0]), together=True)
    at = travel.snap(streets.points("A", "AB:10", "AB:40"), max_m=1)
    assert together.at(at).tolist() == [[40, 50, 60]]
    assert together.reached(60).length_m(1).tolist() == [140]
    for wrong in ([1.0], [-1.0, 0.0], [np.inf, 0.0]):
        with pytest.raises(InvalidInputError, match="delay_s must be 2 finite numbers of 0 or more"):
            next(travel.times(places, limit_s=60, delay_s=np.array(wrong)))


def test_closing_a_street_leaves_the_network_as_it_was() -> None:
    streets = draw("""
A---B---C
|       |
D-------E
""")
    travel = Network.from_roads(streets.roads).for_mode(CAR)
    a, rest = (travel.snap(streets.points(*names), max_m=1) for names in ("A", ("C", "AB:20")))
    closed = travel.closed(np.flatnonzero(travel.network.feature == "AB"))
    (before,), (after,) = (each.times(a, limit_s=500) for each in (travel, closed))
    assert before.at(rest).tolist() == [[80, 20]]
    assert after.at(rest).tolist() == [[120, np.inf]]
    assert np.isfinite(travel.forward_s).all()
    assert after.reached(500).length_m(1)[0] == pytest.approx(160)
    with pytest.raises(InvalidInputError, match="a positive time, or infinity, for each of 5 edges"):
        travel.with_costs(np.zeros(5), np.ones(5))
