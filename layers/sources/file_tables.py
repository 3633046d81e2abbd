"""Tables of files by the way they are read, each with what its user states."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layers.catalog import LayerTable
from layers.sources.geometry.coordinates import Box
from layers.sources.records import Reader
from layers.sources.stated import Stated
from layers.sources.tabular.reader import TableReader, bounds, open_rows
from layers.sources.vector import parquet

_OF_TEXT = ("encoding", "delimiter", "last_column_open")


@dataclass(frozen=True, kw_only=True)
class _FileTable:
    """A table of a file.

    Parameters
    ----------
    path
        The file.
    name
        What the table is called.
    stated
        What the user says.
    """

    path: Path
    name: str
    stated: Stated


@dataclass(frozen=True, kw_only=True)
class VectorTable(_FileTable):
    """A table that GDAL reads.

    Parameters
    ----------
    within
        Its name or number in the file.
    encoding
        Of its texts, where the file doesn't say.
    where
        Which of its features belong to it, as a condition in SQL.
    remark
        What was found out about it.
    keeping
        What must last as long as it.
    """

    within: str | int
    encoding: str | None = None
    where: str | None = None
    remark: str | None = None
    keeping: object = None

    def reader(self, layer: LayerTable) -> Reader:
        """Return a reader of it into a layer."""
        from layers.sources.vector import gdal

        found = gdal.VectorReader(
            self.path,
            layer.name,
            layer,
            table=self.within,
            encoding=self.encoding,
            where=self.where,
            **self.stated.only("crs", "swapped", "key", "mapping", "timezone"),
        )
        found.notes.remarks += [self.remark] if self.remark else []
        return found

    def bounds(self) -> Box | None:
        """Return the box around it in degrees."""
        from layers.sources.vector import gdal

        return gdal.bounds(self.path, self.within, encoding=self.encoding, **self.stated.only("crs", "swapped"))


@dataclass(frozen=True, kw_only=True)
class CellTable(_FileTable):
    """A delimited text file, or a sheet of a workbook.

    Parameters
    ----------
    sheet
        Of a workbook.
    """

    sheet: str | None = None

    def reader(self, layer: LayerTable) -> Reader:
        """Return a reader of it into a layer."""
        said = ("crs", "x", "y", "geometry", "swapped", "key", "mapping", "timezone", *_OF_TEXT)
        return TableReader(self.path, layer.name, layer, sheet=self.sheet, **self.stated.only(*said))

    def bounds(self) -> Box | None:
        """Return the box around it in degrees."""
        rows = open_rows(self.path, sheet=self.sheet, **self.stated.only(*_OF_TEXT))
        return bounds(rows, **self.stated.only("crs", "x", "y", "geometry", "swapped"))


@dataclass(frozen=True, kw_only=True)
class ParquetTable(_FileTable):
    """A Parquet file."""

    def reader(self, layer: LayerTable) -> Reader:
        """Return a reader of it into a layer."""
        said = ("crs", "x", "y", "geometry", "swapped", "key", "mapping", "timezone")
        return parquet.ParquetReader(self.path, layer.name, layer, **self.stated.only(*said))

    def bounds(self) -> Box | None:
        """Return the box around it in degrees."""
        return parquet.bounds(self.path, **self.stated.only("crs", "x", "y", "geometry", "swapped"))
