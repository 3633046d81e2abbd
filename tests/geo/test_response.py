"""Emergency response at 1 m/s, so that seconds are metres."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from street_map import CRS, StreetMap, draw

from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.networks.network import Network
from geo.safety.response import best_stations, cover_shares, response_coverage

METRES = {"speed_kmh": 3.6, "snap_max_m": 20.0, "home_max_m": 20.0, "turnout_s": 0.0}


@pytest.fixture
def streets() -> StreetMap:
    return draw("A" + "-" * 29 + "B" + "-" * 29 + "C\n\n\n\n\n\nE---F")


@pytest.fixture
def network(streets: StreetMap) -> Network:
    return Network.from_roads(streets.roads)


def people(streets: StreetMap, **total: float) -> gpd.GeoDataFrame:
    points = streets.points(*(name.replace("_", ":") for name in total))
    return gpd.GeoDataFrame({"total": list(total.values())}, geometry=points, index=points.index, crs=CRS)


def stations(streets: StreetMap, *places: str, **columns: Any) -> gpd.GeoDataFrame:
    points = streets.points(*places)
    return gpd.GeoDataFrame({"kind": "fire"} | columns, geometry=points, index=points.index)


def test_who_is_covered_once_twice_and_not(network: Network, streets: StreetMap) -> None:
    homes = people(streets, AB_100=10, AB_290=20, BC_200=30, E=5)
    found = response_coverage(network, stations(streets, "A", "B", name=["one", "two"]), homes, norm_s=295, **METRES)
    assert found.cover.tolist() == ["double", "double", "single", "none"]
    assert found.response_s.tolist() == pytest.approx([100, 10, 200, np.nan], nan_ok=True, abs=1e-4)
    assert found.name.fillna("nobody").tolist() == ["one", "two", "two", "nobody"]
    assert found.stations.tolist() == [2, 2, 1, 0]
    assert cover_shares(found).tolist() == pytest.approx([30 / 65, 30 / 65, 5 / 65])
    assert "Too late" in frame_map(found, response_coverage.analysis.view).get_root().render()


def test_of_homes_far_from_every_street_nothing_is_known(network: Network, streets: StreetMap) -> None:
    homes = people(streets, A=1)
    homes = homes.set_geometry(homes.translate(yoff=5000))
    found = response_coverage(network, stations(streets, "A"), homes, **METRES)
    assert found.cover.tolist() == [None]
    assert cover_shares(found).isna().all()


def test_setting_out_takes_its_time_and_vehicles_count(network: Network, streets: StreetMap) -> None:
    homes = people(streets, AB_100=10)
    fire = stations(streets, "A", "B", turnout_s=[150, None], vehicles=[3, None])
    found = response_coverage(network, fire, homes, norm_s=260, **(METRES | {"turnout_s": 20})).iloc[0]
    assert (found.response_s, found.station) == (pytest.approx(220), "B")
    assert (found.vehicles, found.stations) == (4, 2)


def test_help_travels_from_the_station_and_not_to_it() -> None:
    ring = draw("A--------->B\n|          |\n|          |\nD----------C")
    network = Network.from_roads(ring.roads)
    home = gpd.GeoDataFrame({"total": [1]}, geometry=ring.points("A").to_numpy(), crs=CRS)
    found = response_coverage(network, stations(ring, "B"), home, **METRES)
    assert found.response_s.tolist() == pytest.approx([30 + 110 + 30])


def test_a_graph_library_gives_the_same(streets: StreetMap) -> None:
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 2000, (40, 2))
    pairs = rng.integers(0, 40, (110, 2))
    roads = gpd.GeoSeries(shapely.linestrings(corners[pairs[pairs[:, 0] != pairs[:, 1]]]), crs=CRS)
    graph = nx.Graph()
    for first, second in pairs[pairs[:, 0] != pairs[:, 1]].tolist():
        graph.add_edge(first, second, weight=float(np.hypot(*(corners[first] - corners[second]))))
    homes = gpd.GeoDataFrame({"total": 1.0}, geometry=shapely.points(corners), crs=CRS, index=range(40))
    at = [3, 17, 25]
    fire = gpd.GeoDataFrame({"kind": "fire"}, geometry=shapely.points(corners[at]), crs=CRS, index=at)
    found = response_coverage(Network.from_lines(roads), fire, homes.iloc[sorted(graph)], norm_s=500, **METRES)
    times = [nx.single_source_dijkstra_path_length(graph, each) for each in at]
    expected = [min(each.get(node, np.inf) for each in times) for node in sorted(graph)]
    assert found.response_s.fillna(np.inf).tolist() == pytest.approx(expected, rel=1e-5)
    counts = [sum(each.get(node, np.inf) <= 500 for each in times) for node in sorted(graph)]
    assert found.stations.tolist() == counts


def test_new_stations_reach_who_was_not_reached(network: Network, streets: StreetMap) -> None:
    homes = people(streets, A=10, AB_100=10, BC_100=15, BC_250=20, C=20)
    found = best_stations(network, stations(streets, "A", name="old"), homes, norm_s=150, **METRES)
    assert found.site.tolist() == ["BC:250", "A"]
    assert found.status.tolist() == ["new", "existing"]
    assert found.demand.tolist() == [55, 20]
    assert found.in_time.tolist() == [55, 20]
    assert found.mean_s.tolist() == pytest.approx([(150 * 15 + 50 * 20) / 55, 50], rel=1e-5)
    assert found.gap.tolist() == [0, 0]
    median = best_stations(network, None, homes, model="p-median", **METRES)
    assert median.site.tolist() == ["BC:250"]
    twice = best_stations(network, stations(streets, "A"), homes, model="backup", norm_s=700, new_sites=1, **METRES)
    assert twice.in_time.sum() == 75
    other = best_stations(network, stations(streets, "A"), homes, kind="police", norm_s=150, **METRES)
    assert other.status.tolist() == ["new"]
    assert "Existing" in frame_map(found, best_stations.analysis.view).get_root().render()


def test_more_stations_never_cover_less(network: Network, streets: StreetMap) -> None:
    homes = people(streets, A=1, AB_100=2, AB_200=3, B=4, BC_100=5, BC_200=6, C=7, E=8)
    covered = [best_stations(network, None, homes, new_sites=n, norm_s=90, **METRES).in_time.sum() for n in range(1, 8)]
    assert covered == sorted(covered)
    assert covered[-1] >= 35


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n, s, p: response_coverage(n, s, p, kind="police"), "kind 'police': there are fire"),
        (lambda n, s, p: response_coverage(n, s), "the layer population is not there"),
        (lambda n, s, p: response_coverage(n, s.assign(turnout_s=-5), p), "turnout_s must be"),
        (lambda n, s, p: response_coverage(n, s.assign(vehicles=-5), p), "vehicles must be"),
        (lambda n, s, p: response_coverage(n, s, p, norm_s=0), "norm_s"),
        (lambda n, s, p: response_coverage(n, s.set_crs(None, allow_override=True), p), "stations must have a CRS"),
        (lambda n, s, p: best_stations(n, s, p, new_sites=5), "only 2 places near streets"),
        (lambda n, s, p: best_stations(n, s, p, model="backup", norm_s=1, turnout_s=5), "no candidate is within"),
    ],
)
def test_what_is_wrong_is_named(network: Network, streets: StreetMap, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(network, stations(streets, "A"), people(streets, A=3, B=4))
