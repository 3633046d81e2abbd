"""The SQL that writes a feature as GeoJSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from geoalchemy2.types import Geometry
from sqlalchemy import ColumnElement, FromClause, String, func, literal_column
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.sql.selectable import NamedFromClause

from layers.catalog import LayerTable
from layers.crs import CRS84, Crs
from layers.models.base import STORAGE_SRID

SHARED = ("territory", "source", "source_id")
"""The properties that features of every layer have, before the layer's own; ``tags`` come last."""

_WHOLE_BELOW = 1e15


def properties_of(model: LayerTable) -> list[str]:
    """Return the names of the properties that a layer's features have."""
    return [*SHARED, *(each.name for each in model.columns), "tags"]


def geojson(
    model: LayerTable, table: FromClause, *, crs: Crs = CRS84, only: Sequence[str] | None = None
) -> ColumnElement[str]:
    """Return the SQL that writes a feature as GeoJSON text.

    It is one text, made once: to build it of expressions takes longer than most answers take PostgreSQL.

    Parameters
    ----------
    model
        The layer.
    table
        Where the rows are.
    crs
        Of the coordinates, which come in the order of its axes.
    only
        The properties wanted; by default all.
    """
    assert isinstance(table, NamedFromClause)  # noqa: S101
    return literal_column(_feature(model, table.name, crs, None if only is None else tuple(only)), String)


@lru_cache(maxsize=1024)
def _feature(model: LayerTable, table: str, crs: Crs, only: tuple[str, ...] | None) -> str:
    decimals = {each.name for each in model.columns if each.python_type is float}
    wanted = properties_of(model) if only is None else only
    columns = ", ".join(_property(f"{_quote(table)}.{_quote(name)}", name, decimal=name in decimals) for name in wanted)
    properties = f"row_to_json((SELECT p FROM (SELECT {columns}) AS p))::text" if wanted else "'{}'"  # noqa: S608
    geometry = placed(literal_column(f"{_quote(table)}.geom"), crs)
    geometry_text = geometry.compile(compile_kwargs={"literal_binds": True})
    parts = [
        """'{"type":"Feature","id":'""",
        f"{_quote(table)}.id",
        """',"geometry":'""",
        f"coalesce(ST_AsGeoJSON({geometry_text}, {crs.decimals}), 'null')",
    ]
    return " || ".join([*parts, """',"properties":'""", properties, "'}'"])


def _property(column: str, name: str, *, decimal: bool) -> str:
    """Write a decimal point even where a number is whole: clients guess the type of a field from its first values."""
    if decimal:
        whole = f"{column} = trunc({column}) AND abs({column}) < {_WHOLE_BELOW:.0f}"
        column = f"CASE WHEN {whole} THEN {column}::numeric(17, 1) ELSE {column}::numeric END"
    return f"{column} AS {_quote(name)}"


def json_object(values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    """Return the SQL that makes a JSON object of values by their names, which are those of columns."""
    pairs = [part for name, value in values.items() for part in (literal_column(f"'{name}'"), value)]
    return func.json_build_object(*pairs, type_=JSON)


def placed(geometry: ColumnElement[Any], crs: Crs) -> ColumnElement[Any]:
    """Return a stored geometry in a CRS, its coordinates in the order of its axes."""
    if crs.srid != STORAGE_SRID:
        geometry = func.ST_Transform(geometry, crs.srid, type_=Geometry)
    return func.ST_FlipCoordinates(geometry, type_=Geometry) if crs.north_first else geometry


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
