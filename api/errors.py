"""Errors, their statuses, and problems: the answers that tell of them (RFC 9457)."""

from __future__ import annotations

import logging
from http import HTTPStatus

import psycopg
from fastapi import Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from geo.errors import HoradError, InvalidInputError
from layers.errors import (
    BusyError,
    DatabaseError,
    InvalidFeatureError,
    NotAllowedError,
    NotFoundError,
    StaleError,
    UnavailableError,
)

log = logging.getLogger("horad")

_RETRY_AFTER_S = "2"
_TOO_LONG = (
    "The database took too long for this, and was stopped: ask for less, such as a smaller box or fewer features."
)
_UNTYPED = "about:blank"
PROBLEM = "application/problem+json"


class NotAcceptableError(HoradError):
    """The resource isn't there in the format that was asked for."""


class UnauthorizedError(HoradError):
    """Nobody can sign in with what was shown, or it takes signing in."""


class ForbiddenError(HoradError):
    """Who asks has signed in, and may not do this."""


class UnsupportedMediaTypeError(HoradError):
    """The body is of another media type than the route takes."""


class PreconditionError(HoradError):
    """A change takes a header that tells what state it is made from."""


class TooManyError(HoradError):
    """Somebody asks too often; when to ask again is known."""

    def __init__(self, text: str, *, retry_after_s: int) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class TooLargeError(HoradError):
    """What was sent is too large, its body (413) or its headers (431)."""

    def __init__(self, text: str, *, status: int) -> None:
        super().__init__(text)
        self.status = HTTPStatus(status)


class NotNowError(HoradError):
    """The service has its hands full, or something that it needs is away: later it may work."""


class TookTooLongError(HoradError):
    """The database took too long, and was stopped."""


STATUS: dict[type[Exception], HTTPStatus] = {
    InvalidInputError: HTTPStatus.BAD_REQUEST,
    NotFoundError: HTTPStatus.NOT_FOUND,
    InvalidFeatureError: HTTPStatus.UNPROCESSABLE_ENTITY,
    StaleError: HTTPStatus.PRECONDITION_FAILED,
    PreconditionError: HTTPStatus.PRECONDITION_REQUIRED,
    UnsupportedMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    NotAllowedError: HTTPStatus.FORBIDDEN,
    NotAcceptableError: HTTPStatus.NOT_ACCEPTABLE,
    UnauthorizedError: HTTPStatus.UNAUTHORIZED,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    BusyError: HTTPStatus.TOO_MANY_REQUESTS,
    TooManyError: HTTPStatus.TOO_MANY_REQUESTS,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NotNowError: HTTPStatus.SERVICE_UNAVAILABLE,
    TookTooLongError: HTTPStatus.GATEWAY_TIMEOUT,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    PoolTimeoutError: HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseError: HTTPStatus.SERVICE_UNAVAILABLE,
    OperationalError: HTTPStatus.SERVICE_UNAVAILABLE,
    InterfaceError: HTTPStatus.SERVICE_UNAVAILABLE,
    HoradError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def problem(status: HTTPStatus, detail: str, *, kind: str = _UNTYPED) -> JSONResponse:
    """Return an answer that says what was wrong."""
    headers = {
        HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": _RETRY_AFTER_S},
        HTTPStatus.INTERNAL_SERVER_ERROR: {"Connection": "close"},
        HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="horad"'},
    }.get(status)
    body = {"type": kind, "title": status.phrase, "status": status.value, "detail": detail}
    return JSONResponse(body, status, headers, PROBLEM)


def answer(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to an error that was raised before any route."""
    return _answer(request, error) if isinstance(error, tuple(STATUS)) else unforeseen(request, error)


def _answer(_request: Request, error: Exception) -> JSONResponse:
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    stopped = isinstance(getattr(error, "orig", None), psycopg.errors.QueryCanceled)
    if stopped or isinstance(error, TookTooLongError):
        return problem(HTTPStatus.GATEWAY_TIMEOUT, _TOO_LONG)
    if isinstance(error, TooLargeError):
        return problem(error.status, str(error))
    if isinstance(error, TooManyError):
        found = problem(status, str(error))
        found.headers["Retry-After"] = str(error.retry_after_s)
        return found
    if isinstance(error, (NotNowError, UnavailableError)):
        return problem(status, str(error))
    if isinstance(error, PoolTimeoutError):
        return problem(status, "All connections to the database are in use; try again shortly.")
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("the database can't be reached: %s", type(error).__name__)
        return problem(status, "The database can't be reached right now; try again shortly.")
    return problem(status, str(error), kind=getattr(error, "problem_type", _UNTYPED))


def unforeseen(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to what shouldn't have happened, and write it into the log."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong that shouldn't; it is in the server's log.")
