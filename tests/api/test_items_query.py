"""What can be asked of the features of a layer: order, properties, words, filters, coordinates, all of it at once."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyproj
import pytest
import shapely

from layers.reading import store

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

ITEMS = "/collections/roads/items"


def walk(client: httpx.Client, rel: str, url: str, **parameters: Any) -> list[dict[str, Any]]:
    """The pages to which the links of a relation lead, the first one too."""
    answer = client.get(url, params=parameters or None)
    found = [answer.json()]
    while following := [each["href"] for each in found[-1]["links"] if each["rel"] == rel]:
        found.append(client.get(following[0]).json())
    return found


def ids(pages: list[dict[str, Any]]) -> list[int]:
    return [feature["id"] for page in pages for feature in page["features"]]


@pytest.mark.parametrize("sortby", ["name", "-name", "max_speed_kmh,-name", "-lanes,id", "bridge", "-id", "+source_id"])
def test_pages_keep_their_order_whatever_it_is(client: httpx.Client, helsinki: Engine, sortby: str) -> None:
    pages = walk(
        client, "next", ITEMS, sortby=sortby, limit=400, properties="name,lanes,max_speed_kmh,bridge,source_id"
    )
    with helsinki.connect() as connection:
        assert len(ids(pages)) == len(set(ids(pages))) == store.count(connection, "roads", store.Query())
    column, descending = sortby.split(",")[0].lstrip("+-"), sortby.startswith("-")
    features = [feature for page in pages for feature in page["features"]]
    values = [each["id"] if column == "id" else each["properties"][column] for each in features]
    known = [each for each in values if each is not None]
    assert values[: len(known)] == known
    assert known == sorted(known, reverse=descending)
    back = walk(client, "prev", next(each["href"] for each in pages[-2]["links"] if each["rel"] == "next"))
    assert [page["features"][0]["id"] for page in back] == [page["features"][0]["id"] for page in reversed(pages)]


def test_going_back_leads_where_one_was(client: httpx.Client) -> None:
    first, second, *_ = walk(client, "next", ITEMS, limit=600)
    [back] = [each["href"] for each in second["links"] if each["rel"] == "prev"]
    assert ids([client.get(back).json()]) == ids([first])
    assert not [each for each in client.get(back).json()["links"] if each["rel"] == "prev"]


def test_only_the_properties_asked_for_come(client: httpx.Client) -> None:
    feature = client.get(ITEMS, params={"limit": 1, "properties": "name,lanes"}).json()["features"][0]
    assert list(feature["properties"]) == ["name", "lanes"]
    assert feature["geometry"]
    assert client.get(ITEMS, params={"limit": 1, "properties": ""}).json()["features"][0]["properties"] == {}


@pytest.mark.parametrize("srid", [4326, 3857, 3879, 4258])
def test_coordinates_come_in_the_crs_asked_for(client: httpx.Client, srid: int) -> None:
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{srid}"
    [stored] = client.get(ITEMS, params={"limit": 1}).json()["features"]
    to = pyproj.Transformer.from_crs("OGC:CRS84", srid)
    expected = shapely.transform(shapely.geometry.shape(stored["geometry"]), to.transform, interleaved=False)
    for path in (ITEMS, f"{ITEMS}/{stored['id']}"):
        answer = client.get(path, params={"crs": uri} | ({"limit": "1"} if path == ITEMS else {}))
        assert answer.headers["content-crs"] == f"<{uri}>"
        feature = answer.json()["features"][0] if path == ITEMS else answer.json()
        tolerance = 1e-6 if pyproj.CRS(srid).is_geographic else 0.02
        assert shapely.equals_exact(shapely.geometry.shape(feature["geometry"]), expected, tolerance=tolerance)


def test_every_crs_that_is_listed_can_be_asked_for(client: httpx.Client) -> None:
    listed = client.get("/collections").json()
    assert all(each["crs"] == ["#/crs"] and each["storageCrs"] == listed["crs"][0] for each in listed["collections"])
    assert client.get("/collections/roads").json()["crs"] == listed["crs"]
    for uri in listed["crs"]:
        assert client.get(ITEMS, params={"limit": 1, "crs": uri}).headers["content-crs"] == f"<{uri}>"
    assert "crs" in client.get(ITEMS, params={"crs": "http://www.opengis.net/def/crs/EPSG/0/2056"}).json()["detail"]


@pytest.mark.parametrize("srid", [4326, 3857, 3879])
def test_a_box_may_be_in_another_crs(client: httpx.Client, helsinki: Engine, srid: int) -> None:
    to = pyproj.Transformer.from_crs("OGC:CRS84", srid)
    (x1, y1), (x2, y2) = to.transform(24.940, 60.168), to.transform(24.945, 60.171)
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{srid}"
    asked = {"bbox": f"{x1},{y1},{x2},{y2}", "bbox-crs": uri, "limit": 1000}
    found = set(ids(walk(client, "next", ITEMS, **asked)))
    with helsinki.connect() as connection:
        roads = store.read_frame(connection, "roads", store.Query(), srid=srid)
    box = shapely.box(*((x1, y1, x2, y2) if srid == 3857 else (y1, x1, y2, x2)))
    expected = set(roads.index[roads.intersects(box)])
    assert len(found ^ expected) <= len(expected) * 0.01
    assert found


@pytest.mark.parametrize("words", ["YRJÖNKATU", "yrjönkatu", "Yrjonkatu", "yrjön", "onkat"])
def test_words_are_found_whatever_their_case_and_accents(client: httpx.Client, words: str) -> None:
    found = client.get(ITEMS, params={"q": words, "properties": "name", "limit": 1000}).json()
    assert "Yrjönkatu" in {each["properties"]["name"] for each in found["features"]}
    assert found["numberReturned"] < client.get(ITEMS, params={"count": "exact"}).json()["numberMatched"]


def test_all_words_must_be_there_and_commas_part_alternatives(client: httpx.Client) -> None:
    def matched(words: str) -> int:
        return client.get(ITEMS, params={"q": words, "count": "exact"}).json()["numberMatched"]

    one, other = matched("yrjonkatu"), matched("esplanadi")
    assert one
    assert other
    assert matched("yrjonkatu, esplanadi") == one + other
    assert matched("yrjonkatu esplanadi") == 0
    assert matched("100% of nothing_at\\all") == 0


def test_properties_are_parameters(client: httpx.Client) -> None:
    found = client.get(ITEMS, params={"road_class": "residential", "lit": "true", "limit": 1000}).json()
    assert found["features"]
    for each in found["features"]:
        assert (each["properties"]["road_class"], each["properties"]["lit"]) == ("residential", True)
    by_tag = client.get(ITEMS, params={"tags.name:sv": "Skillnaden"}).json()
    assert {each["properties"]["tags"]["name:sv"] for each in by_tag["features"]} <= {"Skillnaden"}


def test_conditions_add_up(client: httpx.Client, helsinki: Engine) -> None:
    asked = {
        "bbox": "24.940,60.168,24.950,60.173",
        "filter": "lanes >= 2 OR lanes IS NULL",
        "road_class": "residential",
        "q": "katu",
        "sortby": "-name",
        "properties": "name,lanes,road_class",
        "limit": 50,
    }
    found = [feature for page in walk(client, "next", ITEMS, **asked) for feature in page["features"]]
    with helsinki.connect() as connection:
        roads = store.read_frame(connection, "roads", store.Query(bbox=(24.940, 60.168, 24.950, 60.173)))
    wanted = roads[
        (roads["lanes"].fillna(2) >= 2)
        & (roads["road_class"] == "residential")
        & roads["name"].fillna("").str.lower().str.contains("katu")
    ]
    assert {each["id"] for each in found} >= set(wanted.index)
    assert found
    assert all(a["properties"]["name"] >= b["properties"]["name"] for a, b in pairwise(found))


def test_matches_are_counted_when_asked(client: httpx.Client) -> None:
    every = client.get(ITEMS, params={"limit": 1, "count": "exact"}).json()["numberMatched"]
    assert every == sum(page["numberReturned"] for page in walk(client, "next", ITEMS, limit=1000))
    some = client.get(ITEMS, params={"limit": 1, "filter": "id > 0", "count": "exact"}).json()
    assert some["numberMatched"] == every


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"sortby": "nothing"}, "can't be sorted by 'nothing'"),
        ({"sortby": "name,name"}, "twice"),
        ({"sortby": "name", "after": "5"}, "after=5"),
        ({"sortby": "name", "after": '["x", null]'}, "after"),
        ({"sortby": "lanes", "after": '["x", 1]'}, "after"),
        ({"after": "x"}, "after=x"),
        ({"after": "1", "before": "2"}, "not both"),
        ({"properties": "nothing"}, "has no nothing"),
        ({"q": " , "}, "q="),
        ({"q": "a " * 50}, "more than 16 words"),
        ({"crs": "EPSG:99999"}, "no such CRS"),
        ({"crs": "mercator"}, "must be the address of a CRS"),
        ({"bbox": "1,2,3", "bbox-crs": "EPSG:3857"}, "four numbers"),
        ({"bbox-crs": "EPSG:2056"}, "bbox-crs"),
        ({"filter-lang": "ecql", "filter": "a=1"}, "filter-lang"),
        ({"filter": "nothing = 1"}, "no property 'nothing'"),
        ({"filter": "lanes ^ 5000 > 1"}, "out of range"),
        ({"lanes": "two"}, "lanes is a number"),
        ({"bridge": "perhaps"}, "bridge is true or false"),
        ({"geometry": "POINT(1 1)"}, "Unknown query parameter: geometry"),
        ({"name'; DROP TABLE roads; --": "1"}, "Unknown query parameter"),
        ({"count": "guess"}, "count"),
        ({"datetime": "2020-02-30"}, "2020-02-30"),
    ],
)
def test_what_can_not_be_asked_is_told(client: httpx.Client, parameters: dict[str, str], said: str) -> None:
    answer = client.get(ITEMS, params=parameters)
    assert answer.status_code == 400
    assert said in answer.json()["detail"]
