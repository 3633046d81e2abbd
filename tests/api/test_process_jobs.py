"""Processes run as jobs, and the echo that clients are tried with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from patience import wait_until

if TYPE_CHECKING:
    import httpx

ECHO = "/processes/echo/execution"
EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
ORIGIN = [24.9414, 60.1710]
LATER = {"Prefer": "respond-async"}


def ended(client: httpx.Client, job: str) -> dict[str, Any]:
    wait_until(lambda: client.get(job).json()["status"] not in ("accepted", "running"))
    status: dict[str, Any] = client.get(job).json()
    return status


def test_the_echo_is_described(client: httpx.Client) -> None:
    assert "echo" in [each["id"] for each in client.get("/processes").json()["processes"]]
    described = client.get("/processes/echo").json()
    assert set(described["outputs"]) == set(described["inputs"]) - {"pause"}
    assert described["jobControlOptions"] == ["sync-execute", "async-execute", "dismiss"]


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        ({"text": "a"}, {"text": {"transmissionMode": "value"}}, "a"),
        ({"text": {"value": "a"}}, {"text": {}}, "a"),
        ({"numbers": [1, 2]}, {"numbers": {}}, [1, 2]),
        ({"text": "a"}, {"numbers": {}}, None),
        ({"text": "a", "numbers": [1]}, {"text": {}, "numbers": {}}, {"text": "a", "numbers": [1]}),
        ({"bbox": {"bbox": [1, 2, 3, 4]}}, {"bbox": {}}, {"bbox": [1, 2, 3, 4]}),
        ({"either": {"a": 1}}, {"either": {}}, {"a": 1}),
        ({"text": "a"}, None, {"text": "a"}),
    ],
)
def test_the_echo_gives_back_what_it_is_given(
    client: httpx.Client, inputs: dict[str, Any], outputs: dict[str, Any] | None, expected: Any
) -> None:
    body = {"inputs": inputs} | ({} if outputs is None else {"outputs": outputs})
    answer = client.post(ECHO, json=body)
    assert answer.status_code == 200
    assert answer.json() == expected


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"inputs": {}}, "at least one"),
        ({"inputs": {"text": 5}}, "text"),
        ({"inputs": {"document": {"type": "wrong/type"}}}, "document"),
        ({"inputs": {"numbers": [1.5]}}, "numbers"),
        ({"inputs": {"bbox": [1, 2, 3, 4]}}, "bbox"),
        ({"inputs": {"text": "a", "pause": 1000}}, "pause"),
        ({"inputs": {"sound": "a"}}, "sound"),
        ({"inputs": {"text": "a"}, "outputs": {"sound": {}}}, "outputs"),
        ({"inputs": {"text": "a"}, "outputs": {"text": {"transmissionMode": "reference"}}}, "transmissionMode"),
        ({"invalid-execute-request": "true"}, "invalid-execute-request"),
    ],
)
def test_a_wrong_request_is_refused_by_name(client: httpx.Client, body: dict[str, Any], says: str) -> None:
    for headers in ({}, LATER):
        answer = client.post(ECHO, json=body, headers={"Accept": "application/json", **headers})
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/json"
        assert says in answer.json()["detail"]


def test_an_analysis_run_as_a_job_gives_what_it_gives_at_once(client: httpx.Client) -> None:
    body = {"inputs": {"origins": [ORIGIN], "cutoffs_s": [120]}}
    at_once = client.post("/processes/service-areas/execution", json=body)
    made = client.post("/processes/service-areas/execution", json=body, headers=LATER)
    assert made.status_code == 201
    assert made.headers["Preference-Applied"] == "respond-async"
    status = ended(client, made.headers["Location"])
    assert (status["status"], status["progress"], status["processID"]) == ("successful", 100, "service-areas")
    assert status["created"] <= status["started"] <= status["finished"]
    [where] = [each["href"] for each in status["links"] if each["rel"].endswith("/results")]
    results = client.get(where)
    assert results.headers["content-type"] == at_once.headers["content-type"] == "application/geo+json"
    assert results.json() == at_once.json()


def test_a_job_waits_runs_and_is_dismissed(client: httpx.Client) -> None:
    pausing = client.post(ECHO, json={"inputs": {"text": "a", "pause": 5}}, headers=LATER).headers["Location"]
    early = client.get(f"{pausing}/results")
    assert early.status_code == 404
    assert early.json()["type"] == f"{EXCEPTIONS}/result-not-ready"
    dismissed = client.delete(pausing).json()
    assert dismissed["status"] == "dismissed"
    assert "finished" in dismissed, "it lasts no longer"
    assert client.get(f"{pausing}/results").status_code == 500
    assert client.get(pausing).json()["status"] == "dismissed"


def test_a_job_that_fails_says_why(client: httpx.Client) -> None:
    body = {"inputs": {"origins": [[24.5, 60.0]], "territory": "helsinki"}}
    job = client.post("/processes/service-areas/execution", json=body, headers=LATER).headers["Location"]
    status = ended(client, job)
    assert status["status"] == "failed"
    answer = client.get(f"{job}/results")
    assert answer.status_code == 400
    assert answer.json()["detail"] == status["message"]


def test_jobs_are_listed_and_found(client: httpx.Client) -> None:
    made = client.post(ECHO, json={"inputs": {"text": "a"}}, headers=LATER).json()
    ended(client, f"/jobs/{made['jobID']}")
    listed = client.get("/jobs", params={"processID": "echo", "status": "successful", "limit": 1}).json()
    assert [each["jobID"] for each in listed["jobs"]] == [made["jobID"]]
    assert client.get("/jobs", params={"datetime": "2000-01-01/2000-02-01"}).json()["jobs"] == []
    assert client.get("/jobs", params={"minDuration": 100}).json()["jobs"] == []
    assert client.get("/jobs", params={"status": "lost"}).status_code == 400
    missing = client.get("/jobs/nothing")
    assert missing.status_code == 404
    assert missing.json()["type"] == f"{EXCEPTIONS}/no-such-job"


def test_a_territorys_api_runs_on_its_layers(client: httpx.Client) -> None:
    inputs = {"origins": [ORIGIN], "cutoffs_s": [120]}
    path = "/territories/helsinki/processes/service-areas/execution"
    assert client.post(path, json={"inputs": inputs}).status_code == 200
    refused = client.post(path, json={"inputs": inputs | {"territory": "atlantis"}})
    assert "atlantis" in refused.json()["detail"]
