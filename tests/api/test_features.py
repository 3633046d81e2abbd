"""Collections and items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import shapely

from layers.catalog import all_layers, find
from layers.reading import store

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

BOX = (24.940, 60.168, 24.945, 60.171)


def pages(client: httpx.Client, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.get(path, params=parameters).json()
    found = [answer]
    while following := next((each["href"] for each in answer["links"] if each["rel"] == "next"), None):
        answer = client.get(following).json()
        found.append(answer)
    return found


def test_the_collections_are_the_layers(client: httpx.Client) -> None:
    listed = client.get("/collections").json()["collections"]
    assert {each["id"] for each in listed} == set(all_layers())
    roads = next(each for each in listed if each["id"] == "roads")
    west, south, east, north = roads["extent"]["spatial"]["bbox"][0]
    assert 24.9 < west < east < 25.0
    assert 60.1 < south < north < 60.2


def test_the_extent_holds_every_feature(client: httpx.Client, helsinki: Engine) -> None:
    box = shapely.box(*client.get("/collections/roads").json()["extent"]["spatial"]["bbox"][0])
    with helsinki.connect() as connection:
        roads = store.read_frame(connection, "roads", store.Query())
    assert roads.geometry.covered_by(box).all()


def test_next_links_lead_through_every_feature_once(client: httpx.Client, helsinki: Engine) -> None:
    found = pages(client, "/collections/buildings/items", limit=97)
    ids = [feature["id"] for page in found for feature in page["features"]]
    with helsinki.connect() as connection:
        assert len(ids) == len(set(ids)) == store.count(connection, "buildings", store.Query())
    assert {page["numberMatched"] for page in found} == {len(ids)}
    assert sum(page["numberReturned"] for page in found) == len(ids)


def test_offset_leads_to_the_same_features(client: httpx.Client) -> None:
    first = client.get("/collections/buildings/items", params={"limit": 20}).json()["features"]
    second = client.get("/collections/buildings/items", params={"limit": 10, "offset": 10}).json()["features"]
    assert [each["id"] for each in second] == [each["id"] for each in first[10:]]


def test_a_box_takes_what_touches_it(client: httpx.Client, helsinki: Engine) -> None:
    found = {
        each["id"]
        for page in pages(client, "/collections/roads/items", bbox=",".join(map(str, BOX)), limit=500)
        for each in page["features"]
    }
    with helsinki.connect() as connection:
        roads = store.read_frame(connection, "roads", store.Query())
    assert found == set(roads.index[roads.intersects(shapely.box(*BOX))])
    assert 0 < len(found) < len(roads)


def test_a_time_takes_what_happened_then(client: httpx.Client) -> None:
    if client.get("/collections/incidents/items").json()["numberReturned"] == 0:
        pytest.skip("the accidents of Helsinki are in the data folder, which isn't there")
    year = {"datetime": "2020-01-01T00:00:00Z/2020-12-31T23:59:59Z", "limit": 5}
    found = client.get("/collections/incidents/items", params=year).json()
    assert found["numberReturned"] == 5
    assert all(each["properties"]["occurred_at"].startswith("2020-") for each in found["features"])
    before = client.get("/collections/incidents/items", params={"datetime": "../1999-12-31T00:00:00Z"}).json()
    assert before["numberMatched"] == 0


def test_a_feature_is_the_same_alone_and_in_a_page(client: httpx.Client) -> None:
    listed = client.get("/collections/roads/items", params={"limit": 1}).json()["features"][0]
    alone = client.get(f"/collections/roads/items/{listed['id']}").json()
    assert {key: alone[key] for key in listed} == listed
    assert alone["properties"]["source_id"].startswith("w")


def test_coordinates_are_those_of_the_base(client: httpx.Client, helsinki: Engine) -> None:
    feature = client.get("/collections/buildings/items", params={"limit": 1}).json()["features"][0]
    with helsinki.connect() as connection:
        stored = store.read_frame(connection, "buildings", store.Query(limit=1))
    given = shapely.geometry.shape(feature["geometry"])
    assert given.equals_exact(stored.geometry.iloc[0], tolerance=1e-7)


@pytest.mark.parametrize("layer", ["roads", "buildings", "incidents", "facilities"])
def test_features_are_as_their_schema_says(client: httpx.Client, layer: str) -> None:
    described = client.get(f"/collections/{layer}/schema").json()
    shared = {"id", "geometry", "territory", "source", "source_id", "tags"}
    own = described["properties"].keys() - shared
    assert own == {each.name for each in find(layer).columns}
    for feature in client.get(f"/collections/{layer}/items", params={"limit": 50}).json()["features"]:
        known = {name: value for name, value in feature["properties"].items() if value is not None}
        jsonschema.validate({name: known[name] for name in own & set(known)} | {"geometry": {}}, described)


def test_decimals_show_that_they_are(client: httpx.Client) -> None:
    text = client.get("/collections/roads/items", params={"limit": 100}).text
    assert '"max_speed_kmh":30.0' in text
    assert '"lanes":2,' in text


def test_the_schema_tells_links_limits_and_what_is_worked_out(client: httpx.Client) -> None:
    reports = client.get("/collections/reports/schema").json()["properties"]
    assert reports["organisation"]["x-horad-link"] == {"layer": "organisations"}
    inspections = client.get("/collections/inspections/schema").json()["properties"]
    assert inspections["asset"]["x-horad-link"] == {"layer_column": "asset_layer"}
    assert "year" in inspections["time_precision"]["enum"]
    assert client.get("/collections/green_spaces/schema").json()["properties"]["area_m2"]["readOnly"] is True
    index = client.get("/collections/roads/schema").json()["properties"]["condition_index"]
    assert (index["minimum"], index["maximum"]) == (0, 100)


def test_speeds_have_their_unit(client: httpx.Client) -> None:
    speed = client.get("/collections/roads/schema").json()["properties"]["max_speed_kmh"]
    assert speed == {"title": "Maximum speed", "type": "number", "minimum": 0, "x-ogc-unit": "km/h"}


def test_a_territory_is_an_api_of_its_own(client: httpx.Client) -> None:
    own = client.get("/territories/helsinki/collections/roads/items", params={"limit": 1}).json()
    [following] = [each["href"] for each in own["links"] if each["rel"] == "next"]
    assert following.startswith(str(client.base_url.join("/territories/helsinki/collections/roads/items")))
    assert client.get(following).json()["numberReturned"] == 1
    refused = client.get("/territories/nowhere/collections/roads/items")
    assert refused.status_code == 404
    assert "nowhere" in refused.json()["detail"]
