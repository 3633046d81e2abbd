"""Archives of tiles are written by a command and served, whole, in ranges and tile by tile; nothing else is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import mapbox_vector_tile
import pyogrio
import pytest
from pmtiles.reader import Reader

from api.cli.main import main
from layers.settings import get_settings


def tiles(*words: str) -> object:
    """Run the command in a thread of its own: where tests drive a browser, this one has an event loop already."""

    def run() -> object:
        with pytest.raises(SystemExit) as ended:
            main(["tiles", *words])
        return ended.value.code

    with ThreadPoolExecutor(1) as apart:
        return apart.submit(run).result()


@pytest.fixture(scope="module")
def archive(client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("archives") / "centre.pmtiles"
    assert tiles("--to", str(file), "-t", "helsinki", "--layers", "roads", "--max-zoom", "14", "--publish") == 0
    yield "centre"
    (get_settings().home / "archives" / "centre.pmtiles").unlink()


def test_it_is_listed_and_described(archive: str, client: httpx.Client) -> None:
    listed = client.get("/archives").json()["archives"]
    assert [each["id"] for each in listed] == [archive]
    described = client.get(f"/archives/{archive}").json()
    assert "OpenStreetMap" in described["attribution"]
    assert [each["id"] for each in described["vector_layers"]] == ["roads"]
    west, south, east, north = described["bounds"]
    assert west < 24.94 < east
    assert south < 60.17 < north


def test_maps_read_it_in_ranges(archive: str, client: httpx.Client) -> None:
    asked: list[int] = []

    def part(offset: int, length: int) -> bytes:
        got = client.get(f"/archives/{archive}.pmtiles", headers={"Range": f"bytes={offset}-{offset + length - 1}"})
        asked.append(got.status_code)
        return got.content

    whole = client.get(f"/archives/{archive}.pmtiles")
    assert whole.headers["content-type"] == "application/vnd.pmtiles"
    tile = Reader(part).get(14, 9327, 4742)
    assert asked
    assert set(asked) == {206}
    assert tile == Reader(lambda offset, length: whole.content[offset : offset + length]).get(14, 9327, 4742)


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_its_tiles_are_served_one_by_one(archive: str, client: httpx.Client, accepted: str) -> None:
    described = client.get(f"/archives/{archive}").json()
    url = described["tiles"][0].format(z=14, x=9327, y=4742)
    got = client.get(url, headers={"Accept-Encoding": accepted})
    assert got.headers.get("content-encoding") == (None if accepted == "identity" else "gzip")
    assert mapbox_vector_tile.decode(got.content)["roads"]["features"]
    assert client.get(url, headers={"If-None-Match": got.headers["etag"]}).status_code == 304
    assert client.get(described["tiles"][0].format(z=14, x=0, y=0)).status_code == 204
    assert client.get(described["tiles"][0].format(z=1, x=2, y=0)).status_code == 400


@pytest.mark.parametrize(
    "name", ["nothing", "%2e%2e%2fsecret", "..%2F..%2Fetc%2Fpasswd", "Centre", "centre.pmtiles.part"]
)
def test_nothing_else_is_served(archive: str, client: httpx.Client, name: str) -> None:
    (get_settings().home / "secret.pmtiles").write_bytes(b"secret")
    for path in (f"/archives/{name}", f"/archives/{name}.pmtiles", f"/archives/{name}/1/0/0"):
        assert client.get(path).status_code in (404, 400)
    (get_settings().home / "secret.pmtiles").unlink()


def test_mistakes_are_told(archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        (["--to", str(tmp_path / "city.mbtiles")], ".pmtiles"),
        (["--to", str(tmp_path / "My City.pmtiles"), "--publish"], "can't be the name of an archive"),
        (["--to", str(tmp_path / "city.pmtiles"), "--layers", "nope"], "no layer 'nope'"),
        (["--to", str(tmp_path / "city.pmtiles"), "-t", "nowhere"], "no territory 'nowhere'"),
    ):
        assert tiles(*words) == 1
        assert told in " ".join(capsys.readouterr().err.split())


def test_tippecanoe_and_gdal_read_it(archive: str, client: httpx.Client, tmp_path: Path) -> None:
    file = tmp_path / "centre.pmtiles"
    file.write_bytes(client.get(f"/archives/{archive}.pmtiles").content)
    program = Path(sys.executable).with_name("tippecanoe-decode")
    told = subprocess.run([program, "-Z", "14", "-z", "14", file], capture_output=True, check=True, timeout=600)
    tiles = json.loads(told.stdout)["features"]
    drawn = [feature for tile in tiles for layer in tile["features"] for feature in layer["features"]]
    assert {tile["properties"]["zoom"] for tile in tiles} == {14}
    assert len(drawn) > 100
    assert len(pyogrio.read_dataframe(file, layer="roads")) > 100
