"""Features edited one by one, by several people at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from town import LAT, LON, Town, forget, record, school

from layers import quality
from layers.access.roles import engine_for, grant, revoke
from layers.catalog import all_layers, find
from layers.crs import CRS84, epsg
from layers.editing import editing
from layers.editing.documents import read_changes, read_whole
from layers.errors import InvalidFeatureError, NotAllowedError, NotFoundError, StaleError
from layers.territories.packs import around
from layers.territories.territory import register

FACILITIES = find("facilities")


def document(**properties: Any) -> dict[str, Any]:
    place = {"type": "Point", "coordinates": [LON, LAT]}
    return {"type": "Feature", "geometry": place, "properties": {"kind": "school", **properties}}


@pytest.fixture
def editor(town: Town) -> Iterator[Engine]:
    """Connections with the rights of an editor of the town."""
    with town.engine.begin() as connection:
        grant(connection, "emil", "editor", town.id)
    yield engine_for("emil")
    with town.engine.begin() as connection:
        revoke(connection, "emil", town.id)


def test_of_two_who_have_seen_the_same_only_one_changes_it(town: Town, editor: Engine) -> None:
    """The second waits for the first, and then learns that it was late."""
    with editor.begin() as connection:
        made, seen = editing.create(connection, FACILITIES, document(name="as made"))

    def change(name: str) -> str:
        with editor.begin() as connection:
            patch = {"properties": {"name": name}}
            return editing.update(connection, FACILITIES, made, patch, state=seen)

    with ThreadPoolExecutor() as pool:
        with editor.begin() as first:
            editing.update(first, FACILITIES, made, {"properties": {"name": "first"}}, state=seen)
            second = pool.submit(change, "second")
            with pytest.raises(TimeoutError):
                second.result(timeout=1)
        with pytest.raises(StaleError):
            second.result(timeout=60)
    [row] = town.features("facilities").values()
    assert (row["name"], row["updated_by"]) == ("first", "emil")
    assert row["run"] is None


def test_what_is_edited_passes_the_checks_of_quality(town: Town, editor: Engine) -> None:
    with editor.begin() as connection:
        editing.create(connection, FACILITIES, document(name="good", capacity=5))
    assert quality.check(town.engine, town.id, ["facilities"]).findings.empty


def test_a_feature_of_a_source_is_changed_and_told_apart(town: Town, editor: Engine) -> None:
    town.ingest(school("a", name="of the source"))
    row = town.features("facilities")["a"]
    with editor.begin() as connection:
        editing.replace(connection, FACILITIES, row["id"], document(name="by hand", source="given", source_id="a"))
        with pytest.raises(InvalidFeatureError, match="/properties/source_id: stays 'a'"):
            editing.replace(connection, FACILITIES, row["id"], document(source_id="b"))
    assert town.features("facilities")["a"]["name"] == "by hand"


def test_rights_end_at_the_border(town: Town, editor: Engine) -> None:
    other = around("beside", (27.60, 53.88, 27.70, 53.92))
    with town.engine.begin() as connection:
        register(connection, other)
    try:
        elsewhere = document()
        elsewhere["geometry"]["coordinates"] = [27.65, 53.90]
        with editor.begin() as connection:
            with pytest.raises(NotAllowedError, match="beside"):
                editing.create(connection, FACILITIES, elsewhere)
            made, _ = editing.create(connection, FACILITIES, elsewhere, territory=town.id)
            with pytest.raises(InvalidFeatureError, match="must be one of town"):
                editing.create(connection, FACILITIES, document(territory="beside"), territory=town.id)
            with pytest.raises(NotFoundError):
                editing.delete(connection, FACILITIES, made, territory="beside")
    finally:
        forget(town.engine, other.id)


def test_a_time_without_a_zone_is_utc_and_a_place_is_not_always_needed(town: Town, editor: Engine) -> None:
    incident = document(category="fire", occurred_at="2020-02-29T10:20:30")
    del incident["properties"]["kind"]
    with editor.begin() as connection:
        editing.create(connection, find("incidents"), incident)
        nowhere = {"type": "Feature", "geometry": None, "properties": {"name": "Nobody's"}}
        with pytest.raises(InvalidFeatureError, match="/properties/territory"):
            editing.create(connection, find("organisations"), nowhere)
        editing.create(connection, find("organisations"), nowhere, territory=town.id)
    [row] = town.features("incidents").values()
    assert row["occurred_at"] == dt.datetime(2020, 2, 29, 10, 20, 30, tzinfo=dt.UTC)
    [row] = town.features("organisations").values()
    assert row["wkt"] is None


def test_a_patch_leaves_a_geometry_alone_to_the_last_digit(town: Town, editor: Engine) -> None:
    town.ingest(record("facilities", "a", "POINT (27.5500000000123 53.9000000000456)", kind="school"))
    row = town.features("facilities")["a"]
    with editor.begin() as connection:
        editing.update(connection, FACILITIES, row["id"], {"properties": {"name": "x"}})
        same = editing.state_of(connection, FACILITIES, row["id"])
        assert editing.update(connection, FACILITIES, row["id"], {}) == same
    assert town.features("facilities")["a"]["wkt"] == row["wkt"]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
TIMES = st.sampled_from(["2020-02-30", "2020-01-01T10:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
VALUES = st.recursive(SCALARS | TIMES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-200, 200)
KINDS = st.sampled_from(["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "Circle"])
PLACES = st.recursive(st.lists(NUMBERS, max_size=4), lambda inner: st.lists(inner, max_size=5), max_leaves=8)
GEOMETRIES = st.fixed_dictionaries({"type": KINDS, "coordinates": PLACES}) | VALUES
LAYERS = st.sampled_from(sorted(all_layers())).map(find)


@settings(max_examples=100, deadline=None)
@given(st.data(), LAYERS, GEOMETRIES, st.sampled_from([CRS84, epsg(4326), epsg(3067)]))
def test_whatever_is_sent_is_taken_or_refused(data: st.DataObject, model: Any, geometry: Any, crs: Any) -> None:
    names = [each.name for each in model.columns]
    properties = data.draw(st.dictionaries(st.sampled_from([*names, "tags", "territory", "bogus"]), VALUES) | VALUES)
    sent = {"type": "Feature", "geometry": geometry, "properties": properties}
    for read in (lambda: read_whole(model, sent, crs), lambda: read_changes(model, document(tags={}), sent, crs)):
        with suppress(InvalidFeatureError):
            assert set(read().values) <= {*names, "tags", "geom"}
