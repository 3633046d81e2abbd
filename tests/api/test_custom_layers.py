"""A custom layer is served like all others, from when it was made until it is dropped, without a restart."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import httpx
import mapbox_vector_tile
import pytest
from patience import soon
from sqlalchemy import Engine

from layers.custom import custom
from layers.custom.files import load_custom

LON, LAT = 24.945, 60.17


def soon_answers(client: httpx.Client, path: str, status: int) -> bool:
    return soon(lambda: client.get(path).status_code == status)


@pytest.fixture
def benches(helsinki: Engine, client: httpx.Client, tmp_path: Path) -> Iterator[str]:
    file = tmp_path / "benches.geojson"
    places = [(LON + number / 10_000, LAT) for number in range(5)]
    features = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": place}, "properties": {"seats": number}}
        for number, place in enumerate(places, start=1)
    ]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    load_custom(helsinki, file, name="benches", territory="helsinki", layer={"title": "Benches"})
    assert soon_answers(client, "/collections/custom_benches", 200)
    yield "custom_benches"
    if "custom_benches" in custom.custom_layers():
        custom.drop_layer(helsinki, "benches")


def test_it_is_served_until_it_is_dropped(benches: str, helsinki: Engine, client: httpx.Client) -> None:
    listed = {each["id"]: each for each in client.get("/collections").json()["collections"]}
    assert listed[benches]["title"] == "Benches"
    items = client.get(f"/collections/{benches}/items").json()
    assert [each["properties"]["seats"] for each in items["features"]] == [1, 2, 3, 4, 5]
    assert client.get(f"/collections/{benches}/schema").json()["properties"]["seats"]["type"] == "integer"
    described = client.get(f"/collections/{benches}/tiles/WebMercatorQuad", params={"f": "tilejson"})
    assert described.status_code == 200
    assert client.get(f"/styles/{benches}").status_code == 200
    assert "Benches" in client.get(f"/maps/{benches}").text
    custom.drop_layer(helsinki, "benches")
    assert soon_answers(client, f"/collections/{benches}/items", 404)
    assert benches not in {each["id"] for each in client.get("/collections").json()["collections"]}


def test_its_tiles_hold_its_features(benches: str, client: httpx.Client) -> None:
    size = 2**14
    col = int((LON + 180) / 360 * size)
    row = int((1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * size)
    found = client.get(f"/collections/{benches}/tiles/WebMercatorQuad/14/{row}/{col}")
    (layer,) = mapbox_vector_tile.decode(found.content).values()
    assert {feature["properties"]["seats"] for feature in layer["features"]} == {1, 2, 3, 4, 5}
