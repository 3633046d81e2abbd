"""Every error that a route raises becomes a problem: JSON for programs, a page for people."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus

import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, ProgrammingError
from starlette.exceptions import HTTPException

from api.description import described_api
from api.errors import PROBLEM, STATUS, answer, problem, unforeseen
from api.negotiation import JSON, page, spoken, wants_page


def install(app: FastAPI) -> None:
    """Let the application answer every error as a problem."""
    handlers = dict.fromkeys(STATUS, answer) | {
        RequestValidationError: _answer_validation,
        HTTPException: _answer_http,
        ProgrammingError: _answer_refused,
        DataError: _answer_data,
        Exception: unforeseen,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, _as_accepted(handler))


def _as_accepted(handler: Callable[[Request, Exception], JSONResponse]) -> Callable[[Request, Exception], Response]:
    """Make the problem a page for people, and plain JSON for those who ask for that by name, as OGC clients do."""

    def answer_as_accepted(request: Request, error: Exception) -> Response:
        found = handler(request, error)
        accepted = request.headers.get("accept", "")
        if wants_page(request):
            return _page(request, found)
        if JSON in accepted and PROBLEM not in accepted:
            found.headers["content-type"] = JSON
        return found

    return answer_as_accepted


def _page(request: Request, found: JSONResponse) -> Response:
    told = json.loads(bytes(found.body))
    shown = page(request, told["title"], spoken(request), {"status": told["status"], "detail": told["detail"]})
    shown.status_code = found.status_code
    shown.headers.update({name: value for name, value in found.headers.items() if not name.startswith("content-")})
    return shown


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
    return unforeseen(request, error)
