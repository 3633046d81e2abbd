"""Where a territory's sources are found, and when they are read again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from openstreetmap import node, write, xml
from town import PLACE, Town

from geo.errors import InvalidInputError
from layers.errors import NotFoundError, SourceError
from layers.loading import Outcome, load_territory
from layers.settings import get_settings
from layers.territory import Territory

SHOP = xml(node(1, 0, 0, {"shop": "bakery"})).encode()


def pack(*places: dict[str, str], attribution: str = "the test") -> Territory:
    """The town, with an OpenStreetMap file as its source."""
    source = {
        "id": "osm",
        "title": {"be": "О", "ru": "О", "en": "O"},
        "attribution": attribution,
        "kind": "osm",
        "places": places,
    }
    return Territory.model_validate({**PLACE.model_dump(), "sources": [source]})


def load(town: Town, *places: dict[str, str], **options: Any) -> Outcome:
    [outcome] = load_territory(town.engine, pack(*places, **options))
    return outcome


@contextmanager
def web(content: bytes, *, announced: int | None = None) -> Iterator[tuple[str, list[str]]]:
    """A web server with one file, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(announced or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_source_is_read_again_only_when_it_or_its_description_changes(town: Town, data_folder: Path) -> None:
    place = {"data": "town.osm"}
    write(data_folder / "town.osm", node(1, 0, 0, {"shop": "bakery"}))
    assert load(town, place).report is not None
    again = load(town, place)
    assert (again.report, again.note) == (None, "unchanged since the last load of town.osm")
    assert load(town, place, attribution="somebody else").report is not None
    write(data_folder / "town.osm", node(1, 0, 0, {"shop": "butcher"}))
    changed = load(town, place, attribution="somebody else").report
    assert changed is not None
    assert changed.layers["businesses"].changed == 1


def test_a_source_that_is_nowhere_is_told_with_its_places(town: Town, data_folder: Path) -> None:
    outcome = load(
        town,
        {"data": "town.osm"},
        {"package": "pyrosm", "path": "data/Atlantis.osm.pbf"},
        {"package": "no_such_package", "path": "a.osm"},
        {"url": "http://127.0.0.1:9/town.osm"},
    )
    assert outcome.report is None
    for what in ("town.osm in", "data/Atlantis.osm.pbf of the package pyrosm", "no_such_package", "http://127.0.0.1:9"):
        assert what in outcome.note
    assert town.features("businesses") == {}


def test_what_is_on_this_machine_goes_before_the_web(town: Town, data_folder: Path) -> None:
    write(data_folder / "town.osm", node(1, 0, 0, {"shop": "bakery"}))
    with web(SHOP) as (url, asked):
        assert load(town, {"url": f"{url}/town.osm"}, {"data": "town.osm"}).report is not None
    assert asked == []


def test_a_file_from_the_web_is_fetched_once(town: Town) -> None:
    with web(SHOP) as (url, asked):
        assert load(town, {"url": f"{url}/town.osm"}).report is not None
        assert load(town, {"url": f"{url}/town.osm"}).note == "unchanged since the last load of town.osm"
    assert asked == ["/town.osm"]
    assert list(town.features("businesses")) == ["n1"]


def test_a_download_that_is_cut_off_is_not_taken_for_the_file(town: Town) -> None:
    with web(SHOP[:60], announced=len(SHOP)) as (url, _):
        outcome = load(town, {"url": f"{url}/cut.osm"})
    assert outcome.report is None
    assert "cut.osm" in outcome.note
    assert not list((get_settings().home / "downloads").rglob("cut.osm"))


def test_what_cant_be_loaded_is_told(town: Town, tmp_path: Path) -> None:
    table = tmp_path / "points.xlsx"
    table.write_bytes(b"")
    map_file = write(tmp_path / "town.osm", node(1))
    with pytest.raises(SourceError, match=r"points.xlsx is of a kind that can't be loaded; these can: .*\.gpkg"):
        town.load(table, "facilities")
    with pytest.raises(InvalidInputError, match="no rule for the layer incidents"):
        town.load(map_file, "roads", "incidents")
    with pytest.raises(NotFoundError, match="no layer 'streets'"):
        town.load(map_file, "streets")
    with pytest.raises(SourceError, match="There is no file"):
        town.load(tmp_path)
