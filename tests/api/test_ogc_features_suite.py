"""What the OGC executable test suite of Features (core and CRS) asks, in our words, as it can not be had everywhere."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pyproj
import pytest
import shapely

GEOJSON = "application/geo+json"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
FILLED = ("roads", "buildings", "facilities", "incidents")
SOME = (*FILLED, "organisations")
NAMED_CRS = re.compile(r"http://www\.opengis\.net/def/crs/[\w.~!$&'()*+,;=@-]+/[\w.~-]+/[\w.~-]+")
UNSUPPORTED = "http://www.opengis.net/def/crs/0/unsupported"
BOXES = ["-1.5,50.0,1.5,53.0", "-80.0,-5.0,-70.0,5.0", "177.0,65.0,-177.0,70.0", "-180.0,85.0,180.0,90.0", "-180.0,-90.0,180.0,-85.0"]  # fmt: skip  # noqa: E501


@pytest.fixture(scope="module")
def collections(client: httpx.Client) -> dict[str, dict[str, Any]]:
    listed = client.get("/collections", headers={"Accept": "application/json"}).json()["collections"]
    return {each["id"]: each for each in listed}


@pytest.fixture(scope="module")
def parameters(client: httpx.Client) -> dict[str, dict[str, Any]]:
    operation = client.get("/api").json()["paths"]["/collections/{collection}/items"]["get"]
    return {each["name"]: each for each in operation["parameters"]}


def items(collection: dict[str, Any]) -> str:
    return next(each["href"] for each in collection["links"] if (each["rel"], each["type"]) == ("items", GEOJSON))


def asked(client: httpx.Client, collection: dict[str, Any], **given: Any) -> httpx.Response:
    answer = client.get(items(collection), params={"f": "geojson", **given}, headers={"Accept": GEOJSON})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["type"] == "FeatureCollection"
    assert len(document["features"]) == document["numberReturned"]
    datetime.fromisoformat(document["timeStamp"])
    rels = {each["rel"] for each in document["links"]}
    types = {each["type"] for each in document["links"] if each["rel"] == "alternate"}
    assert "self" in rels
    assert "text/html" in types
    assert all(each["rel"] and each["type"] for each in document["links"])
    return answer


def test_the_landing_page_leads_to_everything(client: httpx.Client) -> None:
    links = client.get("/", headers={"Accept": "application/json"}).json()["links"]
    rels = {each["rel"] for each in links}
    assert rels >= {"service-desc", "service-doc", "conformance", "data"}
    described = next(each for each in links if each["type"] == "application/vnd.oai.openapi+json;version=3.0")
    answer = client.get(described["href"], headers={"Accept": described["type"]})
    assert answer.json()["openapi"].startswith("3.0.")


@pytest.mark.parametrize(("name", "kind"), [("bbox", "array"), ("limit", "integer"), ("datetime", "string")])
def test_parameters_are_declared_as_the_standard_writes_them(parameters: dict[str, Any], name: str, kind: str) -> None:
    declared = parameters[name]
    assert (declared["in"], declared.get("required", False)) == ("query", False)
    assert (declared["style"], declared["explode"]) == ("form", False)
    schema = declared["schema"]
    assert schema["type"] == kind
    if name == "bbox":
        assert (schema["minItems"], schema["maxItems"], schema["items"]["type"]) == (4, 6, "number")
    if name == "limit":
        assert 0 <= schema["minimum"] <= schema["default"] <= schema["maximum"]


def test_a_collection_is_the_same_alone(client: httpx.Client, collections: dict[str, Any]) -> None:
    for name, listed in collections.items():
        alone = client.get(f"/collections/{name}").json()
        same = ("id", "title", "description", "extent")
        assert {key: alone.get(key) for key in same} == {key: listed.get(key) for key in same}


@pytest.mark.parametrize("name", SOME)
def test_boxes_and_limits(client: httpx.Client, collections: dict[str, Any], parameters: Any, name: str) -> None:
    collection = collections[name]
    boxes = [",".join(map(str, each)) for each in collection.get("extent", {}).get("spatial", {}).get("bbox", [])]
    for box in [*boxes, *BOXES]:
        document = asked(client, collection, bbox=box).json()
        lie_in(document["features"], *map(float, box.split(",")))
        if "numberMatched" in document:
            assert followed(client, document) == document["numberMatched"]
    limit = parameters["limit"]["schema"]
    for wanted in (limit["minimum"], 100, limit["maximum"]):
        assert len(asked(client, collection, limit=wanted).json()["features"]) <= wanted
    assert client.get(items(collection), params={"limit": "unlimited"}).status_code == 400
    assert client.get(items(collection), params={"unknownQueryParameter12345": 1}).status_code == 400


def lie_in(features: list[dict[str, Any]], west: float, south: float, east: float, north: float) -> None:
    """Make sure that all that have a place lie in a box, which may cross the 180th meridian."""
    parts = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    box = shapely.union_all([shapely.box(each[0], south, each[1], north) for each in parts])
    for each in features:
        if each["geometry"] is not None:
            shape = shapely.geometry.shape(each["geometry"])
            assert shape.intersects(box.buffer(1e-7))
            assert shapely.box(-180, -90, 180, 90).contains(shape)


def followed(client: httpx.Client, document: dict[str, Any]) -> int:
    """Return how many features a document and all that its links lead to hold."""
    found = len(document["features"])
    while following := [each["href"] for each in document["links"] if each["rel"] == "next"]:
        document = client.get(
            str(httpx.URL(following[0]).copy_set_param("limit", 10000)), headers={"Accept": GEOJSON}
        ).json()
        found += len(document["features"])
    return found


def test_times_and_durations(client: httpx.Client, collections: dict[str, Any]) -> None:
    for collection in collections.values():
        if "temporal" not in collection.get("extent", {}):
            continue
        [[first, last]] = collection["extent"]["temporal"]["interval"]
        begin, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
        middle = begin + (end - begin) / 4
        for text in (first, f"{first}/{last}", f"{middle.date()}/P2D", f"{middle.isoformat()}/{end.isoformat()}"):
            asked(client, collection, datetime=text)
        assert asked(client, collection, datetime=first).json()["features"]
        later = (end + timedelta(days=800)).isoformat()
        assert not asked(client, collection, datetime=f"{later}/..").json()["features"]


@pytest.mark.parametrize("name", SOME)
def test_what_matches_is_what_the_links_lead_to(client: httpx.Client, collections: dict[str, Any], name: str) -> None:
    document = asked(client, collections[name]).json()
    assert followed(client, document) == document["numberMatched"]


@pytest.mark.parametrize("name", SOME)
def test_every_crs_gives_the_same_features(client: httpx.Client, collections: dict[str, Any], name: str) -> None:
    collection = collections[name]
    alone = client.get(f"/collections/{name}").json()
    assert collection["storageCrs"] in alone["crs"]
    assert alone["crs"][0] == CRS84
    plain = asked(client, collection)
    assert plain.headers["content-crs"] == f"<{CRS84}>"
    for crs in alone["crs"]:
        answer = asked(client, collection, crs=crs)
        assert answer.headers["content-crs"] == f"<{crs}>"
        assert [each["id"] for each in answer.json()["features"]] == [each["id"] for each in plain.json()["features"]]
        if "extent" in collection:
            west, south, east, north = collection["extent"]["spatial"]["bbox"][0]
            to = pyproj.Transformer.from_crs(CRS84, crs)
            box = [*to.transform(west, south), *to.transform(east, north)]
            boxed = asked(client, collection, **{"bbox-crs": crs, "bbox": ",".join(map(repr, box))}).json()
            assert [each["id"] for each in boxed["features"]] == [each["id"] for each in plain.json()["features"]]
    for parameter in ({"crs": UNSUPPORTED}, {"bbox": "5,49,6,50", "bbox-crs": UNSUPPORTED}):
        assert client.get(items(collection), params=parameter).status_code == 400


def test_the_classes_and_the_protocol(client: httpx.Client) -> None:
    assert client.get("/").http_version == "HTTP/1.1"
    declared = client.get("/conformance").json()["conformsTo"]
    core = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf"
    assert {f"{core}/{each}" for each in ("core", "geojson", "html", "oas30")} <= set(declared)
    assert "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs" in declared


def test_every_collection_tells_where_its_features_are(client: httpx.Client, collections: dict[str, Any]) -> None:
    listed = client.get("/collections", headers={"Accept": "application/json"}).json()
    assert {each["rel"] for each in listed["links"]} >= {"self", "alternate"}
    for collection in collections.values():
        found = {each["type"] for each in collection["links"] if each["rel"] == "items"}
        assert {GEOJSON, "text/html"} <= found
        assert all(each["rel"] and each["type"] for each in collection["links"])
        for box in collection.get("extent", {}).get("spatial", {}).get("bbox", []):
            assert len(box) in (4, 6)
        alone = client.get(f"/collections/{collection['id']}").json()
        for each in (collection, alone):
            known = listed["crs"] if each["crs"] == ["#/crs"] else each["crs"]
            assert {CRS84, each["storageCrs"]} <= set(known)
            assert len(set(known)) == len(known)
            assert all(NAMED_CRS.fullmatch(crs) for crs in known)


@pytest.mark.parametrize("name", FILLED)
def test_one_feature_in_every_crs(client: httpx.Client, collections: dict[str, Any], name: str) -> None:
    features = asked(client, collections[name], limit=1).json()["features"]
    path = f"/collections/{name}/items/{features[0]['id']}"
    plain = client.get(path, headers={"Accept": GEOJSON})
    rels = {(each["rel"], each["type"]) for each in plain.json()["links"]}
    assert {("self", GEOJSON), ("alternate", "text/html")} <= rels
    assert "collection" in {rel for rel, _ in rels}
    assert plain.headers["content-crs"] == f"<{CRS84}>"
    for crs in client.get(f"/collections/{name}").json()["crs"]:
        answer = client.get(path, params={"crs": crs}, headers={"Accept": GEOJSON})
        assert answer.headers["content-crs"] == f"<{crs}>"
        if features[0]["geometry"] is not None:
            first, given = (first_place(each.json()["geometry"]["coordinates"]) for each in (plain, answer))
            expected = pyproj.Transformer.from_crs(CRS84, crs).transform(*first[:2])
            assert given[:2] == pytest.approx(expected, rel=1e-6, abs=2e-3)
    assert client.get(path, params={"crs": UNSUPPORTED}).status_code == 400
    assert client.get(f"/collections/{name}/items/nothing").status_code == 404


def first_place(coordinates: list[Any]) -> list[float]:
    return coordinates if isinstance(coordinates[0], float | int) else first_place(coordinates[0])


@pytest.mark.parametrize("name", ["roads", "buildings", "incidents"])
def test_what_is_found_lies_where_and_when_it_was_asked(
    client: httpx.Client, collections: dict[str, Any], name: str
) -> None:
    collection = collections[name]
    if "extent" not in collection:
        pytest.skip("the layer is empty")
    west, south, east, north = collection["extent"]["spatial"]["bbox"][0]
    middle = (west + (east - west) / 4, south + (north - south) / 4, east, north)
    found = asked(client, collection, bbox=",".join(map(str, middle)), limit=500).json()["features"]
    box = shapely.box(*middle)
    shapes = [shapely.geometry.shape(each["geometry"]) for each in found]
    assert shapes
    assert all(each.intersects(box.buffer(1e-9)) for each in shapes)
    assert all(-180 <= each.bounds[0] <= each.bounds[2] <= 180 for each in shapes)
