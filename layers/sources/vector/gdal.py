"""Vector files that GDAL reads, streamed as Arrow."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio

from geo.errors import InvalidInputError
from layers.catalog import LayerTable
from layers.errors import SourceError
from layers.sources.batches import BatchMaker
from layers.sources.geometry.coordinates import Box, Placer, around, known_crs, to_degrees
from layers.sources.mapping.columns import cleaned, joined
from layers.sources.mapping.words import RowMapping
from layers.sources.records import Item, Notes
from layers.sources.row_ids import as_keys, own_key
from layers.sources.tabular.encodings import detect_in

_BATCH_ROWS = 5_000
_BATCH_BYTES = 64 * 1024 * 1024
_MOST_REMARKS = 5
_HEAD_BYTES = 64 * 1024
_NUMERIC_ID = re.compile(rb'"id"\s*:\s*-?\d')
_SHARED_ID = re.compile(r"Several features with id = (-?\d+) ")
_ADVICE = "; It might help to specify the correct driver"
_PROXY, _NOBODY = "GDAL_HTTP_PROXY", "127.0.0.1:1"
_DRIVERS = frozenset(
    (
        *("GPKG", "FlatGeobuf", "ESRI Shapefile", "OpenFileGDB", "MapInfo File"),
        *("GeoJSON", "GeoJSONSeq", "TopoJSON", "ESRIJSON", "JSONFG"),
        *("GML", "GPX", "DXF"),
    )
)
"""Of GDAL, those that read a file and nothing else."""

_FAULTS = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.FieldError,
    pyogrio.errors.GeometryError,
    pyogrio.errors.CRSError,
    pa.ArrowException,
    OSError,
)

pyogrio.set_gdal_config_options(
    {
        "OGR_ARROW_MEM_LIMIT": _BATCH_BYTES,
        "OGR_GPKG_NUM_THREADS": 1,  # others read ahead, which costs memory and brings no time
        "GML_DOWNLOAD_SCHEMA": False,
        "CPL_LOG": os.devnull,  # what is wrong with a feature is told with its rejection
    }
)


class VectorReader:
    """Reads one table of features into one layer; fields go to the columns of the same name, the rest to the tags.

    Parameters
    ----------
    path
        The file.
    layer, model
        The layer that it fills.
    table
        The table of the file, or its number; by default the one named like the layer, or the only one.
    crs
        Of the coordinates, for a file that doesn't say.
    swapped
        Northing or latitude stands first.
    key
        The field of ids, or several that make one together; by default ``source_id``, ``id`` or ``fid``, and without
        those the number of the feature.
    encoding
        Of the texts of a Shapefile.
    where
        Which features are taken, as a condition in SQL.
    mapping
        How the layer's columns follow from the fields; by default those of the same name fill them.
    timezone
        Of times that don't tell theirs, where the mapping doesn't say.

    Raises
    ------
    SourceError
        The file can't be read.
    InvalidInputError
        The file doesn't say its coordinate reference system and none is given, or it is unknown; or it has no such
        table or key.
    """

    def __init__(
        self,
        path: Path,
        layer: str,
        model: LayerTable,
        *,
        table: str | int | None = None,
        crs: str | None = None,
        swapped: bool = False,
        key: str | Sequence[str] | None = None,
        encoding: str | None = None,
        where: str | None = None,
        mapping: RowMapping | None = None,
        timezone: str | None = None,
    ) -> None:
        self.notes = Notes()
        self._path = path
        self._table = _choose(path, layer) if table is None else table
        self._encoding = encoding
        self._where = where
        self._found_encoding: str | None = None
        self._read = 0
        self._info = describe(path, self._table, encoding=encoding)
        fields = list(map(str, self._info["fields"]))
        mapping = mapping or RowMapping()
        mapping.check_header(fields, path.name, *as_keys(key))
        self._key = as_keys(key) or own_key(fields)
        if not self._key and self._info["driver"] == "GeoJSON":
            _check_numbers_differ(path, self._table)
        self._placer = Placer(known_crs(path.name, crs or self._info["crs"]), swapped=swapped)
        self._maker = BatchMaker(
            model,
            fields,
            notes=self.notes,
            mapping=mapping,
            timezone=timezone,
            untold=as_keys(key),
            geometries_apart=True,
        )

    @property
    def progress(self) -> float | None:
        """The share of the file's features that has been read."""
        total = self._info["features"]
        return min(self._read / total, 1.0) if total > 0 else None

    def __iter__(self) -> Iterator[Item]:
        for batch, geometry in self._batches():
            fids, *columns = batch.columns
            fields = {
                name: cleaned(self._valid(name, column))
                for name, column in zip(batch.schema.names[1:], columns, strict=True)
                if name != geometry
            }
            values = batch.column(batch.schema.get_field_index(geometry))
            yield from self._maker.items(self._ids(fields, fids), self._placer.well_known(values), fields)
            self._read += len(batch)
        if self._info["driver"] == "FlatGeobuf" and self._where is None and self._read < self._info["features"]:
            raise SourceError(
                f"{self._path.name} is cut off: of its {self._info['features']:,} features {self._read:,} are there."
            )

    def _batches(self) -> Iterator[tuple[pa.RecordBatch, str]]:
        """Yield batches, the first column of each its feature numbers, and the name of the column of geometries."""
        try:
            with ExitStack() as stack:
                with _listening(self.notes.remarks):
                    meta, stream = stack.enter_context(
                        pyogrio.open_arrow(
                            self._path,
                            layer=self._table,
                            encoding=self._encoding,
                            where=self._where,
                            return_fids=True,
                            batch_size=_BATCH_ROWS,
                            datetime_as_string=True,
                        )
                    )
                    batches = pa.RecordBatchReader.from_stream(stream)
                geometry = meta["geometry_name"] or "wkb_geometry"
                while (batch := self._next(batches)) is not None:
                    yield batch, geometry
        except _FAULTS as error:
            told = _plain(self._path, error)
            raise SourceError(f"{self._path.name} can't be read after {self._read} features: {told}") from error

    def _next(self, batches: pa.RecordBatchReader) -> pa.RecordBatch | None:
        with _listening(self.notes.remarks):
            try:
                return batches.read_next_batch()
            except StopIteration:
                return None

    def _ids(self, fields: Mapping[str, pa.Array], fids: pa.Array) -> pa.StringArray:
        if not self._key:
            return fids.cast(pa.string())
        stated = joined([fields[name] for name in self._key])
        return pc.coalesce(stated, pc.binary_join_element_wise("fid ", fids.cast(pa.string()), ""))

    def _valid(self, name: str, column: pa.Array) -> pa.Array:
        """Return a column whose texts are UTF-8, of which GDAL only makes sure where a format states its encoding.

        What is cut off in the middle of a letter loses the rest of it.
        """
        if not pa.types.is_string(column.type):
            return column
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raw = column.cast(pa.binary()).to_pylist()
            if self._found_encoding is None:
                self._found_encoding = detect_in(each for each in raw if each is not None)
                self.notes.remarks.append(f"{name} holds texts that are no UTF-8, read as {self._found_encoding}")
            texts = [None if each is None else each.decode(self._found_encoding, "replace") for each in raw]
            return pa.array(texts, pa.string())
        return column


def _check_numbers_differ(path: Path, table: str | int) -> None:
    """Refuse GeoJSON in which features share a numeric id: GDAL would give the second one the id of another.

    Raises
    ------
    SourceError
        Some do, or the file can't be read.
    """
    with path.open("rb") as stream:
        if not _NUMERIC_ID.search(stream.read(_HEAD_BYTES)):
            return
    warned: list[str] = []
    try:
        with _listening(warned):
            pyogrio.raw.read(path, layer=table, columns=[], read_geometry=False, return_fids=True)
    except _FAULTS as error:
        raise SourceError(f"{path.name} can't be read: {_plain(path, error)}") from error
    shared = [found[1] for each in warned if (found := _SHARED_ID.match(each))]
    if shared:
        raise SourceError(
            f"Several features of {path.name} have the id {shared[0]}: each must have its own, or name a property that"
            " tells them apart with --key."
        )


def spatial_tables(path: Path) -> list[str]:
    """Return the names of a file's tables that have a geometry.

    Raises
    ------
    SourceError
        The file can't be read, or has no such table.
    """
    try:
        with _listening([]):
            found = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
    except _FAULTS as error:
        raise SourceError(f"{path.name} can't be read: {_plain(path, error)}") from error
    if not found:
        raise SourceError(f"{path.name} has no table with a geometry.")
    return found


def count(path: Path, table: str) -> int:
    """Return how many features a table has.

    Raises
    ------
    SourceError
        The file can't be read.
    """
    try:
        with _listening([]):
            return int(pyogrio.read_info(path, layer=table, force_feature_count=True)["features"])
    except _FAULTS as error:
        raise SourceError(f"{path.name} can't be read: {_plain(path, error)}") from error


def describe(path: Path, table: str | int, *, encoding: str | None = None, box: bool = False) -> dict[str, Any]:
    """Return what GDAL tells of a table: its fields, CRS, number of features if that is quickly known, and its box.

    Raises
    ------
    SourceError
        The file can't be read.
    """
    try:
        with _listening([]):
            found: dict[str, Any] = pyogrio.read_info(path, layer=table, encoding=encoding, force_total_bounds=box)
    except _FAULTS as error:
        raise SourceError(f"{path.name} can't be read: {_plain(path, error)}") from error
    if found["driver"] not in _DRIVERS:
        raise SourceError(f"{path.name} is of a kind that isn't read: {found['driver']}.")
    return found


def bounds(
    path: Path, table: str | int, *, crs: str | None = None, swapped: bool = False, encoding: str | None = None
) -> Box | None:
    """Return the box around a table's features: west, south, east, north, in degrees; ``None`` where it can't be told.

    Raises
    ------
    SourceError
        The file can't be read.
    """
    info = describe(path, table, encoding=encoding, box=True)
    box, stated = info["total_bounds"], crs or info["crs"]
    if box is None or stated is None or not np.isfinite(box).all():
        return None
    west, south, east, north = (box[1], box[0], box[3], box[2]) if swapped else box
    found = to_degrees(stated).transform_bounds(west, south, east, north)
    return around([found]) if np.isfinite(found).all() else None


def _plain(path: Path, error: BaseException) -> str:
    """Return what GDAL says is wrong, without advice to programmers and the place of the file."""
    return str(error).partition(_ADVICE)[0].replace(str(path), path.name)


@contextmanager
def _listening(remarks: list[str]) -> Iterator[None]:
    """Take the warnings of GDAL for remarks, the first few of them, and keep it from the web."""
    proxy = pyogrio.get_gdal_config_option(_PROXY)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        pyogrio.set_gdal_config_options({_PROXY: _NOBODY})
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options({_PROXY: proxy})
    for each in told:
        if str(each.message) not in remarks and len(remarks) < _MOST_REMARKS:
            remarks.append(str(each.message))


def _choose(path: Path, layer: str) -> str:
    tables = spatial_tables(path)
    if len(tables) == 1:
        return tables[0]
    if layer not in tables:
        raise InvalidInputError(f"{path.name} holds the tables {', '.join(tables)}: name the one to load with --table.")
    return layer
