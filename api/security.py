"""Who asks, and with whose rights their request is answered."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ForbiddenError, UnauthorizedError, answer
from layers import custom, database, keys
from layers.catalog import show_custom_layers
from layers.roles import Rights, rights_of, settings_of, speaking_for

_CALLER = "horad.caller"
_KNOWN_FOR_S = 0.5
_KNOWN_AT_MOST = 10_000
_VARY = b"vary"
_CACHE_CONTROL = b"cache-control"


@dataclass(frozen=True)
class Caller:
    """Who asks; without a principal, the public."""

    principal: str | None = None
    held: Rights = field(default_factory=Rights)
    """What they may do where."""
    writes: bool = False
    """Whether they may change anything in this request: a key may be for reading only."""
    key: str | None = None
    """The prefix of the API key with which they signed in."""
    address: str = ""

    @property
    def is_public(self) -> bool:
        """Whether the answer may be kept for everybody."""
        return self.principal is None

    @property
    def rights(self) -> str:
        """By what to keep features in memory: the same for all who see the same, empty for the public."""
        return self.held.key

    @property
    def settings(self) -> dict[str, str]:
        """PostgreSQL's settings by which a transaction of the public's has the caller's rights."""
        return settings_of(self.held, address=self.address)

    def engine(self, *, parallel: bool = False) -> Engine:
        """Return connections to the database that have the caller's rights, and no others."""
        return speaking_for(database.engine(parallel=parallel, public=True), self.held, address=self.address)


PUBLIC = Caller()


class Callers:
    """Tells who asks by their token, and remembers it for half a second, so that a change of rights counts at once."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Caller]] = {}

    async def identify(self, headers: Headers, address: str) -> Caller:
        """Return who asks.

        Raises
        ------
        UnauthorizedError
            There is a token, and nobody can sign in with it.
        """
        given = headers.get("authorization")
        if given is None:
            return PUBLIC
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnauthorizedError("Authorization: must be Bearer, a space, and an API key or a token.")
        known_until, caller = self._known.get(token, (0.0, PUBLIC))
        now = time.monotonic()
        if known_until < now:
            caller = await run_in_threadpool(_look_up, token.strip())
            if len(self._known) >= _KNOWN_AT_MOST:
                self._known.clear()
            self._known[token] = (now + _KNOWN_FOR_S, caller)
        return Caller(caller.principal, caller.held, caller.writes, caller.key, address)


def _look_up(token: str) -> Caller:
    if not keys.looks_like_key(token):
        raise UnauthorizedError("The token is no API key of this service.")
    try:
        with database.engine().begin() as connection:
            holder = keys.verify(connection, token)
            return Caller(
                holder.principal, rights_of(connection, holder.principal), writes=holder.writes, key=holder.prefix
            )
    except keys.SignInError as error:
        raise UnauthorizedError(str(error)) from error


class CallerMiddleware:
    """Finds out who asks before anything is answered, and keeps answers that are theirs out of shared caches.

    Parameters
    ----------
    app
        The application; its routes learn of the caller by `CallerOf`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._callers = Callers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        show_custom_layers(custom.public_layers())
        address = scope["client"][0] if scope.get("client") else ""
        try:
            caller = await self._callers.identify(Headers(scope=scope), address)
        except Exception as error:  # noqa: BLE001  (answered as all errors are)
            await answer(Request(scope), error)(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _marked(message.get("headers", ()), caller)
            await send(message)

        scope[_CALLER] = caller
        await self._app(scope, receive, send_marked)


def _marked(headers: list[tuple[bytes, bytes]], caller: Caller) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer that depends on who asks: caches keep it for nobody else."""
    varies = b", ".join([value for name, value in headers if name == _VARY] + [b"Authorization"])
    marked = [(name, value) for name, value in headers if name not in (_VARY, _CACHE_CONTROL)]
    kept = b", ".join(value for name, value in headers if name == _CACHE_CONTROL)
    if not caller.is_public:
        rules = (rule.strip() for rule in kept.split(b","))
        kept = b", ".join(
            [
                b"private",
                *(rule for rule in rules if rule and not rule.startswith((b"public", b"s-maxage", b"private"))),
            ]
        )
    return [*marked, (_VARY, varies), *([(_CACHE_CONTROL, kept)] if kept else [])]


def caller(request: Request) -> Caller:
    """Return who asks."""
    found: Caller = request.scope[_CALLER]
    return found


def writer(request: Request) -> Caller:
    """Return who asks, where a route changes something; whether they may change this, the database decides.

    Raises
    ------
    UnauthorizedError
        They haven't signed in.
    ForbiddenError
        Their key is for reading only.
    """
    found = caller(request)
    if found.is_public:
        raise UnauthorizedError("To change anything, sign in: Authorization: Bearer, a space, and an API key.")
    if not found.writes:
        raise ForbiddenError("This key is for reading only; to change anything, it takes one made with --write.")
    return found


CallerOf = Annotated[Caller, Depends(caller)]
WriterOf = Annotated[Caller, Depends(writer)]
