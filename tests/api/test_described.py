"""Whatever is asked of the API, well or badly, is answered as its description says: schemathesis asks.

By default it asks for a short time; ``make fuzz`` asks for long. ``HORAD_FUZZ_S`` is for how many seconds it asks as
each caller, ``HORAD_FUZZ_EXAMPLES`` how often it asks each operation.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE_S
from serving import serving
from sqlalchemy import Engine, text

from layers.territories.packs import around
from layers.territories.territory import register

SECONDS = int(os.environ.get("HORAD_FUZZ_S", "20"))
EXAMPLES = int(os.environ.get("HORAD_FUZZ_EXAMPLES", "2"))
LEFT_OUT = """
[checks.positive_data_acceptance]
enabled = false

[[operations]]
include-path = "/collections/{collection}/items"
[operations.checks.negative_data_rejection]
enabled = false
[operations.checks.allow_header_conformance]
enabled = false

[[operations]]
include-path = "/collections/{collection}/items/{feature}"
[operations.checks.allow_header_conformance]
enabled = false

[[operations]]
include-path = "/rasters/{raster}/statistics"
[operations.checks.negative_data_rejection]
enabled = false
"""
"""The description can't say the grammars of CQL2, times and colours, so that it allows any text for them. A limit over
the greatest is no error, as the standard wants it: GeoJSON then comes as a file. OPTIONS tells what the caller may
do. titiler takes true for a coordinate of 1."""

LON, LAT = -30.0, 5.0
SCRATCH = around("scratch", (LON - 1, LAT - 1, LON + 1, LAT + 1))
SCHOOL = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [LON, LAT]},
    "properties": {"kind": "school", "name": "One"},
}


@pytest.fixture(scope="module")
def url(helsinki: Engine) -> Iterator[str]:
    """A server of its own, on the base with a territory in which whoever asks may do what they like."""
    with helsinki.begin() as connection:
        register(connection, SCRATCH)
    with serving(statement_timeout_s=10, analysis_timeout_s=10) as server:
        httpx.get(f"{server.url}/api", timeout=600)
        yield server.url
    with helsinki.begin() as connection:
        connection.execute(text("DELETE FROM territories WHERE id = 'scratch'"))


def configuration(url: str, headers: dict[str, str]) -> str:
    """What things are called, so that not all that is asked for is missing."""
    schools = f"{url}/collections/facilities/items"
    found = (
        [httpx.post(schools, json=SCHOOL, headers=headers, timeout=PATIENCE_S) for _ in range(20)] if headers else []
    )
    ids = [each.headers["location"].rpartition("/")[2] for each in found]
    ids = ids or [each["id"] for each in httpx.get(schools, timeout=PATIENCE_S).json()["features"]]
    rasters = [each["id"] for each in httpx.get(f"{url}/rasters", timeout=PATIENCE_S).json()["rasters"]]
    known = {
        "collection": ["facilities", "roads", "incidents", "organisations"],
        "feature": ids[:20],
        "style": ["city", "city-dark", "roads"],
        "sprite": ["horad.json", "horad@2x.png"],
        "process": ["echo", "network-inventory", "service-areas"],
        "raster": rasters or ["none"],
        "tileMatrixSetId": ["WebMercatorQuad", "WorldCRS84Quad", "EPSG3879Quad"],
        "tileMatrix": [0, 14, 15],
        "tileRow": [0, 9484, 18969],
        "tileCol": [0, 9325, 37303],
    }
    lines = []
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {values!r}"]
    lines.append("[parameters]")
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.7 }}' for name in known]
    return "\n".join([*lines, LEFT_OUT])


@pytest.mark.parametrize("who", ["public", "admin"])
def test_what_is_answered_is_what_is_described(url: str, who: str, user: Callable[..., str], tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {user('admin', 'scratch', writes=True)}"} if who == "admin" else {}
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(configuration(url, headers))
    asked = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={settings}",
            "run",
            f"{url}/api",
            *(f"--header={name}:{value}" for name, value in headers.items()),
            "--phases=examples,coverage,fuzzing,stateful" if SECONDS > 100 else "--phases=examples,fuzzing",
            f"--max-examples={EXAMPLES}",
            f"--max-time={SECONDS}",
            "--request-timeout=90",
            "--max-response-time=60",
            "--continue-on-failure",
            "--generation-database=none",
            "--seed=1",
            "--no-color",
            "--warnings=off",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=SECONDS * 2 + 300,
    )
    assert asked.returncode == 0, f"{asked.stdout[-20_000:]}\n{asked.stderr[-2_000:]}"
    assert "No operations" not in asked.stdout
