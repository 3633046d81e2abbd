"""The commands of the catalogue of rasters."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from sqlalchemy import Engine
from test_cli import Horad

from layers.rasters.catalogue import folder


@pytest.fixture
def horad(helsinki: Engine, capsys: pytest.CaptureFixture[str]) -> Iterator[Horad]:
    """The command; rasters that it adds to the demo city are gone afterwards."""
    yield Horad(capsys)
    with helsinki.begin() as connection:
        connection.exec_driver_sql("DELETE FROM rasters WHERE collection = 'heights'")
    shutil.rmtree(folder() / "helsinki" / "heights", ignore_errors=True)


@pytest.fixture
def dem(tmp_path: Path) -> Path:
    """A raster of Helsinki."""
    file = tmp_path / "Height model.tif"
    place = Affine(0.001, 0, 24.9, 0, -0.001, 60.2)
    with rasterio.open(
        file, "w", driver="GTiff", width=30, height=20, count=1, dtype="float32", crs="EPSG:4326", transform=place
    ) as raster:
        raster.write(np.arange(600, dtype="float32").reshape(1, 20, 30))
    return file


def add(horad: Horad, file: Path, *more: str) -> str:
    return horad.ok(
        "rasters", "add", str(file), "-t", "helsinki", "--collection", "heights", "--content", "elevation", *more
    )


def test_rasters_are_added_listed_and_removed(horad: Horad, dem: Path) -> None:
    assert "heights of 2020 from height-model: added" in add(horad, dem, "--time", "2020", "--unit", "m")
    assert "unchanged" in add(horad, dem, "--time", "2020", "--unit", "m")
    assert "added" in add(horad, dem, "--time", "2021")
    listed = horad.ok("rasters", "list", "-t", "helsinki")
    assert [line.split()[1:3] for line in listed.strip().splitlines()[1:] if "heights" in line] == [
        ["heights", "2020"],
        ["heights", "2021"],
    ]
    first, _ = json.loads(horad.ok("rasters", "list", "--collection", "heights", "--json"))
    assert (first["time"], first["bands"][0]["unit"], first["bands"][0]["max"]) == ("2020", "m", 599)
    assert Path(first["file"]).is_file()
    assert "of 2020, 2021: name one with --time" in horad.error("rasters", "remove", "heights", "-t", "helsinki")
    assert "removed" in horad.ok("rasters", "remove", "heights", "-t", "helsinki", "--time", "2020")
    assert not Path(first["file"]).exists()
    assert "2021" in horad.ok("rasters", "remove", "heights", "-t", "helsinki", "--all")
    assert "no rasters yet" in horad.ok("rasters", "list", "--collection", "heights")


def test_what_is_wrong_is_said(horad: Horad, dem: Path, tmp_path: Path) -> None:
    wanted = ("-t", "helsinki", "--collection", "heights")
    assert "content" in horad.error("rasters", "add", str(dem), *wanted, "--content", "weather")
    complete = (*wanted, "--content", "elevation")
    assert "no file" in horad.error("rasters", "add", str(tmp_path / "nothing.tif"), *complete)
    assert "no time" in horad.error("rasters", "add", str(dem), *complete, "--time", "soon")
    assert "nodata" in horad.error("rasters", "add", str(dem), *complete, "--nodata", "low")
    assert "EPSG" in horad.error("rasters", "add", str(dem), *complete, "--crs", "EPSG:0")
    assert "atlantis" in horad.error("rasters", "add", str(dem), "-t", "atlantis", *complete[2:])
    assert "heights" in horad.error("rasters", "remove", "heights", "-t", "helsinki")
