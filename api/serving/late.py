"""Routes that are imported when one of them is first asked for, since what they need takes much memory."""

from __future__ import annotations

from importlib import import_module
from threading import Lock

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from starlette.routing import Match, compile_path, get_route_path
from starlette.types import Receive, Scope, Send


class LateRouter(APIRouter):
    """The routes of modules, which are imported at the first request that may be for one of them.

    Parameters
    ----------
    paths
        Those that may be theirs.
    modules
        Each with a ``router``.
    """

    def __init__(self, *paths: str, modules: tuple[str, ...]) -> None:
        super().__init__()
        self._paths = [compile_path(each)[0] for each in paths]
        self._modules = modules
        self._loading = Lock()

    def load(self) -> None:
        """Import the modules, and take their routes, if that hasn't been done yet."""
        with self._loading:
            for router in [import_module(each).router for each in self._modules]:
                self.include_router(router)
            self._modules = ()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for one of the routes, or may be."""
        if self._modules and any(each.match(get_route_path(scope)) for each in self._paths):
            return Match.FULL, {}
        return super().matches(scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._modules:
            await run_in_threadpool(self.load)
        await super().handle(scope, receive, send)
