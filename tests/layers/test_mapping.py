"""The mapping language: what a territory's file makes of the rows of a source, and what is wrong in it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import pyogrio
import pytest
import shapely
from pydantic import ValidationError

from geo.errors import InvalidInputError
from layers.catalog import find
from layers.errors import SourceError
from layers.sources.description import check_columns
from layers.sources.mapping.units import UNITS, conversion
from layers.sources.mapping.values import precision_of
from layers.sources.mapping.words import RowMapping
from layers.sources.records import Batch, Reject
from layers.sources.tabular.reader import TableReader
from layers.sources.vector.gdal import VectorReader

Row = dict[str, Any]


class Read:
    """What a table became: its features by id, its rejects, and what was passed over."""

    def __init__(self, folder: Path, content: str, mapping: Row, layer: str = "incidents", **options: Any) -> None:
        file = folder / "table.csv"
        file.write_text(content, encoding="utf-8")
        options = {"x": "x", "y": "y", "key": "id"} | options
        reader = TableReader(file, layer, find(layer), mapping=RowMapping.model_validate(mapping), **options)
        items = list(reader)
        rows = [row for item in items if isinstance(item, Batch) for row in item.rows.to_pylist()]
        self.rows: dict[str, Row] = {row["source_id"]: row | {"tags": orjson.loads(row["tags"])} for row in rows}
        self.rejects = [item for item in items if isinstance(item, Reject)]
        self.passed_over = dict(reader.notes.passed_over)

    def __getitem__(self, number: int) -> Row:
        return self.rows[str(number)]


@pytest.fixture
def cells(tmp_path: Path) -> Any:
    """Read cells through the rule of a column of incidents; give the values, or why the row is rejected."""

    def read(column: str, rule: Any, *texts: str, **options: Any) -> list[Any]:
        lines = [f'{number};27.5;53.9;"{text}";b' for number, text in enumerate(texts)]
        columns = {"category": {"constant": "fire"}, column: rule}
        found = Read(tmp_path, "\n".join(["id;x;y;a;b", *lines]), {"columns": columns}, **options)
        reasons = {int(reject.source_id): reject.reason for reject in found.rejects}
        return [reasons[n] if n in reasons else found[n].get(column) for n in range(len(texts))]

    return read


@pytest.mark.parametrize(
    ("rule", "cell", "value"),
    [
        ({"from": "a"}, " a fire ", "a fire"),
        ({"from": "a"}, "", None),
        ({"from": "a", "default": "unknown"}, "", "unknown"),
        ({"from": "a", "empty": ["-", "n/a"]}, "n/a", None),
        ({"from": "a", "empty": [0], "default": "none"}, "0", "none"),
        ({"from": ["a", "b"]}, "", "b"),
        ({"from": ["a", "b"]}, "a", "a"),
        ({"from": ["a", "b"], "empty": ["-"]}, "-", "b"),
        ({"from": ["a", "b"], "join": ", "}, "a", "a, b"),
        ({"from": ["a", "b"], "join": ", "}, "", "b"),
        ({"constant": "all"}, "a", "all"),
        ({"constant": True}, "a", "true"),
        ({"from": "a", "case": "lower"}, "ПОЖАР", "пожар"),
        ({"from": "a", "case": "sentence"}, "BIG FIRE", "Big fire"),
        ({"from": "a", "split": {"by": "/"}}, "one / two", "one"),
        ({"from": "a", "split": {"by": "/", "part": -1}}, "one / two", "two"),
        ({"from": "a", "split": {"by": "/", "part": 3}}, "one / two", None),
        ({"from": "a", "pattern": r"\d+"}, "house 12b", "12"),
        ({"from": "a", "pattern": r"house (\d+)"}, "house 12b", "12"),
        ({"from": "a", "pattern": r"(house) (?P<value>\d+)"}, "house 12b", "12"),
        ({"from": "a", "pattern": r"house( \d+)?"}, "house", None),
        ({"from": "a", "pattern": "x"}, "house", "severity: 'house' doesn't match the pattern x"),
        ({"from": "a", "pattern": "x", "default": "none"}, "house", "none"),
        ({"from": "a", "template": "{} street"}, "Main", "Main street"),
        ({"from": "a", "template": "{} street"}, "", None),
        ({"from": "a", "lookup": {"1": "damage", 2: "injury", True: "fatal"}}, "2", "injury"),
        ({"from": "a", "lookup": {"1": "damage", 2: "injury", True: "fatal"}}, "true", "fatal"),
        ({"from": "a", "lookup": {"1": None}}, "1", None),
        ({"from": "a", "lookup": {"1": "damage"}}, "7", "severity: '7' of a is not in the lookup table"),
        ({"from": "a", "lookup": {"1": "damage"}, "default": None}, "7", None),
        ({"from": "a", "lookup": {"1": "damage"}, "default": "other"}, "7", "other"),
        ({"from": "a", "lookup": {"fire": "x"}, "case": "lower", "split": {"by": ":"}}, "FIRE: big", "x"),
    ],
)
def test_texts(cells: Any, rule: Any, cell: str, value: str | None) -> None:
    assert cells("severity", rule, cell) == [value]


@pytest.mark.parametrize(
    ("rule", "cell", "value"),
    [
        ({"from": "a"}, "3,5", 3.5),
        ({"from": "a", "decimal": ","}, "1.234,5", 1234.5),
        ({"from": "a", "decimal": "."}, "1,234.5", 1234.5),
        ({"from": "a", "decimal": ","}, "1 234 567,5", 1234567.5),
        ({"from": "a", "decimal": "."}, "1'234", 1234),
        ({"from": "a", "unit": "ft"}, "100", 30.48),
        ({"from": "a", "unit": {"from": "in", "to": "cm"}}, "2", 5.08),
        ({"from": "a", "unit": "km", "factor": 2, "offset": 1}, "0,5", 1001),
        ({"from": "a", "factor": -1, "offset": 0.5}, "2", -1.5),
        ({"from": "a", "default": 7, "unit": "km"}, "", 7),
        ({"from": "a", "lookup": {"low": 2.5}}, "low", 2.5),
        ({"from": "a", "unit": "ft"}, "tall", "height_m: 'tall' is no number"),
        ({"from": "a", "decimal": ","}, "1,2,3", "height_m: '1,2,3' is no number"),
    ],
)
def test_numbers(tmp_path: Path, rule: Any, cell: str, value: Any) -> None:
    found = Read(tmp_path, f'id;x;y;a\n1;27;53;"{cell}"\n', {"columns": {"height_m": rule}}, "buildings")
    if isinstance(value, str):
        assert [each.reason for each in found.rejects] == [value]
    else:
        assert found[1]["height_m"] == pytest.approx(value)


@pytest.mark.parametrize(
    ("given", "wanted", "values"),
    [
        ("ft", "m", {1: 0.3048, 5280: 1609.344}),
        ("acre", "ha", {1: 0.40468564224}),
        ("gal/min", "l/s", {1: 0.0630901964}),
        ("Mgal/d", "m3/h", {1: 157.725491}),
        ("psi", "mH2O", {1: 0.70306957964}),
        ("bar", "kPa", {1: 100}),
        ("Gcal/h", "MW", {1: 1.163}),
        ("mph", "km/h", {60: 96.56064}),
        ("°F", "°C", {32: 0, 212: 100, -40: -40}),
        ("K", "degC", {0: -273.15}),
        ("gal", "l", {1: 3.785411784}),
        ("m²", "km2", {1_000_000: 1}),
        ("lb", "kg", {1: 0.45359237}),
        ("%", "1", {50: 0.5}),
    ],
)
def test_units_by_their_definitions(given: str, wanted: str, values: dict[float, float]) -> None:
    """The factors are those of NIST Special Publication 811, and of the steam-table calorie."""
    there, back = conversion(given, wanted), conversion(wanted, given)
    for value, expected in values.items():
        assert there(value) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert back(there(value)) == pytest.approx(value, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(
    ("given", "wanted", "said"),
    [("ft", "kg", "ft is a unit of length, and kg one of mass"), ("furlong", "m", "no unit 'furlong'; the units are")],
)
def test_units_that_dont_fit_are_told(given: str, wanted: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        conversion(given, wanted)
    assert len({unit.quantity for unit in UNITS.values()}) > 10


MINSK = {"timezone": "Europe/Minsk"}


@pytest.mark.parametrize(
    ("rule", "cell", "time", "precision"),
    [
        ({}, "2019", datetime(2019, 1, 1, tzinfo=UTC), "year"),
        ({}, "2019-05", datetime(2019, 5, 1, tzinfo=UTC), "month"),
        ({}, "2019-05-17", datetime(2019, 5, 17, tzinfo=UTC), "day"),
        ({}, "2019-05-17T08:30", datetime(2019, 5, 17, 8, 30, tzinfo=UTC), "minute"),
        ({}, "2019-05-17 08:30:05", datetime(2019, 5, 17, 8, 30, 5, tzinfo=UTC), "second"),
        ({}, "2019-05-17T08:30+03:00", datetime(2019, 5, 17, 5, 30, tzinfo=UTC), "minute"),
        (MINSK, "2019-05-17T08:30", datetime(2019, 5, 17, 5, 30, tzinfo=UTC), "minute"),
        (MINSK, "2019-05-17T08:30Z", datetime(2019, 5, 17, 8, 30, tzinfo=UTC), "minute"),
        (MINSK, "2019-05-17", datetime(2019, 5, 17, tzinfo=UTC), "day"),
        ({"format": "%Y"}, "2019", datetime(2019, 1, 1, tzinfo=UTC), "year"),
        ({"format": "%m/%Y"}, "05/2019", datetime(2019, 5, 1, tzinfo=UTC), "month"),
        ({"format": ["%d.%m.%Y %H:%M", "%d.%m.%Y"]}, "17.05.2019", datetime(2019, 5, 17, tzinfo=UTC), "day"),
        ({"format": ["%d.%m.%Y %H:%M", "%d.%m.%Y"], **MINSK}, "17.05.2019 08:30",
         datetime(2019, 5, 17, 5, 30, tzinfo=UTC), "minute"),
        ({"format": "%d.%m.%Y %H"}, "17.05.2019 08", datetime(2019, 5, 17, 8, tzinfo=UTC), "hour"),
        ({"format": "%Y", "default": "2018-01"}, "", datetime(2018, 1, 1, tzinfo=UTC), "month"),
        ({}, "", None, None),
    ],
)  # fmt: skip
def test_times_and_how_precise_they_are(
    tmp_path: Path, rule: Any, cell: str, time: datetime | None, precision: str | None
) -> None:
    columns = {"category": {"constant": "fire"}, "occurred_at": {"from": "a", **rule}}
    row = Read(tmp_path, f"id;x;y;a\n1;27;53;{cell}\n", {"columns": columns})[1]
    assert (row["occurred_at"], row["time_precision"]) == (time, precision)


def test_times_of_vector_files_are_moments_or_days(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {
            "moment": pd.to_datetime(["2019-07-01 12:00:00", None]),
            "day": [date(2019, 7, 1), None],
            "word": ["2019-07", ""],
        },
        geometry=gpd.points_from_xy([27.5, 27.5], [53.9, 53.9]),
        crs=4326,
    )
    file = tmp_path / "fires.gpkg"
    pyogrio.write_dataframe(frame, file)
    found = {}
    for field in ("moment", "day", "word"):
        columns = {"category": {"constant": "fire"}, "occurred_at": {"from": field}}
        mapping = RowMapping.model_validate({"columns": columns})
        [batch] = VectorReader(file, "incidents", find("incidents"), mapping=mapping, timezone="Europe/Minsk")
        assert isinstance(batch, Batch)
        found[field] = [(row["occurred_at"], row["time_precision"]) for row in batch.rows.to_pylist()]
    assert found == {
        "moment": [(datetime(2019, 7, 1, 9, tzinfo=UTC), "second"), (None, None)],
        "day": [(datetime(2019, 7, 1, tzinfo=UTC), "day"), (None, None)],
        "word": [(datetime(2019, 7, 1, tzinfo=UTC), "month"), (None, None)],
    }


def test_the_time_zone_is_that_of_the_rule_the_source_the_territory(tmp_path: Path) -> None:
    columns = {"category": {"constant": "fire"}, "occurred_at": {"from": "a"}}
    hours = []
    for mapping in ({}, {"timezone": "Europe/Helsinki"}):
        row = Read(
            tmp_path, "id;x;y;a\n1;27;53;2019-07-01T12:00\n", {"columns": columns, **mapping}, timezone="Asia/Tokyo"
        )
        hours.append(row[1]["occurred_at"].hour)
    assert hours == [3, 9]


def test_a_precision_that_is_mapped_is_left_alone(tmp_path: Path) -> None:
    columns = {
        "category": {"constant": "fire"},
        "occurred_at": {"from": "a"},
        "time_precision": {"constant": "year"},
    }
    assert Read(tmp_path, "id;x;y;a\n1;27;53;2019-07-01\n", {"columns": columns})[1]["time_precision"] == "year"
    constant = {"category": {"constant": "fire"}, "occurred_at": {"constant": "2019"}}
    row = Read(tmp_path, "id;x;y;a\n1;27;53;2019-07-01\n", {"columns": constant})[1]
    assert (row["occurred_at"].year, row["time_precision"]) == (2019, "year")


@pytest.mark.parametrize(
    ("format_", "precision"),
    [("%Y%m%d", "day"), ("100%% %Y", "year"), ("%d %b %y", "day"), ("%X", "second"), ("%H:%M", "minute")],
)
def test_the_precision_of_a_format(format_: str, precision: str) -> None:
    assert precision_of(format_) == precision


TABLE = """id;x;y;kind;year;note
1;27;53;school;2001;near
2;27;53;clinic;1999;
3;27;53;school;;far
4;27;53;Школа;2010;near
5;27;53;shop;n/a;none
"""


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ({"column": "kind", "equals": "school"}, "13"),
        ({"column": "year", "equals": 1999}, "2"),
        ({"column": "year", "equals": 1999.0}, "2"),
        ({"column": "kind", "in": ["clinic", "shop"]}, "25"),
        ({"column": "kind", "not_in": ["clinic", "shop"]}, "134"),
        ({"column": "note", "not_in": ["near"]}, "235"),
        ({"column": "kind", "matches": "(?i)^школа$"}, "4"),
        ({"column": "year", "min": 2000}, "14"),
        ({"column": "year", "min": 1999, "max": 2001}, "12"),
        ({"column": "year", "max": "2000"}, "2"),
        ({"column": "note", "exists": True}, "1345"),
        ({"column": "note", "exists": False}, "2"),
        ([{"column": "kind", "equals": "school"}, {"column": "note", "equals": "far"}], "3"),
        ({"any": [{"column": "kind", "equals": "shop"}, {"column": "note", "equals": "far"}]}, "35"),
        ({"not": {"column": "kind", "equals": "school"}}, "245"),
        ({"not": [{"column": "kind", "equals": "school"}, {"column": "note", "equals": "far"}]}, "1245"),
        ({"all": [{"any": [{"column": "id", "equals": 1}, {"column": "id", "equals": 2}]},
                  {"column": "note", "exists": True}]}, "1"),
    ],
)  # fmt: skip
def test_rows_are_filtered_and_counted(tmp_path: Path, condition: Any, kept: str) -> None:
    found = Read(tmp_path, TABLE, {"columns": {"kind": {"from": "kind"}}, "filter": condition}, "facilities")
    assert sorted(found.rows) == list(kept)
    assert found.rejects == []
    assert sum(found.passed_over.values()) == 5 - len(kept)
    assert {layer for layer, _ in found.passed_over} <= {"facilities"}


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        (None, {"year": "2001", "note": "near"}),
        ("all", {"year": "2001", "note": "near"}),
        ("none", {}),
        (["note", "kind"], {"note": "near", "kind": "school"}),
        ({"only": ["year"]}, {"year": "2001"}),
        ({"without": ["note"]}, {"year": "2001"}),
    ],
)
def test_what_is_kept_beside_the_columns(tmp_path: Path, tags: Any, kept: dict[str, str]) -> None:
    mapping = {"columns": {"kind": {"from": "kind"}}} | ({"tags": tags} if tags else {})
    assert Read(tmp_path, TABLE, mapping, "facilities")[1]["tags"] == kept


def test_what_is_dropped_is_in_no_account_of_rejects_either(tmp_path: Path) -> None:
    content = "id;x;y;kind;seats;name\n1;27;53;school;many;Jane Doe\n2;;;school;1;John Doe\n3;27;53;Jane Doe\n"
    mapping = {"columns": {"kind": {"from": "kind"}, "capacity": {"from": "seats"}}, "tags": {"without": ["name"]}}
    rejects = Read(tmp_path, content, mapping, "facilities").rejects
    assert len(rejects) == 3
    assert "Doe" not in str(rejects)
    assert "many" in str(rejects)


def test_columns_become_rows(tmp_path: Path) -> None:
    content = "id;x;y;pop_1999;pop_2009\na;27;53;100;90\nb;27;53;;50\n"
    mapping = {
        "columns": {
            "subject": {"from": "id"},
            "subject_layer": {"constant": "districts"},
            "measure": {"constant": "population"},
            "observed_at": {"from": "year", "pattern": r"\d{4}"},
            "value": {"from": "people"},
        },
        "unpivot": {"columns": ["pop_1999", "pop_2009"], "name": "year", "value": "people"},
    }
    found = Read(tmp_path, content, mapping, "indicators")
    assert {key: (row["observed_at"].year, row["value"]) for key, row in found.rows.items()} == {
        "a pop_1999": (1999, 100),
        "a pop_2009": (2009, 90),
        "b pop_2009": (2009, 50),
    }
    assert {row["time_precision"] for row in found.rows.values()} == {"year"}
    assert found.passed_over == {("indicators", "nothing in people"): 1}


def test_places_of_another_kind(tmp_path: Path) -> None:
    content = "id;kind;wkt\n1;a;POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0))\n2;b;\n"
    columns = {"kind": {"from": "kind"}}
    geometry = {"x": None, "y": None, "geometry": "wkt"}
    found = Read(tmp_path, content, {"columns": columns, "place": "inner point"}, "facilities", **geometry)
    assert shapely.from_wkb(found[1]["geom"]).equals(shapely.Point(2, 2))
    assert [each.reason for each in found.rejects] == ["no coordinates"]
    named = {"columns": {"name": {"from": "kind"}}, "place": "none"}
    nowhere = Read(tmp_path, content, named, "organisations", **geometry)
    assert [row["geom"] for row in nowhere.rows.values()] == [None, None]
    without = Read(tmp_path, "id;kind\n1;a\n", {"columns": named["columns"]}, "organisations", x=None, y=None)
    assert (without[1]["name"], without[1]["geom"]) == ("a", None)


def test_ids_of_several_columns(tmp_path: Path) -> None:
    content = "id;year;name\n1;2001;a\n1;2002;b\n2;;c\n"
    mapping = {"columns": {"name": {"from": "name"}}}
    found = Read(tmp_path, content, mapping, "organisations", x=None, y=None, key=["id", "year"])
    assert {key: row["name"] for key, row in found.rows.items()} == {"1/2001": "a", "1/2002": "b"}
    assert [each.reason for each in found.rejects] == ["the id, id, year, is empty"]


def test_what_stands_for_nothing_is_nothing_everywhere(tmp_path: Path) -> None:
    content = "id;x;y;kind;name;note\n1;27;53;school;-;-\n2;27;53;school;A;b\n"
    mapping = {"columns": {"kind": {"from": "kind"}, "name": {"from": "name"}}, "empty": ["-"], "tags": ["note"],
               "filter": {"column": "kind", "exists": True}}  # fmt: skip
    found = Read(tmp_path, content, mapping, "facilities")
    assert (found[1]["name"], found[1]["tags"]) == (None, {})
    assert (found[2]["name"], found[2]["tags"]) == ("A", {"note": "b"})


def test_columns_that_are_not_in_the_file_are_told_with_those_that_are(tmp_path: Path) -> None:
    mapping = {"columns": {"kind": {"from": ["Kind", "type"]}}, "filter": {"column": "yaer", "exists": True}}
    with pytest.raises(SourceError, match=r"table.csv has no column Kind, type, yaer; .*it has id, x, y, kind, year"):
        Read(tmp_path, TABLE, mapping, "facilities")


def test_a_large_table_is_mapped_as_a_small_one_is(tmp_path: Path) -> None:
    """Columns are mapped by their different values, in several batches; each row must get its own."""
    numbers = np.random.default_rng(7).integers(0, 400, 30_000)
    lines = "\n".join(f"{n};27;53;{value};{2000 + value % 20}" for n, value in enumerate(numbers))
    columns = {
        "category": {"constant": "fire"},
        "casualties": {"from": "a", "factor": 2},
        "occurred_at": {"from": "b", "format": "%Y"},
    }
    mapping = {"columns": columns, "filter": {"column": "a", "max": 299}}
    found = Read(tmp_path, f"id;x;y;a;b\n{lines}\n", mapping)
    kept = [n for n, value in enumerate(numbers) if value < 300]
    assert sorted(found.rows, key=int) == list(map(str, kept))
    assert all(found[n]["casualties"] == 2 * numbers[n] for n in kept)
    assert all(found[n]["occurred_at"].year == 2000 + numbers[n] % 20 for n in kept)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"columns": {"category": {}}}, "needs either from or constant"),
        ({"columns": {"category": {"from": "a", "constant": 1}}}, "needs either from or constant"),
        ({"columns": {"category": {"constant": 1, "case": "lower"}}}, "case can't stand beside it"),
        ({"columns": {"category": {"from": "a", "join": ","}}}, "join needs several columns"),
        ({"columns": {"category": {"from": []}}}, "at least 1"),
        ({"columns": {"category": {"from": "a", "pattern": "("}}}, "is no regular expression"),
        ({"columns": {"category": {"from": "a", "format": "%Q"}}}, "'%Q' is no format of a time"),
        ({"columns": {"category": {"from": "a", "timezone": "Minsk"}}}, "there is no time zone Minsk"),
        (
            {"columns": {"category": {"from": "a", "lookup": {"a": 1}, "factor": 2}}},
            "a lookup gives the layer's values",
        ),
        ({"columns": {"category": {"from": "a", "format": "%Y", "factor": 2}}}, "format is for times"),
        ({"columns": {"category": {"from": "a", "split": {"by": ",", "part": 0}}}}, "part counts from 1"),
        ({"columns": {"category": {"from": "a", "eval": "1+1"}}}, "eval"),
        ({"columns": {"category": {"from": "a", "template": "street"}}}, "must have {} once"),
        ({"filter": {"column": "a"}}, "must be a column with equals"),
        ({"filter": {"equals": 1}}, "must be a column with equals"),
        ({"filter": {"column": "a", "equals": 1, "all": []}}, "at least 1"),
        ({"filter": {"column": "a", "matches": "["}}, "is no regular expression"),
        ({"filter": []}, "at least 1"),
        ({"tags": "some"}, "tags"),
        ({"tags": {"only": ["a"], "without": ["b"]}}, "either only or without"),
        ({"unpivot": {"columns": [], "name": "a", "value": "b"}}, "at least 1"),
    ],
)
def test_what_is_wrong_in_a_mapping_is_told(mapping: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RowMapping.model_validate(mapping)


@pytest.mark.parametrize(
    ("layer", "columns", "said"),
    [
        ("incidents", {"category": {"from": "a"}, "colour": {"from": "b"}}, "columns.colour.*no column colour to fill"),
        ("incidents", {"category": {"from": "a"}, "severty": {"from": "b"}}, "did you mean severity"),
        ("incidents", {"severity": {"from": "a"}}, "every feature of the layer incidents needs category"),
        ("population", {"density_km2": {"from": "a"}}, "no column density_km2 to fill"),
        ("incidents", {"category": {"from": "a", "unit": "ft"}}, "holds no numbers"),
        ("incidents", {"category": {"from": "a", "format": "%Y"}}, "holds no times"),
        ("facilities", {"kind": {"from": "a"}, "capacity": {"constant": "few"}}, "'few' is no whole number"),
        ("facilities", {"kind": {"from": "a"}, "capacity": {"from": "a", "default": 1.5}}, "'1.5' is no whole number"),
        ("facilities", {"kind": {"from": "a"}, "capacity": {"from": "a", "unit": "ft"}}, "it states no unit"),
        ("buildings", {"height_m": {"from": "a", "unit": "kg"}}, "kg is a unit of mass, and m one of length"),
        ("buildings", {"height_m": {"from": "a", "unit": "cubits"}}, "there is no unit 'cubits'"),
        ("incidents", {"category": {"from": "a"}, "time_precision": {"constant": "decade"}}, "'decade' is none of"),
        ("incidents", {"category": {"from": "a"}, "occurred_at": {"constant": "May"}}, "'May' is no time"),
    ],
)
def test_rules_that_dont_fit_the_layer_are_told(layer: str, columns: Any, said: str) -> None:
    rules = RowMapping.model_validate({"columns": columns}).columns
    assert rules is not None
    with pytest.raises(ValidationError, match=f"(?s){said}"):
        check_columns(layer, rules)
