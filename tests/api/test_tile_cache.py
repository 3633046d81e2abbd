"""Tiles are kept, never stale, made once however many ask, and shown to nobody who may not see them."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import mapbox_vector_tile
import pytest
from patience import PATIENCE_S, soon, wait_until
from serving import serving
from sqlalchemy import Engine, text

from api.tiles.cache import TileCache, tile_key
from layers.history.announcements import Announcements
from layers.postgres.cluster import Cluster
from layers.settings import get_settings
from layers.tiles import tiles
from layers.tiles.request import TileRequest

LON, LAT = 24.9414, 60.1710
FAR_LON, FAR_LAT = 24.80, 60.10
SECRET = "behind closed doors"


def place_of(z: int, lon: float, lat: float) -> tuple[int, int]:
    size = 2**z
    row = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * size
    return int(row), int((lon + 180) / 360 * size)


def address(z: int = 15, lon: float = LON, lat: float = LAT, layer: str = "facilities") -> str:
    row, col = place_of(z, lon, lat)
    return f"/collections/{layer}/tiles/WebMercatorQuad/{z}/{row}/{col}"


@contextmanager
def school(engine: Engine, lon: float = LON, lat: float = LAT, **values: Any) -> Iterator[int]:
    """A school that is there meanwhile; its id."""
    columns = {"territory": "helsinki", "source": "test", "source_id": f"{lon}", "kind": "school", **values}
    names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    insert = f"INSERT INTO facilities ({names}, geom) VALUES ({marks}, ST_Point({lon}, {lat}, 4326)) RETURNING id"
    with engine.begin() as connection:
        made = connection.execute(text(insert), columns).scalar_one()
    try:
        yield made
    finally:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM facilities WHERE id = :id"), {"id": made})


def newest_tag(lon: float, lat: float) -> str:
    """The tag of a tile in a process that has just read what has changed."""
    row, col = place_of(15, lon, lat)
    known = Announcements()
    known.start()
    try:
        assert known.wait(PATIENCE_S)
        tag = TileCache(known, 0).etag(tile_key(TileRequest(layers=("facilities",), z=15, row=row, col=col), ""))
    finally:
        known.stop()
    return f'"{tag}"'


def rename(engine: Engine, feature: int, name: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE facilities SET name = :name WHERE id = :id"), {"name": name, "id": feature})


def reference(engine: Engine, z: int = 15, lon: float = LON, lat: float = LAT) -> bytes:
    row, col = place_of(z, lon, lat)
    with engine.connect() as connection:
        return tiles.tile(connection, ["facilities"], z=z, row=row, col=col)


@contextmanager
def another_server() -> Iterator[httpx.Client]:
    """A client of a server process of the test's own on the same base."""
    with serving() as server, httpx.Client(base_url=server.url, timeout=PATIENCE_S) as client:
        yield client


def shows(server: httpx.Client, expected: bytes) -> bool:
    return server.get(address()).content == expected


def test_exactly_the_tiles_that_a_change_touches_are_new(helsinki: Engine, client: httpx.Client) -> None:
    near, far = address(), address(lon=FAR_LON, lat=FAR_LAT)
    with school(helsinki) as one, school(helsinki, FAR_LON, FAR_LAT):
        assert soon(lambda: client.get(near).content == reference(helsinki))
        assert soon(lambda: client.get(far).content == reference(helsinki, 15, FAR_LON, FAR_LAT))
        plain = {"Accept-Encoding": "identity"}
        assert soon(lambda: client.get(far, headers=plain).headers["etag"] == newest_tag(FAR_LON, FAR_LAT))
        tags = {path: client.get(path).headers["etag"] for path in (near, far)}
        rename(helsinki, one, "renamed")
        assert soon(lambda: client.get(near).headers["etag"] != tags[near])
        assert client.get(near).content == reference(helsinki)
        assert client.get(far, headers={"If-None-Match": tags[far]}).status_code == 304
        assert client.get(near, headers={"If-None-Match": tags[near]}).status_code == 200
    assert soon(lambda: client.get(near).content == reference(helsinki))


def test_two_servers_give_one_tile_the_same_tag_and_neither_is_stale(helsinki: Engine, client: httpx.Client) -> None:
    """Edits while clients read: each server shows each edit soon, and no older state afterwards."""
    stop = threading.Event()
    statuses: set[int] = set()

    def read_on(base: httpx.URL) -> None:
        with httpx.Client(base_url=base, timeout=PATIENCE_S) as mine:
            tag = ""
            while not stop.is_set():
                got = mine.get(address(), headers={"If-None-Match": tag})
                tag = got.headers["etag"]
                statuses.add(got.status_code)

    with another_server() as other, school(helsinki) as one, ThreadPoolExecutor(4) as pool:
        servers = (client, other)
        readers = [pool.submit(read_on, server.base_url) for server in servers for _ in range(2)]
        try:
            for number in range(25):
                rename(helsinki, one, f"state {number}")
                expected = reference(helsinki)
                for server in servers:
                    assert soon(partial(shows, server, expected)), number
                first, second = (server.get(address()) for server in servers)
                assert first.content == second.content == expected
                assert first.headers["etag"] == second.headers["etag"]
        finally:
            stop.set()
        for reader in readers:
            reader.result(PATIENCE_S)
    assert statuses == {200, 304}


@contextmanager
def nobody_reads(engine: Engine, layer: str) -> Iterator[None]:
    """Whoever reads the layer waits meanwhile."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"LOCK TABLE {layer} IN ACCESS EXCLUSIVE MODE")
        yield


def waiting(engine: Engine) -> int:
    """How many statements wait for a table."""
    with engine.connect() as connection:
        return int(
            connection.exec_driver_sql(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE NOT granted AND locktype = 'relation' AND query LIKE '%%ST_AsMVT%%'"
            ).scalar_one()
        )


def test_many_who_ask_for_one_tile_make_one_query(helsinki: Engine, client: httpx.Client) -> None:
    path = address(17, layer="hydrants")
    with ThreadPoolExecutor(8) as pool:
        with nobody_reads(helsinki, "hydrants"):
            asked = [pool.submit(client.get, path) for _ in range(8)]
            assert soon(lambda: waiting(helsinki) == 1)
            time.sleep(0.3)
            assert waiting(helsinki) == 1
        got = [each.result(PATIENCE_S) for each in asked]
    assert {each.status_code for each in got} <= {200, 204}
    assert len({each.content for each in got}) == 1


def test_the_query_ends_with_the_last_who_waits(helsinki: Engine, client: httpx.Client) -> None:
    path = address(18, layer="hydrants")

    def asked() -> socket.socket:
        stream = socket.create_connection((client.base_url.host, client.base_url.port or 80))
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return stream

    with nobody_reads(helsinki, "hydrants"):
        first = asked()
        wait_until(lambda: waiting(helsinki) == 1)
        second = asked()
        time.sleep(0.3)
        first.close()
        time.sleep(0.3)
        assert waiting(helsinki) == 1
        second.close()
        wait_until(lambda: waiting(helsinki) == 0)
    assert client.get(path).status_code in (200, 204)


def names_in(answer: httpx.Response) -> set[str | None]:
    features = mapbox_vector_tile.decode(answer.content).get("facilities", {}).get("features", ())
    return {each["properties"].get("name") for each in features}


def test_a_tile_is_kept_for_those_with_the_same_rights_only(
    helsinki: Engine, client: httpx.Client, user: Callable[..., str]
) -> None:
    mine = {"Authorization": f"Bearer {user('viewer')}"}
    nothing = {"Authorization": f"Bearer {user(None)}"}
    with school(helsinki, name=SECRET, restricted=True):
        for headers, sees in ((mine, True), ({}, False), (nothing, False), (mine, True), ({}, False)):
            got = client.get(address(), headers=headers)
            assert (SECRET in names_in(got)) is sees
            assert got.headers["cache-control"] == ("private, no-cache" if headers else "no-cache")
            assert "authorization" in got.headers["vary"].lower()
        tag = client.get(address(), headers=mine).headers["etag"]
        assert client.get(address(), headers={"If-None-Match": tag}).status_code == 200
        assert client.get(address(), headers={**mine, "If-None-Match": tag}).status_code == 304
        described = client.get("/collections/facilities/tiles/WebMercatorQuad", params={"f": "tilejson"}).json()
        version = described["tiles"][0].split("v=")[1]
        assert "immutable" not in client.get(address(), params={"v": version}, headers=mine).headers["cache-control"]


def test_what_a_territory_restricts_leaves_the_tiles_at_once(helsinki: Engine, client: httpx.Client) -> None:
    restrict = text("UPDATE territories SET restricted = :layers WHERE id = 'helsinki'")
    with school(helsinki, name="open to all"):
        assert soon(lambda: "open to all" in names_in(client.get(address())))
        tag = client.get(address()).headers["etag"]
        with helsinki.begin() as connection:
            connection.execute(restrict, {"layers": ["facilities"]})
        try:
            assert soon(lambda: client.get(address()).status_code == 204)
            assert client.get(address(), headers={"If-None-Match": tag}).status_code == 204
        finally:
            with helsinki.begin() as connection:
                connection.execute(restrict, {"layers": []})
        assert soon(lambda: "open to all" in names_in(client.get(address())))


def test_a_versioned_address_may_be_kept_for_good_and_others_are_asked_again(client: httpx.Client) -> None:
    described = client.get("/collections/roads/tiles/WebMercatorQuad", params={"f": "tilejson"}).json()
    row, col = place_of(14, LON, LAT)
    url = described["tiles"][0].format(z=14, y=row, x=col)
    assert client.get(url).headers["cache-control"] == "public, max-age=31536000, immutable"
    for other in (url.split("?")[0], url.split("?")[0] + "?v=older"):
        assert client.get(other).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip", "gzip"), ("br, gzip;q=0.5", "gzip"), ("*", "gzip"), ("identity", None), ("gzip;q=0", None), ("", None)],
)
def test_it_is_compressed_for_those_who_take_it(client: httpx.Client, accepted: str, encoding: str | None) -> None:
    path = address(14, layer="roads")
    for _ in range(2):
        got = client.get(path, headers={"Accept-Encoding": accepted})
        assert got.headers.get("content-encoding") == encoding
        assert "accept-encoding" in got.headers["vary"].lower()
        assert mapbox_vector_tile.decode(got.content)["roads"]
    head = client.head(path, headers={"Accept-Encoding": accepted})
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.headers["etag"] == got.headers["etag"]
    assert head.content == b""


def test_while_the_base_is_away_nothing_wrong_is_answered(helsinki: Engine) -> None:
    """The database restarts while clients read: they get right tiles, or are told to come back."""
    stop = threading.Event()
    seen: list[tuple[int, str | None]] = []
    wrong: list[bytes] = []

    with school(helsinki, name="steady"), another_server() as server:
        expected = reference(helsinki)
        assert soon(lambda: server.get(address()).content == expected)

        def read_on() -> None:
            with httpx.Client(base_url=server.base_url, timeout=PATIENCE_S) as mine:
                number = 0
                while not stop.is_set():
                    number += 1
                    path = address() if number % 2 else address(16 + number % 5)
                    got = mine.get(path)
                    seen.append((got.status_code, got.headers.get("retry-after")))
                    if number % 2 and got.status_code == 200 and got.content != expected:
                        wrong.append(got.content)

        with ThreadPoolExecutor(4) as pool:
            readers = [pool.submit(read_on) for _ in range(4)]
            try:
                wait_until(lambda: seen)
                cluster = Cluster(get_settings().home)
                cluster.stop()
                wait_until(lambda: (503, "2") in seen)
                cluster.start()
                wait_until(lambda: server.get(address()).status_code == 200)
                time.sleep(0.3)
            finally:
                stop.set()
            for reader in readers:
                reader.result(PATIENCE_S)
        assert not wrong
        assert {status for status, _ in seen} <= {200, 204, 503}
        assert (503, None) not in seen
        with helsinki.begin() as connection:
            connection.execute(text("UPDATE facilities SET name = 'after' WHERE name = 'steady'"))
        assert soon(lambda: server.get(address()).content == reference(helsinki) != expected)
