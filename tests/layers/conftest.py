"""What the tests of the layers share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hamlets import Hamlet
from raster_town import Catalogue
from sqlalchemy import Engine
from town import PLACE, Town, forget

from layers.rasters.catalogue import folder
from layers.settings import get_settings
from layers.territories.packs import around
from layers.territories.territory import register


@pytest.fixture
def town(engine: Engine) -> Iterator[Town]:
    """A town of the test's own, gone afterwards with all that was loaded into it."""
    with engine.begin() as connection:
        register(connection, PLACE)
    yield Town(engine, PLACE.id)
    forget(engine, PLACE.id)


@pytest.fixture
def data_folder(database_url: str, tmp_path: Path) -> Iterator[Path]:
    """A data folder of the test's own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("HORAD_DATA", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    patch.undo()
    get_settings.cache_clear()


@pytest.fixture
def private_addresses() -> Iterator[pytest.MonkeyPatch]:
    """Lets sources be on this machine; other settings may be set with what it gives."""
    patch = pytest.MonkeyPatch()
    patch.setenv("HORAD_ALLOW_PRIVATE_ADDRESSES", "true")
    get_settings.cache_clear()
    yield patch
    patch.undo()
    get_settings.cache_clear()


@pytest.fixture
def hamlet(engine: Engine, tmp_path: Path) -> Iterator[Hamlet]:
    yield Hamlet(engine, tmp_path)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE territories SET parent = NULL WHERE id IN ('hamlet', 'shire')")
    for name in ("hamlet", "shire", "realm"):
        forget(engine, name)


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
