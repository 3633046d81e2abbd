"""Signing in with a browser on the page of an OpenID Connect issuer, which is led there and comes back."""

from __future__ import annotations

import datetime as dt
import hmac
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.errors import UnauthorizedError
from api.links import base_url
from api.security.callers import address_of
from api.security.credentials import keep
from layers.access import audit, keys, users
from layers.errors import NotFoundError
from layers.postgres import database
from layers.settings import get_settings

if TYPE_CHECKING:
    from api.security.oidc import Bearer

router = APIRouter(prefix="/session", tags=["Session"])

_COOKIE = "horad_sign_in"
_LASTS_S = 600
_UNKEPT = {"Cache-Control": "no-store"}
_SEE_OTHER: dict[int | str, dict[str, Any]] = {303: {"description": "Location leads on."}}


def is_offered() -> bool:
    """Tell whether people can sign in on an issuer's page."""
    return get_settings().oidc_client_id is not None


@router.get("/sign-in", summary="Sign in on the issuer's page", status_code=303, responses=_SEE_OTHER)
def leave(request: Request) -> Response:
    """Lead the browser to the page of the issuer, which sends it back to ``/session/callback``."""
    _check_offered()
    from api.security.oidc_code import Attempt, way_there

    attempt = Attempt.new()
    answer = RedirectResponse(way_there(attempt, _back(request)), 303, headers=_UNKEPT)
    answer.set_cookie(_COOKIE, attempt.write(), max_age=_LASTS_S, **_kept_for(request))
    return answer


@router.get("/callback", summary="Come back from the issuer's page", status_code=303, responses=_SEE_OTHER)
def come_back(
    request: Request,
    state: Annotated[str, Query(description="As it was told to the issuer.")],
    code: Annotated[str | None, Query(description="For which the issuer tells who has signed in.")] = None,
    error: Annotated[str | None, Query(description="Why nobody has signed in.")] = None,
) -> Response:
    """Open a session for whoever has signed in on the page of the issuer, and lead the browser to the map.

    Raises
    ------
    UnauthorizedError
        The browser didn't leave from here less than ten minutes ago, or the issuer let nobody in.
    """
    _check_offered()
    from api.security.oidc_code import Attempt, who_came_back

    attempt = Attempt.read(request.cookies.get(_COOKIE, ""))
    if attempt is None or not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise UnauthorizedError("This sign-in wasn't begun with this browser, or too long ago: begin it again.")
    if code is None:
        raise UnauthorizedError(f"The issuer let nobody in: {error or 'it sent no code'!s:.100}.")
    key = _opened(who_came_back(attempt, code, _back(request)), address_of(request.scope))
    answer = RedirectResponse(f"{base_url(request)}/", 303, headers=_UNKEPT)
    answer.delete_cookie(_COOKIE, **_kept_for(request))
    keep(key, request, answer)
    return answer


def _check_offered() -> None:
    if not is_offered():
        raise NotFoundError("This service has no issuer on whose page people sign in; API keys are sent to /session.")


def _opened(who: Bearer, address: str) -> str:
    """Return the key of a new session."""
    with database.engine().begin() as connection:
        if users.is_disabled(connection, who.principal):
            raise UnauthorizedError("The user was disabled.")
        users.ensure(connection, who.principal)
        lasts = dt.timedelta(hours=get_settings().oidc_session_h)
        key = keys.open_session(connection, who.principal, writes=who.writes, lasts=lasts)
        audit.note(connection, "signed in", f"key {keys.prefix_of(key)}", {}, actor=who.principal, address=address)
    return key


def _back(request: Request) -> str:
    return f"{base_url(request)}/session/callback"


def _kept_for(request: Request) -> dict[str, Any]:
    """Return what the cookie of an attempt is for: it comes along when the issuer's page leads back."""
    path = f"{request.scope.get('root_path', '')}/session"
    return {"path": path, "httponly": True, "samesite": "lax", "secure": request.url.scheme == "https"}
