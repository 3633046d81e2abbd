"""A territory of a test's own, as its file describes it, and the files of its sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine

from layers.catalog import all_layers
from layers.reading import store
from layers.territories.adapting import Adaptation, adapt, check_pack
from layers.territories.packs import Territory, read_pack
from layers.territories.territory import find_territory

TITLES = {"be": "Паселішча", "ru": "Посёлок", "en": "Hamlet"}
BOX = [27.50, 53.88, 27.60, 53.92]
SCHOOLS = "nr;lon;lat;name;seats\n1;27.51;53.90;First;100\n2;27.52;53.90;Second;200\n3;27.53;53.91;Third;\n"
OSM = """<osm version="0.6"><node id="1" lat="53.9" lon="27.55"><tag k="shop" v="bakery"/></node></osm>"""
OUTLINE = [[[27.5, 53.88], [27.6, 53.88], [27.6, 53.92], [27.5, 53.88]]]


def source(**words: Any) -> dict[str, Any]:
    """A table of schools beside the territory's file."""
    return {
        "id": "schools",
        "title": TITLES,
        "attribution": "the town",
        "kind": "table",
        "layer": "facilities",
        "places": [{"file": "schools.csv"}],
        "key": "nr",
        "columns": {
            "kind": {"constant": "school"},
            "name": {"from": "name"},
            "capacity": {"from": "seats"},
        },
        **words,
    }


def described(**words: Any) -> dict[str, Any]:
    return {
        "id": "hamlet",
        "title": TITLES,
        "metric_crs": "EPSG:32635",
        "boundary": BOX,
        "sources": [source()],
        **words,
    }


class Hamlet:
    """A folder with the file of a territory and the files of its sources."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.file = folder / "hamlet.yml"
        self.put("schools.csv", SCHOOLS)

    def put(self, name: str, content: str | dict[str, Any]) -> Path:
        file = self.folder / name
        text = content if isinstance(content, str) else yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        file.write_text(text, encoding="utf-8")
        return file

    def read(self, **words: Any) -> Territory:
        return read_pack(str(self.put("hamlet.yml", described(**words))))

    def adapt(self, *, rehearse: bool = False, **words: Any) -> Adaptation:
        return adapt(self.engine, self.read(**words), folder=self.folder, rehearse=rehearse)

    def check(self, content: str | dict[str, Any] | None = None, **words: Any) -> dict[str, str]:
        """What is wrong in a file, by its place."""
        self.put("hamlet.yml", content if content is not None else described(**words))
        return {each.path: f"line {each.line}: {each.text}" for each in check_pack(str(self.file), {"belarus"})}

    def counts(self, territory: str = "hamlet") -> dict[str, int]:
        with self.engine.connect() as connection:
            counted = {name: store.count(connection, name, store.Query(territory=territory)) for name in all_layers()}
        return {name: number for name, number in counted.items() if number}

    def known(self, territory: str = "hamlet") -> dict[str, Any]:
        with self.engine.connect() as connection:
            return find_territory(connection, territory)
