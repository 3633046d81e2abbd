"""The command ``horad``."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from geo.errors import HoradError

_COMMANDS = {
    "up": "cli_service:up",
    "serve": "cli_serve:serve",
    "stop": "cli_service:stop",
    "status": "cli_service:status",
    "load": "cli_load:load",
    "adapt": "cli_adapt:adapt_command",
    "worker": "cli_jobs:worker",
    "jobs": "cli_jobs:jobs",
    "check": "cli_check:check",
    "rejects": "cli_rejects:rejects_app",
    "layer": "cli_layers:layer_app",
    "rasters": "cli_rasters:rasters_app",
    "runs": "cli_history:show_runs",
    "changes": "cli_history:show_changes",
    "history": "cli_history:show_history",
    "undo": "cli_history:undo",
    "export": "cli_export:export",
    "tiles": "cli_tiles:tiles",
    "run": "cli_run:run_app",
    "role": "cli_roles:role_app",
    "user": "cli_users:user_app",
    "key": "cli_users:key_app",
    "audit": "cli_users:audit_log",
}
"""Where each command is: a function, or an app with commands of its own."""


class _Commands(TyperGroup):
    """All commands; each is only imported when it is asked for, since all that they need is long to import.

    What is imported stays: nobody looks through it for garbage, which would take a fifth of the time.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(":")
        gc.disable()
        what = getattr(import_module(f"api.{module}"), name)
        gc.freeze()
        gc.enable()
        if not isinstance(what, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command(cmd_name)(what)
            return typer.main.get_command(alone)
        found = typer.main.get_group(what)
        found.name = cmd_name
        return found


app = typer.Typer(
    cls=_Commands,
    help="Horad: one base for all that is known about a city, its analyses and its maps.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _horad() -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command, by default with the words it was called with; an error of ours is one line and exit code 1."""
    try:
        app(arguments)
    except HoradError as error:
        Console(stderr=True, highlight=False).print(f"[red]Error:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
