"""API keys, with which programs sign in: made once, shown once, kept as hashes."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from geo.errors import HoradError, InvalidInputError
from layers.errors import NotFoundError
from layers.models.registry import ApiKey, User

SESSION = "browser session"
"""The title of keys that are made for a browser when its user signs in, and end when they sign out."""

_MARK = "horad"
_KEY = re.compile(rf"{_MARK}_([0-9a-f]{{12}})_([A-Za-z0-9_-]{{43}})")
_PREFIX_BYTES = 6
_SECRET_BYTES = 32
_USE_IS_NOTED_EVERY = dt.timedelta(minutes=1)


class SignInError(HoradError):
    """Someone can't sign in with what they have shown; the text says why, and holds nothing of it."""


@dataclass(frozen=True)
class KnownKey:
    """What is known of a key; its secret isn't."""

    prefix: str
    principal: str
    title: str
    writes: bool
    created_at: dt.datetime
    expires_at: dt.datetime | None
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None


@dataclass(frozen=True)
class Holder:
    """Who signs in with a key, and whether the key lets them change anything."""

    principal: str
    prefix: str
    writes: bool


def looks_like_key(token: str) -> bool:
    """Tell whether a token is a key of ours rather than another kind of token."""
    return token.startswith(f"{_MARK}_")


def prefix_of(key: str) -> str:
    """Return the part of a key that isn't secret, or nothing where it is no key."""
    parts = _KEY.fullmatch(key)
    return parts[1] if parts else ""


def create(
    connection: Connection,
    principal: str,
    *,
    title: str = "",
    writes: bool = False,
    lasts: dt.timedelta | None = None,
) -> str:
    """Make a key for a user.

    Parameters
    ----------
    connection
        Of the owner of the base, in a transaction.
    principal
        Whose key it is; it gives their rights.
    title
        What it is for.
    writes
        Whether what the user may change can be changed with it; it only reads otherwise.
    lasts
        After how long it ends; never by default.

    Returns
    -------
    str
        The key. It can't be had again.

    Raises
    ------
    InvalidInputError
        There is no such user, or the time is over already.
    """
    if lasts is not None and lasts <= dt.timedelta(0):
        raise InvalidInputError("A key must last some time.")
    if connection.execute(sa.select(User.principal).where(User.principal == principal)).scalar() is None:
        raise InvalidInputError(f"There is no user {principal}: add them first, with horad user add {principal}.")
    prefix, secret = secrets.token_hex(_PREFIX_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    row = sa.insert(ApiKey).values(
        prefix=prefix,
        hash=_hash(secret),
        principal=principal,
        title=title,
        writes=writes,
        expires_at=None if lasts is None else sa.func.now() + lasts,
    )
    connection.execute(row)
    return f"{_MARK}_{prefix}_{secret}"


def open_session(connection: Connection, principal: str, *, writes: bool, lasts: dt.timedelta) -> str:
    """Make a key for the browser of a user; those of earlier sessions of theirs that are over are forgotten.

    Parameters and errors are those of `create`.
    """
    over = sa.or_(ApiKey.expires_at < sa.func.now(), ApiKey.revoked_at.is_not(None))
    connection.execute(sa.delete(ApiKey).where(ApiKey.principal == principal, ApiKey.title == SESSION, over))
    return create(connection, principal, title=SESSION, writes=writes, lasts=lasts)


def close_session(connection: Connection, prefix: str) -> None:
    """End a key where it was made for a browser; one that was made by hand goes on to hold."""
    row = sa.update(ApiKey).where(ApiKey.prefix == prefix, ApiKey.title == SESSION, ApiKey.revoked_at.is_(None))
    connection.execute(row.values(revoked_at=sa.func.now()))


def list_keys(connection: Connection, principal: str | None = None) -> list[KnownKey]:
    """Return the keys of a user, or of all, the latest first."""
    columns = [getattr(ApiKey, name) for name in KnownKey.__dataclass_fields__]
    statement = sa.select(*columns).order_by(ApiKey.created_at.desc(), ApiKey.prefix)
    if principal is not None:
        statement = statement.where(ApiKey.principal == principal)
    return [KnownKey(*row) for row in connection.execute(statement)]


def revoke(connection: Connection, prefix: str) -> None:
    """End a key, known by its prefix.

    Raises
    ------
    NotFoundError
        There is no such key, or it has been revoked before.
    """
    wanted = prefix.removeprefix(f"{_MARK}_")
    row = sa.update(ApiKey).where(ApiKey.prefix == wanted, ApiKey.revoked_at.is_(None)).values(revoked_at=sa.func.now())
    if connection.execute(row).rowcount == 0:
        raise NotFoundError(f"There is no key {prefix} that could be revoked; horad key list lists them.")


def verify(connection: Connection, key: str) -> Holder:
    """Tell who signs in with a key, and note that it is used.

    Raises
    ------
    SignInError
        The key isn't ours, has ended or was revoked, or its user was disabled.
    """
    parts = _KEY.fullmatch(key)
    prefix, secret = parts.groups() if parts else ("", "")
    now = sa.func.now()
    statement = sa.select(
        ApiKey.hash,
        ApiKey.principal,
        ApiKey.writes,
        User.disabled,
        (ApiKey.revoked_at.is_not(None)).label("revoked"),
        sa.func.coalesce(ApiKey.expires_at <= now, False).label("expired"),
        sa.func.coalesce(ApiKey.last_used_at <= now - _USE_IS_NOTED_EVERY, True).label("note"),
    ).join(User, User.principal == ApiKey.principal)
    row = connection.execute(statement.where(ApiKey.prefix == prefix)).one_or_none()
    known = row.hash if row is not None else bytes(hashlib.sha256().digest_size)
    if not hmac.compare_digest(known, _hash(secret)) or row is None:
        raise SignInError("The key isn't known.")
    for over, why in ((row.revoked, "The key was revoked."), (row.expired, "The key has expired.")):
        if over:
            raise SignInError(why)
    if row.disabled:
        raise SignInError("The user of the key was disabled.")
    if row.note:
        connection.execute(sa.update(ApiKey).where(ApiKey.prefix == prefix).values(last_used_at=now))
    return Holder(row.principal, prefix, row.writes)


def _hash(secret: str) -> bytes:
    """Return what is kept of a secret; as it is long and random, one round is enough."""
    return hashlib.sha256(secret.encode()).digest()
