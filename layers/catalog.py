"""Every layer of the base, and what is known of it and of its columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from geo.language import Text
from layers.description import ColumnInfo
from layers.errors import NotFoundError
from layers.models import Feature

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
    """

    name: str
    title: Text
    unit: str | None
    python_type: type
    required: bool

    @property
    def json_schema(self) -> dict[str, str]:
        """The JSON schema of its values."""
        return _JSON_TYPES[self.python_type]


@lru_cache
def models() -> Mapping[str, type[Feature]]:
    """Return the layers by name, in the order in which they lie on the map."""
    found = sorted(Feature.__subclasses__(), key=lambda each: each.layer.style.order)
    return MappingProxyType({each.__tablename__: each for each in found})


def find(name: str) -> type[Feature]:
    """Return the layer of that name.

    Raises
    ------
    NotFoundError
        There is none; the text lists those there are.
    """
    model = models().get(name)
    if model is None:
        raise NotFoundError(f"There is no layer {name!r}. The layers are: {', '.join(sorted(models()))}.")
    return model


@lru_cache
def columns(model: type[Feature]) -> tuple[Column, ...]:
    """Return the columns that are the layer's own, in the order of their declaration."""
    return tuple(_describe(each, each.info["column"]) for each in model.__table__.columns if "column" in each.info)


def _describe(column: Any, info: ColumnInfo) -> Column:
    return Column(
        name=column.name,
        title=info.title,
        unit=info.unit,
        python_type=column.type.python_type,
        required=not column.nullable,
    )
