"""Files that are no rasters of a place, and descriptions that say nothing sensible, are refused."""

from __future__ import annotations

import select
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rasterio
from pydantic import ValidationError
from raster_town import Catalogue, from_origin, real, slope, write
from rasterio import Affine
from town import LAT, LON

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.rasters.description import RasterDescription
from layers.rasters.files import environment


def test_files_that_are_no_rasters_of_a_place_are_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    whole = write(tmp_path / "dem.tif", slope(600, 600), compress="DEFLATE").read_bytes()
    broken = {
        "half.tif": (whole[: len(whole) // 2], "half.tif is cut off"),
        "empty.tif": (b"", "empty.tif is cut off, or no raster"),
        "text.tif": (b"This is no map.", "text.tif is cut off, or no raster"),
    }
    for name, (content, message) in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=message):
            catalogue.add(tmp_path / name)
    with pytest.raises(SourceError, match="doesn't say in which CRS it is"):
        catalogue.add(write(tmp_path / "lost.tif", slope(), crs=None))
    with pytest.raises(SourceError, match="doesn't say where its pixels lie"):
        catalogue.add(write(tmp_path / "adrift.tif", slope(), transform=Affine.identity()))
    with pytest.raises(SourceError, match="complex numbers"):
        catalogue.add(write(tmp_path / "waves.tif", slope(dtype="complex64")))
    with pytest.raises(SourceError, match="outside the world"):
        catalogue.add(write(tmp_path / "far.tif", slope(), transform=from_origin(1000, 1000, 1, 1)))
    with pytest.raises(SourceError, match="There is no file"):
        catalogue.add(tmp_path / "nothing.tif")
    with pytest.raises(InvalidInputError, match="has 1 bands, but 2 are described"):
        catalogue.add(tmp_path / "dem.tif", bands=[{}, {}])
    assert catalogue.all() == []
    assert catalogue.files() == set()


def test_formats_that_lead_elsewhere_are_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    """A VRT names other files or addresses, whatever its own name ends with."""
    secret = write(tmp_path / "secret.tif", slope())
    for name in ("map.vrt", "map.tif"):
        (tmp_path / name).write_text(
            '<VRTDataset rasterXSize="60" rasterYSize="40"><SRS>EPSG:4326</SRS>'
            f"<GeoTransform>{LON}, 0.001, 0, {LAT}, 0, -0.001</GeoTransform>"
            '<VRTRasterBand dataType="Float32" band="1"><SimpleSource>'
            f"<SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand>"
            "</SimpleSource></VRTRasterBand></VRTDataset>"
        )
        with pytest.raises(SourceError, match="no raster in a format that is read"):
            catalogue.add(tmp_path / name)


def test_a_raster_too_large_to_unpack_is_refused_unread(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of some kilobytes can stand for gigapixels."""
    file = tmp_path / "bomb.tif"
    with rasterio.open(
        file,
        "w",
        driver="GTiff",
        width=90_000,
        height=90_000,
        count=1,
        dtype="uint8",
        crs="EPSG:4326",
        transform=from_origin(0, 80, 1e-3, 1e-3),
        sparse_ok=True,
        tiled=True,
        compress="DEFLATE",
    ):
        pass
    assert file.stat().st_size < 5_000_000
    with pytest.raises(SourceError, match=r"8,100 million pixels .* HORAD_MAX_RASTER_MEGAPIXELS allows 4,000"):
        catalogue.add(file)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"collection": "../etc"}, "collection"),
        ({"source": "a b"}, "source"),
        ({"time": "yesterday"}, "is no time such as 2024"),
        ({"content": "weather"}, "content"),
        ({"crs": "EPSG:1"}, "no coordinate reference system"),
        ({"colour_scale": {"ramp": "rainbows"}}, "no colour map"),
        ({"colour_scale": {"stops": [[1, "#fff000"], [0, "#000000"]]}}, "ascend"),
        ({"colour_scale": {"ramp": "viridis", "low": 3, "high": 2}}, "low must be less"),
        ({"colour_scale": {}}, "one of ramp, stops, classes"),
        ({"bands": [{"meaning": {"en": "Height"}}]}, "each of the languages"),
    ],
)
def test_a_description_that_says_nothing_sensible_is_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        RasterDescription.model_validate({"collection": "a", "content": "elevation", "source": "b", **words})


def test_years_and_dates_of_yaml_are_times() -> None:
    for value, expected in ((2024, "2024"), (datetime(2024, 5, 17, tzinfo=UTC).date(), "2024-05-17")):
        words = {"collection": "a", "content": "elevation", "source": "b", "time": value}
        assert RasterDescription.model_validate(words).time == expected


def test_a_raster_among_layers_is_shown_the_way(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"dem\.tif is a raster: horad rasters add"):
        catalogue.town.load(write(tmp_path / "dem.tif", slope()), "roads")


def test_a_raster_of_elsewhere_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    there = write(tmp_path / "there.tif", slope(), crs="EPSG:32635")
    with pytest.raises(SourceError, match=r"there\.tif can't be taken: it lies outside town"):
        catalogue.add(there)
    assert (catalogue.all(), catalogue.files()) == ([], set())


def test_what_a_file_says_leads_nobody_to_an_address(catalogue: Catalogue, tmp_path: Path) -> None:
    """GDAL takes a file's word for where its overviews are, be it on the web; the catalogue doesn't."""
    file = write(tmp_path / "dem.tif", slope(600, 600))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"/vsicurl/http://127.0.0.1:{listener.getsockname()[1]}/overviews.tif"
        file.with_name("dem.tif.aux.xml").write_text(
            f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{address}</MDI></Metadata></PAMDataset>'
        )
        catalogue.add(file)
        catalogue.add(file, collection="mercator", reproject_to="EPSG:3857")
        with environment(), rasterio.open(file) as opened:
            opened.overviews(1)
        assert not knocked(listener)
        with rasterio.Env(GDAL_HTTP_TIMEOUT=1, GDAL_PAM_ENABLED=True), rasterio.open(file) as opened:
            opened.overviews(1)
        assert knocked(listener)


def knocked(listener: socket.socket) -> bool:
    """Whether somebody has tried to connect."""
    return bool(select.select([listener], [], [], 0)[0])


def test_half_of_a_real_raster_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    whole = real("belarus/nightlights/vnl_2020.tif").read_bytes()
    half = tmp_path / "half.tif"
    half.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"half\.tif is cut off"):
        catalogue.add(half)
    assert catalogue.files() == set()
