"""Tiles, TileJSON and styles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mapbox_vector_tile
import pytest

from layers.catalog import all_layers, find

if TYPE_CHECKING:
    import httpx

LON, LAT = 24.9414, 60.1710
MVT = "application/vnd.mapbox-vector-tile"


def tile_at(zoom: int) -> tuple[int, int]:
    """Return the row and the column of the tile in which the middle of Helsinki lies."""
    size = 2**zoom
    row = (1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * size
    return int(row), int((LON + 180) / 360 * size)


def test_the_row_comes_before_the_column(client: httpx.Client) -> None:
    row, col = tile_at(14)
    path = "/collections/roads/tiles/WebMercatorQuad/14"
    assert client.get(f"{path}/{row}/{col}").status_code == 200
    assert client.get(f"{path}/{col}/{row}").status_code == 204


def test_ids_in_tiles_lead_to_items(client: httpx.Client) -> None:
    row, col = tile_at(16)
    answer = client.get(f"/collections/buildings/tiles/WebMercatorQuad/16/{row}/{col}")
    assert answer.headers["content-type"] == MVT
    features = mapbox_vector_tile.decode(answer.content)["buildings"]["features"]
    assert features
    for feature in features[:5]:
        item = client.get(f"/collections/buildings/items/{feature['id']}").json()
        for name, value in feature["properties"].items():
            assert item["properties"][name] == value


def test_the_city_tile_holds_the_layers(client: httpx.Client) -> None:
    row, col = tile_at(16)
    whole = mapbox_vector_tile.decode(client.get(f"/tiles/WebMercatorQuad/16/{row}/{col}").content)
    assert {"roads", "buildings", "businesses"} <= set(whole)
    chosen = client.get(f"/tiles/WebMercatorQuad/16/{row}/{col}", params={"collections": "roads,buildings"})
    assert set(mapbox_vector_tile.decode(chosen.content)) == {"roads", "buildings"}
    alone = client.get(f"/collections/roads/tiles/WebMercatorQuad/16/{row}/{col}")
    assert mapbox_vector_tile.decode(alone.content)["roads"] == whole["roads"]


def test_an_empty_tile_has_no_content(client: httpx.Client) -> None:
    answer = client.get("/tiles/WebMercatorQuad/14/0/0")
    assert answer.status_code == 204
    assert answer.content == b""


def test_an_unchanged_tile_is_not_sent_again(client: httpx.Client) -> None:
    row, col = tile_at(15)
    path = f"/collections/roads/tiles/WebMercatorQuad/15/{row}/{col}"
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert client.get(path).content == first.content


@pytest.mark.parametrize(
    "path", ["/tiles/WebMercatorQuad", *(f"/collections/{name}/tiles/WebMercatorQuad" for name in all_layers())]
)
def test_tilejson_describes_the_tiles(client: httpx.Client, path: str) -> None:
    answer = client.get(path, params={"f": "tilejson"})
    described = answer.json()
    assert described["tilejson"] == "3.0.0"
    assert "OpenStreetMap" in described["attribution"]
    zoom = described["maxzoom"]
    row, col = tile_at(zoom)
    url = described["tiles"][0].format(z=zoom, y=row, x=col)
    tile = client.get(url)
    assert tile.status_code in (200, 204)
    decoded = mapbox_vector_tile.decode(tile.content)
    fields = {layer["id"]: set(layer["fields"]) for layer in described["vector_layers"]}
    for layer, content in decoded.items():
        assert {name for each in content["features"] for name in each["properties"]} <= fields[layer]


def layers_of(style: dict[str, Any]) -> list[dict[str, Any]]:
    return [layer for layer in style["layers"] if layer["type"] != "background"]


def test_the_city_style_draws_every_layer(client: httpx.Client) -> None:
    style = client.get("/styles/city").json()
    assert {layer["source-layer"] for layer in layers_of(style)} == set(all_layers())
    assert style["version"] == 8
    ids = [layer["id"] for layer in style["layers"]]
    assert len(ids) == len(set(ids))
    assert client.get(style["sources"]["horad"]["url"]).json()["tilejson"] == "3.0.0"
    assert [each["title"] for each in style["metadata"]["horad:cities"]] == ["Helsinki"]
    font = layers_of(style)[-1]["layout"]["text-font"][0]
    glyphs = style["glyphs"].replace("{fontstack}", font).replace("{range}", "1024-1279")
    assert len(client.get(glyphs).content) > 10_000, "the Cyrillic letters of the labels"


def test_what_is_shown_from_the_start_comes_together_and_the_rest_apart(client: httpx.Client) -> None:
    """Clients fetch the tiles of a source when a layer of it is switched on."""
    style = client.get("/styles/city").json()
    together = client.get(style["sources"]["horad"]["url"]).json()["vector_layers"]
    visible = {name for name, model in all_layers().items() if model.layer.style.visible}
    assert {each["id"] for each in together} == visible
    assert set(style["sources"]) == {"horad"} | (set(all_layers()) - visible)
    for layer in layers_of(style):
        assert layer["source"] == ("horad" if layer["source-layer"] in visible else layer["source-layer"])
    source = style["sources"]["stops"]
    row, col = tile_at(15)
    tile = client.get(source["tiles"][0].format(z=15, y=row, x=col))
    assert set(mapbox_vector_tile.decode(tile.content)) == {"stops"}
    assert "OpenStreetMap" in source["attribution"]


def test_layers_are_listed_by_function_of_the_city(client: httpx.Client) -> None:
    listed = client.get("/styles/city").json()["metadata"]["horad:layers"]
    functions = list(dict.fromkeys(each["function"] for each in listed))
    assert functions == ["infrastructure", "safety", "business", "housing", "social", "feedback", "common"]
    for function in functions:
        group = [each for each in listed if each["function"] == function]
        assert [each["visible"] for each in group] == sorted((each["visible"] for each in group), reverse=True)
        hidden = [each["count"] == 0 for each in group if not each["visible"]]
        assert hidden == sorted(hidden)


def holds(expression: Any, properties: dict[str, Any]) -> Any:
    """Work out the few MapLibre expressions with which classes of numbers are told apart."""
    if not isinstance(expression, list):
        return expression
    operator, *operands = expression
    each = (holds(operand, properties) for operand in operands)
    worked_out: dict[str, Callable[[], Any]] = {
        "get": lambda: properties[operands[0]],
        "has": lambda: operands[0] in properties,
        "!": lambda: not next(each),
        "all": lambda: all(each),
        "any": lambda: any(each),
        "<": lambda: next(each) < next(each),
        ">=": lambda: next(each) >= next(each),
    }
    return worked_out[operator]()


@pytest.mark.parametrize(
    ("density", "title"),
    [
        (None, "Fewer or unknown"),
        (-1, "Fewer or unknown"),
        (19.9, "Fewer or unknown"),
        (20, "20 a km² and more"),
        (4999.9, "2 000 a km² and more"),
        (1e9, "15 000 a km² and more"),
    ],
)
def test_a_number_belongs_to_one_class(client: httpx.Client, density: float | None, title: str) -> None:
    layers = layers_of(client.get("/styles/population").json())
    legend = client.get("/styles/population").json()["metadata"]["horad:layers"][0]["legend"]
    known = {} if density is None else {"density_km2": density}
    found = [each["paint"]["fill-color"] for each in layers if holds(each["filter"], known)]
    assert found == [each["colour"] for each in legend if each["title"] == title]


def test_a_layer_of_mixed_shapes_is_drawn_shape_by_shape(client: httpx.Client) -> None:
    layers = layers_of(client.get("/styles/projects").json())
    shapes = {"fill": "Polygon", "line": "LineString", "circle": "Point"}
    for layer in layers:
        if layer["type"] in shapes:
            _, *types = layer["filter"][1]
            one = shapes[layer["type"]]
            assert types == [["==", ["geometry-type"], each] for each in (one, f"Multi{one}")]
    assert {layer["type"] for layer in layers} == {*shapes, "symbol"}
    assert len({layer["id"] for layer in layers}) == len(layers)
    tileset = client.get("/collections/projects/tiles/WebMercatorQuad").json()
    assert "geometryDimension" not in tileset["layers"][0]


@pytest.mark.parametrize("layer", sorted(all_layers()))
def test_a_layer_style_uses_the_layers_columns(client: httpx.Client, layer: str) -> None:
    style = client.get(f"/styles/{layer}", params={"lang": "be"}).json()
    described = style["metadata"]["horad:layers"][0]
    assert described["title"] == find(layer).layer.title["be"]
    assert described["legend"]
    assert set(described["columns"]) == {each.name for each in find(layer).columns}
    for drawn in layers_of(style):
        assert drawn["source-layer"] == layer
        assert drawn["metadata"]["horad:layer"] == layer


def test_each_style_link_can_be_followed(client: httpx.Client) -> None:
    for style in client.get("/styles").json()["styles"]:
        assert client.get(style["links"][0]["href"]).json()["name"]
