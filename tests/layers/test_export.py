"""Layers written to files, read back by GDAL."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyogrio
import pytest
import shapely
from town import LAT, LON, Town, record, street

from geo.errors import InvalidInputError
from layers.errors import ExportError, NotFoundError
from layers.export import LAYER_FORMATS, export_layer
from layers.reading.store import Query


def read(file: Path) -> pd.DataFrame:
    if file.suffix == ".parquet":
        return gpd.read_parquet(file)
    if file.suffix == ".arrows":
        return gpd.GeoDataFrame.from_arrow(pa.ipc.open_stream(file.read_bytes()).read_all(), geometry="geometry")
    return pyogrio.read_dataframe(file, fid_as_index=True)


def export(town: Town, layer: str, file: Path) -> int:
    with town.engine.connect() as connection:
        return export_layer(connection, layer, file, Query(territory=town.id))


@contextmanager
def disk_that_takes(size: int) -> Iterator[None]:
    """No file can grow beyond the size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", LAYER_FORMATS)
def test_a_layer_is_read_back_as_it_was(town: Town, tmp_path: Path, suffix: str) -> None:
    whole = street("a", (LON, LAT), (LON + 0.1, LAT), name='вуліца, "Ў"', lanes=2, max_speed_kmh=48.28, foot=True)
    parts = record("roads", "b", "MULTILINESTRING ((27 53, 28 54), (29 55, 30 56))", road_class="path")
    town.ingest(whole._replace(tags={"lit": "yes"}), parts, layers=("roads",))
    file = tmp_path / f"roads{suffix}"
    assert export(town, "roads", file) == 2
    frame = read(file)
    rows = {row["source_id"]: row for row in town.features("roads").values()}
    assert len(frame) == 2
    geometry = shapely.from_wkt(frame["WKT"]) if suffix == ".csv" else frame.geometry
    for expected in rows.values():
        assert any(
            shapely.from_wkt(expected["wkt"]).equals_exact(each, 1e-7, normalize=True) for each in lines(geometry)
        )
    if suffix == ".kml":
        frame = frame.rename(columns={"Name": "name"})
    named = frame[frame["name"].notna() & (frame["name"] != "")].iloc[0]
    assert named["name"] == 'вуліца, "Ў"'
    assert float(named["max_speed_kmh"]) == 48.28
    assert int(named["lanes"]) == 2
    tags = named["tags"]
    assert (json.loads(tags) if isinstance(tags, str) else tags) == {"lit": "yes"}
    if suffix != ".kml":
        assert int(named["id"] if "id" in frame else named.name) == rows["a"]["id"]


def lines(geometry: object) -> list[shapely.Geometry]:
    """Formats of one geometry type a file make multi geometries of all."""
    found = []
    for each in geometry:  # type: ignore[attr-defined]
        parts = shapely.get_parts(each)
        found.append(parts[0] if len(parts) == 1 else each)
    return found


@pytest.mark.parametrize("suffix", LAYER_FORMATS)
def test_dates_and_times_can_be_written(town: Town, tmp_path: Path, suffix: str) -> None:
    town.ingest(
        record("utilities", "a", "LINESTRING (27 53, 28 54)", network="gas", installed_on="1998-05-01"),
        record("incidents", "a", "POINT (27.5 53.9)", category="fire", occurred_at="2020-02-29T10:20:30Z"),
        layers=("utilities", "incidents"),
    )
    for layer, column, value in (
        ("utilities", "installed_on", "1998-05-01"),
        ("incidents", "occurred_at", "2020-02-29T10:20:30Z"),
    ):
        file = tmp_path / f"{layer}{suffix}"
        export(town, layer, file)
        [found] = read(file)[column]
        assert pd.Timestamp(found).tz_localize(None) == pd.Timestamp(value).tz_localize(None)


@pytest.mark.parametrize("suffix", LAYER_FORMATS)
def test_an_empty_layer_is_an_empty_file(town: Town, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"districts{suffix}"
    assert export(town, "districts", file) == 0
    assert file.is_file()


@pytest.mark.parametrize("suffix", LAYER_FORMATS)
def test_a_full_disk_leaves_the_old_file_alone(town: Town, tmp_path: Path, suffix: str) -> None:
    town.ingest(*(street(f"{nth}", (LON, LAT), (LON + 0.1, LAT)) for nth in range(500)), layers=("roads",))
    file = tmp_path / f"roads{suffix}"
    file.write_text("the old one")
    with disk_that_takes(8_000), pytest.raises(ExportError, match=f"roads{suffix} can't be written"):
        export(town, "roads", file)
    assert file.read_text() == "the old one"
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    assert export(town, "roads", file) == 500


def test_what_cant_be_written_is_told(town: Town, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"roads.xlsx: the suffix must be one of .gpkg, "):
        export(town, "roads", tmp_path / "roads.xlsx")
    with pytest.raises(InvalidInputError, match="There is no folder"):
        export(town, "roads", tmp_path / "nowhere" / "roads.gpkg")
    with pytest.raises(NotFoundError, match="no layer 'streets'"):
        export(town, "streets", tmp_path / "streets.gpkg")
    assert list(tmp_path.iterdir()) == []
