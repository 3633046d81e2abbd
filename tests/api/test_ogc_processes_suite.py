"""What the OGC executable test suite of Processes asks, in our words, as it can not be had everywhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

if TYPE_CHECKING:
    import httpx

TEXT = "teststring"
JSON = {"Accept": "application/json"}
LATER = {"Prefer": "respond-async"}
EXECUTE = "http://www.opengis.net/def/rel/ogc/1.0/execute"
CLASS = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf"
CLASSES = ("core", "ogc-process-description", "json", "html", "oas30", "job-list", "dismiss")

TEXTS = {"type": "array", "items": {"type": "string"}}
LINK = {"type": "object", "required": ["href"], "properties": {"href": {"type": "string"}, "rel": {"type": "string"}}}
LINKS = {"type": "array", "items": LINK, "minItems": 1}
SUMMARY = {
    "type": "object",
    "required": ["id", "version"],
    "properties": {
        "id": {"type": "string"},
        "version": {"type": "string"},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "keywords": TEXTS,
        "jobControlOptions": {"type": "array", "items": {"enum": ["sync-execute", "async-execute", "dismiss"]}},
        "outputTransmission": {"type": "array", "items": {"enum": ["value", "reference"]}},
        "links": LINKS,
    },
}
DESCRIPTION = {"type": "object", "required": ["schema"], "properties": {"schema": {"type": "object"}}}
PROCESS = {
    "allOf": [SUMMARY],
    "required": ["inputs", "outputs"],
    "properties": {
        "inputs": {"type": "object", "minProperties": 1, "additionalProperties": DESCRIPTION},
        "outputs": {"type": "object", "minProperties": 1, "additionalProperties": DESCRIPTION},
    },
}
STATUS = {
    "type": "object",
    "required": ["jobID", "status", "type"],
    "properties": {
        "processID": {"type": "string"},
        "type": {"enum": ["process"]},
        "jobID": {"type": "string"},
        "status": {"enum": ["accepted", "running", "successful", "failed", "dismissed"]},
        "message": {"type": "string"},
        "created": {"type": "string", "format": "date-time"},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "links": LINKS,
    },
}
PROBLEM = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}},
}


@pytest.fixture(scope="module")
def echo(client: httpx.Client) -> dict[str, Any]:
    described: dict[str, Any] = client.get("/processes/echo", headers=JSON).json()
    return described


def kinds(described: dict[str, Any]) -> list[str]:
    schema = described["schema"]
    return [each["type"] for each in (schema, *schema.get("oneOf", ())) if "type" in each]


def is_box(described: dict[str, Any]) -> bool:
    return "ogc-bbox" in str(described["schema"])


def execution(echo: dict[str, Any], **more: Any) -> dict[str, Any]:
    """All inputs that are texts or boxes, and all outputs."""
    inputs: dict[str, Any] = {}
    for name, described in echo["inputs"].items():
        if "string" in kinds(described):
            inputs[name] = TEXT
        elif is_box(described):
            inputs[name] = {"crs": "urn:ogc:def:crs:EPSG:6.6:4326", "bbox": [345345345] * 4}
    return {"inputs": inputs, "outputs": {name: {"transmissionMode": "value"} for name in echo["outputs"]}, **more}


def only(echo: dict[str, Any], inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"inputs": inputs, "outputs": {each: {"transmissionMode": "value"} for each in inputs}, **more}


def run(client: httpx.Client, body: dict[str, Any], **headers: str) -> httpx.Response:
    return client.post("/processes/echo/execution", json=body, headers=JSON | headers)


def test_the_landing_page_and_the_classes(client: httpx.Client) -> None:
    links = client.get("/", headers=JSON).json()["links"]
    rels = {each["rel"] for each in links}
    assert {"service-desc", "service-doc", "http://www.opengis.net/def/rel/ogc/1.0/conformance"} <= rels
    assert "http://www.opengis.net/def/rel/ogc/1.0/processes" in rels
    assert client.get("/").http_version == "HTTP/1.1"
    declared = client.get("/conformance").json()["conformsTo"]
    assert {f"{CLASS}/{each}" for each in CLASSES} <= set(declared)


def test_the_list_of_processes(client: httpx.Client) -> None:
    limited = client.get("/processes", params={"limit": 2}, headers=JSON).json()
    assert len(limited["processes"]) <= 2
    listed = client.get("/processes", headers=JSON).json()
    assert any(each["rel"] == "self" for each in listed["links"])
    assert all(each["rel"] and each["type"] for each in listed["links"])
    for each in listed["processes"]:
        jsonschema.validate(each, SUMMARY)
        assert any(link["rel"] == "self" for link in each["links"])


def test_every_process_is_described(client: httpx.Client) -> None:
    for each in client.get("/processes", params={"limit": 1000}, headers=JSON).json()["processes"]:
        described = client.get(f"/processes/{each['id']}", headers=JSON).json()
        jsonschema.validate(described, PROCESS)
        for part in (*described["inputs"].values(), *described["outputs"].values()):
            jsonschema.Draft202012Validator.check_schema(part["schema"])
        assert any(link["rel"] == EXECUTE for link in described["links"])
    missing = client.get("/processes/no-such-process", headers=JSON)
    assert missing.status_code == 404
    assert missing.json()["type"].endswith("/no-such-process")


def test_executions_at_once(client: httpx.Client, echo: dict[str, Any]) -> None:
    whole = execution(echo)
    array = next(name for name, each in echo["inputs"].items() if "array" in kinds(each))
    box = next(name for name, each in echo["inputs"].items() if is_box(each))
    mixed = next(name for name, each in echo["inputs"].items() if "object" in kinds(each))
    crs84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    for body in (
        whole,
        {"inputs": whole["inputs"]},
        {**whole, "response": "document"},
        {**whole, "response": "raw"},
        only(echo, {array: [1, 2, 3]}),
        only(echo, {box: {"bbox": [51.9, 7, 52, 7.1], "crs": crs84}}),
        {**whole, "inputs": whole["inputs"] | {mixed: {"value": TEXT}}},
    ):
        answer = run(client, body)
        assert answer.status_code == 200, (body, answer.text)
        assert answer.json() is not None
        assert "rel=monitor" in answer.headers.get("link", "rel=monitor")
    first = next(iter(echo["inputs"]))
    assert TEXT in run(client, only(echo, {first: TEXT}, response="raw")).text


def test_executions_as_jobs(client: httpx.Client, echo: dict[str, Any]) -> None:
    first = next(iter(echo["inputs"]))
    for body in (
        execution(echo),
        execution(echo, response="document"),
        execution(echo, response="raw"),
        only(echo, {first: TEXT}, response="raw"),
    ):
        made = run(client, body, **LATER)
        assert made.status_code == 201
        jsonschema.validate(made.json(), STATUS)
        for accepted in (JSON, {"Accept": "*/*"}):
            state = client.get(made.headers["Location"], headers=accepted)
            assert (state.status_code, state.headers["content-type"]) == (200, "application/json")
            jsonschema.validate(state.json(), STATUS)
            assert any(each["rel"] == "monitor" for each in state.json()["links"])
    assert client.get(results_of(client, made.headers["Location"]), headers=JSON).json() == TEXT


def results_of(client: httpx.Client, job: str) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for each in client.get(job, headers=JSON).json()["links"]:
            if each["rel"] == "http://www.opengis.net/def/rel/ogc/1.0/results":
                assert each["type"] == "application/json"
                return str(each["href"])
        time.sleep(0.1)
    raise AssertionError(client.get(job, headers=JSON).text)


def test_jobs_are_listed(client: httpx.Client, echo: dict[str, Any]) -> None:
    run(client, execution(echo), **LATER)
    listed = client.get("/jobs", params={"limit": 3}, headers=JSON).json()
    assert 0 < len(listed["jobs"]) <= 3
    assert any(each["rel"] == "self" for each in listed["links"])
    for each in listed["jobs"]:
        jsonschema.validate(each, STATUS)


def test_what_is_wrong(client: httpx.Client, echo: dict[str, Any]) -> None:
    typed = next(name for name, each in echo["inputs"].items() if "contentMediaType" in each["schema"])
    wrong = execution(echo)
    wrong["inputs"][typed] = {"type": "wrong/type_4711"}
    for body in (wrong, {"invalid-execute-request": "true"}):
        answer = run(client, body)
        assert answer.status_code == 400
        assert answer.headers["content-type"].partition(";")[0] == "application/json"
        jsonschema.validate(answer.json(), PROBLEM)
    for path in ("/jobs/no-such-job", "/jobs/no-such-job/results"):
        answer = client.get(path, headers=JSON)
        jsonschema.validate(refused(answer), PROBLEM)
        assert answer.json()["type"] == "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-job"
    for path in ("/processes/invalid-job-1", "/processes/invalid-job-1/results"):
        jsonschema.validate(refused(client.get(path, headers=JSON)), PROBLEM)
    pausing = run(client, only(echo, {"text": TEXT}) | {"inputs": {"text": TEXT, "pause": 5}}, **LATER)
    early = refused(client.get(f"{pausing.headers['Location']}/results", headers=JSON))
    jsonschema.validate(early, PROBLEM)
    assert early["type"] == "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/result-not-ready"
    client.delete(pausing.headers["Location"])


def refused(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    problem: dict[str, Any] = answer.json()
    return problem
