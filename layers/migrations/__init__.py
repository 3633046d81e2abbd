"""Bring the database to the state that the models describe."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATION_LOCK = 0x484F5241
_REVISIONS = re.compile(r'^(down_)?revision = "(\w+)"', re.MULTILINE)


def config(connection: Connection) -> Config:
    """Return the configuration with which Alembic works on a connection."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent))
    settings.attributes["connection"] = connection
    return settings


def migrate(engine: Engine) -> None:
    """Apply the migrations that the database lacks; processes that start at once wait for each other."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        if is_current(connection):
            return
        from alembic import command

        command.upgrade(config(connection), "head")


def is_current(connection: Connection) -> bool:
    """Tell whether the database has the tables of this version, from a connection of the owner's."""
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return False
    return set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars()) == _heads()


@lru_cache
def _heads() -> set[str]:
    """Return the revisions after which none comes; all migrations would be long to import."""
    texts = (each.read_text() for each in Path(__file__).parent.glob("versions/*.py"))
    found = [match for each in texts for match in _REVISIONS.findall(each)]
    return {name for is_before, name in found if not is_before} - {name for is_before, name in found if is_before}
