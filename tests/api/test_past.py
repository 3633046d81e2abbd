"""The past through the API: as of a moment, changes between two, and what a feature has been through."""

from __future__ import annotations

import datetime as dt

import httpx
import pytest

BEFORE = "2000-01-01"


def test_items_are_read_as_of_a_moment(client: httpx.Client) -> None:
    now = client.get("/collections/roads/items", params={"limit": 3}).json()
    later = client.get("/collections/roads/items", params={"limit": 3, "as_of": "2100-01-01"}).json()
    assert later["features"] == now["features"]
    assert client.get("/collections/roads/items", params={"as_of": BEFORE}).json()["numberMatched"] == 0
    number = now["features"][0]["id"]
    assert client.get(f"/collections/roads/items/{number}", params={"as_of": "2100-01-01"}).status_code == 200
    assert client.get(f"/collections/roads/items/{number}", params={"as_of": BEFORE}).status_code == 404
    wrong = client.get("/collections/roads/items", params={"as_of": "yesterday"})
    assert wrong.status_code == 400
    assert "yesterday is no time" in wrong.json()["detail"]


def test_the_next_page_stays_at_the_moment(client: httpx.Client) -> None:
    first = client.get("/collections/roads/items", params={"limit": 2, "as_of": "2100-01-01"}).json()
    following = next(each["href"] for each in first["links"] if each["rel"] == "next")
    assert "as_of=2100-01-01" in following
    assert client.get(following).json()["numberReturned"] == 2


def test_changes_are_features_totals_and_a_map(client: httpx.Client) -> None:
    answer = client.get("/collections/stations/changes", params={"since": BEFORE})
    assert answer.headers["content-type"].startswith("application/geo+json")
    document = answer.json()
    total = client.get("/collections/stations/items").json()["numberMatched"]
    assert len(document["features"]) == document["totals"]["all"]["added"] == total > 0
    assert {each["properties"]["change"] for each in document["features"]} == {"added"}
    shown = client.get("/collections/stations/changes", params={"since": BEFORE, "f": "html", "lang": "ru"})
    assert "Добавлено" in shown.text
    since = dt.datetime.now(dt.UTC).isoformat()
    assert client.get("/collections/stations/changes", params={"since": since}).json()["features"] == []


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ({}, 400, "since"),
        ({"since": "2100-01-01"}, 400, "must lie before"),
        ({"since": BEFORE, "until": "soon"}, 400, "soon is no time"),
        ({"since": BEFORE, "f": "xml"}, 400, "xml"),
    ],
)
def test_wrong_questions_are_told(client: httpx.Client, query: dict[str, str], status: int, told: str) -> None:
    answer = client.get("/collections/stations/changes", params=query)
    assert answer.status_code == status
    assert told in answer.text
    assert client.get("/collections/rivers/changes", params={"since": BEFORE}).status_code == 404


def test_a_feature_tells_what_it_has_been_through(client: httpx.Client) -> None:
    number = client.get("/collections/roads/items", params={"limit": 1}).json()["features"][0]["id"]
    (state,) = client.get(f"/collections/roads/items/{number}/history").json()["states"]
    assert state["until"] is None
    assert state["values"]["source"] == "osm"
    assert client.get(f"/collections/roads/items/{number}/history", params={"f": "html"}).status_code == 200
    assert client.get("/collections/roads/items/999999999/history").status_code == 404


def test_analyses_are_run_as_of_a_moment(client: httpx.Client) -> None:
    url, inputs = "/processes/service-areas/execution", {"origins": [[24.9414, 60.1710]], "cutoffs_s": [60]}
    assert client.get("/processes/service-areas").json()["inputs"]["as_of"]["minOccurs"] == 0
    now, later = (client.post(url, json={"inputs": inputs | extra}) for extra in ({}, {"as_of": "2100-01-01"}))
    assert later.json() == now.json()
    for wrong, told in (
        (BEFORE, "roads of helsinki was empty at 2000-01-01"),
        ("soon", "soon is no time"),
        (7, "as_of"),
    ):
        answer = client.post(url, json={"inputs": inputs | {"as_of": wrong}})
        assert answer.status_code == 400
        assert told in answer.json()["detail"]
    shown = client.get("/maps/processes/service-areas", params={"origins": "24.9414,60.1710", "as_of": BEFORE})
    assert (shown.status_code, "was empty at" in shown.text) == (400, True)
