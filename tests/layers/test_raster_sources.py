"""Rasters as sources of a territory: series in time, rehearsals, years that are not to be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from raster_town import Catalogue, slope, write
from town import Town

from layers.errors import SourceError
from layers.loads.loading import Outcome, load_sources, load_territory
from layers.territories.adapting import adapt
from layers.territories.packs import Territory

SERIES = {
    "id": "lights",
    "title": {"be": "А", "ru": "О", "en": "L"},
    "attribution": "the test",
    "kind": "raster",
    "collection": "night-lights",
    "content": "night_lights",
    "places": [{"data": "lights_{time}.tif"}],
    "times": [2020, 2021],
    "bands": [{"unit": "nW/cm²/sr"}],
    "colour_scale": {"ramp": "inferno", "low": 0, "high": 60},
}


def pack(town: Town, **words: Any) -> Territory:
    """The town, with a series of rasters as its source; ``None`` leaves a word out."""
    source = {name: value for name, value in (SERIES | words).items() if value is not None}
    return Territory.model_validate(
        {
            "id": town.id,
            "title": SERIES["title"],
            "metric_crs": "EPSG:32635",
            "boundary": [27.5, 53.88, 27.6, 53.92],
            "sources": [source],
        }
    )


def load(town: Town, **words: Any) -> Outcome:
    [outcome] = load_territory(town.engine, pack(town, **words))
    return outcome


def test_a_series_is_a_source_of_a_territory(catalogue: Catalogue, data_folder: Path) -> None:
    for year in (2020, 2021):
        write(data_folder / f"lights_{year}.tif", slope() + year)
    assert load(catalogue.town).note == "rasters: 2 added"
    first, second = catalogue.all()
    assert (first.time_text, first.bands[0]["min"], first.bands[0]["unit"]) == ("2020", 2020, "nW/cm²/sr")
    assert (second.time_text, second.source, second.attribution) == ("2021", "lights", "the test")
    assert second.colour_scale == {"ramp": "inferno", "low": 0, "high": 60}
    assert load(catalogue.town).note == "rasters: 2 unchanged"
    write(data_folder / "lights_2021.tif", slope())
    assert load(catalogue.town).note == "rasters: 1 unchanged, 1 replaced"
    assert load(catalogue.town, times=["2021"]).note == "rasters: 1 unchanged, 1 removed"
    assert [each.time_text for each in catalogue.all()] == ["2021"]
    assert catalogue.files() == {catalogue.find("night-lights").path}


def test_a_rehearsal_tells_what_would_become_of_rasters(catalogue: Catalogue, data_folder: Path) -> None:
    def rehearse(**words: Any) -> str:
        [outcome] = load_sources(catalogue.town.engine, pack(catalogue.town, **words), rehearse=True)
        return outcome.note

    for year in (2020, 2021):
        write(data_folder / f"lights_{year}.tif", slope())
    assert rehearse() == "rasters would be: 2 added"
    assert (catalogue.all(), catalogue.files()) == ([], set())
    load(catalogue.town)
    write(data_folder / "lights_2021.tif", slope() + 1)
    before = catalogue.all(), catalogue.files()
    assert rehearse() == "rasters would be: 1 unchanged, 1 replaced"
    assert rehearse(times=["2020"]) == "rasters would be: 1 unchanged, 1 removed"
    (data_folder / "lights_2021.tif").write_bytes(b"II*\0 cut")
    assert "cut off" in rehearse()
    assert (catalogue.all(), catalogue.files()) == before


def test_a_source_that_is_no_longer_described_takes_its_rasters_along(
    catalogue: Catalogue, data_folder: Path, tmp_path: Path
) -> None:
    for year in (2020, 2021):
        write(data_folder / f"lights_{year}.tif", slope())
    mine, _ = catalogue.add(write(tmp_path / "dem.tif", slope()))
    load(catalogue.town)
    without = pack(catalogue.town).model_copy(update={"sources": ()})
    rehearsed = adapt(catalogue.town.engine, without, rehearse=True, folder=tmp_path)
    assert rehearsed.removed == {"lights": {"rasters": 2}}
    assert len(catalogue.all()) == 3
    assert adapt(catalogue.town.engine, without, folder=tmp_path).removed == {"lights": {"rasters": 2}}
    assert catalogue.all() == [mine]
    assert catalogue.files() == {mine.path}
    load(catalogue.town)
    load_territory(catalogue.town.engine, without)
    assert catalogue.all() == [mine]


def test_a_year_that_is_not_to_be_had_leaves_the_others(catalogue: Catalogue, data_folder: Path) -> None:
    write(data_folder / "lights_2021.tif", slope())
    outcome = load(catalogue.town)
    assert outcome.note.startswith("rasters: 1 added; not loaded: none of its places has it: lights_2020.tif in")
    assert isinstance(outcome.error, SourceError)
    assert [each.time_text for each in catalogue.all()] == ["2021"]


def test_a_single_raster_is_a_source_too(catalogue: Catalogue, data_folder: Path) -> None:
    write(data_folder / "dem.tif", slope())
    places = [{"data": "dem.tif"}]
    assert load(catalogue.town, times=None, places=places, content="elevation").note == "rasters: 1 added"
    assert catalogue.find("night-lights").time is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"time": "2020"}, "not both"),
        ({"times": None}, "a single raster can't have it"),
        ({"places": [{"data": "lights.tif"}]}, r"a series needs \{time\} in its places"),
        ({"times": ["2020", 2020]}, "must differ"),
        ({"times": ["someday"]}, "is no time"),
        ({"content": "weather"}, "content"),
    ],
)
def test_a_source_that_says_nothing_sensible_is_refused(town: Town, words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        pack(town, **words)
