"""Signing in on the issuer's own page: OpenID Connect's authorization code flow, with PKCE."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

from api.errors import UnauthorizedError
from api.security.oidc import Bearer, discover, issuer
from layers.errors import UnavailableError
from layers.settings import get_settings

_TIMEOUT_S = 5.0
_SECRET_BYTES = 32
_SCOPES_OF_CLAIMS = {"email": "email", "preferred_username": "profile"}


@dataclass(frozen=True)
class Attempt:
    """A way to the issuer and back; its browser keeps it, so that nobody else can come back in its place.

    Parameters
    ----------
    state
        Comes back with the code.
    nonce
        Stands in the token of whoever has signed in.
    verifier
        Tells the issuer that the code is handed in by whoever asked for it.
    """

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Attempt:
        """Return one that nobody can guess."""
        return cls(*(secrets.token_urlsafe(_SECRET_BYTES) for _ in range(3)))

    @classmethod
    def read(cls, text: str) -> Attempt | None:
        """Return the one that was written so, or ``None`` where it is none."""
        parts = text.split(".")
        return cls(*parts) if len(parts) == 3 and all(parts) else None

    def write(self) -> str:
        """Return it as text."""
        return ".".join((self.state, self.nonce, self.verifier))


def way_there(attempt: Attempt, back: str) -> str:
    """Return the address of the issuer's page.

    Parameters
    ----------
    attempt
        Of which the issuer learns what it needs.
    back
        The address to which the issuer sends the browser back.

    Raises
    ------
    UnavailableError
        The issuer can't be reached.
    """
    settings = get_settings()
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": settings.oidc_client_id,
        "redirect_uri": back,
        "scope": _scopes(),
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    address = str(_endpoint("authorization_endpoint"))
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def who_came_back(attempt: Attempt, code: str, back: str) -> Bearer:
    """Return who has signed in on the issuer's page.

    Parameters
    ----------
    attempt
        With which they left.
    code
        With which they came back.
    back
        As for `way_there`.

    Raises
    ------
    UnauthorizedError
        The issuer doesn't know the code, or its token isn't for us or names nobody.
    UnavailableError
        The issuer can't be reached, or doesn't answer as it should.
    """
    settings = get_settings()
    client_id, secret = str(settings.oidc_client_id), settings.oidc_client_secret
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "client_id": client_id,
        "code_verifier": attempt.verifier,
    }
    auth = None if secret is None else httpx.BasicAuth(client_id, secret.get_secret_value())
    try:
        answer = httpx.post(_endpoint("token_endpoint"), data=form, auth=auth, timeout=_TIMEOUT_S)
        given: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise UnavailableError(f"The issuer can't be asked who signs in: {type(error).__name__}") from error
    if answer.is_client_error:
        raise UnauthorizedError(f"The issuer refuses the sign-in: {given.get('error', answer.status_code)!s:.100}.")
    if "id_token" not in given:
        raise UnavailableError("The issuer doesn't tell who signs in: its answer has no id_token.")
    granted = str(given.get("scope", _scopes())).split()
    wanted = settings.oidc_write_scope
    principal = issuer().identify(str(given["id_token"]), client_id=client_id, nonce=attempt.nonce)
    return Bearer(principal, wanted is None or wanted in granted)


def _scopes() -> str:
    settings = get_settings()
    wanted = ("openid", _SCOPES_OF_CLAIMS.get(settings.oidc_claim), settings.oidc_write_scope)
    return " ".join(each for each in wanted if each)


def _endpoint(name: str) -> str:
    try:
        return str(discover(str(get_settings().oidc_issuer))[name])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise UnavailableError(f"The issuer can't be reached: {type(error).__name__}") from error
