"""``horad adapt``: a city or a region from its file."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from api.cli.console import loading_progress, print_json, print_outcome, stdout_console
from geo.errors import InvalidInputError
from layers.custom import custom
from layers.postgres import database
from layers.postgres.startup import ready_engine
from layers.territories.adapting import Adaptation, adapt, check_pack
from layers.territories.files import PackError, Problem
from layers.territories.packs import pack_file, pack_schema, read_pack
from layers.territories.territory import registered

out = stdout_console(soft_wrap=True)


def adapt_command(
    file: Annotated[str | None, typer.Argument(help="A YAML file, or a name from data/territories.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell what is wrong in it; load nothing, and ask nothing of the web.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would change; change nothing.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of such files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Create a territory from its file, or bring it up to date, and load its sources; again and again, safely.

    The exit code is 1 where something is wrong in the file or a source couldn't be loaded.
    """
    if schema:
        print_json(pack_schema())
        return
    if file is None or (check and dry_run):
        raise InvalidInputError("Name a territory's file, and either --check or --dry-run or none of them.")
    sys.exit(_check(file, as_json=as_json) if check else _adapt(file, dry_run=dry_run, as_json=as_json))


def print_adaptation(console: Console, done: Adaptation, *, dry_run: bool = False) -> None:
    """Print what became of a territory."""
    would = "would be " if dry_run else ""
    lines = [f"Territory  {parent}: {would}registered, its sources not loaded" for parent in done.parents]
    lines.append(f"Territory  {done.territory}: {would}{_what(done)}")
    lines += [f"  {line}" for line in done.changes]
    for source, counts in done.removed.items():
        told = ", ".join(f"{number:,} of {layer}" for layer, number in counts.items())
        lines.append(f"Source     {source}: no longer described so; {would}removed: {told}")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    for outcome in done.outcomes:
        print_outcome(console, outcome)


def _what(done: Adaptation) -> str:
    if done.is_new:
        return "created"
    return "changed" if done.changes else "left as it is"


def _check(file: str, *, as_json: bool) -> int:
    problems = check_pack(file, _known())
    if as_json:
        print_json({"file": str(pack_file(file)), "problems": _plain(problems)})
    else:
        for each in problems:
            out.print(f"{pack_file(file)}: {each}", markup=False)
        out.print(f"{len(problems)} to put right" if problems else f"{pack_file(file)}: nothing is wrong in it")
    return 1 if problems else 0


def _adapt(file: str, *, dry_run: bool, as_json: bool) -> int:
    engine = ready_engine()
    try:
        territory = read_pack(file)
    except PackError as error:
        if not as_json:
            raise
        print_json({"file": str(pack_file(file)), "problems": _plain(error.problems)})
        return 1
    folder = pack_file(file).absolute().parent
    with loading_progress(Console(stderr=True) if as_json else out) as progress:
        done = adapt(engine, territory, folder=folder, rehearse=dry_run, progress=progress)
    if as_json:
        print_json(_as_dict(done, dry_run=dry_run))
    else:
        print_adaptation(out, done, dry_run=dry_run)
    return 1 if done.failed else 0


def _known() -> set[str]:
    """Return the ids of the territories of the base, and learn of its custom layers; where it doesn't run, of none.

    To check a file nothing is started.
    """
    if not database.status().running:
        return set()
    with database.engine().connect() as connection:
        custom.refresh(connection)
        return {each["id"] for each in registered(connection)}


def _plain(problems: list[Problem] | tuple[Problem, ...]) -> list[dict[str, Any]]:
    return [{"line": each.line, "path": each.path, "text": each.text} for each in problems]


def _as_dict(done: Adaptation, *, dry_run: bool) -> dict[str, Any]:
    sources = [
        {
            "source": each.source,
            "note": each.note,
            "error": str(each.error) if each.error else None,
            "report": each.report.as_dict() if each.report else None,
        }
        for each in done.outcomes
    ]
    return {
        "territory": done.territory,
        "dry_run": dry_run,
        "new": done.is_new,
        "parents": done.parents,
        "changes": done.changes,
        "removed": done.removed,
        "sources": sources,
    }
