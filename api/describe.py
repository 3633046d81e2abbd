"""Writes the description of the API: a process of its own, `python -m api.describe`, since it takes all routes."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.description import IDLE, file_of, is_written

_NICEST = 19


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
    """Write the description, and remove those of other versions of the program."""
    from api.app import create_app
    from api.openapi import downgraded

    document = create_app().openapi()
    made = {file_of("3.0"): downgraded(document), file_of("3.1"): document}
    for file, content in made.items():
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(content))
        partial.replace(file)
    for other in set(file_of("3.1").parent.iterdir()) - set(made):
        other.unlink()


def main() -> None:
    """Write the description unless it is there."""
    idle = IDLE in sys.argv
    if idle:
        os.nice(_NICEST)
    folder = file_of("3.1").parent
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, waiting=not idle) as alone:
        if alone and not is_written():
            _write()


if __name__ == "__main__":
    main()
