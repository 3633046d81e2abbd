"""The guide for operators: what it says to write and to run is written and run, and comes to what it says."""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.cli.main import main
from layers.territories.packs import pack_schema

GUIDE = Path(__file__).parents[1] / "docs" / "your-city.md"
BLOCK = re.compile(r"^```(\w+)(?: ([\w.-]+))?( \+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def folder(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM territories WHERE id = 'zarechye'")


def said(commands: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run commands of the guide, and return what they print together; what fails doesn't say what the guide says."""
    capsys.readouterr()
    for line in commands.splitlines():
        program, *words = shlex.split(line)
        assert program == "horad"
        with suppress(SystemExit):
            main(words)
    return capsys.readouterr().out


def test_what_the_guide_says_is_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ""
    ran = 0
    for language, file, more, content in BLOCK.findall(GUIDE.read_text()):
        if file:
            with (folder / file).open("a" if more else "w") as stream:
                stream.write(("\n" if more else "") + content)
        elif language == "sh":
            told = said(content, capsys)
        else:
            assert doctest.OutputChecker().check_output(content, told, LIKE), f"{content}\nis told, and not\n\n{told}"
            ran += 1
    assert ran == 4


def test_the_guide_knows_every_kind_of_source_and_every_word_of_a_column() -> None:
    known = pack_schema()["$defs"]
    kinds = {
        each["properties"]["kind"]["const"]
        for each in known.values()
        if "const" in str(each.get("properties", {}).get("kind"))
    }
    words = kinds | set(known["ColumnRule"]["properties"]) | set(known["Filter"]["properties"])
    assert len(kinds) >= 12
    assert not {each for each in words if f"`{each}`" not in GUIDE.read_text()}


def test_every_file_that_the_guide_names_is_there() -> None:
    names = re.findall(r"\]\(([^)#]+)\)", GUIDE.read_text())
    assert names
    assert not [each for each in names if not (GUIDE.parent / each).exists()]
