"""What a command takes: its wall time, and the time on processors, its own and the server's.

On a machine that others use, wall times of one run may differ by far; processor times hardly do.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Taken(NamedTuple):
    """Seconds that a command took."""

    wall_s: float
    processor_s: float


def server_s(postmaster: int) -> float:
    """Return the processor time of a PostgreSQL server and of all processes that it has had."""
    ended = _ticks(postmaster)
    living = (_ticks(int(each.name), postmaster)[:2] for each in Path("/proc").iterdir() if each.name.isdigit())
    return (sum(ended) + sum(map(sum, living))) / _TICKS_PER_S


def measured(command: Sequence[object], postmaster: int) -> Taken:
    """Run a command that works with a server, and return what it took."""
    before, own = server_s(postmaster), resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, check=False)
    wall_s = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr[-2000:]}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    own_s = now.ru_utime + now.ru_stime - own.ru_utime - own.ru_stime
    time.sleep(0.2)
    return Taken(wall_s, own_s + server_s(postmaster) - before)


def _ticks(process: int, parent: int | None = None) -> list[int]:
    """Return the ticks of a process: user, system, and those of its ended children; none of another's child."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(each) for each in fields[11:15]] if parent in (None, int(fields[1])) else []
