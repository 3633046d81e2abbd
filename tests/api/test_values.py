"""Which values a property has, and how often."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from layers.reading import store

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

VALUES = "/collections/buildings/values"
BOX = "24.940,60.168,24.945,60.171"


def test_values_come_with_their_counts_the_most_frequent_first(client: httpx.Client, helsinki: Engine) -> None:
    with helsinki.connect() as connection:
        uses = store.read_frame(connection, "buildings", store.Query(), only=["use"])["use"]
    expected = Counter(each if isinstance(each, str) else None for each in uses)
    answer = client.get(f"{VALUES}/use").json()
    counts = {each["value"]: each["count"] for each in answer["values"]}
    assert counts == expected
    assert list(counts.values()) == sorted(expected.values(), reverse=True)
    assert not answer["more"]
    first = client.get(f"{VALUES}/use", params={"limit": 1}).json()
    assert (first["values"], first["more"]) == (answer["values"][:1], True)


@pytest.mark.parametrize(
    "chosen",
    [{"bbox": BOX}, {"filter": "levels > 5"}, {"q": "yrjonkatu"}, {"bbox": BOX, "filter": "levels > 5"}],
)
def test_only_features_that_are_asked_for_count(client: httpx.Client, chosen: dict[str, str]) -> None:
    counted = sum(each["count"] for each in client.get(f"{VALUES}/levels", params=chosen).json()["values"])
    matched = client.get("/collections/buildings/items", params={**chosen, "count": "exact"}).json()["numberMatched"]
    everything = client.get("/collections/buildings/items", params={"count": "exact"}).json()["numberMatched"]
    assert 0 < counted == matched < everything


def test_a_territory_and_a_moment_have_their_own(client: httpx.Client) -> None:
    everywhere = client.get(f"{VALUES}/use").json()["values"]
    assert client.get(f"/territories/helsinki{VALUES}/use").json()["values"] == everywhere
    assert client.get(f"{VALUES}/use", params={"as_of": "2000-01-01"}).json()["values"] == []


def test_what_is_no_property_is_told(client: httpx.Client) -> None:
    answer = client.get(f"{VALUES}/colour")
    assert answer.status_code == 404
    assert "no property colour; it has territory" in answer.json()["detail"]
    assert client.get("/collections/nothing/values/use").status_code == 404
    assert client.get(f"{VALUES}/geometry").status_code == 404
    assert client.get(f"{VALUES}/use", params={"filter": "colour = 1"}).status_code == 400
    assert client.get(f"{VALUES}/use", params={"offset": 3}).status_code == 400


def test_inputs_of_analyses_tell_whose_values_they_take(client: httpx.Client) -> None:
    schema = client.get("/processes/facility-access").json()["inputs"]["kind"]["schema"]
    assert schema["x-values-of"] == ["facilities.kind"]
    for process in client.get("/processes", params={"limit": 1000}).json()["processes"]:
        described = client.get(f"/processes/{process['id']}").json()["inputs"]
        for each in described.values():
            for source in each["schema"].get("x-values-of", []):
                layer, name = source.split(".")
                assert client.get(f"/collections/{layer}/values/{name}").status_code == 200
