"""Tiles are kept, never stale, made once however many ask, and shown to nobody who may not see them."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import mapbox_vector_tile
import pytest
from sqlalchemy import Engine, text

from layers.postgres.cluster import Cluster
from layers.settings import get_settings
from layers.tiles import tiles

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


def within_a_second(condition: Callable[[], Any]) -> bool:
    deadline = time.monotonic() + 1
    while not condition():
        if time.monotonic() > deadline:
            return False
    return True


@contextmanager
def school(engine: Engine, lon: float = LON, lat: float = LAT, **values: Any) -> Iterator[int]:
    """A school that is there meanwhile; its id."""
    columns = {"territory": "helsinki", "source": "test", "source_id": f"{lon}", "kind": "school", **values}
    names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    insert = f"INSERT INTO facilities ({names}, geom) VALUES ({marks}, ST_Point({lon}, {lat}, 4326)) RETURNING id"
    with engine.begin() as connection:
        made = connection.execute(text(insert), columns).scalar_one()
    yield made
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM facilities WHERE id = :id"), {"id": made})


def rename(engine: Engine, feature: int, name: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE facilities SET name = :name WHERE id = :id"), {"name": name, "id": feature})


def reference(engine: Engine, z: int = 15, lon: float = LON, lat: float = LAT) -> bytes:
    row, col = place_of(z, lon, lat)
    with engine.connect() as connection:
        return tiles.tile(connection, ["facilities"], z=z, row=row, col=col)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def another_server(log: Path) -> Iterator[httpx.Client]:
    """A server process of the test's own on the same base; its log must be clean."""
    port = free_port()
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "serve"],
            env={**os.environ, "HORAD_PORT": str(port), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            deadline = time.monotonic() + 60
            while not answers(client):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def shows(server: httpx.Client, expected: bytes) -> bool:
    return server.get(address()).content == expected


def test_exactly_the_tiles_that_a_change_touches_are_new(helsinki: Engine, client: httpx.Client) -> None:
    near, far = address(), address(lon=FAR_LON, lat=FAR_LAT)
    with school(helsinki) as one, school(helsinki, FAR_LON, FAR_LAT):
        assert within_a_second(lambda: client.get(near).content == reference(helsinki))
        assert within_a_second(lambda: client.get(far).content == reference(helsinki, 15, FAR_LON, FAR_LAT))
        tags = {path: client.get(path).headers["etag"] for path in (near, far)}
        rename(helsinki, one, "renamed")
        assert within_a_second(lambda: client.get(near).headers["etag"] != tags[near])
        assert client.get(near).content == reference(helsinki)
        assert client.get(far, headers={"If-None-Match": tags[far]}).status_code == 304
        assert client.get(near, headers={"If-None-Match": tags[near]}).status_code == 200
    assert within_a_second(lambda: client.get(near).content == reference(helsinki))


def test_two_servers_give_one_tile_the_same_tag_and_neither_is_stale(
    helsinki: Engine, client: httpx.Client, tmp_path: Path
) -> None:
    """Edits while clients read: each server shows each edit within a second, and no older state afterwards."""
    stop = threading.Event()
    statuses: set[int] = set()

    def read_on(base: httpx.URL) -> None:
        with httpx.Client(base_url=base, timeout=30) as mine:
            tag = ""
            while not stop.is_set():
                got = mine.get(address(), headers={"If-None-Match": tag})
                tag = got.headers["etag"]
                statuses.add(got.status_code)

    with another_server(tmp_path / "log") as other, school(helsinki) as one, ThreadPoolExecutor(4) as pool:
        servers = (client, other)
        readers = [pool.submit(read_on, server.base_url) for server in servers for _ in range(2)]
        try:
            for number in range(25):
                rename(helsinki, one, f"state {number}")
                expected = reference(helsinki)
                for server in servers:
                    assert within_a_second(partial(shows, server, expected)), number
                first, second = (server.get(address()) for server in servers)
                assert first.content == second.content == expected
                assert first.headers["etag"] == second.headers["etag"]
        finally:
            stop.set()
        for reader in readers:
            reader.result(30)
    assert statuses == {200, 304}


@contextmanager
def nobody_reads(engine: Engine, layer: str) -> Iterator[None]:
    """Whoever reads the layer waits meanwhile."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"LOCK TABLE {layer} IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


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
            assert within_a_second(lambda: waiting(helsinki) == 1)
            time.sleep(0.3)
            assert waiting(helsinki) == 1
        got = [each.result(30) for each in asked]
    assert {each.status_code for each in got} <= {200, 204}
    assert len({each.content for each in got}) == 1


def test_the_query_ends_with_the_last_who_waits(helsinki: Engine, client: httpx.Client) -> None:
    path = address(18, layer="hydrants")

    def give_up(after_s: float) -> None:
        with httpx.Client(base_url=client.base_url, timeout=after_s) as hasty, pytest.raises(httpx.ReadTimeout):
            hasty.get(path)

    with nobody_reads(helsinki, "hydrants"), ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(give_up, after_s) for after_s in (0.5, 1.5)]
        asked[0].result(10)
        assert waiting(helsinki) == 1
        asked[1].result(10)
        assert within_a_second(lambda: waiting(helsinki) == 0)
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
        assert within_a_second(lambda: "open to all" in names_in(client.get(address())))
        tag = client.get(address()).headers["etag"]
        with helsinki.begin() as connection:
            connection.execute(restrict, {"layers": ["facilities"]})
        try:
            assert within_a_second(lambda: client.get(address()).status_code == 204)
            assert client.get(address(), headers={"If-None-Match": tag}).status_code == 204
        finally:
            with helsinki.begin() as connection:
                connection.execute(restrict, {"layers": []})
        assert within_a_second(lambda: "open to all" in names_in(client.get(address())))


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


def test_while_the_base_is_away_nothing_wrong_is_answered(helsinki: Engine, tmp_path: Path) -> None:
    """The database restarts while clients read: they get right tiles, or are told to come back."""
    stop = threading.Event()
    seen: list[tuple[int, str | None]] = []
    wrong: list[bytes] = []

    with school(helsinki, name="steady"), another_server(tmp_path / "log") as server:
        expected = reference(helsinki)
        assert within_a_second(lambda: server.get(address()).content == expected)

        def read_on() -> None:
            with httpx.Client(base_url=server.base_url, timeout=30) as mine:
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
            time.sleep(0.3)
            cluster = Cluster(get_settings().home)
            cluster.stop()
            time.sleep(0.5)
            cluster.start()
            stopped = time.monotonic()
            while time.monotonic() - stopped < 10 and server.get(address()).status_code != 200:
                time.sleep(0.05)
            time.sleep(0.3)
            stop.set()
            for reader in readers:
                reader.result(30)
        assert not wrong
        assert {status for status, _ in seen} <= {200, 204, 503}
        assert (503, None) not in seen
        assert (503, "2") in seen
        with helsinki.begin() as connection:
            connection.execute(text("UPDATE facilities SET name = 'after' WHERE name = 'steady'"))
        assert within_a_second(lambda: server.get(address()).content == reference(helsinki) != expected)
