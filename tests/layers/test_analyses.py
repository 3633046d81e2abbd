"""The analyses on the layers of a real city, and of territories of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import shapely
from town import LAT, LON, PLACE, Town, forget, record

from geo.analysis import all_analyses, get_analysis
from geo.errors import InvalidInputError
from geo.maps import frame_map
from layers.loads.loading import load_file, territory_for
from layers.processes import runner
from layers.reading import store
from layers.settings import get_settings
from layers.territories.norms import Norm
from layers.territories.packs import Territory
from layers.territories.territory import register

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    from sqlalchemy import Engine

HERE = [[24.9414, 60.1710]]
DWELLINGS = {"who": "dwellings"}
PLACES = {"kind": "school", "default_capacity": 300, **DWELLINGS}

OF_STREETS_AND_PLACES = [
    ("facility-access", {"kind": "pharmacy"}),
    ("two-step-access", {"kind": "pharmacy", "decay": "3sfca"}),
    ("best-sites", {"kind": "pharmacy"}),
    ("market-areas", {"kind": "supermarket", **DWELLINGS}),
    ("store-impact", {"kind": "supermarket", "sites": HERE, **DWELLINGS}),
    ("fifteen-minute-city", DWELLINGS),
    ("green-access", DWELLINGS),
    ("stop-coverage", DWELLINGS),
    ("provision", {"places_per_1000": 100, **PLACES}),
    ("catchments", {"places_per_1000": 100, **PLACES}),
    ("opportunities", {"of": "businesses", "decay": "exponential", **DWELLINGS}),
    ("response-coverage", DWELLINGS),
    ("best-stations", {"norm_s": 200, **DWELLINGS}),
]
OF_INCIDENTS = [
    ("hot-spots", {}),
    ("incident-density", {}),
    ("local-moran", {"permutations": 99}),
    ("incident-clusters", {"radius_m": 50, "least_incidents": 50}),
    ("emerging-hot-spots", {"step": "year"}),
    ("hot-spot-forecast", {"since": "2020-01-01"}),
    ("scan-clusters", {"step": "year", "cell_m": 1000, "radius_m": 3000, "permutations": 19}),
    ("road-screening", {}),
    ("measure-effect", {"at": HERE, "last_before": "2010-12-31", "first_after": "2012-01-01"}),
]


def run(engine: Engine, analysis: str, inputs: dict[str, Any], territory: str = "helsinki") -> gpd.GeoDataFrame:
    """Return the result, checked to be what its view shows, and to become a map."""
    view = get_analysis(analysis).view
    found = runner.run(engine, analysis, inputs, territory=territory)
    assert set(view.columns) <= set(found)
    assert found.crs is not None
    frame_map(found.head(100), view, lang="be")
    return found


@pytest.mark.parametrize(("analysis", "inputs"), OF_STREETS_AND_PLACES, ids=[each for each, _ in OF_STREETS_AND_PLACES])
def test_analyses_of_streets_and_places(helsinki: Engine, analysis: str, inputs: dict[str, Any]) -> None:
    assert len(run(helsinki, analysis, inputs))


@pytest.mark.parametrize(("analysis", "inputs"), OF_INCIDENTS, ids=[each for each, _ in OF_INCIDENTS])
def test_analyses_of_incidents(helsinki: Engine, analysis: str, inputs: dict[str, Any]) -> None:
    with helsinki.connect() as connection:
        if not store.count(connection, "incidents", store.Query(territory="helsinki")):
            pytest.skip("the accidents of Helsinki are in the data folder, which isn't there")
    assert len(run(helsinki, analysis, inputs))


@pytest.mark.parametrize(("analysis", "inputs"), [("time-to-close", {}), ("hazard-exposure", {})])
def test_a_layer_that_is_empty_is_named(helsinki: Engine, analysis: str, inputs: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="of helsinki is empty: load a source"):
        run(helsinki, analysis, inputs)


def test_every_layer_and_column_that_an_analysis_reads_is_in_the_catalogue(helsinki: Engine) -> None:
    with helsinki.connect() as connection:
        for each in all_analyses():
            for wanted in (wanted for wanted in each.inputs.values() if not wanted.as_heights):
                frame = store.read_frame(
                    connection, wanted.layer, store.Query(limit=1), only=wanted.columns or None, tags=False
                )
                assert set(wanted.columns) <= set(frame), each.id


def test_norms_and_the_time_zone_are_those_of_the_territory(town: Town) -> None:
    facts = {"timezone": "Europe/Minsk", "norms": {"report_answer_days": Norm(value=15, source="the test")}}
    with town.engine.begin() as connection:
        register(connection, PLACE.model_copy(update=facts))
    point = shapely.Point(LON, LAT)
    at_night = record("incidents", "1", point, category="theft", occurred_at="2024-01-07T22:30:00Z")
    days = {"opened_at": "2024-01-01T00:00:00Z", "closed_at": "2024-01-21T00:00:00Z"}
    answered = record("reports", "1", point, category="road", **days)
    town.ingest(at_night, answered, layers=("incidents", "reports"))
    assert run(town.engine, "incident-profile", {}, town.id)[["day", "hour"]].iloc[0].tolist() == ["monday", 1]
    assert run(town.engine, "incident-profile", {"time_zone": "UTC"}, town.id).day[0] == "sunday"
    by_category = {"by": "category", "least_reports": 1}
    assert run(town.engine, "time-to-close", by_category, town.id).within_norm[0] == 0
    assert run(town.engine, "time-to-close", by_category | {"norm_d": 30}, town.id).within_norm[0] == 1


def real(path: str) -> Path:
    file = get_settings().data / path
    if not file.exists():
        pytest.skip(f"{path} is in the data folder, which isn't there")
    return file


def test_a_broken_pipe_of_a_real_network(engine: Engine) -> None:
    file = real("water_ky4/ky4.inp")
    place = territory_for(engine, file, wanted="ky4", crs="EPSG:3547")
    assert isinstance(place, Territory)
    with engine.begin() as connection:
        register(connection, place)
    try:
        load_file(engine, file, territory=place.id, source="water", crs="EPSG:3547")
        found = run(engine, "isolation-trace", {"at": [[-85.541545, 38.035936]], "valves": "every-end"}, place.id)
    finally:
        forget(engine, place.id)
    assert found.what.value_counts().to_dict() == {"valve": 2, "pipe": 1}
