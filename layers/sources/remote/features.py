"""Features on their way from a service to the base: written to a file a line each, then read into a layer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import shapely

from layers.catalog import LayerTable
from layers.errors import SourceError
from layers.models.base import STORAGE_SRID
from layers.sources.batches import BatchMaker
from layers.sources.geometry.coordinates import Placer
from layers.sources.mapping.columns import cleaned
from layers.sources.mapping.words import RowMapping
from layers.sources.records import Item, Notes

_BATCH_ROWS = 1_000


class Feature(NamedTuple):
    """A feature as a service gives it.

    Parameters
    ----------
    id
        By which the service knows it, where it does.
    geometry
        As GeoJSON, longitude before latitude.
    properties
        All it has beside them.
    """

    id: str | None
    geometry: dict[str, Any] | None
    properties: dict[str, Any]


class Watch:
    """Notices a service that gives again what it has given, and would go on for ever.

    Parameters
    ----------
    name
        Of the service, for errors.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: set[bytes] = set()
        self._pages: set[bytes] = set()

    def see(self, page: list[Feature]) -> None:
        """Look at the next page.

        Raises
        ------
        SourceError
            Most of it was on the page before, or all of it on an earlier page.
        """
        digests = [_digest(each) for each in page]
        whole = hashlib.sha256(b"".join(digests)).digest()
        if page and (whole in self._pages or len(self._before.intersection(digests)) > len(page) / 2):
            raise SourceError(f"{self._name} gives the same features again and again: its pages can't be told apart.")
        self._before = set(digests)
        self._pages.add(whole)


def write_features(features: Iterable[Feature], file: Path, *, key: str | None = None) -> None:
    """Write features to a file, as GeoJSON a line each, under the ids by which they will be known.

    Parameters
    ----------
    features
        Read one by one.
    file
        To write.
    key
        The property that holds the id; by default it is the service's, and without one the content is the id.
    """
    with file.open("wb") as stream:
        for each in features:
            known = each.properties.get(key) if key else each.id
            source_id = as_text(known) if key or known else _digest(each).hex()[:16]
            line = {"type": "Feature", "id": source_id, "geometry": each.geometry, "properties": each.properties}
            stream.write(orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE))


class FeatureReader:
    """Reads a file of `write_features` into a layer.

    Parameters
    ----------
    file
        As `write_features` wrote it.
    layer
        The layer that it fills.
    mapping
        How the layer's columns follow from the properties.
    timezone
        Of times that don't tell theirs, where the mapping doesn't say.

    Raises
    ------
    SourceError
        No feature has a property that the mapping names (when all is read).
    """

    def __init__(self, file: Path, layer: LayerTable, mapping: RowMapping, *, timezone: str | None = None) -> None:
        self.notes = Notes()
        self._file = file
        self._layer = layer
        self._mapping = mapping
        self._timezone = timezone
        self._placer = Placer(f"EPSG:{STORAGE_SRID}")
        self._seen: set[str] = set()
        self._read = 0

    @property
    def progress(self) -> float | None:
        """The share of the file's bytes that has been read."""
        size = self._file.stat().st_size
        return self._read / size if size else 1.0

    def __iter__(self) -> Iterator[Item]:
        with self._file.open("rb") as stream:
            while lines := list(islice(stream, _BATCH_ROWS)):
                self._read += sum(map(len, lines))
                yield from self._items([orjson.loads(line) for line in lines])
        if self._read:
            self._mapping.check_header(sorted(self._seen), self._file.name)

    def _items(self, rows: list[dict[str, Any]]) -> Iterator[Item]:
        properties = [row["properties"] for row in rows]
        names = set().union(*properties)
        self._seen.update(names)
        fields = {
            name: cleaned(pa.array([as_text(each.get(name)) for each in properties], pa.string()))
            for name in sorted({*names, *self._mapping.needed})
        }
        ids = pa.array([row["id"] or None for row in rows], pa.string())
        texts = [orjson.dumps(row["geometry"]).decode() if row["geometry"] else None for row in rows]
        places = self._placer.geometries(shapely.from_geojson(texts, on_invalid="ignore"))
        maker = BatchMaker(
            self._layer,
            list(fields),
            notes=self.notes,
            mapping=self._mapping,
            timezone=self._timezone,
            geometries_apart=True,
        )
        yield from maker.items(ids, places, fields)


def as_text(value: Any) -> str | None:
    """Write a value of JSON as text; what has parts stays JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return orjson.dumps(value, default=str).decode()


def _digest(feature: Feature) -> bytes:
    return hashlib.sha256(orjson.dumps(list(feature), default=str)).digest()
