"""Tables: delimited text and workbooks, a feature a row, in any coordinate reference system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from geo.errors import InvalidInputError
from layers.catalog import LayerTable
from layers.errors import SourceError
from layers.models.base import STORAGE_SRID
from layers.sources.batches import BatchMaker
from layers.sources.geometry import wkb
from layers.sources.geometry.coordinates import Box, Placer, Places, around
from layers.sources.mapping.columns import cleaned, joined
from layers.sources.mapping.words import RowMapping
from layers.sources.records import Item, Notes, Reject
from layers.sources.row_ids import RowIds, as_keys, own_key
from layers.sources.tabular.cells import Chunk, Rows
from layers.sources.tabular.delimited import Delimited
from layers.sources.tabular.places import Where, find_places, place
from layers.sources.tabular.sheets import WORKBOOKS, Sheet, sheets

_SAMPLE_ROWS = 1_000


class TableReader:
    """Reads a feature a row from a delimited text file or a sheet of a workbook.

    What isn't stated is found out: encoding, delimiter, the columns that tell the place and, for numbers that can be
    degrees, the CRS; the notes tell what was found out.

    Parameters
    ----------
    path
        The file.
    layer, model
        The layer that it fills.
    crs
        Of the coordinates.
    x, y
        The columns of easting or longitude, and of northing or latitude.
    geometry
        A column of geometries in WKT, hexadecimal WKB or GeoJSON, in place of ``x`` and ``y``.
    mapping
        How the layer's columns follow from the table's; by default those of the same name fill them.
    timezone
        Of times that don't tell theirs, where the mapping doesn't say.
    key
        The column of ids, or several that make one together; by default ``source_id``, ``id`` or ``fid``. Without
        those, or where they are empty, a row is known by its content, and equal rows are numbered.
    encoding, delimiter, last_column_open
        Of a text file, as of :class:`layers.sources.tabular.delimited.Delimited`.
    sheet
        Of a workbook; by default the one named like the layer, or the only one.
    swapped
        Northing or latitude stands in ``x``, or first in the geometries.

    Raises
    ------
    SourceError
        The file is no such table, or lacks a column.
    InvalidInputError
        The coordinate reference system is unknown, or it can't be told where the rows lie.
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
        mapping: RowMapping | None = None,
        timezone: str | None = None,
        key: str | Sequence[str] | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        last_column_open: bool = False,
        sheet: str | None = None,
        swapped: bool = False,
    ) -> None:
        self._layer = layer
        self._stated_key = as_keys(key)
        self._rows = open_rows(
            path,
            layer=layer,
            encoding=encoding,
            delimiter=delimiter,
            last_column_open=last_column_open,
            sheet=sheet,
        )
        header = self._rows.header
        mapping = mapping or RowMapping()
        mapping.check_header(header, path.name, x, y, geometry, *self._stated_key)
        self._key = self._stated_key or own_key(header)
        self._where = _where(model, _sample(self._rows), x=x, y=y, geometry=geometry, crs=crs)
        self._placer = Placer(self._where.crs, swapped=swapped)
        self.notes = Notes(remarks=[*self._rows.remarks, *self._where.remarks])
        untold = {*self._where.columns, *self._stated_key}
        self._maker = BatchMaker(model, header, notes=self.notes, mapping=mapping, timezone=timezone, untold=untold)
        self._ids = RowIds()

    @property
    def progress(self) -> float | None:
        """The share of the file that has been read."""
        return self._rows.progress

    def __iter__(self) -> Iterator[Item]:
        for chunk in self._rows:
            for line, cells, problem in chunk.broken:
                told = {name: cell.replace("\x00", "\\0") for name, cell in zip(self._rows.header, cells, strict=False)}
                told = told if self._maker.tells_all else {}
                yield Reject(self._layer, f"line {line}", problem, {"line": str(line)} | told)
            if chunk.lines:
                yield from self._items(chunk)

    def _items(self, chunk: Chunk) -> Iterator[Item]:
        fields = {name: cleaned(column) for name, column in zip(self._rows.header, chunk.columns, strict=True)}
        ids = self._ids_of(fields, chunk)
        if self._where.columns:
            places = place([fields[name] for name in self._where.columns], self._placer)
        else:
            places = Places(pa.nulls(len(ids), pa.binary()), {})
        no_id = pc.indices_nonzero(pc.is_null(ids)).to_pylist()
        problem = f"the id, {', '.join(self._key)}, is empty"
        places = places._replace(problems=places.problems | dict.fromkeys(no_id, problem))
        yield from self._maker.items(ids, places, fields, lines=chunk.lines)

    def _ids_of(self, fields: Mapping[str, pa.StringArray], chunk: Chunk) -> pa.StringArray:
        """Return the ids of rows, null where those of a key that is stated are empty."""
        told = joined([fields[name] for name in self._key]) if self._key else None
        if told is not None and (self._stated_key or not told.null_count):
            return told
        by_content = self._ids.of(chunk.columns)
        return by_content if told is None else pc.coalesce(told, by_content)


def bounds(rows: Rows, *, swapped: bool = False, **stated: str | None) -> Box | None:
    """Return the box around the rows of a table in degrees, ``None`` where none has a place.

    Parameters
    ----------
    rows
        Of the table.
    swapped, **stated
        As ``swapped``, ``x``, ``y``, ``geometry`` and ``crs`` of :class:`TableReader`.

    Raises
    ------
    InvalidInputError
        It can't be told where the rows lie.
    """
    where = find_places(_sample(rows), **stated)
    placer = Placer(where.crs, swapped=swapped)
    numbers = [rows.header.index(name) for name in where.columns]
    boxes = [
        shapely.total_bounds(wkb.read(place([cleaned(chunk.columns[each]) for each in numbers], placer).wkb))
        for chunk in rows
        if chunk.lines
    ]
    known = [each for each in boxes if np.isfinite(each).all()]
    return around(known) if known else None


def open_rows(
    path: Path,
    *,
    layer: str = "",
    encoding: str | None = None,
    delimiter: str | None = None,
    last_column_open: bool = False,
    sheet: str | None = None,
) -> Rows:
    """Return the rows of a delimited text file or of a sheet of a workbook; parameters as of :class:`TableReader`.

    Raises
    ------
    SourceError
        The file is no such table.
    """
    if path.name.lower().endswith(WORKBOOKS):
        return Sheet(path, _choose(path, sheets(path), sheet, layer))
    return Delimited(path, encoding=encoding, delimiter=delimiter, last_column_open=last_column_open)


def _sample(rows: Rows) -> dict[str, list[str]]:
    """Return the first cells of each column."""
    chunk = next((each for each in rows if each.lines), None)
    columns = chunk.columns if chunk else [pa.array([], pa.string())] * len(rows.header)
    return {name: column[:_SAMPLE_ROWS].to_pylist() for name, column in zip(rows.header, columns, strict=True)}


def _where(model: LayerTable, sample: Mapping[str, Sequence[str]], **stated: str | None) -> Where:
    """Return where the rows lie; those of a layer that needs no place may lie nowhere."""
    try:
        return find_places(sample, **stated)
    except InvalidInputError:
        if model.layer.located or any(stated.values()):
            raise
        return Where((), f"EPSG:{STORAGE_SRID}", ())


def _choose(path: Path, names: Sequence[str], wanted: str | None, layer: str) -> str:
    if not names:
        raise SourceError(f"{path.name} is empty: no sheet holds anything.")
    found = wanted or (layer if layer in names else names[0])
    if found not in names or (wanted is None and found != layer and len(names) > 1):
        raise SourceError(f"{path.name} holds the sheets {', '.join(names)}: name the one to load with --table.")
    return found
