"""The private PostgreSQL of one HORAD_HOME: created, started, healed and stopped, always as an ordinary user."""

from __future__ import annotations

import fcntl
import logging
import os
import pwd
import shlex
import shutil
import signal
import stat
import subprocess
import time
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import blake2s
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from layers.errors import DatabaseError
from layers.postgres.servers import Server, find_servers, memory_bytes, tuning

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

DATABASE = "horad"
"""Name of the database, and of the role that owns everything in it."""
PORT = 5432
"""Only names the socket file: nothing listens on TCP."""

_PROC = Path("/proc")
_STORE_OUTSIDE_HOME = Path("/var/lib/horad")
_SOCKET = f".s.PGSQL.{PORT}"
_SOCKET_PATH_MAX_BYTES = 107
_START_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 60
_ORPHAN_PATIENCE_S = 3


class Cluster:
    """The PostgreSQL cluster of one home folder.

    Its folder ``postgres`` is closed to everybody but its owner and root; it holds ``data``, ``run`` (the socket) and
    ``postgres.log``. Root may start and stop it, but the server always runs as the owner, an ordinary user.

    Raises
    ------
    DatabaseError
        The cluster belongs to somebody else, or root has no ordinary user to run it as.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = (home / "postgres").resolve()
        self.owner = _owner_of(self.folder, home)

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
        """The folder of the socket: in the home, or a short one when the home's path can't name a socket."""
        inside = self.folder / "run"
        fits = len(os.fsencode(inside / _SOCKET)) <= _SOCKET_PATH_MAX_BYTES
        if fits and not {",", '"'} & set(str(inside)):
            return inside
        return Path("/tmp", f"horad-{self.owner.pw_uid}-{_short_hash(self.folder)}")  # noqa: S108 - checked to be private

    def start(self) -> None:
        """Make the cluster answer: create it when there is none, clear what a crash left, start it.

        Raises
        ------
        DatabaseError
            It can't be found, created or started; the text says what to do.
        """
        if not _PROC.joinpath("self").exists():
            raise DatabaseError("The embedded PostGIS needs Linux: set HORAD_DATABASE_URL to a PostGIS database")
        self._make_folder()
        with self._locked() as lock:
            self._make_socket_dir()
            if not self._answers():
                server = self._server()
                if not self.data.exists():
                    self._initialise(server, lock)
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
            Its processes don't end.
        """
        if not self.data.exists():
            return False
        with self._locked():
            running = self.pids()
            if postmaster := self.postmaster_pid():
                _signal(postmaster, signal.SIGINT)
                self._wait_until_gone(_STOP_TIMEOUT_S)
            self._clear_remains()
        return bool(running)

    def connect(self, database: str = DATABASE) -> psycopg.Connection[Any]:
        """Open an autocommit connection to a database of the running cluster."""
        host = str(self.socket_dir)
        return psycopg.connect(
            host=host, port=PORT, user=DATABASE, dbname=database, connect_timeout=10, autocommit=True
        )

    def postmaster_pid(self) -> int | None:
        """Tell the running server's process id, None when it doesn't run."""
        return _living_postgres(self.data / "postmaster.pid")

    def pids(self) -> list[int]:
        """List the processes of this cluster, those that outlive a killed server among them."""
        if not self.data.exists():
            return []
        name = self._name().encode()
        commands = {int(process.name): _command_line(process) for process in _processes_of(self.owner.pw_uid)}
        return [pid for pid, command in commands.items() if _is_postgres(command) and name in command]

    def _name(self) -> str:
        """Name the processes, so that they are recognised even when the folder has been moved."""
        identity = self.data.stat()
        return f"horad-{_short_hash((identity.st_dev, identity.st_ino))}"

    def _server(self) -> Server:
        servers = find_servers()
        version_file = self.data / "PG_VERSION"
        if not version_file.exists():
            if servers:
                return servers[0]
            raise DatabaseError(
                "No PostgreSQL with PostGIS on this machine. On Debian or Ubuntu: sudo apt-get install postgresql "
                "postgresql-15-postgis-3 (with your PostgreSQL's number). Or set HORAD_DATABASE_URL"
            )
        major = int(version_file.read_text())
        for server in servers:
            if server.major == major:
                return server
        raise DatabaseError(
            f"{self.data} was made by PostgreSQL {major}; with PostGIS this machine has only: "
            f"{', '.join(str(server.major) for server in servers) or 'none'}. Install postgresql-{major} and "
            f"postgresql-{major}-postgis-3, or set HORAD_HOME to a new folder and load the data again"
        )

    def _make_folder(self) -> None:
        if self.folder.exists():
            return
        try:
            _make_directories(self.home, self.owner)
            if self._run("test", "-x", str(self.home), check=False).returncode:
                self._move_out_of_home()
            _make_directory(self.folder, self.owner, 0o700)
        except OSError as error:
            raise DatabaseError(f"Can't create {self.folder}: {error}. Set HORAD_HOME to a folder of yours") from error

    def _move_out_of_home(self) -> None:
        """Link the folder to where the owner can go, since the home is closed to that owner."""
        target = _STORE_OUTSIDE_HOME / _short_hash(self.home)
        logger.warning("User %s can't enter %s: the database goes to %s", self.owner.pw_name, self.home, target)
        _make_directories(target.parent, pwd.getpwuid(0))
        if self.folder != target:
            (self.home / "postgres").symlink_to(target)
            self.folder = target

    def _make_socket_dir(self) -> None:
        path = self.socket_dir
        if not os.path.lexists(path):
            self._run("mkdir", "-m", "700", str(path))
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.owner.pw_uid or found.st_mode & 0o077:
            raise DatabaseError(f"{path} must be a folder that only {self.owner.pw_name} can enter: remove it")

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Let one process at a time start or stop the cluster."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    def _run(self, *command: str, check: bool = True, lock: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command as the owner, in the folder if that is there; given the lock, it holds it till it ends."""
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
            pass_fds=() if lock is None else (lock,),
            **identity,
        )
        if check and done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise DatabaseError(f"{command[0]} failed in {self.folder}: {said}\n{self._end_of_log()}".strip())
        return done

    def _end_of_log(self, lines: int = 10) -> str:
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _initialise(self, server: Server, lock: int) -> None:
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
            lock=lock,
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
        self._run(
            str(server.bin / "pg_ctl"),
            "start",
            "--wait",
            f"--timeout={_START_TIMEOUT_S}",
            f"--pgdata={self.data.name}",
            f"--log={self.log.name}",
            f"--options={shlex.join(f'--{name}={value}' for name, value in settings.items())}",
        )

    def _answers(self) -> bool:
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
        """Clear what a killed server left: processes that hold its memory, locks that name a stranger's process."""
        if not self._wait_until_gone(_ORPHAN_PATIENCE_S):
            for pid in self.pids():
                _signal(pid, signal.SIGQUIT)
            if not self._wait_until_gone(_STOP_TIMEOUT_S):
                raise DatabaseError(f"PostgreSQL processes {self.pids()} of {self.data} don't end: end them yourself")
        for lock in (self.data / "postmaster.pid", self.socket_dir / f"{_SOCKET}.lock"):
            if not _living_postgres(lock):
                lock.unlink(missing_ok=True)

    def _wait_until_gone(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.pids():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def _short_hash(value: object) -> str:
    return blake2s(str(value).encode(), digest_size=6).hexdigest()


def _owner_of(folder: Path, home: Path) -> pwd.struct_passwd:
    """Choose the user to run as: oneself, but for root the owner of what is there, else the system's ``postgres``."""
    try:
        owners = [path.stat().st_uid for path in (folder, home, _nearest_existing(home.parent)) if path.exists()]
        cluster_owner = owners[0] if folder.exists() else None
    except PermissionError as error:
        raise DatabaseError(f"{folder} is closed to you: set HORAD_HOME to a folder of yours") from error
    uid = os.geteuid()
    if uid and cluster_owner not in {None, uid}:
        raise DatabaseError(f"{folder} belongs to user number {cluster_owner}: set HORAD_HOME to a folder of yours")
    candidates = [partial(pwd.getpwuid, owner) for owner in owners if owner] + [partial(pwd.getpwnam, "postgres")]
    for find_user in [partial(pwd.getpwuid, uid)] if uid else candidates:
        with suppress(KeyError):
            return find_user()
    raise DatabaseError(
        "PostgreSQL needs an ordinary user of this machine to run as: install the package postgresql, which brings "
        "the user postgres, or put HORAD_HOME in a folder that belongs to an ordinary user"
    )


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _make_directories(path: Path, owner: pwd.struct_passwd) -> None:
    """Make a folder and its missing parents, as the owner's if they are made in a folder of the owner's."""
    for folder in [folder for folder in reversed((path, *path.parents)) if not folder.exists()]:
        is_theirs = folder.parent.stat().st_uid == owner.pw_uid
        _make_directory(folder, owner if is_theirs else pwd.getpwuid(os.geteuid()), 0o755)


def _make_directory(path: Path, owner: pwd.struct_passwd, mode: int) -> None:
    path.mkdir(mode, exist_ok=True)
    if os.geteuid() == 0:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchmod(handle, mode)
            os.fchown(handle, owner.pw_uid, owner.pw_gid)
        finally:
            os.close(handle)


def _processes_of(uid: int) -> Iterator[Path]:
    """List what runs for a user, as folders of /proc."""
    for process in _PROC.iterdir():
        with suppress(FileNotFoundError):
            if process.name.isdigit() and process.stat().st_uid == uid:
                yield process


def _command_line(process: Path) -> bytes:
    """Read the command line of a process in /proc: empty when it has ended or is hidden from us."""
    try:
        return (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def _is_postgres(command_line: bytes) -> bool:
    program = command_line.split(b"\0")[0]
    return program.startswith(b"postgres:") or program.rpartition(b"/")[2] == b"postgres"


def _signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process, unless it has ended since it was looked for."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _living_postgres(lock: Path) -> int | None:
    """Read the process id that a lock file of PostgreSQL names, if that process is a living PostgreSQL.

    A server that ends removes its locks at any moment.
    """
    try:
        pid = lock.read_text().partition("\n")[0].strip().lstrip("-")
    except FileNotFoundError:
        return None
    return int(pid) if pid.isdigit() and _is_postgres(_command_line(_PROC / pid)) else None
