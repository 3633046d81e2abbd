"""The embedded PostGIS: its life, its owner, and what it survives."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from patience import wait_until
from sqlalchemy import text

from geo.errors import InvalidInputError
from layers.errors import DatabaseError
from layers.postgres import database
from layers.postgres.cluster import Cluster
from layers.postgres.servers import tuning
from layers.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a cluster for somebody else")


@contextmanager
def temporary_home(*inside: str) -> Iterator[Path]:
    """A home that is not there yet, in a folder that every user can enter; its cluster is removed at the end."""
    root = Path(tempfile.mkdtemp(prefix="horad-test-"))
    root.chmod(0o755)
    home = root.joinpath(*inside, "home")
    try:
        yield home
    finally:
        cluster = Cluster(home)
        cluster.stop()
        shutil.rmtree(cluster.folder, ignore_errors=True)
        if cluster.socket_dir.exists():
            shutil.rmtree(cluster.socket_dir)
        shutil.rmtree(root)


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Path]:
    with temporary_home() as home:
        yield home


@pytest.fixture
def cluster(shared_home: Path) -> Cluster:
    """A running cluster with a table ``kept`` of one row, 42."""
    cluster = Cluster(shared_home)
    cluster.start()
    with cluster.connect() as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    return cluster


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Change HORAD_* variables for one test."""
    database.disconnect()
    get_settings.cache_clear()
    monkeypatch.delenv("HORAD_DATABASE_URL", raising=False)
    yield monkeypatch
    database.disconnect()
    get_settings.cache_clear()


def kept_rows(cluster: Cluster) -> list[tuple[int]]:
    with cluster.connect() as connection:
        return connection.execute("SELECT answer FROM kept").fetchall()


def as_owner(cluster: Cluster) -> dict[str, int]:
    return {"user": cluster.owner.pw_uid, "group": cluster.owner.pw_gid} if os.geteuid() == 0 else {}


def owner_of(pid: int) -> int | None:
    """Whose process it is: nobody's any more when a backend has ended since it was listed."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except FileNotFoundError:
        return None


def kill(pid: int | None) -> None:
    """Kill a process, which may have ended by itself: those of a server end with the first of them."""
    assert pid
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_second_start_finds_the_data_and_the_same_server(cluster: Cluster) -> None:
    running = cluster.postmaster_pid()
    Cluster(cluster.home).start()
    assert cluster.postmaster_pid() == running
    assert cluster.stop()
    assert cluster.postmaster_pid() is None
    assert not cluster.stop()
    cluster.start()
    assert kept_rows(cluster) == [(42,)]


def test_runs_as_an_ordinary_user_behind_closed_doors(cluster: Cluster) -> None:
    owners = {owner_of(pid) for pid in cluster.pids()} - {None}
    assert owners == {cluster.owner.pw_uid}
    assert 0 not in owners
    assert cluster.folder.stat().st_mode & 0o077 == 0
    with cluster.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_the_server_outlives_the_signals_of_its_callers_terminal(cluster: Cluster) -> None:
    assert os.getsid(cluster.postmaster_pid() or 0) != os.getsid(0)


def test_killed_server_loses_nothing_committed_and_keeps_nothing_else(cluster: Cluster) -> None:
    """A busy process outlives the killed server and holds its memory: the next start gets past it."""
    busy = cluster.connect()

    def work() -> None:
        with pytest.raises(psycopg.OperationalError):
            busy.execute("BEGIN; INSERT INTO kept VALUES (43); SELECT count(*) FROM generate_series(1, 1e12::bigint)")

    thread = threading.Thread(target=work)
    thread.start()
    with cluster.connect() as connection:
        active = "SELECT FROM pg_stat_activity WHERE query LIKE 'BEGIN; INSERT%' AND state = 'active'"
        wait_until(lambda: connection.execute(active).rowcount)
    kill(cluster.postmaster_pid())
    wait_until(lambda: cluster.postmaster_pid() is None)
    assert cluster.pids(), "nothing outlived the server: this test shows less than it says"
    cluster.start()
    thread.join()
    busy.close()
    assert kept_rows(cluster) == [(42,)]


def test_everything_killed_and_the_process_number_given_to_a_stranger(cluster: Cluster) -> None:
    for pid in [cluster.postmaster_pid(), *cluster.pids()]:
        kill(pid)
    wait_until(lambda: not cluster.pids())
    with subprocess.Popen(["sleep", "60"], **as_owner(cluster)) as stranger:
        for lock in (cluster.data / "postmaster.pid", cluster.socket_dir / ".s.PGSQL.5432.lock"):
            lines = lock.read_text().split("\n")
            lock.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        cluster.start()
        assert kept_rows(cluster) == [(42,)]
        assert stranger.poll() is None
        stranger.kill()


def test_a_lock_may_go_while_it_is_looked_at(tmp_path: Path) -> None:
    """A server that ends removes it."""
    lock = tmp_path / "postgres" / "data" / "postmaster.pid"
    lock.parent.mkdir(parents=True)
    cluster, over = Cluster(tmp_path), threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            lock.write_text(f"{os.getpid()}\n")
            lock.unlink()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        assert {cluster.postmaster_pid() for _ in range(20_000)} == {None}, "this process is no PostgreSQL"
    finally:
        over.set()
        thread.join()


def test_data_of_another_major_version_is_refused(cluster: Cluster) -> None:
    cluster.stop()
    version_file = cluster.data / "PG_VERSION"
    ours = version_file.read_text().strip()
    version_file.write_text("9\n")
    try:
        with pytest.raises(DatabaseError, match=rf"made by PostgreSQL 9; .*\b{ours}\b"):
            cluster.start()
    finally:
        version_file.write_text(f"{ours}\n")


def test_no_postgis_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("layers.postgres.cluster.find_servers", list)
    with temporary_home() as home, pytest.raises(DatabaseError, match="apt-get install"):
        Cluster(home).start()


def test_start_killed_half_way_then_two_at_once_from_a_path_too_long_for_a_socket() -> None:
    command = [sys.executable, "-c", "from layers.postgres import database; print(database.ensure_running())"]
    with temporary_home("a, b", "c" * 100) as home:
        environment = {key: value for key, value in os.environ.items() if key != "HORAD_DATABASE_URL"}
        environment["HORAD_HOME"] = str(home)
        with subprocess.Popen(command, env=environment) as killed:
            wait_until(lambda: list(home.glob("postgres/*/base")))
            killed.kill()
        starts = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        urls = {start.communicate()[0] for start in starts}
        assert [start.returncode for start in starts] == [0, 0]
        assert len(urls) == 1
        assert [entry.name for entry in (home / "postgres").glob("data*")] == ["data"]
        with Cluster(home).connect() as connection:
            assert connection.execute("SELECT ST_AsText(ST_Point(1, 2))").fetchone() == ("POINT(1 2)",)


def test_a_socket_folder_of_somebody_else_is_refused() -> None:
    with temporary_home("c" * 100) as home:
        cluster = Cluster(home)
        cluster.socket_dir.mkdir(mode=0o755)
        with pytest.raises(DatabaseError, match=str(cluster.socket_dir)):
            cluster.start()


@needs_root
def test_root_runs_it_as_the_owner_of_the_folder() -> None:
    nobody = pwd.getpwnam("nobody")
    with temporary_home() as home:
        os.chown(home.parent, nobody.pw_uid, nobody.pw_gid)
        assert Cluster(home).owner == nobody


@needs_root
def test_another_ordinary_user_is_refused(cluster: Cluster) -> None:
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        with pytest.raises(DatabaseError, match="belongs to user"):
            Cluster(cluster.home)
    finally:
        os.seteuid(0)


@needs_root
def test_a_home_that_is_closed_to_the_owner(caplog: pytest.LogCaptureFixture) -> None:
    with temporary_home() as home:
        home.parent.chmod(0o700)
        Cluster(home).start()
        assert "can't enter" in caplog.text
        assert (home / "postgres").readlink().parent == Path("/var/lib/horad")
        assert Cluster(home).postmaster_pid()


def test_engine_survives_a_restart_of_the_database(cluster: Cluster, settings: pytest.MonkeyPatch) -> None:
    settings.setenv("HORAD_HOME", str(cluster.home))
    parallel_workers = text("SHOW max_parallel_workers_per_gather")
    with database.engine(parallel=False).connect() as connection:
        assert connection.execute(parallel_workers).scalar_one() == "0"
    with database.engine().connect() as connection:
        assert int(connection.execute(parallel_workers).scalar_one()) > 0
    cluster.stop()
    assert not database.status().running
    cluster.start()
    with database.engine().connect() as connection:
        assert connection.execute(text("SELECT answer FROM kept")).scalar_one() == 42
    status = database.status()
    assert status.running
    assert status.folder == cluster.folder
    assert status.postgis


def test_database_of_an_address_gets_postgis_and_is_never_stopped(
    cluster: Cluster, settings: pytest.MonkeyPatch
) -> None:
    with cluster.connect() as connection:
        connection.execute("CREATE DATABASE other")
    settings.setenv("HORAD_DATABASE_URL", f"postgresql://horad@/other?host={cluster.socket_dir}")
    assert database.ensure_running().startswith("postgresql+psycopg://horad@/other")
    assert not database.stop()
    with cluster.connect("other") as connection:
        assert connection.execute("SELECT similarity('горад', 'города') > 0.2").fetchone() == (True,)


def test_address_that_does_not_answer(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("HORAD_DATABASE_URL", "postgresql://horad:secret@127.0.0.1:1/horad")
    with pytest.raises(DatabaseError, match=r"Can't connect to .*127\.0\.0\.1:1") as caught:
        database.ensure_running()
    assert "secret" not in str(caught.value)
    assert not database.status().running


@pytest.mark.parametrize(("name", "value"), [("HORAD_DATABASE_URL", "mysql://x/y"), ("HORAD_PORT", "70000")])
def test_setting_that_cannot_be_used_is_named(name: str, value: str, settings: pytest.MonkeyPatch) -> None:
    settings.setenv(name, value)
    with pytest.raises(InvalidInputError, match=name):
        get_settings()


def test_tuning_follows_the_machine() -> None:
    small, large = tuning(memory=2**30, cores=1), tuning(memory=2**36, cores=16)
    assert (small["shared_buffers"], large["shared_buffers"]) == ("256MB", "4096MB")
    assert (small["work_mem"], large["work_mem"]) == ("8MB", "128MB")
    assert (small["max_parallel_workers_per_gather"], large["max_parallel_workers_per_gather"]) == ("1", "4")
