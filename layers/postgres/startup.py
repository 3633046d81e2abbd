"""The base, ready for use."""

from __future__ import annotations

from sqlalchemy import Engine

from layers.custom import custom
from layers.migrations import migrate
from layers.postgres import database


def ready_engine() -> Engine:
    """Return the owner's connections to a base that runs, has all tables, and whose custom layers are known here.

    Raises
    ------
    DatabaseError
        As `database.ensure_running`.
    """
    engine = database.engine()
    migrate(engine)
    custom.refresh_now(engine)
    return engine
