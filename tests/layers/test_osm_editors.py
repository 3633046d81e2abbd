"""OpenStreetMap files as editors save them before anything is uploaded."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest
from openstreetmap import node
from town import LAT, LON, Town

from layers.errors import SourceError

EDITED = """<?xml version='1.0' encoding='UTF-8'?>
<osm version='0.6' generator='JOSM'>{nodes}
<node id='-9' action='modify' visible='true' lat='{lat}' lon='{lon}'><tag k='shop' v='bakery' /></node>
<node id='9' action='delete' version='3' visible='true' lat='{lat}' lon='{lon}'><tag k='shop' v='butcher' /></node>
<way id='-10' action='modify'>{ring}<tag k='building' v='yes' /></way>
<way id='-11'><nd ref='-3' /><nd ref='5' /><tag k='highway' v='residential' />
<tag k='name' v='A "B" &amp;#10;&amp; C' /></way>
<way id='12' action='delete' version='2'><nd ref='-3' /><nd ref='5' /><tag k='highway' v='service' /></way>
<relation id='-20'><member type='way' ref='-10' role='outer' /><tag k='type' v='multipolygon' />
<tag k='landuse' v='retail' /></relation></osm>"""


@pytest.mark.parametrize("suffix", ["osm", "osm.gz", "osm.bz2"])
def test_a_file_of_an_editor_has_new_elements_and_some_to_be_deleted(town: Town, tmp_path: Path, suffix: str) -> None:
    places = {-1: (0, 0), -2: (1, 0), -3: (1, 1), -4: (0, 1), 5: (3, 3)}
    nodes = "".join(node(number, *place).replace('"', "'") for number, place in places.items())
    ring = "".join(f"<nd ref='{number}' />" for number in (-1, -2, -3, -4, -1))
    saved = EDITED.format(nodes=nodes, ring=ring, lat=LAT, lon=LON).encode()
    pack = {"osm": bytes, "osm.gz": gzip.compress, "osm.bz2": bz2.compress}[suffix]
    file = tmp_path / f"town.{suffix}"
    file.write_bytes(pack(saved))
    report = town.load(file)
    found = {layer: set(town.features(layer)) for layer, each in report.layers.items() if each.read}
    assert found == {"businesses": {"n-9"}, "buildings": {"w-10"}, "roads": {"w-11"}, "land_use": {"r-20"}}
    assert town.features("roads")["w-11"]["name"] == 'A "B" &#10;& C'
    file.write_bytes(pack(saved[:-20]))
    with pytest.raises(SourceError, match="can't be read as OpenStreetMap data"):
        town.load(file)
