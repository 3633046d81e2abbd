"""From a file to a custom layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from geo.errors import InvalidInputError
from layers.catalog import LayerTable
from layers.custom.making import create_layer
from layers.loads.ingest import Report
from layers.loads.loading import territory_for
from layers.settings import get_settings
from layers.sources.formats import open_tables
from layers.sources.opening import check_has_tables
from layers.sources.places import fingerprint
from layers.sources.records import Reader
from layers.sources.stated import Stated

_BYTES_PER_MB = 1024 * 1024


def load_custom(
    engine: Engine,
    file: Path,
    *,
    name: str,
    territory: str | None = None,
    table: str | None = None,
    layer: dict[str, Any] | None = None,
    **stated: Any,
) -> Report:
    """Make a custom layer of a file, or bring one to what the file now holds.

    Parameters
    ----------
    engine
        The database.
    file
        Any file with a table of features.
    name
        Of the layer.
    territory
        The id of the territory; by default the one in which the file lies.
    table
        Which table of the file, where it has several.
    layer
        What `create_layer` takes beside: ``title``, ``function``, ``shape``, ``style_by``, ``progress``.
    **stated
        What the file doesn't say itself, by the names of :class:`layers.sources.stated.Stated`.

    Raises
    ------
    SourceError, InvalidInputError, NotFoundError
        As for `layers.loads.loading.load_file`; or the file is larger than the settings allow.
    """
    check_has_tables(file)
    _check_size(file)
    place = territory_for(engine, file, wanted=territory, **stated)
    found = open_tables(file, Stated(**stated))
    names = [each.name for each in found.tables]
    if table is None and len(names) > 1:
        raise InvalidInputError(f"{file.name} has the tables {', '.join(names)}: name one with --table.")
    if table is not None and table not in names:
        raise InvalidInputError(f"{file.name} has no table {table}; it has {', '.join(names)}.")
    chosen = found.tables[names.index(table) if table is not None else 0]

    def opener(model: LayerTable) -> Reader:
        return chosen.reader(model)

    return create_layer(
        engine,
        opener,
        name=name,
        territory=place,
        file_name=file.name,
        fingerprint=fingerprint(file) if file.is_file() else "",
        **(layer or {}),
    )


def _check_size(file: Path) -> None:
    most = get_settings().custom_max_mb
    if file.is_file() and file.stat().st_size > most * _BYTES_PER_MB:
        raise InvalidInputError(
            f"{file.name} has {file.stat().st_size / _BYTES_PER_MB:.0f} MB; a custom layer takes at most {most}"
            " (HORAD_CUSTOM_MAX_MB)."
        )
