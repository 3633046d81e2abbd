"""What tests share: a private PostGIS for the session."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from layers import database
from layers.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def horad_home() -> Iterator[Path]:
    """A home folder of the session's own that any user can enter, since PostgreSQL never runs as root."""
    home = Path(tempfile.mkdtemp(prefix="horad-test-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def database_url(horad_home: Path) -> Iterator[str]:
    """The address of a running PostGIS; the settings of this process and of its children lead to it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("HORAD_HOME", str(horad_home))
    patch.delenv("HORAD_DATABASE_URL", raising=False)
    get_settings.cache_clear()
    try:
        yield database.ensure_running()
    finally:
        database.stop()
        patch.undo()
        get_settings.cache_clear()
