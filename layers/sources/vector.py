"""Vector files that GDAL reads: GeoPackage, GeoJSON, Shapefile, FlatGeobuf and more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely

from geo.errors import InvalidInputError
from layers.catalog import LayerTable
from layers.errors import SourceError
from layers.sources.coordinates import to_degrees
from layers.sources.mapping import convert
from layers.sources.records import Item, Notes, Record, Reject

SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".zip", ".fgb", ".gml", ".kml")

_BATCH_ROWS = 5_000
_EXACT_INTEGERS = 2**53
_ID_FIELDS = ("source_id", "id", "fid")


def spatial_tables(path: Path) -> list[str]:
    """Return the names of a file's tables that have a geometry.

    Raises
    ------
    SourceError
        The file can't be read, or has no such table.
    """
    try:
        found = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
    except pyogrio.errors.DataSourceError as error:
        raise SourceError(f"{path.name} can't be read: {error}") from error
    if not found:
        raise SourceError(f"{path.name} has no table with a geometry.")
    return found


class VectorReader:
    """Reads one table of features into one layer; fields go to the columns of the same name, the rest to the tags.

    Of several tables in the file, the one named like the layer is read.

    Parameters
    ----------
    path
        The file.
    layer, model
        The layer that it fills.
    crs
        Of the coordinates, for a file that doesn't say.

    Raises
    ------
    SourceError
        The file can't be read.
    InvalidInputError
        The file doesn't say its coordinate reference system and none is given, or it is unknown; or none of several
        tables is named like the layer.
    """

    def __init__(self, path: Path, layer: str, model: LayerTable, *, crs: str | None = None) -> None:
        self.notes = Notes()
        self._path = path
        self._layer = layer
        self._types = {each.name: each.python_type for each in model.columns}
        self._read = 0
        self._table = _choose(path, layer)
        self._info = pyogrio.read_info(path, layer=self._table, force_feature_count=True)
        stated = crs or self._info["crs"]
        if stated is None:
            raise InvalidInputError(
                f"{path.name} doesn't say in which CRS its coordinates are: name it with --crs EPSG:..."
            )
        self._transformer = to_degrees(stated)

    @property
    def progress(self) -> float | None:
        """The share of the file's features that has been read."""
        total = self._info["features"]
        return self._read / total if total > 0 else None

    def __iter__(self) -> Iterator[Item]:
        while True:
            try:
                frame = pyogrio.read_dataframe(
                    self._path,
                    layer=self._table,
                    skip_features=self._read,
                    max_features=_BATCH_ROWS,
                    fid_as_index=True,
                    on_invalid="ignore",
                )
            except (pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError) as error:
                raise SourceError(f"{self._path.name} can't be read after {self._read} features: {error}") from error
            yield from self._items(frame)
            self._read += len(frame)
            if len(frame) < _BATCH_ROWS:
                return

    def _items(self, frame: Any) -> Iterator[Item]:
        geometry = shapely.transform(np.asarray(frame.geometry.array), self._transformer.transform, interleaved=False)
        wkb = shapely.to_wkb(geometry, hex=True)
        fields = [name for name in frame.columns if name != frame.geometry.name]
        id_field = next((name for name in _ID_FIELDS if name in fields), None)
        rows = frame[fields].astype(object).where(frame[fields].notna(), None).to_dict("records")
        for fid, row, point in zip(frame.index, rows, wkb, strict=True):
            yield self._item(_source_id(row[id_field], fid) if id_field else str(fid), row, point)

    def _item(self, source_id: str, row: dict[str, Any], geometry: str | None) -> Item:
        if geometry is None:
            return Reject(self._layer, source_id, "there is no geometry that can be read", _as_text(row))
        values: dict[str, Any] = {}
        for name in self._types.keys() & row.keys():
            try:
                values[name] = convert(row[name], self._types[name])
            except ValueError as error:
                return Reject(self._layer, source_id, f"{name}: {error}", _as_text(row))
        rest = {name: value for name, value in row.items() if name not in self._types}
        return Record(self._layer, source_id, geometry, values, _as_text(rest))


def _choose(path: Path, layer: str) -> str:
    tables = spatial_tables(path)
    if len(tables) == 1:
        return tables[0]
    if layer not in tables:
        raise InvalidInputError(
            f"{path.name} holds the tables {', '.join(tables)}: give the one to load the name of the layer, {layer}"
        )
    return layer


def _source_id(stated: Any, fid: int) -> str:
    return f"fid {fid}" if stated is None else _text(stated)


def _as_text(row: dict[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in row.items() if value is not None}


def _text(value: Any) -> str:
    """Write a value, whole numbers without decimals even where gaps in the field have made them floats."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT_INTEGERS:
        return str(int(value))
    return str(value)
