"""The catalogue of rasters: what becomes of files, and what is known of them."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from raster_town import Catalogue, from_origin, pixels, real, slope, write
from rasterio.enums import Resampling
from rasterio.warp import calculate_default_transform, reproject
from rio_cogeo import cog_validate
from sqlalchemy import text
from town import LAT, LON

from geo.errors import InvalidInputError
from layers.errors import NotFoundError
from layers.rasters.catalogue import folder, list_rasters, remove_raster


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


def test_a_stated_crs_goes_before_that_of_the_file(anywhere: Catalogue, tmp_path: Path) -> None:
    place = from_origin(500_000, 5_970_000, 30, 30)
    for name, crs in (("lost", None), ("wrong", "EPSG:32636")):
        file = write(tmp_path / f"{name}.tif", slope(), crs=crs, transform=place)
        raster, _ = anywhere.add(file, collection=name, crs="EPSG:32635")
        assert raster.srid == 32635
        assert raster.footprint.bounds[0] == pytest.approx(27, abs=0.1)


def test_restricted_rasters_are_seen_by_members_only(catalogue: Catalogue, tmp_path: Path) -> None:
    file = write(tmp_path / "dem.tif", slope())
    catalogue.add(file, collection="open")
    catalogue.add(file, collection="closed", restricted=True)
    with catalogue.town.engine.begin() as connection:
        connection.execute(text("SET LOCAL ROLE horad_public"))
        seen = [each.collection for each in list_rasters(connection, territory=catalogue.town.id)]
        assert seen == ["open"]


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
