"""Defects of geometry, on small drawings and by what must hold for any lines."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInputError
from geo.networks.defects import components, dangling_ends, overlaps, undershoots

METRIC = "EPSG:3067"


def lines(**wkt: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=gpd.GeoSeries.from_wkt(list(wkt.values()), index=list(wkt), crs=METRIC))


CROSSING = lines(
    street="LINESTRING (0 0, 100 0, 200 0)",
    side="LINESTRING (100 0, 100 50)",
    short="LINESTRING (150 40, 150 0.4)",
    on="LINESTRING (50 30, 50 0)",
    ring="LINESTRING (300 0, 310 0, 310 10, 300 0)",
)


def test_ends_that_no_other_line_shares_dangle() -> None:
    found = dangling_ends(CROSSING)
    assert sorted((name, point.x, point.y) for name, point in found.geometry.items()) == [
        ("on", 50, 0),
        ("on", 50, 30),
        ("short", 150, 0.4),
        ("short", 150, 40),
        ("side", 100, 50),
        ("street", 0, 0),
        ("street", 200, 0),
    ]


def test_ends_that_nearly_meet_a_line_are_undershoots() -> None:
    found = undershoots(CROSSING, tolerance_m=1)
    assert found[["other", "distance_m"]].to_dict("index") == {
        "short": {"other": "street", "distance_m": pytest.approx(0.4)},
        "on": {"other": "street", "distance_m": 0},
    }
    assert undershoots(CROSSING, tolerance_m=0).index.tolist() == ["on"]
    with pytest.raises(InvalidInputError, match="tolerance_m=-1"):
        undershoots(CROSSING, tolerance_m=-1)


def test_pieces_are_numbered_from_the_longest() -> None:
    assert components(CROSSING).to_dict() == {"street": 0, "side": 0, "short": 1, "ring": 2, "on": 3}


def test_doubled_vertices_change_nothing() -> None:
    doubled = lines(a="LINESTRING (0 0, 0 0, 5 0, 5 0)", b="LINESTRING (5 0, 9 0, 9 0)")
    plain = lines(a="LINESTRING (0 0, 5 0)", b="LINESTRING (5 0, 9 0)")
    assert dangling_ends(doubled).geometry.geom_equals(dangling_ends(plain).geometry).all()


def test_polygons_overlap_where_they_share_ground() -> None:
    squares = gpd.GeoDataFrame(
        geometry=[
            shapely.box(0, 0, 10, 10),
            shapely.box(9, 0, 19, 10),
            shapely.box(19, 0, 20, 10),
            shapely.box(2, 2, 4, 4),
        ],
        index=[5, 6, 7, 8],
        crs=METRIC,
    )
    found = overlaps(squares)
    assert found.drop(columns="geometry").reset_index().to_dict("records") == [
        {"index": 5, "other": 6, "area_m2": 10, "share": 0.1},
        {"index": 5, "other": 8, "area_m2": 4, "share": 1},
    ]
    assert overlaps(squares, min_area_m2=5).index.tolist() == [5]


@pytest.mark.parametrize(
    "check", [dangling_ends, components, overlaps, lambda frame: undershoots(frame, tolerance_m=1)]
)
def test_nothing_has_no_defects_and_degrees_are_refused(check: object) -> None:
    nothing = gpd.GeoDataFrame(geometry=gpd.GeoSeries([], crs=METRIC))
    assert len(check(nothing)) == 0
    with pytest.raises(InvalidInputError, match="metr"):
        check(CROSSING.set_crs(4326, allow_override=True))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=14).map(
        lambda p: p[: len(p) // 2 * 2]
    )
)
def test_pieces_are_those_of_the_graph(points: list[tuple[int, int]]) -> None:
    pairs = [(a, b) for a, b in zip(points[::2], points[1::2], strict=True) if a != b]
    frame = gpd.GeoDataFrame(geometry=gpd.GeoSeries([shapely.LineString(pair) for pair in pairs], crs=METRIC))
    graph = nx.Graph(pairs)
    found = components(frame)
    assert found.nunique() == nx.number_connected_components(graph)
    for piece in nx.connected_components(graph):
        assert len({found[number] for number, (a, _) in enumerate(pairs) if a in piece}) == 1
    ends = {(point.x, point.y) for point in dangling_ends(frame).geometry}
    uses = nx.MultiGraph(pairs)
    assert ends == {node for node in uses if uses.degree(node) == 1}
    assert np.array_equal(np.sort(found.unique()), np.arange(found.nunique()))
