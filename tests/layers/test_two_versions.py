"""The change report on two dated versions of a real source: the countries of Natural Earth, as two geopandas ship them.

geopandas 0.10.2 is of October 2021, geopandas 0.13.2 of June 2023. Natural Earth is in the public domain.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pytest
from sqlalchemy import Engine
from town import Town, forget

from layers.history.changes import changes, versions_of_source
from layers.history.history import undo_run
from layers.reading import store
from layers.territories.packs import around
from layers.territories.territory import register

VERSIONS = ("0.10.2", "0.13.2")
COUNTRIES = "geopandas/datasets/naturalearth_lowres/naturalearth_lowres.shp"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The two files, from the registry of Python packages."""
    found = []
    for version in VERSIONS:
        folder = tmp_path_factory.mktemp(f"geopandas-{version}")
        install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        trusting = {**os.environ, "UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}
        done = subprocess.run(
            [*install, f"geopandas=={version}"], env=trusting, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"the registry of packages doesn't give geopandas {version}: {done.stderr[-200:]}")
        found.append(folder / COUNTRIES)
    return found


@pytest.fixture
def world(engine: Engine) -> Iterator[Town]:
    world = Town(engine, "world")
    with engine.begin() as connection:
        register(connection, around("world", (-180, -90, 180, 84)).model_copy(update={"metric_crs": "EPSG:8857"}))
    yield world
    forget(engine, "world")


def test_the_report_tells_what_happened_to_the_countries(world: Town, files: list[Path]) -> None:
    for file in files:
        world.load(file, "districts", key="name")
    first, second = sorted(row["id"] for row in world.everything()["runs"])
    with world.engine.connect() as connection:
        versions = versions_of_source(connection, first, second)
        report = changes(connection, "districts", **versions._asdict())
    old, new = (gpd.read_file(file).set_index("name").drop(index="Antarctica") for file in files)
    rows = report.features
    named = {kind: set(rows.loc[rows["change"] == kind, "name"]) for kind in ("added", "removed", "geometry")}
    assert named["added"] == set(new.index) - set(old.index) == {"North Macedonia"}
    assert named["removed"] == set(old.index) - set(new.index)
    both = old.index.intersection(new.index)
    moved = both[~old.loc[both].geometry.normalize().geom_equals_exact(new.loc[both].geometry.normalize(), 0)]
    assert named["geometry"] == set(moved)
    totals = report.totals.loc["all"]
    for side, frame in (("before", old), ("after", new)):
        assert totals[f"features_{side}"] == len(frame)
        area = frame.geometry.to_crs("EPSG:8857").area.sum()
        assert totals[f"area_m2_{side}"] == pytest.approx(area, rel=1e-3)
    with world.engine.connect() as connection:
        then = store.read_frame(connection, "districts", store.Query(territory="world", as_of=versions.since))
    assert set(then["name"]) == set(old.index)
    with world.engine.begin() as connection:
        undo_run(connection, second)
    assert {row["name"] for row in world.features("districts").values()} == set(old.index)
