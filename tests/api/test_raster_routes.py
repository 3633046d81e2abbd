"""Rasters served: the catalogue, tiles, pictures, values, statistics, series in time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from owslib.wmts import WebMapTileService
from PIL import Image

from layers.rasters.catalogue import add_raster, list_rasters, remove_raster
from layers.rasters.description import RasterDescription

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

WEST, NORTH, PIXEL_DEG, SIDE = 24.90, 60.20, 0.0005, 256
HEIGHTS, LIGHTS, LAND = "helsinki.heights", "helsinki.lights", "helsinki.land"
PHOTO = "helsinki.photo"
YEARS = (2020, 2021, 2022)
CLASSES = {"classes": [{"value": 1, "colour": "#00ff00"}, {"value": 2, "colour": "#0000ff"}]}


def write(file: Path, values: np.ndarray, **profile: Any) -> Path:
    place = rasterio.Affine(PIXEL_DEG, 0, WEST, 0, -PIXEL_DEG, NORTH)
    options = {"driver": "GTiff", "dtype": values.dtype, "crs": "EPSG:4326", "transform": place, "count": 1, **profile}
    with rasterio.open(file, "w", width=SIDE, height=SIDE, **options) as raster:
        raster.write(np.broadcast_to(values, (raster.count, SIDE, SIDE)))
    return file


@pytest.fixture(scope="module", autouse=True)
def catalogue(helsinki: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Made-up heights that rise to the east, lights that double from year to year, and two classes of land."""
    folder = tmp_path_factory.mktemp("rasters")
    east = np.tile(np.arange(SIDE, dtype="float32"), (SIDE, 1))

    def add(file: Path, **words: Any) -> None:
        described = RasterDescription.model_validate({"source": "made-up", "attribution": "made up for tests", **words})
        add_raster(helsinki, file, territory="helsinki", description=described)

    add(write(folder / "heights.tif", east), collection="heights", content="elevation", bands=[{"unit": "m"}])
    for step, year in enumerate(YEARS):
        lights = np.full((SIDE, SIDE), 10.0 * 2**step, dtype="float32")
        lights[:, : SIDE // 2] = 0
        add(write(folder / f"{year}.tif", lights), collection="lights", content="night_lights", time=str(year))
    photo = np.array([10, 20, 40], "uint8").reshape(3, 1, 1)
    add(write(folder / "photo.tif", photo, count=3, nodata=0), collection="photo", content="imagery")
    bands = np.full((5, SIDE, SIDE), 7.0, "float32") * np.arange(1, 6, dtype="float32").reshape(5, 1, 1)
    for count in (2, 5):
        file = write(folder / f"bands{count}.tif", bands[:count], count=count, photometric="MINISBLACK")
        add(file, collection=f"bands{count}", content="other")
    land = np.where(east < SIDE / 2, 1, 2).astype("uint8")
    add(write(folder / "land.tif", land), collection="land", content="land_cover", colour_scale=CLASSES)
    yield
    with helsinki.connect() as connection:
        found = list_rasters(connection, source="made-up")
    for raster in found:
        remove_raster(helsinki, raster)


def image(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))


@pytest.mark.parametrize(
    ("words", "drawn"),
    [
        ("", (10, 20, 40)),
        ("bidx=3", (40, 40, 40)),
        ("bidx=3&bidx=1&bidx=2", (40, 10, 20)),
        ("expression=b1%2Bb3", (50,) * 3),
    ],
)
@pytest.mark.parametrize("tile", ["0/0/0", "5/18/9", "12/2331/1186"])
def test_bands_are_drawn_far_away_as_they_are_nearby(
    client: httpx.Client, words: str, drawn: tuple[int, ...], tile: str
) -> None:
    """GDAL takes minutes for some bands of a raster that is small in its tile."""
    answer = client.get(f"/rasters/{PHOTO}/tiles/WebMercatorQuad/{tile}.png?rescale=0,255&{words}", timeout=60)
    pixels = image(answer).reshape(-1, 4)
    seen = {tuple(each[:3].tolist()) for each in pixels if each[3]}
    assert seen == ({drawn} if tile != "0/0/0" else set())


@pytest.mark.parametrize("format_", ["", ".png", ".jpg", ".webp"])
@pytest.mark.parametrize("collection", ["bands2", "bands5"])
def test_of_bands_that_are_no_colours_the_first_is_drawn(client: httpx.Client, collection: str, format_: str) -> None:
    answer = client.get(f"/rasters/helsinki.{collection}/preview{format_}?rescale=0,14")
    assert np.median(image(answer).reshape(-1, 4), axis=0).tolist() == pytest.approx([127, 127, 127, 255], abs=3)
    values = np.load(io.BytesIO(client.get(f"/rasters/helsinki.{collection}/preview.npy").content))
    assert len(values) == int(collection[-1]) + 1


def test_the_catalogue_lists_collections_with_their_times(client: httpx.Client) -> None:
    listed = {each["id"]: each for each in client.get("/rasters").json()["rasters"]}
    assert set(listed) >= {HEIGHTS, LIGHTS, LAND}
    assert listed[LIGHTS]["times"] == ["2020", "2021", "2022"]
    assert listed[LIGHTS]["extent"]["temporal"]["interval"] == [["2020-01-01T00:00:00Z", "2022-12-31T23:59:59Z"]]
    own = client.get("/territories/helsinki/rasters").json()["rasters"]
    assert {each["id"] for each in own} == set(listed)
    assert "/territories/helsinki/rasters/" in own[0]["links"][0]["href"]
    described = client.get(f"/rasters/{HEIGHTS}").json()
    assert described["bands"][0]["unit"] == "m"
    assert described["value_range"] == [0, SIDE - 1]
    assert [each["value"] for each in client.get(f"/rasters/{LAND}").json()["legend"]] == [1, 2]


@pytest.mark.parametrize("path", ["/rasters", f"/rasters/{LIGHTS}"])
def test_people_get_pages(client: httpx.Client, path: str) -> None:
    answer = client.get(path, params={"f": "html"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>" in answer.text


def test_a_map_has_a_layer_for_each_time_and_a_legend(client: httpx.Client) -> None:
    page = client.get(f"/maps/rasters/{LIGHTS}", params={"lang": "be"}).text
    assert all(f"datetime={year}" in page for year in YEARS)
    assert "Начныя агні" in page
    assert "made up for tests" in page


def test_links_lead_somewhere(client: httpx.Client) -> None:
    for link in client.get(f"/rasters/{HEIGHTS}").json()["links"]:
        assert client.get(link["href"]).status_code == 200, link


def test_tiles_are_drawn_as_the_catalogue_says(client: httpx.Client) -> None:
    template = client.get(f"/rasters/{LAND}/WebMercatorQuad/tilejson.json", params={"tile_format": "png"}).json()
    assert template["bounds"] == pytest.approx([24.9, 60.072, 25.028, 60.2])
    drawn = image(client.get(f"/rasters/{LAND}/tiles/WebMercatorQuad/9/291/148.png"))
    seen = {tuple(colour) for colour in drawn.reshape(-1, 4) if colour[3]}
    assert seen == {(0, 255, 0, 255), (0, 0, 255, 255)}
    heights = image(client.get(f"/rasters/{HEIGHTS}/preview.png", params={"max_size": 64}))
    assert tuple(heights[10, 1]) != tuple(heights[10, 60])


def test_years_are_drawn_by_one_scale(client: httpx.Client) -> None:
    first, last, latest = (
        image(client.get(f"/rasters/{LIGHTS}/preview.png", params=params))
        for params in ({"datetime": "2020"}, {"datetime": "2021-06-01T00:00:00Z/.."}, {})
    )
    assert first[10, -1, :3].sum() < last[10, -1, :3].sum()
    assert (last == latest).all()


def test_values_develop_in_time(client: httpx.Client) -> None:
    place = {"lon": WEST + 200 * PIXEL_DEG, "lat": NORTH - 10 * PIXEL_DEG}
    values = client.get(f"/rasters/{LIGHTS}/series", params=place).json()["values"]
    assert values == [{"time": str(year), "values": [10.0 * 2**step]} for step, year in enumerate(YEARS)]
    nowhere = client.get(f"/rasters/{LIGHTS}/series", params={"lon": 0, "lat": 0}).json()["values"]
    assert [each["values"] for each in nowhere] == [[None]] * 3


def test_statistics_of_an_area_count_cut_pixels_by_their_share(client: httpx.Client) -> None:
    west, north = WEST + 10 * PIXEL_DEG, NORTH - 10 * PIXEL_DEG
    east, south = west + 10.5 * PIXEL_DEG, north - 20 * PIXEL_DEG
    ring = [[west, north], [east, north], [east, south], [west, south], [west, north]]
    area = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    zonal = client.post(f"/rasters/{HEIGHTS}/statistics", json=area).json()["properties"]["statistics"]["b1"]
    expected = (sum(range(10, 20)) + 0.5 * 20) / 10.5
    assert zonal["mean"] == pytest.approx(expected, abs=0.05)
    series = client.post(f"/rasters/{LIGHTS}/series", json=area).json()["statistics"]
    assert [each["bands"][0]["mean"] for each in series] == [0, 0, 0]
    assert client.post(f"/rasters/{LIGHTS}/series", json={"type": "Point", "coordinates": [1, 2]}).status_code == 400


def test_heights_become_shades_and_terrain(client: httpx.Client) -> None:
    shaded = image(
        client.get(f"/rasters/{HEIGHTS}/tiles/WebMercatorQuad/12/2331/1185.png?algorithm=hillshade&buffer=3")
    )
    assert (shaded[..., 0] == shaded[..., 1]).all()
    terrain = image(client.get(f"/rasters/{HEIGHTS}/tiles/WebMercatorQuad/12/2331/1185.png?algorithm=terrainrgb"))
    red, green, blue, alpha = (terrain[..., band].astype(float) for band in range(4))
    heights = (-10000 + (red * 65536 + green * 256 + blue) * 0.1)[alpha > 0]
    assert 0 <= heights.min() < heights.max() <= SIDE


def test_bands_are_worked_out(client: httpx.Client) -> None:
    place = f"{WEST + 100 * PIXEL_DEG + 0.0001},{NORTH - 10 * PIXEL_DEG}"
    assert client.get(f"/rasters/{HEIGHTS}/point/{place}").json()["values"] == [100]
    doubled = client.get(f"/rasters/{HEIGHTS}/point/{place}", params={"expression": "b1*2"}).json()
    assert doubled["values"] == [200]


def test_where_nothing_is_tiles_are_empty(client: httpx.Client) -> None:
    answer = client.get(f"/rasters/{HEIGHTS}/tiles/WebMercatorQuad/12/0/0.png")
    assert (answer.status_code, answer.content) == (204, b"")


def test_what_is_known_is_not_sent_again(client: httpx.Client) -> None:
    path = f"/rasters/{HEIGHTS}/tiles/WebMercatorQuad/12/2331/1185.png"
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, params={"colormap_name": "viridis"}).headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/rasters/helsinki.gold", 404, "helsinki.heights"),
        ("/rasters/nonsense", 404, "helsinki.heights"),
        (f"/rasters/{LIGHTS}/preview.png?datetime=1999", 404, "2020, 2021, 2022"),
        (f"/rasters/{LIGHTS}/preview.png?datetime=yesterday", 400, "datetime"),
        (f"/rasters/{HEIGHTS}/preview.png?max_size=100000", 400, "4096"),
        (f"/rasters/{HEIGHTS}/preview/100000x1.png", 400, "at most 2048"),
        (f"/rasters/{HEIGHTS}/preview.png?max_size=4000&algorithm=hillshade", 400, "at most 2048"),
        (f"/rasters/{HEIGHTS}/tiles/WebMercatorQuad/12/2331/1185.png?tilesize=1025", 400, "at most 1024"),
        (f"/rasters/{HEIGHTS}/tiles/NoSuchGrid/12/0/0.png", 400, "tileMatrixSetId"),
        (f"/rasters/{HEIGHTS}/tiles/WebMercatorQuad/999999/0/0.png", 404, "zooms of WebMercatorQuad go from 0 to 22"),
        (f"/rasters/{HEIGHTS}/tiles/WebMercatorQuad/3/8/0.png", 400, "columns from 0 to 7"),
        (f"/rasters/{HEIGHTS}/statistics?histogram_bins=100000000", 400, "at most 1000"),
        (f"/rasters/{HEIGHTS}/WMTSCapabilities.xml?zooms=WebMercatorQuad::0,99999", 400, "from 0 to 22"),
        (f"/rasters/{HEIGHTS}/tiles/WebMercatorQuad/0/0/0.png?padding=1", 400, "at most 4096 pixels"),
        (f"/rasters/{HEIGHTS}/statistics?p=2076", 400, "p: can't be worked out"),
        (f"/rasters/{HEIGHTS}/statistics?histogram_range=5,-5", 400, "histogram_range can't be worked out"),
        (f"/rasters/{HEIGHTS}/bbox/1,1e300,2,-1e300.png", 400, "can't be worked out"),
        (f"/rasters/{HEIGHTS}/preview.png?expression=b9", 400, ""),
        (f"/rasters/{HEIGHTS}/preview.png?expression=__import__('os')", 400, ""),
        (f"/rasters/{HEIGHTS}/preview.png?expression=b1*", 400, "expression"),
        (f"/rasters/{HEIGHTS}/preview.png?bidx=7", 400, ""),
        (f"/rasters/{HEIGHTS}/preview.png?colormap=rubbish", 400, "colormap"),
        (f"/rasters/{HEIGHTS}/preview.png?rescale=rubbish", 400, "rescale"),
        (f"/rasters/{HEIGHTS}/preview.png?algorithm=magic", 400, "algorithm"),
        (f"/rasters/{HEIGHTS}/point/0,0", 404, "bounds"),
        (f"/rasters/{HEIGHTS}/preview.png?url=/etc/passwd", 400, "url"),
        (f"/rasters/{HEIGHTS}/series?lon=1000&lat=0", 400, "lon"),
    ],
)
def test_what_is_wrong_is_told(client: httpx.Client, path: str, status: int, says: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


def test_gdal_reads_the_tiles_by_wmts(client: httpx.Client) -> None:
    capabilities = client.base_url.join(f"/rasters/{LAND}/WMTSCapabilities.xml")
    with rasterio.open(f"WMTS:{capabilities},layer={LAND}_WebMercatorQuad_default") as found:
        assert found.crs.to_epsg() == 3857
        sample = found.read(window=rasterio.windows.from_bounds(*found.bounds, found.transform), out_shape=(4, 64, 64))
    seen = {tuple(colour) for colour in np.moveaxis(sample, 0, -1).reshape(-1, 4) if colour[3] == 255}
    assert (0, 255, 0, 255) in seen


def test_owslib_reads_the_capabilities(client: httpx.Client) -> None:
    """It asks for them in words too, as clients of WMTS do."""
    address = f"{client.base_url}/rasters/{LAND}/WMTSCapabilities.xml"
    service = WebMapTileService(address)
    layers = service.contents
    assert service.identification.title == "Horad"
    assert set(layers) == {f"{LAND}_{each}_default" for each in ("WebMercatorQuad", "WorldCRS84Quad")}
    assert not any("version" in each["template"].lower() for layer in layers.values() for each in layer.resourceURLs)
    assert client.get(f"{address}?request=GetTile").status_code == 400
