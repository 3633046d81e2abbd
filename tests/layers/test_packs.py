"""The packs of the platform: that they are whole and load where their files are, and that cities roll up to regions."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import yaml
from jsonschema import Draft202012Validator
from sqlalchemy import Engine
from town import forget

from layers.catalog import find
from layers.city import City
from layers.processes.runner import run
from layers.reading import store
from layers.settings import get_settings
from layers.sources.files import FeaturesSource
from layers.territories.adapting import Adaptation, adapt, check_pack
from layers.territories.norms import NORMS
from layers.territories.packs import PACKS, pack_schema, read_pack
from layers.territories.territory import find_territory, registered

NAMES = sorted(file.stem for file in PACKS.glob("*.yml"))
SCHEMA = PACKS / "schema.json"


def needs(*files: str) -> None:
    """Skip a test where the data folder has not these files."""
    missing = [file for file in files if not (get_settings().data / file).exists()]
    if missing:
        pytest.skip(f"no {', '.join(missing)} in HORAD_DATA")


def test_there_are_packs_of_a_city_a_country_and_a_region() -> None:
    assert {"helsinki", "liechtenstein", "minsk", "belarus"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_is_whole(name: str) -> None:
    """Its metric CRS measures to two parts in a thousand; what every feature must have is mapped."""
    pack = read_pack(name)
    assert pack.id == name
    assert pack.box is not None
    west, south, east, north = pack.box
    factors = pyproj.Proj(pack.metric_crs).get_factors(np.array([west, west, east, east]), np.array([south, north] * 2))
    assert np.abs(factors.meridional_scale - 1).max() < 2e-3
    for source in pack.sources:
        if isinstance(source, FeaturesSource):
            required = {column.name for column in find(source.layer).columns if column.required}
            assert required <= set(source.columns or {}), source.id


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_in_a_pack_where_its_files_are(name: str) -> None:
    needs(*(place.data for source in read_pack(name).sources for place in getattr(source, "places", ())
            if place.data and "{" not in place.data))  # fmt: skip
    assert check_pack(name) == []


def test_a_pack_without_its_files_says_which_are_missing(data_folder: Path) -> None:
    problems = {each.path: each.text for each in check_pack("belarus")}
    assert "belarus_oblasts.geojson" in problems["boundary"]
    for source in ("towns", "wages", "raions", "night-lights"):
        assert "none of its places has it" in problems[f"sources.{source}"]


@pytest.mark.parametrize("name", NAMES)
def test_packs_fit_the_schema_that_editors_use(name: str) -> None:
    text = (PACKS / f"{name}.yml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    validator = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert [each.message for each in validator.iter_errors(yaml.safe_load(text))] == []


def test_the_schema_is_that_of_the_models() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == pack_schema(), (
        "the schema is not current: horad adapt --schema > data/territories/schema.json"
    )
    Draft202012Validator.check_schema(pack_schema())


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "Минск"},
        {"colour": "red"},
        {"title": {"en": "Minsk"}},
        {"sources": [{"kind": "shapefile"}]},
        {"sources": [{"kind": "osm", "id": "a"}]},
        {"boundary": [1, 2, 3]},
    ],
)
def test_the_schema_finds_mistakes_of_form(wrong: dict[str, Any]) -> None:
    good = {
        "id": "a",
        "title": {"be": "А", "ru": "А", "en": "A"},
        "metric_crs": "EPSG:32635",
        "boundary": [27, 53, 28, 54],
    }
    validator = Draft202012Validator(pack_schema())
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, **wrong})


def test_norms_have_titles_and_units_that_their_names_tell() -> None:
    for name, norm in NORMS.items():
        assert set(norm.title) == {"be", "ru", "en"}
        assert re.search(r"_(m|min|days|per_1000|per_person)$", name), name
        assert norm.unit


Load = Callable[[str], Adaptation]


@pytest.fixture(scope="module")
def load(engine: Engine) -> Iterator[Load]:
    """Adapt the session's database to a pack, once; at the end what was added is gone."""
    before = set()
    with engine.connect() as connection:
        before = {each["id"] for each in registered(connection)}
    done: dict[str, Adaptation] = {}

    def adapted(name: str) -> Adaptation:
        if name not in done:
            done[name] = adapt(engine, read_pack(name))
        return done[name]

    yield adapted
    for name in ("minsk", "belarus", "liechtenstein"):
        if name not in before:
            forget(engine, name)


def read(engine: Engine, layer: str, territory: str) -> Any:
    with engine.connect() as connection:
        return store.read_frame(connection, layer, store.Query(territory=territory))


def test_minsks_reports_are_all_there(load: Load, engine: Engine) -> None:
    reports, organisations = "minsk_115/minsk_115_reports_2015-11_2019-06.csv.gz", "minsk_115/organizations.csv"
    needs(reports, organisations)
    done = load("minsk")
    assert done.failed == []
    with gzip.open(get_settings().data / reports, "rt", encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    [account] = next(
        each.report for each in done.outcomes if each.source == "reports-115" and each.report
    ).layers.values()
    assert (account.read, account.added + sum(account.rejected.values())) == (len(rows), len(rows))
    assert sum(account.rejected.values()) < 20
    frame = read(engine, "reports", "minsk")
    with engine.connect() as connection:
        ids = dict(connection.exec_driver_sql("SELECT id, source_id FROM reports WHERE territory = 'minsk'").all())
    frame["row"] = [rows[ids[each]] for each in frame.index]
    assert Counter(frame["status"]) == Counter(
        {"5": "done", "4": "code 4", "7": "code 7"}[row["status"]] for row in frame["row"]
    )
    assert set(frame["time_precision"]) == {"day"}
    assert all(frame["opened_at"].dt.strftime("%Y-%m-%d") == [row["opened"] for row in frame["row"]])
    assert all(frame["due_at"].dt.strftime("%Y-%m-%d") == [row["planned"] for row in frame["row"]])
    assert frame["rating"].notna().sum() == sum(row["rating"] != "0" for row in frame["row"])
    assert frame["organisation"].nunique() > 100
    names = read(engine, "organisations", "minsk")["name"]
    assert "Управление образования, спорта и туризма Заводского района" in set(names)
    assert names.notna().all()


def test_the_reports_outside_of_the_old_outline_are_there(load: Load, engine: Engine) -> None:
    needs("minsk_115", "belarus/belarus_oblasts.geojson")
    load("minsk")
    load("belarus")
    with engine.connect() as connection:
        inside, known = connection.exec_driver_sql(
            "SELECT count(*) FILTER (WHERE ST_Intersects(r.geom, d.geom)), count(*) FROM reports AS r, districts AS d"
            " WHERE r.territory = 'minsk' AND d.code = 'BY-HM'"
        ).one()
    assert 0.2 < 1 - inside / known < 0.35


def test_belarus_has_its_districts_towns_and_figures(load: Load, engine: Engine) -> None:
    needs("belarus", "belarus/nightlights")
    done = load("belarus")
    assert done.failed == []
    districts = read(engine, "districts", "belarus")
    assert Counter(districts["level"]) == {"raion": 118, "oblast": 7}
    assert districts.loc[districts["level"] == "oblast", "population"].sum() == 9_056_080
    codes = set(districts["code"])
    assert set(districts["parent"].dropna()) < codes
    towns = read(engine, "places", "belarus")
    assert len(towns) == 94
    assert set(towns["district"].dropna()) <= codes
    figures = read(engine, "indicators", "belarus")
    measures = Counter(figures["measure"])
    assert (measures["population"], measures["wage"]) == (2_707 + 623, 2_160)
    assert set(figures.loc[figures["subject_layer"] == "districts", "subject"]) <= codes
    with (get_settings().data / "belarus/city_population.csv").open() as file:
        expected = {(row["city_id"], row["year"]): float(row["population"]) for row in csv.DictReader(file)}
    of_towns = figures[(figures["measure"] == "population") & (figures["subject_layer"] == "places")]
    years = of_towns["observed_at"].dt.strftime("%Y")
    assert dict(zip(zip(of_towns["subject"], years, strict=True), of_towns["value"], strict=True)) == expected
    assert set(of_towns["time_precision"]) == {"year"}
    wages = figures[(figures["measure"] == "wage") & (figures["subject"] == "BY-HM")]
    assert len(wages) == 16
    assert "13 " in next(each.note for each in done.outcomes if each.source == "night-lights")


def test_what_is_asked_of_a_region_is_answered_from_its_cities_too(load: Load, engine: Engine) -> None:
    """Counts add up, and each territory keeps its own CRS and norms."""
    needs("minsk_115", "belarus")
    load("minsk")
    load("belarus")
    with engine.connect() as connection:
        for layer in ("reports", "organisations", "districts", "indicators", "places"):
            own = dict(
                connection.exec_driver_sql(
                    f"SELECT territory, count(*) FROM {layer} WHERE territory IN ('minsk', 'belarus') GROUP BY 1"
                ).all()
            )
            counts = {
                each: store.count(connection, layer, store.Query(territory=each)) for each in ("minsk", "belarus")
            }
            assert counts["minsk"] == own.get("minsk", 0)
            assert counts["belarus"] == sum(own.values())
        assert own["belarus"] == 94
        assert store.extent(connection, "reports", "belarus") == store.extent(connection, "reports", "minsk")
        minsk, belarus = (find_territory(connection, name) for name in ("minsk", "belarus"))
    assert (minsk["parent"], belarus["parent"]) == ("belarus", None)
    assert (minsk["kind"], belarus["kind"]) == ("city", "country")
    assert len(City("belarus", engine=engine).reports) == len(City("minsk", engine=engine).reports) > 100_000


def test_liechtenstein_loads_in_its_own_crs(load: Load, engine: Engine) -> None:
    needs("liechtenstein")
    done = load("liechtenstein")
    assert done.failed == []
    city = City("liechtenstein", engine=engine)
    assert (city.metric_srid, city.timezone) == (2056, "Europe/Vaduz")
    assert city.norms["park_distance_m"]["value"] == 300
    assert len(city.buildings) > 17_000
    origin = {"origins": [[9.5215, 47.1410]], "cutoffs_s": [300]}
    assert run(engine, "service-areas", origin, territory="liechtenstein").crs.to_epsg() == 2056


def test_adapting_again_changes_nothing(load: Load, engine: Engine) -> None:
    needs("minsk_115", "belarus/belarus_oblasts.geojson")
    load("minsk")
    again = adapt(engine, read_pack("minsk"))
    assert (again.is_new, again.changes, again.removed, again.failed) == (False, [], {}, [])
    assert all(each.report is None and "unchanged" in each.note for each in again.outcomes)
