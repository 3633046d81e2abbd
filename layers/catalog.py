"""Every layer of the base, and what is known of it and of its columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy import Table

from geo.language import Text
from layers.description import ColumnInfo, Layer, Link
from layers.errors import NotFoundError
from layers.models import all_models, layer_model
from layers.models.base import HISTORY

if TYPE_CHECKING:
    from layers.models.base import Feature

_JSON_TYPES: dict[type, dict[str, str]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    dt.date: {"type": "string", "format": "date"},
    dt.datetime: {"type": "string", "format": "date-time"},
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a layer, as users see it.

    Parameters
    ----------
    name
        In the database, the API and the tiles.
    title
        In every language.
    unit
        Of its values.
    python_type
        Of its values.
    required
        Whether every feature has a value.
    minimum, maximum
        The least and the greatest value that can be right, where known.
    choices
        The values it can have, where they are a closed list.
    link
        The layer to whose features its values lead, if they do.
    inspected
        The kind of score by which inspections tell its value, if they do.
    computed
        Whether the database works it out from the others, so that nothing can be written to it.
    """

    name: str
    title: Text
    unit: str | None
    python_type: type
    required: bool
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    link: Link | None = None
    inspected: str | None = None
    computed: bool = False

    @property
    def json_schema(self) -> dict[str, Any]:
        """The JSON schema of its values."""
        limits = {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "enum": list(self.choices) or None,
            "readOnly": self.computed or None,
        }
        return _JSON_TYPES[self.python_type] | {name: limit for name, limit in limits.items() if limit is not None}


@dataclass(frozen=True, eq=False)
class LayerTable:
    """A layer of the base: its description, its table and its own columns.

    Parameters
    ----------
    name
        Of the layer and of its table.
    layer
        What is known of it.
    table
        In the database.
    columns
        Those that are the layer's own, in the order of their declaration.
    mark
        Tells one description of a custom layer from another; empty for the platform's layers.
    """

    name: str
    layer: Layer
    table: Table
    columns: tuple[Column, ...]
    mark: str = ""

    @cached_property
    def history(self) -> Table:
        """The table of the features' earlier states, each with the time at which it ended and by whom."""
        columns: list[sa.Column[Any]] = [
            sa.Column(each.name, each.type) for each in self.table.columns if each.name != "geom_3857"
        ]
        ends: list[sa.Column[Any]] = [
            sa.Column("valid_to", sa.DateTime(timezone=True)),
            sa.Column("ended_by", sa.Text()),
            sa.Column("ended_run", sa.BigInteger()),
            sa.Column("ended_how", sa.Text()),
        ]
        return Table(self.name, sa.MetaData(schema=HISTORY), *columns, *ends)

    def column(self, name: str) -> Column | None:
        """Return the layer's own column of that name, if it has one."""
        return next((each for each in self.columns if each.name == name), None)


_known: dict[str, LayerTable] = {}
"""The platform's layers that have been asked for."""
_custom: dict[str, LayerTable] = {}
_shown: ContextVar[Mapping[str, LayerTable] | None] = ContextVar(
    "custom layers that this request may see", default=None
)


@lru_cache
def _built_in() -> Mapping[str, LayerTable]:
    return {each.__tablename__: _of_model(each) for each in all_models()}


def _of_model(model: type[Feature]) -> LayerTable:
    """Return a layer of the platform, the same at each call."""
    name = model.__tablename__
    if name not in _known:
        _known.setdefault(name, _described(name, model.layer, cast("Table", model.__table__)))
    return _known[name]


def all_layers() -> Mapping[str, LayerTable]:
    """Return the layers by name, in the order in which they lie on the map: the platform's, and custom ones."""
    return MappingProxyType(dict(sorted(_together().items(), key=lambda item: item[1].layer.style.order)))


def custom_layers() -> Mapping[str, LayerTable]:
    """Return the custom layers by name: those that were shown to this request, else all that this process knows of."""
    return MappingProxyType(dict(_shown_custom()))


def set_custom_layers(layers: Mapping[str, LayerTable]) -> None:
    """Let this process know the custom layers, in place of those that it knew."""
    global _custom
    _custom = dict(layers)


def show_custom_layers(layers: Mapping[str, LayerTable]) -> None:
    """Let the request that is being answered, and no other, know these custom layers."""
    _shown.set(layers)


def layer_table(name: str, layer: Layer, own: Iterable[sa.Column[Any]], *, mark: str = "") -> LayerTable:
    """Return a custom layer: the columns that all layers share, and its own."""
    any_layer = find("roads").table
    metadata = sa.MetaData()
    shared = [
        sa.Column(each.name, each.type, *_computed(each), nullable=each.nullable, server_default=_default(each))
        for each in any_layer.columns
        if "column" not in each.info
    ]
    return _described(name, layer, Table(name, metadata, *shared, *own), mark=mark)


def find(name: str) -> LayerTable:
    """Return the layer of that name.

    Raises
    ------
    NotFoundError
        There is none; the text lists those there are.
    """
    model = layer_model(name)
    found = _shown_custom().get(name) if model is None else _of_model(model)
    if found is None:
        raise NotFoundError(f"There is no layer {name!r}. The layers are: {', '.join(sorted(all_layers()))}.")
    return found


def _together() -> dict[str, LayerTable]:
    return {**_built_in(), **_shown_custom()}


def _shown_custom() -> Mapping[str, LayerTable]:
    shown = _shown.get()
    return _custom if shown is None else shown


def _computed(column: sa.Column[Any]) -> list[sa.Computed]:
    return [] if column.computed is None else [sa.Computed(column.computed.sqltext, persisted=True)]


def _default(column: sa.Column[Any]) -> str | None:
    return str(column.server_default.arg) if isinstance(column.server_default, sa.DefaultClause) else None


def _described(name: str, layer: Layer, table: Table, *, mark: str = "") -> LayerTable:
    own = tuple(_describe(each, each.info["column"]) for each in table.columns if "column" in each.info)
    return LayerTable(name, layer, table, own, mark)


def _describe(column: Any, info: ColumnInfo) -> Column:
    return Column(
        name=column.name,
        title=info.title,
        unit=info.unit,
        python_type=column.type.python_type,
        required=not column.nullable,
        minimum=info.minimum,
        maximum=info.maximum,
        choices=info.choices,
        link=info.link,
        inspected=info.inspected,
        computed=column.computed is not None,
    )
