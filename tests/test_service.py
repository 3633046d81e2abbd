"""Starting, stopping, killing: the whole of Horad, in processes of its own, on a base of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE_S, wait_until
from ports import free_port

from api.serving.service import Service


class Horad:
    """The command on a home folder and a port."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {"HORAD_HOME": str(self.home), "HORAD_PORT": str(self.port)}
        inherited = {name: value for name, value in os.environ.items() if name != "HORAD_DATABASE_URL"}
        return subprocess.run(
            [str(Path(sys.executable).with_name("horad")), *arguments],
            env=inherited | own | environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def ok(self, *arguments: str, **environment: str) -> str:
        """Run it, and return what it prints; it must succeed."""
        done = self(*arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    def error(self, *arguments: str, **environment: str) -> str:
        """Run it, and return what it complains of; it must fail, without a traceback."""
        done = self(*arguments, **environment)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done.stderr

    def get(self, path: str) -> httpx.Response:
        """Ask the server."""
        return httpx.get(f"{self.url}{path}", timeout=PATIENCE_S)

    @property
    def postmaster_lock(self) -> Path:
        """What the database's first process keeps while it runs; it begins with its number."""
        return self.home / "postgres" / "data" / "postmaster.pid"

    def kill_database(self) -> None:
        """End the database's first process without a word."""
        os.kill(int(self.postmaster_lock.read_text().split()[0]), signal.SIGKILL)

    def counts(self) -> dict[str, int]:
        """Return how many features each layer has."""
        return json.loads(self.ok("status", "--json"))["layers"]


@pytest.fixture(scope="module")
def horad() -> Iterator[Horad]:
    """The command, with Helsinki up and running."""
    home = Path(tempfile.mkdtemp(prefix="horad-cli-"))
    home.chmod(0o755)
    command = Horad(home, free_port())
    try:
        command.ok("up")
        yield command
    finally:
        command("stop")
        shutil.rmtree(home)


def test_up_serves_the_city(horad: Horad) -> None:
    assert horad.get("/health").json()["status"] == "ok"
    assert horad.get("/collections/roads/items?f=json&count=exact").json()["numberMatched"] == horad.counts()["roads"]


def test_a_second_start_is_quick_and_changes_nothing(horad: Horad) -> None:
    before = horad.counts()
    said = horad.ok("up")
    assert "already running" in said
    assert "unchanged since the last load" in said
    assert horad.counts() == before


def test_all_killed_at_once_comes_up_whole(horad: Horad) -> None:
    before = horad.counts()
    server = json.loads((horad.home / "server.json").read_text())["pid"]
    os.kill(server, signal.SIGKILL)
    horad.kill_database()
    assert "starting" in horad.ok("up")
    assert horad.counts() == before
    assert horad.get("/health").json()["status"] == "ok"


def test_a_server_survives_its_database(horad: Horad) -> None:
    statuses: list[int] = []

    def status() -> int:
        answer = horad.get("/collections/roads/items?limit=1")
        assert answer.status_code == 200 or answer.headers["retry-after"]
        statuses.append(answer.status_code)
        return answer.status_code

    horad.kill_database()
    wait_until(lambda: status() != 200)
    horad.ok("up")
    wait_until(lambda: status() == 200)
    assert set(statuses) == {200, 503}


def test_a_server_that_hangs_is_replaced(horad: Horad) -> None:
    server = json.loads((horad.home / "server.json").read_text())["pid"]
    os.kill(server, signal.SIGSTOP)
    assert "starting" in horad.ok("up")
    assert horad.get("/health").status_code == 200


def test_a_taken_port_is_said_before_anything_is_done(horad: Horad) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        complaint = horad.error("up", HORAD_PORT=str(port))
        assert f"127.0.0.1:{port}" in complaint
        assert "HORAD_PORT" in complaint
    assert horad.get("/health").status_code == 200, "the server that ran goes on"


def test_a_database_of_ones_own_needs_no_home(horad: Horad, tmp_path: Path) -> None:
    elsewhere = Horad(tmp_path / "not" / "there", free_port())
    address = {"HORAD_DATABASE_URL": f"postgresql://horad@/horad?host={horad.home}/postgres/run"}
    try:
        assert "unchanged since the last load" in elsewhere.ok("up", **address)
        assert elsewhere.get("/health").status_code == 200
    finally:
        assert "stopped" in elsewhere.ok("stop", **address)
    assert horad.get("/health").status_code == 200, "a database of one's own is left running"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nothing of HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nno JSON",
        b"HTTP/1.1 200 OK\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"instance": "ours"}',
        b"HTTP/1.1 404 Not Found\r\n\r\n",
    ],
)
def test_whatever_else_is_at_its_port_is_not_taken_for_the_server(answer: bytes) -> None:
    def reply() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(1_000)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as apart:
        replied = apart.submit(reply)
        assert not Service(os.getpid(), "127.0.0.1", listening.getsockname()[1], "ours").answers()
        replied.result()


def test_stop_stops_everything(horad: Horad) -> None:
    said = horad.ok("stop")
    assert said.count("stopped") == 2
    with pytest.raises(httpx.ConnectError):
        horad.get("/health")
    assert not horad.postmaster_lock.exists()
    assert "not running" in horad.ok("stop")
    assert "not running" in horad.ok("status")
