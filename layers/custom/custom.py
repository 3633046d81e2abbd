"""Layers of one's own: any file becomes a layer like all others, with typed columns and a style."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects.postgresql import JSONB

from geo.errors import InvalidInputError
from geo.language import LANGUAGES
from layers.catalog import LayerTable, custom_layers, layer_table, set_custom_layers
from layers.custom.inference import plain_name
from layers.description import CityFunction, ColumnInfo, Layer, Shape, Style
from layers.errors import NotFoundError
from layers.migrations import tables
from layers.models.registry import CustomLayer

PREFIX = "custom_"
"""How the names of custom layers begin, so that none meets a layer of the platform's."""

SQL_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "whole": sa.Integer(),
    "number": sa.Double(),
    "truth": sa.Boolean(),
    "date": sa.Date(),
    "time": sa.DateTime(timezone=True),
    "text": sa.Text(),
}
"""Of columns, by the kind of their values."""
_NAME_LENGTH = 24
_STYLE = TypeAdapter(Style)

_public: dict[str, LayerTable] = {}
_tables: dict[str, LayerTable] = {}
"""The custom layers that any connection of this process has seen."""


def drop_layer(engine: Engine, name: str) -> None:
    """Remove a custom layer with its features and its history.

    Raises
    ------
    NotFoundError
        There is no such custom layer.
    """
    layer_name = custom_name(name)
    with engine.begin() as connection:
        gone = sa.delete(CustomLayer).where(CustomLayer.name == layer_name)
        if connection.execute(gone).rowcount == 0:
            raise NotFoundError(f"There is no custom layer {layer_name!r}; there are: {_known(connection)}.")
        tables.drop_layer(connection, layer_name)
    refresh_now(engine)


def set_style(engine: Engine, name: str, style: dict[str, Any]) -> None:
    """Give a custom layer another style, written like `layers.description.Style`.

    Raises
    ------
    InvalidInputError
        It is no such style, or speaks of a column that the layer doesn't have.
    NotFoundError
        There is no such custom layer.
    """
    layer_name = custom_name(name)
    refresh_now(engine)
    model = custom_layers().get(layer_name)
    if model is None:
        raise NotFoundError(f"There is no custom layer {layer_name!r}.")
    try:
        checked = replace(_STYLE.validate_python(style), order=model.layer.style.order)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InvalidInputError(f"This is no style of a layer: {problems}") from error
    for column in (checked.column, checked.label):
        if column is not None and model.column(column) is None:
            known = ", ".join(each.name for each in model.columns)
            raise InvalidInputError(f"The layer {layer_name} has no column {column}; it has {known}.")
    with engine.begin() as connection:
        row = sa.update(CustomLayer).where(CustomLayer.name == layer_name)
        changed = CustomLayer.description + sa.literal({"style": asdict(checked)}, JSONB)
        connection.execute(row.values(description=changed, changed_at=sa.func.clock_timestamp()))
    refresh_now(engine)


def custom_name(name: str) -> str:
    """Return the name of the custom layer that a user calls so."""
    return f"{PREFIX}{plain_name(name.removeprefix(PREFIX), length=_NAME_LENGTH)}"


def refresh_now(engine: Engine) -> None:
    """Let the catalogue of this process know the custom layers that the base has."""
    with engine.connect() as connection:
        refresh(connection)


def refresh(connection: Connection) -> None:
    """Let the catalogue of this process know the custom layers that this connection may see."""
    set_custom_layers(visible(connection))


def refresh_public(connection: Connection) -> None:
    """Read anew which custom layers everybody may see, from a connection of the public's."""
    global _public
    _public = visible(connection)


def public_layers() -> dict[str, LayerTable]:
    """Return the custom layers that everybody may see, as of the last `refresh_public`."""
    return _public


def visible(connection: Connection) -> dict[str, LayerTable]:
    """Return the custom layers that this connection may see, by name."""
    statement = sa.select(CustomLayer.name, CustomLayer.description, CustomLayer.changed_at)
    rows = connection.execute(statement.order_by(CustomLayer.added_at, CustomLayer.name))
    return {row.name: _made(row.name, row.description, row.changed_at.isoformat()) for row in rows}


def _made(name: str, description: dict[str, Any], mark: str) -> LayerTable:
    """Return a layer, the same object as long as its description is the same."""
    known = _tables.get(name)
    if known is None or known.mark != mark:
        known = _tables[name] = _from_json(name, description, mark)
    return known


def _from_json(name: str, described: dict[str, Any], mark: str) -> LayerTable:
    layer = Layer(
        title=described["title"],
        summary=described["title"],
        function=CityFunction(described["function"]),
        shape=Shape(described["shape"]),
        style=_STYLE.validate_python(described["style"]),
        min_zoom=described["min_zoom"],
    )
    own = [
        sa.Column(
            each["name"],
            SQL_TYPES[each["type"]],
            info={"column": ColumnInfo(title=dict.fromkeys(LANGUAGES, each["field"]))},
        )
        for each in described["columns"]
    ]
    return layer_table(name, layer, own, mark=mark)


def _known(connection: Connection) -> str:
    return ", ".join(connection.execute(sa.select(CustomLayer.name)).scalars()) or "none yet"
