"""Resources of CKAN portals as places of files, against a server that answers as the Action API says."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from web import Asked, Reply, Web, json, web

from layers.errors import SourceError
from layers.sources.places import Place, locate

ROWS = [
    {"_id": n, "kind": "school", "name": f"№ {n}", "lon": 27.55, "lat": 53.9, "open": None} for n in range(1, 12_001)
]
FIELDS = [{"id": name, "type": "text"} for name in ROWS[0]]
TABLE = "id,kind,lon,lat\n1,school,27.55,53.9\n"

pytestmark = pytest.mark.usefixtures("private_addresses", "database_url")


class Portal:
    """A portal with a dataset of three resources; ``most`` rows are given at once."""

    def __init__(self, *, most: int = 32_000, total: int = len(ROWS), ignores_offset: bool = False) -> None:
        self.most = most
        self.total = total
        self.ignores_offset = ignores_offset

    def __call__(self, asked: Asked) -> Reply:
        here = f"http://{asked.headers['host']}"
        resources = [
            {
                "id": "r-1",
                "name": "Schools",
                "format": "CSV",
                "url": f"{here}/files/schools.csv",
                "datastore_active": True,
            },
            {"id": "r-2", "name": "Schools", "format": "GeoJSON", "url": "/files/2"},
            {"id": "r-3", "name": "Old schools", "format": "geojson", "url": f"{here}/files/old.geojson"},
        ]
        match asked.path.removeprefix("/api/3/action/"), asked.query:
            case "resource_show", {"id": wanted}:
                found = next((each for each in resources if each["id"] == wanted), None)
            case "package_show", {"id": "schools"}:
                found = {"name": "schools", "resources": resources}
            case "datastore_search", {"resource_id": "r-1", "limit": limit, "offset": offset, "sort": "_id"}:
                found = self.rows(int(limit), 0 if self.ignores_offset else int(offset))
            case "/files/schools.csv", _:
                return Reply(TABLE.encode(), headers={"Content-Type": "text/csv"})
            case "/files/2", _:
                return Reply(b"{}")
            case _:
                found = None
        if found is None:
            error = {"message": "Not found", "__type": "Not Found Error"}
            return json({"help": "...", "success": False, "error": error}, status=404)
        return json({"help": "...", "success": True, "result": found})

    def rows(self, limit: int, offset: int) -> dict[str, Any]:
        page = ROWS[offset : offset + min(limit, self.most)]
        return {"records": page, "fields": FIELDS, "total": self.total, "limit": limit, "offset": offset}


def fetched(served: Web, **words: Any) -> Path:
    return locate([Place.model_validate({"ckan": served.url, **words})])


def test_a_resource_is_its_file() -> None:
    with web(Portal()) as served:
        file = fetched(served, resource="r-1")
        assert (file.name, file.read_text()) == ("schools.csv", TABLE)
        assert fetched(served, dataset="schools", format="csv") == file
        assert fetched(served, resource="r-2").name == "r-2.geojson"


def test_rows_of_the_datastore_are_a_table() -> None:
    with web(Portal(most=5000)) as served:
        file = fetched(served, resource="r-1", datastore=True)
    assert [each.query["offset"] for each in served.asked[1:]] == ["0", "5000", "10000"]
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 12_000
    assert rows[6] == {"kind": "school", "name": "№ 7", "lon": "27.55", "lat": "53.9", "open": ""}


def test_a_datastore_that_gives_less_than_asked_is_asked_on() -> None:
    with web(Portal(most=3500)) as served:
        assert fetched(served, resource="r-1", datastore=True).read_text().count("\n") == 12_001


@pytest.mark.parametrize(
    ("flaws", "why"),
    [
        ({"total": 13_000}, "gives 12000 rows of the 13000 it says to have"),
        ({"ignores_offset": True}, "the same features again and again"),
    ],
)
def test_a_datastore_that_gives_too_few_is_an_error(flaws: dict[str, Any], why: str) -> None:
    with web(Portal(**flaws)) as served, pytest.raises(SourceError, match=why):
        fetched(served, resource="r-1", datastore=True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"resource": "r-9"}, "message: Not found; type: Not Found Error"),
        ({"dataset": "roads"}, "Not found"),
        ({"dataset": "schools"}, r"name one resource of schools by its id: r-1 \(Schools, CSV\), r-2"),
        ({"dataset": "schools", "format": "GeoJSON"}, "name one resource of schools by its id"),
        ({"dataset": "schools", "format": "XLSX"}, "name one resource of schools by its id"),
        ({"resource": "r-3"}, "it answers 404"),
    ],
)
def test_what_isnt_there_is_told(words: dict[str, str], why: str) -> None:
    with web(Portal()) as served, pytest.raises(SourceError, match=why):
        fetched(served, **words)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"success": true, "result": {}}', b'{"success": false}'])
def test_what_is_no_portal_is_told(answer: bytes) -> None:
    with web(lambda _: Reply(answer)) as served, pytest.raises(SourceError, match=served.url):
        fetched(served, resource="r-1")


def test_the_token_is_sent_as_the_portal_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_KEY", "sesame")
    with web(Portal()) as served:
        fetched(served, resource="r-1", token_env="PORTAL_KEY")
        locate([Place.model_validate({"url": f"{served.url}/files/schools.csv", "token_env": "PORTAL_KEY"})])
    assert [each.headers.get("authorization") for each in served.asked] == ["sesame", "sesame", "Bearer sesame"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "ckan needs either resource, or dataset"),
        ({"resource": "a", "dataset": "b"}, "ckan needs either resource, or dataset"),
        ({"resource": "a", "format": "CSV"}, "ckan needs either resource, or dataset"),
        ({"resource": "a", "url": "https://town/a.csv"}, "must be one of"),
    ],
)
def test_a_place_is_told_in_one_way(words: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Place.model_validate({"ckan": "https://town", **words})


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"data": "a.csv", "token_env": "KEY"}, "token_env is for url and ckan"),
        ({"data": "a.csv", "resource": "a"}, "ckan needs either resource, or dataset"),
        ({"url": "https://me:secret@town/a.csv"}, "must not hold a user or a password"),
    ],
)
def test_other_places_have_nothing_of_a_portal(words: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Place.model_validate(words)
