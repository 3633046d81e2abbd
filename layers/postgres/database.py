"""Connections to the city's PostGIS: the embedded one unless HORAD_DATABASE_URL names another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

from layers.errors import DatabaseError
from layers.models.base import PUBLIC
from layers.postgres.cluster import DATABASE, PORT, Cluster
from layers.settings import get_settings

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg.rows import TupleRow
    from sqlalchemy.engine.interfaces import DBAPIConnection

SETTINGS = "horad_settings"
"""The execution option that holds settings of PostgreSQL for each transaction, by name."""
RIGHTS = "horad_rights"
"""The execution option that tells by what to keep answers that were read through an engine; see `rights_key`."""

_OWNER = "owner"
_EXTENSIONS = ("postgis", "pg_trgm", "unaccent")
_PROVISIONING_LOCK = 7_640_891_576_956_012_809
_NOTICE_LOSS = {"keepalives_idle": "2", "keepalives_interval": "1", "keepalives_count": "3", "tcp_user_timeout": "5000"}
_CONNECT_TIMEOUT_S = 5
_OVERFLOW = 5
_BESIDE = 12
"""Connections of a process beside those of requests: the owner's, the queue's and the listener's."""
_RESERVED = 10
"""Connections of the server for others: loads, workers, operators."""
_FOR_TILES = ("timezone=UTC", "jit=off", "max_parallel_workers_per_gather=0", "plan_cache_mode=force_generic_plan")

_engines: dict[tuple[bool, bool], Engine] = {}
_engines_lock = Lock()


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
    """Version of PostGIS, None when the server does not run or does not have it yet."""


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
    if get_settings().database_url is None:
        Cluster(get_settings().home).start()
    url = _url()
    _provide_extensions(url)
    return url.render_as_string(hide_password=False)


def stop() -> bool:
    """Stop the embedded database, and drop this process's connections to it.

    Returns
    -------
    bool
        Whether anything was running; always False for a database of HORAD_DATABASE_URL, which is left alone.

    Raises
    ------
    DatabaseError
        It does not end, or belongs to another user.
    """
    disconnect()
    return get_settings().database_url is None and Cluster(get_settings().home).stop()


def status() -> DatabaseStatus:
    """Tell whether the database runs, where, and its versions, without starting anything.

    Raises
    ------
    DatabaseError
        The embedded database belongs to another user.
    """
    url = _url()
    folder = None if get_settings().database_url else Cluster(get_settings().home).folder
    try:
        with _connect(url) as connection:
            postgresql = str(connection.execute("SHOW server_version").fetchall()[0][0])
            found = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'postgis'").fetchall()
    except psycopg.OperationalError:
        return DatabaseStatus(running=False, url=str(url), folder=folder, postgresql=None, postgis=None)
    postgis = found[0][0] if found else None
    return DatabaseStatus(running=True, url=str(url), folder=folder, postgresql=postgresql, postgis=postgis)


def base_id(connection: Connection) -> str:
    """Return by what a base is known to others: the same on all its replicas, another on a copy that was restored."""
    found = connection.exec_driver_sql(
        "SELECT md5(system_identifier || '/' || oid) FROM pg_control_system(), pg_database"
        " WHERE datname = current_database()"
    )
    return str(found.scalar_one())


def engine(*, parallel: bool = True, public: bool = False) -> Engine:
    """Give this process's pool of connections, making the database ready at the first call.

    Parameters
    ----------
    parallel
        False for many small queries at once, such as tiles: its connections plan without parallel workers.
    public
        True for the service: its connections have the rights of the public, and row-level security keeps restricted
        rows from them. False for the owner of the base, who sees and changes everything.

    Returns
    -------
    sqlalchemy.Engine
        The same object on every call; it survives a restart of the database.

    Raises
    ------
    DatabaseError
        As `ensure_running`.
    """
    with _engines_lock:
        kind = (parallel, public)
        if kind not in _engines:
            _engines[kind] = _create_engine(ensure_running(), parallel=parallel, public=public)
        return _engines[kind]


def check_connections(workers: int) -> None:
    """Make sure that the database takes as many connections as so many processes of the service may open.

    Raises
    ------
    DatabaseError
        It doesn't; the text says what to change.
    """
    settings = get_settings()
    short = settings.tile_connections + settings.page_connections
    each = settings.connections + short + 2 * settings.analyses_at_once + _BESIDE
    with engine().connect() as connection:
        most = int(connection.exec_driver_sql("SHOW max_connections").scalar_one())
    if workers * each > most - _RESERVED:
        raise DatabaseError(
            f"{workers} workers may open {workers * each} connections, and the database takes {most}: raise its "
            "max_connections, or lower HORAD_CONNECTIONS, HORAD_TILE_CONNECTIONS or the number of workers."
        )


def own_connection() -> psycopg.Connection[Any]:
    """Open a connection of the owner's outside the pools, for a process that listens.

    It commits by itself, and a network that is lost shows on it within seconds. The database isn't started for it.

    Raises
    ------
    psycopg.OperationalError
        The database can't be reached.
    """
    return _connect(_url().update_query_dict(_NOTICE_LOSS))


def rights_key(engine: Engine) -> str:
    """Return by what to keep what is read through an engine: the same for all who see the same rows."""
    key: str = engine.get_execution_options().get(RIGHTS, _OWNER)
    return key


async def event_loop_connection() -> psycopg.AsyncConnection[TupleRow]:
    """Open a connection of the public's outside the pools, for many small statements, each prepared once.

    Raises
    ------
    psycopg.OperationalError
        The database can't be reached.
    """
    patience_ms = math.ceil(get_settings().statement_timeout_s * 1000)
    return await psycopg.AsyncConnection.connect(
        _conninfo(_url().update_query_dict(_NOTICE_LOSS)),
        connect_timeout=_CONNECT_TIMEOUT_S,
        autocommit=True,
        options=" ".join(f"-c {each}" for each in (*_FOR_TILES, f"statement_timeout={patience_ms}", f"role={PUBLIC}")),
    )


def disconnect() -> None:
    """Close this process's pools of connections; the next `engine` call reads the settings again."""
    with _engines_lock:
        for pool in _engines.values():
            pool.dispose()
        _engines.clear()


def _create_engine(url: str, *, parallel: bool, public: bool) -> Engine:
    settings = get_settings()
    small = public and not parallel
    pool = create_engine(
        url,
        pool_pre_ping=True,
        pool_size=settings.connections if small else settings.analyses_at_once,
        max_overflow=0 if small else settings.analyses_at_once if public else _OVERFLOW,
        pool_timeout=settings.wait_s,
        connect_args={"connect_timeout": _CONNECT_TIMEOUT_S},
        execution_options={RIGHTS: "" if public else _OWNER},
    )
    patience_s = settings.analysis_timeout_s if parallel else settings.statement_timeout_s

    @event.listens_for(pool, "connect")
    def configure(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("SET timezone = 'UTC'")
        cursor.execute("SET jit = off")
        if not parallel:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
        if public:
            cursor.execute(f"SET statement_timeout = {math.ceil(patience_s * 1000)}")
            cursor.execute(f"SET ROLE {PUBLIC}")
        cursor.close()
        connection.commit()

    event.listen(pool, "begin", _settle)
    return pool


def _settle(connection: Connection) -> None:
    """Give a transaction that begins the settings that the connection was lent with."""
    settings: dict[str, str] | None = connection.get_execution_options().get(SETTINGS)
    if settings:
        wanted = ", ".join(["set_config(%s, %s, true)"] * len(settings))
        parameters = tuple(part for item in settings.items() for part in item)
        connection.exec_driver_sql(f"SELECT {wanted}", parameters)


def _url() -> URL:
    external = get_settings().database_url
    if external:
        return make_url(external)
    query = {"host": str(Cluster(get_settings().home).socket_dir), "port": str(PORT)}
    return URL.create("postgresql+psycopg", username=DATABASE, database=DATABASE, query=query)


def _connect(url: URL) -> psycopg.Connection[Any]:
    return psycopg.connect(_conninfo(url), connect_timeout=_CONNECT_TIMEOUT_S, autocommit=True)


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _provide_extensions(url: URL) -> None:
    """Install the extensions Horad needs, once, however many processes ask at the same time."""
    try:
        connection = _connect(url)
    except psycopg.OperationalError as error:
        raise DatabaseError(f"Can't connect to {url}: {error}") from error
    with connection:
        if not _missing_extensions(connection):
            return
        connection.execute("SELECT pg_advisory_lock(%s)", [_PROVISIONING_LOCK])
        for name in _missing_extensions(connection):
            try:
                connection.execute(f"CREATE EXTENSION {name}")
            except psycopg.Error as error:
                raise DatabaseError(
                    f"{url} lacks the extension {name} and can't have it: {error}. It takes the server's package "
                    f"of it, and its administrator's CREATE EXTENSION {name}"
                ) from error


def _missing_extensions(connection: psycopg.Connection[Any]) -> list[str]:
    installed = {name for (name,) in connection.execute("SELECT extname FROM pg_extension")}
    return [name for name in _EXTENSIONS if name not in installed]
