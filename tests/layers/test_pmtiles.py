"""The whole pyramid in one file: what other programs read of it, and that it goes on after a stop."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pyogrio
import pytest
from apart import apart
from patience import PATIENCE_S, soon
from pmtiles.reader import MmapSource, Reader, all_tiles
from town import Town, school, street

from geo.errors import InvalidInputError
from layers.history.announcements import Announcements
from layers.tiles import pmtiles, tiles
from layers.tiles.matrix_sets import WEB_MERCATOR_QUAD, find_matrix_set
from layers.tiles.pmtiles import Pyramid, Written

LAYERS = ("facilities", "roads")
BOX = (27.50, 53.88, 27.60, 53.92)


@pytest.fixture
def known(town: Town) -> Iterator[Announcements]:
    town.ingest(
        *(school(f"s{nth}", 27.51 + nth / 100, 53.89) for nth in range(8)),
        *(street(f"r{nth}", (27.51, 53.885 + nth / 500), (27.59, 53.89 + nth / 500)) for nth in range(8)),
        layers=LAYERS,
    )
    found = Announcements()
    found.start()
    assert found.wait(PATIENCE_S)
    yield found
    found.stop()


def write(town: Town, known: Announcements, output: Path, **wanted: Any) -> Written:
    options = {name: wanted.pop(name) for name in ("progress", "attribution") if name in wanted}
    pyramid = Pyramid(layers=LAYERS, territory="town", **{"min_zoom": 10, "max_zoom": 15, **wanted})
    with town.engine.connect() as connection:
        written: Written = apart(pmtiles.write(connection, known, pyramid, output, **options))
    return written


def held(file: Path) -> dict[tuple[int, int, int], bytes]:
    with file.open("rb") as stream:
        return {tuple(cell): gzip.decompress(packed) for cell, packed in all_tiles(MmapSource(stream))}


def reference(town: Town) -> dict[tuple[int, int, int], bytes]:
    """Every tile that isn't empty, made one by one."""
    matrices = find_matrix_set(WEB_MERCATOR_QUAD)
    found = {}
    with town.engine.connect() as connection:
        for z in range(10, 16):
            north, south, west, east = matrices.limits(z, BOX)
            for row in range(north, south + 1):
                for col in range(west, east + 1):
                    content = tiles.tile(connection, LAYERS, z=z, row=row, col=col, territory="town")
                    if content:
                        found[z, col, row] = content
    return found


def test_it_holds_every_tile_that_is_not_empty(town: Town, known: Announcements, tmp_path: Path) -> None:
    file = tmp_path / "town.pmtiles"
    told: list[tuple[int, int, int]] = []
    written = write(town, known, file, progress=lambda *each: told.append(each))
    assert held(file) == reference(town)
    assert written.tiles == len(held(file)) <= written.made
    assert told == sorted(told)
    assert told[-1] == (told[0][1], told[0][1], written.made)
    assert [each.name for each in tmp_path.iterdir()] == ["town.pmtiles"]


def test_other_programs_read_it(town: Town, known: Announcements, tmp_path: Path) -> None:
    file = tmp_path / "town.pmtiles"
    write(town, known, file, attribution="© Somebody")
    layers = {name for name, _ in pyogrio.list_layers(file)}
    assert layers == set(LAYERS)
    frame = pyogrio.read_dataframe(file, layer="facilities")
    assert set(frame["kind"]) == {"school"}
    assert frame.crs.to_epsg() == 3857
    with file.open("rb") as stream:
        reader = Reader(MmapSource(stream))
        header, metadata = reader.header(), reader.metadata()
    assert (header["min_zoom"], header["max_zoom"]) == (11, 15)
    assert header["clustered"]
    assert metadata["attribution"] == "© Somebody"
    described = {each["id"]: each for each in metadata["vector_layers"]}
    assert described["facilities"]["fields"]["kind"] == "String"
    for content in held(file).values():
        for name, layer in mapbox_vector_tile.decode(content).items():
            assert {key for each in layer["features"] for key in each["properties"]} <= {
                *described[name]["fields"],
                "point_count",
            }


class StopError(Exception):
    """The program was stopped."""


def test_stopped_half_way_it_goes_on_and_makes_again_what_has_changed(
    town: Town, known: Announcements, tmp_path: Path
) -> None:
    file = tmp_path / "town.pmtiles"

    def stop(done: int, _total: int, _made: int) -> None:
        if done > 5:
            raise StopError

    with pytest.raises(StopError):
        write(town, known, file, progress=stop)
    assert not file.exists()
    version = known.touched("facilities")
    town.ingest(school("late", 27.515, 53.8901), source="late")
    assert soon(lambda: known.touched("facilities") > version)
    written = write(town, known, file)
    assert held(file) == reference(town)
    assert 0 < written.made < write(town, known, tmp_path / "anew.pmtiles").made


def test_another_plan_begins_anew(town: Town, known: Announcements, tmp_path: Path) -> None:
    file = tmp_path / "town.pmtiles"

    def stop(*_: int) -> None:
        raise StopError

    with pytest.raises(StopError):
        write(town, known, file, progress=stop, max_zoom=12)
    write(town, known, file)
    assert held(file) == reference(town)


def test_the_same_content_is_kept_once(town: Town, known: Announcements, tmp_path: Path) -> None:
    file = tmp_path / "town.pmtiles"
    written = write(town, known, file, min_zoom=14, max_zoom=17)
    contents = held(file)
    assert written.contents == len(set(contents.values())) <= len(contents) == written.tiles


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"min_zoom": 5, "max_zoom": 4}, "the first not above the last"),
        ({"max_zoom": 23}, "from 0 to 22"),
        ({"min_zoom": 0, "max_zoom": 0}, "All tiles are empty"),
    ],
)
def test_what_cannot_be_written_is_told(
    town: Town, known: Announcements, tmp_path: Path, wanted: dict[str, int], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        write(town, known, tmp_path / "town.pmtiles", **wanted)
    assert not (tmp_path / "town.pmtiles").exists()
