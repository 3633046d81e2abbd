"""Features made, replaced, changed and removed over HTTP."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from patience import soon
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from api.app import create_app
from layers.access import audit
from layers.settings import get_settings

FACILITIES = "/collections/facilities/items"
LON, LAT = 24.945, 60.17
GEOJSON, MERGE_PATCH = "application/geo+json", "application/merge-patch+json"

Send = Callable[..., httpx.Response]


def school(lon: float = LON, lat: float = LAT, **properties: Any) -> dict[str, Any]:
    place = {"type": "Point", "coordinates": [lon, lat]}
    return {"type": "Feature", "geometry": place, "properties": {"kind": "school", **properties}}


@pytest.fixture
def editor(client: httpx.Client, user: Callable[..., str], helsinki: Engine) -> Iterator[Send]:
    """Sends as an editor of Helsinki; what was made is removed afterwards."""
    key = user("editor", writes=True)

    def send(method: str, path: str, document: Any = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = MERGE_PATCH if method == "PATCH" else GEOJSON
        given = {"Authorization": f"Bearer {key}", "Content-Type": kind, **named}
        body = document if isinstance(document, bytes | None) else json.dumps(document)
        return client.request(method, path, content=body, headers=given)

    yield send
    with helsinki.begin() as connection:
        for layer in ("facilities", "green_spaces", "utilities"):
            connection.execute(text(f"DELETE FROM {layer} WHERE source = 'api'"))


@pytest.fixture
def made(editor: Send) -> str:
    """The path of a school."""
    answer = editor("POST", FACILITIES, school(name="New", tags={"a": 1, "b": 2}))
    return httpx.URL(answer.headers["location"]).path


def test_a_feature_is_made_where_it_lies_and_is_there_at_once(client: httpx.Client, editor: Send) -> None:
    answer = editor("POST", FACILITIES, school(name="Ніл", capacity=300))
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].startswith(str(client.base_url.join(f"{FACILITIES}/")))
    found = client.get(answer.headers["location"])
    assert found.headers["etag"] == answer.headers["etag"]
    feature = found.json()
    assert feature["geometry"] == {"type": "Point", "coordinates": [LON, LAT]}
    properties = feature["properties"]
    assert {name: properties[name] for name in ("territory", "source", "name", "capacity", "tags")} == {
        "territory": "helsinki",
        "source": "api",
        "name": "Ніл",
        "capacity": 300,
        "tags": {},
    }


def test_an_edit_is_in_the_history_in_the_version_and_in_the_tiles(
    client: httpx.Client, editor: Send, made: str, helsinki: Engine
) -> None:
    row = int((1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * 2**16)
    tile = f"/collections/facilities/tiles/WebMercatorQuad/16/{row}/{int((LON + 180) / 360 * 2**16)}"
    before = client.get(tile)
    assert editor("PATCH", made, {"properties": {"name": "Renamed"}}).status_code == 204
    assert soon(lambda: b"Renamed" in client.get(tile).content)
    assert before.headers["etag"] != client.get(tile).headers["etag"]
    states = client.get(f"{made}/history").json()["states"]
    assert [(state["values"]["name"], state["ended_how"]) for state in states] == [
        ("New", "changed"),
        ("Renamed", None),
    ]
    assert states[1]["changed"] == ["name"]
    assert states[1]["by"].startswith("user")
    assert editor("DELETE", made).status_code == 204
    assert client.get(made).status_code == 404
    assert client.get(f"{made}/history").json()["states"][-1]["ended_how"] == "removed"


def test_replacing_leaves_nothing_of_what_was(client: httpx.Client, editor: Send, made: str) -> None:
    answer = editor("PUT", made, school(capacity=5))
    assert answer.status_code == 204
    properties = client.get(made).json()["properties"]
    assert (properties["name"], properties["capacity"], properties["tags"]) == (None, 5, {})


def test_a_patch_changes_what_it_names_and_nothing_else(client: httpx.Client, editor: Send, made: str) -> None:
    before = client.get(made).json()
    patch = {"properties": {"name": None, "tags": {"a": None, "c": 3}}}
    assert editor("PATCH", made, patch).status_code == 204
    after = client.get(made).json()
    assert after["properties"] == before["properties"] | {"name": None, "tags": {"b": 2, "c": 3}}
    assert after["geometry"] == before["geometry"]
    moved = {"geometry": {"coordinates": [LON + 0.001, LAT]}}
    assert editor("PATCH", made, moved).status_code == 204
    assert client.get(made).json()["geometry"]["coordinates"] == [LON + 0.001, LAT]


def test_what_a_client_like_qgis_sends_back_whole_is_taken(client: httpx.Client, editor: Send) -> None:
    ring = [[LON, LAT], [LON + 0.001, LAT], [LON + 0.001, LAT + 0.001], [LON, LAT]]
    park = {
        "type": "Feature",
        "geometry": {"type": "MultiPolygon", "coordinates": [[ring]]},
        "properties": {"kind": "park", "territory": None, "source": None, "source_id": None, "area_m2": None},
    }
    answer = editor("POST", "/collections/green_spaces/items", park)
    assert answer.status_code == 201, answer.text
    path = httpx.URL(answer.headers["location"]).path
    whole = client.get(path).json()
    assert whole["geometry"]["type"] == "Polygon"
    assert whole["properties"]["area_m2"] > 1_000
    assert editor("PUT", path, whole | {"properties": whole["properties"] | {"name": "Park"}}).status_code == 204
    assert client.get(path).json()["properties"]["name"] == "Park"


def test_nobody_overwrites_what_they_have_not_seen(client: httpx.Client, editor: Send, made: str) -> None:
    first = client.get(made).headers["etag"]
    assert client.get(made, headers={"If-None-Match": first}).status_code == 304
    page = client.get(made, headers={"If-None-Match": first, "Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    done = editor("PATCH", made, {"properties": {"name": "mine"}}, If_Match=first)
    assert done.status_code == 204
    for method, body in (("PATCH", {"properties": {"name": "x"}}), ("PUT", school()), ("DELETE", None)):
        late = editor(method, made, body, If_Match=first)
        assert late.status_code == 412
        assert "changed since" in late.json()["detail"]
    assert client.get(made, headers={"If-None-Match": first}).json()["properties"]["name"] == "mine"
    assert editor("PUT", made, school(), If_Match=f'"no such", {done.headers["etag"]}').status_code == 204
    assert editor("PUT", made, school(), If_Match=f"W/{client.get(made).headers['etag']}").status_code == 412
    assert editor("DELETE", made, If_Match="*").status_code == 204
    assert editor("DELETE", made, If_Match="*").status_code == 404


def test_who_may_not_is_told_so_and_changes_nothing(
    client: httpx.Client, editor: Send, made: str, user: Callable[..., str]
) -> None:
    before = client.get(made).json()
    for key, status in (
        (None, 401),
        ("nonsense", 401),
        (user("editor"), 403),
        (user("viewer", writes=True), 403),
        (user("analyst", writes=True), 403),
        (user(None, writes=True), 403),
    ):
        given = {} if key is None else {"Authorization": f"Bearer {key}"}
        for method, path, kind, body in (
            ("POST", FACILITIES, GEOJSON, school()),
            ("PUT", made, GEOJSON, school()),
            ("PATCH", made, MERGE_PATCH, {"properties": {"name": "x"}}),
            ("DELETE", made, GEOJSON, None),
        ):
            answer = client.request(method, path, json=body, headers={**given, "Content-Type": kind})
            assert answer.status_code == status, (method, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
    assert client.get(made).json() == before


def test_options_tell_what_may_be_done(client: httpx.Client, editor: Send, made: str) -> None:
    assert client.options(FACILITIES).headers["allow"] == "GET, HEAD, OPTIONS"
    assert editor("OPTIONS", FACILITIES).headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert editor("OPTIONS", made).headers["allow"] == "GET, HEAD, OPTIONS, PUT, PATCH, DELETE"
    asked = {"Origin": "http://elsewhere", "Access-Control-Request-Method": "PATCH"}
    assert "PATCH" in client.options(made, headers=asked).headers["access-control-allow-methods"]
    declared = client.get("/conformance").json()["conformsTo"]
    for name in ("create-replace-delete", "update", "optimistic-locking-etags", "features"):
        assert f"http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/{name}" in declared


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"type": "Point", "coordinates": [1, 2]}, "/type: must be Feature"),
        (school(nmae="x"), "/properties/nmae: there is no such property"),
        (school(capacity="many"), "/properties/capacity: Input should be a valid integer"),
        (school(capacity=-1), "/properties/capacity: Input should be greater than or equal to 0"),
        (school(capacity=2**40), "/properties/capacity"),
        (school(name="a\x00b"), "/properties/name: must not hold the character U+0000"),
        (school(name="x" * 200_000), "/properties/name: must not be longer than"),
        (school(wheelchair="perhaps"), "/properties/wheelchair: Input should be"),
        (school(kind=None), "/properties/kind: Input should be a valid string"),
        (school(tags=[1]), "/properties/tags: Input should be"),
        (school(source="osm"), "/properties/source: the base gives it"),
        (school(territory="nowhere"), "/properties/territory: The base has no territory"),
        (school(territory=5), "/properties/territory: must be text"),
        (school(lon=200), "/geometry/coordinates: longitudes go from -180 to 180"),
        (school(lon=0), "/properties/territory: it lies in no territory"),
        (school(lon=0, territory="helsinki"), "/geometry/coordinates: it lies outside helsinki"),
        ({**school(), "geometry": None}, "/geometry: every feature of this layer has a place"),
        (
            {**school(), "geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}},
            "/geometry/type: must be one",
        ),
        ({**school(), "geometry": {"type": "Point", "coordinates": ["a", "b"]}}, "/geometry/coordinates: they make no"),
        ({**school(), "geometry": {"type": "Point", "coordinates": []}}, "/geometry/coordinates: "),
        ({**school(), "geometry": [1, 2]}, "/geometry/type: must be one of Point, MultiPoint"),
        ({**school(), "properties": 3}, "/properties: must be an object"),
        ([school()], "must be an object"),
    ],
)
def test_what_is_no_feature_of_the_layer_is_told_place_by_place(editor: Send, document: Any, told: str) -> None:
    answer = editor("POST", FACILITIES, document)
    assert answer.status_code == 422, answer.text
    assert told in answer.json()["detail"]


def test_all_that_is_wrong_is_told_at_once(editor: Send) -> None:
    detail = editor("POST", FACILITIES, school(lon=999, capacity=-1, nmae="x")).json()["detail"]
    assert [each in detail for each in ("/properties/capacity", "/properties/nmae", "/geometry/coordinates")] == [
        True
    ] * 3


def test_bodies_that_are_none_are_refused(editor: Send, made: str) -> None:
    assert editor("POST", FACILITIES, b"{").status_code == 400
    assert editor("POST", FACILITIES, b'{"type": NaN').status_code == 400
    for body in (b"[" * 100_000, b'{"type": "\\ud800"}', b'{"type": "\xff"}'):
        assert editor("POST", FACILITIES, body).status_code == 400
    deep = b'{"type": "Feature", "properties": {"tags": {"a": ' + b"[" * 900 + b"]" * 900 + b"}}}"
    assert "nested" in editor("POST", FACILITIES, deep).json()["detail"]
    assert editor("POST", FACILITIES, school(), Content_Type="text/plain").status_code == 415
    assert editor("PATCH", made, {}, Content_Type=GEOJSON).status_code == 415
    assert editor("PUT", made, school(), Content_Crs="<http://nowhere>").status_code == 400
    assert editor("PUT", f"{FACILITIES}/999999999", school()).status_code == 404
    assert editor("POST", "/collections/streets/items", school()).status_code == 404
    assert editor("PATCH", made, {"properties": {"territory": "liechtenstein"}}).status_code == 422
    assert editor("PATCH", made, {"properties": {"kind": None}}).status_code == 422


def test_coordinates_come_in_the_crs_that_is_said(client: httpx.Client, editor: Send) -> None:
    for name, place in (("EPSG/0/4326", [LAT, LON]), ("EPSG/0/3067", [385_988.2, 6_671_957.7])):
        crs = f"<http://www.opengis.net/def/crs/{name}>"
        answer = editor("POST", FACILITIES, school(*place), Content_Crs=crs)
        assert answer.status_code == 201, answer.text
        found = client.get(answer.headers["location"]).json()["geometry"]["coordinates"]
        assert found == pytest.approx([LON, LAT], abs=2e-3)


def test_times_are_times_and_a_territory_is_an_api_of_its_own(client: httpx.Client, editor: Send) -> None:
    pipe = {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": [[LON, LAT], [LON + 0.001, LAT]]},
        "properties": {"network": "gas", "installed_on": "1998-05-01"},
    }
    answer = editor("POST", "/territories/helsinki/collections/utilities/items", pipe)
    assert answer.status_code == 201, answer.text
    assert "/territories/helsinki/collections/utilities/items/" in answer.headers["location"]
    assert client.get(answer.headers["location"]).json()["properties"]["installed_on"] == "1998-05-01"
    pipe["properties"]["installed_on"] = "1998-13-01"
    refused = editor("POST", "/collections/utilities/items", pipe)
    assert "/properties/installed_on" in refused.json()["detail"]


def test_where_it_is_asked_for_nobody_changes_what_they_dont_say_they_have_seen(
    helsinki: Engine, user: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HORAD_EDITS_NEED_IF_MATCH", "true")
    get_settings.cache_clear()
    given = {"Authorization": f"Bearer {user('editor', writes=True)}", "Content-Type": GEOJSON}
    try:
        with TestClient(create_app()) as own:
            path = own.post(FACILITIES, json=school(), headers=given).headers["location"]
            refused = own.delete(path, headers=given)
            assert refused.status_code == 428
            assert "If-Match is missing" in refused.json()["detail"]
            seen = own.get(path).headers["etag"]
            assert own.delete(path, headers={**given, "If-Match": seen}).status_code == 204
    finally:
        get_settings.cache_clear()


def test_the_audit_tells_who_edited_what_and_from_where(editor: Send, made: str, helsinki: Engine) -> None:
    assert editor("PATCH", made, {"properties": {"name": "Newer"}}).status_code == 204
    assert editor("PUT", made, school(name="Newest")).status_code == 204
    assert editor("PUT", made, school(kind=1)).status_code == 422
    assert editor("DELETE", made).status_code == 204
    number = made.rpartition("/")[2]
    with helsinki.connect() as connection:
        told = [each for each in audit.entries(connection) if each.subject == f"facilities {number}"]
    assert [each.action for each in told] == [f"feature {each}" for each in ("removed", "replaced", "changed", "made")]
    assert {each.address for each in told} == {"127.0.0.1"}
    assert len({each.actor for each in told} | {each.details["key"] for each in told}) == 2


def test_extents_follow_edits_soon(client: httpx.Client, editor: Send) -> None:
    def told() -> list[list[float]]:
        tilejson = client.get("/collections/facilities/tiles/WebMercatorQuad?f=tilejson").json()["bounds"]
        tileset = client.get("/territories/helsinki/collections/facilities/tiles/WorldCRS84Quad").json()["boundingBox"]
        collection = client.get("/collections/facilities").json()["extent"]["spatial"]["bbox"][0]
        boxes = (tilejson, (*tileset["lowerLeft"], *tileset["upperRight"]), collection)
        return [[round(side, 6) for side in box] for box in boxes]

    before = told()
    west, south, east, north = before[0]
    made = editor("POST", FACILITIES, school(east + 0.001, north - 0.001, territory="helsinki"))
    assert made.status_code == 201, made.text
    assert soon(lambda: told() == [[west, south, round(east + 0.001, 6), north]] * 3)
    assert editor("DELETE", httpx.URL(made.headers["location"]).path).status_code == 204
    assert soon(lambda: told() == before)
