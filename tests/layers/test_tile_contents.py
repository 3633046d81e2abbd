"""What is in a tile and what isn't: generalised, thinned, selected and filtered."""

from __future__ import annotations

import datetime as dt
import zlib
from typing import Any

import pytest
import shapely
from sqlalchemy import Connection, Engine, text
from tiling import Address, by_id, decode, fetch
from town import LAT, LON, PLACE, Town, record, school, street

from geo.errors import InvalidInputError
from layers.catalog import find
from layers.cql2 import parse_filter
from layers.tiles.tiles import MAX_BYTES, TileRequest, make, share_that_fits, statement, tile

Feature = dict[str, Any]


def square(west: float, south: float, side: float) -> shapely.Polygon:
    return shapely.box(west, south, west + side, south + side)


def wanted(connection: Connection, address: Address, layer: str, **options: Any) -> list[Feature]:
    content = tile(connection, [layer], z=address.z, row=address.row, col=address.col, **options)
    return decode(content).get(layer, [])


def share_of(connection: Connection, address: Address, layer: str, share: float) -> list[Feature]:
    """The features of a tile of which only a share is wanted."""
    request = TileRequest(layers=(layer,), z=address.z, row=address.row, col=address.col)
    sql, values = statement(request, share=share)
    return decode(connection.exec_driver_sql(sql, values).scalar_one()).get(layer, [])


def test_far_away_lines_that_look_alike_are_one_and_what_is_small_goes_with_the_whole(town: Town) -> None:
    """A street in pieces shorter than a pixel is drawn whole; two pieces that lie alone and are as short are not."""
    step = 0.0002
    pieces = [
        street(f"{nth}", (LON + nth * step, LAT), (LON + (nth + 1) * step, LAT), road_class="primary")
        for nth in range(60)
    ]
    alone = street("alone", (LON, LAT + 0.01), (LON + step, LAT + 0.01), road_class="secondary")
    town.ingest(*pieces, alone, layers=("roads",))
    with town.engine.connect() as connection:
        address = Address.at(9, LON, LAT)
        [drawn] = decode(fetch(connection, address, "roads"))["roads"]
        assert drawn["properties"] == {"road_class": "primary"}
        assert "id" not in drawn or drawn["id"] == 0
        true = address.units(shapely.LineString([(LON, LAT), (LON + 60 * step, LAT)]))
        assert drawn["geometry"].length == pytest.approx(true.length, abs=4)
        assert len(shapely.get_coordinates(drawn["geometry"])) == 2
        near = by_id(decode(fetch(connection, Address.at(13, LON, LAT), "roads"))["roads"])
    assert near.keys() <= {row["id"] for row in town.features("roads").values()}


def test_a_line_that_was_not_merged_keeps_its_id(town: Town) -> None:
    town.ingest(street("a", (LON, LAT), (LON + 0.1, LAT), road_class="motorway"), layers=("roads",))
    with town.engine.connect() as connection:
        [drawn] = decode(fetch(connection, Address.at(7, LON, LAT), "roads"))["roads"]
    assert drawn["id"] == town.features("roads")["a"]["id"]


def test_areas_below_a_pixel_are_left_out(town: Town) -> None:
    pixel = 360 / 2**12 / 256
    sizes = {"small": 0.7 * pixel, "large": 1.3 * pixel}
    town.ingest(
        *(record("buildings", name, square(LON, LAT, side)) for name, side in sizes.items()), layers=("buildings",)
    )
    kept = {row["id"]: name for name, row in town.features("buildings").items()}
    with town.engine.connect() as connection:
        for z, names in ((12, {"large"}), (13, {"large", "small"})):
            drawn = wanted(connection, Address.at(z, LON, LAT), "buildings")
            assert {kept[each["id"]] for each in drawn} == names, z


def test_labels_come_when_they_are_written(town: Town) -> None:
    town.ingest(street("a", (LON, LAT), (LON + 0.01, LAT), name="Вуліца", road_class="primary"), layers=("roads",))
    label_from = find("roads").layer.style.label_min_zoom
    with town.engine.connect() as connection:
        for z in range(8, 17):
            [drawn] = wanted(connection, Address.at(z, LON, LAT), "roads")
            assert ("name" in drawn["properties"]) == (z >= label_from), z


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_of_a_share_the_most_important_are_there(town: Town, share: float) -> None:
    """The classes that lie on top first, then the longest."""
    classes = ("motorway", "primary", "residential", "service")
    town.ingest(
        *(
            street(f"{kind} {nth}", (LON, LAT), (LON + 0.001 * nth, LAT + 0.001), road_class=kind)
            for kind in classes
            for nth in range(1, 6)
        ),
        layers=("roads",),
    )
    names = {row["id"]: name for name, row in town.features("roads").items()}
    by_importance = [f"{kind} {nth}" for kind in classes for nth in range(5, 0, -1)]
    with town.engine.connect() as connection:
        drawn = share_of(connection, Address.at(14, LON, LAT), "roads", share)
        assert share_of(connection, Address.at(14, LON, LAT), "roads", share) == drawn
    assert {names[each["id"]] for each in drawn} == set(by_importance[: int(20 * share)])


def test_of_a_share_of_clusters_the_largest_are_there(town: Town) -> None:
    points = [school(f"{x} {nth}", LON + 0.01 * x) for x in range(4) for nth in range(x + 1)]
    town.ingest(*points)
    with town.engine.connect() as connection:
        drawn = share_of(connection, Address.at(11, LON, LAT), "facilities", 0.5)
    assert sorted(each["properties"]["point_count"] for each in drawn) == [3, 4]


def test_no_tile_is_larger_than_the_bound_however_much_is_in_it(town: Town) -> None:
    """Eleven thousand businesses in one place, whose names can't be compressed."""
    statement = text(
        "INSERT INTO businesses (territory, source, source_id, category, name, geom)"
        " SELECT :town, 'made', n::text, 'shop', md5(n::text) || md5((-n)::text) || md5((n * 7)::text),"
        " ST_SetSRID(ST_MakePoint(:lon + (n % 97) * 1e-5, :lat + (n % 89) * 1e-5), 4326)"
        " FROM generate_series(1, 11000) AS n"
    )
    with town.engine.begin() as connection:
        connection.execute(statement, {"town": town.id, "lon": LON, "lat": LAT})
    address = Address.at(15, LON, LAT)
    request = TileRequest(layers=("businesses",), z=15, row=address.row, col=address.col)
    with town.engine.connect() as connection:
        whole = connection.exec_driver_sql(*_of(request)).scalar_one()
        bound = make(connection, request)
        assert make(connection, request) == bound
    assert len(zlib.compress(whole, 5)) > MAX_BYTES > len(zlib.compress(bound, 5)) > 0.7 * MAX_BYTES
    drawn, all_of_them = decode(bound)["businesses"], decode(whole)["businesses"]
    assert len(all_of_them) == 11_000
    assert 6_000 < len(drawn) < 11_000


def _of(request: TileRequest) -> tuple[str, dict[str, Any]]:
    return statement(request)


def test_a_share_that_fits_is_found_in_a_few_steps() -> None:
    assert share_that_fits(b"\0" * 10 * MAX_BYTES) is None
    dense = bytes(range(256)) * 2 + zlib.compress(b"seed")
    state, large = 1, bytearray()
    for _ in range(2 * MAX_BYTES):
        state = state * 1_103_515_245 + 12_345 & 0x7FFFFFFF
        large.append(state >> 16 & 0xFF)
    first = share_that_fits(bytes(large))
    assert first is not None
    assert 0.4 < first < 0.5
    second = share_that_fits(bytes(large), first)
    assert second is not None
    assert second < first / 2
    assert share_that_fits(bytes(large), 1e-9) == 0
    assert share_that_fits(dense) is None


def test_only_the_columns_asked_for_are_there(town: Town) -> None:
    town.ingest(street("a", (LON, LAT), (LON + 0.01, LAT), name="A", lanes=2), layers=("roads",))
    with town.engine.connect() as connection:
        for z in (12, 15):
            for columns in ((), ("lanes",), ("lanes", "road_class")):
                [drawn] = wanted(connection, Address.at(z, LON, LAT), "roads", columns=columns)
                there = {"road_class"} if z == 12 else {"lanes", "road_class"}
                assert drawn["properties"].keys() == there & set(columns)


@pytest.mark.parametrize("z", [9, 13, 16])
def test_a_filter_holds_in_tiles(town: Town, z: int) -> None:
    kinds = ("primary", "secondary", "primary' OR '1'='1", "100%", "%(x0)s")
    town.ingest(
        *(street(kind, (LON, LAT), (LON + 0.05, LAT + 0.05), road_class=kind) for kind in kinds), layers=("roads",)
    )
    ids = {row["id"]: name for name, row in town.features("roads").items()}
    with town.engine.connect() as connection:
        for kind in kinds[:2] if z < 13 else kinds:
            asked = parse_filter("road_class = '{}'".format(kind.replace("'", "''")))
            drawn = wanted(connection, Address.at(z, LON, LAT), "roads", filter=asked)
            assert [ids[each["id"]] for each in drawn] == [kind]
        inside = parse_filter(f"S_INTERSECTS(geometry, BBOX({LON + 1}, {LAT + 1}, {LON + 2}, {LAT + 2}))")
        assert wanted(connection, Address.at(z, LON, LAT), "roads", filter=inside) == []
        with pytest.raises(InvalidInputError, match="no property 'levels'"):
            wanted(connection, Address.at(z, LON, LAT), "roads", filter=parse_filter("levels > 3"))


def test_tiles_are_of_a_territory_a_time_and_a_moment(town: Town) -> None:
    fires = [
        record(
            "incidents", f"{year}", shapely.Point(LON, LAT + year / 1e5), category="fire", occurred_at=f"{year}-06-01"
        )
        for year in (2019, 2020, 2021)
    ]
    timeless = record("incidents", "timeless", shapely.Point(LON, LAT + 0.02020), category="rescue")
    town.ingest(*fires, timeless, layers=("incidents",))
    address = Address.at(15, LON, LAT + 0.02020)
    with town.engine.connect() as connection:
        before = connection.execute(text("SELECT clock_timestamp()")).scalar_one()

        def years(**options: Any) -> set[str]:
            drawn = wanted(connection, address, "incidents", **options)
            return {each["properties"].get("occurred_at", "none")[:4] for each in drawn}

        assert years(territory=PLACE.id) == {"2019", "2020", "2021", "none"}
        assert years(territory="nowhere") == set()
        start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        assert years(time=(start, None)) == {"2020", "2021", "none"}
        assert years(time=(None, start)) == {"2019", "none"}
    town.ingest(fires[0], layers=("incidents",))
    with town.engine.connect() as connection:
        assert years() == {"2019"}
        assert years(as_of=before) == {"2019", "2020", "2021", "none"}
        assert years(as_of=before, time=(start, None), filter=parse_filter("category = 'fire'")) == {"2020", "2021"}
        assert years(as_of=start) == set()


def test_tiles_of_the_past_are_generalised_as_those_of_today(helsinki: Engine) -> None:
    with helsinki.connect() as connection:
        now = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        for layer, z in (("roads", 11), ("roads", 13), ("buildings", 13), ("businesses", 13), ("buildings", 15)):
            address = Address.at(z, 24.9446, 60.1700)
            today = fetch(connection, address, layer)
            assert today
            assert tile(connection, [layer], z=z, row=address.row, col=address.col, as_of=now) == today


def test_a_filter_of_alternatives_stays_within_the_tile_and_the_territory(town: Town) -> None:
    town.ingest(
        street("here", (LON, LAT), (LON + 0.001, LAT), road_class="primary"),
        street("there", (LON + 0.03, LAT), (LON + 0.031, LAT), road_class="service"),
        layers=("roads",),
    )
    either = parse_filter("road_class = 'primary' OR road_class = 'service'")
    with town.engine.connect() as connection:
        drawn = wanted(connection, Address.at(16, LON, LAT), "roads", filter=either)
        assert [each["properties"]["road_class"] for each in drawn] == ["primary"]
        assert wanted(connection, Address.at(16, LON, LAT), "roads", filter=either, territory="nowhere") == []
