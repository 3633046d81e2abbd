"""Tiles are answered as soon as a request is read, and that is to be seen by nothing but the time they take."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest
from sqlalchemy import Engine

from layers.tiles import tiles

PATH = "/collections/facilities/tiles/WebMercatorQuad/14/{row}/{col}"
TILE = PATH.format(row=4741, col=9327)
LONG_WAY = {"Content-Length": "0"}
"""A request that is sent with it is answered by the application."""


@pytest.mark.usefixtures("helsinki")
@pytest.mark.parametrize("path", [TILE, f"{TILE}?f=mvt", "/tiles/WebMercatorQuad/14/4741/9327?collections=facilities"])
@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "identity"}, {"X-Forwarded-For": "192.0.2.1"}])
def test_the_application_would_have_answered_the_same(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    short, long = (client.get(path, headers={**headers, **more}) for more in ({}, LONG_WAY))
    assert short.status_code == long.status_code == 200
    assert short.content == long.content
    assert told(short) == told(long)
    held = {"If-None-Match": short.headers["ETag"], **headers}
    short, long = (client.get(path, headers={**held, **more}) for more in ({}, LONG_WAY))
    assert short.status_code == long.status_code == 304
    assert told(short) == told(long)


def told(response: httpx.Response) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in response.headers.multi_items() if name != "date")


@pytest.mark.usefixtures("helsinki")
def test_requests_that_are_sent_together_are_answered_in_their_order(client: httpx.Client) -> None:
    paths = [PATH.format(row=row, col=9327) for row in (4741, 4742, 4743)] + ["/health/live", TILE, "/nothing"]
    wanted = [client.get(path, headers={"Accept-Encoding": "identity"}) for path in paths]
    sent = "".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths[:-1])
    got = talk(client, f"{sent}GET {paths[-1]} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for answer in wanted:
        head, _, got = got.partition(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {answer.status_code} ".encode())
        length = len(answer.content)
        assert got[:length] == answer.content
        got = got[length:]
    assert got == b""


@pytest.mark.usefixtures("helsinki")
@pytest.mark.parametrize(("version", "headers"), [("1.1", "Connection: close\r\n"), ("1.0", "")])
def test_the_connection_is_closed_where_that_is_wanted(client: httpx.Client, version: str, headers: str) -> None:
    got = talk(client, f"GET {TILE} HTTP/{version}\r\nHost: x\r\n{headers}\r\n")
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nconnection: close\r\n" in got


@pytest.mark.usefixtures("helsinki")
def test_what_is_asked_in_pieces_and_with_a_method_that_reads_nothing(client: httpx.Client) -> None:
    with closing(connected(client)) as stream:
        for piece in (f"GET {TILE[:30]}", f"{TILE[30:]} HTTP/1.1\r\nHo", "st: x\r\n\r", "\n"):
            stream.sendall(piece.encode())
        assert stream.recv(12) == b"HTTP/1.1 200"
    assert client.post(TILE).status_code == 405
    head = client.head(TILE)
    assert head.status_code == 200
    assert head.content == b""


def test_more_tiles_at_once_than_there_are_connections(helsinki: Engine, client: httpx.Client) -> None:
    places = [(row, col) for row in range(4736, 4746) for col in range(9322, 9332)]
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda place: client.get(PATH.format(row=place[0], col=place[1])), places))
    with helsinki.connect() as connection:
        for (row, col), answer in zip(places, answers, strict=True):
            assert answer.content == tiles.tile(connection, ["facilities"], z=14, row=row, col=col)


def connected(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=60)


def talk(client: httpx.Client, sent: str) -> bytes:
    """Send something, and return all that comes until the connection is closed."""
    got = b""
    with closing(connected(client)) as stream:
        stream.sendall(sent.encode())
        while piece := stream.recv(65_536):
            got += piece
    return got
