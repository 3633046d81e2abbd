"""Who can sign in. What they may do, `layers.access.roles` says."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from geo.errors import InvalidInputError
from layers.access.roles import check_principal
from layers.errors import NotFoundError
from layers.models.registry import Membership, User


@dataclass(frozen=True)
class KnownUser:
    """A user and their roles, by territory."""

    principal: str
    disabled: bool
    roles: dict[str, str]


def add(connection: Connection, principal: str) -> None:
    """Let someone have keys; they see what is public until they are given roles.

    Raises
    ------
    InvalidInputError
        The name can't be one, or there is such a user.
    """
    check_principal(principal)
    row = insert(User).values(principal=principal).on_conflict_do_nothing()
    if connection.execute(row.returning(User.principal)).scalar() is None:
        raise InvalidInputError(f"There is a user {principal} already.")


def ensure(connection: Connection, principal: str) -> None:
    """Let someone have keys who may have some already.

    Raises
    ------
    InvalidInputError
        The name can't be one.
    """
    check_principal(principal)
    connection.execute(insert(User).values(principal=principal).on_conflict_do_nothing())


def list_users(connection: Connection) -> list[KnownUser]:
    """Return the users by name."""
    roles: dict[str, dict[str, str]] = {}
    for member in connection.execute(sa.select(Membership).order_by(Membership.territory)):
        roles.setdefault(member.principal, {})[member.territory] = member.role
    rows = connection.execute(sa.select(User.principal, User.disabled).order_by(User.principal))
    return [KnownUser(row.principal, row.disabled, roles.get(row.principal, {})) for row in rows]


def set_disabled(connection: Connection, principal: str, disabled: bool) -> None:
    """Keep someone from signing in, by whatever way, or let them again; their keys and roles stay.

    Raises
    ------
    NotFoundError
        There is no such user.
    """
    row = sa.update(User).where(User.principal == principal).values(disabled=disabled)
    if connection.execute(row).rowcount == 0:
        raise NotFoundError(f"There is no user {principal}.")


def remove(connection: Connection, principal: str) -> None:
    """Remove someone with their keys and roles; what they did stays in the history and in the audit.

    Raises
    ------
    NotFoundError
        There is no such user.
    """
    connection.execute(sa.delete(Membership).where(Membership.principal == principal))
    if connection.execute(sa.delete(User).where(User.principal == principal)).rowcount == 0:
        raise NotFoundError(f"There is no user {principal}.")


def is_disabled(connection: Connection, principal: str) -> bool:
    """Tell whether someone was kept from signing in."""
    disabled = connection.execute(sa.select(User.disabled).where(User.principal == principal)).scalar()
    return bool(disabled)
