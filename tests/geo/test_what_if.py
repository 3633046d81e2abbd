"""What closed streets and new ones do, at 1 m/s, so that seconds are metres; and lines as a parameter."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, Point
from street_map import CRS, StreetMap, draw

from geo.errors import InvalidInputError
from geo.infrastructure.service_areas import service_areas
from geo.infrastructure.what_if import what_if
from geo.inputs.lines import read_lines
from geo.networks.network import Network

TOWN = draw("""
A---B---C   F---G
|       |
D-------E
""")


@pytest.fixture(scope="module")
def network() -> Network:
    return Network.from_roads(TOWN.roads)


def homes(streets: StreetMap, *names: str) -> gpd.GeoDataFrame:
    areas = streets.points(*names).buffer(1)
    return gpd.GeoDataFrame({"dwellings": 2.0}, geometry=areas, index=areas.index)


def changes(network: Network, *names: str, **options: object) -> dict[str, tuple[str, float, float]]:
    schools = gpd.GeoDataFrame({"kind": ["school"]}, geometry=TOWN.points("A").to_list(), crs=CRS)
    found = what_if(network, schools, homes(TOWN, *names), "school", speed_kmh=3.6, **options)
    rows = zip(found.effect, found.before_s.round(3), found.after_s.round(3), strict=True)
    return dict(zip(found.index, rows, strict=True))


def test_a_closure_makes_ways_longer_and_cuts_off_who_lives_on_it(network: Network) -> None:
    found = changes(network, "C", "AB:20", "E", "G", closures=TOWN.points("AB:10"))
    assert found["C"] == ("longer", 80, 120)
    assert found["AB:20"][:2] == ("cut off", 20)
    assert np.isnan(found["AB:20"][2])
    assert set(found) == {"C", "AB:20"}


def test_a_new_street_connects_and_shortens(network: Network) -> None:
    link = gpd.GeoSeries([LineString(TOWN.points("C", "F").to_list())], crs=CRS)
    found = changes(network, "G", "F", "C", new_links=link)
    assert found["G"][0] == "connected"
    assert (found["G"][2], found["F"][2]) == (160, 120)
    across = gpd.GeoSeries([LineString(TOWN.points("AB:30", "DE:30").to_list())], crs=CRS)
    assert changes(network, "DE:40", "E", new_links=across) == {}
    steep = gpd.GeoSeries([LineString(TOWN.points("AB:10", "DE:30").to_list())], crs=CRS)
    found = changes(network, "DE:40", "E", new_links=steep)
    assert {name: effect for name, (effect, _, _) in found.items()} == {"DE:40": "shorter", "E": "shorter"}
    assert found["E"][1:] == (100, pytest.approx(10 + np.hypot(20, 20) + 50, abs=1e-3))


def test_both_at_once(network: Network) -> None:
    across = gpd.GeoSeries([LineString(TOWN.points("AB:20", "DE:20").to_list())], crs=CRS)
    assert changes(network, "C", "E", closures=TOWN.points("AB:10"), new_links=across) == {"C": ("longer", 80, 120)}
    assert changes(network, "C", closures=TOWN.points("AD:10"), new_links=across) == {}


def test_neither_is_an_error(network: Network) -> None:
    with pytest.raises(InvalidInputError, match="closures or new_links"):
        changes(network, "C")
    with pytest.raises(InvalidInputError, match="within 300 m of 1 of the closures"):
        changes(network, "C", closures=[[24.0, 54.0]])
    with pytest.raises(InvalidInputError, match="more than 300 m from any edge"):
        changes(network, "C", new_links=[[24.0, 54.0], [24.1, 54.0]])


POSITIONS = [[27.5, 53.9], [27.6, 53.9]]
LINE = {"type": "LineString", "coordinates": POSITIONS}
FEATURE = {"type": "Feature", "properties": {"name": "bypass"}, "geometry": LINE}


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        (POSITIONS, [1]),
        ([POSITIONS, POSITIONS[::-1]], [1, 2]),
        (LINE, [1]),
        ({"type": "MultiLineString", "coordinates": [POSITIONS, POSITIONS]}, [1, 2]),
        (FEATURE, ["bypass"]),
        ({"type": "FeatureCollection", "features": [FEATURE, FEATURE | {"properties": None, "id": 7}]}, ["bypass", 7]),
        (gpd.GeoDataFrame(geometry=[LineString(POSITIONS)], index=["x"], crs=4326), ["x"]),
    ],
)
def test_lines_are_read_from_many_forms(value: object, labels: list[object]) -> None:
    lines = read_lines(value)
    assert lines.index.tolist() == labels
    assert lines.iloc[0].wkt == "LINESTRING (27.5 53.9, 27.6 53.9)"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "no line given"),
        ("27,53", "lines must be a list"),
        ([[27.5, 53.9]], "at least two"),
        (["a", "b"], "a line needs at least two"),
        ([POSITIONS, 5], "at least two"),
        ([[27.5, 95], [27.6, 53.9]], "out of range"),
        ({"type": "Point", "coordinates": [1, 2]}, "GeoJSON must be a LineString"),
        ({"type": "FeatureCollection", "features": [5]}, "must hold features"),
        (gpd.GeoSeries([LineString(POSITIONS)]), "no CRS"),
        (gpd.GeoSeries([Point(1, 2)], crs=4326), "every geometry must be a line"),
        (None, "lines must be a list"),
    ],
)
def test_what_is_no_line_is_refused(value: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_lines(value)


def test_lines_are_described_and_written() -> None:
    described = what_if.analysis
    schema = described.json_schema()
    assert len(schema["new_links"]["anyOf"][0]["oneOf"]) == 3
    given = described.parameters.model_validate({"kind": "school", "new_links": POSITIONS})
    again = described.check(json.loads(given.model_dump_json()))
    assert again["new_links"].to_wkt().tolist() == ["LINESTRING (27.5 53.9, 27.6 53.9)"]
    with pytest.raises(InvalidInputError, match="new_links: a line needs at least two"):
        described.check({"kind": "school", "new_links": [[1, 2]]})
    assert service_areas.analysis.id == "service-areas"
