"""The database as the routes use it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy import Connection

from layers import custom, database

_NEWS_EVERY_S = 1.0
_last_news = float("-inf")


def ask_for_news() -> None:
    """Let the next request learn which custom layers there are."""
    global _last_news
    _last_news = float("-inf")


def connection() -> Iterator[Connection]:
    """Lend a connection for one request; custom layers that were added or dropped are known after a second at most."""
    global _last_news
    with database.engine(parallel=False, public=True).connect() as lent:
        if time.monotonic() - _last_news > _NEWS_EVERY_S:
            custom.refresh(lent)
            _last_news = time.monotonic()
        yield lent


Database = Annotated[Connection, Depends(connection)]
