"""The same features in files of every format, made by other writers."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from town import LAT, LON

METRIC = "EPSG:32635"
COUNT = 25
SQUARE = shapely.box(LON, LAT, LON + 0.01, LAT + 0.01)


def schools(crs: str = METRIC, **columns: Any) -> gpd.GeoDataFrame:
    """Points with names in Cyrillic, numbers and times."""
    places = [shapely.Point(LON + nth / 1000, LAT + nth / 2000) for nth in range(COUNT)]
    data = {
        "kind": ["school"] * COUNT,
        "name": [f"Школа № {nth}, ў" for nth in range(COUNT)],
        "capacity": range(COUNT),
        "share": [nth / 8 for nth in range(COUNT)],
        **columns,
    }
    return gpd.GeoDataFrame(data, geometry=places, crs="EPSG:4326").to_crs(crs)


def write(frame: gpd.GeoDataFrame, file: Path, **options: Any) -> Path:
    pyogrio.write_dataframe(frame, file, **options)
    return file


def pack(archive: Path, *files: Path) -> Path:
    """Zip files, and folders with what is in them."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in files:
            for each in sorted(file.rglob("*")) if file.is_dir() else [file]:
                packed.write(each, each.relative_to(file.parent))
    return archive


def shapefile(frame: gpd.GeoDataFrame, folder: Path, name: str = "town", **options: Any) -> Path:
    folder.mkdir(exist_ok=True)
    return write(frame, folder / f"{name}.shp", **options)


def zipped_shapefile(folder: Path) -> Path:
    shapefile(schools(), folder / "parts", encoding="UTF-8")
    return pack(folder / "town.zip", *(folder / "parts").iterdir())


def zipped(suffix: str, **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        return pack(folder / f"{suffix}.zip", write(schools(**options), folder / f"town.{suffix}"))

    return make


def compressed(suffix: str, compress: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        plain = write(schools("EPSG:4326"), folder / "town.geojson")
        file = folder / f"town.geojson.{suffix}"
        file.write_bytes(compress(plain.read_bytes()))
        return file

    return make


def spreadsheet(folder: Path) -> Path:
    frame = schools("EPSG:4326")
    table = pd.DataFrame(frame.drop(columns="geometry")).assign(lon=frame.geometry.x, lat=frame.geometry.y)
    pyogrio.write_dataframe(table, folder / "town.ods", driver="ODS", layer="school")
    return folder / "town.ods"


def feather(folder: Path) -> Path:
    schools().to_feather(folder / "town.feather")
    return folder / "town.feather"


def kmz(folder: Path) -> Path:
    return pack(folder / "town.kmz", write(schools("EPSG:4326"), folder / "doc.kml", driver="LIBKML"))


def geodatabase(folder: Path) -> Path:
    return write(schools(), folder / "town.gdb", driver="OpenFileGDB", layer="facilities")


def zipped_geodatabase(folder: Path) -> Path:
    return pack(folder / "gdb.zip", geodatabase(folder))


def parquet(folder: Path, **options: Any) -> Path:
    schools().to_parquet(folder / "town.parquet", **options)
    return folder / "town.parquet"


FILES: dict[str, Callable[[Path], Path]] = {
    "GeoPackage": lambda folder: write(schools(), folder / "town.gpkg"),
    "GeoPackage called otherwise": lambda folder: write(schools(), folder / "town.gpkg").rename(folder / "town.data"),
    "FlatGeobuf": lambda folder: write(schools(), folder / "town.fgb"),
    "GeoJSON": lambda folder: write(schools("EPSG:4326"), folder / "town.geojson"),
    "GeoJSON in another CRS": lambda folder: write(schools(), folder / "town.json", driver="GeoJSON"),
    "GeoJSON sequence": lambda folder: write(schools("EPSG:4326"), folder / "town.geojsonl", driver="GeoJSONSeq"),
    "zipped GeoJSON": zipped("geojson", crs="EPSG:4326"),
    "zipped GeoPackage": zipped("gpkg"),
    "GeoJSON in gzip": compressed("gz", gzip.compress),
    "GeoJSON in bzip2": compressed("bz2", bz2.compress),
    "GeoJSON in xz": compressed("xz", lzma.compress),
    "GeoJSON in zstd": compressed("zst", lambda plain: pa.compress(plain, codec="zstd", asbytes=True)),
    "OpenDocument": spreadsheet,
    "GML 2": lambda folder: write(schools(), folder / "town.gml", driver="GML", FORMAT="GML2"),
    "GML 3.2 with latitude first": lambda folder: write(
        schools("EPSG:4326"), folder / "town.gml", driver="GML", FORMAT="GML3.2"
    ),
    "KML": lambda folder: write(schools("EPSG:4326"), folder / "town.kml", driver="LIBKML"),
    "KMZ": kmz,
    "KMZ with links to its parts": lambda folder: write(schools("EPSG:4326"), folder / "town.kmz", driver="LIBKML"),
    "Shapefile": lambda folder: shapefile(schools(), folder / "parts", encoding="UTF-8"),
    "zipped Shapefile": zipped_shapefile,
    "file geodatabase": geodatabase,
    "zipped file geodatabase": zipped_geodatabase,
    "MapInfo table": lambda folder: write(schools(), folder / "town.tab", driver="MapInfo File"),
    "MapInfo interchange file": lambda folder: write(
        schools(), folder / "town.mif", driver="MapInfo File", encoding="windows-1251"
    ),
    "GeoParquet": parquet,
    "GeoParquet with boxes": lambda folder: parquet(folder, schema_version="1.1.0", write_covering_bbox=True),
    "Feather": feather,
    "GeoParquet in its own encoding": lambda folder: parquet(folder, geometry_encoding="geoarrow"),
}
