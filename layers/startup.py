"""The base, ready for use."""

from __future__ import annotations

from sqlalchemy import Engine

from layers import custom, database
from layers.migrations import migrate


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
