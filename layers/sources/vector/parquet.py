"""Parquet and Arrow files with places: GeoParquet (version 1, WKB and native encodings), or columns of coordinates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyproj
import shapely
from pydantic import BaseModel, ValidationError

from layers.catalog import LayerTable
from layers.errors import SourceError
from layers.sources.batches import BatchMaker
from layers.sources.geometry import geoarrow, wkb
from layers.sources.geometry.coordinates import Box, Placer, Places, around, known_crs, to_degrees
from layers.sources.mapping.columns import cleaned, joined, text
from layers.sources.mapping.words import RowMapping
from layers.sources.records import Item, Notes
from layers.sources.row_ids import as_keys, own_key
from layers.sources.tabular.places import find_places, place
from layers.sources.vector.arrow_file import ARROW_SUFFIXES, open_columns

_BATCH_ROWS = 10_000
_SAMPLE_ROWS = 1_000
_GEOMETRY_NAMES = ("geometry", "geom", "wkb", "wkb_geometry", "the_geom")
_OWN_OF_THE_FORMAT = "OGC:CRS84"
_FAULTS = (pa.ArrowException, OSError, ValueError)


class _ColumnTold(BaseModel):
    """What a file says of a column of geometries (GeoParquet 1.1)."""

    encoding: str = "WKB"
    crs: Any = _OWN_OF_THE_FORMAT
    bbox: tuple[float, float, float, float] | tuple[float, float, float, float, float, float] | None = None
    covering: dict[str, dict[str, list[str]]] = {}

    @property
    def covers(self) -> set[str]:
        """The columns of boxes around its geometries."""
        return {place[0] for box in self.covering.values() for place in box.values() if place}


class _Told(BaseModel):
    """What a file says of its geometries."""

    primary_column: str | None = None
    columns: dict[str, _ColumnTold] = {}


class _ExtensionTold(BaseModel):
    """What GeoArrow says of a column."""

    crs: Any = None


_Kind = TypeVar("_Kind", bound=BaseModel)


class _Geometry(NamedTuple):
    """Where the geometries stand: the column, its encoding, the CRS if it is told, and the box in it."""

    column: str
    encoding: str
    crs: str | None
    box: Sequence[float] | None


class _Places:
    """The places of rows, as the file's metadata tells them or, without that, as those of any table."""

    def __init__(
        self, path: Path, *, crs: str | None, x: str | None, y: str | None, geometry: str | None, swapped: bool
    ) -> None:
        self.file = _open(path)
        self.remarks: tuple[str, ...] = ()
        self._geometry = None if x or y else _geometry(self.file, geometry)
        if self._geometry is None:
            where = find_places(_sample(self.file), x=x, y=y, geometry=geometry, crs=crs)
            self.columns, self.remarks, stated = where.columns, where.remarks, where.crs
        else:
            self.columns, stated = (self._geometry.column,), known_crs(path.name, crs or self._geometry.crs)
        self._placer = Placer(stated, swapped=swapped)
        others, boxes = _beside(self.file, self.columns)
        self.told = {*others, *boxes, *(() if self._geometry is None else self.columns)}
        """Columns that hold geometries, or boxes around them, and nothing else to be told."""
        if others:
            self.remarks += (f"places from {self.columns[0]}; {', '.join(others)} left out, which hold places too",)

    def of(self, batch: pa.RecordBatch) -> Places:
        if self._geometry is None:
            return place([cleaned(text(batch.column(name))) for name in self.columns], self._placer)
        column = batch.column(self._geometry.column)
        values = column.storage if isinstance(column, pa.ExtensionArray) else column
        if self._geometry.encoding == "WKB":
            return self._placer.well_known(values.cast(pa.binary()))
        try:
            found = geoarrow.read(values, self._geometry.encoding)
        except (AttributeError, KeyError, ValueError, pa.ArrowException) as error:
            raise SourceError(
                f"The geometries aren't encoded as {self._geometry.encoding}, as the file says."
            ) from error
        return self._placer.geometries(found)

    def box(self) -> Box | None:
        """Return the box that the metadata tells, in degrees."""
        if self._geometry is None or not self._geometry.box:
            return None
        half = len(self._geometry.box) // 2
        west, south, east, north = (self._geometry.box[each] for each in (0, 1, half, half + 1))
        return around([to_degrees(self._placer.crs).transform_bounds(west, south, east, north)])


class ParquetReader:
    """Reads a feature a row from a Parquet file, row group by row group.

    Parameters
    ----------
    path
        The file.
    layer, model
        The layer that it fills.
    crs
        Of the coordinates, where the file doesn't say.
    x, y, geometry
        The columns of coordinates, or of geometries, where the file doesn't say.
    swapped
        Northing or latitude stands first.
    key
        The column of ids; by default ``source_id``, ``id`` or ``fid``, and without those the number of the row.
    mapping
        How the layer's columns follow from the file's; by default those of the same name fill them.
    timezone
        Of times that don't tell theirs, where the mapping doesn't say.

    Raises
    ------
    SourceError
        The file can't be read, or lacks a column.
    InvalidInputError
        It can't be told where its rows lie.
    """

    def __init__(
        self,
        path: Path,
        layer: str,
        model: LayerTable,
        *,
        crs: str | None = None,
        x: str | None = None,
        y: str | None = None,
        geometry: str | None = None,
        swapped: bool = False,
        key: str | Sequence[str] | None = None,
        mapping: RowMapping | None = None,
        timezone: str | None = None,
    ) -> None:
        self._path = path
        self._layer = layer
        self._places = _Places(path, crs=crs, x=x, y=y, geometry=geometry, swapped=swapped)
        self._read = 0
        names = list(self._places.file.schema_arrow.names)
        mapping = mapping or RowMapping()
        mapping.check_header(names, path.name, x, y, geometry, *as_keys(key))
        self.notes = Notes(remarks=list(self._places.remarks))
        self._key = as_keys(key) or own_key(names)
        fields = [name for name in names if name not in self._places.told]
        self._maker = BatchMaker(
            model,
            fields,
            notes=self.notes,
            mapping=mapping,
            timezone=timezone,
            untold={*self._places.columns, *as_keys(key)},
            geometries_apart=bool(self._places.told),
        )

    @property
    def progress(self) -> float | None:
        """The share of the rows that has been read."""
        total = int(self._places.file.metadata.num_rows)
        return self._read / total if total else None

    def __iter__(self) -> Iterator[Item]:
        for batch in self._batches():
            fields = {
                name: cleaned(column)
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
                if name not in self._places.told
            }
            rows = pa.array([f"row {number}" for number in range(self._read + 1, self._read + len(batch) + 1)])
            ids = joined([fields[name] for name in self._key]) if self._key else rows
            yield from self._maker.items(ids, self._places.of(batch), fields)
            self._read += len(batch)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._places.file.iter_batches(_BATCH_ROWS, use_threads=False)
        except _FAULTS as error:
            raise SourceError(f"{self._path.name} can't be read after {self._read} rows: {error}") from error


def bounds(
    path: Path,
    *,
    crs: str | None = None,
    x: str | None = None,
    y: str | None = None,
    geometry: str | None = None,
    swapped: bool = False,
) -> Box | None:
    """Return the box around the rows of a file in degrees, ``None`` where none has a place.

    The parameters, and what is raised, are those of :class:`ParquetReader`.
    """
    places = _Places(path, crs=crs, x=x, y=y, geometry=geometry, swapped=swapped)
    told = places.box()
    if told is not None and not swapped:
        return told
    batches = places.file.iter_batches(_BATCH_ROWS, columns=list(places.columns), use_threads=False)
    boxes = [shapely.total_bounds(wkb.read(places.of(batch).wkb)) for batch in batches]
    known = [each for each in boxes if np.isfinite(each).all()]
    return around(known) if known else None


def _sample(file: Any) -> dict[str, list[str]]:
    batch = next(file.iter_batches(_SAMPLE_ROWS), None)
    if batch is None:
        return {name: [] for name in file.schema_arrow.names}
    cells = {name: text(column).to_pylist() for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    return {name: [cell for cell in column if cell] for name, column in cells.items()}


def _open(path: Path) -> Any:
    try:
        return open_columns(path)
    except _FAULTS as error:
        kind = "Arrow" if path.name.lower().endswith(ARROW_SUFFIXES) else "Parquet"
        raise SourceError(f"{path.name} can't be read as {kind}, it is cut off or damaged: {error}") from error


def _geometry(file: Any, wanted: str | None) -> _Geometry | None:
    """Return where the geometries stand as the file's metadata tells, or a column of bytes of a usual name."""
    told = _told(_Told, file.metadata.metadata, b"geo")
    name = wanted or told.primary_column
    if name in told.columns:
        column = told.columns[name]
        if column.encoding != "WKB" and column.encoding not in geoarrow.ENCODINGS:
            raise SourceError(f"The geometries are encoded as {column.encoding}, which isn't read; WKB is.")
        return _Geometry(name, column.encoding, _name_of(column.crs), column.bbox)
    for field in file.schema_arrow:
        storage = getattr(field.type, "storage_type", field.type)
        is_bytes = pa.types.is_binary(storage) or pa.types.is_large_binary(storage)
        if is_bytes and (field.name == wanted or (wanted is None and field.name.lower() in _GEOMETRY_NAMES)):
            extension = _told(_ExtensionTold, field.metadata, b"ARROW:extension:metadata")
            return _Geometry(field.name, "WKB", _name_of(extension.crs), None)
    return None


def _beside(file: Any, columns: Sequence[str]) -> tuple[list[str], set[str]]:
    """Return the other columns of geometries that a file tells of, and those of boxes around geometries."""
    told = _told(_Told, file.metadata.metadata, b"geo").columns
    boxes = {name for column in told.values() for name in column.covers}
    return [name for name in told if name not in columns], boxes


def _told(kind: type[_Kind], metadata: dict[bytes, bytes] | None, key: bytes) -> _Kind:
    try:
        return kind.model_validate_json((metadata or {}).get(key) or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        wrong = ": ".join((*filter(None, [".".join(map(str, first["loc"]))]), first["msg"]))
        raise SourceError(f"What the file says of its geometries can't be read: {wrong}.") from error


def _name_of(crs: Any) -> str | None:
    """Return a CRS, which may be written out as PROJJSON, as a short text where it has a name that is known."""
    if crs is None:
        return None
    try:
        return str(pyproj.CRS.from_user_input(crs).to_string())
    except pyproj.exceptions.CRSError as error:
        raise SourceError(f"The file names a CRS that can't be understood: {error}") from error
