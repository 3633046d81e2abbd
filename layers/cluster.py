"""The private PostgreSQL of one HORAD_HOME: found, created, started, healed and stopped as an ordinary user."""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2s
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from layers.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

DATABASE = "horad"
PORT = 5432
"""Only names the socket file: nothing listens on TCP."""

_PROC = Path("/proc")
_SHARED_STORE = Path("/var/lib/horad")
_SOCKET = f".s.PGSQL.{PORT}"
_SOCKET_PATH_MAX_BYTES = 107
_START_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 60
_ORPHAN_PATIENCE_S = 3
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
    asked = [pg_config, "--version", "--bindir", "--sharedir"]
    version, bindir, sharedir = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603
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
        "max_connections": "100",
        "timezone": "UTC",
    }


class Cluster:
    """The PostgreSQL cluster in one home folder.

    Its folder ``postgres`` is closed to everybody but its owner and root; it holds ``data``, ``run`` (the socket) and
    ``postgres.log``. Root may use it for its owner; PostgreSQL itself never runs as root.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = (home / "postgres").resolve()

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.folder / "postgres.log"

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket: in the home, or a short one when the home's path is too long for a socket."""
        inside = self.folder / "run"
        fits = len(os.fsencode(inside / _SOCKET)) <= _SOCKET_PATH_MAX_BYTES
        if fits and not {",", '"'} & set(str(inside)):
            return inside
        return Path("/tmp", f"horad-{self.owner.pw_uid}-{_short_hash(self.folder)}")  # noqa: S108 - checked to be private

    @cached_property
    def owner(self) -> pwd.struct_passwd:
        """The user the server runs as.

        Raises
        ------
        DatabaseError
            The cluster belongs to somebody else, or root has no ordinary user to run it as.
        """
        uid = os.geteuid()
        try:
            owned_by = self.folder.stat().st_uid if self.folder.exists() else None
        except PermissionError as error:
            raise DatabaseError(f"{self.folder} is closed to you: set HORAD_HOME to a folder of yours") from error
        if uid == 0:
            return _ordinary_user(owned_by, _nearest_existing(self.home).stat().st_uid)
        if owned_by not in {None, uid}:
            raise DatabaseError(
                f"{self.folder} belongs to user {owned_by}, you are {uid}: run as that user or set HORAD_HOME"
            )
        return pwd.getpwuid(uid)

    def start(self) -> None:
        """Make the cluster answer: create it when there is none, clear what a crash left, start it.

        Raises
        ------
        DatabaseError
            It can't be found, created or started; the text says what to do.
        """
        if not _PROC.joinpath("self").exists():
            raise DatabaseError(
                "The embedded PostGIS needs Linux; elsewhere set HORAD_DATABASE_URL to a PostGIS database"
            )
        self._make_folder()
        with self._locked():
            self._make_socket_dir()
            if not self._postmaster_answers():
                server = self._server()
                if not self.data.exists():
                    self._initialise(server)
                self._clear_remains()
                self._launch(server)
            self._create_database()

    def stop(self) -> bool:
        """Stop the server, disconnecting its clients.

        Returns
        -------
        bool
            Whether anything was running.

        Raises
        ------
        DatabaseError
            It did not stop in time.
        """
        if not self.folder.exists() or not self.owner:
            return False
        with self._locked():
            running = self.pids()
            postmaster = self.postmaster_pid()
            if postmaster:
                os.kill(postmaster, signal.SIGINT)
                self._wait_until_gone(_STOP_TIMEOUT_S)
            self._clear_remains()
        return bool(running)

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        """Open an autocommit connection to a database of the running cluster."""
        return psycopg.connect(
            host=str(self.socket_dir), port=PORT, user=DATABASE, dbname=database, connect_timeout=10, autocommit=True
        )

    def postmaster_pid(self) -> int | None:
        """Tell the running server's process id, None when it doesn't run."""
        return _living_postgres(self.data / "postmaster.pid")

    def pids(self) -> list[int]:
        """List the processes of this cluster, those outliving a killed server among them."""
        if not self.data.exists():
            return []
        name = self._name().encode()
        return [pid for pid in _process_ids() if _is_postgres(command := _command_line(pid)) and name in command]

    def _name(self) -> str:
        """Name the processes so that they are recognised even when the folder has been moved."""
        identity = self.data.stat()
        return f"horad-{_short_hash((identity.st_dev, identity.st_ino))}"

    def _server(self) -> Server:
        servers = find_servers()
        version_file = self.data / "PG_VERSION"
        if not version_file.exists():
            if not servers:
                raise DatabaseError(
                    "No PostgreSQL with PostGIS on this machine. On Debian or Ubuntu: "
                    "sudo apt-get install postgresql postgis postgresql-15-postgis-3 (with your PostgreSQL's number). "
                    "Or set HORAD_DATABASE_URL to a PostGIS database"
                )
            return servers[0]
        major = int(version_file.read_text())
        for server in servers:
            if server.major == major:
                return server
        found = ", ".join(str(server.major) for server in servers) or "none"
        raise DatabaseError(
            f"{self.data} was made by PostgreSQL {major}; with PostGIS this machine has: {found}. "
            f"Install postgresql-{major} and postgresql-{major}-postgis-3, or set HORAD_HOME to a new folder and load again"
        )

    def _make_folder(self) -> None:
        owner = self.owner
        try:
            _make_directories(self.home, owner)
            if not self.folder.exists() and self._run("test", "-x", str(self.home), check=False).returncode:
                self._put_elsewhere()
            if not self.folder.exists():
                _make_directory(self.folder, owner, 0o700)
        except OSError as error:
            raise DatabaseError(
                f"Can't create {self.folder}: {error.strerror}. Set HORAD_HOME to a folder of yours"
            ) from error

    def _put_elsewhere(self) -> None:
        """Link the folder to where its owner can go, since the home is closed to that owner."""
        _make_directories(_SHARED_STORE, pwd.getpwuid(0))
        target = _SHARED_STORE / _short_hash(self.home)
        logger.warning("User %s can't enter %s: the database goes to %s", self.owner.pw_name, self.home, target)
        (self.home / "postgres").symlink_to(target)
        self.folder = target

    def _make_socket_dir(self) -> None:
        path = self.socket_dir
        if not os.path.lexists(path):
            self._run("mkdir", "-m", "700", str(path))
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.owner.pw_uid or found.st_mode & 0o077:
            raise DatabaseError(
                f"{path} must be a folder that only {self.owner.pw_name} can enter: remove it and try again"
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time start or stop the cluster."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command as the owner, in the folder if that is there."""
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            groups = os.getgrouplist(self.owner.pw_name, self.owner.pw_gid)
            identity = {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": groups}
        done = subprocess.run(  # noqa: S603
            command,
            cwd=self.folder if self.folder.exists() else "/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **identity,
        )
        if check and done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise DatabaseError(
                f"{Path(command[0]).name} failed in {self.folder}: {said}\n{self._end_of_log()}".strip()
            )
        return done

    def _end_of_log(self, lines: int = 10) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _initialise(self, server: Server) -> None:
        """Create the data folder; one that was interrupted is never taken for a whole one."""
        unfinished = self.folder / "data.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        self._run(
            str(server.bin / "initdb"),
            f"--pgdata={unfinished.name}",
            f"--username={DATABASE}",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--data-checksums",
        )
        unfinished.rename(self.data)

    def _launch(self, server: Server) -> None:
        settings = tuning(memory=memory_bytes(), cores=len(os.sched_getaffinity(0))) | {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": f'"{self.socket_dir}"',
            "unix_socket_permissions": "0700",
            "cluster_name": self._name(),
        }
        options = shlex.join(f"--{name}={value}" for name, value in settings.items())
        control = str(server.bin / "pg_ctl")
        timeout = f"--timeout={_START_TIMEOUT_S}"
        self._run(
            control, "start", "--wait", timeout, "--pgdata=data", f"--log={self.log.name}", f"--options={options}"
        )

    def _postmaster_answers(self) -> bool:
        """Tell whether the server accepts connections, waiting for one that is just starting or stopping."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self.postmaster_pid():
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise DatabaseError(f"The server in {self.folder} runs but does not answer: {error}") from error
                time.sleep(0.1)
            else:
                return True
        return False

    def _create_database(self) -> None:
        with self.connect("postgres") as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _clear_remains(self) -> None:
        """Clear what a killed server left: processes that still hold its memory, locks that name a stranger's process."""
        if not self._wait_until_gone(_ORPHAN_PATIENCE_S):
            for pid in self.pids():
                os.kill(pid, signal.SIGQUIT)
            if not self._wait_until_gone(_STOP_TIMEOUT_S):
                raise DatabaseError(
                    f"PostgreSQL processes {self.pids()} of {self.data} don't end: end them and try again"
                )
        for lock in (self.data / "postmaster.pid", self.socket_dir / f"{_SOCKET}.lock"):
            if lock.exists() and not _living_postgres(lock):
                lock.unlink()

    def _wait_until_gone(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.pids():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def _short_hash(value: object) -> str:
    return blake2s(str(value).encode(), digest_size=6).hexdigest()


def _ordinary_user(*uids: int | None) -> pwd.struct_passwd:
    known = {user.pw_uid: user for user in pwd.getpwall()}
    for uid in uids:
        if uid and uid in known:
            return known[uid]
    for user in known.values():
        if user.pw_name == "postgres":
            return user
    raise DatabaseError(
        "PostgreSQL does not run as root, and there is no user to run it as: install the package postgresql, "
        "which brings the user postgres, or put HORAD_HOME in a folder that belongs to an ordinary user"
    )


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _make_directories(path: Path, owner: pwd.struct_passwd) -> None:
    """Make a folder and its missing parents, owned like the folder they are made in."""
    for folder in [folder for folder in reversed((path, *path.parents)) if not folder.exists()]:
        parent_uid = folder.parent.stat().st_uid
        _make_directory(folder, owner if parent_uid == owner.pw_uid else pwd.getpwuid(os.geteuid()), 0o755)


def _make_directory(path: Path, owner: pwd.struct_passwd, mode: int) -> None:
    path.mkdir(exist_ok=True)
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


def _process_ids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _command_line(pid: int) -> bytes:
    """Read a process's command line: empty when it has ended."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _is_postgres(command_line: bytes) -> bool:
    program = command_line.split(b"\0")[0]
    return program.startswith(b"postgres:") or program.rpartition(b"/")[2] == b"postgres"


def _living_postgres(lock: Path) -> int | None:
    """Read the process id that a lock file of PostgreSQL names, if that process is a living PostgreSQL."""
    try:
        first_line = lock.read_text().partition("\n")[0]
    except FileNotFoundError:
        return None
    pid = abs(int(first_line)) if first_line.strip("-").isdigit() else 0
    return pid if pid and _is_postgres(_command_line(pid)) else None
