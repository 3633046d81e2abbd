"""Tile matrix sets, held against morecantile's and against pyproj."""

from __future__ import annotations

import math

import morecantile
import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInputError
from layers.errors import NotFoundError
from layers.tiles.matrix_sets import MatrixSet, find_matrix_set, world_matrix_sets

SETS = ("WebMercatorQuad", "WorldCRS84Quad", "EPSG3067Quad", "EPSG3879Quad", "EPSG32635Quad", "EPSG2056Quad")
SOMEWHERE = {
    "WebMercatorQuad": (24.94, 60.17),
    "WorldCRS84Quad": (-70.0, -33.4),
    "EPSG3067Quad": (24.94, 60.17),
    "EPSG3879Quad": (24.94, 60.17),
    "EPSG32635Quad": (27.56, 53.9),
    "EPSG2056Quad": (9.52, 47.14),
}


def tile_of(found: MatrixSet, z: int, lon: float, lat: float) -> tuple[int, int]:
    row, _, col, _ = found.limits(z, (lon, lat, lon, lat))
    return row, col


@pytest.mark.parametrize("name", SETS)
def test_tiles_are_where_the_published_definition_says(name: str) -> None:
    found = find_matrix_set(name)
    published = found.definition()
    assert (published.minzoom, published.maxzoom) == (0, found.max_zoom)
    for z in (0, 1, 7, found.max_zoom):
        row, col = tile_of(found, z, *SOMEWHERE[name])
        assert found.bounds(z, row, col) == pytest.approx(tuple(published.xy_bounds(morecantile.Tile(col, row, z))))
        assert found.size(z) == (published.matrix(z).matrixHeight, published.matrix(z).matrixWidth)


@pytest.mark.parametrize("name", SETS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_box_in_degrees_holds_its_whole_tile(name: str, data: st.DataObject) -> None:
    found = find_matrix_set(name)
    z = data.draw(st.integers(0, found.max_zoom))
    lon, lat = SOMEWHERE[name]
    lon, lat = lon + data.draw(st.floats(-1, 1)), lat + data.draw(st.floats(-0.3, 0.3))
    row, col = tile_of(found, z, lon, lat)
    boxes = [box for box, _ in found.boxes(z, row, col, margin=1 / 64)]
    assert any(west <= lon <= east and south <= lat <= north for west, south, east, north in boxes)
    west, south, east, north = found.bounds(z, row, col, margin=1 / 64)
    inside = np.linspace(0, 1, 9)
    xs, ys = (each.ravel() for each in np.meshgrid(west + inside * (east - west), south + inside * (north - south)))
    to_degrees = pyproj.Transformer.from_crs(found.srid, 4326, always_xy=True)
    for x, y in zip(*to_degrees.transform(xs, ys), strict=True):
        if not math.isfinite(x) or abs(y) > 90 or (not found.is_world and not within((x, y), found.area)):
            continue
        at = (x + 180) % 360 - 180
        assert any(within((place, y), box, room=1e-9) for box in boxes for place in (at, at + 360)), (x, y, boxes)


def within(place: tuple[float, float], box: tuple[float, float, float, float], room: float = 0.0) -> bool:
    west, south, east, north = box
    return west - room <= place[0] <= east + room and south - room <= place[1] <= north + room


@pytest.mark.parametrize("found", world_matrix_sets(), ids=lambda found: found.id)
def test_a_tile_at_the_date_line_looks_beyond_it(found: MatrixSet) -> None:
    rows, columns = found.size(5)
    width = found.side * found.columns
    [(own, _), (beyond, moved)] = found.boxes(5, rows // 2, 0, margin=1 / 64)
    assert own[0] == -180
    assert (beyond[2], moved) == (180, -width)
    [(own, _), (beyond, moved)] = found.boxes(5, rows // 2, columns - 1, margin=1 / 64)
    assert own[2] == 180
    assert (beyond[0], moved) == (-180, width)
    assert len(found.boxes(5, rows // 2, columns // 2, margin=1 / 64)) == 1


def test_a_national_grid_is_a_power_of_two_around_its_country_and_empty_far_from_it() -> None:
    finland = find_matrix_set("EPSG3067Quad")
    assert (finland.side, finland.max_zoom) == (2**21, 18)
    west, south, east, north = finland.bounds(0, 0, 0)
    assert west < 43_547 < 764_797 < east
    assert south < 6_522_236 < 7_795_462 < north
    assert find_matrix_set("EPSG32635Quad").boxes(4, 15, 15) == ()


def test_scales_are_about_those_of_the_same_zoom_of_web_mercator() -> None:
    for name in SETS:
        found = find_matrix_set(name)
        cell_m = found.side / 256 * (111_319.49 if found.srid == 4326 else 1)
        assert 0.7 < 156_543.03 / 2**found.scale_zoom / cell_m < 1.42


def test_what_is_not_there_is_told() -> None:
    for name in ("Quad", "EPSG4326Quad", "EPSG2263Quad", "EPSG٣Quad", "EPSG3067quad", "EPSG99999999Quad"):
        with pytest.raises(NotFoundError, match=name):
            find_matrix_set(name)
    finland = find_matrix_set("EPSG3067Quad")
    with pytest.raises(NotFoundError, match="zooms of EPSG3067Quad go from 0 to 18"):
        finland.check(19, 0, 0)
    with pytest.raises(InvalidInputError, match="rows go from 0 to 7"):
        finland.check(3, 8, 0)
