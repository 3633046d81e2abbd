"""Whether the service works: for those who look after it and for those who send requests its way."""

from __future__ import annotations

import os

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from sqlalchemy import text

from api.database import Database
from api.errors import NotNowError
from api.negotiation import JSON
from api.openapi import answers
from api.serving.service import INSTANCE_VARIABLE
from layers.migrations import is_current
from layers.postgres.database import engine

router = APIRouter(tags=["Health"])

_NEVER_KEPT = {"Cache-Control": "no-store"}


@router.get("/health", summary="Whether the service and its database work", responses=answers(JSON))
def health(database: Database) -> Response:
    """Answer where the database does."""
    database.execute(text("SELECT 1"))
    return JSONResponse({"status": "ok"}, headers=_NEVER_KEPT)


@router.get("/health/live", summary="Whether the service runs, whatever its database does", responses=answers(JSON))
def live() -> Response:
    """Answer always: what doesn't is to be started anew."""
    return JSONResponse({"status": "ok", "instance": os.environ.get(INSTANCE_VARIABLE)}, headers=_NEVER_KEPT)


@router.get("/health/ready", summary="Whether the service can answer requests now", responses=answers(JSON))
def ready() -> Response:
    """Answer where the database does and has the tables that this version of the service works with.

    Raises
    ------
    NotNowError
        The tables are of another version.
    """
    with engine().connect() as owners:
        current = is_current(owners)
    if not current:
        raise NotNowError("The database has the tables of another version: start horad serve or horad up anew.")
    return JSONResponse({"status": "ok"}, headers=_NEVER_KEPT)
