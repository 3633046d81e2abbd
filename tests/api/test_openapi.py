"""The descriptions of the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from patience import wait_until
from serving import serving

from api.openapi import downgraded_schema

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("path", "version", "validator"),
    [
        ("/api", "3.0.3", OpenAPIV30SpecValidator),
        ("/territories/helsinki/api", "3.0.3", OpenAPIV30SpecValidator),
        ("/openapi.json", "3.1.0", OpenAPIV31SpecValidator),
    ],
)
def test_the_descriptions_are_what_they_say(client: httpx.Client, path: str, version: str, validator: type) -> None:
    answer = client.get(path)
    document = answer.json()
    assert document["openapi"] == version
    assert answer.headers["content-type"].endswith(f"version={version[:3]}")
    assert [each.message for each in validator(document).iter_errors()] == []
    assert document["servers"] == [{"url": str(answer.url).removesuffix("/api").removesuffix("/openapi.json")}]


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where no description is yet."""
    return tmp_path_factory.mktemp("home")


def test_the_description_is_written_once_and_unasked(database_url: str, home: Path, client: httpx.Client) -> None:
    def answered(url: str) -> dict[str, object]:
        return {**httpx.get(f"{url}/api", timeout=600).json(), "servers": None}

    settings = {"home": home, "database_url": database_url}
    with serving(**settings) as server:
        # It is written when nothing else needs the processor.
        wait_until(lambda: len(list(home.glob("openapi/*.json"))) == 2, timeout_s=600)
        [file] = home.glob("openapi/*-3.0.json")
        told = json.loads(file.read_text())
        assert answered(server.url) == answered(str(client.base_url)) == {**told, "servers": None}
    file.write_text(json.dumps(told | {"x-kept": True}))
    with serving("--workers", "2", **settings) as server:
        assert answered(server.url)["x-kept"] is True


def test_every_operation_tells_what_it_answers(client: httpx.Client) -> None:
    document = client.get("/api").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            good = [answer for status, answer in operation["responses"].items() if status.startswith(("2", "3"))]
            assert good, path
            assert {"400", "404", "503"} <= set(operation["responses"]), path
            assert "HTTPValidationError" not in str(operation["responses"]), path


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"nullable": True, "type": "integer"}),
        ({"type": ["string", "null"]}, {"nullable": True, "type": "string"}),
        ({"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0, "exclusiveMinimum": True}),
        ({"const": 1}, {"enum": [1]}),
        ({"$ref": "#/x", "title": "X"}, {"allOf": [{"$ref": "#/x"}], "title": "X"}),
        (
            {"anyOf": [{"$ref": "#/x"}, {"type": "null"}]},
            {"nullable": True, "anyOf": [{"$ref": "#/x"}]},
        ),
        ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
        (
            {"properties": {"a": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}}},
            {"properties": {"a": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}}},
        ),
    ],
)
def test_schemas_say_in_openapi_30_what_they_said(schema: dict, expected: dict) -> None:
    assert downgraded_schema(schema) == expected


def test_a_problem_is_json_for_who_asks_for_json(client: httpx.Client) -> None:
    asked = client.get("/collections/none", headers={"Accept": "application/json"})
    assert asked.headers["content-type"] == "application/json"
    assert asked.json()["status"] == asked.status_code == 404
    assert client.get("/collections/none").headers["content-type"] == "application/problem+json"
