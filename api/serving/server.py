"""Serves: one process or several on a port, with their log, their metrics and their traces."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import signal
import threading
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.serving.logs import configuration
from layers.settings import get_settings

_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_BACKLOG = 1024
_KEEP_ALIVE_S = 20
_WORKER_HANGS_AFTER_S = 60
"""Without a sign of life; a worker that starts gives none until it has imported all it needs."""


def run(workers: int) -> None:
    """Serve until the process is told to end (SIGINT, SIGTERM); requests that are being answered are finished.

    With several workers SIGHUP starts all anew, one after the other, so that no request is lost.
    """
    settings = get_settings()
    _share_metrics(workers)
    if settings.metrics_port is not None:
        _serve_metrics(settings.metrics_host, settings.metrics_port)
    uvicorn.run(
        "api.serving.server:application",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=workers,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.shutdown_s,
        timeout_worker_healthcheck=_WORKER_HANGS_AFTER_S,
        forwarded_allow_ips=settings.trusted_proxies,
        server_header=False,
        access_log=False,
        http="api.serving.http:Protocol",
        log_config=configuration(),
    )


def application() -> FastAPI:
    """Return the application of a worker, which ends when the process that watches over it has gone."""
    from api.app import create_app

    watching = multiprocessing.parent_process()
    if watching is not None:
        threading.Thread(target=_end_after, args=(watching,), daemon=True).start()
    app = create_app()
    # What is there by now stays: whoever looks for garbage later needn't look at it.
    gc.freeze()
    return app


def _end_after(watching: Any) -> None:
    watching.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _share_metrics(workers: int) -> None:
    """Let several processes count together; to be called before any of them counts."""
    os.environ.pop(_METRICS, None)
    if workers > 1:
        folder = get_settings().home / f"metrics-{get_settings().port}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        os.environ[_METRICS] = str(folder)


def _serve_metrics(host: str, port: int) -> None:
    """Serve what all processes counted, from a thread of this one."""
    from prometheus_client import REGISTRY, CollectorRegistry, multiprocess, start_http_server

    registry = REGISTRY
    if _METRICS in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    start_http_server(port, host, registry=registry)
