"""The database as the routes use it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import Depends
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from api.security.callers import Caller, CallerOf
from api.serving.slots import Slots
from layers.catalog import LayerTable, show_custom_layers
from layers.custom import custom
from layers.history.announcements import announcements
from layers.settings import get_settings

log = logging.getLogger("horad")


async def connection(caller: CallerOf) -> AsyncIterator[Connection]:
    """Lend a connection for one request, which has the caller's rights and knows the custom layers that they may see.

    A transaction has these rights from its beginning, and the next one on the same connection has them too. Who waits
    for a connection holds no thread meanwhile, since those who have one need a thread to go on.

    Raises
    ------
    NotNowError
        All were lent for as long as one waits.
    """
    async with _slots():
        lent, layers = await to_thread.run_sync(_open, caller)
        show_custom_layers(layers)
        try:
            yield lent
        finally:
            await to_thread.run_sync(_give_back, lent, limiter=CapacityLimiter(1))


def _open(caller: Caller) -> tuple[Connection, dict[str, LayerTable]]:
    lent = caller.engine().connect()
    try:
        told = not caller.rights and announcements().current
        return lent, custom.public_layers() if told else custom.visible(lent)
    except BaseException:
        lent.close()
        raise


def _give_back(lent: Connection) -> None:
    """Close a connection; that the database has gone since the answer was sent takes nothing from the answer."""
    try:
        lent.close()
    except (OperationalError, InterfaceError) as error:
        log.warning("a connection to the database was lost: %s", type(error).__name__)


@lru_cache
def _slots() -> Slots:
    settings = get_settings()
    return Slots(settings.connections, settings.wait_s, "connections to the database are in use")


Database = Annotated[Connection, Depends(connection)]
