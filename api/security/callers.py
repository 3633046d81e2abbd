"""Who asks, and with whose rights their request is answered."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import ForbiddenError, UnauthorizedError, answer
from api.security import credentials
from api.serving.headers import marking
from api.serving.rates import Rate
from layers.access import audit, keys, users
from layers.access.roles import Rights, rights_of, settings_of, speaking_for
from layers.catalog import show_custom_layers
from layers.custom import custom
from layers.postgres import database
from layers.settings import get_settings

CALLER = "horad.caller"
"""Where the scope of a request holds who asks."""
_FAILURES = "300/minute"
_KNOWN_FOR_S = 0.5
_KNOWN_AT_MOST = 10_000


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


class Callers:
    """Tells who asks by their token, and remembers it for half a second, so that a change of rights counts at once."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._failures = Rate(_FAILURES, "sign-in")

    async def identify(self, scope: Scope) -> Caller:
        """Return who asks.

        Raises
        ------
        UnauthorizedError
            There is a token, and nobody can sign in with it.
        ForbiddenError
            Another site's page would change something with the session of a browser.
        TooManyError
            Too many who ask from this address couldn't sign in of late.
        """
        address = address_of(scope)
        token = credentials.token(scope)
        if token is None:
            return Caller(address=address)
        digest = hashlib.sha256(token.encode()).digest()
        known_until, caller = self._known.get(digest, (0.0, Caller()))
        now = time.monotonic()
        if known_until < now:
            await self._failures.check(address)
            try:
                caller = await run_in_threadpool(_look_up, token, address)
            except UnauthorizedError:
                await self._failures.count(address)
                raise
            if len(self._known) >= _KNOWN_AT_MOST:
                self._known.clear()
            self._known[digest] = (now + _KNOWN_FOR_S, caller)
        return replace(caller, address=address)


def _look_up(token: str, address: str) -> Caller:
    try:
        return _caller_of_key(token) if keys.looks_like_key(token) else _caller_of_issuer(token)
    except UnauthorizedError as error:
        _note_failure(token, address, str(error))
        raise


def _caller_of_key(key: str) -> Caller:
    try:
        with database.engine().begin() as connection:
            holder = keys.verify(connection, key)
            held = rights_of(connection, holder.principal)
    except keys.SignInError as error:
        raise UnauthorizedError(str(error)) from error
    return Caller(holder.principal, held, writes=holder.writes, key=holder.prefix)


def _caller_of_issuer(token: str) -> Caller:
    if get_settings().oidc_issuer is None:
        raise UnauthorizedError("The token is no API key of this service.")

    from api.security.oidc import issuer

    bearer = issuer().check(token)
    with database.engine().connect() as connection:
        if users.is_disabled(connection, bearer.principal):
            raise UnauthorizedError("The user of the token was disabled.")
        return Caller(bearer.principal, rights_of(connection, bearer.principal), writes=bearer.writes)


def _note_failure(token: str, address: str, why: str) -> None:
    """Write down that someone couldn't sign in; of what they showed, only the prefix of a key."""
    shown = f"key {keys.prefix_of(token)}" if keys.looks_like_key(token) else "token"
    with database.engine().begin() as connection:
        audit.note(connection, "sign-in refused", shown, {"why": why}, actor="", address=address)


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
        send_marked = marking(send, public=not credentials.shown(scope["headers"]))
        try:
            scope[CALLER] = await self._callers.identify(scope)
        except Exception as error:  # noqa: BLE001  (answered as all errors are)
            request = Request(scope)
            refusal = answer(request, error)
            if isinstance(error, UnauthorizedError) and credentials.COOKIE in request.cookies:
                credentials.forget(request, refusal)
            await refusal(scope, receive, send_marked)
            return
        await self._app(scope, receive, send_marked)


def address_of(scope: Scope) -> str:
    """Return the address from which is asked, empty where it isn't known."""
    return scope["client"][0] if scope.get("client") else ""


def caller(request: Request) -> Caller:
    """Return who asks."""
    found: Caller = request.scope[CALLER]
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
