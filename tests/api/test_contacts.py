"""Who made a report leaves by no route, in no format, tile, filter, order, history, audit or log, whoever asks."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from probing import Probe, ask, paths, with_parameters
from sqlalchemy import Engine, text

from api.serving import service
from layers.access import audit
from layers.loads.loading import load_file
from layers.streams.formats import FORMATS
from layers.tiles.matrix_sets import find_matrix_set

NAME, PHONE, MAIL = "Zofia Kvitka", "+375 29 4712 4712", "zofia@hush-4712.example"
MARKS = tuple(each.encode() for each in (NAME, "Kvitka", PHONE, "4712", "hush"))
PERSONAL = ("email", "phone", "reporter_name", "first_name", "tags.email", "tags.phone", "contact", "report_contacts")
LON, LAT = 24.9446, 60.17
TRIED = {
    "f": ("html", "json", *FORMATS),
    "q": ("hole",),
    "filter": ("category = 'pothole'",),
    "sortby": ("-id",),
    "as_of": ("2100-01-01",),
    "collections": ("reports",),
    "count": ("exact",),
}
CSV = f"""nr,lon,lat,category,description,status,reporter_name,email,phone
1,24.9446,60.17,pothole,A hole in the road,open,{NAME},{MAIL},{PHONE}
2,24.9446,,light,A lamp is dark,open,{NAME},{MAIL},{PHONE}
"""


@pytest.fixture(scope="module")
def report(helsinki: Engine, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The id of a report from a file that tells of its maker, and whose maker's contact is known."""
    file: Path = tmp_path_factory.mktemp("people") / "people.csv"
    file.write_text(CSV)
    load_file(helsinki, file, territory="helsinki", source="people", layers=("reports",))
    with helsinki.begin() as connection:
        found = connection.execute(text("SELECT id FROM reports WHERE source = 'people'")).scalar_one()
        connection.execute(
            text(
                "INSERT INTO report_contacts (report, territory, name, phone, email)"
                " VALUES (:id, 'helsinki', :n, :p, :m)"
            ),
            {"id": found, "n": NAME, "p": PHONE, "m": MAIL},
        )
        connection.execute(text("UPDATE reports SET status = 'closed' WHERE source = 'people'"))
    yield str(found)
    with helsinki.begin() as connection:
        connection.execute(text("DELETE FROM reports WHERE source = 'people'"))
        connection.execute(text("DELETE FROM ingest_runs WHERE source = 'people'"))


def probes(report: str) -> list[Probe]:
    """Every reading operation on reports, each parameter on its own; of the territory's own API too."""
    row, _, col, _ = find_matrix_set("WebMercatorQuad").limits(15, (LON, LAT, LON, LAT))
    values = {
        "collection": "reports",
        "style": "reports",
        "feature": report,
        "process": "time-to-close",
        "tileMatrixSetId": "WebMercatorQuad",
        "tileMatrix": "15",
        "tileRow": str(row),
        "tileCol": str(col),
    }
    found = []
    for method, path, parameters in paths():
        if method != "get" or "{raster}" in path or ("/maps/processes/" in path and "time-to-close" not in path):
            continue
        url = re.sub(r"{(\w+)}", lambda name: values.get(name[1], "1"), path)
        urls = list(with_parameters(url, parameters, tried=TRIED, always={"since": "2020-01-01"}))
        found += [Probe("GET", each) for each in (*urls, f"/territories/helsinki{urls[0]}")]
    return found


@pytest.fixture
def callers(user: Callable[..., str]) -> dict[str, dict[str, str]]:
    roles = {role: {"Authorization": f"Bearer {user(role)}"} for role in ("viewer", "admin")}
    return {"public": {}} | roles


def test_no_route_tells_who_made_a_report(
    client: httpx.Client, callers: dict[str, dict[str, str]], report: str, helsinki: Engine
) -> None:
    asked = probes(report)
    assert len(asked) > 100
    for who, headers in callers.items():
        for probe in asked:
            answer = ask(client, probe, headers)
            told = answer.content + repr(answer.headers).encode()
            leaked = [mark for mark in MARKS if mark in told and mark not in probe.url.encode()]
            assert not leaked, f"{probe.url} tells {who} {leaked}"
    with helsinki.connect() as connection:
        assert not any(mark in repr(audit.entries(connection, limit=10_000)).encode() for mark in MARKS)
    assert not any(mark in service.log_file().read_bytes() for mark in MARKS)


@pytest.mark.parametrize("name", PERSONAL)
def test_nothing_can_be_inferred_by_asking(
    client: httpx.Client, callers: dict[str, dict[str, str]], report: str, name: str
) -> None:
    items = "/collections/reports/items"
    for who, headers in callers.items():
        for asked in (
            {"filter": f"{name} LIKE '%47%'"},
            {"filter": f"{name} IS NOT NULL"},
            {name: MAIL},
            {"sortby": name},
            {"properties": name},
        ):
            answer = client.get(items, params={**asked, "f": "json"}, headers=headers)
            found = [] if answer.status_code == 400 else answer.json()["features"]
            known = next(iter(asked)) in ("sortby", "properties") and name.startswith("tags.")
            assert answer.status_code == 400 or found == [] or known, (who, asked)
        tile = client.get(
            "/collections/reports/tiles/WebMercatorQuad/0/0/0",
            params={"filter": f"{name} IS NOT NULL"},
            headers=headers,
        )
        assert tile.status_code in (204, 400), (who, tile.status_code)
        for described in ("queryables", "sortables", "schema", "schema/feature"):
            answer = client.get(f"/collections/reports/{described}", headers=headers)
            assert name not in answer.json().get("properties", {}), (who, described)


@pytest.mark.parametrize("words", [NAME, "Kvitka", MAIL, "4712"])
def test_words_of_contacts_find_nothing(
    client: httpx.Client, callers: dict[str, dict[str, str]], report: str, words: str
) -> None:
    for headers in callers.values():
        for url in ("/search", "/collections/reports/items"):
            found = client.get(url, params={"q": words, "f": "json"}, headers=headers)
            assert found.json()["features"] == []


def test_no_file_has_a_column_for_them(client: httpx.Client, callers: dict[str, dict[str, str]], report: str) -> None:
    for headers in callers.values():
        for each in FORMATS:
            file = client.get("/collections/reports/items", params={"f": each}, headers=headers)
            assert file.status_code == 200
            assert not any(mark in file.content for mark in MARKS), each
            if each == "parquet":
                table = pq.read_table(io.BytesIO(file.content))
                assert not any(mark in repr(table.to_pylist()).encode() for mark in MARKS)


def test_what_was_rejected_of_a_report_keeps_nothing_of_its_maker(helsinki: Engine, report: str) -> None:
    with helsinki.connect() as connection:
        kept = (
            connection.execute(
                text(
                    "SELECT record::text FROM ingest_rejects AS r JOIN ingest_runs AS u ON u.id = r.run"
                    " WHERE u.source = 'people'"
                )
            )
            .scalars()
            .all()
        )
    assert len(kept) == 1
    assert not any(mark in kept[0].encode() for mark in MARKS)
