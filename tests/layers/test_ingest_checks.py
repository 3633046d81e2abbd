"""What a load checks: where things lie, what values may be, and what it remembers of features that come and go."""

from __future__ import annotations

import numpy as np
import pytest
from town import LAT, LON, Given, Town, accounted, school, street

from layers.errors import SourceError
from layers.loads.ingest import last_fingerprint
from layers.sources.records import Record


def test_a_feature_that_comes_back_has_its_old_id(town: Town) -> None:
    town.ingest(school("a"), school("b", name="first"))
    old = town.features("facilities")
    town.ingest(school("a"))
    report = town.ingest(school("a"), school("b", name="again"), school("c")).layers["facilities"]
    assert (report.added, report.reappeared, report.unchanged) == (2, 1, 1)
    found = town.features("facilities")
    assert found["b"]["id"] == old["b"]["id"]
    assert found["b"]["name"] == "again"
    assert found["c"]["id"] not in {each["id"] for each in old.values()}


def test_a_feature_whose_record_is_rejected_stays_as_it_was(town: Town) -> None:
    town.ingest(school("a"), school("b", name="good"))
    report = town.ingest(school("a"), school("b", kind=None)).layers["facilities"]
    assert (report.gone, report.kept, report.unchanged) == (0, 1, 1)
    assert town.features("facilities")["b"]["name"] == "good"


def test_an_addition_closes_nothing(town: Town) -> None:
    town.ingest(school("a"), school("b"))
    report = town.ingest(school("b", name="other"), school("c"), replace=False)
    account = report.layers["facilities"]
    assert (report.adds, account.gone, account.changed, account.added) == (True, 0, 1, 1)
    assert set(town.features("facilities")) == {"a", "b", "c"}


def test_restricted_loads_bring_restricted_features(town: Town) -> None:
    def hidden() -> set[str]:
        return {name for name, row in town.features("facilities").items() if row["restricted"]}

    town.ingest(school("a"), school("b"), restricted=True)
    assert hidden() == {"a", "b"}
    assert town.ingest(school("a"), school("b")).layers["facilities"].changed == 2
    assert hidden() == set()
    with town.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE facilities SET restricted = true WHERE territory = 'town' AND source_id = 'a'"
        )
    assert town.ingest(school("a"), school("b")).layers["facilities"].unchanged == 2
    assert hidden() == {"a"}


def test_single_swapped_records_are_rejected_as_such(town: Town) -> None:
    report = town.ingest(school("swapped", LAT, LON), *(school(f"{n}") for n in range(3))).layers["facilities"]
    assert report.rejected == {"latitude and longitude seem to be swapped": 1}


def test_a_source_with_swapped_coordinates_is_refused(town: Town) -> None:
    with pytest.raises(SourceError, match=r"3 of the 4 records .* swapped.*--swapped"):
        town.ingest(*(school(f"{n}", LAT, LON) for n in range(3)), school("right"))


@pytest.mark.parametrize(("x", "y", "crs"), [(536000, 5972600, "EPSG:32635"), (3067000, 7150000, "EPSG:3857")])
def test_a_source_in_another_crs_is_refused_with_the_likely_one(town: Town, x: float, y: float, crs: str) -> None:
    with pytest.raises(SourceError, match=f"look like {crs}"):
        town.ingest(*(school(f"{n}", x + n, y) for n in range(3)))


def test_what_lies_outside_is_rejected_or_kept_and_counted(town: Town) -> None:
    items = (school("in"), school("beyond the border", 27.65, 53.9), school("far", 30, 50))
    report = town.ingest(*items).layers["facilities"]
    assert (report.added, sum(report.rejected.values())) == (2, 1)
    [reason] = report.rejected
    assert reason.startswith("it lies outside town")
    report = town.ingest(*items, outside="keep").layers["facilities"]
    assert (report.added, report.outside, report.rejected) == (1, 1, {})
    with pytest.raises(SourceError, match=r"All 1 records .* lie outside town"):
        town.ingest(school("far", 30, 50), source="other")


def test_lines_are_cleaned_or_rejected(town: Town) -> None:
    with np.errstate(invalid="ignore"):
        nan = street("nan", (LON, LAT), (float("nan"), LAT), (LON + 0.01, LAT))
    report = town.ingest(
        nan,
        street("still", (LON, LAT), (LON, LAT)),
        street("stutter", (LON, LAT), (LON, LAT), (LON + 0.01, LAT)),
        street("good", (LON, LAT), (LON + 0.01, LAT)),
        layers=("roads",),
    ).layers["roads"]
    assert accounted(report)
    assert (report.added, report.repaired, sum(report.rejected.values())) == (2, 1, 2)
    assert "a coordinate is no number" in report.rejected
    assert town.features("roads")["stutter"]["wkt"] == town.features("roads")["good"]["wkt"]


def test_values_that_cannot_be_right_are_rejected(town: Town) -> None:
    bad = {
        "nul": school("nul", name="a\x00b"),
        "half": school("half", name="\ud800"),
        "text": school("text", capacity="many"),
        "large": school("large", capacity=2**40),
        "long": school("long", name="x" * 200_000),
        "i" * 600: school("i" * 600),
        "tag": school("tag")._replace(tags={"a": "\x00"}),
        "wkb": Record("facilities", "wkb", "0101", {"kind": "school"}, {}),
    }
    report = town.ingest(school("good"), *bad.values()).layers["facilities"]
    assert accounted(report)
    assert set(town.features("facilities")) == {"good"}
    assert {each["source_id"] for each in town.rejects()} == set(bad)


def test_a_failed_load_leaves_an_account_and_no_fingerprint(town: Town) -> None:
    town.ingest(school("a"))
    with pytest.raises(SourceError):
        town.read(Given())
    with town.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT state, error FROM ingest_runs WHERE territory = 'town' ORDER BY id"
        ).all()
    assert [row.state for row in rows] == ["done", "failed"]
    assert "holds nothing for facilities" in rows[1].error
    assert last_fingerprint(town.engine, territory=town.id, source="given") == "of the test"


def test_the_report_tells_how_long_it_took(town: Town) -> None:
    report = town.ingest(*(school(f"{n}") for n in range(10)))
    assert report.duration_s > 0
    assert report.records_per_s == pytest.approx(10 / report.duration_s, rel=0.2)
    assert report.run is not None


def test_of_records_with_one_id_the_first_good_one_counts(town: Town) -> None:
    report = town.ingest(school("a", kind=None), school("a", name="good"), school("a", name="late"))
    assert report.layers["facilities"].added == 1
    assert town.features("facilities")["a"]["name"] == "good"
