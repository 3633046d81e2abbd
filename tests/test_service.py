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
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest


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
            timeout=120,
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

    def counts(self) -> dict[str, int]:
        """Return how many features each layer has."""
        return json.loads(self.ok("status", "--json"))["layers"]


@pytest.fixture(scope="module")
def horad() -> Iterator[Horad]:
    """The command, with Helsinki up and running."""
    home = Path(tempfile.mkdtemp(prefix="horad-cli-"))
    home.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = Horad(home, port)
    try:
        command.ok("up")
        yield command
    finally:
        command("stop")
        shutil.rmtree(home)


def test_up_serves_the_city(horad: Horad) -> None:
    assert httpx.get(f"{horad.url}/health").json()["status"] == "ok"
    assert (
        httpx.get(f"{horad.url}/collections/roads/items?f=json&count=exact").json()["numberMatched"]
        == horad.counts()["roads"]
    )


def test_a_second_start_is_quick_and_changes_nothing(horad: Horad) -> None:
    before = horad.counts()
    said = horad.ok("up")
    assert "already running" in said
    assert "unchanged since the last load" in said
    assert horad.counts() == before


def test_all_killed_at_once_comes_up_whole(horad: Horad) -> None:
    before = horad.counts()
    server = json.loads((horad.home / "server.json").read_text())["pid"]
    postmaster = int(next(horad.home.glob("postgres/**/postmaster.pid")).read_text().split()[0])
    for pid in (server, postmaster):
        os.kill(pid, signal.SIGKILL)
    assert "starting" in horad.ok("up")
    assert horad.counts() == before
    assert httpx.get(f"{horad.url}/health").json()["status"] == "ok"


def test_a_server_survives_its_database(horad: Horad) -> None:
    path = f"{horad.url}/collections/roads/items?limit=1"
    postmaster = int(next(horad.home.glob("postgres/**/postmaster.pid")).read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    down = httpx.get(path, timeout=30)
    assert down.status_code == 503
    assert down.headers["retry-after"]
    horad.ok("up")
    deadline = time.monotonic() + 20
    while (answer := httpx.get(path, timeout=30)).status_code != 200:
        assert answer.status_code == 503
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_server_that_hangs_is_replaced(horad: Horad) -> None:
    server = json.loads((horad.home / "server.json").read_text())["pid"]
    os.kill(server, signal.SIGSTOP)
    assert "starting" in horad.ok("up")
    assert httpx.get(f"{horad.url}/health").status_code == 200


def test_a_taken_port_is_said_before_anything_is_done(horad: Horad) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        complaint = horad.error("up", HORAD_PORT=str(port))
        assert f"127.0.0.1:{port}" in complaint
        assert "HORAD_PORT" in complaint
    assert httpx.get(f"{horad.url}/health").status_code == 200, "the server that ran goes on"


def test_a_database_of_ones_own_needs_no_home(horad: Horad, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        elsewhere = Horad(tmp_path / "not" / "there", probe.getsockname()[1])
    address = {"HORAD_DATABASE_URL": f"postgresql://horad@/horad?host={next(horad.home.glob('postgres/run'))}"}
    try:
        assert "unchanged since the last load" in elsewhere.ok("up", **address)
        assert httpx.get(f"{elsewhere.url}/health").status_code == 200
    finally:
        assert "stopped" in elsewhere.ok("stop", **address)
    assert httpx.get(f"{horad.url}/health").status_code == 200, "a database of one's own is left running"


def test_stop_stops_everything(horad: Horad) -> None:
    said = horad.ok("stop")
    assert said.count("stopped") == 2
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{horad.url}/health")
    assert not list(horad.home.glob("postgres/**/postmaster.pid"))
    assert "not running" in horad.ok("stop")
    assert "not running" in horad.ok("status")
