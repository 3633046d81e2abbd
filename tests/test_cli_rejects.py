"""``horad load`` with records that can't be taken, and ``horad rejects``, as an operator runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from api.cli.main import main

ROWS = """id,kind,name,lon,lat
1,school,One,27.55,53.90
2,school,Ivan Petrov,27.551,NaN
3,school,Three,53.90,27.55
4,,Four,27.552,53.90
"""


@pytest.fixture
def farm(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A table of schools, of which one can be loaded, in a territory of its own; the terminal is narrow."""
    file = tmp_path / "farm.csv"
    file.write_text(ROWS + "".join(f"{n},school,More,27.55,53.9\n" for n in range(5, 9)))
    monkeypatch.setenv("COLUMNS", "40")
    yield file
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM territories WHERE id = 'farm'")


@pytest.fixture
def land(engine: Engine, farm: Path) -> Path:
    """The territory is there, with the schools that can be taken."""
    box = farm.with_name("farm.geojson")
    corners = [[27.5, 53.88], [27.6, 53.88], [27.6, 53.92], [27.5, 53.88]]
    ground = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [corners]}}
    box.write_text(json.dumps({"type": "FeatureCollection", "features": [ground]}))
    call("load", box, "--layer", "land_use", "--territory", "farm", "--source", "ground", ok=None)
    return farm


def call(*words: object, ok: bool | None = True) -> None:
    """Run the command; an error of ours ends it with exit code 1."""
    try:
        main([str(each) for each in words])
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    assert ok is None or (code == 0) == ok


def said(capsys: pytest.CaptureFixture[str], *words: object, ok: bool = True) -> str:
    capsys.readouterr()
    call(*words, ok=ok)
    found = capsys.readouterr()
    return found.out if ok else found.err


def load(capsys: pytest.CaptureFixture[str], file: Path, *more: str) -> dict[str, Any]:
    words = ("load", file, "--layer", "facilities", "--territory", "farm", "--key", "id", "--json", *more)
    report: dict[str, Any] = json.loads(said(capsys, *words))
    return report


def test_rejects_are_listed_exported_mended_and_fed_again(
    land: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = load(capsys, land)
    assert report["layers"]["facilities"]["added"] == 5
    assert report["records_per_s"] > 0
    assert sum(report["layers"]["facilities"]["rejected"].values()) == 3
    told = said(capsys, "rejects", "list", "-t", "farm", "-l", "facilities")
    assert "latitude and longitude seem to be swapped" in told, "what isn't for a terminal is cut to its width"
    assert "Ivan Petrov" not in told
    groups = json.loads(said(capsys, "rejects", "list", "-t", "farm", "-l", "facilities", "--json"))
    assert {each["run"] for each in groups} == {report["run"]}
    assert "Ivan Petrov" in said(capsys, "rejects", "list", "-t", "farm", "--records")
    file = tmp_path / "bad.csv"
    assert "Wrote 3 rejects" in said(capsys, "rejects", "export", "-t", "farm", "-l", "facilities", "-o", file)
    file.write_text(file.read_text().replace("POINT(53.9 27.55)", "POINT(27.55 53.9)"))
    [again] = json.loads(said(capsys, "rejects", "retry", file, "--json"))
    assert again["layers"]["facilities"]["added"] == 1
    assert again["layers"]["facilities"]["gone"] == 0
    assert "Fed again" in said(capsys, "rejects", "retry", "-t", "farm", "-l", "facilities")


def test_a_file_with_swapped_coordinates_is_refused_with_advice(
    land: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "swapped.csv"
    file.write_text("id,kind,lon,lat\n" + "".join(f"{n},school,53.9,27.55\n" for n in range(10)))
    words = ("load", file, "--layer", "facilities", "--territory", "farm", "--key", "id")
    told = said(capsys, *words, ok=False)
    assert "10 of the 10 records of swapped.csv lie in farm only with longitude and latitude swapped" in told
    assert "--swapped" in told
    assert json.loads(said(capsys, *words, "--json", "--swapped"))["layers"]["facilities"]["added"] == 10


def test_a_mended_file_and_choices_exclude_each_other(farm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "leave the other choices out" in said(capsys, "rejects", "retry", farm, "-t", "farm", ok=False)
