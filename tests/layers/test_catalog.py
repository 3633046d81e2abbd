"""The catalogue: every layer describes itself wholly, so that whatever reads the description can rely on it."""

from __future__ import annotations

import re

import pytest

from geo.language import LANGUAGES
from layers.catalog import LayerTable, all_layers, find
from layers.errors import NotFoundError

LAYERS = list(all_layers().values())


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
    assert len(values) == len(set(values))
    assert bool(values) == (style.column is not None)
    assert sum(not symbol.values for symbol in style.symbols) <= 1
    for symbol in style.symbols:
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in (symbol.colour, symbol.outline) if colour)


def test_columns_have_schemas_and_no_reserved_names(model: LayerTable) -> None:
    shared = {"id", "territory", "source", "source_id", "geom", "geom_3857", "tags", "updated_at"}
    for column in model.columns:
        assert column.name not in shared
        assert column.json_schema["type"] in {"string", "integer", "number", "boolean"}
        assert column.required == (not model.table.columns[column.name].nullable)


def test_layers_have_each_its_place_on_the_map() -> None:
    orders = [model.layer.style.order for model in LAYERS]
    assert orders == sorted(orders)
    assert len(orders) == len(set(orders))


def test_a_layer_that_is_not_there_is_told() -> None:
    assert find("roads").name == "roads"
    with pytest.raises(NotFoundError, match=r"no layer 'Roads'. The layers are: bridges, .*waterways"):
        find("Roads")
