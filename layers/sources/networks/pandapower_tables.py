"""The tables of a pandapower network file, without pandapower."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, TypeAlias

from layers.errors import SourceError

Row: TypeAlias = dict[str, Any]
Table: TypeAlias = dict[str, Row]


_HEAD_BYTES = 64 * 1024


def is_network(path: Path) -> bool:
    """Tell whether a file begins as pandapower's network files do."""
    if not path.name.lower().endswith(".json"):
        return False
    with path.open("rb") as file:
        return b'"pandapowerNet"' in file.read(_HEAD_BYTES)


def read_tables(path: Path) -> dict[str, Table]:
    """Return the tables of a network by name, their rows by index; missing values are left out of the rows.

    Raises
    ------
    SourceError
        The file can't be read, is cut off, or is no pandapower network.
    """
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path.name} can't be read as JSON: {error}") from error
    kind = content.get("_class") if isinstance(content, dict) else None
    if kind != "pandapowerNet":
        told = f"a {kind}" if kind else "none of pandapower's files"
        raise SourceError(f"{path.name} is no pandapower network but {told}.")
    try:
        objects = _as_object(content["_object"])
        tables = {name: _table(each) for name, each in objects.items() if _is_frame(each)}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{path.name} is a pandapower network with a table that can't be read: {error}") from error
    if not tables.get("bus"):
        raise SourceError(f"{path.name} is a pandapower network without a bus.")
    return tables


def shape_of(value: Any) -> Any:
    """Return the coordinates of a GeoJSON geometry, as an object or as text; ``None`` where there are none."""
    try:
        geometry = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return geometry.get("coordinates") if isinstance(geometry, dict) else geometry


def _table(frame: Row) -> Table:
    split = _as_object(frame["_object"])
    columns = split["columns"]
    return {
        str(index): {name: value for name, value in zip(columns, cells, strict=True) if not _is_missing(value)}
        for index, cells in zip(split["index"], split["data"], strict=True)
    }


def _is_frame(value: Any) -> bool:
    is_frame = isinstance(value, dict) and value.get("_class") in {"DataFrame", "GeoDataFrame"}
    return is_frame and value.get("orient", "split") == "split"


def _as_object(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
