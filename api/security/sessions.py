"""Signing in with a browser, which keeps the token in a cookie; programs send theirs with each request."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.errors import UnauthorizedError
from api.links import base_url
from api.negotiation import JSON
from api.openapi import answers
from api.security.callers import Caller, CallerOf
from api.security.credentials import forget, keep, token
from api.security.sign_in import is_offered
from geo.errors import InvalidInputError
from layers.access import keys
from layers.access.roles import ROLES
from layers.postgres import database

router = APIRouter(prefix="/session", tags=["Session"])

_LONGEST = 3_500
_UNKEPT = {"Cache-Control": "no-store"}


@router.get("", summary="Who has signed in", responses=answers(JSON))
def session(request: Request, caller: CallerOf) -> Response:
    """Tell who asks and what they may do where; ``user`` is null for the public.

    ``signIn`` is where people sign in on the page of an issuer, if there is one.
    """
    way = {"signIn": f"{base_url(request)}/session/sign-in"} if is_offered() else {}
    return JSONResponse(_described(caller) | way, headers=_UNKEPT)


@router.post("", summary="Sign in", responses=answers(JSON, others={401: "The request shows no token that holds."}))
def sign_in(request: Request, caller: CallerOf) -> Response:
    """Keep the token of the header ``Authorization`` in a cookie until the browser is closed.

    Raises
    ------
    UnauthorizedError
        There is no such header.
    InvalidInputError
        Browsers don't keep cookies as long as the token.
    """
    given = token(request.scope)
    if given is None or caller.is_public:
        raise UnauthorizedError("To sign in, send Authorization: Bearer, a space, and an API key or a token.")
    if len(given) > _LONGEST:
        raise InvalidInputError(f"The token has {len(given)} characters, and a browser keeps {_LONGEST} at most.")
    answer = JSONResponse(_described(caller), headers=_UNKEPT)
    keep(given, request, answer)
    return answer


@router.delete("", summary="Sign out", status_code=204, responses={204: {"description": "The cookie is gone."}})
def sign_out(request: Request, caller: CallerOf) -> Response:
    """Let the browser forget its token.

    One that was made for the browser alone ends; another goes on to hold elsewhere until it ends or is revoked.
    """
    if caller.key is not None:
        with database.engine().begin() as connection:
            keys.close_session(connection, caller.key)
    answer = Response(status_code=204, headers=_UNKEPT)
    forget(request, answer)
    return answer


def _described(caller: Caller) -> dict[str, Any]:
    held = {role: getattr(caller.held, role) for role in ROLES}
    highest = {territory: role for role, territories in held.items() for territory in territories}
    return {"user": caller.principal, "roles": dict(sorted(highest.items())), "writes": caller.writes}
