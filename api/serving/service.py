"""The server as a process of its own: started in the background, found again, stopped."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from geo.errors import HoradError
from layers.settings import get_settings

INSTANCE_VARIABLE = "HORAD_INSTANCE"
"""How a server learns the token by which it is known again; ``/health/live`` returns it."""

_START_TIMEOUT_S = 60.0
_STOP_MARGIN_S = 3.0
_POLL_S = 0.1
_HEALTH_TIMEOUT_S = 2.0


_started: dict[int, subprocess.Popen[bytes]] = {}
"""The servers that this process started, so that it can collect them when they end."""


class ServiceError(HoradError):
    """The server can't be started; the text says why and what to do."""


@dataclass(frozen=True)
class Service:
    """A server that was started in the background."""

    pid: int
    host: str
    port: int
    instance: str

    @property
    def url(self) -> str:
        """The address of its landing page."""
        return f"http://{self.host}:{self.port}"

    def answers(self) -> bool:
        """Tell whether it is this server that answers there."""
        try:
            with urllib.request.urlopen(f"{self.url}/health/live", timeout=_HEALTH_TIMEOUT_S) as answer:  # noqa: S310
                told = json.load(answer)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        return isinstance(told, dict) and told.get("instance") == self.instance


def running() -> Service | None:
    """Return the server that was started from this HORAD_HOME and answers."""
    service = _recorded()
    return service if service is not None and service.answers() else None


def check_port_is_free() -> None:
    """Make sure that the server could listen where the settings say.

    Raises
    ------
    ServiceError
        Another program listens there.
    """
    settings = get_settings()
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise ServiceError(
                f"Can't listen on {settings.host}:{settings.port} ({error.strerror}): another program is there. "
                f"Stop it, or choose another port, for example HORAD_PORT={settings.port + 1}."
            ) from error


def start() -> Service:
    """Start the server in the background and wait until it answers.

    Raises
    ------
    ServiceError
        It doesn't come up; the text holds the end of its log.
    """
    settings = get_settings()
    check_port_is_free()
    instance = secrets.token_hex(8)
    with _open_log() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "serve"],
            env=os.environ | {INSTANCE_VARIABLE: instance},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started[process.pid] = process
    service = Service(process.pid, settings.host, settings.port, instance)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not service.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            _ended(process.pid, signal.SIGKILL)
            tail = "\n".join(log_file().read_text(errors="replace").splitlines()[-15:])
            raise ServiceError(f"The server didn't come up. The end of {log_file()}:\n{tail}")
        time.sleep(_POLL_S)
    _record().write_text(json.dumps(asdict(service)))
    return service


def stop() -> bool:
    """Stop the server that was started in the background, even one that hangs; return whether there was one."""
    service = _recorded()
    _record().unlink(missing_ok=True)
    if service is None or not (service.answers() or _bears(service.pid, service.instance)):
        return False
    if not _ended(service.pid, signal.SIGTERM):
        _ended(service.pid, signal.SIGKILL)
    return True


def log_file() -> Path:
    """Return where a server in the background writes its log."""
    return get_settings().home / "server.log"


def _open_log() -> BinaryIO:
    try:
        log_file().parent.mkdir(parents=True, exist_ok=True)
        return log_file().open("ab")
    except OSError as error:
        raise ServiceError(f"Can't write {log_file()}: {error.strerror}. Is HORAD_HOME another user's?") from error


def _record() -> Path:
    return get_settings().home / "server.json"


def _recorded() -> Service | None:
    """Return the server that was started last from this HORAD_HOME, whether or not it still runs."""
    try:
        return Service(**json.loads(_record().read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _bears(pid: int, instance: str) -> bool:
    """Tell whether the process was given the token, so that no other process with its number is taken for it."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{INSTANCE_VARIABLE}={instance}".encode() in environment.split(b"\0")


def _ended(pid: int, how: signal.Signals) -> bool:
    """Send the signal, and tell whether the process ended within the time; to be killed, its workers are with it."""
    with suppress(ProcessLookupError):
        os.killpg(pid, how) if how is signal.SIGKILL else os.kill(pid, how)
    deadline = time.monotonic() + get_settings().shutdown_s + _STOP_MARGIN_S
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    child = _started.get(pid)
    if child is not None:
        return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
