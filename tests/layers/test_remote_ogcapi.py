"""OGC API Features as a source: our own API, pygeoapi, and servers that break the rules."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml
from patience import PATIENCE_S, wait_until
from ports import free_port
from services import described, load, obtain, school
from sqlalchemy import Engine
from town import Town, forget
from web import Asked, Reply, json, web

from layers.errors import SourceError
from layers.loads.loading import load_source
from layers.reading import store
from layers.sources.remote.ogcapi import HoradSource, OgcApiSource
from layers.territories.packs import around
from layers.territories.territory import register

HELSINKI = (24.9, 60.1, 25.0, 60.2)
SCHOOLS = [school(number) for number in range(25)]

pytestmark = pytest.mark.usefixtures("private_addresses")


@pytest.fixture(scope="module")
def pygeoapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a pygeoapi with a collection of schools."""
    folder = tmp_path_factory.mktemp("pygeoapi")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    far = {**school(99), "geometry": {"type": "Point", "coordinates": [10, 10]}}
    (folder / "schools.geojson").write_bytes(orjson.dumps({"type": "FeatureCollection", "features": [*SCHOOLS, far]}))
    (folder / "config.yml").write_text(yaml.safe_dump(pygeoapi_config(url, folder / "schools.geojson")))
    variables = {"PYGEOAPI_CONFIG": str(folder / "config.yml"), "PYGEOAPI_OPENAPI": str(folder / "openapi.yml")}
    environment = {**os.environ, **variables}
    generate = ["openapi", "generate", variables["PYGEOAPI_CONFIG"], "--output-file", variables["PYGEOAPI_OPENAPI"]]
    program = str(Path(sys.executable).with_name("pygeoapi"))
    subprocess.run([program, *generate], env=environment, check=True, capture_output=True)
    command = [sys.executable, "-m", "flask", "--app", "pygeoapi.flask_app", "run", "--port", str(port)]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            wait_until(lambda: answers(url, server, folder / "log"), timeout_s=2 * PATIENCE_S)
            yield url
        finally:
            server.terminate()


def answers(url: str, server: subprocess.Popen[bytes], log: Path) -> bool:
    assert server.poll() is None, log.read_text()
    try:
        httpx.get(url, timeout=PATIENCE_S)
    except httpx.TransportError:
        return False
    return True


def pygeoapi_config(url: str, data: Path) -> dict[str, Any]:
    contact = ("name", "position", "address", "city", "stateorprovince", "postalcode", "country", "phone", "fax")
    contact += ("email", "url", "hours", "instructions", "role")
    identification = ("title", "description", "keywords_type", "terms_of_service", "url")
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": int(url.rsplit(":", 1)[1])},
            "url": url,
            "mimetype": "application/json",
            "encoding": "utf-8",
            "languages": ["en-US"],
            "gzip": True,
            "limits": {"default_items": 5, "max_items": 10},
            "map": {"url": f"{url}/none", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {**dict.fromkeys(identification, "x"), "keywords": ["x"]},
            "license": {"name": "x", "url": url},
            "provider": {"name": "x", "url": url},
            "contact": dict.fromkeys(contact, "x"),
        },
        "resources": {
            "schools": {
                "type": "collection",
                "title": "Schools",
                "description": "Schools",
                "keywords": ["schools"],
                "links": [],
                "extents": {"spatial": {"bbox": [-180, -90, 180, 90]}},
                "providers": [{"type": "feature", "name": "GeoJSON", "data": str(data), "id_field": "id"}],
            }
        },
    }


def test_pygeoapi_gives_all_its_pages(town: Town, pygeoapi: str) -> None:
    source = described(OgcApiSource, kind="ogcapi", url=f"{pygeoapi}/", collection="schools", page_size=4)
    report = load(town, source)
    assert (report.added, report.rejected) == (25, {})
    features = town.features("facilities")
    assert set(features) == {f"s{number}" for number in range(25)}
    assert features["s3"]["name"] == "№ 3"
    again = load(town, source)
    assert (again.unchanged, again.changed, again.gone) == (25, 0, 0)


def test_pygeoapi_gives_no_more_at_once_than_it_likes(town: Town, pygeoapi: str) -> None:
    source = described(OgcApiSource, kind="ogcapi", url=pygeoapi, collection="schools", page_size=1000)
    assert load(town, source).added == 25


def test_pygeoapi_tells_what_is_wrong(pygeoapi: str) -> None:
    source = described(OgcApiSource, kind="ogcapi", url=pygeoapi, collection="streets")
    with pytest.raises(SourceError, match=r"/collections/streets/items: NotFound: .*not found"):
        obtain(source)


@pytest.fixture
def copy(helsinki: Engine) -> Iterator[Town]:
    """Another territory, where Helsinki is."""
    with helsinki.begin() as connection:
        register(connection, around("copy", HELSINKI))
    yield Town(helsinki, "copy")
    forget(helsinki, "copy")


def test_another_horads_features_stay_known_by_what_they_are_known_by_there(
    copy: Town, server_url: str, helsinki: Engine
) -> None:
    source = described(HoradSource, kind="horad", url=server_url, layer="businesses", territory="helsinki")
    report = load(copy, source, HELSINKI)
    with helsinki.connect() as connection:
        theirs = store.read_frame(connection, "businesses", store.Query(territory="helsinki"))
    ours = copy.features("businesses")
    assert report.added == len(ours) == len(theirs) > 400
    assert report.rejected == {}
    with helsinki.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT source || '/' || source_id, name, kind, tags FROM businesses WHERE territory = 'helsinki'"
        ).all()
    for known, name, kind, tags in rows:
        found = ours[f"helsinki/{known}"]
        assert (found["name"], found["kind"]) == (name, kind)
        assert {key.removeprefix("tag:"): value for key, value in found["tags"].items()} == tags
    assert load(copy, source, HELSINKI).unchanged == len(theirs)


def test_of_another_horad_one_territory_can_be_taken(town: Town, server_url: str) -> None:
    source = described(HoradSource, kind="horad", url=server_url, layer="businesses", territory="atlantis")
    with pytest.raises(SourceError, match="holds nothing"):
        load(town, source, HELSINKI)


@pytest.mark.parametrize("path", ["", "/", "/territories/helsinki"])
def test_a_base_does_not_take_its_own_features_for_anothers(
    copy: Town, server_url: str, helsinki: Engine, path: str
) -> None:
    by_another_name = server_url.replace("127.0.0.1", "localhost") + path
    sources = [
        described(HoradSource, kind="horad", url=by_another_name, layer="businesses"),
        described(HoradSource, kind="horad", url=by_another_name, layer="businesses", territory="copy"),
        described(OgcApiSource, kind="ogcapi", url=by_another_name, layer="businesses", collection="businesses"),
    ]
    for source in sources:
        outcome = load_source(helsinki, around("copy", HELSINKI), source)
        assert "is this very base" in str(outcome.error)
        assert outcome.note.startswith("not loaded")
    assert copy.features("businesses") == {}


def test_a_service_whose_landing_page_is_broken_still_gives_its_features(copy: Town, helsinki: Engine) -> None:
    def answer(asked: Asked) -> Reply:
        return collection(SCHOOLS) if asked.path.endswith("/items") else Reply(b"<html>", 404)

    with web(answer) as served:
        outcome = load_source(helsinki, around("copy", HELSINKI), schools_of(served, outside="keep"))
    assert outcome.report is not None
    assert outcome.report.layers["facilities"].added == 25


def test_another_service_is_no_horad(pygeoapi: str) -> None:
    with pytest.raises(SourceError, match="is no Horad: its features don't tell territory, source, source_id"):
        obtain(described(HoradSource, kind="horad", url=pygeoapi, collection="schools"))


def collection(features: list[dict[str, Any]], **members: Any) -> Reply:
    return json({"type": "FeatureCollection", "features": features, **members})


def following(asked: Asked, query: str, kind: str = "application/geo+json") -> dict[str, str]:
    return {"rel": "next", "type": kind, "href": f"http://{asked.headers['host']}{asked.path}?{query}"}


def schools_of(served: Any, **words: Any) -> OgcApiSource:
    return described(OgcApiSource, kind="ogcapi", url=served.url, collection="schools", page_size=10, **words)


def test_a_next_link_that_leads_back_ends_with_an_error() -> None:
    def answer(asked: Asked) -> Reply:
        return collection(SCHOOLS[:10], links=[following(asked, "limit=10")])

    with web(answer) as served, pytest.raises(SourceError, match="the same features again and again"):
        obtain(schools_of(served))
    assert len(served.asked) == 2


def test_next_links_in_a_circle_end_with_an_error() -> None:
    def answer(asked: Asked) -> Reply:
        page = int(asked.query.get("page", 0))
        return collection(SCHOOLS[page * 8 : page * 8 + 8], links=[following(asked, f"page={(page + 1) % 3}")])

    with web(answer) as served, pytest.raises(SourceError, match="the same features again and again"):
        obtain(schools_of(served))
    assert len(served.asked) == 4


def test_a_server_that_ignores_the_limit_gives_each_feature_once_or_none() -> None:
    def whole(asked: Asked) -> Reply:
        return collection(SCHOOLS, numberMatched=25)

    with web(whole) as served:
        assert obtain(schools_of(served)).open().progress == 0
    assert len(served.asked) == 1

    def whole_with_next(asked: Asked) -> Reply:
        offset = int(asked.query.get("offset", 0))
        return collection(SCHOOLS[offset:], links=[following(asked, f"offset={offset + 10}")])

    with web(whole_with_next) as served, pytest.raises(SourceError, match="the same features again and again"):
        obtain(schools_of(served))


def test_fewer_features_than_announced_are_an_error() -> None:
    with (
        web(lambda _: collection(SCHOOLS[:7], numberMatched=25)) as served,
        pytest.raises(SourceError, match="gives 7 features of the 25 that it says to have"),
    ):
        obtain(schools_of(served))


def test_the_next_page_in_json_is_taken_and_may_be_relative(town: Town) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.query.get("page") == "2":
            return collection(SCHOOLS[10:])
        links = [following(asked, "f=html", "text/html"), {"rel": "next", "href": "items?page=2"}]
        return collection(SCHOOLS[:10], links=links)

    with web(answer) as served:
        assert load(town, schools_of(served)).added == 25


def test_the_service_is_asked_for_the_box_and_what_the_description_adds() -> None:
    with web(lambda _: collection(SCHOOLS)) as served:
        obtain(schools_of(served, parameters={"filter": "kind='school'"}))
        obtain(schools_of(served, bbox=[1, 2, 3, 4]))
        obtain(schools_of(served), None)
    assert [each.query.get("bbox") for each in served.asked] == ["27.5,53.88,27.6,53.92", "1,2,3,4", None]
    assert served.asked[0].query["filter"] == "kind='school'"
    assert served.asked[0].headers["accept"].startswith("application/geo+json")


def test_the_token_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with web(lambda _: collection(SCHOOLS)) as served:
        source = schools_of(served, token_env="TOWN_KEY", token_header="X-Key", token_scheme="")
        with pytest.raises(SourceError, match="TOWN_KEY must hold a token"):
            obtain(source)
        monkeypatch.setenv("TOWN_KEY", "open sesame\nX-Evil: 1")
        with pytest.raises(SourceError, match="TOWN_KEY must hold a token") as caught:
            obtain(source)
        assert "sesame" not in str(caught.value)
        monkeypatch.setenv("TOWN_KEY", "sesame")
        obtain(source)
        obtain(schools_of(served, token_env="TOWN_KEY"))
    assert [each.headers.get("x-key") for each in served.asked] == ["sesame", None]
    assert served.asked[1].headers["authorization"] == "Bearer sesame"


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b'{"type": "FeatureCollection"}',
        b'{"features": {}}',
        b'{"features": [1]}',
        b'{"features": [{"properties": [1]}]}',
        b'{"features": [{"properties": []}], "links": [7]}',
        b'{"features": [], "links": {"rel": "next"}}',
        b'{"features": [], "numberMatched": 4}',
    ],
)
def test_what_is_no_page_of_features_is_an_error(answer: bytes) -> None:
    with web(lambda _: Reply(answer)) as served, pytest.raises(SourceError, match=served.url):
        obtain(schools_of(served))


def test_flaws_of_features_are_told_one_by_one(town: Town) -> None:
    features = [
        school(1),
        {"type": "Feature", "geometry": None, "properties": {"kind": "school"}},
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": ["a", "b"]}, "properties": {"kind": "school"}},
        school(2, capacity="many"),
        {**school(3), "properties": None},
        school(1),
        {**school(4), "id": None},
        {**school(5), "id": 0},
        school(6, name="a\x00b"),
        school(7, details={"rooms": [1, 2]}, floors=2.0, open=True, notes=None),
    ]
    with web(lambda _: collection(features)) as served:
        report = load(town, schools_of(served))
    assert report.added == 4
    assert report.rejected == {
        "there is no geometry that can be read": 2,
        "capacity: 'many' is no whole number": 1,
        "kind is missing": 1,
        "the id stands in the source for the second time": 1,
        "name holds the character NUL": 1,
    }
    known = town.features("facilities")
    assert {"s1", "0", "s7"} < set(known)
    assert known["s7"]["tags"] == {"details": '{"rooms":[1,2]}', "floors": "2", "open": "true"}


def test_columns_follow_from_properties_as_the_description_says(town: Town) -> None:
    features = [
        {**school(1), "properties": {"typ": "SCH", "pupils": "1 200", "no": 7}},
        {**school(2), "properties": {"typ": "???", "no": 8}},
        {**school(3), "properties": {"typ": "SCH", "no": None}},
    ]
    columns = {"kind": {"from": "typ", "lookup": {"SCH": "school"}}, "name": {"from": "no"}}
    with web(lambda _: collection(features)) as served:
        report = load(town, schools_of(served, columns=columns, key="no"))
        assert (report.added, report.rejected) == (
            1,
            {"kind: '???' of typ is not in the lookup table": 1, "there is no id": 1},
        )
        with pytest.raises(SourceError, match=r"remote\.geojsonl has no column nmae; .*it has no, pupils, typ"):
            load(town, schools_of(served, columns={**columns, "name": {"from": "nmae"}}))
    [row] = town.features("facilities").values()
    assert (row["source_id"], row["kind"], row["name"], row["tags"]) == ("7", "school", "7", {"pupils": "1 200"})


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"url": "ftp://town"}, "must begin with https:// or http://"),
        ({"url": "https://"}, "must begin with https:// or http://"),
        ({"url": "https://me:secret@town"}, "must not hold a user or a password"),
        ({"url": "https://town:99999"}, "is no address"),
        ({"token_env": "my token"}, "token_env"),
        ({"token": "secret"}, "token"),
        ({"layer": "streets"}, "There is no layer 'streets'"),
        ({"columns": {"kind": {"constant": "x"}, "colour": {"from": "c"}}}, "has no column colour to fill"),
        ({"bbox": [3, 2, 1, 4]}, "must be \\[west, south, east, north\\]"),
        ({"page_size": 0}, "page_size"),
        ({"collection": ""}, "collection"),
        ({"schedule": "whenever"}, "must be five cron fields"),
        ({"schedule": "@daily"}, "must be five cron fields"),
        ({"schedule": "0 0 30 2 *"}, "is no time that ever comes"),
        ({"schedule": "61 * * * *"}, "is no time that ever comes"),
    ],
)
def test_descriptions_are_checked(words: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        described(OgcApiSource, **{"kind": "ogcapi", "url": "https://town", "collection": "schools", **words})
