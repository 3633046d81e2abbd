"""What was done to users, keys, roles and the past, by whom and from where; and who tried to sign in in vain.

Triggers write down what changes users, keys and roles, whoever changes them. The rest is noted here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from layers.models.registry import AuditEntry

_KEPT = dt.timedelta(days=400)


@dataclass(frozen=True)
class Entry:
    """Something that was done."""

    at: dt.datetime
    actor: str
    address: str | None
    action: str
    subject: str
    details: dict[str, Any]


def note(
    connection: Connection,
    action: str,
    subject: str,
    details: dict[str, Any] | None = None,
    **known: str,
) -> None:
    """Write down what was done, and forget what is older than 400 days.

    Parameters
    ----------
    connection
        Of the owner of the base.
    action, subject, details
        What was done, to what.
    known
        The ``actor`` and the ``address``, where they aren't those of the connection.
    """
    connection.execute(sa.delete(AuditEntry).where(AuditEntry.at < sa.func.now() - _KEPT))
    connection.execute(sa.insert(AuditEntry).values(action=action, subject=subject, details=details or {}, **known))


def entries(
    connection: Connection, *, limit: int = 50, principal: str | None = None, since: dt.datetime | None = None
) -> list[Entry]:
    """Return what was done last, the latest first.

    Parameters
    ----------
    connection
        Of the owner of the base.
    limit
        At most so many.
    principal
        Only what this user did, or what was done to them.
    since
        Only what was done since.
    """
    columns = [getattr(AuditEntry, name) for name in Entry.__dataclass_fields__]
    statement = sa.select(*columns).order_by(AuditEntry.id.desc()).limit(limit)
    if principal is not None:
        statement = statement.where(sa.or_(AuditEntry.actor == principal, AuditEntry.subject == principal))
    if since is not None:
        statement = statement.where(AuditEntry.at >= since)
    return [Entry(*row) for row in connection.execute(statement)]
