"""The database as the routes use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy import Connection

from layers import custom, database


def connection() -> Iterator[Connection]:
    """Lend a connection for one request, which knows the custom layers that there are by now."""
    with database.engine(parallel=False, public=True).connect() as lent:
        custom.refresh(lent)
        yield lent


Database = Annotated[Connection, Depends(connection)]
