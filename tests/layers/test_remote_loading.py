"""Services as sources of a territory: from its file to the layers, by hand and by a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from services import school
from town import PLACE, Town
from web import Asked, Reply, Web, json, web

from layers.errors import SourceError
from layers.loads.jobs import load_jobs, run_worker
from layers.loads.loading import Outcome, load_territory
from layers.territories.packs import PackError, Territory, read_pack
from layers.territories.territory import register

TABLE = "id;kind;name;lon;lat\n1;clinic;First;27.55;53.9\n2;clinic;Second;27.56;53.9\n"
TITLES = {"en": "T", "ru": "Т", "be": "Т"}

pytestmark = pytest.mark.usefixtures("private_addresses")


class Services:
    """A service of features, a file and a portal on one server."""

    def __init__(self) -> None:
        self.schools = 3
        self.down = False

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == "/api/collections/schools/items":
            if self.down:
                return Reply(status=404)
            return json({"type": "FeatureCollection", "features": [school(number) for number in range(self.schools)]})
        if asked.path == "/api/3/action/resource_show":
            return json({"success": True, "result": {"id": "r", "format": "CSV", "url": "/clinics.csv"}})
        if asked.path == "/clinics.csv":
            if asked.headers.get("if-none-match") == '"1"':
                return Reply(status=304, length=None)
            return Reply(TABLE.encode(), headers={"ETag": '"1"'})
        return Reply(status=404)


@contextmanager
def services() -> Iterator[tuple[Services, Web]]:
    found = Services()
    with web(found) as served:
        yield found, served


def pack(served: Web, folder: Path, **words: Any) -> Territory:
    """The town with a service, a file on the web and a resource of a portal, as its file says."""
    table = {"kind": "table", "layer": "facilities", "x": "lon", "y": "lat", "key": "id"}
    service = {"kind": "ogcapi", "layer": "facilities", "url": f"{served.url}/api", "collection": "schools", **words}
    sources = {
        "schools": service,
        "clinics": {**table, "places": [{"url": f"{served.url}/clinics.csv"}]},
        "portal": {**table, "places": [{"ckan": served.url, "resource": "r"}]},
    }
    described = [{"id": name, "title": TITLES, "attribution": name, **said} for name, said in sources.items()]
    file = folder / "town.yml"
    file.write_text(
        yaml.safe_dump(
            {
                "id": PLACE.id,
                "title": TITLES,
                "metric_crs": PLACE.metric_crs,
                "boundary": [27.5, 53.88, 27.6, 53.92],
                "sources": described,
            }
        )
    )
    return read_pack(str(file))


def load(town: Town, territory: Territory) -> dict[str, Outcome]:
    return {each.source: each for each in load_territory(town.engine, territory)}


def test_all_that_a_territory_names_on_the_web_is_loaded(town: Town, tmp_path: Path) -> None:
    with services() as (_, served):
        territory = pack(served, tmp_path)
        outcomes = load(town, territory)
        assert {name: each.report.layers["facilities"].added for name, each in outcomes.items() if each.report} == {
            "schools": 3,
            "clinics": 2,
            "portal": 2,
        }
        again = load(town, territory)
    assert {name: each.note for name, each in again.items()} == {
        "schools": "unchanged since the last load of schools.geojsonl",
        "clinics": "unchanged since the last load of clinics.csv",
        "portal": "unchanged since the last load of clinics.csv",
    }


def test_what_the_service_changes_changes_the_base(town: Town, tmp_path: Path) -> None:
    with services() as (service, served):
        territory = pack(served, tmp_path)
        load(town, territory)
        service.schools = 2
        report = load(town, territory)["schools"].report
    assert report is not None
    account = report.layers["facilities"]
    assert (account.unchanged, account.gone) == (2, 1)


def test_a_service_that_is_down_keeps_nothing_else_from_being_loaded(town: Town, tmp_path: Path) -> None:
    with services() as (service, served):
        territory = pack(served, tmp_path)
        load(town, territory)
        before = town.features("facilities")
        service.down = True
        outcomes = load(town, territory)
    assert town.features("facilities") == before
    assert isinstance(outcomes["schools"].error, SourceError)
    assert outcomes["schools"].note.startswith("not loaded: http://127.0.0.1")
    assert outcomes["clinics"].error is None


def test_a_service_that_suddenly_has_nothing_empties_nothing_unless_it_may(town: Town, tmp_path: Path) -> None:
    with services() as (service, served):
        load(town, pack(served, tmp_path))
        before = town.features("facilities")
        service.schools = 0
        outcome = load(town, pack(served, tmp_path))["schools"]
        assert "schools.geojsonl holds nothing for facilities" in outcome.note
        assert town.features("facilities") == before
        report = load(town, pack(served, tmp_path, may_be_empty=True))["schools"].report
    assert report is not None
    assert report.layers["facilities"].gone == 3


def test_a_worker_loads_a_service(town: Town, tmp_path: Path) -> None:
    with services() as (_, served):
        territory = pack(served, tmp_path, schedule="0 0 1 1 *")
        with town.engine.begin() as connection:
            register(connection, territory)
            connection.exec_driver_sql(
                "UPDATE territories SET added_at = now() - interval '2 years' WHERE id = %s", (town.id,)
            )
        run_worker(wait=False)
    with town.engine.connect() as connection:
        found = load_jobs(connection, territory=town.id)
    assert [(each.source, each.state, each.told) for each in found] == [
        ("schools", "done", "loaded from schools.geojsonl")
    ]
    assert len(town.features("facilities")) == 3


def test_mistakes_in_the_file_are_told_with_their_line(tmp_path: Path) -> None:
    with (
        services() as (_, served),
        pytest.raises(PackError, match=r"schedule.*five cron fields") as caught,
    ):
        pack(served, tmp_path, schedule="daily", bbox=[1, 2, 3], token="secret")
    told = str(caught.value)
    assert "bbox" in told
    assert "token" in told
    assert "secret" not in told
