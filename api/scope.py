"""Whose API a request asks: that of one territory, or that of all."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.database import Database
from layers.history.announcements import announcements
from layers.territories.territory import check_territory

PREFIX = "/territories/{territory}"
"""Where the API of a territory is mounted."""


async def territory(request: Request, database: Database) -> str | None:
    """Return the territory whose API was asked, or ``None`` for that of all territories.

    Raises
    ------
    NotFoundError
        The base has no such territory.
    """
    name: str | None = request.path_params.get("territory")
    known = announcements()
    if name is not None and not (known.current and name in known.territories):
        await run_in_threadpool(check_territory, database, name)
    return name


Territory = Annotated[str | None, Depends(territory)]
