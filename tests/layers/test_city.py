"""A city in a notebook, and analyses on its layers."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import pytest
from geopandas.testing import assert_geodataframe_equal
from sqlalchemy import Engine
from town import LAT, LON, Town, street

from geo.errors import InvalidInputError
from geo.infrastructure.service_areas import service_areas
from geo.networks.network import Network
from layers.catalog import all_layers, find
from layers.city import City
from layers.errors import NotFoundError
from layers.processes import runner
from layers.reading import store

SENATE_SQUARE = [[24.9525, 60.1695]]
STATION = [[24.9414, 60.1710]]


@pytest.fixture
def city(helsinki: Engine) -> City:
    return City("helsinki", engine=helsinki)


def test_layers_are_read_as_frames(city: City) -> None:
    roads = city.roads.read()
    assert isinstance(roads, gpd.GeoDataFrame)
    assert len(roads) == len(city.roads) > 2000
    assert roads.crs == "EPSG:4326"
    assert list(roads.columns) == [*(each.name for each in find("roads").columns), "geometry"]
    few = city.roads.read(limit=3, only=["name"], crs=city.metric_srid, tags=True)
    assert (len(few), list(few.columns), few.crs) == (3, ["name", "tags", "geometry"], "EPSG:3879")
    near = city.roads.read(bbox=(24.94, 60.165, 24.945, 60.17))
    assert 0 < len(near) < len(roads)
    assert set(near.index) < set(roads.index)


def test_a_city_tells_what_it_has(city: City) -> None:
    assert set(city.layers) == set(all_layers())
    assert set(all_layers()) < set(dir(city))
    assert repr(city.roads).startswith("<roads of helsinki: 2518 features with road_class, name, ")
    assert city.title["be"] == "Хельсінкі"
    with pytest.raises(AttributeError, match="a city has no layer 'streets'; it has bridges, buildings, "):
        _ = city.streets
    assert not hasattr(city, "__deepcopy__")


def test_cities_and_columns_that_are_not_there_are_told(city: City, helsinki: Engine) -> None:
    with pytest.raises(NotFoundError, match=r"no territory 'atlantis'; it has: .*helsinki"):
        City("atlantis", engine=helsinki)
    with pytest.raises(NotFoundError, match="no territory 'atlantis'"):
        runner.run(helsinki, "service-areas", {"origins": STATION}, territory="atlantis")
    with pytest.raises(NotFoundError, match="roads has no column colour"):
        city.roads.read(only=["colour"])


def test_an_analysis_gives_what_its_function_gives(city: City) -> None:
    parameters = {"origins": STATION, "cutoffs_s": (120, 300)}
    through_city = city.run("service-areas", **parameters)
    roads, buildings = (layer.read(crs=city.metric_srid) for layer in (city.roads, city.buildings))
    directly = service_areas(Network.from_roads(roads), buildings=buildings, **parameters)
    assert_geodataframe_equal(through_city, directly)
    assert through_city.crs == "EPSG:3879"
    assert (through_city["buildings"] > 0).all()


def test_the_city_is_found_by_the_place(city: City, town: Town, helsinki: Engine) -> None:
    found = runner.run(helsinki, "service-areas", {"origins": STATION, "cutoffs_s": [60]})
    assert_geodataframe_equal(found, city.run("service-areas", origins=STATION, cutoffs_s=[60]))
    with pytest.raises(InvalidInputError, match=r"10.00000, 10.00000 lies in no territory .*helsinki, town"):
        runner.run(helsinki, "service-areas", {"origins": [[10, 10]]})


def test_bad_parameters_are_told(city: City) -> None:
    with pytest.raises(InvalidInputError, match="speed"):
        city.run("service-areas", origins=STATION, speed=5)
    with pytest.raises(InvalidInputError, match="mode"):
        city.run("service-areas", origins=STATION, mode="fly")
    with pytest.raises(InvalidInputError, match="origins"):
        city.run("service-areas")


def test_an_empty_layer_is_told(town: Town) -> None:
    city = City(town.id, engine=town.engine)
    assert len(city.roads) == 0
    assert city.roads.read().empty
    with pytest.raises(InvalidInputError, match="The layer roads of town is empty: load a source that fills it first"):
        city.run("service-areas", origins=[[LON, LAT]])


def test_a_network_is_built_once_and_again_when_the_roads_change(town: Town) -> None:
    city = City(town.id, engine=town.engine)
    main = street("main", (LON, LAT), (LON + 0.001, LAT))
    town.ingest(main, layers=("roads",))
    first = city.network
    assert city.network is first
    town.ingest(main, layers=("roads",))
    assert city.network is first
    alone = city.run("service-areas", origins=[[LON, LAT]], cutoffs_s=[600])
    assert "buildings" not in alone.columns or alone["buildings"].isna().all()
    town.ingest(main, street("side", (LON + 0.001, LAT), (LON + 0.001, LAT + 0.001)), layers=("roads",))
    assert city.network is not first
    more = city.run("service-areas", origins=[[LON, LAT]], cutoffs_s=[600])
    assert more["street_length_m"].item() > alone["street_length_m"].item() + 100


def test_a_city_can_be_as_it_was(town: Town) -> None:
    main, side = (
        street(name, (LON, LAT), (LON + x, LAT + y)) for name, x, y in (("main", 0.001, 0), ("side", 0, 0.001))
    )
    town.ingest(main, layers=("roads",))
    before = dt.datetime.now(dt.UTC)
    town.ingest(main, side, layers=("roads",))
    now, then = City(town.id, engine=town.engine), City(town.id, engine=town.engine, as_of=before)
    assert (len(now.roads), len(then.roads), len(then.roads.read())) == (2, 1, 1)
    assert then.network is then.network
    lengths = [
        each.run("service-areas", origins=[[LON, LAT]], cutoffs_s=[600])["street_length_m"].item()
        for each in (now, then)
    ]
    assert lengths[0] > lengths[1] + 100
    with pytest.raises(InvalidInputError, match="The layer roads of town was empty at 2000-01-01"):
        runner.run(
            town.engine,
            "service-areas",
            {"origins": [[LON, LAT]]},
            territory=town.id,
            as_of=store.parse_moment("2000-01-01"),
        )


def test_reading_a_city_changes_nothing(city: City, helsinki: Engine) -> None:
    with helsinki.connect() as connection:
        before = store.versions(connection)
    city.run("service-areas", origins=SENATE_SQUARE, cutoffs_s=[60])
    with helsinki.connect() as connection:
        assert store.versions(connection) == before
