"""Words looked for in all layers, and territories as APIs of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


def test_words_are_looked_for_in_all_layers(client: httpx.Client) -> None:
    found = client.get("/search", params={"q": "YRJONKATU", "limit": 50}).json()
    layers = {each["collection"] for each in found["features"]}
    assert {"roads", "buildings"} <= layers
    first = found["features"][0]
    there = client.get(first["links"][0]["href"]).json()
    assert (there["id"], there["properties"]) == (first["id"], first["properties"])
    only = client.get("/search", params={"q": "yrjönkatu", "collections": "roads"}).json()
    assert {each["collection"] for each in only["features"]} == {"roads"}
    assert client.get("/search", params={"q": "no such words"}).json()["features"] == []


def test_what_can_not_be_looked_for_is_told(client: httpx.Client) -> None:
    assert client.get("/search").status_code == 400
    assert client.get("/search", params={"q": "  "}).status_code == 400
    assert client.get("/search", params={"q": "x", "collections": "nothing"}).status_code == 404
    assert client.get("/search", params={"q": "x", "limit": 1000}).status_code == 400


def test_the_territories_are_listed_with_their_apis(client: httpx.Client) -> None:
    listed = client.get("/territories").json()["territories"]
    [helsinki] = [each for each in listed if each["id"] == "helsinki"]
    assert helsinki["title"] == "Helsinki"
    links = {each["rel"]: each["href"] for each in helsinki["links"]}
    landing = client.get(links["service"]).json()
    assert landing["title"] == "Horad: Helsinki"
    assert "OpenStreetMap" in landing["attribution"]
    data = next(each["href"] for each in landing["links"] if each["rel"] == "data")
    assert data == links["data"] == str(client.base_url.join("/territories/helsinki/collections"))


def test_the_api_of_a_territory_has_all_that_the_root_has(client: httpx.Client) -> None:
    base = "/territories/helsinki"
    root = client.get("/collections").json()["collections"]
    own = client.get(f"{base}/collections").json()["collections"]
    assert [each["id"] for each in own] == [each["id"] for each in root]
    for path in ("queryables", "sortables", "schema", "items?limit=1", ""):
        answer = client.get(f"{base}/collections/roads/{path}".rstrip("/"))
        assert answer.status_code == 200
        assert client.get(f"/territories/nowhere/collections/roads/{path}".rstrip("/")).status_code == 404
    feature = client.get(f"{base}/collections/roads/items?limit=1").json()["features"][0]
    assert client.get(f"{base}/collections/roads/items/{feature['id']}").json()["id"] == feature["id"]
    assert client.get(f"{base}/search", params={"q": "yrjonkatu"}).json()["features"]


def test_a_browser_sees_the_map_of_the_territory(client: httpx.Client) -> None:
    answer = client.get("/territories/helsinki/", headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"] == str(client.base_url.join("/#city=helsinki"))
    assert client.get("/territories/nowhere/").status_code == 404
