"""The house: imports only run downwards, and files stay as long as a reader can follow."""

from __future__ import annotations

from pathlib import Path

import pytest
from importlinter import api

PROJECT = Path(__file__).parents[1]
MOST_LINES = 400
FILES = sorted(
    file
    for floor in ("geo", "layers", "api")
    for file in (PROJECT / floor).rglob("*.py")
    if "node_modules" not in file.parts
)


def test_imports_only_run_downwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    contracts = api.read_configuration()["contracts_options"]
    assert any(each["layers"] == ["api", "layers", "geo"] for each in contracts if each["type"] == "layers")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_a_file_is_no_longer_than_a_reader_can_follow(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= MOST_LINES
