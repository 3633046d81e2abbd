"""The formats in which a layer comes whole."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from layers.streams import comma_separated, gdal, geoarrow, geojson, geoparquet


@dataclass(frozen=True)
class FileFormat:
    """A format of files.

    Parameters
    ----------
    title
        What it is called.
    media_type
        By which it is asked for.
    suffix
        Of its files.
    write
        Yields the file, piece by piece; whoever doesn't want all of it closes the iterator.
    """

    title: str
    media_type: str
    suffix: str
    write: Callable[..., Generator[bytes]]


FORMATS = {
    "geojson": FileFormat("GeoJSON", "application/geo+json", ".geojson", geojson.write),
    "geojsonseq": FileFormat("GeoJSON text sequence", "application/geo+json-seq", ".geojsonl", geojson.write_sequence),
    "flatgeobuf": FileFormat("FlatGeobuf", "application/flatgeobuf", ".fgb", gdal.write_flatgeobuf),
    "parquet": FileFormat("GeoParquet", "application/vnd.apache.parquet", ".parquet", geoparquet.write),
    "arrow": FileFormat("Arrow stream (GeoArrow)", "application/vnd.apache.arrow.stream", ".arrows", geoarrow.write),
    "csv": FileFormat("CSV", "text/csv", ".csv", comma_separated.write),
    "gpkg": FileFormat("GeoPackage", "application/geopackage+sqlite3", ".gpkg", gdal.write_geopackage),
}
"""By the name by which ``f=`` knows them."""
