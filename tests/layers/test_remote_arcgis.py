"""Layers of ArcGIS services as sources, against a server that answers as the ArcGIS REST API says."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from services import described, load, obtain, read
from town import Town
from web import Asked, Reply, Web, json, web

from layers.errors import SourceError
from layers.sources.remote.arcgis import ArcGisSource

PATH = "/arcgis/rest/services/Town/FeatureServer/0"
FIELDS = [
    {"name": "OBJECTID", "type": "esriFieldTypeOID"},
    {"name": "kind", "type": "esriFieldTypeString"},
    {"name": "name", "type": "esriFieldTypeString"},
    {"name": "opened", "type": "esriFieldTypeDate"},
]

pytestmark = pytest.mark.usefixtures("private_addresses")


def row(number: int, geometry: Any = None, **attributes: Any) -> dict[str, Any]:
    place = geometry or {"x": 27.55 + number / 10_000, "y": 53.90}
    return {"attributes": {"OBJECTID": number, "kind": "school", "opened": None, **attributes}, "geometry": place}


class Service:
    """A layer: how it pages, what it holds, and which errors it makes."""

    def __init__(self, rows: list[dict[str, Any]], *, most: int = 10, pages: bool = True) -> None:
        self.rows = {each["attributes"]["OBJECTID"]: each for each in rows}
        self.most = most
        self.pages = pages
        self.ignores_offset = False
        self.tells_of_more = True
        self.counts: int | None = None

    def __call__(self, asked: Asked) -> Reply:
        words = {**asked.query, **asked.form}
        assert words.get("f") == "json"
        if asked.path == PATH:
            return json(
                {
                    "type": "Feature Layer",
                    "fields": FIELDS,
                    "maxRecordCount": self.most,
                    "advancedQueryCapabilities": {"supportsPagination": self.pages},
                }
            )
        assert asked.path == f"{PATH}/query"
        assert words["where"]
        return json(self.query(words))

    def query(self, words: dict[str, str]) -> dict[str, Any]:
        ids = sorted(self.rows)
        if words.get("returnCountOnly") == "true":
            return {"count": len(ids) if self.counts is None else self.counts}
        if words.get("returnIdsOnly") == "true":
            return {"objectIdFieldName": "OBJECTID", "objectIds": ids[::-1] or None}
        assert (words["outSR"], words["outFields"]) == ("4326", "*")
        if "objectIds" in words:
            chosen = [int(each) for each in words["objectIds"].split(",")]
            assert len(chosen) <= self.most
        else:
            if not self.pages:
                return {"error": {"code": 400, "message": "Pagination is not supported.", "details": []}}
            offset = 0 if self.ignores_offset else int(words["resultOffset"])
            chosen = ids[offset : offset + min(int(words["resultRecordCount"]), self.most)]
        page: dict[str, Any] = {
            "objectIdFieldName": "OBJECTID",
            "spatialReference": {"wkid": 4326, "latestWkid": 4326},
            "features": [self.rows[each] for each in chosen],
        }
        if self.tells_of_more and "objectIds" not in words and chosen and chosen[-1] != ids[-1]:
            page["exceededTransferLimit"] = True
        return page


def layer_of(served: Web, **words: Any) -> ArcGisSource:
    return described(ArcGisSource, kind="arcgis", url=f"{served.url}{PATH}", **words)


def test_all_pages_come_in(town: Town) -> None:
    service = Service([row(number, name=f"№ {number}") for number in range(1, 26)])
    with web(service) as served:
        report = load(town, layer_of(served))
        assert (report.added, report.rejected) == (25, {})
        assert load(town, layer_of(served)).unchanged == 25
    assert set(town.features("facilities")) == {str(number) for number in range(1, 26)}
    assert [each.query.get("resultOffset") for each in served.asked[2:5]] == ["0", "10", "20"]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20])
def test_the_last_page_is_known_even_where_it_isnt_told(count: int) -> None:
    service = Service([row(number) for number in range(1, count + 1)])
    service.tells_of_more = False
    with web(service) as served:
        assert len(read(layer_of(served))) == count


def test_a_server_that_gives_less_than_asked_is_asked_on() -> None:
    service = Service([row(number) for number in range(1, 26)], most=7)
    service.most, announced = 4, service.most

    def answer(asked: Asked) -> Reply:
        if asked.path == PATH:
            service.most = announced
            reply = service(asked)
            service.most = 4
            return reply
        return service(asked)

    with web(answer) as served:
        assert len(read(layer_of(served))) == 25


def test_a_server_without_pages_is_asked_by_ids() -> None:
    service = Service([row(number) for number in range(1, 26)], pages=False)
    with web(service) as served:
        assert len(read(layer_of(served))) == 25
        service.rows.clear()
        assert read(layer_of(served)) == {}
    assert [each.method for each in served.asked].count("POST") == 3


def test_a_server_that_ignores_the_offset_ends_with_an_error() -> None:
    service = Service([row(number) for number in range(1, 26)])
    service.ignores_offset = True
    with web(service) as served, pytest.raises(SourceError, match="the same features again and again"):
        obtain(layer_of(served))


def test_fewer_features_than_counted_are_an_error() -> None:
    service = Service([row(number) for number in range(1, 4)])
    service.counts = 12
    with web(service) as served, pytest.raises(SourceError, match="gives 3 features of the 12 that it says to have"):
        obtain(layer_of(served))


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            {"code": 400, "message": "Invalid query", "details": ["'where' is wrong"]},
            "error 400: Invalid query 'where'",
        ),
        ({"code": 499, "message": "Token Required", "details": []}, "error 499: Token Required"),
        ({"code": 498, "message": "Invalid token."}, "error 498: Invalid token"),
    ],
)
def test_errors_come_with_the_status_200(error: dict[str, Any], why: str) -> None:
    with web(lambda _: json({"error": error})) as served, pytest.raises(SourceError, match=why):
        obtain(layer_of(served))


@pytest.mark.parametrize(
    "answer", [{}, {"fields": []}, {"fields": [{}]}, [], {"error": "none"}, {"currentVersion": 11}]
)
def test_what_is_no_layer_is_told(answer: Any) -> None:
    with web(lambda _: json(answer)) as served, pytest.raises(SourceError, match=served.url):
        obtain(layer_of(served))


def test_another_crs_than_asked_for_is_an_error() -> None:
    service = Service([row(1)])

    def answer(asked: Asked) -> Reply:
        if asked.path == PATH or asked.query.get("returnCountOnly"):
            return service(asked)
        return json({"spatialReference": {"wkid": 102100}, "features": [row(1)]})

    with web(answer) as served, pytest.raises(SourceError, match="answers in the CRS 102100"):
        obtain(layer_of(served))


def test_times_are_milliseconds() -> None:
    service = Service(
        [row(1, opened=1715934600000), row(2, opened=-86400000), row(3, opened=None), row(4, opened=1e20)]
    )
    with web(service) as served:
        found = read(layer_of(served))
    assert found["1"]["tags"]["opened"] == "2024-05-17T08:30:00+00:00"
    assert found["2"]["tags"]["opened"] == "1969-12-31T00:00:00+00:00"
    assert "opened" not in found["3"]["tags"]
    assert found["4"]["tags"]["opened"] == "100000000000000000000"


def ring(west: float, size: float, *, clockwise: bool) -> list[list[float]]:
    shape = shapely.box(west, west, west + size, west + size)
    return [list(place) for place in shapely.orient_polygons(shape, exterior_cw=clockwise).exterior.coords]


OUTLINE, HOLE, ISLAND = (ring(0, 10, clockwise=True), ring(2, 6, clockwise=False), ring(4, 2, clockwise=True))
APART = ring(20, 1, clockwise=True)


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        ({"x": 1, "y": 2, "z": 3}, "POINT (1 2)"),
        ({"points": [[1, 2, 3], [3, 4, 5]]}, "MULTIPOINT ((1 2), (3 4))"),
        ({"paths": [[[0, 0], [1, 1]], [[2, 2], [3, 3]], [[9, 9]]]}, "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))"),
        ({"rings": [OUTLINE]}, shapely.box(0, 0, 10, 10)),
        ({"rings": [HOLE, OUTLINE]}, shapely.box(0, 0, 10, 10) - shapely.box(2, 2, 8, 8)),
        (
            {"rings": [OUTLINE, HOLE, ISLAND, APART]},
            shapely.union_all(
                [
                    shapely.box(0, 0, 10, 10) - shapely.box(2, 2, 8, 8),
                    shapely.box(4, 4, 6, 6),
                    shapely.box(20, 20, 21, 21),
                ]
            ),
        ),
        ({"rings": [OUTLINE[::-1]]}, shapely.box(0, 0, 10, 10)),
        ({"rings": [APART, HOLE]}, shapely.union_all([shapely.box(20, 20, 21, 21), shapely.box(2, 2, 8, 8)])),
        ({"x": "NaN", "y": "NaN"}, None),
        ({"rings": []}, None),
        (None, None),
    ],
)
def test_geometries_of_esri_are_read(geometry: Any, expected: str | shapely.Geometry | None) -> None:
    service = Service([{**row(1), "geometry": geometry}])
    with web(service) as served:
        [found] = read(layer_of(served)).values()
    if expected is None:
        assert found["reason"] == "there is no geometry that can be read"
    else:
        shape = shapely.from_wkt(expected) if isinstance(expected, str) else expected
        assert shapely.equals(found["geometry"], shape)


def test_it_is_asked_for_the_box_and_the_condition() -> None:
    with web(Service([row(1)])) as served:
        obtain(layer_of(served, where="kind = 'school'"))
        obtain(layer_of(served, token_env="HOME", token_header="X-Esri-Authorization"), None)
    asked = served.asked[2].query
    assert asked["where"] == "kind = 'school'"
    assert (asked["geometry"], asked["geometryType"]) == ("27.5,53.88,27.6,53.92", "esriGeometryEnvelope")
    assert (asked["inSR"], asked["spatialRel"]) == ("4326", "esriSpatialRelIntersects")
    assert "geometry" not in served.asked[-1].query
    assert served.asked[-1].headers["x-esri-authorization"].startswith("Bearer /")


@pytest.mark.parametrize("url", ["https://town/arcgis/rest/services/Town/FeatureServer", "https://town/0"])
def test_the_address_must_be_of_a_layer(url: str) -> None:
    with pytest.raises(ValueError, match="must end with FeatureServer/ or MapServer/ and the number of a layer"):
        described(ArcGisSource, kind="arcgis", url=url)
