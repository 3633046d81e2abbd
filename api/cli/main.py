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
    "up": "service:up",
    "serve": "serve:serve",
    "stop": "service:stop",
    "status": "service:status",
    "load": "load:load",
    "adapt": "adapt:adapt_command",
    "worker": "jobs:worker",
    "jobs": "jobs:jobs",
    "check": "check:check",
    "rejects": "rejects:rejects_app",
    "layer": "layers:layer_app",
    "rasters": "rasters:rasters_app",
    "runs": "history:show_runs",
    "changes": "history:show_changes",
    "history": "history:show_history",
    "undo": "history:undo",
    "export": "export:export",
    "tiles": "tiles:tiles",
    "run": "run:run_app",
    "role": "roles:role_app",
    "user": "users:user_app",
    "key": "users:key_app",
    "audit": "users:audit_log",
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
        what = getattr(import_module(f"api.cli.{module}"), name)
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
