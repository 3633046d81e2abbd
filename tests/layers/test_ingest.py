"""What a load does to a layer: exactly what the source says, with an account of every record."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import shapely
from town import LAT, LON, Given, Town, accounted, record, school, street

from layers.errors import NotFoundError, SourceError
from layers.loads.ingest import ingest
from layers.sources.records import Complete, Item, Record, Reject

NOT_IN_DEGREES = "the coordinates are not longitude and latitude in degrees"
SECOND = "the id stands in the source for the second time"
NO_NUMBER = "a coordinate is no number"
NO_POINT = "the geometry is no point"
NO_GEOMETRY = "there is no geometry"
NOTHING_LEFT = "the geometry is invalid, and nothing of it is left when it is mended"


def here(layer: str, source_id: str, wkt: str, **values: Any) -> Record:
    """A feature told in thousandths of a degree from the middle of the town."""
    shape = shapely.transform(shapely.from_wkt(wkt), lambda places: places / 1000 + (LON, LAT))
    return record(layer, source_id, shape, **values)


def test_loading_the_same_again_changes_nothing(town: Town) -> None:
    items = [
        school("a", name="Школа № 1", capacity=600),
        school("b", LON, LAT),
        street("main", (LON, LAT), (LON + 0.001, LAT), max_speed_kmh=57.936384),
        record("buildings", "house", "POLYGON ((27.5 53.9, 27.51 53.9, 27.51 53.91, 27.5 53.9))"),
        record("utilities", "pipe", "LINESTRING (27.5 53.9, 27.51 53.9)", network="water", installed_on="1998-05-01"),
    ]
    layers = ("facilities", "roads", "buildings", "utilities")
    town.ingest(*items, layers=layers)
    before = town.everything()
    report = town.ingest(*reversed(items), layers=layers)
    assert sum(each.unchanged for each in report.layers.values()) == len(items)
    after = town.everything()
    assert after["features"] == before["features"]
    assert after["versions"] == before["versions"]


PARCEL = record("land_parcels", "parcel", "POLYGON ((27.5 53.9, 27.51 53.9, 27.51 53.91, 27.5 53.9))")
CUT_OFF_PARCEL = record("land_parcels", "flat", "POLYGON ((27.5 53.9, 27.51 53.9, 27.5 53.9, 27.5 53.9))")


def test_layers_that_are_told_to_be_complete_come_to_the_same(town: Town) -> None:
    told = (PARCEL, CUT_OFF_PARCEL, Complete("land_parcels"), school("a"), school("a"), Complete("facilities"))
    layers = ("facilities", "land_parcels")
    first = town.ingest(*told, layers=layers)
    assert list(first.layers) == ["facilities", "land_parcels"]
    assert (first.layers["land_parcels"].added, first.layers["facilities"].added) == (1, 1)
    assert (first.layers["land_parcels"].rejected, first.layers["facilities"].rejected) == (
        {NOTHING_LEFT: 1},
        {SECOND: 1},
    )
    before = town.everything()["features"]
    again = town.ingest(*(each for each in told if not isinstance(each, Complete)), layers=layers)
    assert [each.unchanged for each in again.layers.values()] == [1, 1]
    assert town.everything()["features"] == before


def test_a_source_that_ends_early_leaves_nothing_of_a_complete_layer(town: Town) -> None:
    class CutOff(Given):
        def __iter__(self) -> Iterator[Item]:
            yield from super().__iter__()
            raise SourceError("given.dat is cut off")

    before = town.everything()
    with pytest.raises(SourceError, match="cut off"):
        town.read(CutOff(PARCEL, Complete("land_parcels"), school("a")), layers=("facilities", "land_parcels"))
    assert town.everything() == before


def test_a_layer_can_be_read_while_the_source_is_where_the_base_is_used(town: Town) -> None:
    """2,000 parcels would be added as a whole, to a layer that is locked for it."""
    parcels = [Record(*PARCEL._replace(source_id=f"parcel {nth}")) for nth in range(2_000)]
    seen = []

    class Watched(Given):
        def __iter__(self) -> Iterator[Item]:
            yield from super().__iter__()
            yield from (school(f"later {nth}") for nth in range(50_000))
            with town.engine.begin() as connection:
                connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
                seen.append(connection.exec_driver_sql("SELECT count(*) FROM land_parcels").scalar_one())

    town.ingest(school("there already"))
    layers = ("facilities", "land_parcels")
    report = town.read(Watched(*parcels, Complete("land_parcels")), layers=layers, source="other")
    assert seen == [0]
    assert report.layers["land_parcels"].added == 2_000


def test_the_report_tells_what_changed(town: Town) -> None:
    town.ingest(school("same"), school("renamed", name="old"), school("moved"), school("retagged"), school("gone"))
    before = town.features("facilities")
    retagged = Record(*school("retagged")[:4], {"wheelchair": "yes"})
    report = town.ingest(
        school("same"), school("renamed", name="new"), school("moved", LON + 1e-7), retagged, school("new")
    ).layers["facilities"]
    assert (report.read, report.unchanged, report.changed, report.added, report.gone) == (5, 1, 3, 1, 1)
    after = town.features("facilities")
    assert after.keys() == {"same", "renamed", "moved", "retagged", "new"}
    assert after["same"] == before["same"]
    assert after["renamed"]["name"] == "new"
    assert after["retagged"]["tags"] == {"wheelchair": "yes"}
    for each in ("renamed", "moved", "retagged"):
        assert after[each]["id"] == before[each]["id"]
        assert after[each]["updated_at"] > before[each]["updated_at"]


def test_a_source_removes_only_its_own(town: Town) -> None:
    town.ingest(school("1"), school("2"), source="city")
    town.ingest(school("1", name="of the state"), source="state")
    assert town.ingest(school("3"), source="city").layers["facilities"].gone == 2
    left = {(each["source"], each["name"]) for each in town.features("facilities").values()}
    assert ("state", "of the state") in left
    assert len(left) == 2


def test_a_source_that_holds_nothing_removes_nothing(town: Town) -> None:
    town.ingest(school("1"), source="city")
    before = town.everything()
    with pytest.raises(SourceError, match="holds nothing for facilities"):
        town.ingest(source="city")
    with pytest.raises(SourceError, match="holds nothing for roads"):
        town.ingest(school("1"), source="city", layers=("roads",))
    assert town.everything() == before


def test_layers_not_asked_for_are_left(town: Town) -> None:
    town.ingest(street("main", (LON, LAT), (LON, LAT + 1)), layers=("roads",))
    report = town.ingest(school("a"), street("other", (LON, LAT), (LON, LAT + 1)), layers=("facilities",))
    assert list(report.layers) == ["facilities"]
    assert list(town.features("roads")) == ["main"]


def test_what_is_bad_is_kept_with_its_reason(town: Town) -> None:
    bad = [
        (school("nan", math.nan), NO_NUMBER),
        (school("infinite", math.inf), NO_NUMBER),
        (school("far east", 181), NOT_IN_DEGREES),
        (school("swapped", 53.9, 127.5), NOT_IN_DEGREES),
        (school("metres", 6672000, 25497000), NOT_IN_DEGREES),
        (school("pole", 27.5, 90), NOT_IN_DEGREES),
        (school("kindless", kind=None), "kind is missing"),
        (record("facilities", "line", "LINESTRING (27 53, 28 54)"), NO_POINT),
        (record("facilities", "mixed", "GEOMETRYCOLLECTION (POINT (27 53), LINESTRING (27 53, 28 54))"), NO_POINT),
        (record("facilities", "empty", "POINT EMPTY"), NO_GEOMETRY),
        (record("facilities", "hollow", "GEOMETRYCOLLECTION EMPTY"), NO_GEOMETRY),
        (school("good", name="the second"), SECOND),
    ]
    report = town.ingest(school("good", name="the first"), *(each for each, _ in bad)).layers["facilities"]
    assert accounted(report)
    assert (report.read, report.added) == (len(bad) + 1, 1)
    assert town.features("facilities")["good"]["name"] == "the first"
    kept = town.rejects()
    assert {each["source_id"]: each["reason"] for each in kept} == {each.source_id: why for each, why in bad}
    assert report.rejected[NOT_IN_DEGREES] == 4
    records = {each["source_id"]: each["record"] for each in kept}
    assert records["swapped"]["geom"] == "POINT(53.9 127.5)"
    assert records["kindless"]["kind"] is None
    assert records["good"]["name"] == "the second"


def test_bad_areas_are_repaired_where_that_leaves_an_area(town: Town) -> None:
    given = {
        "bow tie": "POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))",
        "spike": "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 9, 0 4, 0 0))",
        "flat": "POLYGON ((0 0, 2 0, 1 0, 0 0))",
        "road": "LINESTRING (0 0, 2 0)",
        "whole": "POLYGON ((0 0, 1 0, 1 1, 0 0))",
    }
    report = town.ingest(*(here("buildings", name, wkt) for name, wkt in given.items()), layers=("buildings",))
    account = report.layers["buildings"]
    assert accounted(account)
    assert account.rejected == {"the geometry is no polygon": 1, NOTHING_LEFT: 1}
    shapes = {source_id: shapely.from_wkt(row["wkt"]) for source_id, row in town.features("buildings").items()}
    assert all(each.is_valid for each in shapes.values())
    areas = {source_id: each.area * 1e6 for source_id, each in shapes.items()}
    assert areas == {name: pytest.approx(area) for name, area in {"bow tie": 2, "spike": 16, "whole": 0.5}.items()}
    assert account.repaired == 2


def test_heights_and_lonely_parts_are_flattened(town: Town) -> None:
    town.ingest(
        record("roads", "z", "LINESTRING Z (27 53 150, 28 54 160)", road_class="path"),
        record("roads", "one part", "MULTILINESTRING ((27 53, 28 54))", road_class="path"),
        record("roads", "two parts", "MULTILINESTRING ((27 53, 28 54), (29 55, 30 56))", road_class="path"),
        layers=("roads",),
    )
    assert {source_id: row["wkt"] for source_id, row in town.features("roads").items()} == {
        "z": "LINESTRING(27 53,28 54)",
        "one part": "LINESTRING(27 53,28 54)",
        "two parts": "MULTILINESTRING((27 53,28 54),(29 55,30 56))",
    }


def test_columns_without_a_value_get_their_default(town: Town) -> None:
    town.ingest(street("main", (LON, LAT), (LON + 1, LAT)), layers=("roads",))
    road = town.features("roads")["main"]
    assert (road["one_way"], road["bridge"], road["tunnel"], road["foot"]) == ("both", False, False, None)


def test_a_report_stays_short_however_many_reasons_there_are(town: Town) -> None:
    rejects = [Reject("facilities", f"{nth}", f"a reason of its own, {nth}", {}) for nth in range(50)]
    report = town.ingest(*(school(f"kindless {nth}", kind=None) for nth in range(3)), *rejects).layers["facilities"]
    assert accounted(report)
    assert report.rejected["kind is missing"] == 3
    assert len(report.rejected) < 30
    assert len(town.rejects()) == 53


def test_a_territory_or_layer_that_is_not_there_is_named(town: Town) -> None:
    with pytest.raises(NotFoundError, match=r"no territory 'atlantis'; it has: .*town"):
        Town(town.engine, "atlantis").ingest(school("a"))
    with pytest.raises(NotFoundError, match="no layer 'schools'"):
        town.ingest(school("a"), layers=("schools",))


def test_progress_is_told(town: Town) -> None:
    told: list[tuple[int, float | None]] = []
    ingest(
        town.engine,
        Given(*(school(f"{nth}") for nth in range(2500))),
        territory=town.id,
        source="given",
        file_name="given.dat",
        fingerprint="",
        layers=["facilities"],
        progress=lambda number, share: told.append((number, share)),
    )
    assert [number for number, _ in told] == [1000, 2000]
