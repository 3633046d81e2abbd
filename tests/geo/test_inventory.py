"""How many streets there are, by area."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from street_map import CRS, draw
from test_centrality import square_grid

from geo.errors import InvalidInputError
from geo.infrastructure.inventory import length_by_class, network_inventory
from geo.networks.network import Network

TOWN = draw("""
A--B--C--D
|  |
E--F     G
""", road_class={"CD": "footway", "AB": "primary"})  # fmt: skip


def test_the_whole_of_a_grid() -> None:
    """A square grid of n × n has 2n(n - 1) streets between n² junctions (Kansky 1963)."""
    network = square_grid(6).network
    (row,) = network_inventory(network, areas="whole").to_dict("records")
    assert row["length_km"] == pytest.approx(60 / 1e3)
    assert row["area_km2"] == pytest.approx(25 / 1e6)
    assert (row["junctions"], row["dead_ends"]) == (32, 0)
    v, e = 32, 60 - 4
    assert row["beta"] == pytest.approx(e / v)
    assert row["gamma"] == pytest.approx(e / (3 * (v - 2)))
    assert row["alpha"] == pytest.approx((e - v + 1) / (2 * v - 5))
    assert row["mean_length_m"] == pytest.approx(60 / e)
    assert row["density_km_per_km2"] == pytest.approx(0.06 / 25e-6)


def test_districts_cut_streets_at_their_border() -> None:
    network = Network.from_roads(TOWN.roads)
    west, east = (shapely.box(x, 5_999_000, x + 1000, 6_001_000) for x in (499_045, 500_045))
    districts = gpd.GeoDataFrame({"name": ["West", None], "population": [500, 0]}, geometry=[west, east], crs=CRS)
    found = network_inventory(network, districts.to_crs(4326), areas="districts")
    assert found.length_km.tolist() == pytest.approx([(30 * 2 + 20 * 2 + 15) / 1e3, (15 + 30) / 1e3], rel=1e-4)
    assert found.km_per_1000.tolist() == pytest.approx([0.115 / 0.5, np.nan], nan_ok=True, rel=1e-3)
    assert found.name.tolist() == ["West", None]
    assert (found.junctions.tolist(), found.dead_ends.tolist()) == ([1, 0], [0, 1])
    assert found.dead_end_share.tolist() == [0, 1]
    driven = network_inventory(network, districts, areas="districts", open_to="drive")
    assert driven.length_km.sum() == pytest.approx(found.length_km.sum() - 0.03)


@pytest.mark.parametrize("cell_m", [50.0, 130.0])
def test_cells_share_out_all_streets(cell_m: float) -> None:
    network = Network.from_roads(TOWN.roads)
    found = network_inventory(network, cell_m=cell_m)
    assert found.length_km.sum() == pytest.approx(network.length_m.sum() / 1e3)
    assert found.junctions.sum() == 1
    assert found.dead_ends.sum() == 1


def test_length_by_class() -> None:
    network = Network.from_roads(TOWN.roads)
    assert length_by_class(network).round(3).to_dict() == {"": 0.1, "footway": 0.03, "primary": 0.03}


def test_what_is_not_there_is_an_error() -> None:
    network = Network.from_roads(TOWN.roads)
    with pytest.raises(InvalidInputError, match="no districts"):
        network_inventory(network, areas="districts")
    with pytest.raises(InvalidInputError, match="districts must have a CRS"):
        network_inventory(network, gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)]), areas="districts")
    empty = Network.from_lines(gpd.GeoSeries([], crs=CRS))
    with pytest.raises(InvalidInputError, match="the network has no street"):
        network_inventory(empty)
    one = network_inventory(Network.from_roads(draw("A--B").roads), areas="whole")
    assert one[["length_km", "dead_ends", "beta"]].to_numpy().tolist() == [[0.03, 2, 0.5]]
    assert np.isnan(one.gamma[0])
