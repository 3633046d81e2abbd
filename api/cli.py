"""The command ``horad``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from api import service
from api.cli_adapt import adapt_command, print_adaptation
from api.cli_check import check
from api.cli_history import add_history_commands
from api.cli_jobs import jobs, worker
from api.cli_layers import layer_app
from api.cli_load import load
from api.cli_rasters import rasters_app
from api.cli_rejects import rejects_app
from api.cli_roles import role_app
from api.cli_tiles import tiles
from api.cli_users import audit_log, key_app, user_app
from api.console import loading_progress, print_json
from geo.errors import HoradError
from layers import custom, database, store
from layers.adapting import adapt
from layers.catalog import all_layers
from layers.export import FORMATS, export_layer
from layers.packs import pack_file, read_pack
from layers.settings import get_settings
from layers.startup import ready_engine
from layers.territory import registered


class _Commands(TyperGroup):
    """All commands; those of ``run`` are only made when they are asked for, since analyses are long to import."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), "run"]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name != "run":
            return super().get_command(ctx, cmd_name)
        from api.cli_run import run_app

        found = typer.main.get_group(run_app)
        found.name = cmd_name
        return found


app = typer.Typer(
    cls=_Commands,
    help="Horad: one base for all that is known about a city, its analyses and its maps.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(load)
app.command()(worker)
app.command()(jobs)
app.command()(tiles)
app.add_typer(rasters_app, name="rasters")
app.add_typer(rejects_app, name="rejects")
app.add_typer(layer_app, name="layer")
app.add_typer(role_app, name="role")
app.add_typer(user_app, name="user")
app.add_typer(key_app, name="key")
app.command("audit")(audit_log)
app.command()(check)
app.command("adapt")(adapt_command)
add_history_commands(app)
out = Console(highlight=False)

TerritoryOption = Annotated[str | None, typer.Option("--territory", "-t", help="Id of a territory, such as helsinki.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@app.command()
def up(
    territory: Annotated[str, typer.Argument(help="A name from data/territories, or a YAML file.")] = "helsinki",
    foreground: Annotated[bool, typer.Option("--foreground", help="Serve in this terminal until Ctrl-C.")] = False,
) -> None:
    """Start everything: database, tables, a territory with its sources, and the server.

    Sources with a schedule are loaded again when they are due by `horad worker`, which is started by itself.
    """
    pack = read_pack(territory)
    settings = get_settings()
    server = service.running()
    if server is None:
        service.stop()
    if server is None or (server.host, server.port) != (settings.host, settings.port):
        service.check_port_is_free()
    own = settings.database_url is None
    out.print(f"Database   {f'the private PostgreSQL in {settings.home}' if own else 'that of HORAD_DATABASE_URL'}")
    engine = ready_engine()
    with loading_progress(out) as progress:
        done = adapt(engine, pack, folder=pack_file(territory).absolute().parent, progress=progress)
    print_adaptation(out, done)
    if foreground:
        serve()
        return
    if server is not None and (server.host, server.port) != (settings.host, settings.port):
        service.stop()
        server = None
    out.print(f"Server     {'already running' if server else 'starting'}")
    url = (server or service.start()).url
    out.print(f"\n  {pack.title['en']} is at [bold]{url}[/bold]")
    out.print(f"  A Folium map     {url}/maps/roads")
    out.print(f"  The API          {url}/collections")
    out.print(f"  Its log          {service.log_file()}")
    out.print("  To stop          make stop\n")


@app.command()
def serve() -> None:
    """Serve in this terminal until Ctrl-C."""
    import uvicorn

    from api.app import create_app

    settings = get_settings()
    service.check_port_is_free()
    ready_engine()
    uvicorn.run(create_app(), host=settings.host, port=settings.port, server_header=False)


@app.command()
def stop() -> None:
    """Stop the server and the private database."""
    out.print("Server     stopped" if service.stop() else "Server     was not running")
    if get_settings().database_url is None:
        out.print("Database   stopped" if database.stop() else "Database   was not running")


@app.command()
def export(
    layer: Annotated[str, typer.Argument(help="Its name.")],
    output: Annotated[Path, typer.Option("--output", "-o", help=f"The file to write: {', '.join(FORMATS)}.")],
    territory: TerritoryOption = None,
    bbox: Annotated[str | None, typer.Option(help="Only what touches west,south,east,north in degrees.")] = None,
    as_of: Annotated[str | None, typer.Option(help="As it was at a time or on a date, such as 2024-05-01.")] = None,
) -> None:
    """Write a layer to a file."""
    query = store.Query(
        territory=territory,
        bbox=None if bbox is None else store.parse_bbox(bbox),
        as_of=None if as_of is None else store.parse_moment(as_of),
    )
    with Console(stderr=True).status(f"Writing {output} …"), ready_engine().connect() as connection:
        count = export_layer(connection, layer, output, query)
    out.print(f"Wrote {count:,} features of {layer} to {output}")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show what runs and what the base holds."""
    server = service.running()
    found = database.status()
    known: dict[str, Any] = {
        "server": server.url if server else None,
        "database": {"running": found.running, "postgresql": found.postgresql, "postgis": found.postgis},
        "territories": [],
        "layers": {},
    }
    if found.running:
        with database.engine().connect() as connection:
            custom.refresh(connection)
            known["territories"] = [each["id"] for each in registered(connection)]
            known["layers"] = {name: store.count(connection, name, store.Query()) for name in sorted(all_layers())}
    if as_json:
        print_json(known)
        return
    out.print(f"Server       {known['server'] or 'not running'}")
    running = f"PostgreSQL {found.postgresql} with PostGIS {found.postgis}" if found.running else "not running"
    out.print(f"Database     {running}")
    out.print(f"Territories  {', '.join(known['territories']) or 'none yet'}")
    table = Table("layer", box=None, padding=(0, 2), pad_edge=False)
    table.add_column("features", justify="right")
    for name, count in known["layers"].items():
        table.add_row(name, f"{count:,}")
    if known["layers"]:
        out.print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command, by default with the words it was called with; an error of ours is one line and exit code 1."""
    try:
        app(arguments)
    except HoradError as error:
        Console(stderr=True, highlight=False).print(f"[red]Error:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
