"""The short way of features answers as the routes do, and sees what the public may see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from patience import soon
from sqlalchemy import Engine, text

ITEMS = "/collections/facilities/items"
BOX = "24.93,60.16,24.95,60.18"


def written(answer: httpx.Response) -> bytes:
    """What is written in an answer, but for the moment and the parameter that leads to the route."""
    plain = re.sub(rb'"timeStamp":"[^"]*"', b"", answer.content)
    return plain.replace(b"?q=&", b"?").replace(b"?q=", b"")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "limit=3",
        "limit=3&f=json",
        "limit=3&after=20",
        "limit=3&before=1000000",
        "after=20&limit=3",
        "limit=1000",
        "limit=10000",
        "before=0",
        "after=999999999999999999",
        f"limit=3&bbox={BOX}",
        f"limit=1000&bbox={BOX}",
        f"limit=2&before=1000000&bbox={BOX}",
        f"bbox={BOX}&after=999999999999",
        "bbox=24.93,60.16,0,24.95,60.18,9",
        "bbox=170,-10,-170,10",
        f"limit={'3':0>600}",
    ],
)
@pytest.mark.parametrize("api", ["", "/territories/helsinki"])
def test_it_answers_as_the_route_does(client: httpx.Client, api: str, query: str) -> None:
    by_route = client.get(f"{api}{ITEMS}?q=&{query}".rstrip("&"))  # an empty parameter, which only the route takes
    for _ in range(2):
        short = client.get(f"{api}{ITEMS}?{query}")
        assert short.status_code == by_route.status_code == 200
        assert written(short) == written(by_route)
        apart = {"date", "content-length"}
        assert {*short.headers.items()} - {*by_route.headers.items()} <= {(k, short.headers[k]) for k in apart}


@pytest.mark.parametrize(
    ("host", "there"), [("gis.example:81", "http://gis.example:81/"), ('gis.example/"{place}', "http://127.0.0.1:")]
)
def test_links_lead_where_it_was_asked(client: httpx.Client, host: str, there: str) -> None:
    by_route, short = (
        client.get(f"{ITEMS}?{query}limit=2&after=20", headers={"Host": host, "Accept": "application/json"})
        for query in ("q=&", "")
    )
    assert written(short) == written(by_route)
    assert all(each["href"].startswith(there) for each in short.json()["links"])


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "limit=", "bbox=1,2", "after=x", "after=1&before=2", "bogus=1", "f=x"]
)
def test_what_is_wrong_is_told(client: httpx.Client, query: str) -> None:
    answer = client.get(f"{ITEMS}?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_others_are_answered_by_the_routes(client: httpx.Client) -> None:
    assert client.get(ITEMS, headers={"Accept": "text/html"}).headers["content-type"].startswith("text/html")
    assert client.get(ITEMS, headers={"Accept": "image/png"}).status_code == 406
    assert client.get("/collections/nothing/items").status_code == 404
    assert client.head(ITEMS).status_code == 200
    page = client.get(ITEMS, headers={"Origin": "https://elsewhere.example", "Accept-Encoding": "gzip"})
    assert page.headers["access-control-allow-origin"] == "*"
    assert page.headers["content-encoding"] == "gzip"


@pytest.fixture
def hidden(helsinki: Engine) -> Iterator[int]:
    """A school that isn't public."""
    insert = (
        "INSERT INTO facilities (territory, source, source_id, kind, restricted, geom)"
        " VALUES ('helsinki', 'gate', '1', 'school', true, ST_Point(24.94, 60.17, 4326)) RETURNING id"
    )
    with helsinki.begin() as connection:
        made = connection.execute(text(insert)).scalar_one()
    yield made
    with helsinki.begin() as connection:
        connection.execute(text("DELETE FROM facilities WHERE id = :id"), {"id": made})


def test_what_is_restricted_stays_hidden_unless_who_asks_may_see_it(
    client: httpx.Client, hidden: int, user: Any
) -> None:
    viewer = {"Authorization": f"Bearer {user('viewer')}"}
    for query in (f"after={hidden - 1}&limit=1", f"bbox={BOX}&limit=1000"):
        public = client.get(f"{ITEMS}?{query}").json()
        assert hidden not in [each["id"] for each in public["features"]]
        assert hidden in [each["id"] for each in client.get(f"{ITEMS}?{query}", headers=viewer).json()["features"]]


def test_a_change_is_seen_at_once(client: httpx.Client, helsinki: Engine) -> None:
    before = client.get(f"{ITEMS}?limit=1").json()["numberMatched"]
    before = client.get(f"{ITEMS}?limit=1").json()["numberMatched"]
    with helsinki.begin() as connection:
        made = connection.execute(
            text(
                "INSERT INTO facilities (territory, source, source_id, kind, geom) VALUES ('helsinki', 'gate', '2',"
                " 'school', ST_Point(24.94, 60.17, 4326)) RETURNING id"
            )
        ).scalar_one()
    try:
        [last] = client.get(f"{ITEMS}?limit=1&after={made - 1}").json()["features"]
        assert last["id"] == made
        assert soon(lambda: client.get(f"{ITEMS}?limit=1").json()["numberMatched"] == before + 1)
    finally:
        with helsinki.begin() as connection:
            connection.execute(text("DELETE FROM facilities WHERE id = :id"), {"id": made})
