"""Titiler's own routes as its documentation mounts them: what our rasters are held against."""

from __future__ import annotations

from fastapi import FastAPI
from titiler.core.factory import TilerFactory

app = FastAPI()
app.include_router(TilerFactory().router)
