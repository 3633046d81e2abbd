"""Bring the database to the state that the models describe."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
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
