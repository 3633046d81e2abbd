"""Analyses describe themselves."""

from __future__ import annotations

import json
from typing import Annotated

import pydantic
import pytest

from geo.analysis import Analysis, LayerInput, View, all_analyses, analysis, get_analysis, labelled
from geo.errors import InvalidInputError
from geo.infrastructure.service_areas import service_areas
from geo.inputs.points import Points
from geo.language import LANGUAGES

NAME = {"be": "Назва", "ru": "Название", "en": "Name"}
VIEW = View(geometry="point", columns={})


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the analyses of these tests be unknown to all others."""
    monkeypatch.setattr("geo.analysis._known", {each.id: each for each in all_analyses()})


@pytest.fixture
def counting(own_registry: None) -> Analysis:
    @analysis(
        id="test-counting",
        title=NAME,
        summary=NAME,
        function="social",
        inputs={"shops": LayerInput(layer="businesses")},
        view=VIEW,
    )
    def count(
        shops: list[str],
        around: Points,
        *,
        radius_m: Annotated[float, labelled(NAME, unit="m", gt=0)] = 500,
        top: int = 3,
    ) -> tuple[object, ...]:
        """Return what it was called with."""
        return shops, around.tolist(), radius_m, top

    assert count.__name__ == "count"
    assert count(["a"], [[1, 2]], top=4)[2:] == (500, 4)
    return count.analysis


def test_a_described_function_gets_checked_parameters(counting: Analysis) -> None:
    shops, around, radius_m, top = counting.call(["a"], [[27.5, 53.9]], radius_m="20", top=1)
    assert (shops, [point.wkt for point in around], radius_m, top) == (["a"], ["POINT (27.5 53.9)"], 20.0, 1)
    with pytest.raises(
        InvalidInputError, match=r"^test-counting: radius_m: Input should be greater than 0, not -5; top"
    ):
        counting.call([], [[1, 2]], radius_m=-5, top="many")
    with pytest.raises(TypeError, match="colour"):
        counting.call([], [[1, 2]], colour="red")


def test_parameters_are_a_model_without_the_layers(counting: Analysis) -> None:
    assert list(counting.parameters.model_fields) == ["around", "radius_m", "top"]
    with pytest.raises(pydantic.ValidationError, match="colour"):
        counting.parameters.model_validate({"around": [[1, 2]], "colour": "red"})
    with pytest.raises(InvalidInputError, match="around: Field required"):
        counting.check({})
    given = counting.parameters.model_validate({"around": [[1, 2]]})
    assert (
        counting.check(json.loads(given.model_dump_json()))["around"].tolist()
        == counting.check({"around": [[1, 2]]})["around"].tolist()
    )


def test_what_a_territory_states_is_taken_where_nothing_is_given(own_registry: None) -> None:
    @analysis(id="test-norms", title=NAME, summary=NAME, function="social", inputs={}, view=VIEW)
    def norms(
        *,
        kind: Annotated[str, labelled(NAME)] = "fire",
        who: Annotated[str, labelled(NAME)] = "total",
        norm_s: Annotated[float, labelled(NAME, stated="{kind}_response_min", stated_scale=60)] = 600,
        places: Annotated[float | None, labelled(NAME, stated="{kind}_places", stated_if={"who": "total"})] = None,
        zone: Annotated[str, labelled(NAME, stated="time_zone")] = "UTC",
    ) -> None:
        """Do nothing."""

    described = norms.analysis
    stated = {"fire_response_min": 8, "police_places": 5, "time_zone": "Europe/Minsk"}
    assert described.complete({}, stated) == {"norm_s": 480, "zone": "Europe/Minsk"}
    assert described.complete({"norm_s": 100, "zone": None}, stated) == {"norm_s": 100, "zone": "Europe/Minsk"}
    assert described.complete({"kind": "police"}, stated)["places"] == 5
    assert "places" not in described.complete({"kind": "police", "who": "dwellings"}, stated)
    assert described.complete({}, {}) == {}
    assert described.json_schema()["norm_s"]["x-stated"]["name"] == "{kind}_response_min"


def test_the_schema_tells_titles_units_limits_and_defaults(counting: Analysis) -> None:
    schema = counting.json_schema()
    assert schema["radius_m"] == {
        "type": "number",
        "exclusiveMinimum": 0,
        "default": 500,
        "title": "Name",
        "x-title": NAME,
        "x-unit": "m",
    }
    assert "default" not in schema["around"]
    assert [form["type"] for form in schema["around"]["oneOf"]] == ["array", "object"]


def test_analyses_are_found_by_id(counting: Analysis) -> None:
    assert get_analysis("test-counting") is counting
    assert get_analysis("service-areas") is service_areas.analysis
    assert [each.id for each in all_analyses()] == sorted(each.id for each in all_analyses())
    with pytest.raises(InvalidInputError, match=r"no analysis 'service': there are .*service-areas"):
        get_analysis("service")


def test_every_analysis_is_fully_described() -> None:
    for each in all_analyses():
        assert each.call.__doc__, each.id
        assert each.view.colour_by is None or each.view.colour_by in each.view.columns, each.id
        assert all(set(column.title) == set(LANGUAGES) for column in each.view.columns.values()), each.id
        json.dumps(each.json_schema())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"function": "defence"}, "city function must be one of"),
        ({"title": {"en": "Name"}}, "must be in"),
        ({"inputs": {"roads": LayerInput(layer="roads")}}, r"no parameter \['roads'\]"),
        ({"id": "service-areas"}, "already defined in geo.infrastructure.service_areas"),
    ],
)
def test_a_wrong_description_is_refused(changes: dict[str, object], message: str) -> None:
    right = {"id": "test-wrong", "title": NAME, "summary": NAME, "function": "social", "inputs": {}, "view": VIEW}
    with pytest.raises(ValueError, match=message):
        analysis(**(right | changes))(lambda: None)  # type: ignore[arg-type]
