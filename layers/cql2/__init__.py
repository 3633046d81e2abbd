"""Filters in CQL2, as text or JSON: read once, and asked of any layer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, TypeAlias

from sqlalchemy import ColumnElement, FromClause

from geo.errors import InvalidInputError
from layers.catalog import LayerTable
from layers.cql2.conditions import Conditions
from layers.cql2.spatial import box_around
from layers.cql2.text import parse_text
from layers.cql2.values import GEOMETRY, TAGS, Kind, property_kinds
from layers.crs import CRS84, Crs

__all__ = [
    "GEOMETRY",
    "TAGS",
    "Filter",
    "FilterLanguage",
    "Kind",
    "box_around",
    "made_filter",
    "parse_filter",
    "property_kinds",
]

FilterLanguage: TypeAlias = Literal["cql2-text", "cql2-json"]

_MAX_CHARACTERS = 100_000


@dataclass(frozen=True)
class Filter:
    """A condition that features must meet.

    Parameters
    ----------
    key
        Its tree as JSON: the same for the same filter, as caches need it.
    crs
        Of the geometries in it.
    tree
        As CQL2 JSON writes it.
    """

    key: str
    crs: Crs
    tree: Any = field(compare=False, repr=False)

    def condition(self, model: LayerTable, table: FromClause) -> ColumnElement[bool]:
        """Return it as SQL, with bound values.

        Parameters
        ----------
        model
            The layer that is asked.
        table
            Where its rows are: its table, an alias of it, or what it was at a moment.

        Raises
        ------
        InvalidInputError
            It names what the layer hasn't, or compares what can't be compared.
        """
        return Conditions(model, table, self.crs).condition(self.tree)


def parse_filter(text: str, *, language: FilterLanguage = "cql2-text", crs: Crs = CRS84) -> Filter:
    """Read a filter.

    Parameters
    ----------
    text
        The filter.
    language
        In which it is written.
    crs
        Of the geometries in it.

    Raises
    ------
    InvalidInputError
        It is no such filter; the text says where it goes wrong.
    """
    if len(text) > _MAX_CHARACTERS:
        raise InvalidInputError(f"filter: has {len(text)} characters; at most {_MAX_CHARACTERS} are taken")
    return _parse_json(text, crs) if language == "cql2-json" else made_filter(parse_text(text), crs)


def made_filter(tree: Any, crs: Crs = CRS84) -> Filter:
    """Return the filter of a tree, as CQL2 JSON writes it."""
    return Filter(json.dumps(tree, sort_keys=True), crs, tree)


def _parse_json(text: str, crs: Crs) -> Filter:
    try:
        return made_filter(json.loads(text, parse_constant=_refuse), crs)
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"filter: no JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise InvalidInputError(f"filter: this JSON can't be read: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise InvalidInputError(f"filter: {constant} is no number in JSON")
