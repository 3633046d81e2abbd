"""Territories: what a pack may say, and where a file belongs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import yaml
from openstreetmap import node, write
from sqlalchemy import Connection, Engine, text
from town import LAT, LON, Town, forget

from geo.errors import InvalidInputError
from layers.errors import NotFoundError, SourceError
from layers.loads.loading import territory_for
from layers.territories.packs import Territory, around, read_pack
from layers.territories.territory import at, register
from layers.tiles.matrix_sets import national_grid
from layers.tiles.tiles import tile

TITLE = {"be": "Мінск", "ru": "Минск", "en": "Minsk"}
TABLE = {
    "id": "fires",
    "title": TITLE,
    "attribution": "the city",
    "kind": "table",
    "layer": "incidents",
    "places": [{"data": "fires.csv"}],
    "x": "lon",
    "y": "lat",
    "columns": {"category": {"constant": "fire"}},
}
GOOD: dict[str, Any] = {
    "id": "minsk",
    "title": TITLE,
    "metric_crs": "EPSG:32635",
    "boundary": [27.4, 53.8, 27.7, 54.0],
    "sources": [TABLE],
}


def read(folder: Path, pack: Any) -> Territory:
    file = folder / "minsk.yml"
    file.write_text(pack if isinstance(pack, str) else yaml.safe_dump(pack, allow_unicode=True), encoding="utf-8")
    return read_pack(str(file))


def distortion(place: Territory) -> float:
    """By how much a metre in the metric CRS is none, at the worst corner of the boundary."""
    assert place.box is not None
    west, south, east, north = place.box
    factors = pyproj.Proj(place.metric_crs).get_factors(
        np.array([west, west, east, east]), np.array([south, north] * 2)
    )
    return float(abs(factors.meridional_scale - 1).max())


def test_a_pack_is_read(tmp_path: Path) -> None:
    pack = read(tmp_path, GOOD)
    assert (pack.id, pack.metric_srid, pack.boundary) == ("minsk", 32635, (27.4, 53.8, 27.7, 54.0))
    assert [source.id for source in pack.sources] == ["fires"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"metric_crs": "EPSG:99999"}, "metric_crs: .*EPSG:99999 is no coordinate reference system"),
        ({"metric_crs": "EPSG:4326"}, "metric_crs: .*projected"),
        ({"metric_crs": "EPSG:2263"}, "metric_crs: .*in metres"),
        ({"metric_crs": 32635}, "metric_crs: "),
        ({"boundary": [27.7, 53.8, 27.4, 54.0]}, r"boundary: .*\[west, south, east, north\]"),
        ({"boundary": [53.8, 27.4, 54.0, 127.7]}, "boundary: "),
        ({"boundary": [27.4, 53.8, 27.7]}, "boundary"),
        ({"boundary": [float("nan"), 53.8, 27.7, 54]}, "boundary.0: "),
        ({"view": [0, 0, 0, 0]}, "view: "),
        ({"title": {"en": "Minsk"}}, "title: .*be, ru, en"),
        ({"id": "Минск"}, "id: "),
        ({"colour": "red"}, "colour: "),
        ({"sources": [{**TABLE, "kind": "shapefile"}]}, "sources.fires: kind must be one of"),
        ({"sources": [{**TABLE, "layer": "accidents"}]}, "sources.fires.layer: .*no layer 'accidents'"),
        ({"sources": [{**TABLE, "crs": "EPSG:99999"}]}, "sources.fires.crs: .*EPSG:99999"),
        (
            {"sources": [{**TABLE, "columns": {"colour": {"constant": 1}}}]},
            "sources.fires.columns.colour: the layer incidents has no column colour to fill; it has",
        ),
        ({"sources": [{**TABLE, "columns": {"category": {}}}]}, "columns.category: .*from or constant"),
        ({"sources": [{**TABLE, "places": []}]}, "sources.fires.places: "),
        ({"sources": [{**TABLE, "places": [{"package": "pyrosm"}]}]}, "places.0: .*package with path, data, file, url"),
        ({"sources": [{**TABLE, "places": [{"url": "file:///etc/passwd"}]}]}, "places.0.url: .*https://"),
        ({"sources": [TABLE, TABLE]}, "sources: .*more than one has fires"),
    ],
)
def test_what_is_wrong_in_a_pack_is_named(tmp_path: Path, change: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInputError, match=f"(?s)minsk.yml:.* line .*{place}"):
        read(tmp_path, {**GOOD, **change})


@pytest.mark.parametrize("text", ["id: [", "", "- a\n- b\n", "Мінск"])
def test_a_file_that_is_no_pack_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"minsk\.yml"):
        read(tmp_path, text)


def test_a_pack_in_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "minsk.yml"
    file.write_bytes("title: Минск".encode("cp1251"))
    with pytest.raises(InvalidInputError, match=r"minsk.yml: is no YAML in UTF-8"):
        read_pack(str(file))


def test_a_pack_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(NotFoundError, match=r"atlantis.yml.* The territories are: .*helsinki"):
        read_pack("atlantis")


def test_a_parent_must_be_there_first(engine: Engine, tmp_path: Path) -> None:
    with engine.connect() as connection, pytest.raises(NotFoundError, match="no territory 'belarus'"):
        register(connection, read(tmp_path, {**GOOD, "parent": "belarus"}))


@pytest.mark.parametrize(
    ("box", "epsg"),
    [
        ((27.4, 53.8, 27.7, 54.0), 32635),
        ((-0.5, 51.3, 0.1, 51.7), 32630),
        ((-46.8, -23.8, -46.3, -23.4), 32723),
        ((179.2, -17.0, 179.9, -16.0), 32760),
    ],
    ids=["Minsk", "London", "São Paulo", "Fiji"],
)
def test_a_territory_around_a_box_gets_its_utm_zone(box: tuple[float, float, float, float], epsg: int) -> None:
    place = around("x", box)
    assert place.metric_srid == epsg
    assert distortion(place) < 1e-3


def test_a_territory_around_a_box_can_be_registered(engine: Engine) -> None:
    place = around("Горад N: Új-falu!", (10, 10, 10, 10))
    assert place.box is not None
    west, south, east, north = place.box
    assert west < 10 < east
    assert south < 10 < north
    assert around("x" * 100, (10, 10, 11, 11)).id == "x" * 63
    try:
        with engine.begin() as connection:
            register(connection, place)
            assert at(connection, (10, 10, 10, 10)) == place.id
    finally:
        forget(engine, place.id)


def test_there_is_no_utm_zone_at_a_pole() -> None:
    with pytest.raises(InvalidInputError, match="north-pole lies by a pole"):
        around("north-pole", (10, 88, 11, 89))
    with pytest.raises(InvalidInputError, match=r"between 179, 66, 181, 67 degrees, across the antimeridian"):
        around("chukotka", (179, 66, 181, 67))


@pytest.fixture
def located(tmp_path: Path) -> Callable[[str, tuple[float, float, float, float]], Path]:
    """Make a file with two points, at the corners of a box."""

    def make(name: str, box: tuple[float, float, float, float]) -> Path:
        corners = [box[:2], box[2:]]
        features = [
            {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": corner}}
            for corner in corners
        ]
        file = tmp_path / name
        file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        return file

    return make


def test_a_file_goes_to_the_smallest_territory_that_holds_most_of_it(
    town: Town, located: Callable[[str, tuple[float, float, float, float]], Path]
) -> None:
    region = around("region", (20, 50, 32, 57))
    with town.engine.begin() as connection:
        register(connection, region)
    try:
        for box, expected in {
            (27.52, 53.89, 27.58, 53.91): "town",
            (27.49, 53.87, 27.60, 53.92): "town",
            (LON, LAT, LON, LAT): "town",
            (27.59, 53.90, 28.50, 54.50): "region",
            (23, 52, 31, 56): "region",
        }.items():
            assert territory_for(town.engine, located("some.geojson", box)) == expected, box
    finally:
        forget(town.engine, "region")


def test_a_file_of_nowhere_known_gets_a_territory_of_its_own(
    town: Town, located: Callable[[str, tuple[float, float, float, float]], Path]
) -> None:
    """A whole country is not the one town that it contains."""
    country = located("Belarus-latest.geojson", (23, 51, 32, 56))
    found = territory_for(town.engine, country)
    assert isinstance(found, Territory)
    assert (found.id, found.boundary) == ("belarus", pytest.approx((23, 51, 32, 56)))
    named = territory_for(town.engine, country, wanted="by")
    assert isinstance(named, Territory)
    assert named.id == "by"
    assert territory_for(town.engine, country, wanted="town") == "town"
    pack = territory_for(town.engine, country, wanted="helsinki")
    assert (pack if isinstance(pack, str) else pack.id) == "helsinki"


def test_openstreetmap_files_are_located_too(town: Town, tmp_path: Path) -> None:
    assert territory_for(town.engine, write(tmp_path / "a.osm", node(1, -1, -1), node(2, 1, 1))) == "town"
    with pytest.raises(SourceError, match=r"b.osm holds no node"):
        territory_for(town.engine, write(tmp_path / "b.osm"))
    with pytest.raises(SourceError, match=r"There is no file .*c.osm"):
        territory_for(town.engine, tmp_path / "c.osm")


def test_postgis_learns_a_crs_that_is_newer_than_it(engine: Engine) -> None:
    """EPSG:27704 came after PostGIS 3.3; tiles of its grid are there once a territory uses it, and not before."""
    place = around("equi", (9.0, 48.0, 9.1, 48.1)).model_copy(update={"metric_crs": "EPSG:27704"})
    with engine.connect() as connection:
        row, _, col, _ = national_grid(27704).limits(8, (9.05, 48.05, 9.05, 48.05))
        asked = {"matrix_set": "EPSG27704Quad", "z": 8, "row": row, "col": col}
        try:
            connection.execute(text("DELETE FROM spatial_ref_sys WHERE srid = 27704"))
            connection.execute(
                text(
                    "INSERT INTO places (territory, source, source_id, kind, geom) VALUES (:of, 'made', '1', 'city',"
                    " ST_SetSRID(ST_MakePoint(9.05, 48.05), 4326))"
                ),
                {"of": registered_as(connection, around("equi", (9.0, 48.0, 9.1, 48.1)))},
            )
            before = connection.begin_nested()
            with pytest.raises(NotFoundError, match="no territory of the base uses its CRS"):
                tile(connection, ["places"], **asked)
            before.rollback()
            register(connection, place)
            assert tile(connection, ["places"], **asked) != b""
        finally:
            connection.rollback()


def registered_as(connection: Connection, territory: Territory) -> str:
    register(connection, territory)
    return territory.id
