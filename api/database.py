"""The database as the routes use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy import Connection

from layers import database


def connection() -> Iterator[Connection]:
    """Lend a connection for one request."""
    with database.engine(parallel=False, public=True).connect() as lent:
        yield lent


Database = Annotated[Connection, Depends(connection)]
