"""The command ``horad load`` as a process of its own: killed at any moment, and run twice at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from patience import wait_until
from sqlalchemy import Engine
from test_bulk import indexes
from town import LAT, LON, PLACE, Town, forget

from layers.territories.territory import register

ROWS = 40_000
DURING = {
    "copying": 'COPY "staging_outages"%',
    "checking": 'INSERT INTO "faults"%',
    "merging": '%INSERT INTO "outages"%',
    "building indexes": "%outages USING gist%",
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of outages, large enough that each part of its load takes a while."""
    file = tmp_path_factory.mktemp("tables") / "outages.csv"
    rows = (f"{nth},{LON + nth % 300 / 1e4:.5f},{LAT + nth // 300 / 1e5:.5f},power\n" for nth in range(ROWS))
    file.write_text("id,lon,lat,network\n" + "".join(rows))
    return file


def start(table: Path) -> subprocess.Popen[bytes]:
    options = ["--layer", "outages", "--territory", "town", "--source", "table", "--json"]
    return subprocess.Popen([sys.executable, "-m", "api.cli", "load", str(table), *options], stdout=subprocess.PIPE)


def working_on(engine: Engine, statement: str) -> list[int]:
    """The connections on which a statement is running."""
    running = (
        "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()"
        " AND datname = current_database()"
    )
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(running, (statement,)).scalars())


def gone(engine: Engine, pid: int) -> bool:
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", (pid,))
        return found.scalar_one() == 0


def is_killed_at(town: Town, table: Path, statement: str) -> bool:
    """Kill a load while it is at a statement; tell whether it was, and hadn't ended when the signal came."""
    with start(table) as load:
        while load.poll() is None:
            if found := working_on(town.engine, statement):
                load.kill()
                wait_until(lambda: gone(town.engine, found[0]))
                break
    return not town.everything()["runs"]


@pytest.mark.parametrize("statement", DURING.values(), ids=list(DURING))
def test_a_load_that_is_killed_leaves_the_base_as_it_was(town: Town, table: Path, statement: str) -> None:
    """On a busy machine it may be too quick to be killed; then another one is."""
    for _ in range(20):
        before, made = town.everything(), indexes(town.engine)
        if is_killed_at(town, table, statement):
            break
        assert len(town.features("outages")) == ROWS
        forget(town.engine, town.id)
        with town.engine.begin() as connection:
            register(connection, PLACE)
    else:
        pytest.fail("no load was seen at this")
    assert town.everything() == before
    assert indexes(town.engine) == made


def test_two_loads_of_a_source_at_once_wait_for_each_other(town: Town, table: Path) -> None:
    reports = []
    for load in [start(table), start(table)]:
        told, _ = load.communicate(timeout=300)
        assert load.returncode == 0
        reports.append(json.loads(told)["layers"]["outages"])
    assert sorted((each["added"], each["unchanged"]) for each in reports) == [(0, ROWS), (ROWS, 0)]
    with town.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM outages").scalar_one() == ROWS


@pytest.mark.parametrize("suffix", [".csv", ".geojson"])
def test_a_load_imports_nothing_that_it_does_without(town: Town, tmp_path: Path, suffix: str) -> None:
    file = (tmp_path / "outages").with_suffix(suffix)
    place = {"type": "Point", "coordinates": [LON, LAT]}
    feature = {"type": "Feature", "geometry": place, "properties": {"network": "power"}}
    written = {
        ".csv": f"id,lon,lat,network\n1,{LON},{LAT},power\n",
        ".geojson": json.dumps({"type": "FeatureCollection", "features": [feature]}),
    }
    file.write_text(written[suffix])
    others = ("pandas", "geopandas", "httpx", "alembic", "layers.territories.packs", "layers.models.facilities")
    command = ["load", str(file), "--layer", "outages", "--territory", "town", "--source", "table", "--json"]
    asked = (
        "import atexit, sys; from api.cli.main import main\n"
        f"atexit.register(lambda: print(*set({others}) & set(sys.modules), file=sys.stderr))\n"
        f"main({command})"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["layers"]["outages"]["added"] == 1
    assert [line for line in done.stderr.splitlines() if set(line.split()) & set(others)] == []
