"""Tokens of an OpenID Connect issuer: whose they are, after their signature and their claims were checked."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import GuestProtocol, Key, KeySet

from api.errors import UnauthorizedError
from geo.errors import InvalidInputError
from layers.access.roles import check_principal
from layers.errors import UnavailableError
from layers.settings import get_settings

_DISCOVERY = "/.well-known/openid-configuration"
_KEYS_LAST_S = 3600.0
_ASK_AGAIN_AFTER_S = 10.0
_TIMEOUT_S = 5.0
_MAX_TOKEN_BYTES = 16_384


@dataclass(frozen=True)
class Bearer:
    """Whose a token is, and whether they may change anything with it."""

    principal: str
    writes: bool


class Issuer:
    """Checks the tokens of the issuer that the settings name; its keys are kept for an hour.

    A key that isn't known is looked for at once, since issuers change theirs; but no more often than every ten seconds,
    so that nobody can make us ask all the time.
    """

    def __init__(self) -> None:
        self._settings = get_settings()
        self._keys = KeySet([])
        self._asked_at = -_KEYS_LAST_S
        self._asking = Lock()

    def check(self, token: str) -> Bearer:
        """Return whose a token is.

        Raises
        ------
        UnauthorizedError
            It isn't the issuer's, isn't for us, isn't valid now, or names nobody.
        UnavailableError
            The issuer's keys can't be had.
        """
        claims = self._read(token, aud=self._settings.oidc_audience)
        return Bearer(self._principal(claims), self._writes(claims))

    def identify(self, token: str, *, client_id: str, nonce: str) -> str:
        """Return who has signed in by the ID token that the issuer gives its client.

        Parameters
        ----------
        token
            The ID token.
        client_id
            Whose it must be.
        nonce
            What must stand in it.

        Raises
        ------
        UnauthorizedError, UnavailableError
            As `check` does.
        """
        return self._principal(self._read(token, aud=client_id, nonce=nonce))

    def _read(self, token: str, **essential: str | None) -> Mapping[str, Any]:
        """Return what a token says, whose claims must have these values."""
        if len(token) > _MAX_TOKEN_BYTES:
            raise UnauthorizedError("The token is too long.")
        must_be = {"iss": self._settings.oidc_issuer, **essential}
        claims = jwt.JWTClaimsRegistry(
            leeway=self._settings.oidc_leeway_s,
            exp={"essential": True},
            **{name: {"essential": True, "value": value} for name, value in must_be.items()},
        )
        try:
            read = jwt.decode(token, self._key, algorithms=self._settings.oidc_algorithms)
            claims.validate(read.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise UnauthorizedError(f"The token can't be accepted: {_why(error)}.") from error
        return read.claims

    def _principal(self, claims: Mapping[str, Any]) -> str:
        name = self._settings.oidc_claim
        value = claims.get(name)
        if not isinstance(value, str):
            raise UnauthorizedError(f"The token has no claim {name}.")
        if name == "email":
            if claims.get("email_verified") is not True:
                raise UnauthorizedError("The issuer hasn't verified the address in the token.")
            value = value.lower()
        principal = f"{self._settings.oidc_prefix}{value}"
        try:
            check_principal(principal)
        except InvalidInputError as error:
            raise UnauthorizedError(f"The claim {name} of the token can't be a user's name here.") from error
        return principal

    def _writes(self, claims: Mapping[str, Any]) -> bool:
        wanted = self._settings.oidc_write_scope
        return wanted is None or wanted in str(claims.get("scope", "")).split()

    def _key(self, signed: GuestProtocol) -> Key:
        """Return the key with which a token says that it was signed."""
        name = signed.headers().get("kid")
        if time.monotonic() - self._asked_at > _KEYS_LAST_S:
            self._ask()
        try:
            return self._keys.get_by_kid(name)
        except InvalidKeyIdError:
            if time.monotonic() - self._asked_at <= _ASK_AGAIN_AFTER_S:
                raise
            self._ask()
            return self._keys.get_by_kid(name)

    def _ask(self) -> None:
        """Read the issuer's keys; those that are known go on to count where that fails."""
        seen = self._asked_at
        with self._asking:
            if self._asked_at != seen:
                return
            try:
                self._keys = _signing_keys(self._settings.oidc_jwks, str(self._settings.oidc_issuer))
                self._asked_at = time.monotonic()
            except (httpx.HTTPError, OSError, ValueError, KeyError, JoseError) as error:
                if not self._keys:
                    raise UnavailableError(f"The issuer's keys can't be had: {type(error).__name__}") from error
                self._asked_at = time.monotonic()


@lru_cache
def issuer() -> Issuer:
    """Return the issuer that the settings name."""
    return Issuer()


def _signing_keys(where: str | None, of_issuer: str) -> KeySet:
    """Read the keys from a file, an address, or where the issuer says that they are."""
    if where is not None and "://" not in where:
        found = json.loads(Path(where).read_text())
    else:
        found = _fetch(where or discover(of_issuer)["jwks_uri"])
    signing = [each for each in found["keys"] if each.get("use", "sig") == "sig" and each.get("kty") != "oct"]
    return KeySet.import_key_set({"keys": signing})


def discover(of_issuer: str) -> dict[str, Any]:
    """Return what an issuer tells of itself: where its keys and its pages are.

    Raises
    ------
    httpx.HTTPError, ValueError
        It doesn't.
    """
    return _fetch(of_issuer.rstrip("/") + _DISCOVERY)


def _fetch(address: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(address, timeout=_TIMEOUT_S).raise_for_status().json()
    return found


def _why(error: Exception) -> str:
    """Return what was wrong, in words that hold nothing of the token."""
    claim = getattr(error, "claim", "")
    if claim == "nbf":
        return "it isn't valid yet"
    return {
        "ExpiredTokenError": "it has expired",
        "BadSignatureError": "its signature is wrong",
        "InvalidKeyIdError": "the issuer has no such key",
        "UnsupportedAlgorithmError": "its algorithm isn't allowed",
        "InvalidClaimError": f"its claim {claim} is wrong",
        "MissingClaimError": f"it has no claim {claim}",
    }.get(type(error).__name__, "it is no signed token")
