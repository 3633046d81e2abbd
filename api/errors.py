"""The one place where errors become answers: application/problem+json (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

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
_JSON = "application/json"
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


_STATUS: dict[type[Exception], HTTPStatus] = {
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


def stopped() -> JSONResponse:
    """Return the answer to what took the database too long."""
    return problem(HTTPStatus.GATEWAY_TIMEOUT, _TOO_LONG)


def install(app: FastAPI) -> None:
    """Let the application answer every error as a problem."""
    handlers = dict.fromkeys(_STATUS, _answer) | {
        RequestValidationError: _answer_validation,
        HTTPException: _answer_http,
        ProgrammingError: _answer_refused,
        DataError: _answer_data,
        Exception: _answer_unforeseen,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, _as_accepted(handler))


def _as_accepted(handler: Callable[[Request, Exception], JSONResponse]) -> Callable[[Request, Exception], JSONResponse]:
    """Call the problem plain JSON for those who ask for JSON by name, such as clients of the OGC APIs."""

    def answer_as_accepted(request: Request, error: Exception) -> JSONResponse:
        found = handler(request, error)
        accepted = request.headers.get("accept", "")
        if _JSON in accepted and PROBLEM not in accepted:
            found.headers["content-type"] = _JSON
        return found

    return answer_as_accepted


def answer(request: Request, error: Exception) -> JSONResponse:
    """Return the answer to an error that was raised before any route."""
    return _answer(request, error) if isinstance(error, tuple(_STATUS)) else _answer_unforeseen(request, error)


def _answer(_request: Request, error: Exception) -> JSONResponse:
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    if isinstance(getattr(error, "orig", None), psycopg.errors.QueryCanceled):
        return stopped()
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


def _answer_validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    what = "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors())
    return problem(HTTPStatus.BAD_REQUEST, what)


def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.NOT_FOUND:
        return problem(status, f"There is nothing at {request.url.path}.")
    answer = problem(status, error.detail)
    answer.headers.update(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = {answer.headers["Allow"], *_methods(request)}
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def _methods(request: Request) -> set[str]:
    """Return the methods that the routes of a request's path have, all of them together."""
    from api.description import described_api

    path = getattr(request.scope.get("route"), "path_format", "")
    return {method.upper() for method in described_api()["paths"].get(path, ())}


def _answer_data(_request: Request, error: Exception) -> JSONResponse:
    """Answer a request for something that can't be worked out, such as the root of a negative number."""
    orig = getattr(error, "orig", None)
    said = orig.diag.message_primary if isinstance(orig, psycopg.Error) else None
    return problem(HTTPStatus.BAD_REQUEST, f"The database can't work that out: {said or orig}.")


def _answer_refused(request: Request, error: Exception) -> JSONResponse:
    """Answer a request in whose midst a custom layer was dropped, or that the database doesn't let the caller do."""
    reason = getattr(error, "orig", None)
    if isinstance(reason, psycopg.errors.UndefinedTable):
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "A layer has just been dropped; ask again.")
    if isinstance(reason, psycopg.errors.InsufficientPrivilege):
        return problem(HTTPStatus.FORBIDDEN, "Your roles don't allow this there.")
    return _answer_unforeseen(request, error)


def _answer_unforeseen(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong that shouldn't; it is in the server's log.")
