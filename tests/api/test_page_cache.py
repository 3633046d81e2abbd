"""Pages of features are kept, never stale, made once however many ask, and shown to nobody who may not see them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from patience import soon, wait_until
from sqlalchemy import Engine, text

HYDRANTS = "/collections/hydrants/items"
LON, LAT = 24.9414, 60.1710


@contextmanager
def hydrant(engine: Engine) -> Iterator[int]:
    """A hydrant that is there meanwhile; its id."""
    insert = (
        "INSERT INTO hydrants (territory, source, source_id, geom) VALUES ('helsinki', 'kept', '1',"
        f" ST_Point({LON}, {LAT}, 4326)) RETURNING id"
    )
    with engine.begin() as connection:
        made = connection.execute(text(insert)).scalar_one()
    try:
        yield made
    finally:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM hydrants WHERE id = :id"), {"id": made})


@contextmanager
def nobody_reads(engine: Engine) -> Iterator[None]:
    """Whoever reads hydrants waits meanwhile."""
    with engine.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE hydrants IN ACCESS EXCLUSIVE MODE")
        yield


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
    before = client.get(path)
    with hydrant(helsinki) as made:
        assert soon(lambda: made in [each["id"] for each in client.get(path).json()["features"]])
        assert client.get(path).json()["numberMatched"] == before.json()["numberMatched"] + 1
    assert soon(lambda: client.get(path).json()["features"] == before.json()["features"])
    kept = client.get(path)
    with nobody_reads(helsinki):
        assert client.get(path).content == kept.content


@pytest.mark.usefixtures("counted")
def test_many_who_ask_for_one_page_make_one_query(helsinki: Engine, client: httpx.Client) -> None:
    path = f"{HYDRANTS}?limit=7"
    with ThreadPoolExecutor(8) as pool:
        with nobody_reads(helsinki):
            asked = [pool.submit(client.get, path) for _ in range(8)]
            assert soon(lambda: waiting(helsinki) == 1)
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

    with hydrant(helsinki) as made:
        assert soon(shows)
        with helsinki.begin() as connection:
            connection.execute(restrict, {"layers": ["hydrants"]})
        try:
            assert soon(lambda: not shows())
            assert not shows()
        finally:
            with helsinki.begin() as connection:
                connection.execute(restrict, {"layers": []})
        assert soon(shows)
    assert soon(lambda: made not in [each["id"] for each in client.get(f"{HYDRANTS}?limit=10000").json()["features"]])


def test_the_first_page_after_a_change_waits_for_no_count(helsinki: Engine, client: httpx.Client) -> None:
    path = "/collections/roads/items?limit=1&before=1000000000000"
    wait_until(lambda: "numberMatched" in client.get(path).json())
    before = client.get(path).json()
    insert = (
        "INSERT INTO roads (territory, source, source_id, road_class, geom) VALUES ('helsinki', 'kept', '1', 'footway',"
        f" ST_MakeLine(ST_Point({LON}, {LAT}, 4326), ST_Point({LON}, {LAT + 0.001}, 4326))) RETURNING id"
    )
    with helsinki.begin() as connection:
        made = connection.execute(text(insert)).scalar_one()
    try:
        seen: list[dict[str, Any]] = []
        assert soon(lambda: seen.append(client.get(path).json()) or seen[-1]["features"][0]["id"] == made)
        assert "numberMatched" not in seen[-1]
        assert soon(lambda: client.get(path).json().get("numberMatched") == before["numberMatched"] + 1)
    finally:
        with helsinki.begin() as connection:
            connection.execute(text("DELETE FROM roads WHERE id = :id"), {"id": made})


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
