"""The application: everything that is mounted, and nothing else."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES
from starlette.types import ASGIApp, Receive, Scope, Send

from api import history, openapi, problems
from api.description import written_meanwhile
from api.items.gate import ItemsGate
from api.negotiation import known_parameters
from api.ogc import (
    collections,
    common,
    editing,
    execution,
    features,
    jobs,
    legends,
    processes,
    schemas,
    search,
    styles,
    tiles,
    tilesets,
    values,
)
from api.rasters import collections as rasters
from api.scope import PREFIX
from api.security import sessions, sign_in
from api.security.callers import CallerMiddleware
from api.serving import health
from api.serving.at_once import AtOnce
from api.serving.head import HeadMiddleware
from api.serving.late import LateRouter
from api.serving.limits import Limits, LimitsMiddleware
from api.serving.logs import AccessMiddleware
from api.serving.telemetry import trace
from api.styles import sprites
from api.tiles import archives
from api.tiles.gate import TileGate
from layers.loads.jobs import process_worker
from layers.settings import PROJECT, get_settings
from layers.streams.formats import FORMATS

WEB = PROJECT / "api" / "web"

_COMPRESS_FROM_BYTES = 1_000
_DOUBLED = re.compile("/{2,}")

App = TypeVar("App", bound=FastAPI)


class Service(FastAPI):
    """The API, with what stands before it: the log, and what is answered at once."""

    front: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the life of the application."""
        await (self.front or self.routed)(scope, receive, send)

    async def routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what nothing before the routes has answered; slashes that clients double in a path count once."""
        path = scope.get("path", "")
        asked = {**scope, "path": _DOUBLED.sub("/", path)} if "//" in path else scope
        await super().__call__(asked, receive, send)


def create_app() -> FastAPI:
    """Return the service: the API of all territories, below it one of each, and the files of its pages."""
    app, limits = _api(Service, lifespan=_running), Limits()
    other_sites = partial(
        CORSMiddleware,
        allow_origins=[each.strip() for each in get_settings().cors_origins.split(",")],
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Content-Crs", "If-Match", "If-None-Match", "Prefer", "Range"],
        expose_headers=[
            *("ETag", "Content-Crs", "Content-Disposition", "Content-Range"),
            *("Location", "Preference-Applied", "Retry-After"),
        ],
    )
    app.add_middleware(
        GZipMiddleware,
        minimum_size=_COMPRESS_FROM_BYTES,
        compresslevel=5,
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, FORMATS["parquet"].media_type),
    )
    app.add_middleware(HeadMiddleware)
    app.add_middleware(LimitsMiddleware, limits=limits)
    app.add_middleware(CallerMiddleware)
    app.add_middleware(other_sites)
    app.include_router(sessions.router)
    app.include_router(sign_in.router)
    app.state.of_territories = _api(FastAPI)
    app.mount(PREFIX, app.state.of_territories)
    _mount_files(app)
    trace(app)
    gates = TileGate(), ItemsGate()
    app.front = AccessMiddleware(AtOnce(app.routed, gates, limits, other_sites))
    return app


@asynccontextmanager
async def _running(_app: FastAPI) -> AsyncIterator[None]:
    """Do what no request waits for."""
    async with process_worker(), written_meanwhile():
        yield


def _api(kind: type[App], **options: Any) -> App:
    """Return an OGC API; which territory it is of, `api.scope` tells."""
    app = kind(
        title="Horad",
        version="1.0.0",
        summary="One base for all that is known about a city, its analyses and its maps.",
        openapi_url=None,
        default_response_class=Response,
        generate_unique_id_function=openapi.operation_id,
        dependencies=[Depends(known_parameters)],
        telemetry={"tracing": False, "metrics": False, "logs": False},
        **options,
    )
    problems.install(app)
    mounted = (
        openapi,
        health,
        collections,
        schemas,
        values,
        features,
        editing,
        search,
        history,
        tiles,
        tilesets,
        archives,
        styles,
        legends,
        sprites,
        processes,
        execution,
        jobs,
        rasters,
    )
    conforms_to = [*common.CONFORMS_TO, *(each for module in mounted for each in getattr(module, "CONFORMS_TO", ()))]
    app.include_router(common.router(conforms_to))
    for module in mounted:
        app.include_router(module.router)
    late = (
        LateRouter("/maps/{map:path}", modules=("api.rasters.maps", "api.maps")),
        LateRouter(
            "/rasters/{raster}/{rest:path}", modules=("api.rasters.tilesets", "api.rasters.tiles", "api.rasters.values")
        ),
    )
    for router in late:
        app.include_router(router)
    openapi.describe(app, late)
    return app


def _mount_files(app: FastAPI) -> None:
    """Serve the page's files, and the fonts of its labels."""
    mimetypes.add_type("text/javascript", ".mjs")
    mimetypes.add_type("application/x-protobuf", ".pbf")
    app.add_api_route("/favicon.ico", lambda: FileResponse(WEB / "icon.svg"), include_in_schema=False)
    app.mount("/static", StaticFiles(directory=WEB), name="static")
    app.mount("/fonts", StaticFiles(directory=WEB / "vendor" / "fonts"), name="fonts")
