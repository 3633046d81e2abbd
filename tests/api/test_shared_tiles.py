"""Tiles that several machines share in Redis."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from apart import apart
from patience import PATIENCE_S, soon, wait_until
from ports import free_port
from sqlalchemy import Engine, text

from api.tiles.cache import TileCache, TileKey, tile_key
from api.tiles.shared import SharedTiles
from geo.errors import InvalidInputError
from layers.history.announcements import Announcements
from layers.tiles.request import TileRequest

needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="Debian's redis-server isn't installed")

REQUEST = TileRequest(layers=("facilities",), z=15, row=9486, col=18654)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    folder: Path = tmp_path_factory.mktemp("redis")
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: listens(port))
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


@pytest.fixture
def known(engine: Engine) -> Iterator[Announcements]:
    found = Announcements()
    found.start()
    assert found.wait(PATIENCE_S)
    yield found
    found.stop()


class Maker:
    """Makes a tile, and counts how often."""

    def __init__(self, content: bytes = b"tile") -> None:
        self.times = 0
        self._content = content

    async def __call__(self) -> bytes:
        self.times += 1
        return self._content


async def obtained(known: Announcements, url: str, key: TileKey, make: Maker) -> bytes:
    """Ask a process that has kept nothing yet."""
    shared = SharedTiles(url)
    try:
        return (await TileCache(known, 1_000_000, shared).begin(key, make).work).plain
    finally:
        await shared.close()


@needs_redis
@pytest.mark.parametrize("content", [b"tile", b""])
def test_what_one_made_another_finds(known: Announcements, redis_url: str, content: bytes) -> None:
    async def both() -> None:
        make, key = Maker(content), tile_key(REQUEST, f"rights of a test {content!r}")
        assert await obtained(known, redis_url, key, make) == content
        assert await obtained(known, redis_url, key, make) == content
        assert make.times == 1

    apart(both())


@needs_redis
def test_after_a_change_and_for_others_it_is_made_anew(known: Announcements, redis_url: str, engine: Engine) -> None:
    async def all_of_them() -> None:
        make, key = Maker(), tile_key(REQUEST, "rights of another test")
        await obtained(known, redis_url, key, make)
        await obtained(known, redis_url, tile_key(REQUEST, "other rights of another test"), make)
        assert make.times == 2
        version = known.touched("memberships")
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM memberships WHERE principal = 'nobody'"))
        assert await asyncio.to_thread(soon, lambda: known.touched("memberships") != version)
        await obtained(known, redis_url, key, make)
        assert make.times == 3

    apart(all_of_them())


def test_without_redis_tiles_are_made_all_the_same(known: Announcements) -> None:
    async def twice() -> None:
        make, key = Maker(), tile_key(REQUEST, "rights of a third test")
        for _ in range(2):
            assert await obtained(known, "redis://127.0.0.1:1/0", key, make) == b"tile"
        assert make.times == 2

    apart(twice())


def test_an_address_that_cannot_be_is_told() -> None:
    with pytest.raises(InvalidInputError, match="HORAD_REDIS_URL"):
        SharedTiles("http://somewhere")
