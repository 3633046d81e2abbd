"""``horad serve``: the service in this terminal; the process imports no more than it serves with."""

from __future__ import annotations

from typing import Annotated

import typer

from api.serving import server, service
from layers.postgres import database
from layers.postgres.startup import ready_engine
from layers.settings import get_settings


def serve(
    workers: Annotated[
        int | None, typer.Option(min=1, help="How many processes share the port; by default HORAD_WORKERS, or 1.")
    ] = None,
) -> None:
    """Serve in this terminal until Ctrl-C."""
    service.check_port_is_free()
    ready_engine()
    number = workers or get_settings().workers
    database.check_connections(number)
    database.disconnect()
    server.run(number)
