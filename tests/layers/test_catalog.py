"""The catalogue: every layer describes itself wholly, so that whatever reads the description can rely on it."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from geo.language import LANGUAGES
from layers.catalog import LayerTable, all_layers, find
from layers.description import CityFunction
from layers.errors import NotFoundError

LAYERS = list(all_layers().values())
UNITS = {
    "m": "m",
    "mm": "mm",
    "m2": "m²",
    "m3": "m³",
    "km2": "people/km²",
    "kmh": "km/h",
    "l": "l",
    "lps": "l/s",
    "t": "t",
    "s": "s",
    "min": "min",
    "w": "W",
    "kw": "kW",
    "kva": "kVA",
    "v": "V",
    "a": "A",
    "bar": "bar",
    "percent": "%",
    "years": "years",
}
EXPECTED = {
    "infrastructure": "roads railways bridges stops transit_routes street_lights inspections projects",
    "safety": "incidents stations hydrants hazard_zones",
    "business": "businesses land_parcels",
    "housing": "buildings utilities utility_points outages waste_points",
    "social": "facilities population green_spaces",
    "feedback": "reports organisations",
    "common": "districts places land_use water waterways indicators",
}


@pytest.fixture(params=LAYERS, ids=[model.name for model in LAYERS])
def model(request: pytest.FixtureRequest) -> LayerTable:
    found: LayerTable = request.param
    return found


def test_texts_are_in_every_language(model: LayerTable) -> None:
    layer = model.layer
    titles = [layer.title, layer.summary, layer.function.label]
    titles += [symbol.title for symbol in layer.style.symbols] + [column.title for column in model.columns]
    for title in titles:
        assert set(title) == set(LANGUAGES)
        assert all(text.strip() for text in title.values())
    assert all(re.search("[а-яёўі]", title[lang], re.IGNORECASE) for title in titles for lang in ("be", "ru"))


def test_the_style_speaks_of_columns_the_layer_has(model: LayerTable) -> None:
    style = model.layer.style
    own = {column.name: column for column in model.columns}
    for name in (style.column, style.label, model.layer.time):
        assert name is None or name in own
    assert 0 <= model.layer.min_zoom <= model.layer.max_zoom <= 22
    values = [value for symbol in style.symbols for value in symbol.values]
    bounds = [symbol.at_least for symbol in style.symbols if symbol.at_least is not None]
    assert len(values) == len(set(values))
    assert bounds == sorted(set(bounds))
    assert bool(values or bounds) == (style.column is not None)
    assert not (values and bounds)
    assert sum(not symbol.values and symbol.at_least is None for symbol in style.symbols) <= 1
    if style.column is not None and (closed := own[style.column].choices):
        assert set(values) <= set(closed)
    for symbol in style.symbols:
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in (symbol.colour, symbol.outline) if colour)


def test_columns_have_schemas_and_no_reserved_names(model: LayerTable) -> None:
    shared = {each.name for each in model.table.columns if "column" not in each.info}
    shared |= {"valid_to", "ended_by", "ended_run", "ended_how", "cell", "point_count", "shape"}
    for column in model.columns:
        assert column.name not in shared
        assert column.json_schema["type"] in {"string", "integer", "number", "boolean"}
        assert column.required == (not model.table.columns[column.name].nullable)


@pytest.mark.parametrize(("ending", "unit"), UNITS.items())
def test_a_unit_in_a_name_is_the_unit_of_the_column(ending: str, unit: str) -> None:
    named = [column for layer in LAYERS for column in layer.columns if column.name.endswith(f"_{ending}")]
    assert named
    assert {column.unit for column in named} == {unit}
    assert all(column.python_type in (int, float) for column in named)


def test_times_have_a_zone_and_say_how_exact_they_are(model: LayerTable) -> None:
    times = [each for each in model.table.columns if isinstance(each.type, sa.DateTime)]
    assert all(each.type.timezone for each in times)
    precision = model.column("time_precision")
    assert (precision is not None) == (model.layer.time is not None)
    if precision is not None:
        assert precision.choices[:3] == ("year", "month", "day")
        assert model.table.columns[model.layer.time].type.python_type is dt.datetime


def test_links_lead_to_layers(model: LayerTable) -> None:
    for column in model.columns:
        if column.link is not None:
            assert column.python_type is str
            assert column.link.layer is None or find(column.link.layer)
            assert column.link.layer_column is None or model.column(column.link.layer_column)


def test_limits_leave_room(model: LayerTable) -> None:
    for column in model.columns:
        low, high = column.minimum, column.maximum
        assert low is None or high is None or low < high
        assert (low is None and high is None) or column.python_type in (int, float)
        assert not column.choices or (column.python_type is str and len(column.choices) == len(set(column.choices)))
        assert column.computed == column.json_schema.get("readOnly", False)


def test_every_function_of_the_city_has_its_layers() -> None:
    names = {function: {each.name for each in LAYERS if each.layer.function is function} for function in CityFunction}
    for function, expected in EXPECTED.items():
        assert names[CityFunction(function)] >= set(expected.split())


def test_the_opening_map_is_calm() -> None:
    shown = {model.name for model in LAYERS if model.layer.style.visible}
    base = {"land_use", "water", "waterways", "districts", "places"}
    assert shown == base | {"roads", "railways", "buildings", "facilities"}


def test_layers_have_each_its_place_on_the_map() -> None:
    orders = [model.layer.style.order for model in LAYERS]
    assert orders == sorted(orders)
    assert len(orders) == len(set(orders))


def test_a_layer_that_is_not_there_is_told() -> None:
    assert find("roads").name == "roads"
    with pytest.raises(NotFoundError, match=r"no layer 'Roads'. The layers are: bridges, .*waterways"):
        find("Roads")
