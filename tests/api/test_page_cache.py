"""Pages of features are kept, never stale, made once however many ask, and shown to nobody who may not see them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

HYDRANTS = "/collections/hydrants/items"
LON, LAT = 24.9414, 60.1710


def within_a_second(condition: Callable[[], Any]) -> bool:
    deadline = time.monotonic() + 1
    while not condition():
        if time.monotonic() > deadline:
            return False
    return True


@contextmanager
def hydrant(engine: Engine) -> Iterator[int]:
    """A hydrant that is there meanwhile; its id."""
    insert = (
        "INSERT INTO hydrants (territory, source, source_id, geom) VALUES ('helsinki', 'kept', '1',"
        f" ST_Point({LON}, {LAT}, 4326)) RETURNING id"
    )
    with engine.begin() as connection:
        made = connection.execute(text(insert)).scalar_one()
    yield made
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM hydrants WHERE id = :id"), {"id": made})


@contextmanager
def nobody_reads(engine: Engine) -> Iterator[None]:
    """Whoever reads hydrants waits meanwhile."""
    with engine.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE hydrants IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def waiting(engine: Engine) -> int:
    """How many statements wait for hydrants."""
    with engine.connect() as connection:
        return int(
            connection.exec_driver_sql(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'hydrants'::regclass"
            ).scalar_one()
        )


@pytest.fixture
def counted(client: httpx.Client) -> None:
    """The layer has been counted, which the first who asks waits for."""
    client.get(HYDRANTS)


@pytest.mark.parametrize("api", ["", "/territories/helsinki"])
def test_a_page_is_answered_from_memory_until_its_layer_changes(
    helsinki: Engine, client: httpx.Client, api: str
) -> None:
    path = f"{api}{HYDRANTS}?limit=10000"
    client.get(path)
    before = client.get(path)
    with nobody_reads(helsinki):
        assert client.get(path).content == before.content
    with hydrant(helsinki) as made:
        assert within_a_second(lambda: made in [each["id"] for each in client.get(path).json()["features"]])
        assert client.get(path).json()["numberMatched"] == before.json()["numberMatched"] + 1
    assert within_a_second(lambda: client.get(path).json()["features"] == before.json()["features"])


@pytest.mark.usefixtures("counted")
def test_many_who_ask_for_one_page_make_one_query(helsinki: Engine, client: httpx.Client) -> None:
    path = f"{HYDRANTS}?limit=7"
    with ThreadPoolExecutor(8) as pool:
        with nobody_reads(helsinki):
            asked = [pool.submit(client.get, path) for _ in range(8)]
            assert within_a_second(lambda: waiting(helsinki) == 1)
            time.sleep(0.3)
            assert waiting(helsinki) == 1
        got = [each.result(30) for each in asked]
    assert {each.status_code for each in got} == {200}
    assert len({each.content for each in got}) == 1


def test_what_a_territory_restricts_leaves_its_pages_at_once(helsinki: Engine, client: httpx.Client) -> None:
    restrict = text("UPDATE territories SET restricted = :layers WHERE id = 'helsinki'")
    path = f"{HYDRANTS}?limit=3"

    def shows() -> bool:
        return bool(client.get(path).json()["features"])

    with hydrant(helsinki):
        assert within_a_second(shows)
        with helsinki.begin() as connection:
            connection.execute(restrict, {"layers": ["hydrants"]})
        try:
            assert within_a_second(lambda: not shows())
            assert not shows()
        finally:
            with helsinki.begin() as connection:
                connection.execute(restrict, {"layers": []})
        assert within_a_second(shows)


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip", "gzip"), ("gzip;q=0", None), ("", None)])
@pytest.mark.parametrize("limit", [10, 1000])
def test_it_is_compressed_for_those_who_take_it(
    client: httpx.Client, accepted: str, encoding: str | None, limit: int
) -> None:
    plain = client.get(f"/collections/buildings/items?limit={limit}", headers={"Accept-Encoding": "identity"})
    for _ in range(2):
        got = client.get(f"/collections/buildings/items?limit={limit}", headers={"Accept-Encoding": accepted})
        assert got.headers.get("content-encoding") == encoding
        assert "accept-encoding" in got.headers["vary"].lower()
        assert got.json()["features"] == plain.json()["features"]
