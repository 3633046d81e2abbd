"""``horad worker`` and ``horad jobs``, as an operator runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from patience import PATIENCE_S, wait_until
from sqlalchemy import Engine

from api.cli.main import main
from layers.loads.jobs import load_jobs
from layers.loads.loading import load_territory
from layers.settings import get_settings
from layers.territories.packs import read_pack

OSM = """<osm version="0.6"><node id="1" lat="53.9" lon="27.55"><tag k="shop" v="bakery"/></node></osm>"""


def pack() -> dict[str, Any]:
    titles = {"en": "Hamlet", "ru": "Хутор", "be": "Хутар"}
    source = {
        "id": "osm",
        "title": titles,
        "attribution": "the test",
        "kind": "osm",
        "schedule": "0 0 1 1 *",
        "places": [{"data": "hamlet.osm"}],
    }
    box = [27.5, 53.88, 27.6, 53.92]
    return {"id": "hamlet", "title": titles, "metric_crs": "EPSG:32635", "boundary": box, "sources": [source]}


@pytest.fixture
def hamlet(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data folder of a territory that has a source which is due."""
    file = tmp_path / "hamlet.yml"
    file.write_text(yaml.safe_dump(pack(), allow_unicode=True), encoding="utf-8")
    load_territory(engine, read_pack(str(file)))
    (tmp_path / "hamlet.osm").write_text(OSM)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE territories SET added_at = now() - interval '2 years' WHERE id = 'hamlet'")
    monkeypatch.setenv("HORAD_DATA", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    get_settings.cache_clear()
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM territories WHERE id = 'hamlet'")
        connection.exec_driver_sql("SET LOCAL search_path TO jobs")
        connection.exec_driver_sql("DELETE FROM procrastinate_periodic_defers")
        connection.exec_driver_sql("DELETE FROM procrastinate_jobs")


def horad(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command, which must succeed, and return what it prints."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code
    return capsys.readouterr().out


def states(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [each.state for each in load_jobs(connection, territory="hamlet")]


def test_a_worker_loads_what_is_due_and_ends_when_it_is_told(
    engine: Engine, hamlet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "No load was put in the queue yet" in horad(capsys, "jobs", "-t", "hamlet")
    command = [sys.executable, "-m", "api.cli", "worker"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as worker:
        try:
            wait_until(lambda: worker.poll() is not None or states(engine) == ["done"])
            assert worker.poll() is None
        finally:
            worker.send_signal(signal.SIGTERM)
        said, log = worker.communicate(timeout=PATIENCE_S)
    assert worker.returncode == 0, log
    assert b"waits for what is due" in said
    assert b"Traceback" not in log
    table = horad(capsys, "jobs", "-t", "hamlet")
    assert "hamlet/osm" in table
    assert "loaded from hamlet.osm" in table


def test_a_worker_may_work_once(hamlet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (hamlet / "hamlet.osm").unlink()
    assert "loads what is due" in horad(capsys, "worker", "--once")
    [job] = json.loads(horad(capsys, "jobs", "-t", "hamlet", "--json"))
    assert (job["territory"], job["source"], job["state"], job["attempts"]) == ("hamlet", "osm", "waiting", 1)
    assert job["told"].startswith("none of its places has it")
    assert "waiting until" in horad(capsys, "jobs")
