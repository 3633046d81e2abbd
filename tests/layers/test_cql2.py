"""Filters in CQL2: how they are read, and which features they let through."""

from __future__ import annotations

import json
from typing import Any

import cql2
import pyproj
import pytest
import shapely
from sqlalchemy import Engine
from town import LAT, LON, PLACE, Town, forget, record, street

from geo.errors import InvalidInputError
from layers.cql2 import parse_filter
from layers.crs import parse_crs
from layers.reading import store
from layers.reading.store import Query
from layers.territories.territory import register

READ_AS_BY_OTHERS = [
    "a = 1 AND b = 2 OR c = 3",
    "a = 1 OR NOT b = 2 AND c = 3",
    "NOT a = 1 AND NOT b = 2",
    "NOT (a = 1 OR b = 2)",
    "NOT NOT a = 1",
    "NOT a BETWEEN 1 AND 2",
    "a NOT BETWEEN 1 + 1 AND 2 * 3 AND b = 1",
    "name = 'O''Brien' and \"my \"\"prop\" = 'Мінск'",
    "назва LIKE 'a%_\\%' or name not like 'x'",
    "a IN (1, 2, 3) and b not in ('x', 'y')",
    "a IS NULL or b is  not  null",
    "CASEI(name) IN (casei('a'), casei('b'))",
    "accenti(casei(name)) = accenti(casei('é'))",
    "d = DATE('2020-01-01') and t > TIMESTAMP('2020-01-01T00:00:00Z')",
    "T_INTERSECTS(INTERVAL(a,b), INTERVAL('2020-01-01T00:00:00Z','..'))",
    "S_INTERSECTS(geometry, BBOX(-10.5,-2,3,4))",
    "S_WITHIN(geometry, POLYGON((0 0,1 0,1 1,0 0)))",
    "S_INTERSECTS(geometry, GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0,1 1)))",
    "a + 1 * 2 = 3 and a - 1 - 2 = 3 and a - (b - c) = 0",
    "a / 2 / 2 = 1 and 2 ^ 3 ^ 2 = a and -a ^ 2 = 4 and a div 2 % 3 = 1",
    "andx = 1 and notes = 'x' and inx = 2 or island = 1 and bbox = 1 and date = 1",
    "((((a = 1))))",
    "a",
    "TRUE",
    "s_crosses(geometry, MULTILINESTRING((0 0,1 1),(2 2,3 3)))",
]


def as_numbers(tree: Any) -> Any:
    """Numbers as the other parser has them, and tuples as lists."""
    return json.loads(json.dumps(tree), parse_int=float)


@pytest.mark.parametrize("text", READ_AS_BY_OTHERS)
def test_text_is_read_as_another_parser_reads_it(text: str) -> None:
    assert as_numbers(parse_filter(text).tree) == as_numbers(cql2.parse_text(text).to_json())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at character 1, the end: expected a property"),
        ("a =", "at character 4, the end"),
        ("a = 1;", "at character 6, ;"),
        ("a = 1 = b", "comparisons can't follow one another"),
        ("a = 'x", "at character 5, 'x: this quote is not closed"),
        ("a = 1 b = 2", "at character 7, b: expected AND, OR or the end"),
        ("a = NULL", "IS NULL"),
        ("a NOT 5", "expected LIKE, BETWEEN or IN after NOT"),
        ("(" * 30, "the end"),
        ("(" * 5_000 + "a = 1" + ")" * 5_000, "nested"),
        ("NOT " * 5_000 + "a = 1", "nested"),
        ("a = " + "9" * 5_000, "too many digits"),
        ("S_INTERSECTS(geometry, POLYGON((0 0, 1 1)))", "no geometry in WKT"),
        ("S_INTERSECTS(geometry, POINT EMPTY)", "empty"),
        ("S_INTERSECTS(geometry, " + "GEOMETRYCOLLECTION(" * 5_000, "too deeply"),
        ("x" * 200_000, "200000 characters"),
    ],
)
def test_what_is_no_filter_is_refused_where_it_goes_wrong(text: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_filter(text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 100_000, '{"op": NaN}', '{"a": ' * 50_000, "1e", '{"op": "=", "args": [1' + "0" * 5000 + "]}"],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_filter(text, language="cql2-json")


@pytest.fixture(scope="module")
def shops(engine: Engine) -> Any:
    """Features with every kind of value, and none."""

    with engine.begin() as connection:
        register(connection, PLACE)
    town = Town(engine, PLACE.id)
    town.ingest(
        record("incidents", "a", f"POINT({LON} {LAT})", category="Пажар", occurred_at="2020-01-01T12:00:00Z",
               deaths=0, response_min=4.5, address="Élan O'Brien"),
        record("incidents", "b", f"POINT({LON + 1} {LAT})", category="fire", occurred_at="2020-01-02T00:00:00Z",
               deaths=2, response_min=10.0, address="100%"),
        record("incidents", "c", f"POINT({LON + 2} {LAT})", category="FIRE", deaths=3),
        street("r", (LON, LAT), (LON + 1, LAT), lanes=2, bridge=True, name="élan"),
        street("s", (LON + 1, LAT), (LON + 1, LAT + 1), bridge=False),
        layers=("incidents", "roads"), outside="keep",
    )  # fmt: skip
    yield town
    forget(engine, PLACE.id)


def found(town: Town, layer: str, text: str, **options: Any) -> str:
    wanted = parse_filter(text if isinstance(text, str) else json.dumps(text), **options)
    with town.engine.connect() as connection:
        frame = store.read_frame(connection, layer, Query(territory=town.id, filter=wanted))
    return "".join(sorted(frame_source(town, layer)[each] for each in frame.index))


def frame_source(town: Town, layer: str) -> dict[int, str]:
    return {row["id"]: name for name, row in town.features(layer).items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deaths = 2", "b"),
        ("deaths <> 2", "ac"),
        ("2 < deaths", "c"),
        ("deaths = 2.0 or deaths = 2.5", "b"),
        ("deaths > 1e30 or deaths > 99999999999999999999", ""),
        ("NOT deaths > 1", "a"),
        ("response_min IS NULL", "c"),
        ("NOT response_min > 5", "a"),
        ("response_min BETWEEN 4.5 AND 9", "a"),
        ("deaths IN (0, 3)", "ac"),
        ("deaths + 1 = 3", "b"),
        ("10 / deaths = 5", "b"),
        ("10 % deaths = 1", "c"),
        ("7 div deaths = 3", "b"),
        ("deaths ^ 2 = 9", "c"),
        ("-deaths < -2", "c"),
        ("response_min > deaths * 2", "ab"),
        ("category = 'Пажар'", "a"),
        ("CASEI(category) = CASEI('ПАЖАР')", "a"),
        ("CASEI(category) LIKE casei('fIr_')", "bc"),
        ("category LIKE 'f%'", "b"),
        ("address LIKE '%\\%'", "b"),
        ("address = 'Élan O''Brien'", "a"),
        ("ACCENTI(address) LIKE ACCENTI('Elan%')", "a"),
        ("source_id = 'b' AND source = 'given' AND territory = 'town'", "b"),
        ("tags.missing IS NULL", "abc"),
        ("occurred_at = TIMESTAMP('2020-01-01T15:00:00+03:00')", "a"),
        ("occurred_at >= DATE('2020-01-02')", "b"),
        ("occurred_at > '2020-01-01'", "ab"),
        ("T_INTERSECTS(occurred_at, DATE('2020-01-01'))", "a"),
        ("T_DURING(occurred_at, INTERVAL('2020-01-01T00:00:00Z', '2020-01-02T00:00:00Z'))", "a"),
        ("T_INTERSECTS(occurred_at, INTERVAL('..', '2020-01-01'))", "a"),
        ("T_AFTER(occurred_at, TIMESTAMP('2020-01-01T12:00:00Z'))", "b"),
        ("T_BEFORE(occurred_at, DATE('2020-01-02'))", "a"),
        ("T_DISJOINT(occurred_at, DATE('2020-01-02'))", "a"),
        ("TRUE", "abc"),
        ("FALSE OR NOT TRUE", ""),
        (f"S_INTERSECTS(geometry, BBOX({LON + 0.5}, {LAT - 1}, {LON + 1.5}, {LAT + 1}))", "b"),
        (f"S_DISJOINT(geometry, BBOX({LON + 0.5}, {LAT - 1}, {LON + 1.5}, {LAT + 1}))", "ac"),
        (f"S_EQUALS(geometry, POINT({LON} {LAT}))", "a"),
        (f"S_INTERSECTS(geometry, GEOMETRYCOLLECTION(POINT({LON} {LAT}), LINESTRING({LON + 2} 0,{LON + 2} 9)))", "a"),
        ("S_INTERSECTS(geometry, BBOX(179, -90, -179, 90))", ""),
        ("S_INTERSECTS(geometry, BBOX(27, -90, -179, 90))", "abc"),
    ],
)  # fmt: skip
def test_a_filter_lets_through_what_meets_it(shops: Town, text: str, expected: str) -> None:
    assert found(shops, "incidents", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bridge", "r"),
        ("NOT bridge", "s"),
        ("bridge = FALSE", "s"),
        (f"S_TOUCHES(geometry, LINESTRING({LON + 1} {LAT}, {LON + 1} {LAT - 1}))", "rs"),
        (f"S_CROSSES(geometry, LINESTRING({LON + 0.5} {LAT + 1}, {LON + 0.5} {LAT - 1}))", "r"),
        (f"S_WITHIN(geometry, LINESTRING({LON} {LAT}, {LON + 2} {LAT}))", "r"),
        (f"S_CONTAINS(geometry, POINT({LON + 1} {LAT + 0.5}))", "s"),
        (f"S_OVERLAPS(geometry, LINESTRING({LON + 0.5} {LAT}, {LON + 2} {LAT}))", "r"),
    ],
)
def test_geometries_and_truth(shops: Town, text: str, expected: str) -> None:
    assert found(shops, "roads", text) == expected


def test_json_says_the_same(shops: Town) -> None:
    tree = {"op": "and", "args": [{"op": ">=", "args": [{"property": "deaths"}, 2]},
            {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [LON + 1.5, 0, 180, 90]}]}]}  # fmt: skip
    assert found(shops, "incidents", json.dumps(tree), language="cql2-json") == "c"


@pytest.mark.parametrize("srid", [4326, 3857, 32635, 3879])
def test_geometries_may_be_in_another_crs(shops: Town, srid: int) -> None:
    crs = parse_crs(f"http://www.opengis.net/def/crs/EPSG/0/{srid}")
    to = pyproj.Transformer.from_crs("OGC:CRS84", srid)
    around = shapely.transform(
        shapely.Point(LON + 1, LAT).buffer(0.2), lambda xy: list(zip(*to.transform(*xy.T), strict=True))
    )
    assert found(shops, "incidents", f"S_INTERSECTS(geometry, {around.wkt})", crs=crs) == "b"
    low, high = (around.bounds[:2], around.bounds[2:])
    box = f"BBOX({low[0]}, {low[1]}, {high[0]}, {high[1]})"
    assert found(shops, "incidents", f"S_INTERSECTS(geometry, {box})", crs=crs) == "b"


INJECTIONS = [
    "'; DROP TABLE incidents; --",
    "' OR '1'='1",
    "\\' OR 1=1 --",
    "%s %(x)s :name $1 {0}",
    "a'||(SELECT version())||'",
    "\\",
    "U&'\\0061'",
    "\u202e'\u00a0\ufeff",
    "E'\\x00'",
]


@pytest.mark.parametrize("value", INJECTIONS)
def test_a_value_stays_a_value(shops: Town, value: str) -> None:
    quoted = value.replace("'", "''")
    assert found(shops, "incidents", f"category = '{quoted}'") == ""
    assert found(shops, "incidents", f"category <> '{quoted}'") == "abc"
    name = value.replace('"', '""')
    assert found(shops, "incidents", f'"tags.{name}" IS NULL') == "abc"
    assert len(shops.features("incidents")) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("password = 'x'", "incidents has no property 'password'"),
        ("restricted", "no property 'restricted'"),
        ("geom_3857 IS NULL", "no property 'geom_3857'"),
        ("\"deaths; DROP TABLE x\" = 1", "no property"),
        ("pg_sleep(10) = 1", "there is no function 'pg_sleep'"),
        ("pg_sleep(10)", "'pg_sleep' is no condition"),
        ("deaths = 'x'", "deaths is a number, 'x' is text"),
        ("category = 5", "category is text, 5 is a number"),
        ("occurred_at = 'yesterday'", "'yesterday' is no time"),
        ("occurred_at > DATE('2020-13-01')", "'2020-13-01' is no date"),
        ("occurred_at > 5", "occurred_at is a time"),
        ("category", "no condition by itself"),
        ("deaths AND category = 'x'", "deaths is a number"),
        ("geometry = 'x'", "a geometry"),
        ("deaths + category = 1", "category is text"),
        ("casei(deaths) = 'x'", "casei takes text"),
        ("category LIKE 'x\\'", "backslash"),
        ("category LIKE address", "must be text in quotes"),
        ("(deaths = 1) = TRUE", "stands where a value must be"),
        ("S_INTERSECTS(geometry, POINT(200 0))", "outside the world"),
        ("S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))", "isn't valid"),
        ("S_INTERSECTS(category, POINT(1 1))", "category is text"),
        ("S_TOUCHES(geometry, GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0,1 1)))", "GeometryCollection"),
        ("S_INTERSECTS(geometry, BBOX(1, 2, 3))", "four numbers"),
        ("T_AFTER(category, DATE('2020-01-01'))", "category is text"),
        ("T_DURING(occurred_at, INTERVAL('2021-01-01', '2020-01-01'))", "ends before it begins"),
        ("A_CONTAINS(category, ('a', 'b'))", "has none"),
        ("deaths = 1e400", "no number"),
        (" AND ".join(["deaths = 1"] * 5_000), "more than 5000"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_layer_is_refused(shops: Town, text: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        found(shops, "incidents", text)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "tree",
    [
        5, "x", None, [], {}, {"op": "and"}, {"op": "and", "args": "x"}, {"op": 5, "args": []},
        {"op": "=", "args": [{"property": 5}, 1]}, {"op": "=", "args": [{"property": ["id"]}, 1]},
        {"op": "=", "args": [{"property": "id"}, {"a": 1}]}, {"op": "=", "args": [{"property": "id"}, [1]]},
        {"op": "=", "args": [{"property": "category"}, "\u0000"]},
        {"op": "=", "args": [{"property": "category"}, "\ud800"]},
        {"op": "=", "args": [{"property": "tags.\u0000"}, "x"]},
        {"op": "=", "args": [{"property": "tags.\ud800"}, "x"]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Polygon", "coordinates": 5}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": ["a", "b"]}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": "Point", "coordinates": [None, 1]}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"type": ["Point"], "coordinates": [1, 1]}]},
        {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [True, 1, 2, 3]}]},
        {"op": "t_after", "args": [{"property": "occurred_at"}, {"interval": ["2020-01-01"]}]},
        {"op": "t_after", "args": [{"property": "occurred_at"}, {"date": 5}]},
        {"op": "in", "args": [{"property": "id"}, []]}, {"op": "isNull", "args": []}, {"op": "not", "args": []},
    ],
)  # fmt: skip
def test_json_that_is_no_filter_is_refused(shops: Town, tree: Any) -> None:
    with pytest.raises(InvalidInputError):
        found(shops, "incidents", json.dumps(tree), language="cql2-json")
