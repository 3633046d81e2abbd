"""What a request shows of who asks: a token in its header, or in the cookie of a browser that has signed in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from api.errors import ForbiddenError, UnauthorizedError
from api.serving.headers import Header

COOKIE = "horad_session"
"""Holds the token with which a browser has signed in."""
AUTHORIZATION, COOKIES = b"authorization", b"cookie"

_MARK = f"{COOKIE}=".encode()
_READING = ("GET", "HEAD", "OPTIONS")


def shown(headers: Iterable[Header]) -> bool:
    """Tell whether someone shows who they are, be it rightly or not."""
    return any(name == AUTHORIZATION or (name == COOKIES and _MARK in value) for name, value in headers)


def token(scope: Scope) -> str | None:
    """Return the token that a request shows, its header's before its cookie's; ``None`` where it shows none.

    Raises
    ------
    UnauthorizedError
        The header is there and holds no token.
    ForbiddenError
        The request changes something, the token is a cookie's, and no page of this service sends it.
    """
    if not shown(scope["headers"]):
        return None
    request = Request(scope)
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, given = header.partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            raise UnauthorizedError("Authorization: must be Bearer, a space, and an API key or a token.")
        return given.strip()
    kept = request.cookies.get(COOKIE) or None
    if kept is not None and request.method not in _READING and not _is_own(request):
        raise ForbiddenError("A session counts only for pages of this service; others send Authorization: Bearer.")
    return kept


def keep(token: str, request: Request, response: Response) -> None:
    """Let the browser that has asked show a token until it is closed."""
    response.set_cookie(COOKIE, token, **_kept_for(request))


def forget(request: Request, response: Response) -> None:
    """Let the browser that has asked show no token any more."""
    response.delete_cookie(COOKIE, **_kept_for(request))


def _kept_for(request: Request) -> dict[str, Any]:
    """Return what the cookie is for: this service, no script, and no request of another site."""
    path = request.scope.get("root_path") or "/"
    return {"path": path, "httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}


def _is_own(request: Request) -> bool:
    """Tell whether a page of this service sends a request; browsers that say neither are taken for others."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(request.headers.get("origin", "")).netloc == request.headers.get("host")
