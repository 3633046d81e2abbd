"""Drawings in DXF: their layers, which GDAL tells as a field of each entity."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyogrio

from layers.errors import SourceError

ENTITIES = "entities"
"""The table of all that is drawn, on whatever layer."""

_FIELD = "Layer"


def layer_names(path: Path) -> list[str]:
    """Return the names of the layers on which something is drawn.

    Raises
    ------
    SourceError
        The drawing can't be read.
    """
    found: dict[str, None] = {}
    try:
        with pyogrio.open_arrow(path, layer=ENTITIES, columns=[_FIELD], read_geometry=False) as (_, stream):
            for batch in pa.RecordBatchReader.from_stream(stream):
                found |= dict.fromkeys(batch.column(_FIELD).unique().to_pylist())
    except (pyogrio.errors.DataSourceError, pa.ArrowException, OSError) as error:
        raise SourceError(f"{path.name} can't be read: {error}") from error
    return sorted(name for name in found if name and name != ENTITIES)


def of_layer(name: str) -> str:
    """Return the condition in SQL for what is drawn on a layer."""
    return f"{_FIELD} = '{name.replace(chr(39), chr(39) * 2)}'"
