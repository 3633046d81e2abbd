"""The landing page, the conformance declaration, formats, languages and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api import problems

if TYPE_CHECKING:
    import httpx

PROBLEM = "application/problem+json"


def links(document: dict, rel: str) -> list[str]:
    return [each["href"] for each in document["links"] if each["rel"] == rel]


def test_every_link_of_the_landing_page_can_be_followed(client: httpx.Client) -> None:
    landing = client.get("/", params={"f": "json"}).json()
    assert landing["title"] == "Horad: Helsinki"
    assert "OpenStreetMap contributors" in landing["attribution"]
    for link in landing["links"]:
        answer = client.get(
            link["href"], headers={"Accept": link["type"].split(";")[0]} if "f=" in link["href"] else {}
        )
        assert answer.status_code == 200, link


@pytest.mark.parametrize(
    "path",
    [
        *("/?f=json", "/territories/helsinki/?f=json", "/territories", "/collections/roads", "/collections/incidents"),
        *("/collections/roads/items?limit=2", "/collections/roads/tiles", "/collections/roads/tiles/WebMercatorQuad"),
        *("/tileMatrixSets", "/styles", "/processes/route", "/rasters"),
    ],
)
def test_links_lead_to_what_they_say(client: httpx.Client, path: str) -> None:
    for each in linked(client.get(path).json()):
        if (
            each.get("templated")
            or each["rel"].endswith("/execute")
            or not each["href"].startswith(str(client.base_url))
        ):
            continue
        with client.stream("GET", each["href"], headers={"Accept": each["type"]}, follow_redirects=True) as answer:
            assert answer.status_code == 200, each
            assert answer.headers["content-type"].partition(";")[0] == each["type"].partition(";")[0], each


def linked(document: object) -> Iterator[dict[str, str]]:
    """Return all the links within a document."""
    if isinstance(document, dict):
        if {"href", "rel", "type"} <= set(document):
            yield document
        for each in document.values():
            yield from linked(each)
    if isinstance(document, list):
        for each in document:
            yield from linked(each)


@pytest.mark.parametrize("path", ["/queryables", "/collections/roads/schema", "/collections/roads/sortables"])
def test_whoever_takes_json_takes_schemas(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"Accept": "application/json, text/plain;q=0.9"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/schema+json")


@pytest.mark.parametrize("path", ["//processes", "//collections//roads", "/territories/helsinki//collections", "//"])
def test_slashes_that_clients_double_count_once(client: httpx.Client, path: str) -> None:
    """They put a path behind the address of the landing page, which ends with a slash."""
    plain, doubled = (
        client.get(f"{str(client.base_url).rstrip('/')}{each}") for each in (path.replace("//", "/"), path)
    )
    assert (plain.status_code, plain.json()) == (doubled.status_code, doubled.json())


def test_a_browser_gets_the_map_and_a_program_gets_json(client: httpx.Client) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert client.get("/", headers={"Accept": browser}).headers["content-type"].startswith("text/html")
    assert client.get("/", headers={"Accept": "*/*"}).headers["content-type"] == "application/json"
    assert client.get("/", headers={"Accept": "application/json"}).headers["content-type"] == "application/json"
    assert (
        client.get("/?f=html", headers={"Accept": "application/json"}).headers["content-type"].startswith("text/html")
    )


@pytest.mark.parametrize(
    "path", ["/collections", "/collections/roads", "/collections/roads/items", "/processes", "/conformance"]
)
def test_every_resource_has_a_page_for_people(client: httpx.Client, path: str) -> None:
    answer = client.get(path, params={"f": "html"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<h1>" in answer.text
    assert "http://" not in answer.text.replace(str(client.base_url).rstrip("/"), "").replace(
        "http://www.opengis.net", ""
    )


def test_conformance_names_only_what_is_mounted(client: httpx.Client) -> None:
    declared = client.get("/conformance").json()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in declared
    assert len(declared) == len(set(declared))
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30" in declared


@pytest.mark.parametrize(("language", "title"), [("be", "Дарогі"), ("ru", "Дороги"), ("en", "Roads")])
def test_titles_come_in_the_language_asked_for(client: httpx.Client, language: str, title: str) -> None:
    assert client.get("/collections/roads", params={"lang": language}).json()["title"] == title
    assert (
        client.get("/collections/roads", headers={"Accept-Language": f"fi, {language};q=0.8"}).json()["title"] == title
    )


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/nothing", 404, "/nothing"),
        ("/collections/streets", 404, "roads"),
        ("/collections/roads/items/0", 404, "no feature 0"),
        ("/collections/roads/items/w123", 404, "whole numbers"),
        ("/collections/roads/items/99999999999999999999999", 404, "whole numbers"),
        ("/collections/roads/items?colour=red", 400, "colour"),
        ("/collections?limit=3", 400, "limit"),
        ("/collections/roads/items?bbox=1,2,3", 400, "west,south,east,north"),
        ("/collections/roads/items?bbox=a,b,c,d", 400, "numbers"),
        ("/collections/roads/items?bbox=24,61,25,60", 400, "south"),
        ("/collections/roads/items?bbox=24,61,25,nan", 400, "latitudes"),
        ("/collections/roads/items?bbox=240,60,250,61", 400, "longitudes"),
        ("/collections/roads/items?limit=0", 400, "limit"),
        ("/collections/roads/items?limit=many", 400, "limit"),
        ("/collections/roads/items?offset=99999999999999999999", 400, "offset"),
        ("/collections/roads/items?after=99999999999999999999", 400, "after"),
        ("/collections/roads/items?datetime=yesterday", 400, "yesterday"),
        ("/collections/roads/items?datetime=2020-01-01/2019-01-01", 400, "ends before"),
        ("/collections/roads/items?datetime=..", 400, "open end"),
        ("/collections/roads?f=shapefile", 400, "json, html"),
        ("/collections/roads?lang=fi", 400, "be, ru, en"),
        ("/collections/roads/tiles/WebMercatorQuad/3/8/0", 400, "0 to 7"),
        ("/collections/roads/tiles/WebMercatorQuad/23/0/0", 404, "0 to 22"),
        ("/collections/roads/tiles/WebMercatorQuad/a/0/0", 400, "tileMatrix"),
        ("/tiles/WebMercatorQuad/3/0/0?collections=roads,streets", 404, "streets"),
        ("/styles/streets", 404, "streets"),
        ("/processes/alchemy", 404, "service-areas"),
        ("/maps/streets", 404, "streets"),
        ("/maps/processes/service-areas", 400, "origins"),
        ("/maps/processes/service-areas?origins=Helsinki", 400, "Helsinki"),
    ],
)
def test_what_is_wrong_is_said(client: httpx.Client, path: str, status: int, says: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    problem = answer.json()
    assert problem["status"] == status
    assert says in problem["detail"]


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language": "be"}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/collections/streets", 404, "streets"),
        ("/nowhere", 404, "There is nothing at /nowhere."),
        ("/collections/<b>", 404, "&lt;b&gt;"),
        ("/maps/processes/service-areas", 400, "origins"),
        ("/collections?lang=de", 400, "must be one of be, ru, en"),
    ],
)
def test_people_are_told_on_a_page_what_is_wrong(client: httpx.Client, path: str, status: int, says: str) -> None:
    answer = client.get(path, headers=BROWSER)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert says in answer.text
    assert '<html lang="be">' in answer.text


def test_a_page_that_tells_what_is_wrong_keeps_the_headers_and_a_program_gets_none(client: httpx.Client) -> None:
    refused = client.delete("/collections/roads", headers=BROWSER)
    assert refused.headers["allow"] == client.delete("/collections/roads").headers["allow"]
    assert client.get("/collections/streets", headers=BROWSER, params={"f": "json"}).headers["content-type"] == PROBLEM
    assert client.get("/collections/streets", params={"f": "html"}).headers["content-type"].startswith("text/html")


def test_a_format_that_is_not_there_is_not_acceptable(client: httpx.Client) -> None:
    answer = client.get("/collections", headers={"Accept": "image/png"})
    assert answer.status_code == 406
    assert "application/json" in answer.json()["detail"]


def test_a_method_that_is_not_there_is_not_allowed(client: httpx.Client) -> None:
    answer = client.delete("/collections/roads")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == PROBLEM


def test_head_is_get_without_the_body(client: httpx.Client) -> None:
    for path in ("/", "/collections/roads/items", "/static/icon.svg"):
        head, get = client.head(path), client.get(path)
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-type"] == get.headers["content-type"]


def test_health(client: httpx.Client) -> None:
    answer = client.get("/health")
    assert answer.json()["status"] == "ok"
    assert answer.headers["cache-control"] == "no-store"


def test_what_goes_wrong_unforeseen_tells_that_the_connection_ends() -> None:
    """The server closes it then, and who would ask on it again would be cut off."""
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    def fail() -> None:
        raise RuntimeError("unforeseen")

    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.headers["connection"]) == (500, "close")
    assert "unforeseen" not in answer.text
