"""QGIS reads features, vector tiles with their style, and rasters; where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from layers.reading import store

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

READS = Path(__file__).with_name("qgis_reads.py")
PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def told(client: httpx.Client, server_url: str) -> dict[str, Any]:
    has_qgis = (
        shutil.which(PYTHON)
        and not subprocess.run(
            [PYTHON, "-c", "import qgis.core"], capture_output=True, check=False, timeout=600
        ).returncode
    )
    if not has_qgis:
        pytest.skip("QGIS isn't installed: apt-get install python3-qgis qgis-providers")
    rasters = [each["id"] for each in client.get("/rasters").json()["rasters"]]
    elevation = [each for each in rasters if each == "helsinki.elevation"]
    run = subprocess.run(
        [PYTHON, READS, server_url, *elevation], capture_output=True, text=True, check=False, timeout=600
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_qgis_reads_all_features_a_box_and_a_condition(told: dict[str, Any], helsinki: Engine) -> None:
    with helsinki.connect() as connection:
        stored = store.read_frame(connection, "roads", store.Query())
        boxed = store.read_frame(connection, "roads", store.Query(bbox=(24.940, 60.168, 24.945, 60.171)))
    assert told["valid"]
    assert told["crs"] in ("EPSG:4326", "OGC:CRS84")
    assert told["count"] == told["rows"] == len(stored)
    assert told["in_box"] == sorted(boxed["road_class"])
    assert told["residential"] == (stored["road_class"] == "residential").sum() > 0


def test_qgis_draws_tiles_by_their_style(told: dict[str, Any]) -> None:
    assert [each for each in told["warnings"] if "font" not in each] == []
    assert any("residential" in each for each in told["filters"])
    assert told["tile_colours"] > 5


def test_qgis_draws_rasters(told: dict[str, Any]) -> None:
    if "wmts_colours" not in told:
        pytest.skip("no elevation: HORAD_DATA has none")
    assert told["wmts_colours"] > 50
