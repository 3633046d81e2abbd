"""``horad user``, ``horad key`` and ``horad audit``: who can sign in, with what, and who changed that."""

from __future__ import annotations

import datetime as dt
import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from api.cli.console import print_json, stdout_console
from layers.access import audit, keys, users
from layers.history.history import acting
from layers.postgres.startup import ready_engine
from layers.reading import store

user_app = typer.Typer(help="Say who can sign in; what they may do, horad role says.", no_args_is_help=True)
key_app = typer.Typer(help="Make and end the keys with which programs sign in.", no_args_is_help=True)
out = stdout_console()

PrincipalArgument = Annotated[str, typer.Argument(help="Name of the user.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@user_app.command("add")
def add_user(principal: PrincipalArgument) -> None:
    """Let someone have keys; they see what is public until they are given roles."""
    with changing() as connection:
        users.add(connection, principal)
    out.print(
        f"{principal} can have keys now (horad key create {principal}) and roles (horad role grant {principal} …)"
    )


@user_app.command("list")
def list_users(as_json: JsonOption = False) -> None:
    """List the users with their roles."""
    with ready_engine().connect() as connection:
        found = users.list_users(connection)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    table = Table("user", "roles", "", box=None, padding=(0, 2), pad_edge=False)
    for each in found:
        roles = ", ".join(f"{role} of {territory}" for territory, role in each.roles.items())
        table.add_row(each.principal, roles or "–", "disabled" if each.disabled else "")
    out.print(table if found else "There are no users yet: horad user add NAME")


@user_app.command()
def disable(principal: PrincipalArgument) -> None:
    """Keep someone from signing in, by whatever way; their keys and roles stay."""
    with changing() as connection:
        users.set_disabled(connection, principal, True)
    out.print(f"{principal} can't sign in any more")


@user_app.command()
def enable(principal: PrincipalArgument) -> None:
    """Let someone sign in again."""
    with changing() as connection:
        users.set_disabled(connection, principal, False)
    out.print(f"{principal} can sign in again")


@user_app.command("remove")
def remove_user(principal: PrincipalArgument) -> None:
    """Remove someone with their keys and roles; what they did stays in the history and in the audit."""
    with changing() as connection:
        users.remove(connection, principal)
    out.print(f"{principal} is removed, with their keys and roles")


@key_app.command("create")
def create_key(
    principal: PrincipalArgument,
    title: Annotated[str, typer.Option(help="What it is for.")] = "",
    write: Annotated[bool, typer.Option("--write", help="Let it change what the user may change.")] = False,
    days: Annotated[int | None, typer.Option(min=1, help="After how many days it ends; by default never.")] = None,
) -> None:
    """Make a key for a user. It is printed once, and can't be had again."""
    lasts = None if days is None else dt.timedelta(days=days)
    with changing() as connection:
        made = keys.create(connection, principal, title=title, writes=write, lasts=lasts)
    Console(stderr=True, highlight=False).print("Keep it where nobody sees it; it is sent as Authorization: Bearer KEY")
    out.print(made, soft_wrap=True)


@key_app.command("list")
def list_keys(
    principal: Annotated[str | None, typer.Argument(help="Only those of a user.")] = None, as_json: JsonOption = False
) -> None:
    """List the keys by their prefixes; their secrets aren't kept."""
    with ready_engine().connect() as connection:
        found = keys.list_keys(connection, principal)
    if as_json:
        print_json([_plain(asdict(each)) for each in found])
        return
    table = Table("prefix", "user", "for", "may", "made", "last used", "ends", box=None, padding=(0, 2), pad_edge=False)
    for each in found:
        may = "revoked" if each.revoked_at else "write" if each.writes else "read"
        times = [_day(each.created_at), _day(each.last_used_at), _day(each.expires_at)]
        table.add_row(each.prefix, each.principal, each.title, may, *times)
    out.print(table if found else "There are no keys yet: horad key create USER")


@key_app.command("revoke")
def revoke_key(prefix: Annotated[str, typer.Argument(help="As horad key list shows it.")]) -> None:
    """End a key at once."""
    with changing() as connection:
        keys.revoke(connection, prefix)
    out.print(f"The key {prefix} is good for nothing any more")


def audit_log(
    principal: Annotated[str | None, typer.Argument(help="Only what a user did, or what was done to them.")] = None,
    since: Annotated[str | None, typer.Option(help="Only since a time or a date.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show who changed users, keys and roles, took changes back, or couldn't sign in, the latest first."""
    with ready_engine().connect() as connection:
        moment = None if since is None else store.parse_moment(since)
        found = audit.entries(connection, limit=limit, principal=principal, since=moment)
    if as_json:
        print_json([_plain(asdict(each)) for each in found])
        return
    for each in found:
        where = f" from {each.address}" if each.address else ""
        line = f"{each.at:%Y-%m-%d %H:%M:%S}  {each.actor}{where}: {each.action} {each.subject}"
        out.print(line, markup=False, soft_wrap=True)
    if not found:
        out.print("Nothing yet")


@contextmanager
def changing() -> Iterator[Connection]:
    """Lend a transaction of the owner's in which the operator's own name is written down for what they do."""
    with ready_engine().begin() as connection, acting(connection, getpass.getuser()):
        yield connection


def _day(moment: dt.datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in values.items()}
