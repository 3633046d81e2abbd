"""The programs that people use: GDAL's driver of OGC API Features, of two versions, and OWSLib."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import pyogrio
import pytest
from owslib import ogcapi
from owslib.ogcapi.features import Features
from owslib.ogcapi.processes import Processes

from layers.catalog import all_layers
from layers.reading import store

if TYPE_CHECKING:
    from sqlalchemy import Engine


@pytest.mark.parametrize("layer", ["roads", "buildings", "facilities"])
def test_gdal_reads_a_whole_layer(server_url: str, helsinki: Engine, layer: str) -> None:
    read = pyogrio.read_dataframe(f"OAPIF:{server_url}/", layer=layer)
    with helsinki.connect() as connection:
        stored = store.read_frame(connection, layer, store.Query())
    assert len(read) == len(stored)
    assert read.crs == "EPSG:4326" or read.crs.to_authority() == ("OGC", "CRS84")
    there = read.geometry.set_crs("EPSG:4326", allow_override=True)
    assert there.geom_equals_exact(stored.geometry.reset_index(drop=True), tolerance=1e-7).all()


def test_gdal_knows_the_types_of_fields(server_url: str) -> None:
    types = dict(
        zip(
            *(pyogrio.read_info(f"OAPIF:{server_url}/", layer="roads")[key] for key in ("fields", "dtypes")),
            strict=True,
        )
    )
    assert types["max_speed_kmh"] == "float64"
    assert types["lanes"].startswith("int")


def test_gdal_asks_for_a_box(server_url: str) -> None:
    read = pyogrio.read_dataframe(f"OAPIF:{server_url}/", layer="roads", bbox=(24.940, 60.168, 24.945, 60.171))
    assert 0 < len(read) < 1_000


@pytest.mark.parametrize(
    ("where", "condition"),
    [
        ("road_class = 'residential'", lambda roads: roads["road_class"] == "residential"),
        ("lanes >= 2 AND name IS NOT NULL", lambda roads: (roads["lanes"] >= 2) & roads["name"].notna()),
        (
            "name LIKE '%katu' OR bridge = 1",
            lambda roads: roads["name"].fillna("").str.endswith("katu") | roads["bridge"].fillna(False),
        ),
    ],
)
def test_gdal_asks_for_what_meets_a_condition(
    server_url: str, helsinki: Engine, where: str, condition: Callable[[pd.DataFrame], pd.Series]
) -> None:
    read = pyogrio.read_dataframe(f"OAPIF:{server_url}/", layer="roads", where=where, fid_as_index=True)
    with helsinki.connect() as connection:
        stored = store.read_frame(connection, "roads", store.Query())
    assert set(read.index) == set(stored.index[condition(stored).fillna(False).astype(bool)])
    assert len(read)


def test_gdal_reads_in_another_crs(server_url: str, helsinki: Engine) -> None:
    source = f"OAPIF_COLLECTION:{server_url}/collections/facilities"
    read = pyogrio.read_dataframe(source, CRS="EPSG:3879")
    with helsinki.connect() as connection:
        stored = store.read_frame(connection, "facilities", store.Query(), srid=3879)
    assert read.crs == "EPSG:3879"
    assert read.geometry.geom_equals_exact(stored.geometry.reset_index(drop=True), tolerance=2e-3).all()


def test_the_systems_gdal_lists_every_layer(server_url: str) -> None:
    listed = subprocess.run(
        ["ogrinfo", "-ro", f"OAPIF:{server_url}/"], capture_output=True, text=True, check=True
    ).stdout
    for layer in all_layers():
        assert f": {layer} " in listed


def test_owslib_reads_features(server_url: str) -> None:
    service = Features(f"{server_url}/")
    assert set(service.feature_collections()) == set(all_layers())
    assert service.collection("roads")["title"] == "Roads"
    items = service.collection_items("roads", limit=3, bbox=[24.940, 60.168, 24.945, 60.171])
    assert items["numberReturned"] == 3
    assert service.collection_item("roads", str(items["features"][0]["id"]))["type"] == "Feature"


def test_owslib_makes_replaces_and_removes_features(
    server_url: str, user: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ogcapi, "REQUEST_HEADERS", {})  # OWSLib would send these headers from then on
    headers = {"Authorization": f"Bearer {user('editor', writes=True)}", "Content-Type": "application/geo+json"}
    service = Features(f"{server_url}/", headers=headers)
    school = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [24.9445, 60.1705]},
        "properties": {"kind": "school", "name": "made by OWSLib"},
    }
    service.collection_item_create("facilities", json.dumps(school))
    [found] = service.collection_items("facilities", filter="name = 'made by OWSLib'")["features"]
    school["properties"] = {"kind": "school", "name": "replaced by OWSLib"}
    service.collection_item_update("facilities", str(found["id"]), json.dumps(school))
    assert service.collection_item("facilities", str(found["id"]))["properties"]["name"] == "replaced by OWSLib"
    service.collection_item_delete("facilities", str(found["id"]))
    with pytest.raises(RuntimeError, match="404"):
        service.collection_item("facilities", str(found["id"]))


def test_owslib_runs_the_process(server_url: str) -> None:
    service = Processes(f"{server_url}/")
    assert "service-areas" in [each["id"] for each in service.processes()]
    result = service.execute("service-areas", inputs={"origins": [[24.9414, 60.1710]], "cutoffs_s": [300]})
    assert result["result"]["value"]["features"][0]["properties"]["cutoff_s"] == 300
