"""The log of the service: a line of JSON for each request and for whatever else there is to tell.

A request is told by its route and not by its address, so that no value of a filter and no id is in the log; who asked,
by the prefix of their key.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.security.callers import CALLER
from api.serving import metrics
from layers.settings import get_settings

access = logging.getLogger("horad.access")

_TILES = "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"
_FILES = ("/static/", "/fonts/")


class JsonLines(logging.Formatter):
    """Writes a record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        told: dict[str, Any] = {"time": moment, "level": record.levelname.lower(), "message": record.getMessage()}
        told |= getattr(record, "told", {})
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(told, default=str).decode()


def configuration() -> dict[str, Any]:
    """Return how the service logs, for `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}},
        "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
        "root": {"handlers": ["out"], "level": "WARNING"},
        "loggers": {name: {"level": "INFO"} for name in ("uvicorn", "horad")} | {"psycopg.pool": {"level": "ERROR"}},
    }


class AccessMiddleware:
    """Tells the log and the metrics of every request, once it has been answered.

    Parameters
    ----------
    app
        The application with all that stands before it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, sent, began = 0, 0, time.perf_counter()

        async def send_counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        metrics.IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, send_counted)
        finally:
            metrics.IN_FLIGHT.dec()
            tell(scope, status, sent, time.perf_counter() - began)


def tell(scope: Scope, status: int, sent: int, took_s: float) -> None:
    """Tell the log and the metrics of a request that has been answered."""
    method, route = scope["method"], route_of(scope)
    metrics.of_requests(method, route, status).observe(took_s)
    if get_settings().access_log:
        told = {"method": method, "route": route, "status": status, "ms": round(took_s * 1000, 2), "bytes": sent}
        asks = scope.get(CALLER)
        if asks is not None and not asks.is_public:
            told["by"] = asks.key or "token"
        access.info("request", extra={"told": told})


def route_of(scope: Scope) -> str:
    """Return the template of the route that a request took: one of few, whatever is asked for."""
    path: str = scope["path"]
    within = "/territories/{territory}" if path.startswith("/territories/") else ""
    template = getattr(scope.get("route"), "path_format", None)
    if template is not None:
        return within + template
    if path.startswith(_FILES):
        return path[: path.index("/", 1)]
    return within + _TILES if "/tiles/" in path else ""
