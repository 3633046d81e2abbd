"""``horad worker`` and ``horad jobs``, as an operator runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from layers.jobs import load_jobs
from layers.loading import load_territory
from layers.packs import read_pack

HORAD = [sys.executable, "-m", "api.cli"]
OSM = """<osm version="0.6"><node id="1" lat="53.9" lon="27.55"><tag k="shop" v="bakery"/></node></osm>"""


def pack() -> dict[str, Any]:
    titles = {"en": "Hamlet", "ru": "Хутор", "be": "Хутар"}
    source = {
        "id": "osm",
        "title": titles,
        "attribution": "the test",
        "kind": "osm",
        "schedule": "0 3 * * *",
        "places": [{"data": "hamlet.osm"}],
    }
    box = [27.5, 53.88, 27.6, 53.92]
    return {"id": "hamlet", "title": titles, "metric_crs": "EPSG:32635", "boundary": box, "sources": [source]}


@pytest.fixture
def hamlet(engine: Engine, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which a territory has a source that is due."""
    file = tmp_path / "hamlet.yml"
    file.write_text(yaml.safe_dump(pack(), allow_unicode=True), encoding="utf-8")
    load_territory(engine, read_pack(str(file)))
    (tmp_path / "hamlet.osm").write_text(OSM)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE territories SET added_at = now() - interval '2 days' WHERE id = 'hamlet'")
    yield {**os.environ, "HORAD_DATA": str(tmp_path)}
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM territories WHERE id = 'hamlet'")
        connection.exec_driver_sql("SET LOCAL search_path TO jobs")
        connection.exec_driver_sql("DELETE FROM procrastinate_periodic_defers")
        connection.exec_driver_sql("DELETE FROM procrastinate_jobs")


def jobs(environment: dict[str, str], *options: str) -> str:
    command = [*HORAD, "jobs", "-t", "hamlet", *options]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def states(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [each.state for each in load_jobs(connection, territory="hamlet")]


def test_a_worker_loads_what_is_due_and_ends_when_it_is_told(engine: Engine, hamlet: dict[str, str]) -> None:
    assert "No load was put in the queue yet" in jobs(hamlet)
    with subprocess.Popen([*HORAD, "worker"], env=hamlet, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
        try:
            deadline = time.monotonic() + 60
            while states(engine) != ["done"]:
                assert worker.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.2)
        finally:
            worker.send_signal(signal.SIGTERM)
        said, log = worker.communicate(timeout=20)
    assert worker.returncode == 0, log
    assert b"waits for what is due" in said
    assert b"Traceback" not in log
    table = jobs(hamlet)
    assert "hamlet/osm" in table
    assert "done" in table


def test_a_worker_may_work_once(hamlet: dict[str, str]) -> None:
    Path(hamlet["HORAD_DATA"], "hamlet.osm").unlink()
    done = subprocess.run([*HORAD, "worker", "--once"], env=hamlet, check=True, capture_output=True, text=True)
    assert "loads what is due" in done.stdout
    [job] = json.loads(jobs(hamlet, "--json"))
    assert (job["territory"], job["source"], job["state"], job["attempts"]) == ("hamlet", "osm", "waiting", 1)
    assert job["told"].startswith("none of its places has it")
    assert "waiting until" in jobs(hamlet)
