"""Reading features: which, in what order, and as what."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
import shapely
from sqlalchemy import Engine
from town import LAT, LON, Town, record, school, street

from geo.errors import InvalidInputError
from layers.errors import NotFoundError
from layers.reading import store
from layers.reading.paging import SortKey
from layers.reading.query import parse_interval
from layers.reading.store import Query
from layers.sources.records import Record

ISLANDS = [("west of the line", 179.9, -17), ("east of it", -179.9, -17), ("on it", 180, -17), ("far away", 0, -17)]


def names(town: Town, **query: object) -> list[str]:
    with town.engine.connect() as connection:
        frame = store.read_frame(connection, "facilities", Query(territory=town.id, **query))
    return list(frame["name"])


def incident(source_id: str, occurred_at: str | None) -> Record:
    values = {"category": "fire", "occurred_at": occurred_at}
    return record("incidents", source_id, shapely.Point(LON, LAT), **values)


@pytest.mark.parametrize(
    ("bbox", "found"),
    [
        ((179, -20, -179, -10), ["west of the line", "east of it", "on it"]),
        ((179, -20, 180, -10), ["west of the line", "on it"]),
        ((-180, -20, -179, -10), ["east of it"]),
        ((179.95, -20, -179.95, -10), ["on it"]),
        ((-1, -17, 1, -17), ["far away"]),
        ((-180, -90, 180, 90), [name for name, *_ in ISLANDS]),
        ((179, -10, -179, 0), []),
    ],
)
def test_boxes_also_across_the_date_line(town: Town, bbox: tuple[float, float, float, float], found: list[str]) -> None:
    town.ingest(*(school(name, lon, lat, name=name) for name, lon, lat in ISLANDS), outside="keep")
    assert sorted(names(town, bbox=bbox)) == sorted(found)
    with town.engine.connect() as connection:
        query = Query(territory=town.id, bbox=bbox)
        assert store.count(connection, "facilities", query) == len(found)
        assert store.count_up_to(connection, "facilities", query, at_most=1) == (len(found) if len(found) < 2 else None)


def test_a_box_takes_what_touches_it_and_not_what_only_lies_around(town: Town) -> None:
    """The street passes the corner of the box: its own box covers it, it does not."""
    town.ingest(
        street("passing", (LON, LAT), (LON + 1, LAT + 1)),
        street("crossing", (LON, LAT), (LON + 1, LAT)),
        layers=("roads",),
    )
    with town.engine.connect() as connection:
        query = Query(territory=town.id, bbox=(LON + 0.5, LAT - 0.1, LON + 0.9, LAT + 0.1))
        page = store.read_page(connection, "roads", query)
    assert [json.loads(text)["properties"]["source_id"] for text in page.features] == ["crossing"]


@pytest.mark.parametrize("limit", [1, 2, 7, 10, 11])
def test_pages_cover_every_feature_once(town: Town, limit: int) -> None:
    town.ingest(*(school(f"{nth}", name=f"{nth}") for nth in range(10)))
    query = Query(territory=town.id, limit=limit)
    with town.engine.connect() as connection:
        pages = [store.read_page(connection, "facilities", query)]
        while pages[-1].more and len(pages) < 20:
            pages.append(store.read_page(connection, "facilities", replace(query, after=pages[-1].last)))
        assert store.read_page(connection, "facilities", replace(query, after=pages[-1].last)).features == []
    assert all(len(page.features) <= limit for page in pages)
    seen = [json.loads(text)["properties"]["name"] for page in pages for text in page.features]
    assert sorted(seen) == [f"{nth}" for nth in range(10)]


def test_pages_by_offset_are_the_same_pages(town: Town) -> None:
    town.ingest(*(school(f"{nth}", name=f"{nth}") for nth in range(5)))
    everything = names(town)
    assert [each for offset in (0, 2, 4) for each in names(town, limit=2, offset=offset)] == everything
    assert names(town, offset=9) == []


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (None, None, ["2019", "2020", "2021", "unknown"]),
        (2020, None, ["2020", "2021", "unknown"]),
        (None, 2020, ["2019", "2020", "unknown"]),
        (2020, 2020, ["2020", "unknown"]),
        (2022, None, ["unknown"]),
    ],
)
def test_time_intervals_include_their_ends_and_what_has_no_time(
    town: Town, first: int | None, last: int | None, found: list[str]
) -> None:
    years = [incident(year, f"{year}-01-01T00:00:00Z") for year in ("2019", "2020", "2021")]
    town.ingest(*years, incident("unknown", None), layers=("incidents",))
    ends = tuple(None if year is None else datetime(year, 1, 1, tzinfo=UTC) for year in (first, last))
    with town.engine.connect() as connection:
        query = Query(territory=town.id, time=ends)
        page = store.read_page(connection, "incidents", replace(query, limit=10))
        assert [json.loads(text)["properties"]["source_id"] for text in page.features] == found
        assert store.count(connection, "incidents", query) == len(found)
        assert store.count(connection, "facilities", query) == 0


def test_a_frame_has_the_types_of_the_columns_whatever_is_in_it(town: Town) -> None:
    town.ingest(
        street("a", (LON, LAT), (LON + 1, LAT), lanes=2, max_speed_kmh=50, foot=True, bridge=True, name="Main"),
        street("b", (LON, LAT), (LON, LAT + 1)),
        incident("a", "2020-01-01T03:00:00+03:00"),
        incident("b", None),
        layers=("roads", "incidents"),
    )
    with town.engine.connect() as connection:
        some, none = Query(territory=town.id), Query(territory="nowhere")
        roads, incidents = (store.read_frame(connection, layer, some) for layer in ("roads", "incidents"))
        no_roads, no_incidents = (store.read_frame(connection, layer, none) for layer in ("roads", "incidents"))
        metric = store.read_frame(connection, "roads", some, srid=32635, only=["lanes", "name"], tags=False)
        page = store.read_page(connection, "roads", Query(territory=town.id, limit=9))
    for frame, empty in ((roads, no_roads), (incidents, no_incidents)):
        pd.testing.assert_series_equal(frame.dtypes, empty.dtypes)
        assert frame.crs == empty.crs == "EPSG:4326"
        assert empty.empty
    expected = {"lanes": "Int64", "max_speed_kmh": "float64", "foot": "boolean", "bridge": "boolean", "name": "object"}
    assert {name: str(roads.dtypes[name]) for name in expected} == expected
    assert str(incidents.dtypes["occurred_at"]) == "datetime64[us, UTC]"
    assert incidents["occurred_at"].dropna().tolist() == [pd.Timestamp("2020-01-01", tz="UTC")]
    assert roads.index.name == "id"
    assert list(roads.index) == [json.loads(text)["id"] for text in page.features]
    assert roads["lanes"].isna().sum() == roads["foot"].isna().sum() == 1
    assert list(metric.columns) == ["lanes", "name", "geometry"]
    assert metric.crs == "EPSG:32635"
    assert metric.to_crs(4326).geometry.geom_equals_exact(roads.geometry, 1e-8).all()


def test_a_feature_is_geojson(town: Town) -> None:
    town.ingest(street("a", (27.12345678, 53), (28, 54), name='"Л’"', lanes=2, max_speed_kmh=48.28), layers=("roads",))
    kept = town.features("roads")["a"]
    with town.engine.connect() as connection:
        feature = json.loads(store.read_feature(connection, "roads", kept["id"]))
        assert store.extent(connection, "roads", town.id) == (27.12345678, 53, 28, 54)
        assert store.extent(connection, "buildings", town.id) is None
    assert feature["type"] == "Feature"
    assert feature["id"] == kept["id"]
    assert feature["geometry"] == {"type": "LineString", "coordinates": [[27.1234568, 53], [28, 54]]}
    assert feature["properties"]["name"] == '"Л’"'
    assert feature["properties"]["max_speed_kmh"] == 48.28
    assert feature["properties"]["surface"] is None
    assert (feature["properties"]["territory"], feature["properties"]["source_id"]) == ("town", "a")
    with (
        town.engine.connect() as connection,
        pytest.raises(NotFoundError, match="roads has no feature 9223372036854775807"),
    ):
        store.read_feature(connection, "roads", 2**63 - 1)


def test_what_is_not_there_is_named(engine: Engine) -> None:
    with engine.connect() as connection:
        with pytest.raises(NotFoundError, match="roads has no column colour, taste; it has road_class, name"):
            store.read_frame(connection, "roads", Query(), only=["name", "taste", "colour"])
        for read in (store.read_frame, store.read_page, store.count):
            with pytest.raises(NotFoundError, match=r"no layer 'streets'. The layers are: bridges, "):
                read(connection, "streets", Query())


@pytest.mark.parametrize("text", ["", "-1", "1.0", "x", "²", "١", str(2**63)])
def test_what_is_no_id_is_no_feature(text: str) -> None:
    with pytest.raises(NotFoundError, match="ids are whole numbers"):
        store.parse_id("roads", text)


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("24.9,60.1,25,60.2", (24.9, 60.1, 25, 60.2)),
        ("24.9, 60.1, 0, 25, 60.2, 100", (24.9, 60.1, 25, 60.2)),
        ("179,-20,-179,-10", (179, -20, -179, -10)),
    ],
)
def test_boxes_are_read(text: str, box: tuple[float, ...]) -> None:
    assert store.parse_bbox(text) == box


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "0,91,1,92", "181,0,182,1", "0,10,1,0", "nan,0,1,1", "0,0,inf,1", "1;2;3;4"],
)
def test_what_is_no_box_is_told(text: str) -> None:
    with pytest.raises(InvalidInputError, match="bbox="):
        store.parse_bbox(text)


def test_times_and_versions_of_a_layer(town: Town) -> None:
    with town.engine.connect() as connection:
        before = store.versions(connection)
        assert store.time_extent(connection, "roads") is None
    town.ingest(incident("old", "1890-05-01T00:00:00Z"), incident("x", None), layers=("incidents",))
    with town.engine.connect() as connection:
        extent = store.time_extent(connection, "incidents")
        after = store.versions(connection)
    assert extent is not None
    assert extent[0] == datetime(1890, 5, 1, tzinfo=UTC)
    assert {layer for layer, version in after.items() if version != before[layer]} == {"incidents"}


def test_what_is_known_by_the_year_was_at_any_time_of_it(town: Town) -> None:
    exact, vague = incident("exact", "2019-01-01T00:00:00Z"), incident("vague", "2019-01-01T00:00:00Z")
    vague.values["time_precision"] = "year"
    town.ingest(exact, vague, layers=("incidents",))
    found = {}
    for text in ("2019-06-01/2019-07-01", "2018-12-31/P2D", "2020-01-01/..", "../2018-12-31"):
        query = Query(territory=town.id, time=parse_interval(text), limit=5)
        with town.engine.connect() as connection:
            page = store.read_page(connection, "incidents", query)
        found[text] = sorted(json.loads(each)["properties"]["source_id"] for each in page.features)
    assert list(found.values()) == [["vague"], ["exact", "vague"], [], []]


def test_pages_of_any_order_lead_on_and_back(town: Town) -> None:
    roads = [
        street(f"{nth}", (LON, LAT), (LON, LAT + 1), lanes=nth % 3 or None, bridge=bool(nth % 2))
        for nth in range(1, 11)
    ]
    town.ingest(*roads, layers=("roads",), outside="keep")
    query = Query(territory=town.id, limit=3, sort=(SortKey("lanes", descending=True), SortKey("bridge")))
    with town.engine.connect() as connection:
        pages = [store.read_page(connection, "roads", query)]
        while pages[-1].more:
            pages.append(store.read_page(connection, "roads", replace(query, after=pages[-1].last)))
        back = store.read_page(connection, "roads", replace(query, before=pages[2].first))
    features = [json.loads(each)["properties"] for page in pages for each in page.features]
    assert [each["lanes"] for each in features] == [2] * 3 + [1] * 4 + [None] * 3
    assert len({each["source_id"] for each in features}) == len(roads)
    assert back.features == pages[1].features
