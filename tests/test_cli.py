"""The command's words: what it prints and writes, and what it complains of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyogrio
import pytest
from sqlalchemy import Engine, text

from api.cli.main import main

ORIGIN = "24.9414,60.1710"


class Horad:
    """The command on the session's base."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        printed = self._capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    def ok(self, *arguments: str) -> str:
        """Run it, and return what it prints; it must succeed."""
        code, out, err = self(*arguments)
        assert code == 0, out + err
        return out

    def error(self, *arguments: str) -> str:
        """Run it, and return what it complains of; it must fail, without a traceback."""
        code, out, err = self(*arguments)
        assert code != 0, out
        assert "Traceback" not in err
        return err

    def count(self, layer: str) -> int:
        """Return how many features a layer has."""
        return json.loads(self.ok("status", "--json"))["layers"][layer]


@pytest.fixture
def horad(helsinki: Engine, capsys: pytest.CaptureFixture[str]) -> Iterator[Horad]:
    """The command; territories that it makes are gone afterwards."""
    yield Horad(capsys)
    with helsinki.begin() as connection:
        connection.execute(text("DELETE FROM territories WHERE id <> 'helsinki'"))


@pytest.fixture
def elsewhere(horad: Horad, tmp_path: Path) -> Path:
    """A file with features of another place: two schools near Minsk."""
    file = tmp_path / "schools.geojson"
    features = [
        {
            "type": "Feature",
            "id": number,
            "properties": {"kind": "school", "name": f"Школа {number}", "capacity": capacity, "colour": "red"},
            "geometry": {"type": "Point", "coordinates": [27.5 + number / 100, 53.9]},
        }
        for number, capacity in ((1, "500"), (2, "many"))
    ]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return file


def test_load_says_when_nothing_could_be_taken_and_why(horad: Horad, elsewhere: Path) -> None:
    options = ["load", str(elsewhere), "--layer", "buildings", "--territory", "helsinki", "--outside", "keep"]
    code, said, _ = horad(*options)
    assert code == 1
    assert "Loaded" not in said
    assert "Not loaded: nothing was taken from schools.geojson: all 2 records were rejected" in said
    assert "buildings: 2 rejected: the geometry is no polygon" in said
    assert "horad rejects" in said
    code, said, _ = horad(*options, "--json")
    assert code == 1
    assert sum(json.loads(said)["layers"]["buildings"]["rejected"].values()) == 2


def test_load_makes_a_territory_for_a_place_of_its_own(horad: Horad, elsewhere: Path) -> None:
    said = horad.ok("load", str(elsewhere), "--layer", "facilities")
    assert "territory schools (new)" in said
    assert "'many' is no whole number" in said
    again = json.loads(horad.ok("load", str(elsewhere), "--layer", "facilities", "--json"))
    assert again["layers"]["facilities"]["unchanged"] == 1
    assert again["layers"]["facilities"]["added"] == 0
    assert again["territory"] == "schools"
    assert "schools" in horad.ok("status")


def test_load_says_what_is_wrong(horad: Horad, elsewhere: Path, tmp_path: Path) -> None:
    assert "no file" in horad.error("load", str(tmp_path / "nothing.gpkg"), "--layer", "roads")
    assert "--layer" in horad.error("load", str(elsewhere))
    assert "streets" in horad.error("load", str(elsewhere), "--layer", "streets")
    unknown = tmp_path / "city.docx"
    unknown.write_text("roads")
    assert ".osm.pbf" in horad.error("load", str(unknown), "--territory", "helsinki")
    rubbish = tmp_path / "city.osm.pbf"
    rubbish.write_bytes(b"roads")
    assert "city.osm.pbf" in horad.error("load", str(rubbish))


def test_run_prints_a_table_and_writes_files(horad: Horad, tmp_path: Path) -> None:
    table = horad.ok("run", "service-areas", "--origins", ORIGIN, "--cutoffs-s", "300,600", "-t", "helsinki")
    assert "Buildings" in table
    assert len(table.strip().splitlines()) == 3
    areas = tmp_path / "areas.geojson"
    horad.ok("run", "service-areas", "--origins", ORIGIN, "--mode", "drive", "-t", "helsinki", "-o", str(areas))
    assert len(pyogrio.read_dataframe(areas)) == 3
    page = tmp_path / "areas.html"
    horad.ok("run", "service-areas", "--origins", ORIGIN, "-t", "helsinki", "-o", str(page))
    assert "leaflet" in page.read_text()
    from_file = horad.ok("run", "service-areas", "--origins", str(_points(tmp_path)), "-t", "helsinki")
    assert len(from_file.strip().splitlines()) == 7


def _points(folder: Path) -> Path:
    file = folder / "origins.geojson"
    points = [{"type": "Point", "coordinates": [24.9414, 60.1710]}, {"type": "Point", "coordinates": [24.945, 60.170]}]
    features = [{"type": "Feature", "properties": {}, "geometry": point} for point in points]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return file


def test_run_says_what_is_wrong(horad: Horad) -> None:
    assert "origins" in horad.error("run", "service-areas", "-t", "helsinki")
    assert "lon" in horad.error("run", "service-areas", "--origins", "nowhere", "-t", "helsinki")
    assert "mode" in horad.error("run", "service-areas", "--origins", ORIGIN, "--mode", "fly", "-t", "helsinki")
    assert "atlantis" in horad.error("run", "service-areas", "--origins", ORIGIN, "-t", "atlantis")


def test_export_writes_what_is_in_the_layer(horad: Horad, tmp_path: Path) -> None:
    file = tmp_path / "buildings.gpkg"
    said = horad.ok("export", "buildings", "-o", str(file))
    assert f"{horad.count('buildings'):,} features" in said
    assert len(pyogrio.read_dataframe(file)) == horad.count("buildings")
    assert ".gpkg" in horad.error("export", "buildings", "-o", str(tmp_path / "buildings.docx"))
    assert "streets" in horad.error("export", "streets", "-o", str(file))
    assert "bbox" in horad.error("export", "roads", "-o", str(file), "--bbox", "1,2")


def test_an_unknown_territory_is_said_with_those_there_are(horad: Horad) -> None:
    assert "helsinki" in horad.error("up", "atlantis")


def test_help_names_every_command(horad: Horad) -> None:
    said = horad.ok("--help")
    for name in ("up", "serve", "stop", "load", "run", "export", "status"):
        assert name in said
    assert "--cutoffs-s" in horad.ok("run", "service-areas", "--help")
