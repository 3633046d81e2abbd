"""``horad up``, ``stop`` and ``status``: the service and its base as a whole."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.adapt import print_adaptation
from api.cli.console import loading_progress, print_json, stdout_console
from api.cli.serve import serve
from api.serving import service
from layers.catalog import all_layers
from layers.custom import custom
from layers.postgres import database
from layers.postgres.startup import ready_engine
from layers.reading import store
from layers.settings import get_settings
from layers.territories.adapting import adapt
from layers.territories.packs import pack_file, read_pack
from layers.territories.territory import registered

out = stdout_console()


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
        serve(None)
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


def stop() -> None:
    """Stop the server and the private database."""
    out.print("Server     stopped" if service.stop() else "Server     was not running")
    if get_settings().database_url is None:
        out.print("Database   stopped" if database.stop() else "Database   was not running")


def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False) -> None:
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
