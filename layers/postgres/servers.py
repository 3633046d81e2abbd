"""The PostgreSQL of this machine: which servers have PostGIS, and the settings that suit the machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_MIB = 2**20


@dataclass(frozen=True, order=True)
class Server:
    """The binaries of one PostgreSQL major version that has PostGIS."""

    major: int
    bin: Path


def find_servers() -> list[Server]:
    """List the PostgreSQL servers of this machine that have PostGIS, newest first.

    Returns
    -------
    list of Server
        Empty when there is none.
    """
    tools = [*Path("/usr/lib/postgresql").glob("*/bin/pg_config"), shutil.which("pg_config")]
    return sorted({server for tool in tools if tool and (server := _server_of(tool))}, reverse=True)


def _server_of(pg_config: Path | str) -> Server | None:
    question = [pg_config, "--version", "--bindir", "--sharedir"]
    answer = subprocess.run(question, capture_output=True, text=True, check=False)  # noqa: S603
    if answer.returncode:
        return None
    version, bindir, sharedir = answer.stdout.splitlines()
    if not Path(bindir, "initdb").exists() or not Path(sharedir, "extension", "postgis.control").exists():
        return None
    return Server(int(re.findall(r"\d+", version)[0]), Path(bindir))


def memory_bytes() -> int:
    """Tell how much memory this process may use, in bytes: the machine's, or its control group's if that is less."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    groups = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")
    limits = [path.read_text().strip() for path in groups if path.exists()]
    return min([physical, *(int(limit) for limit in limits if limit.isdigit())])


def tuning(*, memory: int, cores: int) -> dict[str, str]:
    """Choose server settings for map tiles and analysis on a machine that also runs the rest of Horad.

    Parameters
    ----------
    memory
        What the machine has, in bytes.
    cores
        Processor cores.

    Returns
    -------
    dict of str to str
        PostgreSQL settings by name.
    """

    def share(divisor: int, low_mib: int, high_mib: int) -> str:
        return f"{min(max(memory // divisor // _MIB, low_mib), high_mib)}MB"

    return {
        "shared_buffers": share(4, 64, 4096),
        "effective_cache_size": share(2, 128, 2**20),
        "work_mem": share(256, 8, 128),
        "maintenance_work_mem": share(16, 64, 1024),
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        "max_parallel_workers": str(cores),
        "max_parallel_workers_per_gather": str(min(cores, 4)),
        "jit": "off",
        "max_connections": "200",
        "timezone": "UTC",
    }
