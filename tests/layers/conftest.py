"""What the tests of the layers share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from town import PLACE, Town, forget

from layers.settings import get_settings
from layers.territory import register


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
