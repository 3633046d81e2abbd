"""OpenStreetMap XML as editors save it before anything is uploaded, and as Overpass writes it."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest
from openstreetmap import multipolygon, node, way, write
from town import LAT, LON, Town

from layers.errors import SourceError
from layers.sources.opening import opened

EDITED = """<?xml version='1.0' encoding='UTF-8'?>
<osm version='0.6' generator='JOSM'>{nodes}
<node id='-9' action='modify' visible='true' lat='{lat}' lon='{lon}'><tag k='shop' v='bakery' /></node>
<node id='9' action='delete' version='3' visible='true' lat='{lat}' lon='{lon}'><tag k='shop' v='butcher' /></node>
<way id='-10' action='modify'>{ring}<tag k='building' v='yes' /></way>
<way id='-11'><nd ref='-3' /><nd ref='5' /><tag k='highway' v='residential' />
<tag k='name' v='A "B" &amp;#10;&amp; C' /></way>
<way id='13'><nd ref='-3' /><nd ref='5' /><tag k='highway' v='track' /></way>
<way id='12' action='delete' version='2'><nd ref='-3' /><nd ref='5' /><tag k='highway' v='service' /></way>
<relation id='-20'><member type='way' ref='-10' role='outer' /><tag k='type' v='multipolygon' />
<tag k='landuse' v='retail' /></relation></osm>"""


@pytest.mark.parametrize("suffix", ["osm", "osm.gz", "osm.bz2"])
def test_a_file_of_an_editor_has_new_elements_and_some_to_be_deleted(town: Town, tmp_path: Path, suffix: str) -> None:
    places = {-4: (0, 1), -3: (1, 1), -2: (1, 0), -1: (0, 0), 5: (3, 3)}
    nodes = "".join(node(number, *place).replace('"', "'") for number, place in places.items())
    ring = "".join(f"<nd ref='{number}' />" for number in (-1, -2, -3, -4, -1))
    saved = EDITED.format(nodes=nodes, ring=ring, lat=LAT, lon=LON).encode()
    pack = {"osm": bytes, "osm.gz": gzip.compress, "osm.bz2": bz2.compress}[suffix]
    file = tmp_path / f"town.{suffix}"
    file.write_bytes(pack(saved))
    report = town.load(file)
    found = {layer: set(town.features(layer)) for layer, each in report.layers.items() if each.read}
    assert found == {"businesses": {"n-9"}, "buildings": {"w-10"}, "roads": {"w-11", "w13"}, "land_use": {"r-20"}}
    assert town.features("roads")["w-11"]["name"] == 'A "B" &#10;& C'
    file.write_bytes(pack(saved[:-20]))
    with pytest.raises(SourceError, match="can't be read as OpenStreetMap data"):
        town.load(file)


def test_elements_come_in_any_order_and_more_than_once(town: Town, tmp_path: Path) -> None:
    ways = [way(30, [2, 3], {"highway": "residential"}), way(20, [1, 2, 3, 1], {"building": "yes"})]
    park = multipolygon(5, {20: "outer"}, {"leisure": "park"})
    file = write(tmp_path / "town.osm", park, *ways, node(3, 1, 1), node(1), node(2, 1), node(1), ways[0])
    report = town.load(file)
    assert {layer: each.added for layer, each in report.layers.items() if each.read} == {
        "buildings": 1,
        "green_spaces": 1,
        "land_use": 1,
        "roads": 1,
    }


@pytest.mark.parametrize(
    ("good", "bad"),
    [('id="1"', 'id="one"'), ('lon="27.5510000"', 'lon="east"'), ('ref="1"', 'ref="99999999999999999999"')],
)
def test_numbers_that_are_none_are_told(town: Town, tmp_path: Path, good: str, bad: str) -> None:
    file = write(tmp_path / "town.osm", node(1), node(2, 1), way(3, [1, 2], {"highway": "residential"}))
    assert good in file.read_text()
    file.write_text(file.read_text().replace(good, bad, 1))
    with pytest.raises(SourceError, match=r"town\.osm can't be read as OpenStreetMap data"):
        town.load(file)
    if not good.startswith("ref"):
        with pytest.raises(SourceError, match=r"town\.osm can't be read as OpenStreetMap data"):
            opened(file).bounds()


def test_nodes_that_are_nowhere_are_rejected(town: Town, tmp_path: Path) -> None:
    shop = '<tag k="shop" v="bakery"/>'
    far = f'<node id="1" version="1" lat="91" lon="27.5">{shop}</node><node id="2" version="1">{shop}</node>'
    report = town.load_one(write(tmp_path / "town.osm", far, node(3, 0, 0, {"shop": "bakery"})), "businesses")
    assert (report.added, report.rejected) == (1, {"the node has no place on the globe": 2})


def test_nodes_without_a_place_are_passed_over(tmp_path: Path) -> None:
    file = write(tmp_path / "town.osm", '<node id="1" version="1" visible="false"/>', node(2, 1))
    assert opened(file).bounds() == pytest.approx((LON + 0.001, LAT) * 2)
