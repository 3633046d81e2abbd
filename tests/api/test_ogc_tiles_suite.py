"""What the OGC's executable test suite for OGC API Tiles asks of a service, asked here of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-"
TILING_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
CLASS = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
JSON = {"Accept": "application/json"}
SERVICE_DESC = "application/vnd.oai.openapi+json;version=3.0"
INTEGER_LIMIT = 2**31 - 1


def fetched(client: httpx.Client, address: str) -> Any:
    answer = client.get(address, headers=JSON)
    assert answer.status_code == 200, f"{address}: {answer.text}"
    return answer.json()


def tilesets_links(resource: dict[str, Any]) -> list[str]:
    return [each["href"] for each in resource["links"] if each["rel"].startswith(TILESETS)]


def filled(template: str, limits: dict[str, Any], *, below: int = 0) -> str:
    """The address of the tile in the last row and the first column within limits, or of one so many rows below."""
    row = limits["maxTileRow"] + below
    parts = {"{tileMatrix}": limits["tileMatrix"], "{tileRow}": row, "{tileCol}": limits["minTileCol"]}
    for name, value in parts.items():
        template = template.replace(name, str(value))
    return template


@pytest.fixture(scope="module", params=["", "/territories/helsinki"])
def root(request: pytest.FixtureRequest) -> str:
    """The API of all territories, and that of one."""
    return str(request.param)


def test_the_classes_are_declared(client: httpx.Client, root: str) -> None:
    declared = fetched(client, f"{root}/conformance")["conformsTo"]
    wanted = ("core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets", "oas30", "mvt")
    assert {f"{CLASS}{name}" for name in wanted} <= set(declared)
    assert len(declared) == len(set(declared))


def test_the_landing_page_leads_to_tilesets_and_to_the_description(client: httpx.Client, root: str) -> None:
    landing = fetched(client, f"{root}/")
    assert "data" in {each["rel"] for each in landing["links"]}
    [tilesets] = tilesets_links(landing)
    assert tilesets.endswith("/tiles")
    wanted = ("service-desc", SERVICE_DESC)
    [description] = [each["href"] for each in landing["links"] if (each["rel"], each["type"]) == wanted]
    described = client.get(description, headers={"Accept": SERVICE_DESC}).json()
    operations = {path["get"]["operationId"] for path in described["paths"].values() if "get" in path}
    for name in ("getTile", "getTileSet", "getTileSetsList"):
        assert {f"dataset.vector.{name}", f"collection.vector.{name}"} <= operations


def test_every_tileset_can_be_read_from_the_list(client: httpx.Client, root: str) -> None:
    landing = fetched(client, f"{root}/")
    collections = fetched(client, f"{root}/collections")["collections"]
    lists = [*tilesets_links(landing), *(each for some in collections[:3] for each in tilesets_links(some))]
    assert len(lists) == 4
    for listed in lists:
        tilesets = fetched(client, listed)["tilesets"]
        assert {"WebMercatorQuad", "WorldCRS84Quad", "EPSG3879Quad"} <= {matrix_set(each) for each in tilesets}
        for tileset in tilesets:
            assert tileset["dataType"] == "vector"
            assert tileset["tileMatrixSetURI"]
            assert tileset["crs"]
            for link in tileset["links"]:
                fetched(client, link["href"])


def matrix_set(tileset: dict[str, Any]) -> str:
    return str(tileset["tileMatrixSetURI"]).rsplit("/", 1)[-1]


def test_tiles_are_there_within_the_limits_and_not_beyond(client: httpx.Client, root: str) -> None:
    [listed] = tilesets_links(fetched(client, f"{root}/"))
    for tileset in fetched(client, listed)["tilesets"]:
        [address] = [each["href"] for each in tileset["links"] if each["rel"] == "self"]
        described = fetched(client, address)
        [template] = [each["href"] for each in described["links"] if each.get("templated")]
        assert all(f"{{{part}}}" in template for part in ("tileMatrix", "tileRow", "tileCol"))
        first, *_, last = described["tileMatrixSetLimits"]
        for limits in (first, last):
            assert client.get(filled(template, limits)).status_code in (200, 204)
        assert client.get(filled(template, first, below=1)).status_code in (400, 404)
        assert client.get(filled(template, last, below=INTEGER_LIMIT)).status_code in (400, 404)


def test_a_tile_with_content_is_answered_with_200(client: httpx.Client, root: str) -> None:
    described = fetched(client, f"{root}/collections/roads/tiles/WebMercatorQuad")
    [template] = [each["href"] for each in described["links"] if each.get("templated")]
    [limits] = [each for each in described["tileMatrixSetLimits"] if each["tileMatrix"] == "16"]
    answers = [
        client.get(filled(template, {"tileMatrix": 16, "maxTileRow": row, "minTileCol": col}))
        for row in range(limits["minTileRow"], limits["maxTileRow"] + 1)
        for col in range(limits["minTileCol"], limits["maxTileCol"] + 1)
    ][:12]
    assert 200 in {each.status_code for each in answers}
    assert {each.status_code for each in answers} <= {200, 204}
    assert {each.headers["content-type"] for each in answers if each.content} == {"application/vnd.mapbox-vector-tile"}


def test_tile_matrix_sets_tell_all_that_a_tile_request_needs(client: httpx.Client, root: str) -> None:
    for each in fetched(client, f"{root}/tileMatrixSets")["tileMatrixSets"]:
        [address] = [link["href"] for link in each["links"] if link["rel"] == "item"]
        definition = fetched(client, address)
        assert definition["id"] == each["id"]
        assert definition["crs"] == each["crs"]
        assert len(definition["tileMatrices"]) >= 15
        for number, matrix in enumerate(definition["tileMatrices"]):
            assert matrix["id"] == str(number)
            assert {"scaleDenominator", "cellSize", "pointOfOrigin", "tileWidth", "tileHeight"} <= matrix.keys()
            assert matrix["matrixWidth"] * matrix["tileWidth"] * matrix["cellSize"] == pytest.approx(
                definition["tileMatrices"][0]["matrixWidth"]
                * definition["tileMatrices"][0]["tileWidth"]
                * definition["tileMatrices"][0]["cellSize"]
            )


def test_what_is_not_there_is_told_with_its_range(client: httpx.Client, root: str) -> None:
    beyond = client.get(f"{root}/tiles/WebMercatorQuad/23/0/0")
    assert beyond.status_code == 404
    assert "zooms of WebMercatorQuad go from 0 to 22" in beyond.json()["detail"]
    row = client.get(f"{root}/tiles/WorldCRS84Quad/3/8/0")
    assert row.status_code == 400
    assert "rows go from 0 to 7 and columns from 0 to 15" in row.json()["detail"]
    for name in ("EPSG4326Quad", "EPSG1Quad", "EPSG9999999Quad", "Quad"):
        unknown = client.get(f"{root}/tiles/{name}/0/0/0")
        assert unknown.status_code == 404
        assert name in unknown.json()["detail"]
        assert client.get(f"{root}/tileMatrixSets/{name}").status_code == 404
