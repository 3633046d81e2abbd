"""Secrets that open sources: named in a territory's file, never written there."""

from __future__ import annotations

import os
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from layers.errors import SourceError
from layers.sources.web.fetch import Token


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise ValueError(f"is no address: {error}") from error
    if not known:
        raise ValueError("must begin with https:// or http:// and name a host")
    if parts.username is not None:
        raise ValueError("must not hold a user or a password: name a variable that holds the token as token_env")
    return value


WebAddress = Annotated[str, AfterValidator(_address)]
"""An address on the web, without secrets."""


class WithToken(BaseModel):
    """Something on the web that may want a secret to be shown.

    Parameters
    ----------
    token_env
        The environment variable that holds the secret.
    token_header, token_scheme
        The header in which it is sent, and the word before it; an empty scheme is none. By default the word is
        ``Bearer``, and none for CKAN.
    """

    token_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    token_header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]+$")
    token_scheme: str | None = Field(default=None, pattern=r"^[A-Za-z]*$")

    def token(self, *, scheme: str = "Bearer") -> Token | None:
        """Return the secret, where one is wanted, after the word of a scheme unless the description has another.

        Raises
        ------
        SourceError
            The variable isn't set, or can't be sent.
        """
        if self.token_env is None:
            return None
        secret = os.environ.get(self.token_env, "").strip()
        if not re.fullmatch(r"[\x21-\x7e]+", secret):
            raise SourceError(f"The environment variable {self.token_env} must hold a token, in one word of ASCII.")
        return Token(
            self.token_header, f"{scheme if self.token_scheme is None else self.token_scheme} {secret}".strip()
        )
