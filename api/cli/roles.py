"""``horad role``: who may do what in a territory."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from api.cli.console import print_json, stdout_console
from api.cli.users import changing
from layers.access import roles
from layers.postgres.startup import ready_engine

role_app = typer.Typer(help="Say who may do what in a territory and in all that belong to it.", no_args_is_help=True)
out = stdout_console()

PrincipalArgument = Annotated[str, typer.Argument(help="Name of the user.")]
TerritoryArgument = Annotated[str, typer.Argument(help="Id of the territory.")]


@role_app.command()
def grant(
    principal: PrincipalArgument,
    role: Annotated[str, typer.Argument(help=f"One of {', '.join(roles.ROLES)}.")],
    territory: TerritoryArgument,
) -> None:
    """Give someone a role; it replaces the one they had there."""
    with changing() as connection:
        roles.grant(connection, principal, role, territory)
    out.print(f"{principal} is {role} of {territory}")


@role_app.command()
def revoke(principal: PrincipalArgument, territory: TerritoryArgument) -> None:
    """Take someone's role away."""
    with changing() as connection:
        roles.revoke(connection, principal, territory)
    out.print(f"{principal} has no role in {territory} any more")


@role_app.command("list")
def list_members(
    territory: Annotated[str | None, typer.Option("--territory", "-t", help="Only those of a territory.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """List who has which role."""
    with ready_engine().connect() as connection:
        found = roles.members(connection, territory)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    table = Table("user", "territory", "role", box=None, padding=(0, 2), pad_edge=False)
    for each in found:
        table.add_row(each.principal, each.territory, each.role)
    out.print(table if found else "Nobody has a role yet")


@role_app.command()
def login(
    principal: PrincipalArgument,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for.")],
) -> None:
    """Let someone connect to the database with SQL under their name; row-level security holds them to their roles.

    The private database trusts whoever can reach its socket, so that logins make sense with a database of
    HORAD_DATABASE_URL, where the server asks for passwords.
    """
    with ready_engine().begin() as connection:
        roles.create_login(connection, principal, password)
    out.print(f"{principal} can connect to the database")


@role_app.command()
def logout(principal: PrincipalArgument) -> None:
    """Take someone's way into the database by SQL away; their roles stay."""
    with ready_engine().begin() as connection:
        roles.drop_login(connection, principal)
    out.print(f"{principal} can't connect to the database any more")
