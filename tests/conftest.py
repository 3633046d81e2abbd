"""What tests share: a private PostGIS for the session, and a real server with a real city."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import hypothesis
import pytest
from ports import free_port
from sqlalchemy import text

from api.serving import service
from layers.access import keys, roles, users
from layers.loads.loading import load_territory
from layers.migrations import migrate
from layers.postgres import database
from layers.settings import get_settings
from layers.territories.packs import read_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine


hypothesis.settings.register_profile(
    "horad", hypothesis.settings(), deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("horad")
"""How long an example takes says something of the machine. Where CI is set, the examples are always the same."""


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
    patch.setenv("HORAD_RATE_LIMIT", "off")
    patch.delenv("HORAD_DATABASE_URL", raising=False)
    get_settings.cache_clear()
    try:
        yield database.ensure_running()
    finally:
        database.stop()
        patch.undo()
        get_settings.cache_clear()


@pytest.fixture(scope="session")
def engine(database_url: str) -> Engine:
    """The session's database, its tables made."""
    found = database.engine()
    migrate(found)
    return found


@pytest.fixture(scope="session")
def helsinki(engine: Engine) -> Engine:
    """The session's database with the demo city loaded; tests must leave it as it is."""
    load_territory(engine, read_pack("helsinki"))
    return engine


@pytest.fixture(scope="session")
def server_url(helsinki: Engine) -> Iterator[str]:
    """The address of a real server with the demo city; at the end its log must be clean."""
    patch = pytest.MonkeyPatch()
    patch.setenv("HORAD_PORT", str(free_port()))
    get_settings.cache_clear()
    try:
        yield service.start().url
        log = service.log_file().read_text()
        service.stop()
        assert "Traceback" not in log, log
    finally:
        service.stop()
        patch.undo()
        get_settings.cache_clear()


@pytest.fixture(scope="session")
def client(server_url: str) -> Iterator[httpx.Client]:
    """A client of the server."""
    with httpx.Client(base_url=server_url, timeout=300) as connected:
        yield connected


@pytest.fixture
def user(helsinki: Engine) -> Iterator[Callable[..., str]]:
    """Makes users with a role, and returns keys of theirs."""
    made: list[str] = []

    def make(role: str | None, territory: str = "helsinki", **options: object) -> str:
        name = f"user{uuid4().hex[:8]}"
        with helsinki.begin() as connection:
            users.add(connection, name)
            if role is not None:
                roles.grant(connection, name, role, territory)
            made.append(name)
            return keys.create(connection, name, **options)

    yield make
    with helsinki.begin() as connection:
        for name in made:
            users.remove(connection, name)


@pytest.fixture
def closed(helsinki: Engine) -> Iterator[str]:
    """A facility of Helsinki that isn't for the public, behind closed doors; its id."""
    values = "('helsinki', 'by hand', 'secret', 'school', :name, true, ST_Point(24.945, 60.17, 4326))"
    insert = f"INSERT INTO facilities (territory, source, source_id, kind, name, restricted, geom) VALUES {values}"
    with helsinki.begin() as connection:
        made = connection.execute(text(f"{insert} RETURNING id"), {"name": "behind closed doors"}).scalar_one()
    yield str(made)
    with helsinki.begin() as connection:
        connection.execute(text("DELETE FROM facilities WHERE source_id = 'secret'"))
