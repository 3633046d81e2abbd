"""At the edges of tiles, of the world and of countries: nothing is lost, and all is where it should be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyproj
import pytest
import shapely
from sqlalchemy import Connection, Engine
from tiling import Address, decode, farthest, fetch, outline, tiles_of
from town import Town, forget, record, street

from layers.catalog import all_layers
from layers.reading import store
from layers.territories.packs import around
from layers.territories.territory import register
from layers.tiles.matrix_sets import find_matrix_set
from layers.tiles.tiles import BUFFER, EXTENT, tile

INSIDE = shapely.box(0, 0, EXTENT, EXTENT)
BUFFERED = shapely.box(-BUFFER - 1, -BUFFER - 1, EXTENT + BUFFER + 1, EXTENT + BUFFER + 1)
CENTRE = (24.937, 60.166, 24.952, 60.174)


def is_the_same(drawn: shapely.Geometry, true: shapely.Geometry) -> bool:
    """Whether, within the tile, the outlines of two geometries are the same to within a unit."""
    one, other = outline(drawn), outline(true)
    return farthest(one, other, INSIDE) <= 1 and farthest(other, one, INSIDE) <= 1


@pytest.fixture
def ocean(engine: Engine) -> Iterator[Town]:
    """A territory that is the whole world."""
    world = around("ocean", (-179.9, -89.9, 179.9, 89.9))
    with engine.begin() as connection:
        register(connection, world)
    yield Town(engine, world.id)
    forget(engine, world.id)


@pytest.mark.parametrize("seed", range(3))
def test_every_feature_that_meets_a_random_tile_is_in_it(helsinki: Engine, seed: int) -> None:
    """Held against a reference clip of all layers, at random zooms and places of the city."""
    random = np.random.default_rng(seed)
    with helsinki.connect() as connection:
        shapes = {
            layer: store.read_frame(connection, layer, store.Query(territory="helsinki"), only=[], tags=False).geometry
            for layer in ("roads", "buildings", "land_use", "businesses", "railways")
        }
        for _ in range(6):
            z = int(random.integers(14, 20))
            address = Address.at(z, random.uniform(*CENTRE[::2]), random.uniform(*CENTRE[1::2]))
            found = decode(fetch(connection, address, *shapes))
            for layer, features in shapes.items():
                places = {number: address.units(shape) for number, shape in features.items() if not shape.is_empty}
                drawn = {each["id"]: each["geometry"] for each in found.get(layer, [])}
                clipped = {number: place.intersection(INSIDE) for number, place in places.items()}
                seen = {number: part for number, part in clipped.items() if part.area > 8 or part.length > 8}
                assert seen.keys() <= drawn.keys(), (address, layer)
                assert all(places[number].intersects(BUFFERED) for number in drawn)
                for number in seen:
                    assert drawn[number].is_valid
                    assert is_the_same(drawn[number], places[number]), (address, layer, number)


def test_the_tiles_together_cover_every_feature_and_lines_go_on_over_their_edges(helsinki: Engine) -> None:
    z = 16
    with helsinki.connect() as connection:
        query = store.Query(territory="helsinki", bbox=CENTRE)
        for layer in ("roads", "buildings"):
            shapes = store.read_frame(connection, layer, query, only=[], tags=False).geometry
            shapes = shapes[shapely.covers(shapely.box(*CENTRE), shapes.to_numpy())]
            origin = Address.at(z, *CENTRE[:2])
            parts: dict[int, list[shapely.Geometry]] = {}
            for address in tiles_of(z, CENTRE):
                east, south = (address.col - origin.col) * EXTENT, (address.row - origin.row) * EXTENT
                for each in decode(fetch(connection, address, layer)).get(layer, []):
                    moved = shapely.transform(each["geometry"], lambda at, by=(east, south): at + np.array(by))
                    parts.setdefault(each["id"], []).append(moved)
            assert len(shapes) > 200
            for number, shape in shapes.items():
                true, drawn = origin.units(shape), shapely.union_all(shapely.buffer(parts[number], 1.5))
                assert drawn.covers(true), (layer, number)
                assert drawn.geom_type == "Polygon" or true.geom_type.startswith("Multi"), "it is in one piece"


@pytest.mark.parametrize("z", [6, 10, 16])
def test_at_the_date_line_each_side_sees_the_other(ocean: Town, z: int) -> None:
    lat, near = -16.8, 360 / 2**z * 0.5 * BUFFER / EXTENT
    ocean.ingest(
        street("west", (180 - near, lat), (180 - near * 0.2, lat), road_class="motorway"),
        street("east", (-180 + near * 0.2, lat), (-180 + near, lat), road_class="motorway"),
        layers=("roads",),
    )
    with ocean.engine.connect() as connection:
        for lon, own, other in ((-180 + near, "east", "west"), (180 - near, "west", "east")):
            address = Address.at(z, lon, lat)
            drawn = shapely.union_all(
                [each["geometry"] for each in decode(fetch(connection, address, "roads"))["roads"]]
            )
            assert drawn.bounds[0] < EXTENT
            sides = shapely.get_coordinates(drawn)[:, 0]
            edge = 0 if own == "east" else EXTENT
            assert sides.min() < edge < sides.max(), (own, other)
            assert np.abs(sides - edge).max() <= BUFFER


def test_what_lies_at_a_pole_breaks_nothing(ocean: Town) -> None:
    cap = shapely.Polygon([(-180, -89.9), (180, -89.9), (180, -70), (0, -72), (-180, -70)])
    ocean.ingest(
        record("land_use", "cap", cap, kind="ice"),
        record("land_use", "world", shapely.box(-180, -89.9, 180, 89.9), kind="world"),
        record("facilities", "pole", "POINT (10 -89.9)", kind="station"),
        record("facilities", "near", "POINT (10 -85.05)", kind="station"),
        layers=("land_use", "facilities"),
        outside="keep",
    )
    areas, points = (
        {row["id"]: name for name, row in ocean.features(layer).items()} for layer in ("land_use", "facilities")
    )
    with ocean.engine.connect() as connection:
        for z in (11, 14):
            lowest = Address(z, 2**z - 1, Address.at(z, 10, -85).col)
            of = {"z": z, "row": lowest.row, "col": lowest.col, "territory": ocean.id}
            found = decode(tile(connection, ["land_use", "facilities"], **of))
            assert {areas[each["id"]] for each in found["land_use"]} == {"cap", "world"}
            assert all(each["geometry"].covers(INSIDE) for each in found["land_use"])
            assert [points[each["id"]] for each in found["facilities"]] == ["near"]
        for z in range(14):
            for name in ("WebMercatorQuad", "WorldCRS84Quad"):
                for row in (0, 2**z - 1):
                    tile(connection, all_layers(), matrix_set=name, z=z, row=row, col=0)
        row, _, col, _ = find_matrix_set("WorldCRS84Quad").limits(13, (10, -89.9, 10, -89.9))
        [pole] = decode(tile(connection, ["facilities"], matrix_set="WorldCRS84Quad", z=13, row=row, col=col))[
            "facilities"
        ]
        assert points[pole["id"]] == "pole"


@pytest.mark.parametrize("name", ["WorldCRS84Quad", "EPSG3067Quad", "EPSG3879Quad"])
def test_tiles_of_other_matrix_sets_are_as_true(helsinki: Engine, name: str) -> None:
    found = find_matrix_set(name)
    place = pyproj.Transformer.from_crs(4326, found.srid, always_xy=True)
    with helsinki.connect() as connection:
        shapes = store.read_frame(connection, "buildings", store.Query(territory="helsinki"), only=[], tags=False)
        for z in (15 - found.scale_zoom, 17 - found.scale_zoom):
            row, _, col, _ = found.limits(z, (24.9446, 60.17, 24.9446, 60.17))
            west, _, _, north = found.bounds(z, row, col)
            unit = found.side / (1 << z) / EXTENT

            def units(at: np.ndarray, west: float = west, north: float = north, unit: float = unit) -> np.ndarray:
                x, y = place.transform(at[:, 0], at[:, 1])
                return np.column_stack([(x - west) / unit, (north - y) / unit])

            drawn = {each["id"]: each["geometry"] for each in _features(connection, name, z, row, col)}
            true = {number: shapely.transform(shape, units) for number, shape in shapes.geometry.items()}
            seen = {number for number, shape in true.items() if shape.intersection(INSIDE).area > 8}
            assert len(seen) > 3
            assert seen <= drawn.keys()
            assert all(is_the_same(drawn[number], true[number]) for number in seen)


def _features(connection: Connection, name: str, z: int, row: int, col: int) -> list[dict[str, object]]:
    return decode(tile(connection, ["buildings"], matrix_set=name, z=z, row=row, col=col))["buildings"]


def test_a_national_grid_takes_features_that_reach_far_beyond_it(ocean: Town) -> None:
    """The CRS of Finland knows no place in the far east; what lies there of a feature is cut off first."""
    ocean.ingest(
        record("land_use", "world", shapely.box(-179, -80, 179, 80), kind="world"),
        street("line", (-170, 60.17), (24.94, 60.17), (170, 60.17), road_class="motorway"),
        layers=("land_use", "roads"),
    )
    grid = find_matrix_set("EPSG3067Quad")
    with ocean.engine.connect() as connection:
        for z in range(grid.max_zoom + 1):
            row, _, col, _ = grid.limits(z, (24.94, 60.17, 24.94, 60.17))
            layers, of = ["land_use", "roads"], {"matrix_set": grid.id, "territory": ocean.id}
            found = decode(tile(connection, layers, z=z, row=row, col=col, **of))
            if z + grid.scale_zoom >= 12:
                assert found["land_use"][0]["geometry"].covers(INSIDE)
                assert found["roads"][0]["geometry"].length >= EXTENT
        for z in (0, 2, 6):
            for corner in ((0, 0), (2**z - 1, 2**z - 1)):
                tile(connection, all_layers(), matrix_set=grid.id, z=z, row=corner[0], col=corner[1])
                tile(connection, all_layers(), matrix_set="EPSG32635Quad", z=z, row=corner[0], col=corner[1])
