"""The catalogue of rasters: what becomes of files, what is known of them, and which files are refused."""

from __future__ import annotations

import select
import shutil
import socket
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from pydantic import ValidationError
from rasterio import Affine
from rasterio.enums import Resampling
from rasterio.warp import calculate_default_transform, reproject
from rio_cogeo import cog_validate
from sqlalchemy import Engine, text
from town import LAT, LON, Town, forget

from geo.errors import InvalidInputError
from layers.adapting import adapt
from layers.errors import NotFoundError, SourceError
from layers.loading import Outcome, load_sources, load_territory
from layers.packs import Territory, around
from layers.raster_description import RasterDescription
from layers.raster_files import environment
from layers.rasters import Raster, add_raster, find_raster, folder, list_rasters, remove_raster
from layers.settings import get_settings
from layers.territory import register

PIXEL_DEG = 0.001


def from_origin(west: float, north: float, width: float, height: float) -> Affine:
    """The place of pixels of a size, given the upper left corner."""
    return Affine(width, 0, west, 0, -height, north)


NORTH_WEST = from_origin(LON, LAT, PIXEL_DEG, PIXEL_DEG)


def write(file: Path, *bands: np.ndarray, crs: str | None = "EPSG:4326", **profile: Any) -> Path:
    """A GeoTIFF in the town, its upper left corner at the town's middle."""
    options = {"driver": "GTiff", "dtype": bands[0].dtype, "transform": NORTH_WEST, **profile}
    height, width = bands[0].shape
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(file, "w", width=width, height=height, count=len(bands), crs=crs, **options) as raster:
            for index, band in enumerate(bands, start=1):
                raster.write(band, index)
    return file


def slope(rows: int = 40, columns: int = 60, dtype: str = "float32") -> np.ndarray:
    """Values that rise by one a pixel."""
    return np.arange(rows * columns, dtype=dtype).reshape(rows, columns)


class Catalogue:
    """The town's part of the catalogue."""

    def __init__(self, town: Town) -> None:
        self.town = town

    def add(self, file: Path, **words: Any) -> tuple[Raster, str]:
        described = RasterDescription.model_validate(
            {"collection": "heights", "content": "elevation", "source": "survey", **words}
        )
        return add_raster(self.town.engine, file, territory=self.town.id, description=described)

    def all(self, **wanted: Any) -> list[Raster]:
        with self.town.engine.connect() as connection:
            return list_rasters(connection, territory=self.town.id, **wanted)

    def find(self, collection: str = "heights", **wanted: Any) -> Raster:
        with self.town.engine.connect() as connection:
            return find_raster(connection, self.town.id, collection, **wanted)

    def files(self) -> set[Path]:
        """The files of the town's rasters, and what making them has left."""
        places = [folder() / self.town.id, *folder().glob(".making*")]
        return {each for place in places for each in place.rglob("*") if each.is_file()}


@pytest.fixture
def anywhere(engine: Engine) -> Iterator[Catalogue]:
    """The part of a territory that is the whole world."""
    world = Town(engine, "world")
    with engine.begin() as connection:
        register(connection, around("world", (-180, -90, 180, 84)).model_copy(update={"metric_crs": "EPSG:8857"}))
    yield Catalogue(world)
    forget(engine, "world")
    shutil.rmtree(folder() / "world", ignore_errors=True)


@pytest.fixture
def catalogue(town: Town) -> Iterator[Catalogue]:
    """The town's part of the catalogue, empty, and without files afterwards."""
    yield Catalogue(town)
    shutil.rmtree(folder() / town.id, ignore_errors=True)


def real(path: str) -> Path:
    """A file of the data folder."""
    file = get_settings().data / path
    if not file.is_file():
        pytest.skip(f"the data folder has no {path}")
    return file


def pixels(raster: Path, band: int = 1) -> np.ndarray:
    with rasterio.open(raster) as opened:
        return opened.read(band)


def test_a_raster_becomes_a_cog_with_the_same_pixels(catalogue: Catalogue, tmp_path: Path) -> None:
    file = write(tmp_path / "dem.tif", slope(700, 900), nodata=-1)
    raster, outcome = catalogue.add(file, time="2021-05", attribution="© the survey", bands=[{"unit": "m"}])
    assert outcome == "added"
    assert cog_validate(raster.path, strict=True) == (True, [], [])
    np.testing.assert_array_equal(pixels(raster.path), slope(700, 900))
    assert raster.path.is_relative_to(folder())
    assert (raster.width, raster.height, raster.crs, raster.srid) == (900, 700, "EPSG:4326", 4326)
    assert raster.overviews == [2]
    assert (raster.time, raster.time_precision) == (datetime(2021, 5, 1, tzinfo=UTC), "month")
    assert raster.time_text == "2021-05"
    box = shapely.box(LON, LAT - 0.7, LON + 0.9, LAT)
    assert raster.footprint.symmetric_difference(box).area < 1e-9
    assert raster.attribution == "© the survey"
    assert raster.title["be"] == "Вышыня мясцовасці"
    assert raster.colour_scale == {"ramp": "terrain"}
    [band] = raster.bands
    assert (band["unit"], band["nodata"], band["dtype"], band["valid_share"]) == ("m", -1, "float32", 1)
    assert catalogue.all() == [raster]
    assert catalogue.find() == raster
    assert catalogue.files() == {raster.path}


def test_statistics_are_of_the_valid_pixels(catalogue: Catalogue, tmp_path: Path) -> None:
    values = slope()
    values[0, :30] = -9999
    values[1, 0] = np.nan
    raster, _ = catalogue.add(write(tmp_path / "dem.tif", values, nodata=-9999))
    [band] = raster.bands
    valid = values[np.isfinite(values) & (values != -9999)]
    assert (band["min"], band["max"]) == (valid.min(), valid.max())
    assert band["mean"] == pytest.approx(valid.mean(dtype=float))
    assert band["valid_share"] == pytest.approx(valid.size / values.size)


def test_scale_and_offset_are_applied_to_statistics_and_kept(catalogue: Catalogue, tmp_path: Path) -> None:
    file = write(tmp_path / "dem.tif", np.array([[0, 10], [20, 30]], "int16"))
    with rasterio.open(file, "r+") as opened:
        opened.scales, opened.offsets, opened.units = (-0.5,), (100,), ("m",)
    raster, _ = catalogue.add(file)
    [band] = raster.bands
    assert (band["scale"], band["offset"], band["unit"]) == (-0.5, 100, "m")
    assert (band["min"], band["max"], band["mean"]) == (85, 100, 92.5)
    with rasterio.open(raster.path) as opened:
        assert (opened.scales, opened.offsets, opened.units) == ((-0.5,), (100.0,), ("m",))


@pytest.mark.parametrize(("nodata", "lowest", "share"), [(None, 1, 0.75), ("none", 0, 1), (3, 0, 0.75)])
def test_the_nodata_value_of_the_file_can_be_overridden(
    catalogue: Catalogue, tmp_path: Path, nodata: float | str | None, lowest: float, share: float
) -> None:
    file = write(tmp_path / "lights.tif", np.array([[0, 1], [2, 3]], "float32"), nodata=0)
    raster, _ = catalogue.add(file, nodata=nodata)
    [band] = raster.bands
    assert (band["min"], band["valid_share"]) == (lowest, share)
    with rasterio.open(raster.path) as opened:
        assert (opened.read_masks(1) > 0).mean() == share


def test_a_nodata_value_that_no_pixel_can_have_is_refused_or_ignored(catalogue: Catalogue, tmp_path: Path) -> None:
    file = write(tmp_path / "dem.tif", np.array([[0, 255]], "uint8"))
    with pytest.raises(InvalidInputError, match=r"-9999 is no value that a pixel of dem\.tif can have"):
        catalogue.add(file, nodata=-9999)
    assert catalogue.files() == set()


def test_masks_and_alpha_bands_say_what_is_valid(catalogue: Catalogue, tmp_path: Path) -> None:
    values = np.array([[1, 2], [3, 4]], "uint8")
    seen = np.array([[255, 255], [255, 0]], "uint8")
    masked = write(tmp_path / "masked.tif", values)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(masked, "r+") as opened:
        opened.write_mask(seen)
    raster, _ = catalogue.add(masked, collection="masked")
    assert raster.bands[0]["max"] == 3
    with rasterio.open(raster.path) as opened:
        np.testing.assert_array_equal(opened.dataset_mask(), seen)
    clear = write(tmp_path / "alpha.tif", values, values, values, seen, photometric="RGB", alpha="YES")
    raster, _ = catalogue.add(clear, collection="alpha", content="imagery")
    assert [each["colour_interpretation"] for each in raster.bands] == ["red", "green", "blue", "alpha"]
    assert raster.bands[0]["max"] == 3
    assert raster.colour_scale is None
    with rasterio.open(raster.path) as opened:
        np.testing.assert_array_equal(opened.dataset_mask(), seen)


def test_classes_are_never_averaged(catalogue: Catalogue, tmp_path: Path) -> None:
    """A checkerboard of the classes 10 and 200 has no pixel between them at any scale, and its palette is kept."""
    board = np.where(np.indices((1200, 1200)).sum(axis=0) % 3 > 0, 10, 200).astype("uint8")
    file = write(tmp_path / "cover.tif", board)
    with rasterio.open(file, "r+") as opened:
        opened.write_colormap(1, {10: (0, 128, 0, 255), 99: (1, 1, 1, 255), 200: (0, 0, 255, 255)})
    raster, _ = catalogue.add(file, content="land_cover", reproject_to="EPSG:3857")
    assert raster.colour_scale == {"classes": [{"value": 10, "colour": "#008000"}, {"value": 200, "colour": "#0000ff"}]}
    with rasterio.open(raster.path) as opened:
        smaller = opened.read(1, out_shape=(opened.height // 4, opened.width // 4), masked=True)
        assert set(np.unique(smaller.compressed())) <= {10, 200}
        assert opened.colormap(1)[200][:3] == (0, 0, 255)


def test_averages_make_the_overviews_of_other_rasters(catalogue: Catalogue, tmp_path: Path) -> None:
    board = np.where(np.indices((1200, 1200)).sum(axis=0) % 2 > 0, 0.0, 100.0).astype("float32")
    raster, _ = catalogue.add(write(tmp_path / "dem.tif", board))
    with rasterio.open(raster.path) as opened:
        smaller = opened.read(1, out_shape=(600, 600), resampling=Resampling.nearest)
    np.testing.assert_allclose(smaller, 50)


def test_it_is_resampled_only_if_asked(anywhere: Catalogue, tmp_path: Path) -> None:
    """The resampled pixels are those that GDAL's warper gives."""
    values = slope(300, 200)
    file = write(tmp_path / "dem.tif", values, crs="EPSG:32635", transform=from_origin(500_000, 5_970_000, 30, 30))
    kept, _ = anywhere.add(file)
    assert (kept.srid, kept.width, kept.height) == (32635, 200, 300)
    assert kept.resolution_m == pytest.approx(30, rel=1e-3)
    turned, _ = anywhere.add(file, collection="mercator", reproject_to="EPSG:3857")
    with rasterio.open(file) as source, warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        transform, width, height = calculate_default_transform(source.crs, "EPSG:3857", 200, 300, *source.bounds)
        expected = np.full((height, width), np.nan, "float32")
        reproject(
            values,
            expected,
            src_crs=source.crs,
            src_transform=source.transform,
            dst_crs="EPSG:3857",
            dst_transform=transform,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
    assert (turned.srid, turned.width, turned.height) == (3857, width, height)
    with rasterio.open(turned.path) as opened:
        found = opened.read(1, masked=True).filled(np.nan)
    inside = np.isfinite(expected)
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-4)
    assert turned.bands[0]["valid_share"] == pytest.approx(inside.mean(), abs=1e-3)
    assert turned.footprint.intersection(kept.footprint).area > 0.9 * kept.footprint.area


def test_the_same_file_changes_nothing_and_another_takes_its_place(catalogue: Catalogue, tmp_path: Path) -> None:
    file = write(tmp_path / "dem.tif", slope())
    first, _ = catalogue.add(file, time="2020")
    again, outcome = catalogue.add(file, time="2020")
    assert (again, outcome) == (first, "unchanged")
    described, outcome = catalogue.add(file, time="2020", bands=[{"unit": "m"}])
    assert (outcome, described.id, described.bands[0]["unit"]) == ("replaced", first.id, "m")
    other, outcome = catalogue.add(write(tmp_path / "new.tif", slope() + 7), time="2020")
    assert (outcome, other.id, other.bands[0]["min"]) == ("replaced", first.id, 7)
    assert catalogue.all() == [other]
    assert catalogue.files() == {other.path}


def test_a_lost_file_is_made_again(catalogue: Catalogue, tmp_path: Path) -> None:
    file = write(tmp_path / "dem.tif", slope())
    first, _ = catalogue.add(file)
    first.path.unlink()
    again, outcome = catalogue.add(file)
    assert (again.path, outcome) == (first.path, "replaced")
    assert catalogue.files() == {first.path}


def test_times_and_sources_stand_side_by_side(catalogue: Catalogue, tmp_path: Path) -> None:
    file = write(tmp_path / "dem.tif", slope())
    for time, source in (("2021", "survey"), ("2020", "survey"), ("2021", "drone"), (None, "survey")):
        assert catalogue.add(file, time=time, source=source)[1] == "added"
    assert [(each.time_text, each.source) for each in catalogue.all()] == [
        (None, "survey"),
        ("2020", "survey"),
        ("2021", "drone"),
        ("2021", "survey"),
    ]
    assert catalogue.find(time="2021", source="drone").source == "drone"
    assert catalogue.find(source="survey").time_text == "2021"
    assert catalogue.find(time="2020").time_text == "2020"
    with pytest.raises(NotFoundError, match=r"are of no time, 2020, 2021, 2021; there is none of 2019"):
        catalogue.find(time="2019")
    with pytest.raises(NotFoundError, match="town has no rasters 'lights'; it has: heights"):
        catalogue.find("lights")
    with pytest.raises(InvalidInputError, match="'last year' is no time"):
        catalogue.find(time="last year")


def test_loads_at_once_leave_one_raster(catalogue: Catalogue, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{number}.tif", slope() + number) for number in range(4)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(catalogue.add, files))
    [raster] = catalogue.all()
    assert catalogue.files() == {raster.path}


def test_a_raster_is_removed_with_its_file(catalogue: Catalogue, tmp_path: Path) -> None:
    raster, _ = catalogue.add(write(tmp_path / "dem.tif", slope()))
    remove_raster(catalogue.town.engine, raster)
    assert catalogue.all() == []
    assert catalogue.files() == set()


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


def test_a_stated_crs_goes_before_that_of_the_file(anywhere: Catalogue, tmp_path: Path) -> None:
    place = from_origin(500_000, 5_970_000, 30, 30)
    for name, crs in (("lost", None), ("wrong", "EPSG:32636")):
        file = write(tmp_path / f"{name}.tif", slope(), crs=crs, transform=place)
        raster, _ = anywhere.add(file, collection=name, crs="EPSG:32635")
        assert raster.srid == 32635
        assert raster.footprint.bounds[0] == pytest.approx(27, abs=0.1)


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


def test_restricted_rasters_are_seen_by_members_only(catalogue: Catalogue, tmp_path: Path) -> None:
    file = write(tmp_path / "dem.tif", slope())
    catalogue.add(file, collection="open")
    catalogue.add(file, collection="closed", restricted=True)
    with catalogue.town.engine.begin() as connection:
        connection.execute(text("SET LOCAL ROLE horad_public"))
        seen = [each.collection for each in list_rasters(connection, territory=catalogue.town.id)]
        assert seen == ["open"]


SERIES = {
    "id": "lights",
    "title": {"be": "А", "ru": "О", "en": "L"},
    "attribution": "the test",
    "kind": "raster",
    "collection": "night-lights",
    "content": "night_lights",
    "places": [{"data": "lights_{time}.tif"}],
    "times": [2020, 2021],
    "bands": [{"unit": "nW/cm²/sr"}],
    "colour_scale": {"ramp": "inferno", "low": 0, "high": 60},
}


def pack(town: Town, **words: Any) -> Territory:
    """The town, with a series of rasters as its source; ``None`` leaves a word out."""
    source = {name: value for name, value in (SERIES | words).items() if value is not None}
    return Territory.model_validate(
        {
            "id": town.id,
            "title": SERIES["title"],
            "metric_crs": "EPSG:32635",
            "boundary": [27.5, 53.88, 27.6, 53.92],
            "sources": [source],
        }
    )


def load(town: Town, **words: Any) -> Outcome:
    [outcome] = load_territory(town.engine, pack(town, **words))
    return outcome


def test_a_series_is_a_source_of_a_territory(catalogue: Catalogue, data_folder: Path) -> None:
    for year in (2020, 2021):
        write(data_folder / f"lights_{year}.tif", slope() + year)
    assert load(catalogue.town).note == "rasters: 2 added"
    first, second = catalogue.all()
    assert (first.time_text, first.bands[0]["min"], first.bands[0]["unit"]) == ("2020", 2020, "nW/cm²/sr")
    assert (second.time_text, second.source, second.attribution) == ("2021", "lights", "the test")
    assert second.colour_scale == {"ramp": "inferno", "low": 0, "high": 60}
    assert load(catalogue.town).note == "rasters: 2 unchanged"
    write(data_folder / "lights_2021.tif", slope())
    assert load(catalogue.town).note == "rasters: 1 unchanged, 1 replaced"
    assert load(catalogue.town, times=["2021"]).note == "rasters: 1 unchanged, 1 removed"
    assert [each.time_text for each in catalogue.all()] == ["2021"]
    assert catalogue.files() == {catalogue.find("night-lights").path}


def test_a_raster_of_elsewhere_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    there = write(tmp_path / "there.tif", slope(), crs="EPSG:32635")
    with pytest.raises(SourceError, match=r"there\.tif can't be taken: it lies outside town"):
        catalogue.add(there)
    assert (catalogue.all(), catalogue.files()) == ([], set())


def test_a_rehearsal_tells_what_would_become_of_rasters(catalogue: Catalogue, data_folder: Path) -> None:
    def rehearse(**words: Any) -> str:
        [outcome] = load_sources(catalogue.town.engine, pack(catalogue.town, **words), rehearse=True)
        return outcome.note

    for year in (2020, 2021):
        write(data_folder / f"lights_{year}.tif", slope())
    assert rehearse() == "rasters would be: 2 added"
    assert (catalogue.all(), catalogue.files()) == ([], set())
    load(catalogue.town)
    write(data_folder / "lights_2021.tif", slope() + 1)
    before = catalogue.all(), catalogue.files()
    assert rehearse() == "rasters would be: 1 unchanged, 1 replaced"
    assert rehearse(times=["2020"]) == "rasters would be: 1 unchanged, 1 removed"
    (data_folder / "lights_2021.tif").write_bytes(b"II*\0 cut")
    assert "cut off" in rehearse()
    assert (catalogue.all(), catalogue.files()) == before


def test_a_source_that_is_no_longer_described_takes_its_rasters_along(
    catalogue: Catalogue, data_folder: Path, tmp_path: Path
) -> None:
    for year in (2020, 2021):
        write(data_folder / f"lights_{year}.tif", slope())
    mine, _ = catalogue.add(write(tmp_path / "dem.tif", slope()))
    load(catalogue.town)
    without = pack(catalogue.town).model_copy(update={"sources": ()})
    rehearsed = adapt(catalogue.town.engine, without, rehearse=True, folder=tmp_path)
    assert rehearsed.removed == {"lights": {"rasters": 2}}
    assert len(catalogue.all()) == 3
    assert adapt(catalogue.town.engine, without, folder=tmp_path).removed == {"lights": {"rasters": 2}}
    assert catalogue.all() == [mine]
    assert catalogue.files() == {mine.path}
    load(catalogue.town)
    load_territory(catalogue.town.engine, without)
    assert catalogue.all() == [mine]


def test_a_year_that_is_not_to_be_had_leaves_the_others(catalogue: Catalogue, data_folder: Path) -> None:
    write(data_folder / "lights_2021.tif", slope())
    outcome = load(catalogue.town)
    assert outcome.note.startswith("rasters: 1 added; not loaded: none of its places has it: lights_2020.tif in")
    assert isinstance(outcome.error, SourceError)
    assert [each.time_text for each in catalogue.all()] == ["2021"]


def test_a_single_raster_is_a_source_too(catalogue: Catalogue, data_folder: Path) -> None:
    write(data_folder / "dem.tif", slope())
    places = [{"data": "dem.tif"}]
    assert load(catalogue.town, times=None, places=places, content="elevation").note == "rasters: 1 added"
    assert catalogue.find("night-lights").time is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"time": "2020"}, "not both"),
        ({"times": None}, "a single raster can't have it"),
        ({"places": [{"data": "lights.tif"}]}, r"a series needs \{time\} in its places"),
        ({"times": ["2020", 2020]}, "must differ"),
        ({"times": ["someday"]}, "is no time"),
        ({"content": "weather"}, "content"),
    ],
)
def test_a_source_that_says_nothing_sensible_is_refused(town: Town, words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        pack(town, **words)


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


def test_thirteen_years_of_night_lights_are_one_collection(catalogue: Catalogue) -> None:
    years = [str(year) for year in range(2012, 2025)]
    for year in years:
        file = real(f"belarus/nightlights/vnl_{year}.tif")
        catalogue.add(file, collection="night-lights", content="night_lights", time=year, bands=[{"unit": "nW/cm²/sr"}])
    found = catalogue.all(collection="night-lights")
    assert [each.time_text for each in found] == years
    for each in (found[0], found[-1]):
        values = pixels(real(f"belarus/nightlights/vnl_{each.time_text}.tif"))
        lit = values[values != 0]
        [band] = each.bands
        assert (band["min"], band["max"]) == (lit.min(), lit.max())
        assert band["mean"] == pytest.approx(lit.mean(dtype=float))
        assert band["valid_share"] == pytest.approx(lit.size / values.size)
        assert cog_validate(each.path, strict=True) == (True, [], [])


@pytest.mark.parametrize(
    ("path", "content", "unit"),
    [
        ("andorra/N42E001.hgt.zip", "elevation", "m"),
        ("liechtenstein/gpw4_population_density_switzerland_liechtenstein.tif", "population", None),
        ("rasters/landsat7.tif", "imagery", None),
        ("water_ky4/ky4_elevation.tif", "elevation", None),
    ],
)
def test_real_rasters_come_in(anywhere: Catalogue, path: str, content: str, unit: str | None) -> None:
    file = real(path)
    raster, _ = anywhere.add(file, content=content)
    assert cog_validate(raster.path, strict=True) == (True, [], [])
    with rasterio.open(file) as before, rasterio.open(raster.path) as after:
        assert (before.crs, before.shape, before.count) == (after.crs, after.shape, after.count)
        for index in before.indexes:
            np.testing.assert_array_equal(before.read(index), after.read(index))
    assert raster.bands[0]["unit"] == unit


def test_half_of_a_real_raster_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    whole = real("belarus/nightlights/vnl_2020.tif").read_bytes()
    half = tmp_path / "half.tif"
    half.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"half\.tif is cut off"):
        catalogue.add(half)
    assert catalogue.files() == set()
