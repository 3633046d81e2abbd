"""The analyses as processes and as Folium maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import jsonschema
import pytest
from geopandas.testing import assert_geodataframe_equal

from layers.city import City

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

EXECUTION = "/processes/service-areas/execution"
ORIGIN = [24.9414, 60.1710]
ELSEWHERE = [24.9490, 60.1680]


def execute(client: httpx.Client, **inputs: Any) -> httpx.Response:
    return client.post(EXECUTION, json={"inputs": inputs})


def test_the_process_is_described(client: httpx.Client) -> None:
    assert "service-areas" in [each["id"] for each in client.get("/processes").json()["processes"]]
    described = client.get("/processes/service-areas").json()
    assert described["inputs"]["origins"]["minOccurs"] == 1
    assert described["inputs"]["cutoffs_s"]["minOccurs"] == 0
    for each in described["inputs"].values():
        jsonschema.Draft202012Validator.check_schema(each["schema"])
        if each["schema"].get("default") is not None:
            jsonschema.validate(each["schema"]["default"], each["schema"])
    assert described["inputs"]["territory"]["schema"]["enum"] == ["helsinki"]


def test_the_process_gives_what_the_notebook_gives(client: httpx.Client, helsinki: Engine) -> None:
    answer = execute(client, origins=[ORIGIN], cutoffs_s=[300, 600])
    assert answer.headers["content-type"] == "application/geo+json"
    served = gpd.GeoDataFrame.from_features(answer.json(), crs=4326)
    called = City("helsinki").run("service-areas", origins=[ORIGIN], cutoffs_s=[300, 600]).to_crs(4326)
    assert_geodataframe_equal(
        served[called.columns],
        called,
        check_less_precise=True,
        check_dtype=False,
        normalize=True,
        check_index_type=False,
    )
    assert served["buildings"].min() > 0


@pytest.mark.parametrize(
    "origins",
    [
        {"type": "Point", "coordinates": ORIGIN},
        {"type": "Feature", "properties": {"name": "here"}, "geometry": {"type": "Point", "coordinates": ORIGIN}},
        {
            "type": "FeatureCollection",
            "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": ORIGIN}}],
        },
        {"value": [ORIGIN]},
    ],
)
def test_origins_come_in_several_forms(client: httpx.Client, origins: dict[str, Any]) -> None:
    plain = execute(client, origins=[ORIGIN], cutoffs_s=[120]).json()["features"][0]
    given = execute(client, origins=origins, cutoffs_s=[120]).json()["features"][0]
    assert given["geometry"] == plain["geometry"]


def test_a_document_holds_the_result_by_name(client: httpx.Client) -> None:
    body = {"inputs": {"origins": [ORIGIN], "cutoffs_s": [120]}, "response": "document", "outputs": {"result": {}}}
    document = client.post(EXECUTION, json=body).json()
    assert document["result"]["value"]["type"] == "FeatureCollection"


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({}, "origins"),
        ({"origins": []}, "origins"),
        ({"origins": [[24.94]]}, "origins"),
        ({"origins": [[240, 60]]}, "origins"),
        ({"origins": "Helsinki"}, "origins"),
        ({"origins": [ORIGIN], "cutoffs_s": [-1]}, "cutoffs_s"),
        ({"origins": [ORIGIN], "cutoffs_s": ["soon"]}, "cutoffs_s"),
        ({"origins": [ORIGIN], "mode": "fly"}, "mode"),
        ({"origins": [ORIGIN], "minutes": 5}, "minutes"),
        ({"origins": [[24.5, 60.0]]}, "300"),
        ({"origins": [ORIGIN], "territory": "atlantis"}, "atlantis"),
        ({"origins": [ORIGIN], "territory": 5}, "territory"),
    ],
)
def test_a_wrong_input_is_named(client: httpx.Client, inputs: dict[str, Any], says: str) -> None:
    answer = client.post(EXECUTION, json={"inputs": inputs})
    assert answer.status_code in (400, 404)
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    "body", ["", "rubbish", "[]", '"text"', '{"inputs": 5}', '{"response": "telegram"}', '{"outputs": {"gold": {}}}']
)
def test_a_body_that_is_no_request_is_refused(client: httpx.Client, body: str) -> None:
    answer = client.post(EXECUTION, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("process", "inputs"),
    [
        ("facility-access", {"kind": "pharmacy"}),
        ("two-step-access", {"kind": "pharmacy"}),
        ("best-sites", {"kind": "pharmacy"}),
        ("hot-spots", {}),
        ("incident-density", {}),
        ("route", {"stops": [ORIGIN, ELSEWHERE]}),
        ("what-if", {"kind": "pharmacy", "closures": [[24.94232, 60.16804]], "new_links": [ORIGIN, ELSEWHERE]}),
        (
            "what-if",
            {
                "kind": "pharmacy",
                "closures": [[24.94232, 60.16804]],
                "new_links": [[ORIGIN, ELSEWHERE], [ELSEWHERE, [24.95, 60.168]]],
            },
        ),
        ("responsibility-zones", {"origins": [ORIGIN, ELSEWHERE], "delays_s": [60, 0], "limit_s": 120}),
        ("street-centrality", {"max_origins": 20}),
        ("cut-links", {}),
        ("closing-costs", {"max_links": 5, "max_origins": 5}),
        ("network-inventory", {}),
        ("topology-findings", {}),
        ("traffic-assignment", {"closures": [ORIGIN]}),
        ("development", {"from_year": 1950, "to_year": 2000}),
    ],
)
def test_every_analysis_runs_on_the_city_and_onto_a_map(
    client: httpx.Client, process: str, inputs: dict[str, Any]
) -> None:
    if process in ("hot-spots", "incident-density") and _no_incidents(client):
        pytest.skip("the accidents of Helsinki are in the data folder, which isn't there")
    answer = client.post(f"/processes/{process}/execution", json={"inputs": inputs})
    assert answer.status_code == 200, answer.text
    columns = set(client.get(f"/processes/{process}").json()["horad:view"]["columns"])
    features = answer.json()["features"]
    assert features
    assert columns <= set(features[0]["properties"])
    texts = {name: as_text(value) for name, value in inputs.items()}
    assert client.get(f"/maps/processes/{process}", params=texts).status_code == 200


def as_text(value: Any) -> str:
    """Write an input as in an address: bars between lines, semicolons between points, commas in other lists."""
    if not isinstance(value, list):
        return str(value)
    depth, inner = 0, value[0]
    while isinstance(inner, list):
        depth, inner = depth + 1, inner[0]
    return ",;|"[depth].join(map(as_text, value))


def _no_incidents(client: httpx.Client) -> bool:
    return client.get("/collections/incidents/items").json()["numberReturned"] == 0


def test_an_unknown_process_has_its_own_problem_type(client: httpx.Client) -> None:
    problem = client.post("/processes/alchemy/execution", json={}).json()
    assert problem["type"].endswith("/no-such-process")


def test_the_analysis_comes_as_a_map(client: httpx.Client) -> None:
    answer = client.get("/maps/processes/service-areas", params={"origins": "24.9414,60.1710", "cutoffs_s": "300,600"})
    assert answer.status_code == 200
    assert "leaflet" in answer.text
    foreign = [part for part in answer.text.split('"') if part.startswith(("http:", "https:", "//"))]
    ours = (str(client.base_url), "http://www.w3.org", "https://leafletjs.com")
    assert all(part.startswith(ours) for part in foreign), foreign
    assert "OpenStreetMap contributors" in answer.text
