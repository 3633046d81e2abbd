"""Whole layers as files, read back by programs that know nothing of us."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from town import LAT, LON, Town, forget, record, school

from layers.catalog import find
from layers.crs import epsg
from layers.reading.store import Query
from layers.streams.formats import FORMATS
from layers.streams.rows import copy_out
from layers.streams.selection import Selection
from layers.territories.packs import around
from layers.territories.territory import register

NASTY = 'вуліца "Ў", \\n \\\\ \t\n;\r\'\x1e ✓'


def stream(engine: Engine, layer: str, name: str, query: Query, **options: Any) -> bytes:
    with engine.connect() as connection:
        selection = Selection(connection=connection, model=find(layer), query=query, **options)
        return b"".join(FORMATS[name].write(selection))


def frame(name: str, data: bytes, folder: Path) -> gpd.GeoDataFrame:
    """Read a file with the reader that its users have."""
    file = folder / f"out{FORMATS[name].suffix}"
    file.write_bytes(data)
    if name == "parquet":
        return gpd.read_parquet(file)
    if name == "arrow":
        return gpd.GeoDataFrame.from_arrow(pa.ipc.open_stream(data).read_all(), geometry="geometry")
    if name == "csv":
        table = pd.read_csv(io.BytesIO(data), keep_default_na=False, na_values=[""])
        places = [None if pd.isna(each) else shapely.from_wkt(each) for each in table.pop("WKT")]
        return gpd.GeoDataFrame(table, geometry=places, crs=4326)
    return pyogrio.read_dataframe(file)


@pytest.fixture(scope="module")
def things(engine: Engine) -> Iterator[Town]:
    """A town with values of every type, and with none; tests leave it as it is."""
    place = around("things", (27.50, 53.88, 27.60, 53.92))
    with engine.begin() as connection:
        register(connection, place)
    town = Town(engine, place.id)
    town.ingest(
        record(
            "roads", "a", "LINESTRING (27.5 53.9, 27.6 53.9)", road_class="path", name=NASTY, lanes=2, foot=True
        )._replace(tags={"note": NASTY}),
        record("roads", "b", "MULTILINESTRING ((27.5 53.9, 27.51 53.9), (27.52 53.9, 27.53 53.9))", road_class="path"),
        record("roads", "c", "LINESTRING (27.5 53.9, 27.6 53.95)", road_class="path", foot=False, max_speed_kmh=48.28),
        record("utilities", "a", "LINESTRING (27.5 53.9, 27.6 53.9)", network="gas", installed_on="1998-05-01"),
        record("incidents", "a", "POINT (27.5 53.9)", category="fire", occurred_at="2020-02-29T10:20:30.25Z"),
        record("incidents", "b", "MULTIPOINT (27.5 53.9, 27.51 53.9)", category="fire"),
        record("organisations", "a", None, name="Nowhere"),
        layers=("roads", "utilities", "incidents", "organisations"),
    )
    yield town
    forget(engine, place.id)


@pytest.mark.parametrize("name", FORMATS)
def test_every_value_is_read_back_as_it_was(things: Town, tmp_path: Path, name: str) -> None:
    data = stream(things.engine, "roads", name, Query(territory=things.id))
    read = frame(name, data, tmp_path).set_index("source_id")
    stored = things.features("roads")
    assert set(read.index) == {"a", "b", "c"}
    assert read.loc["a", "name"] == NASTY
    tags = read.loc["a", "tags"]
    assert (json.loads(tags) if isinstance(tags, str) else tags) == {"note": NASTY}
    assert pd.isna(read.loc["b", "name"])
    assert int(read.loc["a", "lanes"]) == 2
    assert pd.isna(read.loc["b", "lanes"])
    assert float(read.loc["c", "max_speed_kmh"]) == 48.28
    assert [str(read.loc[each, "foot"]).lower() in ("true", "1", "1.0") for each in "ac"] == [True, False]
    assert pd.isna(read.loc["b", "foot"])
    for source_id, row in stored.items():
        assert int(read.loc[source_id, "id"] if "id" in read else row["id"]) == row["id"]
        found = read.loc[source_id, "geometry"]
        parts = shapely.get_parts(found)
        single = parts[0] if len(parts) == 1 else found
        assert shapely.from_wkt(row["wkt"]).equals_exact(single, 1e-7, normalize=True)
    assert read.crs == "EPSG:4326"


@pytest.mark.parametrize("name", FORMATS)
def test_dates_and_times_are_dates_and_times(things: Town, tmp_path: Path, name: str) -> None:
    query = Query(territory=things.id)
    dug = frame(name, stream(things.engine, "utilities", name, query), tmp_path)["installed_on"].iloc[0]
    assert pd.Timestamp(dug) == pd.Timestamp("1998-05-01")
    happened = frame(name, stream(things.engine, "incidents", name, query), tmp_path)["occurred_at"]
    assert pd.Timestamp(happened.iloc[0]) == pd.Timestamp("2020-02-29T10:20:30.25Z")
    assert pd.isna(happened.iloc[1])


@pytest.mark.parametrize("name", FORMATS)
def test_a_layer_without_features_and_a_feature_without_a_place_are_files_too(
    things: Town, tmp_path: Path, name: str
) -> None:
    query = Query(territory=things.id)
    file = tmp_path / f"none{FORMATS[name].suffix}"
    file.write_bytes(stream(things.engine, "districts", name, query))
    if name in ("parquet", "arrow"):
        assert frame(name, file.read_bytes(), tmp_path).empty
    elif name not in ("geojsonseq", "csv"):
        assert pyogrio.read_info(file, force_feature_count=True)["features"] == 0
    [found] = frame(name, stream(things.engine, "organisations", name, query), tmp_path).itertuples()
    assert found.name == "Nowhere"
    assert found.geometry is None


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_asked_for_comes_and_nothing_else(things: Town, tmp_path: Path, name: str) -> None:
    """All that a query can say counts, whatever the format; values of it go quoted into the statement."""
    before = dt.datetime.now(dt.UTC)
    box, territory = (27.4, 53.8, 27.7, 54.0), things.id
    for query, count in (
        (Query(territory=territory), 3),
        (Query(territory=territory, limit=2), 2),
        (Query(territory=territory, limit=2, offset=2), 1),
        (Query(territory=territory, bbox=(27.58, 53.94, 27.7, 54.0)), 1),
        (Query(territory=territory, bbox=box, as_of=before), 3),
        (Query(territory="it's \\ % %(x)s nowhere"), 0),
    ):
        data = stream(things.engine, "roads", name, query)
        assert len(frame(name, data, tmp_path) if count else []) == count
        assert count or b"path" not in data


def test_geoparquet_tells_its_crs_types_and_boxes(things: Town) -> None:
    data = stream(things.engine, "roads", "parquet", Query(territory=things.id))
    file = pq.ParquetFile(io.BytesIO(data))
    geo = json.loads(file.metadata.metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert geo["version"] == "1.1.0"
    assert column["encoding"] == "WKB"
    assert column["geometry_types"] == ["LineString", "MultiLineString"]
    assert column["bbox"] == [27.5, 53.9, 27.6, 53.95]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 4326}
    assert column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    box = {"xmin": 27.5, "ymin": 53.9, "xmax": 27.6, "ymax": 53.95}
    assert box in file.read().column("bbox").to_pylist()
    found = gpd.read_parquet(io.BytesIO(data), bbox=(27.55, 53.94, 27.7, 54.0))
    assert list(found["source_id"]) == ["c"]


@pytest.mark.parametrize("name", ["parquet", "arrow", "flatgeobuf", "gpkg"])
def test_another_crs_is_told_and_kept_to(things: Town, tmp_path: Path, name: str) -> None:
    query = Query(territory=things.id)
    metric = frame(name, stream(things.engine, "roads", name, query, crs=epsg(32635)), tmp_path)
    degrees = frame(name, stream(things.engine, "roads", name, query), tmp_path)
    assert metric.crs == "EPSG:32635"
    assert degrees.to_crs(32635).geometry.geom_equals_exact(metric.geometry, 0.001).all()


def test_a_spreadsheet_runs_nothing_of_it(town: Town) -> None:
    texts = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "\t=1", "+375 (29) 123-45-67", "-5"]
    town.ingest(*(school(f"{nth}", name=each) for nth, each in enumerate(texts)))
    table = pd.read_csv(io.BytesIO(stream(town.engine, "facilities", "csv", Query(territory=town.id))), dtype=str)
    assert set(table["name"]) == {*(f"'{each}" for each in texts[:5]), *texts[5:]}
    assert table[["lon", "lat"]].astype(float).iloc[0].tolist() == [LON, LAT]


def test_a_sequence_is_one_of_rfc_8142(things: Town) -> None:
    data = stream(things.engine, "roads", "geojsonseq", Query(territory=things.id))
    records = data.split(b"\x1e")
    assert records[0] == b""
    assert {json.loads(each)["properties"]["source_id"] for each in records[1:]} == {"a", "b", "c"}
    assert all(each.endswith(b"\n") and each.count(b"\n") == 1 for each in records[1:])


@pytest.fixture
def many(town: Town) -> Town:
    """More than fits into the buffers between PostgreSQL and whoever reads."""
    town.ingest(*(school(f"{nth}", LON + nth / 1e6, name="x" * 2_000) for nth in range(4_000)))
    return town


def test_batches_join_without_a_seam(many: Town, tmp_path: Path) -> None:
    for name in FORMATS:
        data = stream(many.engine, "facilities", name, Query(territory=many.id))
        assert frame(name, data, tmp_path)["source_id"].astype(str).nunique() == 4_000, name


@pytest.mark.parametrize("name", FORMATS)
def test_who_stops_early_leaves_the_connection_fit_for_use(many: Town, name: str) -> None:
    with many.engine.connect() as connection:
        selection = Selection(connection=connection, model=find("facilities"), query=Query(territory=many.id))
        with closing(FORMATS[name].write(selection)) as chunks:
            assert next(chunks)
        connection.rollback()
        assert connection.execute(text("SELECT 1")).scalar() == 1


def test_a_database_that_fails_is_told(many: Town) -> None:
    with many.engine.connect() as connection:
        selection = Selection(connection=connection, model=find("facilities"), query=Query(territory=many.id))
        own = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        rows = copy_out(connection, selection.matching([selection.table.c.name]), "text")
        assert next(rows)
        with many.engine.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": own})
        with pytest.raises(OperationalError):
            list(rows)
    with many.engine.connect() as connection, pytest.raises(DBAPIError, match="division by zero"):
        list(copy_out(connection, selection.matching([1 / (selection.table.c.id * 0)]), "csv"))
