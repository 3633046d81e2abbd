"""Tables of points, as a territory's file describes them."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import shapely
from sqlalchemy import Engine
from town import LAT, LON, PLACE, Town

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.loads.ingest import LayerReport
from layers.loads.loading import load_territory
from layers.reading import store
from layers.settings import get_settings
from layers.territories.packs import Territory

ACCIDENTS = "helsinki/liikenneonnettomuudet_Helsingissa.csv"


def pack(columns: dict[str, Any], **options: Any) -> Territory:
    """The town, with a table of facilities as its source."""
    title = {"be": "Т", "ru": "Т", "en": "T"}
    source = {
        "id": "table",
        "title": title,
        "attribution": "the test",
        "kind": "table",
        "layer": "facilities",
        "places": [{"data": "table.csv"}],
        "x": "x",
        "y": "y",
        "columns": columns,
        **options,
    }
    return Territory.model_validate({**PLACE.model_dump(), "sources": [source]})


class Table:
    """A table in the data folder, loaded as the columns say."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        self.file = folder / "table.csv"

    def load(self, content: str | bytes, columns: dict[str, Any] | None = None, **options: Any) -> LayerReport:
        self.file.write_bytes(content.encode() if isinstance(content, str) else content)
        described = pack(columns or {"kind": {"from": "kind"}}, **options)
        [outcome] = load_territory(self.town.engine, described)
        if outcome.report is None and outcome.error is not None:
            raise outcome.error
        assert outcome.report is not None, outcome.note
        [report] = outcome.report.layers.values()
        return report

    def rows(self, layer: str = "facilities") -> dict[str, dict[str, Any]]:
        return self.town.features(layer)


@pytest.fixture
def table(town: Town, data_folder: Path) -> Table:
    return Table(town, data_folder)


def test_helsinkis_accidents_are_all_there(helsinki: Engine) -> None:
    file = get_settings().data / ACCIDENTS
    if not file.is_file():
        pytest.skip(f"no {ACCIDENTS} in HORAD_DATA")
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened, delimiter=";"))
    placed = [row for row in rows if row["ita_etrs"] and row["pohj_etrs"]]
    with helsinki.connect() as connection:
        frame = store.read_frame(connection, "incidents", store.Query(territory="helsinki"), srid=3879, tags=False)
    assert len(frame) == len(placed) > 50_000
    severities = {"1": "damage", "2": "injury", "3": "fatal"}
    for code, name in severities.items():
        assert (frame["severity"] == name).sum() == sum(row["VAKAV_A"] == code for row in placed)
    assert (frame["category"] == "bicycle accident").sum() == sum(row["LAJI"] == "PP" for row in placed)
    assert (frame["occurred_at"].dt.year == 2010).sum() == sum(row["VV"] == "2010" for row in placed)
    easting, northing = (sum(float(row[name]) for row in placed) / len(placed) for name in ("ita_etrs", "pohj_etrs"))
    assert frame.geometry.x.mean() == pytest.approx(easting, abs=0.01)
    assert frame.geometry.y.mean() == pytest.approx(northing, abs=0.01)


@pytest.mark.parametrize(
    "content",
    [
        "x;y;kind\n27,55;53,9;school\n",
        "x,y,kind\n27.55,53.9,school\n",
        'x,y,kind\n"27,55","53,9",school\n',
        "kind\tx\ty\r\nschool\t27.55\t53.9\r\n",
        "x|y|kind\n27.55|53.9|school",
        "\ufeffx;y;kind\n27.55;53.9;school\n",
    ],
    ids=["decimal comma", "comma", "quoted decimal comma", "tab and CRLF", "bar and no last line end", "BOM"],
)
def test_delimiters_and_decimals_as_people_write_them(table: Table, content: str) -> None:
    assert table.load(content).added == 1
    [row] = table.rows().values()
    assert (row["wkt"], row["kind"]) == ("POINT(27.55 53.9)", "school")


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("27°33'00″E", "53°54'00″N"),
        ("E 27° 33.0'", "N 53 54"),
        ("27:33:00", "53:54:0,0"),
        ("27°33′ в. д.", "53°54′ с. ш."),
    ],
)
def test_degrees_minutes_and_seconds_are_read(table: Table, x: str, y: str) -> None:
    rows = f"{x};{y};school\n9°30'15W;5°30'S;far\n27°60';53°54';minutes\n27 33;53 54;unsaid\n"
    report = table.load(f"x;y;kind\n{rows}", outside="keep")
    assert (report.added, sorted(report.rejected.values())) == (2, [1, 1])
    places = {row["kind"]: shapely.from_wkt(row["wkt"]) for row in table.rows().values()}
    assert (places["school"].x, places["school"].y) == pytest.approx((27.55, 53.9))
    assert (places["far"].x, places["far"].y) == pytest.approx((-9.504167, -5.5))


def test_one_wild_number_does_not_hide_that_the_rest_are_degrees(town: Town, tmp_path: Path) -> None:
    wild = ["1e308,1e308,school", "27.5,97,school", "NaN,53.9,school"]
    file = write(tmp_path / "town.csv", "lon,lat,kind", *wild, *["27.5,53.9,school"] * 3)
    report = town.load_one(file, "facilities")
    assert (report.added, sum(report.rejected.values())) == (3, 3)


def test_coordinates_come_from_the_crs_of_the_table(table: Table) -> None:
    """On GRS80 the parallel of 60 degrees is 6,654,073 m from the equator, and a degree there 111,415 by 55,530 m."""
    report = table.load(
        "x;y;kind\n25496885.0;6672290.0;right\n6672290.0;25496885.0;swapped\n;;nowhere\nn/a;1;nowhere\n",
        crs="EPSG:3879",
        outside="keep",
    )
    assert (report.added, report.rejected) == (1, {"no coordinates": 2, "the coordinates lie outside EPSG:3879": 1})
    [row] = table.rows().values()
    lon, lat = (float(number) for number in row["wkt"].removeprefix("POINT(").removesuffix(")").split())
    assert lon == pytest.approx(25 + (25496885 - 25500000) / 55530, abs=1e-3)
    assert lat == pytest.approx(60 + (6672290 - 6654073) / 111415, abs=1e-3)


def test_columns_are_mapped_and_the_rest_is_kept(table: Table) -> None:
    report = table.load(
        "x;y;LAJI;VAKAV;pvm;klo;n;huom\n27.5;53.9;PP;2;17.05.2019;;3;sateessa\n27.5;53.9;PP;2;2019;;3;\n",
        {
            "category": {"from": "LAJI", "lookup": {"PP": "bicycle accident"}},
            "severity": {"from": "VAKAV", "lookup": {"2": "injury"}},
            "occurred_at": {"from": "pvm", "format": "%d.%m.%Y"},
            "time_precision": {"constant": "day"},
            "casualties": {"from": "n", "factor": 2},
        },
        layer="incidents",
    )
    assert report.rejected == {"occurred_at: '2019' is no time of the form %d.%m.%Y": 1}
    [row] = table.rows("incidents").values()
    assert (row["category"], row["severity"], row["time_precision"]) == ("bicycle accident", "injury", "day")
    assert (row["occurred_at"], row["casualties"]) == (datetime(2019, 5, 17, tzinfo=UTC), 6)
    assert row["tags"] == {"huom": "sateessa"}


@pytest.mark.parametrize(
    ("rule", "cell", "reason"),
    [
        ({"kind": {"from": "n", "lookup": {"1": "school"}}}, "7", "kind: '7' of n is not in the lookup table"),
        ({"capacity": {"from": "n"}}, "some", "capacity: 'some' is no whole number"),
        ({"capacity": {"from": "n"}}, "1.5", "capacity: '1.5' is no whole number"),
        ({"capacity": {"from": "n"}}, "9" * 400, f"capacity: '{'9' * 400}' is no whole number"),
        ({"capacity": {"from": "n", "factor": 0.5}}, "3", "capacity: '1.5' is no whole number"),
        ({"kind": {"from": "n"}}, "", "kind is missing"),
    ],
)
def test_a_bad_cell_rejects_its_row_and_no_other(table: Table, rule: dict[str, Any], cell: str, reason: str) -> None:
    columns = {"kind": {"constant": "school"}, **rule}
    report = table.load(f"x;y;n\n27.5;53.9;{cell}\n", columns)
    assert (report.read, report.added, report.rejected) == (1, 0, {reason: 1})
    [reject] = table.town.rejects()
    assert reject["reason"] == reason
    good = {"kind": {"constant": "school"}}
    assert table.load(f"x;y;n\n27.5;53.9;{cell}\n27.5;53.9;\n", good).added == 2


def test_rows_without_ids_are_known_by_what_they_hold(table: Table) -> None:
    lines = ["27.5;53.9;school", "27.5;53.9;clinic", "27.5;53.9;school", "27.6;53.8;school"]
    assert table.load("\n".join(["x;y;kind", *lines])).added == 4
    before = table.rows()
    assert table.load("\n".join(["x;y;kind", *reversed(lines)])).unchanged == 4
    assert table.rows() == before
    report = table.load("\n".join(["x;y;kind", *lines[1:]]))
    assert (report.unchanged, report.gone) == (3, 1)


def test_rows_with_ids_keep_them(table: Table) -> None:
    table.load("nr;x;y;kind\n1;27.5;53.9;school\n2;27.5;53.9;school\n", key="nr")
    before = table.rows()
    report = table.load(
        "nr;x;y;kind\n2;27.5;53.9;clinic\n1;27.5;53.9;school\n;27.5;53.9;school\n2;27.6;53.9;twin\n", key="nr"
    )
    assert (report.unchanged, report.changed) == (1, 1)
    assert report.rejected == {"the id, nr, is empty": 1, "the id stands in the source for the second time": 1}
    after = table.rows()
    assert after["1"] == before["1"]
    assert (after["2"]["id"], after["2"]["kind"]) == (before["2"]["id"], "clinic")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x;kind\n1;school\n", "table.csv has no column y; it has x, kind"),
        (b"", "table.csv is empty"),
        (b"\n\n", "table.csv is empty: it has no header"),
        (b"x;y;kind\n", "table.csv holds nothing for facilities"),
        (b'x;y;"kind\n1;2;school\n', "The header of table.csv can't be read: a quote is not closed"),
        (b'x;y;kind\n1;2;"school\n', "Nothing in table.csv can be taken, .*: a quote is not closed"),
        (b"x;y;kind\n27.5;53.9;sch\x00ool\n", "Nothing in table.csv can be taken, .*: kind holds the character NUL"),
        (b"x;y;kind\n" + b"a" * 40_000_000, "table.csv has a line of more than 33,554,432 characters: it is no table"),
    ],
    ids=["no column", "empty", "blank", "header only", "open quote in header", "open quote", "NUL", "no lines"],
)
def test_a_table_that_cant_be_read_changes_nothing(table: Table, content: bytes, said: str) -> None:
    table.load("x;y;kind\n27.5;53.9;school\n")
    before = table.town.everything()
    with pytest.raises(SourceError, match=said):
        table.load(content)
    assert table.town.everything() == before


def test_an_unknown_crs_is_named(table: Table) -> None:
    with pytest.raises((InvalidInputError, ValueError), match="EPSG:99999 is no coordinate reference system"):
        table.load("x;y;kind\n1;1;school\n", crs="EPSG:99999")


ROWS = [f"{nth},{LON + nth / 10000},{LAT},school,№ {nth}" for nth in range(6)]
HEADER = "id,lon,lat,kind,name"


def write(file: Path, *lines: str, encoding: str = "utf-8", end: str = "\n") -> Path:
    file.write_bytes((end.join(lines) + end).encode(encoding))
    return file


def test_a_column_of_ids_is_known_by_its_name(town: Town, tmp_path: Path) -> None:
    rows = ["a,27.5,53.9,school", "a,27.6,53.9,twin", ",27.5,53.9,school", ",27.5,53.9,school"]
    report = town.load_one(write(tmp_path / "town.csv", "ID,lon,lat,kind", *rows), "facilities")
    assert (report.added, report.rejected) == (3, {"the id stands in the source for the second time": 1})
    assert "a" in town.features("facilities")


def test_broken_rows_are_rejected_with_their_lines_and_no_others(town: Town, tmp_path: Path) -> None:
    file = write(
        tmp_path / "town.csv",
        HEADER,
        ROWS[0],
        '1,27.55,53.9,school,"opened',
        ROWS[2],
        '3,27.55,53.9,school,"two\nlines, ""quoted"""',
        "4,27.55,53.9,school",
        "5,27.55,53.9,school,a,b",
        "6,27.55,53.9,school,c,,",
        "",
        '7,27.55,53.9,school,"x"y',
        "8,n/a,,school,nowhere",
        "9,27.55,53.9,school,nul\x00",
    )
    report = town.load_one(file, "facilities", key="id")
    assert report.added == 4
    assert {row["name"] for row in town.features("facilities").values()} == {"№ 0", "№ 2", 'two\nlines, "quoted"', "c"}
    told = {(each["record"]["line"], each["source_id"]): each["reason"] for each in town.rejects()}
    assert {key: reason.partition(":")[0] for key, reason in told.items()} == {
        ("3", "line 3"): "a quote is not closed, or stands where none should",
        ("7", "line 7"): "the row has 4 cells, the header 5",
        ("8", "line 8"): "the row has 6 cells, the header 5",
        ("11", "line 11"): "a quote is not closed, or stands where none should",
        ("12", "8"): "no coordinates",
        ("13", "9"): "name holds the character NUL",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "windows-1251", "cp866", "koi8-u"])
def test_encodings_are_found_out(town: Town, tmp_path: Path, encoding: str) -> None:
    names = ["Школа на вуліцы Леніна", "Паліклініка", "Бібліятэка імя Коласа"]
    names = [name.replace("і", "и") for name in names] if encoding == "cp866" else names
    rows = [f"{LON},{LAT},school,{name}" for name in names]
    report = town.load(write(tmp_path / "town.csv", "lon,lat,kind,name", *rows, encoding=encoding), "facilities")
    assert {row["name"] for row in town.features("facilities").values()} == set(names)
    said = [remark for remark in report.remarks if remark.startswith("text in ")]
    assert said == ([] if encoding.startswith("utf-8") else [f"text in {encoding}"])


def test_an_encoding_can_be_stated(town: Town, tmp_path: Path) -> None:
    file = write(tmp_path / "town.csv", "lon,lat,kind,name", f"{LON},{LAT},school,Łódź", encoding="windows-1250")
    town.load(file, "facilities", encoding="windows-1250")
    assert [row["name"] for row in town.features("facilities").values()] == ["Łódź"]
    with pytest.raises(InvalidInputError, match="windows-9 is no encoding"):
        town.load(file, "facilities", encoding="windows-9")


def test_a_few_bytes_of_another_encoding_reject_their_row(town: Town, tmp_path: Path) -> None:
    rows = [f"{LON},{LAT},school,Школа {nth}".encode() for nth in range(20)]
    rows[7] += "Ш".encode("windows-1251")
    (tmp_path / "town.csv").write_bytes(b"\n".join([b"lon,lat,kind,name", *rows]))
    report = town.load_one(tmp_path / "town.csv", "facilities")
    assert (report.added, report.rejected) == (19, {"it holds bytes that are no utf-8": 1})
    assert town.rejects()[0]["source_id"] == "line 9"


@pytest.mark.parametrize(
    ("header", "row", "crs"),
    [
        ("Долгота;Широта", "27,55;53,9", None),
        ("шырата;даўгата", "53.9;27.55", None),
        ("GPS_Lat,GPS_Lon", "53.9,27.55", None),
        ("y,x", "53.9,27.55", None),
        ("the_geom", "POINT (27.55 53.9)", None),
        ("x;y;n", "27,55;53,9;4", None),
        ("E;N", "27,55;53,9", None),
        ("Länge;Breite", "27,55;53,9", None),
        ("координата_у;координата_х", "53,9;27,55", None),
        ("wkt|a", "POINT Z (27.55 53.9 100)|1", None),
        ("geom,a", "SRID=32635;POINT (536138.43 5972535.86),1", None),
        ("geom;a", '"{""type"": ""Point"", ""coordinates"": [27.55, 53.9]}";1', None),
        ("X,Y", "536138.43,5972535.86", "EPSG:32635"),
        ("x;y", "536 138,43;5 972 535,86", "EPSG:32635"),
    ],
)
def test_the_columns_that_tell_the_place_are_found(
    town: Town, tmp_path: Path, header: str, row: str, crs: str | None
) -> None:
    delimiter = ";" if ";" in header else "|" if "|" in header else ","
    file = write(tmp_path / "town.csv", f"kind{delimiter}{header}", f"school{delimiter}{row}")
    report = town.load(file, "facilities", crs=crs)
    assert report.remarks[0].startswith("places from ")
    [feature] = town.features("facilities").values()
    assert shapely.from_wkt(feature["wkt"]).distance(shapely.Point(LON, LAT)) < 1e-5


def test_what_cant_be_found_out_is_asked_for(town: Town, tmp_path: Path) -> None:
    unnamed = write(tmp_path / "unnamed.csv", "kind,a,b", f"school,{LON},{LAT}")
    with pytest.raises(InvalidInputError, match=r"name them with --x and --y.*columns are: kind, a, b"):
        town.load(unnamed, "facilities")
    with pytest.raises(InvalidInputError, match="both --x and --y"):
        town.load(unnamed, "facilities", x="a")
    assert town.load_one(unnamed, "facilities", x="a", y="b").added == 1
    metres = write(tmp_path / "metres.csv", "kind,x,y", "school,536138.43,5972535.86")
    with pytest.raises(InvalidInputError, match=r"no degrees.*--crs"):
        town.load(metres, "facilities")
    wkb = shapely.to_wkb(shapely.set_srid(shapely.Point(3e6, 7e6), 3857), hex=True, include_srid=True)
    several = write(tmp_path / "several.csv", "kind,wkt", f"school,{wkb}", f"school,POINT ({LON} {LAT})")
    with pytest.raises(InvalidInputError, match=r"several CRSs \(none, EPSG:3857\).*--crs"):
        town.load(several, "facilities")
    report = town.load_one(several, "facilities", crs="EPSG:4326")
    assert (report.added, report.rejected) == (1, {"the geometry states EPSG:3857, not EPSG:4326": 1})
    with pytest.raises(SourceError, match=r"metres\.csv has no column nr"):
        town.load(metres, "facilities", key="nr", crs="EPSG:32635")


def test_geometries_of_any_shape_come_from_a_column(town: Town, tmp_path: Path) -> None:
    square = shapely.box(LON, LAT, LON + 0.01, LAT + 0.01)
    arc = f"CURVEPOLYGON (CIRCULARSTRING ({LON} {LAT}, {LON + 0.01} {LAT + 0.01}, {LON} {LAT}))"
    rows = [f'1,"{square.wkt}"', f"2,{shapely.to_wkb(square, hex=True)}", '3,"POLYGON ((1 2"', "4,", f'5,"{arc}"']
    report = town.load_one(write(tmp_path / "town.csv", "id,wkt", *rows), "buildings", key="id")
    assert report.added == 2
    assert report.rejected == {"there is no geometry that can be read": 2, "no coordinates": 1}
    assert {row["wkt"] for row in town.features("buildings").values()} == {
        square.wkt.replace(", ", ",").replace("N (", "N(")
    }


def test_names_of_columns_that_stand_twice_or_not_at_all_are_told_apart(town: Town, tmp_path: Path) -> None:
    file = write(tmp_path / "town.csv", "lon,lat,kind,note,note,", f"{LON},{LAT},school,a,b,c")
    town.load(file, "facilities")
    [row] = town.features("facilities").values()
    assert row["tags"] == {"note": "a", "note (2)": "b", "column 6": "c"}


def test_workbooks_are_read_sheet_by_sheet(town: Town, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "школы"
    sheet.append([])
    sheet.append(["id", "lon", "lat", "kind", "name", "capacity", "opened", "state"])
    sheet.append([1, LON, LAT, "school", "№ 1", 600.0, datetime(1998, 5, 1), True])  # noqa: DTZ001
    sheet.append([2, LON, LAT, "school", None, None, datetime(1998, 5, 1, 8, 30), None, "beyond"])  # noqa: DTZ001
    book.save(tmp_path / "town.xlsx")
    town.load(tmp_path / "town.xlsx", "facilities", key="id")
    [row] = town.features("facilities").values()
    assert (row["name"], row["capacity"]) == ("№ 1", 600)
    assert row["tags"] == {"opened": "1998-05-01", "state": "true"}
    assert [each["reason"] for each in town.rejects()] == ["the row has 9 cells, the header 8"]
    other = book.create_sheet("businesses")
    other.append(["lon", "lat", "category"])
    other.append([LON, LAT, "bakery"])
    book.save(tmp_path / "town.xlsx")
    with pytest.raises(InvalidInputError, match="the tables школы, businesses: name the one for the layer facilities"):
        town.load(tmp_path / "town.xlsx", "facilities")
    report = town.load(tmp_path / "town.xlsx")
    assert (list(report.layers), report.layers["businesses"].added) == (["businesses"], 1)
    assert "passed over: the table школы" in report.remarks
    assert town.load_one(tmp_path / "town.xlsx", "facilities", tables=("школы",), key="id").read == 2


def test_ids_of_equal_rows_stay_the_same_in_files_of_many_blocks(town: Town, tmp_path: Path) -> None:
    rows = [f"{LON},{LAT},school,{'x' * 500}{nth % 1000}" for nth in range(6000)]
    file = write(tmp_path / "town.csv", "lon,lat,kind,note", *rows)
    assert town.load_one(file, "facilities").added == 6000
    assert {each.partition("-")[2] for each in town.features("facilities")} == {"", "2", "3", "4", "5", "6"}
    assert town.load_one(file, "facilities").unchanged == 6000
