"""Real clients read our tiles: GDAL by its drivers MVT and OGCAPI, and tippecanoe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyogrio
import pyproj
import pytest

from layers.tiles.matrix_sets import find_matrix_set

if TYPE_CHECKING:
    import httpx

LON, LAT = 24.9446, 60.1700
BOX = (24.942, 60.169, 24.948, 60.171)


def tile_file(client: httpx.Client, folder: Path, path: str, z: int) -> tuple[Path, int, int]:
    row, _, col, _ = find_matrix_set("WebMercatorQuad").limits(z, (LON, LAT, LON, LAT))
    content = client.get(f"{path}/tiles/WebMercatorQuad/{z}/{row}/{col}").content
    file = folder / "tile.pbf"
    file.write_bytes(content)
    return file, row, col


def test_gdal_reads_a_tile_as_a_file(client: httpx.Client, tmp_path: Path) -> None:
    file, _, _ = tile_file(client, tmp_path, "", 15)
    layers = dict(pyogrio.list_layers(f"MVT:{file}"))
    assert {"roads", "buildings", "facilities"} <= set(layers)
    assert "Line" in layers["roads"]
    houses = pyogrio.read_dataframe(f"MVT:{file}", layer="buildings")
    assert len(houses) > 20
    assert {"mvt_id", "use", "levels"} <= set(houses.columns)


def test_tippecanoe_reads_a_tile_where_it_is(client: httpx.Client, tmp_path: Path) -> None:
    file, row, col = tile_file(client, tmp_path, "/collections/buildings", 15)
    program = Path(sys.executable).with_name("tippecanoe-decode")
    told = subprocess.run([program, file, "15", str(col), str(row)], capture_output=True, check=True, timeout=600)
    [layer] = json.loads(told.stdout)["features"]
    assert layer["properties"]["layer"] == "buildings"
    for feature in layer["features"][:20]:
        item = client.get(f"/collections/buildings/items/{feature['id']}").json()
        assert feature["properties"].get("use") == item["properties"]["use"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_gdal_reads_the_tileset_of_a_layer(client: httpx.Client) -> None:
    source = f"OGCAPI:{client.base_url}/territories/helsinki/collections/buildings".replace(
        "//territories", "/territories"
    )
    options = {"API": "TILES", "TILEMATRIXSET": "WorldCRS84Quad"}
    found = pyogrio.read_dataframe(source, layer="Zoom level 15", bbox=BOX, **options)
    assert len(found) > 20
    west, south, east, north = found.to_crs(4326).total_bounds
    assert west == pytest.approx(BOX[0], abs=0.01)
    assert (south, north) == (pytest.approx(BOX[1], abs=0.01), pytest.approx(BOX[3], abs=0.01))
    area = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(found.geometry.iloc[0])[0]
    assert 1 < abs(area) < 100_000
    assert east > west


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("matrix_set", "zoom", "srid"), [("WebMercatorQuad", 15, 3857), ("EPSG3879Quad", 8, 3879)])
def test_gdal_reads_other_tilesets_when_told_the_box_in_their_crs(
    client: httpx.Client, matrix_set: str, zoom: int, srid: int
) -> None:
    """By itself the driver takes the extent in degrees for one in the CRS of the tiles, and lists what is at 0, 0."""
    west, south, east, north = pyproj.Transformer.from_crs(4326, srid, always_xy=True).transform_bounds(*BOX)
    found = pyogrio.read_dataframe(
        f"OGCAPI:{client.base_url}/collections/buildings".replace("//collections", "/collections"),
        layer=f"Zoom level {zoom}",
        API="TILES",
        TILEMATRIXSET=matrix_set,
        MINX=west,
        MINY=south,
        MAXX=east,
        MAXY=north,
    )
    assert len(found) > 20
    assert found.crs == f"EPSG:{srid}"
    inside = pyproj.Transformer.from_crs(srid, 4326, always_xy=True).transform_bounds(*found.total_bounds)
    assert inside[0] == pytest.approx(BOX[0], abs=0.02)
    assert inside[3] == pytest.approx(BOX[3], abs=0.02)
