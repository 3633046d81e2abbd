"""Whole layers as files over HTTP: whoever breaks off, whoever fails."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import httpx
import pyogrio
import pytest
from patience import wait_until
from sqlalchemy import Engine, text

from layers.streams.formats import FORMATS

BUILDINGS = "/collections/buildings/items"


@pytest.fixture(scope="module")
def heavy(helsinki: Engine) -> Iterator[str]:
    """A territory whose features, synthetic ones, don't fit into the buffers between PostgreSQL and a client."""
    with helsinki.begin() as connection:
        connection.execute(text("INSERT INTO territories (id, title, metric_srid) VALUES ('heavy', '{}', 3857)"))
        connection.execute(
            text(
                "INSERT INTO facilities (territory, source, source_id, kind, name, geom)"
                " SELECT 'heavy', 'synthetic', n, 'school', texts.random, ST_Point(10 + n / 1e6, 50, 4326)"
                " FROM generate_series(1, 4000) AS n, LATERAL"
                " (SELECT string_agg(md5(n || '.' || m), '') AS random FROM generate_series(1, 300) AS m) AS texts"
            )
        )
    yield "/territories/heavy/collections/facilities/items"
    with helsinki.begin() as connection:
        connection.execute(text("DELETE FROM territories WHERE id = 'heavy'"))


def copying(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        running = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (%'"
        return list(connection.execute(text(running)).scalars())


def begun(engine: Engine) -> int:
    """Wait until one file is being read, and return by which process of the database."""
    found: list[int] = []

    def is_one() -> bool:
        found[:] = copying(engine)
        return len(found) == 1

    wait_until(is_one)
    return found[0]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_the_whole_layer(client: httpx.Client, tmp_path: Any, name: str) -> None:
    whole = client.get(BUILDINGS).json()["numberMatched"]
    answer = client.get(BUILDINGS, params={"f": name, "limit": 1_000_000} if name == "geojson" else {"f": name})
    assert answer.headers["content-type"].partition(";")[0] == FORMATS[name].media_type
    assert answer.headers["content-crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    assert f'filename="buildings{FORMATS[name].suffix}"' in answer.headers["content-disposition"]
    if name == "parquet":
        assert len(gpd.read_parquet(io.BytesIO(answer.content))) == whole
    elif name == "arrow":
        assert answer.content.count(b"\x00") > whole
    else:
        file = tmp_path / f"out{FORMATS[name].suffix}"
        file.write_bytes(answer.content)
        assert pyogrio.read_info(file, force_feature_count=True)["features"] == whole


def test_accept_chooses_the_format_too(client: httpx.Client) -> None:
    answer = client.get(BUILDINGS, params={"limit": 3}, headers={"Accept": "text/csv, application/json;q=0.5"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert len(answer.text.splitlines()) == 4


def test_a_filter_counts_and_a_wrong_one_is_told(client: httpx.Client) -> None:
    asked = {"filter": "kind = 'church'"}
    matched = client.get(BUILDINGS, params=asked).json()["numberMatched"]
    found = client.get(BUILDINGS, params={"f": "parquet", **asked})
    assert len(gpd.read_parquet(io.BytesIO(found.content))) == matched
    for name in FORMATS:
        refused = client.get(BUILDINGS, params={"f": name, "limit": 20_000, "filter": "no_such = 1"})
        assert refused.status_code == 400
        assert "no_such" in refused.json()["detail"]


def test_more_than_a_page_of_geojson_is_sent_in_one_go_and_leads_on(
    client: httpx.Client, heavy: str, helsinki: Engine
) -> None:
    path = "/collections/facilities/items"
    document = client.get(path, params={"limit": 10_001, "f": "geojson"}).json()
    assert document["numberReturned"] == len(document["features"]) > 4_000
    assert "links" not in document
    with helsinki.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO facilities (territory, source, source_id, kind, geom) SELECT 'heavy', 'many', n, 'school',"
                " ST_Point(10 + n / 1e6, 50, 4326) FROM generate_series(1, 7000) AS n"
            )
        )
    first = client.get(heavy, params={"limit": 10_001, "f": "geojson", "properties": "source"}).json()
    [following] = first["links"]
    second = client.get(following["href"]).json()
    ids = [each["id"] for each in (*first["features"], *second["features"])]
    assert len(ids) == len(set(ids)) == 11_000
    assert set(second["features"][0]["properties"]) == {"source"}
    with helsinki.begin() as connection:
        connection.execute(text("DELETE FROM facilities WHERE territory = 'heavy' AND source = 'many'"))


def test_head_does_not_wait_for_the_file(client: httpx.Client, heavy: str, helsinki: Engine) -> None:
    answer = client.head(heavy, params={"f": "gpkg"})
    assert answer.headers["content-type"] == FORMATS["gpkg"].media_type
    assert answer.content == b""
    answer = client.head(heavy, params={"f": "csv"})
    assert answer.status_code == 200
    wait_until(lambda: not copying(helsinki))


@pytest.mark.parametrize("name", ["csv", "parquet", "geojsonseq", "flatgeobuf", "arrow"])
def test_a_client_that_goes_away_stops_the_query(client: httpx.Client, heavy: str, helsinki: Engine, name: str) -> None:
    connection = socket.create_connection((client.base_url.host, client.base_url.port))
    connection.sendall(f"GET {heavy}?f={name} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    assert connection.recv(1_000).startswith(b"HTTP/1.1 200")
    pid = begun(helsinki)
    connection.close()
    wait_until(lambda: pid not in copying(helsinki))


def test_a_database_that_fails_midway_breaks_the_answer_off(client: httpx.Client, heavy: str, helsinki: Engine) -> None:
    with client.stream("GET", heavy, params={"f": "csv"}, headers={"Accept-Encoding": "identity"}) as answer:
        pieces = answer.iter_raw(1_000)
        assert next(pieces).startswith(b"id,territory")
        pid = begun(helsinki)
        with helsinki.begin() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
    assert client.get(heavy, params={"f": "csv", "limit": 1}).status_code == 200


def test_too_many_at_once_are_told_to_come_again(client: httpx.Client, heavy: str, helsinki: Engine) -> None:
    sockets: list[socket.socket] = []

    def are_under_way() -> bool:
        """Files that somebody has left are given up one after the other."""
        connection = socket.create_connection((client.base_url.host, client.base_url.port))
        connection.sendall(f"GET {heavy}?f=csv HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        if connection.recv(100).startswith(b"HTTP/1.1 200"):
            sockets.append(connection)
        else:
            connection.close()
        return len(sockets) == 4

    wait_until(are_under_way)
    refused = client.get(heavy, params={"f": "csv"})
    assert refused.status_code == 429
    assert client.get(heavy, params={"limit": 1}).status_code == 200
    for connection in sockets:
        connection.close()
    wait_until(lambda: not copying(helsinki))
    wait_until(lambda: client.get(heavy, params={"f": "csv", "limit": 1}).status_code == 200)


def test_restricted_features_are_in_no_file(client: httpx.Client, heavy: str, helsinki: Engine) -> None:
    with helsinki.begin() as connection:
        connection.execute(text("UPDATE territories SET restricted = '{*}' WHERE id = 'heavy'"))
    for name in FORMATS:
        assert b"synthetic" not in client.get(heavy, params={"f": name, "limit": 10_001}).content
    with helsinki.begin() as connection:
        connection.execute(text("UPDATE territories SET restricted = '{}' WHERE id = 'heavy'"))


def test_the_collection_leads_to_its_files(client: httpx.Client) -> None:
    links = client.get("/collections/buildings").json()["links"]
    assert {each["type"] for each in links if each["rel"] == "items"} >= {each.media_type for each in FORMATS.values()}
    assert json.dumps(links).count("f=parquet") == 1
