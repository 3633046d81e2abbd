"""Records that loads could not take: which there are, and how they are fed again once mended."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
from sqlalchemy import Connection, Engine, text

from geo.errors import InvalidInputError
from layers.catalog import LayerTable, find
from layers.custom.custom import PREFIX
from layers.custom.inference import records, typed_items
from layers.custom.making import bare
from layers.loads.ingest import Outside, Report, ingest
from layers.sources.batches import BatchMaker
from layers.sources.geometry.coordinates import NO_COORDINATES, Placer, Places
from layers.sources.mapping.columns import cleaned
from layers.sources.mapping.words import RowMapping
from layers.sources.osm.target import batch_of
from layers.sources.records import Item, Notes, Record, Reject
from layers.sources.stated import WORDS_OF_PLACES
from layers.sources.tabular.places import find_places, place
from layers.territories.packs import Source, Territory

_DEGREES = "EPSG:4326"
_TOLD_BY_READERS = {"geom", "line"}
_CHUNK = 5_000

_CURRENT = """
FROM ingest_rejects AS r JOIN ingest_runs AS u ON u.id = r.run
WHERE (CAST(:run AS bigint) = r.run OR CAST(:run AS bigint) IS NULL AND r.retried_in IS NULL AND NOT EXISTS (
    SELECT FROM ingest_runs AS later
    WHERE later.territory = u.territory AND later.source = u.source AND later.id > u.id
    AND later.state = 'done' AND NOT later.adds AND later.report -> 'layers' ? r.layer))
AND u.territory = coalesce(:territory, u.territory) AND u.source = coalesce(:source, u.source)
AND r.layer = coalesce(:layer, r.layer)
"""

_GROUPS = f"""
SELECT u.territory, u.source, r.layer, r.run, r.reason, count(*) AS number, u.finished_at AS at {_CURRENT}
GROUP BY u.territory, u.source, r.layer, r.run, r.reason, u.finished_at
ORDER BY u.territory, u.source, r.layer, r.run, number DESC, r.reason
"""

_RECORDS = f"""
SELECT r.id, r.run, u.territory, u.source, r.layer, r.source_id, r.reason, r.mapped, r.record {_CURRENT} ORDER BY r.id
"""

_BY_ID = """
SELECT r.id, r.run, u.territory, u.source, r.layer, r.source_id, r.reason, r.mapped, r.record
FROM ingest_rejects AS r JOIN ingest_runs AS u ON u.id = r.run WHERE r.id = ANY (:ids) ORDER BY r.id
"""


_STATED = "SELECT report -> 'stated' FROM ingest_runs WHERE id = :run"


@dataclass(frozen=True)
class Which:
    """Which rejects are meant; by default all that no later load of their source has replaced.

    Parameters
    ----------
    territory, source, layer
        Only those of these.
    run
        Those of the load with this number, whatever came after it.
    """

    territory: str | None = None
    source: str | None = None
    layer: str | None = None
    run: int | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The values of the statements' parameters."""
        return {"territory": self.territory, "source": self.source, "layer": self.layer, "run": self.run}


@dataclass(frozen=True)
class Group:
    """How many records of a layer one load rejected for one reason."""

    territory: str
    source: str
    layer: str
    run: int
    reason: str
    number: int
    at: datetime


@dataclass(frozen=True)
class Rejected:
    """A record that a load could not take.

    Parameters
    ----------
    id
        Of the reject.
    run
        The load.
    territory, source, layer, source_id
        Where the record would have gone.
    reason
        Why it didn't.
    mapped
        Whether the record is told in columns of the layer, and not in fields of the source.
    record
        The record as it came; ``geom`` is its geometry as WKT in degrees.
    """

    id: int
    run: int
    territory: str
    source: str
    layer: str
    source_id: str
    reason: str
    mapped: bool
    record: dict[str, Any] = field(repr=False)


def groups(connection: Connection, which: Which) -> list[Group]:
    """Return how many records were rejected, by load, layer and reason; no record is told."""
    return [Group(**row) for row in connection.execute(text(_GROUPS), which.values).mappings()]


def rejects(connection: Connection, which: Which) -> Iterator[Rejected]:
    """Yield rejected records, which may hold personal data, in the order in which they came."""
    found = connection.execution_options(yield_per=_CHUNK).execute(text(_RECORDS), which.values)
    for row in found.mappings():
        yield Rejected(**row)


def rejects_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, Rejected]:
    """Return rejected records by their ids; those that there aren't are left out."""
    found = connection.execute(text(_BY_ID), {"ids": list(ids)}).mappings()
    return {row["id"]: Rejected(**row) for row in found}


def retry(engine: Engine, rejected: Iterable[Rejected], *, outside: Outside | None = None) -> list[Report]:
    """Feed rejected records to their layers again, mended or not; nothing else of their source changes.

    Fields of a source are mapped as the territory's file now says. What is rejected again is among the rejects of the
    new load, and no longer among those of the old.

    Parameters
    ----------
    engine
        The database.
    rejected
        The records.
    outside
        What becomes of those that lie outside their territory; by default what the territory's file says.

    Returns
    -------
    list of Report
        One a source.

    Raises
    ------
    SourceError
        A record holds what the base can't keep.
    """
    by_source: dict[tuple[str, str], list[Rejected]] = defaultdict(list)
    for each in rejected:
        by_source[each.territory, each.source].append(each)
    reports = []
    for (territory, source), found in by_source.items():
        with engine.connect() as connection:
            described, pack, restricted = _described(connection, territory, source)
            runs = sorted({each.run for each in found})
            stated = connection.execute(text(_STATED), {"run": runs[-1]}).scalar() or {}
        report = ingest(
            engine,
            _Again(found, described, pack, stated),
            territory=territory,
            source=source,
            file_name=f"rejects of load {', '.join(map(str, runs))}",
            fingerprint="",
            layers={each.layer for each in found},
            stated=stated,
            restricted=restricted,
            replace=False,
            outside=outside or (described.outside if described else "reject"),
        )
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE ingest_rejects SET retried_in = :run WHERE id = ANY (:ids)"),
                {"run": report.run, "ids": [each.id for each in found]},
            )
        reports.append(report)
    return reports


def _described(connection: Connection, territory: str, source: str) -> tuple[Source | None, Territory | None, bool]:
    """Return what the territory's file says of a source, the territory, and whether it was loaded as restricted."""
    row = connection.execute(text("SELECT pack FROM territories WHERE id = :id"), {"id": territory}).scalar()
    pack = None if row is None else Territory.model_validate(row)
    described = next((each for each in pack.sources if each.id == source), None) if pack else None
    last = connection.execute(
        text(
            "SELECT coalesce((report ->> 'restricted')::boolean, false) FROM ingest_runs WHERE territory = :territory"
            " AND source = :source AND state = 'done' ORDER BY id DESC LIMIT 1"
        ),
        {"territory": territory, "source": source},
    ).scalar()
    return described, pack, bool(last)


class _Again:
    """Rejected records as a source."""

    progress = None

    def __init__(
        self,
        rejected: Sequence[Rejected],
        described: Source | None,
        pack: Territory | None,
        stated: dict[str, Any],
    ) -> None:
        self.notes = Notes()
        self._rejected = rejected
        self._described = described
        self._timezone = pack.timezone if pack else None
        said = {name: getattr(described, name, None) for name in WORDS_OF_PLACES}
        self._stated = {**said, **stated}

    def __iter__(self) -> Iterator[Item]:
        of_fields: dict[tuple[str, bool], list[Rejected]] = defaultdict(list)
        for each in self._rejected:
            if each.mapped:
                yield _feature(each)
            elif isinstance(each.record.get("tags"), dict) and find(each.layer).layer.osm is not None:
                yield _element(each)
            else:
                of_fields[each.layer, bool(each.record.get("geom"))].append(each)
        for (layer, has_geometry), rows in of_fields.items():
            if layer.startswith(PREFIX):
                read = records(self._rows(bare(layer), rows, has_geometry))
                yield from typed_items(read, layer, self._timezone)
            else:
                yield from self._rows(find(layer), rows, has_geometry)

    def _rows(self, model: LayerTable, rows: Sequence[Rejected], has_geometry: bool) -> Iterator[Item]:
        """Yield what becomes of rows of a source, by the rules that now hold for it."""
        described = self._described if isinstance(self._described, RowMapping) else None
        mapping = described.model_copy(update={"filter": None, "unpivot": None}) if described else None
        names = sorted({name for each in rows for name in each.record} - _TOLD_BY_READERS)
        names += sorted(mapping.needed.difference(names)) if mapping else []
        fields = {
            name: cleaned(pa.array([_text(each.record.get(name)) for each in rows], pa.string())) for name in names
        }
        untold: tuple[str, ...] = ()
        if has_geometry:
            places = Placer(_DEGREES).geometries(np.array([_geometry(each.record["geom"]) for each in rows], object))
        else:
            places, untold = self._places(fields, len(rows))
        maker = BatchMaker(
            model,
            names,
            notes=self.notes,
            mapping=mapping,
            timezone=self._timezone,
            untold=untold,
            geometries_apart=has_geometry,
        )
        yield from maker.items(pa.array([each.source_id or None for each in rows], pa.string()), places, fields)

    def _places(self, fields: dict[str, pa.StringArray], count: int) -> tuple[Places, tuple[str, ...]]:
        """Return where rows lie by their columns of coordinates, and those columns."""
        said = {name: value for name, value in self._stated.items() if name != "swapped"}
        try:
            where = find_places({name: each.drop_null().to_pylist() for name, each in fields.items()}, **said)
            cells = [fields[name] for name in where.columns]
        except (InvalidInputError, KeyError):
            return Places(pa.nulls(count, pa.binary()), dict.fromkeys(range(count), NO_COORDINATES)), ()
        placer = Placer(where.crs, swapped=bool(self._stated["swapped"]))
        return place(cells, placer), where.columns


def _feature(rejected: Rejected) -> Record | Reject:
    """Return a record that is told in columns of the layer."""
    record = rejected.record
    columns = {each.name for each in find(rejected.layer).columns}
    values = {name: value for name, value in record.items() if name in columns and value not in ("", None)}
    tags = record.get("tags") or {}
    if isinstance(tags, str):
        tags = json.loads(tags)
    geometry = _geometry(record.get("geom"))
    if geometry is None and record.get("geom"):
        return Reject(rejected.layer, rejected.source_id, "the geometry can't be read", record)
    wkb = None if geometry is None else shapely.to_wkb(geometry, hex=True, output_dimension=2)
    return Record(rejected.layer, rejected.source_id, wkb, values, tags)  # type: ignore[arg-type]


def _element(rejected: Rejected) -> Item:
    """Return an element of OpenStreetMap, which lacked a geometry."""
    geometry = _geometry(rejected.record.get("geom"))
    if geometry is None:
        return Reject(rejected.layer, rejected.source_id, rejected.reason, rejected.record)
    wkb = shapely.to_wkb(geometry, hex=True, output_dimension=2)
    return batch_of(rejected.layer, rejected.source_id, wkb, rejected.record["tags"])


def _geometry(wkt: Any) -> shapely.Geometry | None:
    try:
        return shapely.from_wkt(wkt) if wkt else None
    except (shapely.errors.GEOSException, TypeError):
        return None


def _column(rows: Sequence[Rejected], name: str) -> pa.StringArray:
    return cleaned(pa.array([_text(each.record.get(name)) for each in rows], pa.string()))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
