"""Vector tiles, decoded by another library and held against the features they are made of."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import shapely
from sqlalchemy import Engine
from tiling import Address, by_id, decode, farthest, fetch, outline, tiles_of
from town import LAT, LON, Town, record, school, street

from geo.errors import InvalidInputError
from layers.catalog import all_layers, find
from layers.errors import NotFoundError
from layers.reading import store
from layers.territories.packs import read_pack
from layers.tiles.tiles import BUFFER, EXTENT, fields, tile

SIZE_LIMIT = 500_000


def spread(z: int, count: int) -> list[shapely.Point]:
    """Points all over a tile and its surroundings, some of them exactly on its edges."""
    middle = Address.at(z, LON, LAT)
    west, east = (middle.col / 2**z - 0.5) * 360, ((middle.col + 1) / 2**z - 0.5) * 360
    random = np.random.default_rng(11)
    margin = (east - west) / 20
    lons = [west, east, *random.uniform(west - margin, east + margin, count)]
    lats = random.uniform(LAT - margin, LAT + margin, len(lons))
    return [shapely.Point(lon, lat) for lon, lat in zip(lons, lats, strict=True)]


@pytest.mark.parametrize("z", [14, 16, 22])
def test_points_lie_where_they_are_and_none_is_lost_at_an_edge(town: Town, z: int) -> None:
    points = spread(z, 60)
    town.ingest(*(school(f"{nth}", point.x, point.y) for nth, point in enumerate(points)))
    ids = {row["id"]: points[int(source_id)] for source_id, row in town.features("facilities").items()}
    middle = Address.at(z, LON, LAT)
    with town.engine.connect() as connection:
        for row in (middle.row - 1, middle.row, middle.row + 1):
            for col in (middle.col - 1, middle.col, middle.col + 1):
                address = Address(z, row, col)
                found = by_id(decode(fetch(connection, address, "facilities")).get("facilities", []))
                places = {number: address.units(point) for number, point in ids.items()}
                assert {number for number, place in places.items() if within(place, BUFFER - 1)} <= found.keys()
                assert found.keys() <= {number for number, place in places.items() if within(place, BUFFER + 1)}
                for number, feature in found.items():
                    assert feature["geometry"].distance(places[number]) <= 1


def within(place: shapely.Point, margin: float) -> bool:
    return -margin <= place.x <= EXTENT + margin and -margin <= place.y <= EXTENT + margin


@pytest.mark.parametrize("layer", ["roads", "buildings"])
def test_lines_and_areas_of_the_city_are_true_to_within_a_unit(helsinki: Engine, layer: str) -> None:
    """Vertices of the tile lie on the feature's outline, and those of the feature on the outline in the tile."""
    inside = shapely.box(0, 0, EXTENT, EXTENT)
    buffered = inside.buffer(BUFFER - 2, join_style="mitre")
    with helsinki.connect() as connection:
        shapes = store.read_frame(connection, layer, store.Query(territory="helsinki"), only=[], tags=False).geometry
        for address in tiles_of(15, (24.94, 60.168, 24.9485, 60.172)):
            found = by_id(decode(fetch(connection, address, layer))[layer])
            places = {number: address.units(shape) for number, shape in shapes.items()}
            near = {number for number, place in places.items() if place.intersects(buffered)}
            assert near <= found.keys()
            assert len(near) > 50
            for number, feature in found.items():
                drawn, true = outline(feature["geometry"]), outline(places[number])
                assert farthest(drawn, true, inside) <= 1, number
                assert farthest(true, drawn, inside) <= 1, number


def test_a_tile_has_the_attributes_and_ids_of_the_features(town: Town) -> None:
    whole = street("main", (LON, LAT), (LON + 0.001, LAT), name="вуліца", lanes=2, max_speed_kmh=48.28, foot=True)
    fire = record("incidents", "fire", shapely.Point(LON, LAT), category="fire", occurred_at="2020-02-29T10:20:30Z")
    town.ingest(whole, fire, layers=("roads", "incidents"))
    with town.engine.connect() as connection:
        found = decode(fetch(connection, Address.at(14, LON, LAT), "roads", "incidents"))
        [road], [incident] = found["roads"], found["incidents"]
        [far_road] = decode(fetch(connection, Address.at(13, LON, LAT), "roads"))["roads"]
    kept = town.features("roads")["main"]
    assert road["id"] == kept["id"]
    assert road["properties"] == {name: kept[name] for name in fields(find("roads")) if kept[name] is not None}
    assert incident["properties"]["occurred_at"].startswith("2020-02-29 10:20:30")
    assert far_road["properties"] == {"road_class": "residential"}


def test_classes_appear_at_their_zooms(town: Town) -> None:
    style = find("roads").layer.style
    first_zoom = {value: symbol.min_zoom for symbol in style.symbols for value in symbol.values}
    [other] = [symbol.min_zoom for symbol in style.symbols if not symbol.values]
    first_zoom["raceway"] = other
    ends = ((LON - 1, LAT), (LON + 1, LAT))
    town.ingest(*(street(name, *ends, road_class=name) for name in first_zoom), layers=("roads",))
    lowest = find("roads").layer.min_zoom
    with town.engine.connect() as connection:
        for z in range(lowest - 1, 17):
            found = decode(fetch(connection, Address.at(z, LON, LAT), "roads"))
            drawn = {feature["properties"]["road_class"] for feature in found.get("roads", [])}
            assert drawn == {name for name, zoom in first_zoom.items() if max(zoom, lowest) <= z}, z


@pytest.mark.parametrize("z", [10, 12, 13])
def test_clusters_stand_for_every_incident_once(helsinki: Engine, z: int) -> None:
    with helsinki.connect() as connection:
        box = store.extent(connection, "incidents")
        if box is None:
            pytest.skip("no incidents: HORAD_DATA has none")
        total = 0
        for address in tiles_of(z, box):
            for feature in decode(fetch(connection, address, "incidents")).get("incidents", []):
                place = feature["geometry"]
                if 0 <= place.x < EXTENT and 0 <= place.y < EXTENT:
                    total += feature["properties"]["point_count"]
        assert total == store.count(connection, "incidents", store.Query())


def test_from_the_detail_zoom_on_points_stand_for_themselves(town: Town) -> None:
    town.ingest(school("a"), school("b"), school("c", kind="clinic"))
    with town.engine.connect() as connection:
        [cluster] = decode(fetch(connection, Address.at(13, LON, LAT), "facilities"))["facilities"]
        alone = decode(fetch(connection, Address.at(14, LON, LAT), "facilities"))["facilities"]
    assert cluster["properties"]["point_count"] == 3
    assert [each["properties"].get("point_count") for each in alone] == [None, None, None]


def test_no_tile_of_the_city_is_heavy(helsinki: Engine) -> None:
    view = read_pack("helsinki").view
    assert view is not None
    with helsinki.connect() as connection:
        sizes = {
            address: len(gzip.compress(fetch(connection, address, *all_layers())))
            for z in range(17)
            for address in tiles_of(z, view)
        }
    assert {address: size for address, size in sizes.items() if size > SIZE_LIMIT} == {}
    assert max(sizes.values()) > 20_000


def test_the_same_features_make_the_same_bytes(helsinki: Engine) -> None:
    """In whatever order the database comes upon them."""
    for z in (12, 15):
        address = Address.at(z, 24.9446, 60.1700)
        with helsinki.connect() as one, helsinki.connect() as other:
            one.exec_driver_sql("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
            other.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
            first = fetch(one, address, *all_layers())
            assert first == fetch(other, address, *all_layers())
            assert first == b"".join(fetch(one, address, layer) for layer in all_layers())


def test_where_there_is_nothing_the_tile_is_empty(helsinki: Engine) -> None:
    with helsinki.connect() as connection:
        assert tile(connection, all_layers(), z=16, row=0, col=0) == b""
        assert tile(connection, [], z=16, row=0, col=0) == b""
        assert fetch(connection, Address.at(find("incidents").layer.min_zoom - 1, 24.94, 60.17), "incidents") == b""


@pytest.mark.parametrize(
    ("z", "row", "col"), [(0, 1, 0), (0, 0, 1), (5, 32, 0), (5, 0, 32), (5, -1, 0), (5, 0, -1), (22, 2**22, 0)]
)
def test_a_row_or_column_that_is_not_there_is_told(engine: Engine, z: int, row: int, col: int) -> None:
    with engine.connect() as connection, pytest.raises(InvalidInputError, match=rf"{z}/{row}/{col}.* 0 to {2**z - 1}"):
        tile(connection, ["roads"], z=z, row=row, col=col)


def test_a_zoom_or_layer_that_is_not_there_is_told(engine: Engine) -> None:
    with engine.connect() as connection:
        for z in (-1, 23):
            with pytest.raises(NotFoundError, match=f"no tile matrix {z}: zooms of WebMercatorQuad go from 0 to 22"):
                tile(connection, ["roads"], z=z, row=0, col=0)
        with pytest.raises(NotFoundError, match="no layer 'streets'"):
            tile(connection, ["roads", "streets"], z=3, row=0, col=0)
