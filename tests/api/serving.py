"""A server of a test's own, on the session's base, with settings of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from ports import free_port


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def ask_to_end(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def serving(*arguments: str, **settings: object) -> Iterator[Server]:
    """Start ``horad serve`` with arguments and HORAD_* settings, wait until it is ready, and end it afterwards."""
    port = free_port()
    own = {f"HORAD_{name.upper()}": str(value) for name, value in settings.items()} | {"HORAD_PORT": str(port)}
    url = f"http://127.0.0.1:{port}"
    with tempfile.NamedTemporaryFile(prefix="horad-serve-", suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "serve", *arguments],
            env=os.environ | own,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(url, process, Path(log.name))
            yield Server(url, process, Path(log.name))
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        told = Path(log.name).read_text()
        assert "Traceback" not in told, told


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if httpx.get(f"{url}/health/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
