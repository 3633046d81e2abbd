"""Layers that aren't like the others: of mixed shapes, without places, with links, computed columns, contacts."""

from __future__ import annotations

import json
import math

import mapbox_vector_tile
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from town import LAT, LON, Town, record

from layers.access.roles import act_as, grant
from layers.catalog import all_layers
from layers.history.history import undo
from layers.reading import store
from layers.sources.records import Record
from layers.tiles import tiles

BOWTIE = "POLYGON ((27.55 53.9, 27.56 53.91, 27.56 53.9, 27.55 53.91, 27.55 53.9))"
SQUARE = "POLYGON ((27.55 53.9, 27.55 53.91, 27.56 53.91, 27.56 53.9, 27.55 53.9))"
PLACE = f"POINT ({LON} {LAT})"


def report(source_id: str, organisation: str | None = None) -> Record:
    return record("reports", source_id, PLACE, category="road", status="open", organisation=organisation)


def organisation(source_id: str, **values: str) -> Record:
    return Record("organisations", source_id, None, values, {})


def scalar(town: Town, statement: str) -> object:
    with town.engine.connect() as connection:
        return connection.execute(text(statement), {"town": town.id}).scalar()


def test_works_may_be_points_lines_and_areas(town: Town) -> None:
    items = [
        record("projects", "crossing", PLACE, status="planned"),
        record("projects", "street", "LINESTRING (27.55 53.9, 27.56 53.91)", status="running"),
        record("projects", "quarter", BOWTIE, status="done"),
        record("projects", "all", "GEOMETRYCOLLECTION (POINT (27.55 53.9), LINESTRING (27.55 53.9, 27.56 53.91))"),
    ]
    account = town.ingest(*items, layers=("projects",)).layers["projects"]
    assert (account.added, account.repaired) == (3, 1)
    assert list(account.rejected.values()) == [1]
    found = {source_id: row["wkt"].split("(")[0].strip() for source_id, row in town.features("projects").items()}
    assert found == {"crossing": "POINT", "street": "LINESTRING", "quarter": "MULTIPOLYGON"}
    for z in (10, 12, 15):
        row = int((1 - math.asinh(math.tan(math.radians(LAT + 0.0001))) / math.pi) / 2 * 2**z)
        with town.engine.connect() as connection:
            tile = tiles.tile(connection, ["projects"], z=z, row=row, col=int((LON + 0.0001 + 180) / 360 * 2**z))
        drawn = mapbox_vector_tile.decode(tile)["projects"]["features"]
        assert {each["properties"]["status"] for each in drawn} == {"planned", "running", "done"}


def test_an_organisation_needs_no_place_and_reports_lead_to_it(town: Town) -> None:
    """Loads may come in any order: the link is a rule, so that the report is there before its organisation."""
    town.ingest(report("1", "water"), report("2"), report("3", "nobody"), layers=("reports",))
    town.ingest(organisation("water", name="Vodakanal"), layers=("organisations",), source="register")
    joined = (
        "SELECT string_agg(r.source_id || ' ' || o.name, ',') FROM reports AS r JOIN organisations AS o"
        " ON o.territory = r.territory AND o.source_id = r.organisation WHERE r.territory = :town"
    )
    assert scalar(town, joined) == "1 Vodakanal"
    with town.engine.connect() as connection:
        query = store.Query(territory=town.id, limit=10)
        [page] = store.read_page(connection, "organisations", query).features
        assert json.loads(page)["geometry"] is None
        assert store.read_frame(connection, "organisations", query).geometry.isna().all()
        assert store.extent(connection, "organisations", town.id) is None
        assert tiles.tile(connection, ["organisations"], z=12, row=1340, col=2361) == b""


def test_a_layer_whose_features_have_places_takes_none_without(town: Town) -> None:
    account = town.ingest(
        report("1"), Record("reports", "2", None, {"category": "road"}, {}), layers=("reports",)
    ).layers["reports"]
    assert (account.added, account.rejected) == (1, {"there is no geometry": 1})


def test_the_area_is_worked_out_and_survives_being_taken_back(town: Town) -> None:
    town.ingest(record("green_spaces", "park", SQUARE, kind="park", area_m2=1.0), layers=("green_spaces",))
    before = town.features("green_spaces")["park"]
    side_m = 0.01 * 111_300
    assert before["area_m2"] == pytest.approx(side_m**2 * math.cos(math.radians(LAT)), rel=0.01)
    with town.engine.begin() as connection:
        connection.execute(text("UPDATE green_spaces SET geom = ST_Scale(geom, 0.5, 0.5) WHERE territory = 'town'"))
    assert town.features("green_spaces")["park"]["area_m2"] != before["area_m2"]
    with town.engine.begin() as connection:
        undo(connection, "green_spaces", before["id"])
    assert town.features("green_spaces")["park"]["area_m2"] == before["area_m2"]
    assert scalar(town, "SELECT count(area_m2) FROM history.green_spaces WHERE territory = :town") == 2


@pytest.mark.parametrize(("geometry", "total", "density"), [(SQUARE, 100.0, 137), (SQUARE, None, None)])
def test_density_is_people_by_ground(town: Town, geometry: str, total: float | None, density: float | None) -> None:
    town.ingest(record("population", "cell", geometry, total=total), layers=("population",))
    found = town.features("population")["cell"]["density_km2"]
    assert found == (None if density is None else pytest.approx(density, rel=0.01))


@pytest.fixture
def reported(town: Town) -> Town:
    """The town with two reports, one by a person who left a name."""
    town.ingest(report("1"), report("2"), layers=("reports",))
    with town.engine.begin() as connection:
        add_contact(connection, "1")
        for name, role in (("vera", "viewer"), ("anna", "analyst"), ("emil", "editor")):
            grant(connection, name, role, town.id)
    return town


def add_contact(connection: Connection, source_id: str, territory: str = "town") -> None:
    statement = text(
        "INSERT INTO report_contacts (report, territory, name, phone)"
        " SELECT id, :territory, 'Jan', '+375 29' FROM reports WHERE source_id = :id AND territory = 'town'"
    )
    connection.execute(statement, {"id": source_id, "territory": territory})


def test_contacts_are_for_editors(reported: Town) -> None:
    for name, number in ((None, 0), ("vera", 0), ("anna", 0), ("other", 0), ("emil", 1)):
        with reported.engine.begin() as connection:
            act_as(connection, name)
            seen = connection.execute(text("SELECT count(*) FROM report_contacts WHERE territory = 'town'")).scalar()
            changed = connection.execute(text("UPDATE report_contacts SET phone = 'x'")).rowcount
            assert (seen, changed) == (number, number), name


@pytest.mark.parametrize("name", [None, "vera", "anna", "other"])
def test_only_editors_add_contacts(reported: Town, name: str | None) -> None:
    with reported.engine.begin() as connection:
        act_as(connection, name)
        with pytest.raises(DBAPIError, match="row-level security"):
            add_contact(connection, "2")


def test_a_contact_belongs_to_a_report_of_its_territory(reported: Town) -> None:
    with reported.engine.begin() as connection:
        connection.execute(text("INSERT INTO territories (id, title, metric_srid) VALUES ('else', '{}', 3857)"))
    try:
        with reported.engine.begin() as connection, pytest.raises(IntegrityError, match="foreign key"):
            add_contact(connection, "2", territory="else")
        with reported.engine.begin() as connection, pytest.raises(IntegrityError, match="report_contacts"):
            connection.execute(text("INSERT INTO report_contacts (report, territory) VALUES (-1, 'town')"))
    finally:
        with reported.engine.begin() as connection:
            connection.execute(text("DELETE FROM territories WHERE id = 'else'"))


def test_a_contact_goes_with_its_report_and_leaves_no_history(reported: Town) -> None:
    assert scalar(reported, "SELECT count(*) FROM report_contacts WHERE territory = :town") == 1
    reported.ingest(report("2"), layers=("reports",))
    assert scalar(reported, "SELECT count(*) FROM report_contacts WHERE territory = :town") == 0
    assert scalar(reported, "SELECT count(*) FROM history.reports WHERE territory = :town") == 1
    assert scalar(reported, "SELECT to_regclass('history.report_contacts')") is None
    assert "report_contacts" not in all_layers()
