"""Rejected records as files, to be mended and read back: GeoJSON, CSV and JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import shapely
from sqlalchemy import Connection

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.loads.rejects import Rejected, Which, rejects, rejects_by_id

_ID, _RUN, _LAYER, _SOURCE_ID, _REASON = ("reject", "reject_run", "reject_layer", "reject_source_id", "reject_reason")
_HEAD = (_ID, _RUN, _LAYER, _SOURCE_ID, _REASON)
_FOR_OWNER_ONLY = 0o600

Row = dict[str, Any]


def write_rejects(connection: Connection, file: Path, which: Which) -> int:
    """Write rejected records to a file that only its owner can read; return how many there were.

    Each is told as it came, with the number of the reject, by which it is known when the mended file comes back.

    Raises
    ------
    InvalidInputError
        The suffix is none of those known.
    SourceError
        The file can't be written.
    """
    write = _known(file, _WRITERS)
    found = list(rejects(connection, which))
    try:
        file.touch(_FOR_OWNER_ONLY)
        file.chmod(_FOR_OWNER_ONLY)
        write(file, found)
    except OSError as error:
        raise SourceError(f"{file} can't be written: {error}") from error
    return len(found)


def read_rejects(connection: Connection, file: Path) -> list[Rejected]:
    """Return the records of a file that `write_rejects` wrote and somebody mended.

    Records that were taken out of the file are left out, and so are fields; ids may be mended too.

    Raises
    ------
    InvalidInputError
        The suffix is none of those known, or a row has no number of a reject, or one that there isn't.
    SourceError
        The file can't be read.
    """
    read = _known(file, _READERS)
    try:
        rows = list(read(file))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise SourceError(f"{file.name} can't be read as rejects that were exported: {error}") from error
    numbers = [_number(row.get(_ID)) for row in rows]
    known = rejects_by_id(connection, [each for each in numbers if each is not None])
    unknown = [place for place, number in enumerate(numbers, start=1) if number not in known]
    if unknown:
        raise InvalidInputError(
            f"{file.name}: in {_ID!r}, record {unknown[0]} has no number of a reject of this base; leave that field as"
            " it was exported"
        )
    return [_mended(known[number], row) for number, row in zip(numbers, rows, strict=True) if number is not None]


def _mended(old: Rejected, row: Row) -> Rejected:
    record = {name: value for name, value in row.items() if name not in _HEAD}
    return replace(old, source_id=str(row.get(_SOURCE_ID) or old.source_id), record=record)


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _known(file: Path, formats: dict[str, Any]) -> Any:
    found = formats.get(file.suffix.lower())
    if found is None:
        raise InvalidInputError(f"{file.name}: the suffix must be one of {', '.join(formats)}")
    return found


def _head(each: Rejected) -> Row:
    return {_ID: each.id, _RUN: each.run, _LAYER: each.layer, _SOURCE_ID: each.source_id, _REASON: each.reason}


def _write_json(file: Path, found: Sequence[Rejected]) -> None:
    rows = [{**_head(each), **each.record} for each in found]
    file.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")


def _write_geojson(file: Path, found: Sequence[Rejected]) -> None:
    features = []
    for each in found:
        fields = {name: value for name, value in each.record.items() if name != "geom"}
        geometry = _shape(each.record.get("geom"))
        if geometry is None and each.record.get("geom"):
            fields["geom"] = each.record["geom"]
        features.append({"type": "Feature", "properties": {**_head(each), **fields}, "geometry": geometry})
    whole = {"type": "FeatureCollection", "features": features}
    file.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")


def _write_csv(file: Path, found: Sequence[Rejected]) -> None:
    names = [*_HEAD, *dict.fromkeys(name for each in found for name in each.record)]
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        for each in found:
            cells = {name: _cell(value) for name, value in each.record.items()}
            writer.writerow({**_head(each), **cells})


def _read_json(file: Path) -> Iterable[Row]:
    rows = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("it is no list of objects")
    return rows


def _read_geojson(file: Path) -> Iterator[Row]:
    for feature in json.loads(file.read_text(encoding="utf-8"))["features"]:
        row = dict(feature["properties"])
        if feature["geometry"] is not None:
            row["geom"] = shapely.to_wkt(shapely.from_geojson(json.dumps(feature["geometry"])), rounding_precision=-1)
        yield row


def _read_csv(file: Path) -> Iterator[Row]:
    with file.open(newline="", encoding="utf-8-sig") as stream:
        for row in csv.DictReader(stream, strict=True):
            filled = {name: cell for name, cell in row.items() if name is not None and cell not in ("", None)}
            if str(filled.get("tags", "")).startswith("{"):
                filled["tags"] = json.loads(filled["tags"])
            yield filled


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list, bool)) else value


def _shape(wkt: Any) -> Any:
    """Return a geometry for GeoJSON, or ``None`` where it has none that GeoJSON could hold."""
    try:
        geometry = shapely.from_wkt(wkt) if wkt else None
    except shapely.errors.GEOSException:
        return None
    if geometry is None or geometry.is_empty or not all(map(_is_finite, shapely.get_coordinates(geometry).ravel())):
        return None
    return json.loads(shapely.to_geojson(geometry))


def _is_finite(number: float) -> bool:
    return bool(number - number == 0)


_WRITERS: dict[str, Callable[[Path, Sequence[Rejected]], None]] = {
    ".geojson": _write_geojson,
    ".csv": _write_csv,
    ".json": _write_json,
}
_READERS: dict[str, Callable[[Path], Iterable[Row]]] = {
    ".geojson": _read_geojson,
    ".csv": _read_csv,
    ".json": _read_json,
}
SUFFIXES = tuple(_WRITERS)
"""Of the files that are written and read."""
