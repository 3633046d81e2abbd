"""The API's description on disk: a process of its own writes it, once for a version of the program, for all that serve.

To make it takes seconds, and all routes, which those who serve needn't hold.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from api.errors import NotNowError
from layers.settings import PROJECT, get_settings

VERSIONS = ("3.0", "3.1")
"""Of OpenAPI."""

IDLE = "--idle"
"""Asks the writer to give way to all else, and to leave it to whoever writes already."""

_WRITERS = ("fastapi", "pydantic", "titiler.core")
_SOURCES = [Path(__file__).resolve().parents[1] / name for name in ("api", "layers", "geo")]
_BEGINS_AFTER_S = 3.0


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
    file = file_of(openapi)
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
    if await asyncio.to_thread(is_written):
        return
    process = await asyncio.create_subprocess_exec(*_command(IDLE), cwd=PROJECT)
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _command(*options: str) -> list[str]:
    return [sys.executable, "-m", "api.describe", *options]


def is_written() -> bool:
    """Tell whether this version of the program is described."""
    return all(file_of(each).exists() for each in VERSIONS)


def file_of(openapi: str) -> Path:
    """Return the file of a description of this version of the program."""
    return get_settings().home / "openapi" / f"{_fingerprint()}-{openapi}.json"


@lru_cache
def _fingerprint() -> str:
    """Return what changes with all that the description is made of: the program's files and what writes it."""
    files = [each.stat() for folder in _SOURCES for each in sorted(folder.rglob("*.py"))]
    known = [(each.st_size, each.st_mtime_ns) for each in files], [version(each) for each in _WRITERS], sys.version
    return hashlib.blake2b(repr(known).encode(), digest_size=8).hexdigest()
