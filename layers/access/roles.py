"""Who may do what in a territory; PostgreSQL's row-level security holds everybody to it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from psycopg import sql
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects.postgresql import insert

from geo.errors import InvalidInputError
from layers.errors import NotFoundError
from layers.history.history import acting
from layers.models.base import PUBLIC
from layers.models.registry import Membership
from layers.postgres import database
from layers.postgres.database import RIGHTS, SETTINGS
from layers.territories.territory import find_territory

ROLES = ("viewer", "analyst", "editor", "admin")
"""From the least to the most. A viewer sees restricted rows, an analyst may keep results and layers of their own, an
editor changes features and sees rejects and contacts, an admin gives roles. Each may what those before may."""

_PRINCIPAL = re.compile(r"[a-z][a-z0-9._@-]{0,62}")
_RESERVED = ("horad", "pg_", "postgres", "public")


@dataclass(frozen=True)
class Member:
    """Someone's role in a territory and in all that belong to it."""

    principal: str
    territory: str
    role: str


@dataclass(frozen=True)
class Rights:
    """Who asks, and the territories in which they have at least each role; nobody's are the public's."""

    principal: str | None = None
    viewer: tuple[str, ...] = ()
    analyst: tuple[str, ...] = ()
    editor: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()

    @cached_property
    def key(self) -> str:
        """What caches of features have to be kept by: the same for all who see the same, empty for the public."""
        seen = "\n".join(self.viewer)
        return hashlib.blake2b(seen.encode(), digest_size=12).hexdigest() if seen else ""


def grant(connection: Connection, principal: str, role: str, territory: str) -> None:
    """Give someone a role in a territory and in all that belong to it; it replaces the one they had there.

    Raises
    ------
    InvalidInputError
        There is no such role, or the name can't be one.
    NotFoundError
        The base has no such territory.
    """
    check_principal(principal)
    if role not in ROLES:
        raise InvalidInputError(f"There is no role {role!r}; the roles are: {', '.join(ROLES)}.")
    find_territory(connection, territory)
    row = insert(Membership).values(principal=principal, territory=territory, role=role)
    connection.execute(row.on_conflict_do_update(index_elements=["principal", "territory"], set_={"role": role}))


def revoke(connection: Connection, principal: str, territory: str) -> None:
    """Take someone's role in a territory away.

    Raises
    ------
    NotFoundError
        They have none there.
    """
    gone = sa.delete(Membership).where(Membership.principal == principal, Membership.territory == territory)
    if connection.execute(gone).rowcount == 0:
        raise NotFoundError(f"{principal} has no role in {territory}.")


def members(connection: Connection, territory: str | None = None) -> list[Member]:
    """Return who has which role, in one territory or in all."""
    columns = (Membership.principal, Membership.territory, Membership.role)
    statement = sa.select(*columns).order_by(Membership.territory, Membership.principal)
    if territory is not None:
        find_territory(connection, territory)
        statement = statement.where(Membership.territory == territory)
    return [Member(*row) for row in connection.execute(statement)]


def act_as(connection: Connection, principal: str | None) -> None:
    """Give up the owner's rights for the rest of the transaction: what follows is done with someone's rights.

    Parameters
    ----------
    connection
        Of the owner of the base, in a transaction.
    principal
        Whose; ``None`` for the public's.
    """
    connection.execute(sa.text("SELECT set_config('horad.principal', :name, true)"), {"name": principal or ""})
    connection.exec_driver_sql(f"SET LOCAL ROLE {PUBLIC}")


def rights_of(connection: Connection, principal: str) -> Rights:
    """Return in which territories someone has which role by now."""
    with acting(connection, principal):
        columns = [sa.func.horad_territories(role) for role in ROLES]
        row = connection.execute(sa.select(*columns)).one()
    return Rights(principal, **{role: tuple(sorted(each)) for role, each in zip(ROLES, row, strict=True)})


def speaking_for(engine: Engine, rights: Rights, *, address: str = "") -> Engine:
    """Return an engine of the public's whose transactions have someone's rights.

    What they see follows from their rights as stated here and not from what became of them since, so that what is kept
    under `Rights.key` is right.

    Parameters
    ----------
    engine
        From ``database.engine(public=True)``.
    rights
        Theirs.
    address
        From where they ask, for the audit.
    """
    settings = settings_of(rights, address=address)
    return engine.execution_options(**{SETTINGS: settings, RIGHTS: rights.key}) if settings else engine


def settings_of(rights: Rights, *, address: str = "") -> dict[str, str]:
    """Return PostgreSQL's settings by which a transaction of the public's has someone's rights; none for the public."""
    if rights.principal is None:
        return {}
    stated = json.dumps({role: getattr(rights, role) for role in ROLES})
    return {"horad.principal": rights.principal, "horad.rights": stated, "horad.address": address}


def engine_for(principal: str | None) -> Engine:
    """Return connections with the rights that someone has by now; of the public for ``None``."""
    public = database.engine(public=True)
    if principal is None:
        return public
    with database.engine().connect() as connection:
        return speaking_for(public, rights_of(connection, principal))


def create_login(connection: Connection, principal: str, password: str) -> None:
    """Let someone connect to the database with SQL, under their name; they see and change what their roles allow.

    Raises
    ------
    InvalidInputError
        The name can't be one, or the database has it already.
    """
    check_principal(principal)
    taken = connection.execute(sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": principal}).scalar()
    if taken:
        raise InvalidInputError(f"The database has a role {principal} already.")
    statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
        sql.Identifier(principal), sql.Literal(password), sql.Identifier(PUBLIC)
    )
    connection.exec_driver_sql(statement.as_string(None).replace("%", "%%"))


def drop_login(connection: Connection, principal: str) -> None:
    """Take someone's way into the database by SQL away; their roles in territories stay.

    Raises
    ------
    NotFoundError
        There is no such login of Horad's.
    """
    ours = sa.text(
        "SELECT 1 FROM pg_roles WHERE rolname = :name AND NOT rolsuper AND NOT rolcreaterole AND rolname <> :public"
        " AND pg_has_role(oid, :public, 'MEMBER')"
    )
    if connection.execute(ours, {"name": principal, "public": PUBLIC}).scalar() is None:
        raise NotFoundError(f"The database has no login {principal} of the platform's.")
    connection.exec_driver_sql(sql.SQL("DROP ROLE {}").format(sql.Identifier(principal)).as_string(None))


def check_principal(name: str) -> None:
    """Make sure that a name can be a user's.

    Raises
    ------
    InvalidInputError
        It can't.
    """
    if not _PRINCIPAL.fullmatch(name) or name.startswith(_RESERVED):
        raise InvalidInputError(
            f"{name!r} can't be a user's name: it takes up to 63 small letters, digits and . _ @ -, begins with a"
            f" letter, and not with {', '.join(_RESERVED)}."
        )
