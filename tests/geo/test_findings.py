"""What may be wrong with a network of streets."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
from shapely import LineString
from street_map import CRS, StreetMap, draw

from geo.infrastructure.findings import topology_findings
from geo.networks.network import Network


def found(streets: StreetMap | gpd.GeoDataFrame, **options: float) -> list[tuple[str, str, str | None, float]]:
    roads = streets.roads if isinstance(streets, StreetMap) else streets
    table = topology_findings(Network.from_roads(roads), **options)
    assert table.crs == roads.crs
    return list(zip(table.kind, table.feature, table.other, table.size_m.round(3), strict=True))


def test_a_good_network_has_no_faults() -> None:
    assert found(draw("""
A-->-B--C
|    |
D-<--E
""")) == []  # fmt: skip


def test_an_end_just_short_of_a_street_is_a_gap() -> None:
    roads = gpd.GeoDataFrame(
        {"name": ["High Street", "Lane", "Far Lane"]},
        geometry=[LineString([(0, 0), (100, 0)]), LineString([(50, 30), (50, 1.5)]), LineString([(90, 30), (90, 5)])],
        index=["high", "lane", "far"],
        crs=CRS,
    )
    kinds = found(roads)
    assert kinds[0] == ("gap", "lane", "high", 1.5)
    assert [kind for kind, *_ in kinds] == ["gap", "piece", "piece"]
    assert [kind for kind, *_ in found(roads, tolerance_m=6)] == ["gap", "gap", "piece", "piece"]
    assert topology_findings(Network.from_roads(roads)).name[0] == "Lane"


def test_streets_that_cross_without_a_junction() -> None:
    geometry = [LineString([(0, 0), (100, 0)]), LineString([(50, -30), (50, 30)]), LineString([(0, 0), (50, -30)])]
    roads = gpd.GeoDataFrame({"bridge": [False, None, False]}, geometry=geometry, index=list("abc"), crs=CRS)
    (row,) = topology_findings(Network.from_roads(roads)).itertuples()
    assert (row.kind, row.feature, row.other, row.geometry.wkt) == ("crossing", "a", "b", "POINT (50 0)")
    assert found(roads.assign(bridge=[False, True, False])) == []
    assert found(roads.assign(tunnel=[True, False, False])) == []


def test_a_street_drawn_twice() -> None:
    geometry = [LineString([(0, 0), (100, 0)]), LineString([(100, 0), (0, 0)]), LineString([(100, 0), (200, 9)])]
    assert found(gpd.GeoDataFrame(geometry=geometry, index=list("abc"), crs=CRS)) == [("doubled", "a", "b", 100)]


def test_what_is_not_joined_is_a_piece() -> None:
    pieces = found(draw("A----B  C-D-E   F-G"))
    assert pieces == [("piece", "CD", None, 40), ("piece", "FG", None, 20)]


def test_streets_that_cars_cannot_leave() -> None:
    traps = found(draw("""
A---B->-C--D
|   |      |
E---F      G->-H
"""))  # fmt: skip
    assert [(kind, size) for kind, _, _, size in traps] == [("trap", 40 + 30 + 20 + 40)]
    assert found(draw("A->-B--C", road_class={"AB": "footway", "BC": "footway"})) == []


def test_findings_can_be_written_as_json() -> None:
    geometry = [LineString([(0, 0), (100, 0)]), LineString([(100, 0), (0, 0)]), LineString([(9, 9), (20, 9)])]
    roads = gpd.GeoDataFrame(geometry=geometry, index=[4, 5, 6], crs=CRS)
    written = json.loads(topology_findings(Network.from_roads(roads)).to_json())
    assert [each["properties"]["other"] for each in written["features"]] == [5, None]


def test_one_street_and_no_columns() -> None:
    roads = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (9, 0)])], crs=CRS)
    assert found(roads) == []
    empty = gpd.GeoDataFrame(geometry=gpd.GeoSeries([], crs=CRS))
    assert found(empty) == []
    assert topology_findings.analysis.check({})["tolerance_m"] == pytest.approx(2)
