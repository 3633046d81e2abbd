"""Tables of points, as a territory's file describes them."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from town import PLACE, Town

from geo.errors import InvalidInputError
from layers import store
from layers.errors import SourceError
from layers.ingest import LayerReport
from layers.loading import load_territory
from layers.packs import Territory
from layers.settings import get_settings

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
        if outcome.error is not None:
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


def test_coordinates_come_from_the_crs_of_the_table(table: Table) -> None:
    """On GRS80 the parallel of 60 degrees is 6,654,073 m from the equator, and a degree there 111,415 by 55,530 m."""
    report = table.load(
        "x;y;kind\n25496885.0;6672290.0;right\n6672290.0;25496885.0;swapped\n;;nowhere\nn/a;1;nowhere\n",
        crs="EPSG:3879",
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
        "nr;x;y;kind\n2;27.5;53.9;clinic\n1;27.5;53.9;school\n;27.5;53.9;school\n2;27;53;twin\n", key="nr"
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
        (b"", "table.csv has no column kind, x, y"),
        ("x;y;kind\n1;2;\u00e4\n".encode("latin-1"), "UTF-8"),
        (b'x;y;kind\n1;2;"school\n', "table"),
        (b"x;y;kind\n1;2;sch\x00ool\n", "table.csv holds a value that can't be kept"),
    ],
    ids=["no column", "empty", "Latin-1", "open quote", "NUL"],
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
