"""Connections to the city's PostGIS: the embedded one unless HORAD_DATABASE_URL names another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event, make_url

from layers.cluster import DATABASE, PORT, Cluster
from layers.errors import DatabaseError
from layers.settings import get_settings

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine.interfaces import DBAPIConnection

_EXTENSIONS = ("postgis", "pg_trgm", "unaccent")
_PROVISIONING_LOCK = 0x686F726164
_POOL_SIZE = 5
_POOL_OVERFLOW = 10


@dataclass(frozen=True)
class DatabaseStatus:
    """What is known of the database without starting it."""

    running: bool
    url: str
    """Its address, the password hidden."""
    folder: Path | None
    """Where the embedded cluster is; None for a database of HORAD_DATABASE_URL."""
    postgresql: str | None
    """Version of the server, None when it does not run."""
    postgis: str | None
    """Version of PostGIS, None when it does not run or PostGIS is not installed in it."""


def ensure_running() -> str:
    """Make the database ready for use: the embedded one is created and started when needed.

    Returns
    -------
    str
        Its address for SQLAlchemy, ``postgresql+psycopg://...``, of a database that has PostGIS.

    Raises
    ------
    DatabaseError
        It can't be found, started or reached, or can't have PostGIS; the text says what to do.
    """
    external = get_settings().database_url
    if external is None:
        _cluster().start()
    url = make_url(external) if external else _embedded_url()
    _provide_extensions(url)
    return url.render_as_string(hide_password=False)


def stop() -> bool:
    """Stop the embedded database and drop this process's connections to it.

    Returns
    -------
    bool
        Whether anything was running; always False for a database of HORAD_DATABASE_URL, which is left alone.

    Raises
    ------
    DatabaseError
        It did not stop in time, or belongs to another user.
    """
    if get_settings().database_url:
        return False
    for parallel in (True, False) if engine.cache_info().currsize else ():
        engine(parallel=parallel).dispose()
    engine.cache_clear()
    return _cluster().stop()


def status() -> DatabaseStatus:
    """Tell whether the database runs, where, and its versions, without starting anything."""
    external = get_settings().database_url
    url = make_url(external) if external else _embedded_url()
    folder = None if external else _cluster().folder
    try:
        with _connect(url) as connection:
            postgresql = str(connection.execute("SHOW server_version").fetchall()[0][0])
            found = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'postgis'").fetchall()
    except psycopg.OperationalError:
        return DatabaseStatus(running=False, url=str(url), folder=folder, postgresql=None, postgis=None)
    postgis = found[0][0] if found else None
    return DatabaseStatus(running=True, url=str(url), folder=folder, postgresql=postgresql, postgis=postgis)


@lru_cache
def engine(*, parallel: bool = True) -> Engine:
    """Give this process's pool of connections, making the database ready at the first call.

    Parameters
    ----------
    parallel
        False for many small queries at once, such as tiles: its connections plan without parallel workers.

    Returns
    -------
    sqlalchemy.Engine
        The same object on every call; its connections survive a restart of the database.

    Raises
    ------
    DatabaseError
        As `ensure_running`.
    """
    pool = create_engine(ensure_running(), pool_pre_ping=True, pool_size=_POOL_SIZE, max_overflow=_POOL_OVERFLOW)

    @event.listens_for(pool, "connect")
    def configure(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("SET jit = off")
        cursor.execute("SET timezone = 'UTC'")
        if not parallel:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.close()
        connection.commit()

    return pool


def _cluster() -> Cluster:
    return Cluster(get_settings().home)


def _embedded_url() -> URL:
    query = {"host": str(_cluster().socket_dir), "port": str(PORT)}
    return URL.create("postgresql+psycopg", username=DATABASE, database=DATABASE, query=query)


def _connect(url: URL) -> psycopg.Connection[Any]:
    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(conninfo, connect_timeout=10, autocommit=True)


def _provide_extensions(url: URL) -> None:
    """Install the extensions Horad needs, once, however many processes ask at the same time."""
    try:
        with _connect(url) as connection:
            if not _missing_extensions(connection):
                return
            connection.execute("SELECT pg_advisory_lock(%s)", [_PROVISIONING_LOCK])
            for name in _missing_extensions(connection):
                connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
    except psycopg.OperationalError as error:
        raise DatabaseError(f"Can't connect to {url}: {error}") from error
    except psycopg.Error as error:
        wanted = "; ".join(f"CREATE EXTENSION {name}" for name in _EXTENSIONS)
        raise DatabaseError(f"{url} lacks extensions ({error}). Have its administrator run there: {wanted}") from error


def _missing_extensions(connection: psycopg.Connection[Any]) -> list[str]:
    installed = {name for (name,) in connection.execute("SELECT extname FROM pg_extension")}
    return [name for name in _EXTENSIONS if name not in installed]
