"""Bring the database to the state that the models describe."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

_MIGRATION_LOCK = 0x484F5241


def config(connection: Connection) -> Config:
    """Return the configuration with which Alembic works on a connection."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.attributes["connection"] = connection
    return settings


def migrate(engine: Engine) -> None:
    """Apply the migrations that the database lacks; processes that start at once wait for each other."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        command.upgrade(config(connection), "head")


def is_current(connection: Connection) -> bool:
    """Tell whether the database has the tables of this version, from a connection of the owner's."""
    return set(MigrationContext.configure(connection).get_current_heads()) == _heads()


@lru_cache
def _heads() -> set[str]:
    return set(ScriptDirectory(str(Path(__file__).parent)).get_heads())
