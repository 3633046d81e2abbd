"""How much may be asked of the service: how often, how large, how much at once."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import NotNowError, TooLargeError, answer
from api.security.callers import Caller, address_of, caller
from api.serving.rates import Rate
from api.serving.slots import Slots
from geo.errors import HoradError
from layers.settings import get_settings

_MAX_HEADER_BYTES = 32_768
_MB = 1_000_000
_ANALYSIS_WAITS_S = 20.0
_BODY_WAITS_S = 30.0


class Limits:
    """What one process answers at most; as a context, it counts a request that is being answered."""

    def __init__(self) -> None:
        settings = get_settings()
        self._rate = None if settings.rate_limit == "off" else Rate(settings.rate_limit, "requests")
        self._most = settings.in_flight
        self._in_flight = 0
        self.body_bytes = int(settings.max_body_mb * _MB)

    def __enter__(self) -> None:
        """Begin to answer a request."""
        self._in_flight += 1

    def __exit__(self, *_failed: object) -> None:
        """End."""
        self._in_flight -= 1

    async def check(self, scope: Scope, asks: Caller | None = None) -> None:
        """Refuse a request that is too large or one too many.

        Parameters
        ----------
        scope
            Of the request.
        asks
            Whose it is; by default the public's.

        Raises
        ------
        TooLargeError
            Its headers or its body are too large.
        TooManyError
            Whoever asks does so too often.
        NotNowError
            Enough requests are being answered.
        """
        self._check_size(scope)
        if self._rate is not None:
            await self._rate.take(_who(asks or Caller(address=address_of(scope))))

    def check_now(self, scope: Scope) -> None:
        """Refuse a request of the public's as `check` does, without waiting; where it `waits`, only `check` can."""
        self._check_size(scope)
        if self._rate is not None:
            self._rate.take_now(_who(Caller(address=address_of(scope))))

    @property
    def waits(self) -> bool:
        """Whether it has to ask another server how often somebody has asked."""
        return self._rate is not None and not self._rate.counts_here

    def _check_size(self, scope: Scope) -> None:
        size, length = 0, b"0"
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            if name == b"content-length":
                length = value
        if size > _MAX_HEADER_BYTES:
            raise TooLargeError(f"The headers are larger than {_MAX_HEADER_BYTES:,} bytes.", status=431)
        if length.isdigit() and int(length) > self.body_bytes:
            raise _too_large(self.body_bytes)
        if self._in_flight >= self._most:
            raise NotNowError(f"{self._in_flight} requests are being answered already; try again shortly.")


class LimitsMiddleware:
    """Turns away what is too large or too often, and what comes while too much else is being answered.

    Analyses are counted apart, so that they don't keep tiles and features waiting.

    Parameters
    ----------
    app
        The application; who asks must be known already.
    limits
        How much it may be asked.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._analyses = Slots(get_settings().analyses_at_once, _ANALYSIS_WAITS_S, "analyses are being worked out")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._limits.check(scope, caller(Request(scope)))
            if _is_analysis(scope):
                async with self._analyses:
                    await self._serve(scope, receive, send)
            else:
                await self._serve(scope, receive, send)
        except HoradError as error:
            await answer(Request(scope), error)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._limits:
            await self._app(scope, _Body(receive, self._limits.body_bytes), send)


class _Body:
    """The body of a request as it comes in, up to a size."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._came = 0
        self._complete = False

    async def __call__(self) -> Message:
        """Return what comes next."""
        try:
            async with asyncio.timeout(None if self._complete else _BODY_WAITS_S):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408, f"Nothing more of the body came for {_BODY_WAITS_S:g} s.") from error
        if message["type"] == "http.request":
            self._complete = not message.get("more_body", False)
            self._came += len(message.get("body", b""))
            if self._came > self._most:
                raise HTTPException(413, str(_too_large(self._most)))
        return message


def _is_analysis(scope: Scope) -> bool:
    """Tell whether a request waits for an analysis; one that makes a job of it doesn't."""
    path: str = scope["path"]
    if path.endswith("/execution"):
        return not any(name == b"prefer" and b"respond-async" in value for name, value in scope["headers"])
    return "/maps/processes/" in path


def _who(asks: Caller) -> str:
    return f"user:{asks.principal}" if asks.principal is not None else f"address:{asks.address}"


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"The body is larger than {most / _MB:g} MB.", status=413)
