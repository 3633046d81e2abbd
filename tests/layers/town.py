"""A town that one test fills as it likes, far from the demo city, and what a test asks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import psycopg
import shapely
from patience import PATIENCE_S
from sqlalchemy import Engine

from layers.catalog import all_layers
from layers.loads.ingest import LayerReport, Report, ingest
from layers.loads.loading import load_file
from layers.reading import store
from layers.sources.records import Item, Notes, Record
from layers.territories.packs import around

PLACE = around("town", (27.50, 53.88, 27.60, 53.92))
LON, LAT = 27.55, 53.90

Row = dict[str, Any]


class Given:
    """A source that yields what it is given."""

    progress = None

    def __init__(self, *items: Item) -> None:
        self.notes = Notes()
        self._items = items

    def __iter__(self) -> Iterator[Item]:
        yield from self._items


def record(layer: str, source_id: str, geometry: shapely.Geometry | str, **values: Any) -> Record:
    """A feature as a source has it; the geometry also as WKT."""
    shape = shapely.from_wkt(geometry) if isinstance(geometry, str) else geometry
    return Record(layer, source_id, shapely.to_wkb(shape, hex=True), values, {})


def school(source_id: str, lon: float = LON, lat: float = LAT, **values: Any) -> Record:
    """A facility."""
    return record("facilities", source_id, shapely.Point(lon, lat), **{"kind": "school", **values})


def street(source_id: str, *places: tuple[float, float], **values: Any) -> Record:
    """A road."""
    return record("roads", source_id, shapely.LineString(places), **{"road_class": "residential", **values})


@dataclass(frozen=True)
class Town:
    """A registered territory of the test's own."""

    engine: Engine
    id: str

    def ingest(
        self, *items: Item, layers: tuple[str, ...] = ("facilities",), source: str = "given", **options: Any
    ) -> Report:
        return self.read(Given(*items), layers=layers, source=source, **options)

    def read(
        self, reader: Any, *, layers: tuple[str, ...] = ("facilities",), source: str = "given", **options: Any
    ) -> Report:
        return ingest(
            self.engine,
            reader,
            territory=self.id,
            source=source,
            file_name="given.dat",
            fingerprint="of the test",
            layers=layers,
            **options,
        )

    def load(self, file: Path, *layers: str, source: str = "file", **stated: Any) -> Report:
        return load_file(self.engine, file, territory=self.id, source=source, layers=layers or None, **stated)

    def load_one(self, file: Path, layer: str, **stated: Any) -> LayerReport:
        return self.load(file, layer, **stated).layers[layer]

    def features(self, layer: str) -> dict[str, Row]:
        """Everything kept of every feature, by source id; what no reader ought to touch included."""
        rows = self._rows(f"{_EVERYTHING} FROM {layer} AS f WHERE territory = %s ORDER BY source, source_id")
        return {row["source_id"]: row for row in rows}

    def everything(self) -> dict[str, Any]:
        """All that a load may change: features, versions of layers, loads and rejects."""
        with self.engine.connect() as connection:
            versions = store.versions(connection)
        return {
            "features": {layer: found for layer in all_layers() if (found := self.features(layer))},
            "versions": versions,
            "runs": self._rows("SELECT * FROM ingest_runs WHERE territory = %s AND state = 'done' ORDER BY id"),
            "rejects": self.rejects(),
        }

    def rejects(self) -> list[Row]:
        return self._rows(
            "SELECT layer, source_id, reason, record FROM ingest_rejects AS r JOIN ingest_runs AS u ON u.id = r.run"
            " WHERE territory = %s ORDER BY r.id"
        )

    def _rows(self, statement: str) -> list[Row]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.exec_driver_sql(statement, (self.id,)).mappings()]


_EVERYTHING = "SELECT f.*, ST_AsText(geom) AS wkt, xmin::text AS row_version, ctid::text AS place"


def accounted(report: LayerReport) -> bool:
    """Whether every record that was read has become something."""
    return report.read == report.added + report.changed + report.unchanged + sum(report.rejected.values())


def forget(engine: Engine, territory: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM territories WHERE id = %s", (territory,))


@contextmanager
def unswept(engine: Engine, layer: str) -> Iterator[None]:
    """Keep autovacuum, which locks what it sweeps, from a layer."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {layer} SET (autovacuum_enabled = false)")
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {layer} RESET (autovacuum_enabled)")


@contextmanager
def listening(url: str) -> Iterator[Callable[[], list[Any]]]:
    """Hear what is said of the layers; the function gives what has been said since it was called last."""
    address = url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("LISTEN horad_layers; LISTEN heard_so_far")

        def hear() -> list[Any]:
            connection.execute("NOTIFY heard_so_far")
            said = takewhile(lambda each: each.channel != "heard_so_far", connection.notifies(timeout=PATIENCE_S))
            return [each.payload for each in said]

        yield hear
