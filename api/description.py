"""The API's description on disk: a process of its own writes it, once for a version of the program, for all that serve.

To make it takes seconds, and all routes, which those who serve needn't hold.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api.errors import NotNowError
from layers.settings import PROJECT, get_settings

VERSIONS = ("3.0", "3.1")
"""Of OpenAPI."""

_WRITERS = ("fastapi", "pydantic", "titiler.core")
_SOURCES = [Path(__file__).resolve().parents[1] / name for name in ("api", "layers", "geo")]
_BEGINS_AFTER_S = 3.0
_IDLE = "--idle"
_NICEST = 19


@lru_cache
def described(openapi: str) -> bytes:
    """Return the description of all that is mounted, as JSON; the first who asks may wait until it is written.

    Parameters
    ----------
    openapi
        Which of `VERSIONS`.

    Raises
    ------
    NotNowError
        HORAD_HOME can't be written.
    """
    file = _file(openapi)
    if not file.exists():
        subprocess.run(_command(), cwd=PROJECT, check=False)  # noqa: S603
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotNowError("The description can't be written into HORAD_HOME.") from error


def described_api() -> dict[str, Any]:
    """Return the description in OpenAPI 3.1; errors as `described`."""
    found: dict[str, Any] = json.loads(described("3.1"))
    return found


@asynccontextmanager
async def written_meanwhile() -> AsyncIterator[None]:
    """Let the description be written, if it isn't there, while nothing else needs the processor."""
    writing = asyncio.create_task(_write_when_idle())
    try:
        yield
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


async def _write_when_idle() -> None:
    await asyncio.sleep(_BEGINS_AFTER_S)
    if await asyncio.to_thread(_is_written):
        return
    process = await asyncio.create_subprocess_exec(*_command(_IDLE), cwd=PROJECT)
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _command(*options: str) -> list[str]:
    return [sys.executable, "-m", "api.description", *options]


def _is_written() -> bool:
    return all(_file(each).exists() for each in VERSIONS)


def _file(openapi: str) -> Path:
    return get_settings().home / "openapi" / f"{_fingerprint()}-{openapi}.json"


@lru_cache
def _fingerprint() -> str:
    """Return what changes with all that the description is made of: the program's files and what writes it."""
    files = [each.stat() for folder in _SOURCES for each in sorted(folder.rglob("*.py"))]
    known = [(each.st_size, each.st_mtime_ns) for each in files], [version(each) for each in _WRITERS], sys.version
    return hashlib.blake2b(repr(known).encode(), digest_size=8).hexdigest()


@contextmanager
def _alone(folder: Path, *, waiting: bool) -> Iterator[bool]:
    """Tell whether no other process writes, or wait until none does."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if waiting else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)


def _write() -> None:
    """Write the description unless it is there, and remove those of other versions of the program."""
    from api.app import create_app
    from api.openapi import downgraded

    document = create_app().openapi()
    made = {_file("3.0"): downgraded(document), _file("3.1"): document}
    for file, content in made.items():
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(content))
        partial.replace(file)
    for other in set(_file("3.1").parent.iterdir()) - set(made):
        other.unlink()


def _main() -> None:
    idle = _IDLE in sys.argv
    if idle:
        os.nice(_NICEST)
    folder = _file("3.1").parent
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, waiting=not idle) as alone:
        if alone and not _is_written():
            _write()


if __name__ == "__main__":
    _main()
